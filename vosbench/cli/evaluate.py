"""`vosbench evaluate`: score masks on disk."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Annotated

import typer

from vosbench import formats
from vosbench.cli.options import (
    MASKS,
    AsJson,
    DatasetName,
    Format,
    ProtocolName,
    Resolution,
    Root,
    Scheduler,
    Sequences,
    Split,
    Workers,
    out_folder,
    split_list,
)
from vosbench.cli.scored_runs import score_tables
from vosbench.errors import DataError, IncompleteScoresError
from vosbench.files import read_json

Baseline = Annotated[
    bool,
    typer.Option("--baseline", help="Also score copy-first, which only repeats the prompt."),
]
Name = Annotated[
    str,
    typer.Option(
        help="What tables and figures call these masks, e.g. STM; with --out it is remembered.",
        show_default="the name of --out",
    ),
]
CrossCheck = Annotated[
    str,
    typer.Option(
        help="Also ask another scorer and show the differences: davis2017, vos-benchmark or "
        "trackeval. It must be installed.",
        show_default=False,
    ),
]
BoundaryIoU = Annotated[
    bool, typer.Option("--boundary-iou", help="Also measure Boundary IoU (Cheng et al., 2021).")
]


def evaluate(
    masks: Annotated[Path, MASKS],
    dataset: DatasetName = None,
    root: Root = None,
    split: Split = None,
    resolution: Resolution = None,
    sequences: Sequences = None,
    protocol: ProtocolName = None,
    name: Name = "",
    out: Annotated[Path | None, out_folder("the run's folder; for other masks, none")] = None,
    baseline: Baseline = False,
    cross_check: CrossCheck = "",
    boundary_iou: BoundaryIoU = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    report: Format = formats.TERMINAL,
    as_json: AsJson = False,
) -> None:
    """Score masks on disk, made by vosbench or by any other tool.

    A run needs no options, nor does a folder that this command wrote. For a folder of masks, name
    the dataset.
    """
    from vosbench import api

    formats.check(report)
    names = split_list(sequences, "--sequences")
    incomplete, former = None, _former(out)
    try:
        scored = api.evaluate(
            masks, dataset or "", root=root, split=split or "", resolution=resolution or "",
            protocol=protocol or "", sequences=names, baseline=baseline, out=out,
            name=name, cross_check=cross_check, boundary_iou=boundary_iou,
            workers=workers or 1, scheduler=scheduler or "",
        )  # fmt: skip
    except IncompleteScoresError as error:
        scored, incomplete = error.scored, error
    quiet = as_json or report != formats.TERMINAL  # stdout is for the table alone
    typer.echo(json.dumps(scored.summary, indent=1) if as_json else score_tables([scored], report))
    if not as_json:
        where = f"scores: {scored.folder}" if scored.folder else "not written; --out DIR keeps it"
        typer.echo(where, err=quiet)
    if former and scored.masks and former != scored.masks.resolve():
        typer.echo(f"replaced: the scores of {former}, which were in {out}", err=True)
    if scored.cross_check is not None:
        typer.echo(scored.cross_check, err=quiet)
    if incomplete:
        raise incomplete
    of_run = (scored.manifest or {}).get("failed", {})
    if failed := [name for name in of_run if not names or name in names]:
        raise DataError(
            f"NOT COMPLETE: the run failed on {', '.join(failed)}; the scores are of the others. "
            f"Fix the cause (log: {masks}/log.txt), then give its command again, which goes on"
        )


def _former(out: Path | None) -> Path | None:
    """The masks whose scores lie where others are to be written."""
    from vosbench.results import home_of

    if out is None or home_of(out):
        return None
    told = {"scored": {"masks?": str}}
    with contextlib.suppress(DataError, FileNotFoundError):  # damaged ones are soon made anew
        there = read_json(out / "summary.json", told, what="scores", remedy="evaluate again")
        return Path(there["scored"]["masks"]) if "masks" in there["scored"] else None
    return None
