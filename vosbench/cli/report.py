"""`vosbench report`: scored runs become a folder that people look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vosbench.cli.scored_runs import scored


def report(
    runs: Annotated[list[Path], typer.Argument(help="Scored runs; what is none is left out.")],
    out: Annotated[Path, typer.Option(help="Folder of the report; an older report is replaced.")],
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Video object segmentation",
    style: Annotated[
        str,
        typer.Option("--format", help="A report that is a folder, see `vosbench list reports`."),
    ] = "html",
    root: Annotated[
        Path | None,
        typer.Option(
            help="Where the data lie now: a dataset's folder, or the one that holds all. "
            "[default: where the runs found them, else VOSBENCH_DATA]"
        ),
    ] = None,
    width: Annotated[
        int, typer.Option(help="Pixels that wider frames are reduced to in the viewer.", min=64)
    ] = 480,
    paper: Annotated[
        bool,
        typer.Option("--paper", help="Also the tables and figures of the RPM-Net paper: minutes."),
    ] = False,
    features: Annotated[
        Path | None,
        typer.Option(
            help="What `vosbench inspect` wrote, to be shown; with --paper, where what is computed "
            "is kept. [default with --paper: OUT-features]"
        ),
    ] = None,
) -> None:
    """Write tables, figures and a page with a viewer of every frame; it opens from disk."""
    from vosbench.cli import progress
    from vosbench.reporting import report as reports

    results = scored(runs)
    with progress.counting("sequences", reports.count(results)) as advance:
        made = reports.write(
            results, out, title=title, style=style, root=root, width=width, paper=paper,
            features=features, say=lambda what: typer.echo(what, err=True), progress=advance,
        )  # fmt: skip
    for what in made.left_out:
        typer.echo(f"left out: {what}", err=True)
    typer.echo(f"report: {made.page}")
