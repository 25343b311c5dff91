"""`vosbench train`: train a method on unlabelled clips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vosbench.cli.options import names


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
    from vosbench.cli import progress
    from vosbench.options import parse_settings
    from vosbench.training import clips, loop
    from vosbench.training.plan import TrainConfig, plan

    config = TrainConfig(
        method=method, videos=videos, values=parse_settings(settings or []), out=out, seed=seed,
        device=device, precision=precision, processes=processes, threads=threads, resume=resume,
    )  # fmt: skip
    with progress.counting("reading clips", 2 * len(clips.find(videos))) as advance:
        planned = plan(config, progress=advance)
    for name, reason in planned.skipped.items():
        typer.echo(f"skipped {name}: {reason}", err=True)
    typer.echo(
        f"{planned.label}: {planned.steps} steps on {len(planned.clips)} clips, "
        f"{len(planned.skipped)} skipped; {planned.folder}",
        err=True,
    )
    ended = loop.train(planned, showing=progress.training)
    if ended.weights is None:
        typer.echo(f"stopped after step {ended.step}; the same command with --resume goes on")
        raise typer.Exit(130)
    typer.echo(f"weights: {ended.weights}\ncard:    {ended.weights.with_suffix('.json')}")
