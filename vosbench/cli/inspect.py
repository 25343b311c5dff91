"""`vosbench inspect`: what a method's embeddings are alike in, as tables and pictures."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vosbench.errors import UsageError


class What(StrEnum):
    """What `inspect` looks at."""

    both = "both"
    receptive_field = "receptive-field"
    pca = "pca"


def inspect(
    out: Annotated[Path, typer.Option(help="Folder for tables and figures.")],
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Scored runs; their J stands beside.")
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="A method that was not run; repeatable.")
    ] = None,
    dataset: Annotated[str, typer.Option(help="Dataset; runs know their own.")] = "",
    root: Annotated[Path | None, typer.Option(help="Where the data lie.")] = None,
    split: Annotated[str, typer.Option(help="Split; empty for the dataset's default.")] = "",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="An option of every --method, key=value.")
    ] = None,
    sequences: Annotated[str, typer.Option(help="Only these sequences: a,b,c.")] = "",
    what: Annotated[What, typer.Option(help="What to look at.")] = What.both,
    pairs: Annotated[int, typer.Option(help="Pairs of frames in each sequence.", min=1)] = 4,
    cells: Annotated[
        int, typer.Option(help="Target cells in each pair, drawn by the seed; 0: all.", min=0)
    ] = 1000,
    points: Annotated[
        str, typer.Option(help="Pixels to show samples of: y,x;y,x. [default: by the truth]")
    ] = "",
    device: Annotated[str, typer.Option(help="Where it runs: cpu, cuda, cuda:1.")] = "cpu",
    seed: Annotated[int, typer.Option(help="Seed of cells and of --method.")] = 0,
) -> None:
    """Show what embeddings are alike in: cosine over the receptive field, PCA with samples."""
    from vosbench.analysis.groups import dataset_of, told_apart
    from vosbench.cli import progress
    from vosbench.formats import render
    from vosbench.inspection import exhibits
    from vosbench.inspection import folder as features_folder
    from vosbench.inspection.subjects import from_name, from_run
    from vosbench.options import parse_settings
    from vosbench.resolve import choose_sequences, open_dataset
    from vosbench.results import load

    results = told_apart([load(folder) for folder in runs or []])
    if not results and not method:
        raise UsageError("nothing to inspect: name scored runs, or --method NAME --dataset NAME")
    if not results and not dataset:
        raise UsageError("which frames? --method needs --dataset NAME")
    features_folder.check_place(out)  # before minutes of work
    if settings and not method:
        raise UsageError("--set is for --method; a run has its own options")
    if dataset:
        opened = open_dataset(dataset, root=root, split=split)
    else:
        opened = dataset_of(results[0], root=root)
    names = choose_sequences(opened.names, tuple(filter(None, sequences.split(","))))
    where = _points(points)
    options = parse_settings(settings or [])
    subjects = [from_run(result, device=device, root=root) for result in results]
    subjects += [from_name(name, options, device=device, seed=seed) for name in method or []]
    clips = [opened.sequence(name) for name in names]
    looked = []
    if what in (What.both, What.receptive_field):
        with progress.counting("receptive fields", len(subjects)) as advance:
            looked.append(
                exhibits.receptive_fields(
                    subjects, clips, pairs=pairs, cells=cells, seed=seed, progress=advance
                )
            )
    if what in (What.both, What.pca):
        with progress.counting("projections", len(clips)) as advance:
            looked.append(
                exhibits.projections(subjects, clips, pairs=pairs, points=where, progress=advance)
            )
    features_folder.write(looked, out)
    for shown in looked:
        typer.echo(render(shown.tables[0], "text"))
    typer.echo(f"tables and figures: {out}; vosbench report RUN ... --features {out} shows them")


def _points(text: str) -> list[tuple[float, float]]:
    """`y,x;y,x` as pixels; UsageError for anything else."""
    found = []
    for part in filter(None, text.split(";")):
        try:
            y, x = (float(number) for number in part.split(","))
        except ValueError:
            raise UsageError(f"--points {part!r} is no pixel; write y,x;y,x") from None
        found.append((y, x))
    return found
