"""The comparison table as Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from vosbench.toolbox.score_table import score_tables

SOURCE = "vosbench"


def render(runs: Sequence[Mapping[str, Any]]) -> str:
    """Lay out one table per dataset and protocol, its protocol under it."""
    parts = []
    for scores in score_tables(runs):
        lines = [f"**{_escape(scores.title)}**", "", _line(scores.header)]
        lines.append("|---|" + "---:|" * (len(scores.header) - 1))
        lines += [_line(row) for row in scores.rows]
        lines += ["", *(f"_{_escape(foot)}_  " for foot in scores.foot), ""]
        parts.append("\n".join(lines))
    return "\n".join(parts)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_escape(cell) for cell in cells) + " |"


def _escape(text: str) -> str:
    """Text from outside may hold signs that Markdown or HTML would read."""
    return re.sub(r"([\\|_*`<\[])", r"\\\1", text)
