"""A table in Markdown: a pipe table under its title in bold, notes in italics below."""

from __future__ import annotations

import re

from vosbench.tables import Table, cells, footnotes
from vosbench.types import visible

SOURCE = "vosbench"
SUFFIX = ".md"


def render(table: Table) -> str:
    """Lay out the table; what Markdown or HTML would read in its texts is escaped."""
    header, rows, numeric = cells(table)
    lines = [
        f"**{_escape(table.title)}**",
        "",
        _line(header),
        f"|{'|'.join('---:' if right else '---' for right in numeric)}|",
        *map(_line, rows),
        "",
        *(f"_{_escape(note)}_  " for note in footnotes(table)),
    ]
    return "\n".join(lines) + "\n"


def _line(row: tuple[str, ...]) -> str:
    return f"| {' | '.join(map(_escape, row))} |"


def _escape(text: str) -> str:
    return re.sub(r"([\\|_*`<>\[\]])", r"\\\1", visible(text))
