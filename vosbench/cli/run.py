"""`vosbench run`: run a method over a dataset and score it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vosbench.cli.options import AsJson, Root, names, split_names
from vosbench.cli.scored_runs import score_table
from vosbench.errors import TruthWithheldError

if TYPE_CHECKING:
    from vosbench.results import Result


class Overwrite(StrEnum):
    """What to do with a run's folder that exists."""

    never = "never"
    missing = "missing"
    always = "always"


def run(
    method: Annotated[
        str | None,
        typer.Option(help="Method, see `vosbench list methods`.", autocompletion=names("methods")),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Dataset, see `vosbench list datasets`.", autocompletion=names("datasets")
        ),
    ] = None,
    root: Root = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="An option, key=value; see `list methods METHOD`. Repeatable."),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Split. [default: the dataset's]")] = None,
    resolution: Annotated[
        str | None, typer.Option(help="Resolution where the archive has several.")
    ] = None,
    sequences: Annotated[str | None, typer.Option(help="Only these sequences: a,b,c.")] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Scoring protocol. [default: the dataset's own]")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Where it runs: cpu, cuda, cuda:1.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the method. [default: 0]")] = None,
    workers: Annotated[int | None, typer.Option(help="Local processes. [default: 1]")] = None,
    scheduler: Annotated[str | None, typer.Option(help="A Dask scheduler's address.")] = None,
    overwrite: Annotated[
        Overwrite | None,
        typer.Option(
            help="An existing run: go on (missing, default), refuse (never), or make it anew "
            "(always); the old one stays until the new one is whole."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where runs lie. [default: runs]")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML with the same keys; flags win.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run a method over a dataset, score it, print the table. The same command goes on."""
    from vosbench import api
    from vosbench.cli import progress
    from vosbench.options import parse_settings
    from vosbench.running import run as running
    from vosbench.running.config import from_toml

    flags = {
        "method": method, "dataset": dataset, "root": root, "split": split, "device": device,
        "resolution": resolution, "protocol": protocol, "seed": seed, "workers": workers,
        "scheduler": scheduler, "out": out, "overwrite": overwrite and overwrite.value,
        "sequences": None if sequences is None else split_names(sequences),
        "options": parse_settings(settings or []),
    }  # fmt: skip
    planned = running.plan(from_toml(config, flags))
    kept = len(planned.frames) - len(planned.missing)
    if kept:
        typer.echo(f"{kept} of {len(planned.sequences)} sequences were done before: kept", err=True)
    try:
        with progress.running(planned) as (on_sequence, on_frame), redirect_stdout(sys.stderr):
            ran = running.run(planned, on_sequence=on_sequence, on_frame=on_frame)
    except KeyboardInterrupt:
        typer.echo(f"stopped; the same command goes on in {planned.folder}", err=True)
        raise typer.Exit(130) from None
    try:
        if len(ran.failed) < len(ran.sequences):
            with progress.counting("scoring", len(ran.sequences) - len(ran.failed)) as advance:
                scored = _score_if_possible(ran.folder, advance)
            if scored is not None:
                typer.echo(
                    json.dumps(scored.as_row(), indent=1) if as_json else score_table([scored])
                )
                typer.echo(f"scores: {ran.folder}/scores.csv, summary.json", err=as_json)
            typer.echo(f"masks:  {ran.folder}/masks", err=as_json)
            typer.echo(f"time:   {_cost(ran.folder)}", err=as_json)
    finally:
        if ran.failed:
            typer.echo(f"error: {api.failures(ran)}", err=True)
    if ran.failed:
        raise typer.Exit(1)


def _cost(folder: Path) -> str:
    """Time and memory of a run in one line."""
    from vosbench.results import load_manifest

    manifest = load_manifest(folder)
    timing, peak = manifest["timing"], f"peak memory {manifest['peak_memory_bytes'] / 1e6:.0f} MB"
    if not timing["frames"]:
        return peak
    median, p95 = (1000 * timing[key] for key in ("median_seconds", "p95_seconds"))
    return f"median {median:.1f} ms a frame, p95 {p95:.1f} ms, {peak}; every frame in timing.csv"


def _score_if_possible(folder: Path, progress: Callable[[str], None]) -> Result | None:
    """The scored run, or None (said aloud) where the split's truth is withheld."""
    from vosbench import api

    try:
        return api.score_run(folder, progress=progress)
    except TruthWithheldError as error:
        typer.echo(f"not scored: {error}", err=True)
        return None
