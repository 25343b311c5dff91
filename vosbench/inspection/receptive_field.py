"""Measure how similar a target cell and the places it is compared with are.

RPM-Net (WACV 2020), Fig. 7 and 9: the mean cosine between the embedding of a target cell and those
of the reference at the positions that the matching module reads for it: a window, a dilated
lattice, or composed deformable samples. The method says which positions; this says how alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from vosbench.analysis.significance import UNKNOWN, Interval, Sample, bootstrap
from vosbench.inspection.cells import Cells, chosen_cells, regions_of, target_frames
from vosbench.masks import label_map
from vosbench.tables import Cell, Column, Table, maybe, with_interval

if TYPE_CHECKING:
    from vosbench.types import Inspectable, Inspection, Mask, Sequence

Floats = npt.NDArray[np.float64]

REGIONS = ("all", "inside", "boundary", "outside")

_BUDGET = 4_000_000  # floats that are read at once: 16 MB


class Field(NamedTuple):
    """What the matching reads for one target cell.

    side: extent of the positions, in cells: the larger of height and width, median over cells.
    fixed: whether every cell reads the same lattice; then `side` is the receptive field's.
    samples: number of positions.
    """

    side: float
    fixed: bool
    samples: int


class Likeness(NamedTuple):
    """One pair of frames: mean cosine per region (NaN: no cell), share of positions outside.

    anywhere: mean cosine of the target cells with all cells of the reference.
    """

    cosine: Mapping[str, float]
    anywhere: float
    left_out: float


@dataclass(frozen=True)
class Measured:
    """A method over some sequences: its field, and one likeness per sequence.

    cell: height and width of a cell in pixels of the frames, of the first sequence.
    score, interval: J of a run with this method, 0-1, where one is at hand.
    """

    label: str
    field: Field
    cell: tuple[float, float]
    sequences: Mapping[str, Likeness]
    score: float | None = None
    interval: Interval = UNKNOWN


def read_at(grid: npt.NDArray[np.float32], at: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A grid (c, h, w) read bilinearly at positions (..., 2), y then x, in cells: (..., c).

    Cell (0, 0) has its centre at (0, 0), so the frame spans -0.5 to h - 0.5; in its outer half
    cell the edge is read, beyond it NaN.
    """
    last = np.array(grid.shape[1:]) - 1
    held = np.clip(at, 0, last)
    low = held.astype(np.int64)
    high = np.minimum(low + 1, last)
    share = (held - low).astype(np.float32)[..., None]
    rows = np.ascontiguousarray(np.moveaxis(grid, 0, -1))  # (h, w, c)
    y, x = share[..., 0, :], share[..., 1, :]
    above = rows[low[..., 0], low[..., 1]] * (1 - x) + rows[low[..., 0], high[..., 1]] * x
    below = rows[high[..., 0], low[..., 1]] * (1 - x) + rows[high[..., 0], high[..., 1]] * x
    read: npt.NDArray[np.float32] = above * (1 - y) + below * y
    read[((at < -0.5) | (at > last + 0.5)).any(-1)] = np.nan
    return read


