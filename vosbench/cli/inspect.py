"""`vosbench inspect`: show which pixels a method's embeddings match."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vosbench.cli.options import (
    METHOD_NAME,
    RUNS,
    WHAT_HELP,
    DatasetName,
    Device,
    Root,
    Seed,
    Sequences,
    Settings,
    Split,
    out_folder,
    split_list,
)
from vosbench.cli.scored_runs import refuse_missing, scored
from vosbench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from vosbench.drawing.exhibit import Exhibit
    from vosbench.inspection.subjects import Subject
    from vosbench.results import Result
    from vosbench.types import Dataset
    from vosbench.types import Sequence as Clip

WHAT = ("receptive-field", "pca", "references")

What = Annotated[str, typer.Option(help=WHAT_HELP, show_default="all that the methods have")]
Pairs = Annotated[int, typer.Option(help="Pairs of frames per sequence.", min=1)]
Cells = Annotated[
    int, typer.Option(help="Random target cells per pair; 0 takes all of them.", min=0)
]
Points = Annotated[
    str,
    typer.Option(
        help="Pixels to show in the pictures: y,x;y,x.", show_default="chosen by the truth"
    ),
]


def inspect(
    out: Annotated[Path, out_folder()],
    runs: Annotated[list[Path] | None, RUNS] = None,
    method: Annotated[list[str] | None, METHOD_NAME] = None,
    settings: Settings = None,
    seed: Seed = None,
    dataset: DatasetName = None,
    root: Root = None,
    split: Split = None,
    sequences: Sequences = None,
    device: Device = None,
    what: What = "",
    pairs: Pairs = 4,
    cells: Cells = 1000,
    points: Points = "",
) -> None:
    """Show which pixels a method's embeddings match, as tables and pictures.

    receptive-field: for each target cell, how alike the cells around it are (cosine).
    pca: for each sequence, the embeddings' principal components and what some pixels match.
    references: for methods that read several frames, which of them gives how much, and from where.

    Give scored runs, or methods that were not run (--method, repeatable, with --dataset). Without
    --sequences: those that the runs were scored on, else all of the dataset.
    """
    from vosbench.analysis.groups import told_apart
    from vosbench.inspection import folder
    from vosbench.inspection.subjects import from_name, from_run
    from vosbench.options import parse_settings
    from vosbench.resolve import choose_sequences

    _check(runs, method, dataset, split, settings)
    refuse_missing(runs or [])
    folder.check_place(out)  # before minutes of work
    wanted = _known(what)
    results = told_apart(scored(runs)) if runs else []
    opened = _open(results, dataset, root, split)
    chosen = split_list(sequences, "--sequences") or _scored_on(results, opened)
    names = choose_sequences(opened.names, chosen)
    where, options = _points(points), parse_settings(settings or [])
    device, seed = device or "cpu", seed or 0
    subjects = [from_run(result, device=device) for result in results]
    subjects += [from_name(name, options, device=device, seed=seed) for name in method or []]
    wanted = _wanted(wanted, subjects)
    clips = [opened.sequence(name) for name in names]
    shown = _exhibits(wanted, subjects, clips, where, pairs=pairs, cells=cells, seed=seed)
    folder.write(shown, out)
    for exhibit in shown:
        typer.echo(exhibit.tables[0].to_text())
    typer.echo(f"tables and figures: {out}; `vosbench report RUN ... --features {out}` shows them")


def _exhibits(
    wanted: Sequence[str],
    subjects: Sequence[Subject],
    clips: Sequence[Clip],
    points: list[tuple[float, float]],
    *,
    pairs: int,
    cells: int,
    seed: int,
) -> list[Exhibit]:
    """Compute what is wanted under a progress bar each."""
    from vosbench.cli import progress
    from vosbench.inspection import exhibits, recalling
    from vosbench.inspection.subjects import warned

    shown = []
    if "receptive-field" in wanted:
        with progress.counting("receptive fields", len(subjects)) as advance:
            shown.append(
                exhibits.receptive_fields(
                    subjects, clips, pairs=pairs, cells=cells, seed=seed, progress=advance
                )
            )
    if "pca" in wanted:
        with progress.counting("projections", len(clips)) as advance:
            shown.append(
                exhibits.projections(subjects, clips, pairs=pairs, points=points, progress=advance)
            )
    if "references" in wanted:
        with progress.counting("references", len(clips)) as advance:
            shown.append(
                recalling.recalled(subjects, clips, pairs=pairs, points=points, progress=advance)
            )
    return [
        replace(each, tables=tuple(warned(table, subjects) for table in each.tables))
        for each in shown
    ]


def _check(
    runs: list[Path] | None,
    method: list[str] | None,
    dataset: str | None,
    split: str | None,
    settings: list[str] | None,
) -> None:
    """Raise UsageError for options that do not go together."""
    if not runs and not method:
        raise UsageError("nothing to inspect: name scored runs, or --method NAME --dataset NAME")
    if not runs and not dataset:
        raise UsageError("which frames? --method needs --dataset NAME")
    if split and not dataset:
        raise UsageError("--split is for --dataset; a run has its own split")
    if settings and not method:
        raise UsageError("--set is for --method; a run has its own options")


def _open(
    results: Sequence[Result], dataset: str | None, root: Path | None, split: str | None
) -> Dataset:
    """The named dataset, else the one that the first run was scored on."""
    from vosbench.analysis.groups import dataset_of
    from vosbench.resolve import open_dataset

    if dataset:
        return open_dataset(dataset, root=root, split=split or "")
    return dataset_of(results[0], root=root)


def _scored_on(results: Sequence[Result], opened: Dataset) -> tuple[str, ...]:
    """The sequences of the dataset that any of the runs was scored on; () where there is none."""
    scored = {row["sequence"] for result in results for row in result.summary["sequences"]}
    return tuple(name for name in opened.names if name in scored)


def _known(what: str) -> tuple[str, ...]:
    """The names in `--what`, () for ""; UsageError for an unknown one."""
    names = split_list(what, "--what")
    for name in names:
        if name not in WHAT:
            raise UsageError(f"inspect computes no {name!r}; {did_you_mean(name, WHAT)}")
    return names


def _wanted(names: tuple[str, ...], subjects: Sequence[Subject]) -> tuple[str, ...]:
    """What is asked for; without a word all that the methods have.

    Raises:
        UsageError: references are asked for, and no method reads more than the frame before.
    """
    from vosbench.inspection.recalling import remembers

    if any(map(remembers, subjects)):
        return names or WHAT
    if "references" in names:
        raise UsageError(
            f"{', '.join(subject.label for subject in subjects)}: no more is read than the frame "
            "before, so there are no references to show; choose a method with a memory, or leave "
            "references out of --what"
        )
    return names or tuple(name for name in WHAT if name != "references")


def _points(text: str) -> list[tuple[float, float]]:
    """Read `y,x;y,x` as pixels; UsageError for anything else."""
    pixels = []
    for part in filter(None, text.split(";")):
        try:
            y, x = (float(number) for number in part.split(","))
            if not (math.isfinite(y) and math.isfinite(x)):
                raise ValueError
        except ValueError:
            raise UsageError(f"--points {part!r} is not a pixel; write y,x;y,x") from None
        pixels.append((y, x))
    return pixels
