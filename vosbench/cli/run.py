"""`vosbench run`: run a method on a dataset and score the result."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vosbench import formats
from vosbench.cli.options import (
    METHOD_NAME,
    AsJson,
    DatasetName,
    Device,
    Direction,
    Format,
    Grace,
    OwnProcess,
    Prompt,
    PromptFrame,
    ProtocolName,
    ProtocolTime,
    RealTime,
    Resolution,
    Root,
    Scheduler,
    Seed,
    Sequences,
    Settings,
    Split,
    Timeout,
    Workers,
    completing,
    out_folder,
    split_list,
)
from vosbench.cli.scored_runs import score_tables, time_tables
from vosbench.errors import IncompleteScoresError, TruthWithheldError
from vosbench.running.config import OVERWRITE, from_toml

if TYPE_CHECKING:
    from vosbench.results import Result
    from vosbench.running.execute import RunResult
    from vosbench.running.plan import RunPlan

Overwrite = Annotated[
    str | None,
    typer.Option(
        help="If the run exists: missing = continue it, never = stop with an error, "
        "always = make it anew; the old run stays until the new one is whole.",
        show_default="missing",
        autocompletion=completing(lambda: OVERWRITE),
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(help="TOML file with the same options; the command line wins."),
]


def run(
    method: Annotated[str | None, METHOD_NAME] = None,
    settings: Settings = None,
    prompt: Prompt = None,
    prompt_at: PromptFrame = None,
    direction: Direction = None,
    seed: Seed = None,
    dataset: DatasetName = None,
    root: Root = None,
    split: Split = None,
    resolution: Resolution = None,
    sequences: Sequences = None,
    protocol: ProtocolName = None,
    device: Device = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    own_process: OwnProcess = None,
    timeout: Timeout = None,
    real_time: RealTime = None,
    grace: Grace = None,
    protocol_time: ProtocolTime = None,
    out: Annotated[Path | None, out_folder("runs; each run gets a folder in it")] = None,
    overwrite: Overwrite = None,
    config: ConfigFile = None,
    report: Format = formats.TERMINAL,
    as_json: AsJson = False,
) -> None:
    """Run a method on a dataset and score the result.

    Give the same command again to continue a run that was stopped.
    """
    from vosbench.cli import progress
    from vosbench.options import parse_settings
    from vosbench.running.plan import plan_run

    formats.check(report)
    flags = {
        "method": method, "dataset": dataset, "root": root, "split": split, "device": device,
        "resolution": resolution, "protocol": protocol, "prompt": prompt, "seed": seed,
        "prompt_at": prompt_at, "direction": direction,
        "workers": workers, "scheduler": scheduler, "own_process": own_process, "timeout": timeout,
        "real_time": real_time, "grace": grace, "protocol_time": protocol_time,
        "out": out, "overwrite": overwrite,
        "sequences": None if sequences is None else split_list(sequences, "--sequences"),
        "options": parse_settings(settings or []),
    }  # fmt: skip
    with progress.prints_on_stderr(), progress.crashes_told():
        plan = plan_run(from_toml(config, flags))
        ended = _run(plan)
        timed = plan.resolved.config.protocol_time and not ended.failed
        if timed:
            _time(plan, ended.folder)
    try:
        _score_and_tell(ended, report, as_json=as_json, timed=timed)
    finally:
        if ended.failed:
            from vosbench.run_and_score import failures

            told = ended.failed.keys() - plan.broken.keys()
            typer.echo(f"error: {failures(ended, told=told)}", err=True)
    if ended.failed:
        raise typer.Exit(1)


def _run(plan: RunPlan) -> RunResult:
    """Run what is missing under a progress bar; Ctrl-C says how to continue."""
    from vosbench.cli import progress
    from vosbench.run_and_score import counting_of
    from vosbench.running.execute import compute

    done = len(plan.frames) - len(plan.missing)
    if done:
        typer.echo(f"{done} of {len(plan.resolved.sequences)} sequences are done already", err=True)
    for fault in plan.damaged.values():
        typer.echo(f"{fault}; made anew", err=True)
    for name in plan.changed:
        typer.echo(f"{name}: its masks were changed since they were made; made anew", err=True)
    try:
        with progress.running(plan) as (on_sequence, on_frame):
            return compute(
                plan, on_sequence=on_sequence, on_frame=on_frame, after=counting_of(plan)
            )
    except KeyboardInterrupt:
        typer.echo(f"stopped; give the same command again to continue {plan.folder}", err=True)
        raise typer.Exit(130) from None


def _time(plan: RunPlan, folder: Path) -> None:
    """Time the method by protocol; Ctrl-C says that the masks are there."""
    from vosbench.running.protocol_time import time_run, told, warnings

    typer.echo(told(plan), err=True)
    try:
        found = time_run(plan, folder)
    except KeyboardInterrupt:
        typer.echo(f"stopped; all masks are in {folder}, but no times of the protocol", err=True)
        raise typer.Exit(130) from None
    for each in warnings(found):
        typer.echo(f"warning: {each}", err=True)


def _score_and_tell(ended: RunResult, report: str, *, as_json: bool, timed: bool) -> None:
    """Score the sequences that did not fail and print the table and where the files are."""
    from vosbench.cli import progress
    from vosbench.results import load_unscored

    quiet = as_json or report != formats.TERMINAL  # stdout is for the table alone
    finished = len(ended.sequences) - len(ended.failed)
    if not finished:
        return
    with progress.counting("scoring", finished) as advance:
        result, incomplete = _score_if_possible(ended, advance)
    if result is not None:
        typer.echo(
            json.dumps(result.record(), indent=1) if as_json else score_tables([result], report)
        )
    if timed and not as_json:
        typer.echo(time_tables([result or load_unscored(ended.folder)], report))
    if result is not None:
        typer.echo(f"scores: {ended.folder}/scores.csv, summary.json", err=quiet)
    typer.echo(f"masks:  {ended.folder}/masks", err=quiet)
    typer.echo(f"time:   {_cost(ended.folder)}", err=quiet)
    if incomplete:
        raise incomplete


def _cost(folder: Path) -> str:
    """Time and memory of a run in one line."""
    from vosbench.results import manifest_of

    manifest = manifest_of(folder)
    timing, peak = manifest["timing"], f"peak memory {manifest['peak_memory_bytes'] / 1e6:.0f} MB"
    if manifest.get("program"):
        mean = 1000 * timing["mean_seconds_of_all"]
        return f"mean {mean:.1f} ms a frame, start and end of the program included, {peak}"
    if not timing["frames"]:
        return peak
    median, p95 = (1000 * timing[key] for key in ("median_seconds", "p95_seconds"))
    return (
        f"median {median:.1f} ms a frame, p95 {p95:.1f} ms, {peak}; see timing.csv for every frame"
    )


def _score_if_possible(
    ended: RunResult, progress: Callable[[str], None]
) -> tuple[Result | None, IncompleteScoresError | None]:
    """The scored run, or None, with a note, if the split's truth is not public.

    With it comes what is to be told of sequences that could not be scored.
    """
    from vosbench.run_and_score import score_run

    try:
        return score_run(ended.folder, dataset=ended.dataset, progress=progress), None
    except IncompleteScoresError as error:
        return error.scored, error
    except TruthWithheldError as error:
        from vosbench.results import manifest_of

        typer.echo(f"not scored: {error}", err=True)
        for remark in manifest_of(ended.folder).get("remarks", []):
            typer.echo(f"note: {remark}", err=True)
        return None, None