def cosines(inspection: Inspection, cells: Cells) -> Floats:
    """Cosines (p, n) of each target cell and its samples; NaN outside the frame or for a zero.

    Args:
        inspection: what the method showed for these cells.
        cells: the target cells (p, 2) that were asked for.
    """
    asked = inspection.target[:, cells[:, 0], cells[:, 1]].T  # (p, c)
    p, n = inspection.samples.shape[:2]
    found = np.empty((p, n))
    step = max(1, _BUDGET // (n * asked.shape[1]))
    for start in range(0, p, step):
        part = slice(start, start + step)
        read = read_at(inspection.reference, inspection.samples[part])  # (step, n, c)
        own = asked[part]
        lengths = np.linalg.norm(read, axis=-1) * np.linalg.norm(own, axis=-1)[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            found[part] = np.einsum("pnc,pc->pn", read, own) / lengths
    return found


def anywhere(inspection: Inspection, cells: Cells) -> float:
    """The mean cosine of target cells (p, 2) with all cells of the reference.

    What the cosines at sampled positions are held against: embeddings that hardly differ are
    alike everywhere. The mean over all pairs is the product of the mean unit vectors.
    """
    asked = inspection.target[:, cells[:, 0], cells[:, 1]]
    every = inspection.reference.reshape(len(asked), -1)
    means = []
    for vectors in (asked.astype(np.float64), every.astype(np.float64)):  # (c, p)
        lengths = np.linalg.norm(vectors, axis=0)
        if not lengths.any():
            return float("nan")
        means.append((vectors[:, lengths > 0] / lengths[lengths > 0]).mean(1))
    return float(means[0] @ means[1])


def cell_means(found: Floats) -> Floats:
    """The mean (p,) of each cell's cosines (p, n) over the positions that count."""
    means = np.full(len(found), np.nan)
    some = ~np.isnan(found).all(1)
    means[some] = np.nanmean(found[some], axis=1)
    return means


def field_of(samples: npt.NDArray[np.float32], cells: Cells) -> Field:
    """What positions (p, n, 2) for cells (p, 2) span; they are fixed about a cell or as such."""
    around = samples - cells[:, None]
    extents = (around.max(1) - around.min(1)).max(-1) + 1
    fixed = any(np.allclose(places, places[:1], atol=1e-4) for places in (around, samples))
    return Field(float(np.median(extents)), fixed, samples.shape[1])


def likeness(inspection: Inspection, cells: Cells, mask: Mask | None) -> Likeness:
    """Mean over the positions of a cell, then over the cells of each region.

    Args:
        inspection: what the method showed for these cells.
        cells: the target cells (p, 2) that were asked for.
        mask: truth (h, w) of the target frame; without it only `all` is defined.
    """
    found = cosines(inspection, cells)
    per_cell = cell_means(found)
    means = {"all": mean_of(per_cell)}
    if mask is not None:
        h, w = inspection.target.shape[1:]
        where = regions_of(mask, (h, w))[cells[:, 0], cells[:, 1]]
        means |= {region: mean_of(per_cell[where == region]) for region in REGIONS[1:]}
    means = {region: means.get(region, float("nan")) for region in REGIONS}
    return Likeness(means, anywhere(inspection, cells), float(np.isnan(found).mean()))


def measure(
    label: str,
    method: Inspectable,
    sequences: Iterable[Sequence],
    *,
    pairs: int = 4,
    cells: int = 1000,
    gap: int = 1,
    seed: int = 0,
    score: float | None = None,
    interval: Interval = UNKNOWN,
) -> Measured:
    """A method over sequences; each sequence is the mean of its pairs of frames.

    Args:
        label: the method's name in tables.
        method: what is looked into.
        sequences: taken one after the other.
        pairs: pairs of frames in each, evenly spread over it.
        cells: target cells of each pair, drawn by the seed; 0 takes all.
        gap: frames between reference and target; 1 as in the recursion.
        seed: of the cells.
        score, interval: J of a run with this method.
    """
    found: dict[str, Likeness] = {}
    fields: list[Field] = []
    size = (0.0, 0.0)
    for sequence in sequences:
        each = []
        for index in target_frames(sequence, pairs, gap=gap):
            target = sequence.frames[index]
            asked = chosen_cells(method.grid(*target.shape[:2]), cells, seed=seed)
            shown = method.inspect(sequence.frames[index - gap], target, asked)
            truth = label_map(sequence.truth[index]) if index in sequence.truth else None
            each.append(likeness(shown, asked, truth))
            fields.append(field_of(shown.samples, asked))
            size = size if any(size) else shown.cell
        cosine = {region: mean_of([e.cosine[region] for e in each]) for region in REGIONS}
        beside = mean_of([e.anywhere for e in each]), mean_of([e.left_out for e in each])
        found[sequence.name] = Likeness(cosine, *beside)
    side = float(np.median([f.side for f in fields]))
    field = Field(side, all(f.fixed for f in fields), fields[0].samples)
    return Measured(label, field, size, found, score, interval)


def table(measured: Seq[Measured]) -> Table:
    """One row per method: its field, its mean cosines, and its score where one is known."""
    rows: list[tuple[Cell, ...]] = []
    for each in measured:
        means = [mean_of([s.cosine[r] for s in each.sequences.values()]) for r in REGIONS]
        everywhere = mean_of([s.anywhere for s in each.sequences.values()])
        outside = mean_of([s.left_out for s in each.sequences.values()])
        field = round(each.field.side) if each.field.fixed else None
        cosine = [maybe(value) for value in means]
        spread = bootstrap(_sample(each, "all"))
        own = (each.label, each.field.samples, field, each.field.side)
        beside = (maybe(everywhere), outside, each.score, *each.interval)
        rows.append((*own, cosine[0], *spread, *cosine[1:], *beside))
    names = next(iter(measured)).sequences if measured else {}
    sizes = {f"{m.cell[0]:.1f} x {m.cell[1]:.1f} px" for m in measured}
    return Table(
        name="receptive-field",
        title="How alike a target cell and the positions it is compared with are",
        columns=(
            Column("method"),
            Column("positions"),
            Column("field", "cells", digits=0),
            Column("extent", "cells"),
            *with_interval(Column("cosine", digits=3)),
            *(Column(region, digits=3) for region in REGIONS[1:]),
            Column("anywhere", digits=3),
            Column("left out", "%"),
            *with_interval(Column("J", "%", better="higher")),
        ),
        rows=tuple(rows),
        notes=(
            f"mean over {len(names)} sequences: {', '.join(names)}",
            "cosine of the target cell's embedding and the reference's at each position "
            "(bilinear), mean over positions, cells, pairs of frames, sequences; interval: 95 %, "
            "bootstrap over sequences",
            "regions by the truth of the target frame: a cell with pixels of one object alone is "
            "inside, of background alone outside, else boundary",
            "anywhere: with all cells of the reference; where that is no lower than the cosine, "
            "embeddings are alike wherever one looks, and the matching can tell nothing by them",
            "field: side of the lattice, undefined where positions are learned; extent: what the "
            "positions span, median over cells; left out: positions outside the frame",
            f"a cell is {', '.join(sorted(sizes))} of the frames",
        ),
    )


def sequence_table(measured: Seq[Measured]) -> Table:
    """One row per method and sequence."""
    rows: list[tuple[Cell, ...]] = [
        (
            each.label,
            name,
            *(maybe(found.cosine[r]) for r in REGIONS),
            maybe(found.anywhere),
            found.left_out,
        )
        for each in measured
        for name, found in each.sequences.items()
    ]
    return Table(
        name="receptive-field-sequences",
        title="How alike a target cell and the positions it is compared with are, per sequence",
        columns=(
            Column("method"),
            Column("sequence"),
            Column("cosine", digits=3),
            *(Column(region, digits=3) for region in REGIONS[1:]),
            Column("anywhere", digits=3),
            Column("left out", "%"),
        ),
        rows=tuple(rows),
        notes=("a dash where no chosen cell lies in the region",),
    )


def _sample(measured: Measured, region: str) -> Sample:
    """A region's cosine by sequence, where it is defined."""
    known = {
        name: found.cosine[region]
        for name, found in measured.sequences.items()
        if not np.isnan(found.cosine[region])
    }
    ones = np.ones(len(known))
    return Sample(
        tuple(known), np.array([*known.values()], float), ones, np.zeros(len(known), np.intp)
    )


def mean_of(values: Seq[float] | Floats) -> float:
    """The mean of what is defined, NaN where nothing is."""
    known = np.asarray(values, float)
    known = known[~np.isnan(known)]
    return float(known.mean()) if known.size else float("nan")
