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
from vosbench.analysis.tables import Table
from vosbench.api import Result
from vosbench.config import RunConfig, build_method, open_dataset
from vosbench.errors import DataError, UsageError
from vosbench.manifest import describe
from vosbench.toolbox.figures import charts, pictures
from vosbench.types import Dataset, Inspectable, Sequence


@dataclass(frozen=True)
class Subject:
    """A method that shows its embeddings; `score` is the J of its run, where there is one."""

    label: str
    method: Inspectable
    score: float | None = None


@dataclass(frozen=True)
class Shown:
    """What inspecting gave: tables, and figures by the name of their file."""

    tables: tuple[Table, ...]
    figures: Mapping[str, Figure]


def from_name(
    name: str, options: Mapping[str, Any], *, device: str = "cpu", seed: int = 0
) -> Subject:
    """A registered method by name; UsageError for one that shows nothing."""
    method = _inspectable(name, build_method(name, options, device=device, seed=seed))
    return Subject(name, method)


def from_run(result: Result, *, device: str = "cpu") -> Subject:
    """The method of a scored run, with the same options and weights.

    Raises:
        UsageError: the scores are not of a run, or its method shows nothing.
        DataError: the weights are other ones now.
    """
    if result.manifest is None:
        raise UsageError(f"{result.name} is no run of `vosbench run`: its method is not known")
    identity = result.manifest["identity"]
    name, options = identity["method"], identity["options"]
    config = RunConfig(method=name, dataset=identity["dataset"], options=options)
    now = describe(config, dataset_of(result), ())["identity"]["files"]
    if now != identity["files"]:
        raise DataError(
            f"{result.folder}: the weights of {name} have changed since this run; run it again, "
            f"or inspect the method as it is with --method {name}"
        )
    method = build_method(name, options, device=device, seed=identity["seed"])
    return Subject(result.name, _inspectable(name, method), result.summary["J"]["mean"])


def dataset_of(result: Result, *, root: Path | None = None) -> Dataset:
    """The dataset of a run, at the place that the run read it from or at another root."""
    if result.manifest is None:
        raise UsageError(f"{result.name} is no run of `vosbench run`: name its --dataset")
    identity, where = result.manifest["identity"], result.manifest["root"]
    return open_dataset(
        identity["dataset"],
        root=root or (Path(where) if where else None),
        split=identity["split"],
        resolution=identity["resolution"],
    )


def receptive_fields(
    subjects: Seq[Subject],
    sequences: Seq[Sequence],
    *,
    pairs: int = 4,
    cells: int = 1000,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Shown:
    """Tables of cosines, their bars (Fig. 9), maps, and the score against the field (Fig. 7)."""
    measured = []
    for subject in subjects:
        measured.append(
            receptive_field.measure(
                subject.label, subject.method, sequences, pairs=pairs, cells=cells, seed=seed,
                score=subject.score,
            )
        )  # fmt: skip
        if progress:
            progress(subject.label)
    whole = receptive_field.table(measured)
    figures = {"cosine-bars": cosine_bars(whole)}
    figures |= {
        f"cosine-map-{sequence.name}": _cosine_map(subjects, sequence) for sequence in sequences[:1]
    }
    if any(subject.score is not None for subject in subjects):
        figures["score-by-field"] = score_by_field(whole)
    return Shown((whole, receptive_field.sequence_table(measured)), figures)


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
    found, figures = [], {}
    for sequence in sequences:
        rows = []
        for subject in subjects:
            projection, row = _look(subject, sequence, pairs, points)
            found.append((subject.label, sequence.name, projection))
            rows.append(row)
        figures[f"pca-{sequence.name}"] = pictures.sampling(rows)
        if progress:
            progress(sequence.name)
    return Shown((embedding_pca.table(found),), figures)


def cosine_bars(table: Table) -> Figure:
    """The table `receptive-field` as bars by region."""
    regions = ("cosine", "inside", "boundary", "outside", "anywhere")
    series = {}
    for row in table.records():
        values = [charts.Value(_number(row[region])) for region in regions]
        values[0] = charts.Value(
            values[0].value, _number(row["cosine low"]), _number(row["cosine high"])
        )
        series[str(row["method"])] = values
    return charts.grouped_bars(
        ("all cells", "inside", "boundary", "outside", "anywhere in\nthe reference"),
        series,
        ylabel="mean cosine",
        scale=1,
    )


def score_by_field(table: Table) -> Figure:
    """The table `receptive-field` as scores against the side of the field."""
    points = [
        charts.Point(str(row["method"]), _number(row["field"]), charts.Value(_number(row["J"])))
        for row in table.records()
    ]
    return charts.score_by_field(points, ylabel="J mean (%)")


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


def _number(cell: str | int | float | None) -> float | None:
    return None if cell is None else float(cell)
