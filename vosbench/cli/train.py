"""`vosbench train`: train a method on unlabelled clips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vosbench.cli.options import (
    MACHINE,
    METHOD_NAME,
    VIDEOS,
    Device,
    Seed,
    Settings,
    out_folder,
)

Precision = Annotated[str, typer.Option(help="32-true or bf16-mixed.", rich_help_panel=MACHINE)]
Processes = Annotated[
    int,
    typer.Option(
        help="Number of processes; each batch is split across them.", rich_help_panel=MACHINE
    ),
]
Threads = Annotated[
    int,
    typer.Option(help="Threads per process; 0 is torch's default.", rich_help_panel=MACHINE),
]


def train(
    method: Annotated[str, METHOD_NAME],
    videos: Annotated[Path, VIDEOS],
    settings: Settings = None,
    seed: Seed = None,
    out: Annotated[Path | None, out_folder("trainings; each training gets a folder in it")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the checkpoint.")] = False,
    device: Device = None,
    precision: Precision = "32-true",
    processes: Processes = 1,
    threads: Threads = 0,
) -> None:
    """Train a method on unlabelled clips.

    `--set` also takes recipe=NAME and settings of the training, e.g. steps=1000. Ctrl-C leaves a
    checkpoint; the same command with --resume continues from there, to the same weights.
    """
    from vosbench.cli import progress
    from vosbench.options import parse_settings
    from vosbench.training import clips, loop
    from vosbench.training.plan import TrainConfig, plan_training

    config = TrainConfig(
        method=method, videos=videos, values=parse_settings(settings or []), seed=seed or 0,
        out=out or Path("trainings"), device=device or "cpu", precision=precision,
        processes=processes, threads=threads, resume=resume,
    )  # fmt: skip
    with progress.counting("reading clips", 2 * len(clips.find(videos))) as advance:
        planned = plan_training(config, progress=advance)
    for name, reason in planned.skipped.items():
        typer.echo(f"skipped {name}: {reason}", err=True)
    typer.echo(
        f"{planned.label}: {planned.steps} steps on {len(planned.clips)} clips, "
        f"{len(set(planned.held) - set(planned.clips))} more held out, "
        f"{len(planned.skipped)} skipped; {planned.folder}",
        err=True,
    )
    ended = loop.train(planned, showing=progress.training)
    if ended.weights is None:
        typer.echo(f"stopped after step {ended.step}; continue with --resume")
        raise typer.Exit(130)
    typer.echo(f"weights: {ended.weights}\ncard:    {ended.weights.with_suffix('.json')}")
