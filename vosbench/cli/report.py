"""`vosbench report`: scored runs as a web page with tables, figures and every frame."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vosbench.cli.options import RUNS, Format, Root, out_folder
from vosbench.cli.scored_runs import note, refuse_missing, scored

Width = Annotated[
    int, typer.Option(help="Shrink wider frames to this many pixels in the viewer.", min=64)
]
Paper = Annotated[
    bool,
    typer.Option(
        "--paper", help="Also make the tables and figures of the RPM-Net paper; takes minutes."
    ),
]
Features = Annotated[
    Path | None,
    typer.Option(
        help="Also show this folder of `vosbench inspect`. With --paper, such tables and "
        "figures are kept there.",
        show_default="OUT-features, with --paper",
    ),
]


def report(
    runs: Annotated[list[Path], RUNS],
    out: Annotated[Path, out_folder()],
    title: Annotated[str, typer.Option(help="Title of the page.")] = "Video object segmentation",
    style: Format = "html",
    root: Root = None,
    width: Width = 480,
    paper: Paper = False,
    features: Features = None,
) -> None:
    """Write a web page with tables, figures and a viewer of every frame.

    Open its index.html from disk; it needs no server. An older report in the folder is replaced.
    """
    from vosbench import api
    from vosbench.cli import progress
    from vosbench.reporting.report import count

    refuse_missing(runs)
    results = scored(runs)
    with progress.counting("sequences", count(results)) as advance:
        page = api.report(
            results, out, title=title, style=style, root=root, width=width, paper=paper,
            features=features, progress=advance, say=note,
        )  # fmt: skip
    typer.echo(f"report: {page}")
