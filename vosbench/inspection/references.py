"""Measure what each of several references gives to a frame, for methods that read more than one.

A method with a memory takes each cell's label from former frames in some shares. Which frame gives
how much, inside objects, at their boundary and on the background, tells what the memory is for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from vosbench.inspection.cells import Cells, regions_of, target_frames
from vosbench.inspection.receptive_field import REGIONS, mean_of, read_at
from vosbench.masks import label_map, label_maps
from vosbench.tables import Cell, Column, Table, maybe

if TYPE_CHECKING:
    from vosbench.types import Inspection, Mask, Recalled, Recalls, Sequence

Floats = npt.NDArray[np.float64]


class Given(NamedTuple):
    """What a reference gives to a frame: means over its cells, NaN where there is none.

    share: by region, 0-1. likeness: cosine of a cell and of where its offset points, weighted by
    the shares; length: of the offsets, in cells, weighted so too.
    """

    share: Mapping[str, float]
    likeness: float
    length: float


@dataclass(frozen=True)
class Remembered:
    """A method over the frames that were looked at: sequence -> reference -> what it gives."""

    label: str
    sequences: Mapping[str, Mapping[str, Given]]


def look(
    method: Recalls, sequence: Sequence, asked: Mapping[int, Cells]
) -> Iterator[tuple[int, Seq[Recalled]]]:
    """The asked frames of a sequence, each with what the method recalls for it.

    The method is shown the frames from the first prompt on, up to the last one that is asked for.
    """
    first, last = min(sequence.prompts), max(asked)
    frames = (sequence.frames[index] for index in range(first, last + 1))
    prompts = {index - first: mask for index, mask in label_maps(sequence.prompts).items()}
    wanted = {index - first: asked[index] for index in sorted(asked)}
    for index, shown in zip(wanted, method.recall(frames, prompts, wanted), strict=True):
        yield index + first, [each._replace(frame=each.frame + first) for each in shown]


def watch(
    method: Recalls, sequence: Sequence, cells: Cells, *, pairs: int, kept: int
) -> tuple[dict[str, Given], Seq[Recalled]]:
    """What each reference gives over frames that are evenly spread over a sequence, and one frame.

    kept: the frame whose Recalled, with the samples of `cells`, are wanted too.
    """
    wanted = target_frames(sequence, pairs)
    frames: list[dict[str, Given]] = []
    told: Seq[Recalled] = ()
    none = np.empty((0, 2), np.int64)
    for index, shown in look(method, sequence, {**dict.fromkeys(wanted, none), kept: cells}):
        if index == kept:
            told = shown
        if index in wanted:
            truth = sequence.truth.get(index)
            frames.append(given(shown, None if truth is None else label_map(truth)))
    return _over_frames(frames, method.references), told


def given(shown: Seq[Recalled], mask: Mask | None) -> dict[str, Given]:
    """What each reference, by name, gives to a frame whose truth is `mask`, as far as it is known.

    Those that share a name are one: their shares are added.
    """
    found: dict[str, list[Recalled]] = {}
    for each in shown:
        found.setdefault(each.name, []).append(each)
    return {name: _given(several, mask) for name, several in found.items()}


def _given(shown: Seq[Recalled], mask: Mask | None) -> Given:
    weights = np.stack([each.share for each in shown]).astype(np.float64)  # (r, h, w)
    share: Floats = weights.sum(0)
    means = {"all": float(share.mean())}
    if mask is not None:
        h, w = share.shape
        where = regions_of(mask, (h, w))
        means |= {region: mean_of(share[where == region]) for region in REGIONS[1:]}
    likeness = np.stack([likeness_at(each.inspection) for each in shown])
    known = ~np.isnan(likeness)
    lengths = np.stack([_lengths(each.inspection) for each in shown])
    return Given(
        {region: means.get(region, float("nan")) for region in REGIONS},
        _weighted(likeness[known], weights[known]),
        _weighted(lengths, weights),
    )


def likeness_at(inspection: Inspection) -> Floats:
    """The cosine (h, w) of each target cell and of where its offset points; NaN outside."""
    at = np.moveaxis(np.indices(inspection.target.shape[1:]), 0, -1).astype(np.float32)  # (h, w, 2)
    if inspection.offsets is not None:
        at = at + np.moveaxis(inspection.offsets, 0, -1)
    read = read_at(inspection.reference, at).astype(np.float64)  # (h, w, c)
    own = np.moveaxis(inspection.target, 0, -1).astype(np.float64)
    lengths = np.linalg.norm(read, axis=-1) * np.linalg.norm(own, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine: Floats = (read * own).sum(-1) / lengths
    return cosine


def _lengths(inspection: Inspection) -> Floats:
    """The length (h, w) of each offset, in cells; 0 for a method that predicts none."""
    if inspection.offsets is None:
        return np.zeros(inspection.target.shape[1:])
    lengths: Floats = np.linalg.norm(inspection.offsets.astype(np.float64), axis=0)
    return lengths


def _over_frames(frames: Seq[Mapping[str, Given]], names: Seq[str]) -> dict[str, Given]:
    """The mean over frames; a reference that a frame is too early for gives it nothing."""
    found = {}
    for name in names:
        of = [frame.get(name) for frame in frames]
        there = [each for each in of if each is not None]
        share = {}
        for region in REGIONS:
            known = [frame for frame in frames if not _empty(frame, region)]
            values = [frame[name].share[region] if name in frame else 0.0 for frame in known]
            share[region] = mean_of(values)
        found[name] = Given(
            share, mean_of([g.likeness for g in there]), mean_of([g.length for g in there])
        )
    return found


def _empty(frame: Mapping[str, Given], region: str) -> bool:
    """Whether no cell of a frame lies in a region."""
    return all(np.isnan(each.share[region]) for each in frame.values())


_COLUMNS = (
    Column("share", "%"),
    *(Column(region, "%") for region in REGIONS[1:]),
    Column("likeness", digits=3),
    Column("offset", "cells", digits=2),
)
_NOTES = (
    "share: how much of each cell's label a reference gives, mean over cells, frames, sequences; "
    "those of a method's references sum to 100; a frame that is too early for a reference gets "
    "nothing from it",
    "regions by the truth of the target frame: a cell with pixels of one object alone is inside, "
    "of background alone outside, else boundary",
    "likeness: cosine of a cell's embedding and of where its offset points in the reference; "
    "offset: its length; both weighted by the shares",
)


def table(measured: Seq[Remembered]) -> Table:
    """One row per method and reference: its shares by region, likeness, and length of offsets."""
    rows: list[tuple[Cell, ...]] = []
    for each in measured:
        for name in next(iter(each.sequences.values()), {}):
            rows.append((each.label, name, *_row([of[name] for of in each.sequences.values()])))
    names = next(iter(measured)).sequences if measured else {}
    return Table(
        name="references",
        title="What each reference gives to a frame",
        columns=(Column("method"), Column("reference"), *_COLUMNS),
        rows=tuple(rows),
        notes=(f"mean over {len(names)} sequences: {', '.join(names)}", *_NOTES),
    )


def sequence_table(measured: Seq[Remembered]) -> Table:
    """One row per method, sequence and reference."""
    return Table(
        name="references-sequences",
        title="What each reference gives to a frame, per sequence",
        columns=(Column("method"), Column("sequence"), Column("reference"), *_COLUMNS),
        rows=tuple(
            (each.label, sequence, name, *_row([given]))
            for each in measured
            for sequence, of in each.sequences.items()
            for name, given in of.items()
        ),
        notes=("a dash where no cell lies in the region, or no frame is late enough", *_NOTES),
    )


def _row(found: Seq[Given]) -> tuple[Cell, ...]:
    shares = (maybe(mean_of([each.share[region] for each in found])) for region in REGIONS)
    beside = ([each.likeness for each in found], [each.length for each in found])
    return (*shares, *(maybe(mean_of(values)) for values in beside))


def _weighted(values: Floats, weights: Floats) -> float:
    """The weighted mean; NaN where nothing has a weight."""
    total = weights.sum()
    return float((values * weights).sum() / total) if total > 0 else float("nan")
