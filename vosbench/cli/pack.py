"""`vosbench pack`: masks as the zip archive that a benchmark's server takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from vosbench.cli.options import (
    MASKS,
    AsJson,
    DatasetName,
    Replace,
    Resolution,
    Root,
    Split,
    Submission,
    out_folder,
)


def pack(
    masks: Annotated[Path, MASKS],
    out: Annotated[Path, out_folder()],
    submission: Submission,
    dataset: DatasetName = None,
    root: Root = None,
    split: Split = None,
    resolution: Resolution = None,
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Pack masks as a benchmark's server takes them; refuse what is missing or does not fit.

    A run knows its dataset. For other masks, name it where several are handed in alike, e.g.
    --for youtube-vos --dataset youtube-vos-2019.
    """
    from vosbench import api
    from vosbench.cli import progress
    from vosbench.errors import DataError

    try:
        with progress.counting("packing") as advance:
            packed = api.pack(
                masks, submission, out, dataset=dataset or "", root=root, split=split or "",
                resolution=resolution or "", replace=replace, progress=advance,
            )  # fmt: skip
    except DataError:
        typer.echo(f"not packed, {out} was not written:", err=True)
        raise
    typer.echo(json.dumps(packed.as_json(), indent=1) if as_json else str(packed))
    if not as_json:
        at = f" --root {root or packed.root}" if root or packed.root else ""
        typer.echo(f"check it with: vosbench data check {out}{at}")
