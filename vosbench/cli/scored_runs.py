"""The scored runs that a command is given, and their table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vosbench import registry
from vosbench.errors import UsageError

if TYPE_CHECKING:
    from vosbench.results import Result


def scored(runs: list[Path]) -> list[Result]:
    """The scored runs among some folders; the others are named on stderr.

    Raises:
        UsageError: none is one.
    """
    from vosbench.results import load

    results = []
    for folder in runs:
        if (folder / "summary.json").is_file():
            results.append(load(folder))
        else:
            why = "holds no scores (no summary.json)" if folder.exists() else "is not there"
            typer.echo(f"left out: {folder} {why}", err=True)
    if not results:
        raise UsageError("none of these is a scored run; `vosbench run` or `evaluate` makes one")
    return results


def score_table(results: list[Result], report: str = "terminal") -> str:
    """The scores side by side, as a report that is text writes them."""
    plugin = registry.load("reports", report, offering="render")
    rendered: str = plugin.render([result.as_row() for result in results])
    return rendered.rstrip("\n")
