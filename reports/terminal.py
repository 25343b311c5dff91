"""A table for the terminal: aligned columns under a title, notes below."""

from __future__ import annotations

import textwrap

from vosbench.tables import Table, cells, footnotes
from vosbench.types import visible

SOURCE = "vosbench"
SUFFIX = ".txt"
WIDTH = 100  # columns of text, for notes; a table itself is as wide as its cells


def render(table: Table) -> str:
    """Align words on the left and numbers on the right; no cell is cut."""
    header, rows, numeric = cells(table)
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        "   ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        )
        for row in (header, *rows)
    ]
    rule = "─" * (sum(widths) + 3 * (len(widths) - 1) + 2)
    told = map(visible, footnotes(table))
    notes = [textwrap.fill(note, WIDTH, subsequent_indent="  ") for note in told]
    body = [f" {line}".rstrip() for line in lines]
    return "\n".join([visible(table.title), "", body[0], rule, *body[1:], "", *notes]) + "\n"
