"""`vosbench data`: look up, check and download datasets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vosbench.cli.options import (
    AsJson,
    DatasetArgument,
    DatasetName,
    Resolution,
    Root,
    Split,
    Submission,
    names,
)
from vosbench.errors import UsageError

if TYPE_CHECKING:
    from vosbench.scoring.archive import Packed

Checked = Annotated[
    str,
    typer.Argument(
        help="Dataset; see `vosbench list datasets`. Or a .zip of masks that is handed in.",
        autocompletion=names("datasets"),
    ),
]
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
    name: Checked,
    root: Root = None,
    split: Split = None,
    resolution: Resolution = None,
    submission: Submission = "",
    dataset: DatasetName = None,
    as_json: AsJson = False,
) -> None:
    """Read every file of a dataset, or of a packed .zip, and list every fault with its file.

    A .zip of `vosbench pack` says what it is for; for one of another tool give --for.
    """
    from vosbench.cli import progress
    from vosbench.data.check import CheckReport, check_dataset
    from vosbench.resolve import open_dataset

    report: CheckReport | Packed
    if name.lower().endswith(".zip"):
        report = _packed(Path(name), submission, dataset, root, split, resolution)
    elif submission or dataset:
        raise UsageError(f"--for and --dataset are for a .zip of masks, and {name} is none")
    else:
        opened = open_dataset(name, root=root, split=split or "", resolution=resolution or "")
        with progress.counting("checking", len(opened.names)) as advance:
            report = check_dataset(opened, progress=advance)
    typer.echo(json.dumps(report.as_json(), indent=1) if as_json else str(report))
    if report.faults:
        raise typer.Exit(1)


def _packed(
    path: Path,
    submission: str,
    dataset: str | None,
    root: Path | None,
    split: str | None,
    resolution: str | None,
) -> Packed:
    """Check an archive of masks; what is not given is what it was packed for."""
    from vosbench.cli import progress
    from vosbench.resolve import choose_submission
    from vosbench.scoring.archive import packed_for
    from vosbench.scoring.check_packed import check_packed

    about = packed_for(path)
    if submission and submission != about.get("for"):
        about = {}  # that of another is not meant
    wanted = submission or about.get("for", "")
    if not wanted:
        raise UsageError(f"what is {path} for? `vosbench pack` did not write it; give --for NAME")
    chosen, asked = choose_submission(
        wanted,
        dataset or about.get("dataset", ""),
        root=root,
        split=split or about.get("split", ""),
        resolution=resolution or about.get("resolution", ""),
    )
    with progress.counting("checking") as advance:
        return check_packed(path, chosen, asked, progress=advance)


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
