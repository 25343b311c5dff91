"""The command line: one short function per command; errors become one message and a status."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vosbench import (
    __version__,
    cli_analyse,
    cli_data,
    cli_features,
    cli_list,
    cli_report,
    cli_suite,
    registry,
)
from vosbench.cli_analyse import score_table
from vosbench.cli_options import AsJson, ProtocolName, Resolution, Root, Sequences, Split, names
from vosbench.errors import TruthWithheldError, UsageError, VosbenchError

if TYPE_CHECKING:
    from vosbench.api import Result

app = typer.Typer(
    help="Run video object segmentation methods over datasets and score them honestly.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Overwrite(StrEnum):
    """What to do with a run's folder that exists."""

    never = "never"
    missing = "missing"
    always = "always"


class Scorer(StrEnum):
    """The scorers of others that `--cross-check` can run."""

    davis2017 = "davis2017"
    vos_benchmark = "vos-benchmark"
    trackeval = "trackeval"


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True)
    ] = False,
) -> None:
    """Run video object segmentation methods over datasets and score them honestly."""
    if show:
        typer.echo(f"vosbench {__version__}")
        raise typer.Exit


@app.command()
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
    from vosbench import progress as bars
    from vosbench import run as running
    from vosbench.config import from_toml, parse_settings

    flags = {
        "method": method, "dataset": dataset, "root": root, "split": split, "device": device,
        "resolution": resolution, "protocol": protocol, "seed": seed, "workers": workers,
        "scheduler": scheduler, "out": out, "overwrite": overwrite and overwrite.value,
        "sequences": None if sequences is None else _split_names(sequences),
        "options": parse_settings(settings or []),
    }  # fmt: skip
    planned = running.plan(from_toml(config, flags))
    kept = len(planned.frames) - len(planned.missing)
    if kept:
        typer.echo(f"{kept} of {len(planned.sequences)} sequences were done before: kept", err=True)
    try:
        with bars.running(planned) as (on_sequence, on_frame), redirect_stdout(sys.stderr):
            ran = running.run(planned, on_sequence=on_sequence, on_frame=on_frame)
    except KeyboardInterrupt:
        typer.echo(f"stopped; the same command goes on in {planned.folder}", err=True)
        raise typer.Exit(130) from None
    try:
        if len(ran.failed) < len(ran.sequences):
            with bars.counting("scoring", len(ran.sequences) - len(ran.failed)) as progress:
                scored = _score_if_possible(ran.folder, progress)
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
    from vosbench.run_folder import load_manifest

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


@app.command()
def train(
    method: Annotated[
        str, typer.Option(help="A method that learns.", autocompletion=names("methods"))
    ],
    videos: Annotated[Path, typer.Option(help="Folder of videos or of folders of frames.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="recipe=NAME, an option or a setting, key=value; repeatable."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where trainings lie.")] = Path("trainings"),
    seed: Annotated[int, typer.Option(help="Seed of weights and samples.")] = 0,
    device: Annotated[str, typer.Option(help="Where it runs: cpu, cuda, cuda:1.")] = "cpu",
    precision: Annotated[str, typer.Option(help="32-true or bf16-mixed.")] = "32-true",
    processes: Annotated[int, typer.Option(help="Each takes its part of every batch.")] = 1,
    threads: Annotated[int, typer.Option(help="Of each process; 0: as torch does.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")] = False,
) -> None:
    """Train a method on unlabelled clips; Ctrl-C leaves a checkpoint, --resume goes on exactly."""
    from vosbench import clips, training
    from vosbench import progress as bars
    from vosbench.config import parse_settings
    from vosbench.training_plan import TrainConfig, plan

    config = TrainConfig(
        method=method, videos=videos, values=parse_settings(settings or []), out=out, seed=seed,
        device=device, precision=precision, processes=processes, threads=threads, resume=resume,
    )  # fmt: skip
    with bars.counting("reading clips", 2 * len(clips.find(videos))) as progress:
        planned = plan(config, progress=progress)
    for name, reason in planned.skipped.items():
        typer.echo(f"skipped {name}: {reason}", err=True)
    typer.echo(
        f"{planned.label}: {planned.steps} steps on {len(planned.clips)} clips, "
        f"{len(planned.skipped)} skipped; {planned.folder}",
        err=True,
    )
    ended = training.train(planned, showing=bars.training)
    if ended.weights is None:
        typer.echo(f"stopped after step {ended.step}; the same command with --resume goes on")
        raise typer.Exit(130)
    typer.echo(f"weights: {ended.weights}\ncard:    {ended.weights.with_suffix('.json')}")


@app.command()
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
            masks, root=root, sequences=_split_names(sequences), protocol=protocol, out=out,
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
            sequences=_split_names(sequences), baseline=baseline, out=out, cross_check=scorer,
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


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Scored runs; what is none is left out.")],
    report: Annotated[
        str,
        typer.Option(
            "--format", help="See `vosbench list reports`.", autocompletion=names("reports")
        ),
    ] = "terminal",
    picture: Annotated[
        Path | None, typer.Option(help="Also draw truth and masks of every run into this PNG.")
    ] = None,
    sequences: Sequences = "",
    as_json: AsJson = False,
) -> None:
    """Print scored runs side by side, one table per dataset and protocol."""
    results = cli_analyse.scored(runs)
    if picture is not None:
        from vosbench.picture import draw

        draw(results, picture, sequences=_split_names(sequences))
    if as_json:
        typer.echo(json.dumps([result.as_row() for result in results], indent=1))
    else:
        typer.echo(score_table(results, report))
    if report == "terminal" and not as_json:
        for sentence in cli_analyse.verdicts(results):
            typer.echo(sentence)
    if picture is not None:
        typer.echo(f"picture: {picture}", err=as_json)


def _split_names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if text and not names:
        raise UsageError(f"--sequences {text!r} names none; write a,b,c")
    return names


app.command(name="list")(cli_list.list_leaves)
app.command()(cli_suite.suite)
app.command()(cli_analyse.analyse)
app.command()(cli_features.inspect)
app.command()(cli_report.report)
app.add_typer(cli_data.data, name="data")


def main() -> Any:
    """Entry point: what the user can mend becomes one message on stderr and status 1."""
    try:
        app()
    except VosbenchError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        typer.echo(f"error: {error}; make room or mend the folder and repeat the command", err=True)
        sys.exit(1)
