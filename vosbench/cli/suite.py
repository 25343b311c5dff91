"""`vosbench suite`: run a list of trainings and runs, then print its tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vosbench import formats
from vosbench.cli.options import (
    VIDEOS,
    Device,
    Format,
    OwnProcess,
    Timeout,
    Workers,
    out_folder,
)
from vosbench.cli.scored_runs import note, score_tables

if TYPE_CHECKING:
    from vosbench.results import Result
    from vosbench.suites.execute import Suite


def suite(
    name: Annotated[str, typer.Argument(help="Name of a suite, or a .toml file of your own.")],
    out: Annotated[Path | None, out_folder("suites/NAME")] = None,
    videos: Annotated[Path | None, VIDEOS] = None,
    workers: Workers = None,
    own_process: OwnProcess = None,
    timeout: Timeout = None,
    device: Device = None,
    report: Format = formats.TERMINAL,
) -> None:
    """Run a list of trainings and runs, then print its tables.

    What is done already is skipped, so the same command continues a suite that was stopped. Runs
    on a dataset that VOSBENCH_DATA does not hold are skipped with a note. The exit status is 1 if
    something failed or nothing could be run. Some suites also write a report into OUT/report.
    """
    from vosbench.cli import progress
    from vosbench.results import load
    from vosbench.suites import execute

    wanted = execute.read(name)
    formats.check(report)
    out = out or Path("suites") / Path(name).stem
    try:
        with progress.prints_on_stderr(), progress.crashes_told():
            done = execute.execute(
                wanted, out, videos=videos, workers=workers or 1, device=device or "cpu",
                own_process=bool(own_process), timeout=timeout,
                tell=print, running_bar=progress.running, training_bar=progress.training,
            )  # fmt: skip
        results = [load(folder) for folder in done.folders]
        if results:
            typer.echo(score_tables(results, report))
        if results and wanted.report:
            _write(wanted, results, out)
    except KeyboardInterrupt:
        typer.echo(f"stopped; give the same command again to continue {out}", err=True)
        raise typer.Exit(130) from None
    for what, why in (*done.not_at_hand.items(), *done.missing.items()):
        typer.echo(f"skipped: {what}: {why}", err=True)
    if done.missing or (wanted.runs and not done.folders):
        raise typer.Exit(1)


def _write(wanted: Suite, results: list[Result], out: Path) -> None:
    """Write the report that the suite asks for; stdout stays for the tables alone."""
    from vosbench import api
    from vosbench.cli import progress
    from vosbench.reporting.report import count

    with progress.counting("sequences", count(results)) as advance:
        page = api.report(
            results, out / "report", title=wanted.title, paper=wanted.report == "paper",
            progress=advance, say=note,
        )  # fmt: skip
    note(f"report: {page}")
