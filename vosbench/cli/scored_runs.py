"""Read the scored runs that a command is given, and show their scores in one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vosbench import formats
from vosbench.errors import UsageError

if TYPE_CHECKING:
    from vosbench.results import Result


def scored(runs: list[Path], *, or_not: bool = False) -> list[Result]:
    """Load the scored runs among some folders; note those without scores on stderr.

    or_not: whether runs that were not scored will do, too.

    Raises:
        UsageError: no folder holds such a run. Where one does, what is missing is left to
            `refuse_missing`, once the others are shown.
    """
    from vosbench.analysis.as_scored import as_scored
    from vosbench.results import load, load_unscored

    results = []
    for folder in runs:
        if (folder / "summary.json").is_file():
            results.append(as_scored(load(folder)))
        elif or_not and (folder / "run.json").is_file():
            results.append(load_unscored(folder))
        elif folder.exists():
            typer.echo(f"skipped: {folder} holds no scores (no summary.json)", err=True)
    if not results:
        refuse_missing(runs)
        raise UsageError(
            "none of these folders is a scored run; `vosbench run` or `evaluate` makes one"
        )
    return results


def refuse_missing(runs: list[Path]) -> None:
    """Raise UsageError where a folder that was named is not there."""
    if missing := [str(folder) for folder in runs if not folder.exists()]:
        verb = "does" if len(missing) == 1 else "do"
        raise UsageError(
            f"{', '.join(missing)} {verb} not exist; expected the folders of scored runs, "
            "which `vosbench run` or `evaluate` makes"
        )


def note(text: str) -> None:
    """Say something beside the tables, on stderr."""
    typer.echo(text, err=True)


def score_tables(results: list[Result], report: str) -> str:
    """The scores side by side, one table per dataset and protocol, as a report plugin writes it."""
    from vosbench.analysis.groups import groups
    from vosbench.analysis.scores import scores

    tables = [scores(group, intervals=False) for group in groups(results)]
    return "\n".join(formats.render(table, report) for table in tables).rstrip("\n")


def time_tables(results: list[Result], report: str) -> str:
    """What --protocol-time measured, as a report plugin writes it."""
    from vosbench.analysis.groups import groups_or_not_scored
    from vosbench.analysis.protocol_time import memory, speed

    tables = [make(group) for group in groups_or_not_scored(results) for make in (speed, memory)]
    return "\n" + "\n".join(formats.render(table, report) for table in tables).rstrip("\n")
