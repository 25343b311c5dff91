"""The comparison table, drawn for a terminal."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from vosbench.toolbox.score_table import score_tables

SOURCE = "vosbench"


def render(runs: Sequence[Mapping[str, Any]]) -> str:
    """Draw one table per dataset and protocol, its protocol at its foot."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    tables = []
    for scores in score_tables(runs):
        table = Table(
            title=scores.title,
            caption="\n".join(scores.foot),
            caption_justify="left",
            title_justify="left",
            title_style="bold",
            caption_style="none",
            box=box.SIMPLE_HEAD,
        )
        table.add_column(scores.header[0], overflow="fold", min_width=24)
        for column, *cells in list(zip(scores.header, *scores.rows, strict=True))[1:]:
            widest = max(map(len, (column, *cells)))
            table.add_column(column, justify="right", no_wrap=True, min_width=widest)
        for row in scores.rows:
            table.add_row(*row)
        tables.append(table)
    # As wide as the tables need: what is narrower cuts numbers, and words at the foot.
    needed = [Console(width=1000).measure(table).minimum for table in tables]
    console = Console(width=max(110, shutil.get_terminal_size().columns, *needed))
    with console.capture() as capture:
        for table in tables:
            console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())
