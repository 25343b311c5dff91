"""Show what the embeddings of runs or methods match on a dataset, as tables and figures.

What `vosbench inspect` does: the methods are built anew, as their runs had them, and shown pairs
of frames; receptive_field.py and pca.py say what is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Sequence as Seq
from typing import TYPE_CHECKING, Any

import matplotlib.figure
import numpy as np

from vosbench.drawing import charts, pictures, style
from vosbench.drawing.exhibit import Exhibit
from vosbench.drawing.figure import Figure
from vosbench.drawing.from_tables import number, value_of
from vosbench.inspection import pca, receptive_field
from vosbench.inspection.cells import chosen_cells, target_frames
from vosbench.masks import label_map

if TYPE_CHECKING:
    from vosbench.inspection.subjects import Subject
    from vosbench.tables import Table
    from vosbench.toolbox.reports.looks import Looks
    from vosbench.types import Frame, Inspectable, Inspection, Sequence

DRAWING = (charts, pictures, style)  # they too decide what a kept figure looks like


def receptive_fields(
    subjects: Seq[Subject],
    sequences: Seq[Sequence],
    *,
    pairs: int = 4,
    cells: int = 1000,
    seed: int = 0,
    looks: Looks | None = None,
    progress: Callable[[str], None] | None = None,
) -> Exhibit:
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
        Figure(
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
            Figure(
                f"cosine-map-{sequence.name}",
                f"The same for every cell of the middle frame of {sequence.name}.",
                f"Maps of the mean cosine over a frame of {sequence.name} for {names}.",
                _cosine_map(subjects, sequence),
                pictures=True,
            )
        )
    if any(subject.score is not None for subject in subjects):
        figures.append(
            Figure(
                "score-by-field",
                "J of the runs, with 95 % intervals over sequences, against the side of the "
                "receptive field; learned positions have no side.",
                f"J against the receptive field for {names}.",
                score_by_field(whole, looks=looks),
            )
        )
    tables = (whole, receptive_field.sequence_table(measured))
    return Exhibit("receptive-field", "Likeness of embeddings", tables, tuple(figures))


def projections(
    subjects: Seq[Subject],
    sequences: Seq[Sequence],
    *,
    pairs: int = 4,
    points: Seq[tuple[float, float]] = (),
    progress: Callable[[str], None] | None = None,
) -> Exhibit:
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
            Figure(
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
    return Exhibit("pca", "PCA of embeddings", (pca.table(found),), tuple(figures))


def cosine_bars(table: Table, *, looks: Looks | None = None) -> matplotlib.figure.Figure:
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


def score_by_field(table: Table, *, looks: Looks | None = None) -> matplotlib.figure.Figure:
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
) -> tuple[pca.Projection, pictures.Samples]:
    """A clip's projection, and what is read for chosen cells of its middle pair."""
    indices = target_frames(sequence, pairs)
    middle = indices[len(indices) // 2]
    frames = {i: sequence.frames[i] for index in indices for i in (index - 1, index)}
    chosen = cells_to_show(subject.method, sequence, middle, points)
    asked = np.array(list(chosen.values()), np.int64)
    shown = {
        index: subject.method.inspect(frames[index - 1], frames[index], asked) for index in indices
    }
    projection = pca.fit([pca.joined(each) for each in shown.values()])
    both = frames[middle - 1], frames[middle]
    return projection, samples(subject.label, *both, shown[middle], projection, chosen)


def cells_to_show(
    method: Inspectable, sequence: Sequence, index: int, points: Seq[tuple[float, float]]
) -> dict[str, list[int]]:
    """Cells [y, x] of a frame by name: those of the pixels `points`, or else telling ones."""
    shape = sequence.frames[index].shape[:2]
    grid = method.grid(*shape)
    cell = (shape[0] / grid[0], shape[1] / grid[1])
    if points:
        return {f"{y:g},{x:g}": pca.cell_at(y, x, cell=cell, grid=grid) for y, x in points}
    mask = label_map(sequence.truth.get(index, np.zeros(shape, np.uint8)))
    return {k: list(at) for k, at in pca.telling_cells(mask, grid).items()}


def samples(
    label: str,
    reference: Frame,
    target: Frame,
    shown: Inspection,
    projection: pca.Projection,
    chosen: Mapping[str, Seq[int]],
) -> pictures.Samples:
    """What is read in a reference for chosen cells (name -> [y, x]) of a target, as a row."""
    asked = np.array(list(chosen.values()), np.int64)

    def pixels(at: Any) -> Any:
        """Positions in cells, y then x -> pixels, x then y."""
        return ((np.asarray(at, np.float64) + 0.5) * shown.cell - 0.5)[..., ::-1]

    matches = None
    if shown.offsets is not None:
        matches = pixels(asked + shown.offsets[:, asked[:, 0], asked[:, 1]].T)
    return pictures.Samples(
        label=label,
        reference=reference,
        target=target,
        projection=projection.colours(pca.joined(shown)),
        names=tuple(chosen),
        chosen=pixels(asked),
        samples=pixels(shown.samples),
        matches=matches,
    )


def _cosine_map(subjects: Seq[Subject], sequence: Sequence) -> matplotlib.figure.Figure:
    """The mean cosine of every cell of the sequence's middle frame, one map per method."""
    (index,) = target_frames(sequence, 1)
    reference, target = sequence.frames[index - 1], sequence.frames[index]
    rows = []
    for subject in subjects:
        grid = subject.method.grid(*target.shape[:2])
        cells = chosen_cells(grid, 0, seed=0)
        shown = subject.method.inspect(reference, target, cells)
        values = receptive_field.cell_means(receptive_field.cosines(shown, cells))
        rows.append(pictures.Map(subject.label, target, values.reshape(grid)))
    low = min(float(np.nanpercentile(row.values, 2)) for row in rows)
    return pictures.maps(rows, label="mean cosine", low=low, high=1.0)
