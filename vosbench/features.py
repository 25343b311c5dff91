"""Runs or methods, and a dataset -> what their embeddings are alike in, as tables and figures.

What `vosbench inspect` does: the methods are built anew, as their runs had them, and shown pairs
of frames; analysis/receptive_field.py and analysis/embedding_pca.py say what is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vosbench import registry
from vosbench.analysis import embedding_pca, receptive_field
from vosbench.analysis.runs import dataset_of
from vosbench.analysis.significance import UNKNOWN, Interval, bootstrap, sample
from vosbench.analysis.tables import Table
from vosbench.api import Result
from vosbench.config import RunConfig, build_method
from vosbench.errors import DataError, UsageError
from vosbench.figures import Drawn, number, value_of
from vosbench.manifest import describe
from vosbench.toolbox.figures import charts, pictures, style
from vosbench.toolbox.looks import Looks
from vosbench.types import Inspectable, Sequence

DRAWING = (charts, pictures, style)  # they too decide what a kept figure looks like


@dataclass(frozen=True)
class Subject:
    """A method that shows its embeddings; `score`, `interval`: J of its run, where there is one."""

    label: str
    method: Inspectable
    score: float | None = None
    interval: Interval = UNKNOWN


@dataclass(frozen=True)
class Shown:
    """What inspecting gave."""

    tables: tuple[Table, ...]
    figures: tuple[Drawn, ...]


def from_name(
    name: str, options: Mapping[str, Any], *, device: str = "cpu", seed: int = 0
) -> Subject:
    """A registered method by name; UsageError for one that shows nothing."""
    method = _inspectable(name, build_method(name, options, device=device, seed=seed))
    return Subject(name, method)


def from_run(result: Result, *, device: str = "cpu", root: Path | None = None) -> Subject:
    """The method of a scored run, with the same options and weights; `root`: of its data now.

    Raises:
        UsageError: the scores are not of a run, or its method shows nothing.
        DataError: the weights are other ones now.
    """
    if result.manifest is None:
        raise UsageError(f"{result.name} is no run of `vosbench run`: its method is not known")
    identity = result.manifest["identity"]
    name, options = identity["method"], identity["options"]
    config = RunConfig(method=name, dataset=identity["dataset"], options=options)
    now = describe(config, dataset_of(result, root=root), ())["identity"]["files"]
    if now != identity["files"]:
        raise DataError(
            f"{result.folder}: the weights of {name} have changed since this run; run it again, "
            f"or inspect the method as it is with --method {name}"
        )
    method = build_method(name, options, device=device, seed=identity["seed"])
    return Subject(
        result.name,
        _inspectable(name, method),
        result.summary["J"]["mean"],
        bootstrap(sample(result, "J")),
    )


def receptive_fields(
    subjects: Seq[Subject],
    sequences: Seq[Sequence],
    *,
    pairs: int = 4,
    cells: int = 1000,
    seed: int = 0,
    looks: Looks | None = None,
    progress: Callable[[str], None] | None = None,
) -> Shown:
    """Tables of cosines, their bars (Fig. 9), maps, and the score against the field (Fig. 7).

    looks: of the subjects, by label.
    """
    measured = []
    for subject in subjects:
        measured.append(
            receptive_field.measure(
                subject.label, subject.method, sequences, pairs=pairs, cells=cells, seed=seed,
                score=subject.score, interval=subject.interval,
            )
        )  # fmt: skip
        if progress:
            progress(subject.label)
    whole = receptive_field.table(measured)
    names = ", ".join(subject.label for subject in subjects)
    figures = [
        Drawn(
            "cosine-bars",
            "Mean cosine between the embedding of a target cell and those at the positions it is "
            f"compared with, over {len(sequences)} sequences, with 95 % intervals; anywhere: with "
            "all cells of the reference.",
            f"Bars of the mean cosine by region for {names}.",
            cosine_bars(whole, looks=looks),
        )
    ]
    for sequence in sequences[:1]:
        figures.append(
            Drawn(
                f"cosine-map-{sequence.name}",
                f"The same for every cell of the middle frame of {sequence.name}.",
                f"Maps of the mean cosine over a frame of {sequence.name} for {names}.",
                _cosine_map(subjects, sequence),
                pictures=True,
            )
        )
    if any(subject.score is not None for subject in subjects):
        figures.append(
            Drawn(
                "score-by-field",
                "J of the runs, with 95 % intervals over sequences, against the side of the "
                "receptive field; learned positions have no side.",
                f"J against the receptive field for {names}.",
                score_by_field(whole, looks=looks),
            )
        )
    return Shown((whole, receptive_field.sequence_table(measured)), tuple(figures))


def projections(
    subjects: Seq[Subject],
    sequences: Seq[Sequence],
    *,
    pairs: int = 4,
    points: Seq[tuple[float, float]] = (),
    progress: Callable[[str], None] | None = None,
) -> Shown:
    """PCA of every clip's embeddings, with samples of chosen cells of its middle pair (Fig. 10, 1).

    Args:
        subjects: one row of pictures each.
        sequences: one figure each.
        pairs: of frames, that a clip's projection is fitted on.
        points: pixels (y, x) of the frame to look at; by default the centre of the largest object,
            its boundary, and the background.
        progress: told each sequence.
    """
    found, figures = [], []
    for sequence in sequences:
        rows = []
        for subject in subjects:
            projection, row = _look(subject, sequence, pairs, points)
            found.append((subject.label, sequence.name, projection))
            rows.append(row)
        labels = ", ".join(subject.label for subject in subjects)
        figures.append(
            Drawn(
                f"pca-{sequence.name}",
                f"What is compared with chosen cells in the middle of {sequence.name}: small dots "
                "are positions read in the reference, crosses where the offsets point; on the "
                "right the first three principal components of the embeddings as colours.",
                f"Frames of {sequence.name} with the positions that are read, and the colours of "
                f"the embeddings, for {labels}.",
                pictures.sampling(rows),
                pictures=True,
            )
        )
        if progress:
            progress(sequence.name)
    return Shown((embedding_pca.table(found),), tuple(figures))


def cosine_bars(table: Table, *, looks: Looks | None = None) -> Figure:
    """The table `receptive-field` as bars by region."""
    regions = ("cosine", "inside", "boundary", "outside", "anywhere")
    series = {}
    for row in table.records():
        values = [charts.Value(number(row[region])) for region in regions[1:]]
        series[str(row["method"])] = [value_of(row, "cosine"), *values]
    return charts.grouped_bars(
        ("all cells", "inside", "boundary", "outside", "anywhere in\nthe reference"),
        series,
        ylabel="mean cosine",
        scale=1,
        looks=looks,
    )


def score_by_field(table: Table, *, looks: Looks | None = None) -> Figure:
    """The table `receptive-field` as scores against the side of the field."""
    points = [
        charts.Point(
            str(row["method"]),
            number(row["field"]),
            value_of(row, "J"),
        )
        for row in table.records()
    ]
    return charts.score_by_field(points, ylabel="J mean (%)", looks=looks)


def _look(
    subject: Subject, sequence: Sequence, pairs: int, points: Seq[tuple[float, float]]
) -> tuple[embedding_pca.Projection, pictures.Samples]:
    """A clip's projection, and what is read for chosen cells of its middle pair."""
    indices = receptive_field.target_frames(sequence, pairs)
    middle = indices[len(indices) // 2]
    frames = {i: sequence.frames[i] for index in indices for i in (index - 1, index)}
    shape = frames[middle].shape[:2]
    grid = subject.method.grid(*shape)
    cell = (shape[0] / grid[0], shape[1] / grid[1])
    if points:
        chosen = {
            f"{y:g},{x:g}": embedding_pca.cell_at(y, x, cell=cell, grid=grid) for y, x in points
        }
    else:
        mask = sequence.truth.get(middle, np.zeros(shape, np.uint8))
        chosen = {k: list(at) for k, at in embedding_pca.telling_cells(mask, grid).items()}
    asked = np.array(list(chosen.values()), np.int64)
    shown = {
        index: subject.method.inspect(frames[index - 1], frames[index], asked) for index in indices
    }
    projection = embedding_pca.fit([embedding_pca.joined(each) for each in shown.values()])
    pair = shown[middle]

    def pixels(at: Any) -> Any:
        """Positions in cells, y then x -> pixels, x then y."""
        return ((np.asarray(at, np.float64) + 0.5) * pair.cell - 0.5)[..., ::-1]

    matches = None
    if pair.offsets is not None:
        matches = pixels(asked + pair.offsets[:, asked[:, 0], asked[:, 1]].T)
    return projection, pictures.Samples(
        label=subject.label,
        reference=frames[middle - 1],
        target=frames[middle],
        projection=projection.colours(embedding_pca.joined(pair)),
        names=tuple(chosen),
        chosen=pixels(asked),
        samples=pixels(pair.samples),
        matches=matches,
    )


def _cosine_map(subjects: Seq[Subject], sequence: Sequence) -> Figure:
    """The mean cosine of every cell of the sequence's middle frame, one map per method."""
    (index,) = receptive_field.target_frames(sequence, 1)
    reference, target = sequence.frames[index - 1], sequence.frames[index]
    rows = []
    for subject in subjects:
        grid = subject.method.grid(*target.shape[:2])
        cells = receptive_field.chosen_cells(grid, 0, seed=0)
        shown = subject.method.inspect(reference, target, cells)
        values = receptive_field.cell_means(receptive_field.cosines(shown, cells))
        rows.append(pictures.Map(subject.label, target, values.reshape(grid)))
    low = min(float(np.nanpercentile(row.values, 2)) for row in rows)
    return pictures.maps(rows, label="mean cosine", low=low, high=1.0)


def _inspectable(name: str, method: object) -> Inspectable:
    if isinstance(method, Inspectable):
        return method
    raise UsageError(
        f"{name} shows no embeddings (its method has no inspect()); choose one that matches by "
        f"features, known methods: {', '.join(registry.names('methods'))}"
    )
