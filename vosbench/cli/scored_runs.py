"""Read the scored runs that a command is given, and show their scores in one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vosbench import registry
from vosbench.errors import UsageError

if TYPE_CHECKING:
    from vosbench.results import Result


def scored(runs: list[Path]) -> list[Result]:
    """Load the scored runs among some folders; note the others on stderr.

    Raises:
        UsageError: no folder holds a scored run.
    """
    from vosbench.results import load

    results = []
    for folder in runs:
        if (folder / "summary.json").is_file():
            results.append(load(folder))
        else:
            why = "holds no scores (no summary.json)" if folder.exists() else "does not exist"
            typer.echo(f"skipped: {folder} {why}", err=True)
    if not results:
        raise UsageError(
            "none of these folders is a scored run; `vosbench run` or `evaluate` makes one"
        )
    return results


def score_table(results: list[Result], report: str = "terminal") -> str:
    """The scores side by side, as text in the format of a report plugin."""
    plugin = registry.load("reports", report, offering="render")
    rendered: str = plugin.render([result.as_row() for result in results])
    return rendered.rstrip("\n")
