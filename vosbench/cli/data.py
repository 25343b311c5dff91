"""`vosbench data`: look up, check and download datasets."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from vosbench.cli.options import AsJson, DatasetArgument, Resolution, Root, Split
from vosbench.errors import UsageError

data = typer.Typer(help="Look up, check and download datasets.", no_args_is_help=True)


@data.command()
def info(name: DatasetArgument, as_json: AsJson = False) -> None:
    """Show what to fetch and where it must lie, how to check it, what counts, whom to cite."""
    import shutil

    from vosbench.data.info import describe
    from vosbench.files import jsonable
    from vosbench.resolve import card_of

    card = card_of(name)
    width = min(shutil.get_terminal_size().columns, 120)
    typer.echo(json.dumps(jsonable(card), indent=1) if as_json else describe(card, width=width))


@data.command()
def check(
    name: DatasetArgument,
    root: Root = None,
    split: Split = None,
    resolution: Resolution = None,
    as_json: AsJson = False,
) -> None:
    """Read every file of a dataset and list every fault with its file."""
    from vosbench.cli import progress
    from vosbench.data.check import check_dataset
    from vosbench.resolve import open_dataset

    opened = open_dataset(name, root=root, split=split or "", resolution=resolution or "")
    with progress.counting("checking", len(opened.names)) as advance:
        report = check_dataset(opened, progress=advance)
    typer.echo(json.dumps(report.as_json(), indent=1) if as_json else str(report))
    if report.faults:
        raise typer.Exit(1)


@data.command()
def download(
    name: DatasetArgument,
    root: Root = None,
) -> None:
    """Download, verify and unpack a dataset; continues a download that was stopped.

    Only for datasets whose licence allows it; `vosbench data info NAME` says where to get others.
    """
    import os

    from vosbench.cli import progress
    from vosbench.data.download import download_dataset
    from vosbench.resolve import card_of

    where = root or Path(os.environ.get("VOSBENCH_DATA", ""))
    if where == Path():
        raise UsageError("where should it go? give --root DIR or set VOSBENCH_DATA")
    with progress.downloading() as advance:
        folder = download_dataset(card_of(name), where, progress=advance)
    typer.echo(f"{name}: {folder}\ncheck it with: vosbench data check {name} --root {folder}")
