"""`vosbench explain`: why a number is not the paper's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vosbench import formats
from vosbench.cli.options import (
    AGAINST_HELP,
    DatasetName,
    Format,
    ProtocolName,
    Resolution,
    Root,
    Sequences,
    Split,
    split_list,
)

Masks = Annotated[
    Path, typer.Argument(help="A run, a folder or .zip of masks; with --against also scores.")
]
Against = Annotated[
    Path | None,
    typer.Option(
        help=AGAINST_HELP,
        show_default=False,
    ),
]


def explain(
    masks: Masks,
    dataset: DatasetName = None,
    root: Root = None,
    split: Split = None,
    resolution: Resolution = None,
    sequences: Sequences = None,
    protocol: ProtocolName = None,
    against: Against = None,
    report: Format = formats.TERMINAL,
) -> None:
    """Say why two numbers differ: each protocol on the same masks, each rule by itself.

    With --against: where two results differ, by sequence and object.
    """
    from vosbench import api

    formats.check(report)
    found = api.explain(
        masks, dataset or "", root=root, split=split or "", resolution=resolution or "",
        sequences=split_list(sequences, "--sequences"), protocol=protocol or "", against=against,
    )  # fmt: skip
    for table in found.tables:
        typer.echo(formats.render(table, report))
    for sentence in found.sentences:
        typer.echo(sentence)
