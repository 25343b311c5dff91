"""`vosbench suite`: what a list names and is missing is done, then its tables and its report."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vosbench import registry
from vosbench.cli.scored_runs import score_table

if TYPE_CHECKING:
    from vosbench.results import Result
    from vosbench.suites.execute import Suite


def suite(
    name: Annotated[str, typer.Argument(help="A suite's name, or a .toml file of your own.")],
    out: Annotated[Path | None, typer.Option(help="Its folder. [default: suites/NAME]")] = None,
    videos: Annotated[
        Path | None, typer.Option(help="Unlabelled clips, for suites that train.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Local processes for each run.")] = 1,
    device: Annotated[str, typer.Option(help="Where it runs: cpu, cuda, cuda:1.")] = "cpu",
    report: Annotated[
        str, typer.Option("--format", help="Of the tables, see `vosbench list reports`.")
    ] = "terminal",
) -> None:
    """Train and run what a suite lists and is missing, then print its tables. It can be resumed.

    Where the suite says so, its report is written into OUT/report. A dataset that VOSBENCH_DATA
    does not hold is left out and named; the status is 1 if something failed or nothing was left.
    """
    from vosbench.cli import progress
    from vosbench.results import load
    from vosbench.suites import execute

    wanted = execute.read(name)
    registry.find("reports", report)
    out = out or Path("suites") / Path(name).stem
    try:
        with redirect_stdout(sys.stderr):
            done = execute.execute(
                wanted, out, videos=videos, workers=workers, device=device, tell=print,
                running_bar=progress.running, training_bar=progress.training,
            )  # fmt: skip
        results = [load(folder) for folder in done.folders]
        if results:
            typer.echo(score_table(results, report))
        if results and wanted.report:
            _write(wanted, results, out)
    except KeyboardInterrupt:
        typer.echo(f"stopped; the same command goes on in {out}", err=True)
        raise typer.Exit(130) from None
    for what, why in (*done.not_at_hand.items(), *done.missing.items()):
        typer.echo(f"left out: {what}: {why}", err=True)
    if done.missing or (wanted.runs and not done.folders):
        raise typer.Exit(1)


def _write(wanted: Suite, results: list[Result], out: Path) -> None:
    """The report that the suite asks for, and where it is; stdout is for the tables alone."""
    from vosbench.cli import progress
    from vosbench.reporting import report as reports

    with progress.counting("sequences", reports.count(results)) as advance:
        made = reports.write(
            results, out / "report", title=wanted.title, paper=wanted.report == "paper",
            say=lambda what: typer.echo(what, err=True), progress=advance,
        )  # fmt: skip
    for what in made.left_out:
        typer.echo(f"not in the report: {what}", err=True)
    typer.echo(f"report: {made.page}", err=True)
