"""`vosbench evaluate`: score masks on disk."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vosbench import registry
from vosbench.cli.options import (
    AsJson,
    ProtocolName,
    Resolution,
    Root,
    Sequences,
    Split,
    names,
    split_names,
)
from vosbench.cli.scored_runs import score_table
from vosbench.errors import UsageError


class Scorer(StrEnum):
    """The scorers of others that `--cross-check` can run."""

    davis2017 = "davis2017"
    vos_benchmark = "vos-benchmark"
    trackeval = "trackeval"


def evaluate(
    masks: Annotated[Path, typer.Argument(help="A run, or a folder of <sequence>/<frame>.png.")],
    dataset: Annotated[
        str, typer.Option(help="Dataset; a run knows its own.", autocompletion=names("datasets"))
    ] = "",
    root: Root = None,
    split: Split = "",
    resolution: Resolution = "",
    sequences: Sequences = "",
    protocol: ProtocolName = "",
    out: Annotated[
        Path | None, typer.Option(help="Where scores.csv and summary.json go. [default: the run]")
    ] = None,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Score copy-first beside it, in the same pass.")
    ] = False,
    cross_check: Annotated[
        Scorer | None, typer.Option(help="Run an installed scorer on the same masks, compare.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score masks on disk, of this or any other tool, against a dataset's truth."""
    from vosbench import api

    scorer = cross_check.value if cross_check else ""
    if (masks / "run.json").is_file() and not dataset:
        if split or resolution:
            raise UsageError(f"{masks} is a run and knows its split and resolution; leave them out")
        scored = api.score_run(
            masks, root=root, sequences=split_names(sequences), protocol=protocol, out=out,
            cross_check=scorer,
        )  # fmt: skip
    elif not dataset:
        raise UsageError(
            f"{masks} holds no run.json, so the dataset must be named: --dataset NAME, "
            f"known: {', '.join(registry.names('datasets'))}"
        )
    else:
        inside = masks / "masks" if (masks / "run.json").is_file() else masks
        scored = api.evaluate(
            inside, dataset, root=root, split=split, resolution=resolution, protocol=protocol,
            sequences=split_names(sequences), baseline=baseline, out=out, cross_check=scorer,
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(scored.summary, indent=1))
    else:
        typer.echo(score_table([scored]))
        typer.echo(
            f"scores: {scored.folder}" if scored.folder else "not written; --out DIR keeps it"
        )
    if scored.cross_check is not None:
        typer.echo(scored.cross_check, err=as_json)
