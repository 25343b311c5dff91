"""Scores by the size and the speed of objects, and how they drift with time or appearance."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from vosbench.analysis.series import Floats, Series, series
from vosbench.analysis.significance import Sample, bootstrap, gather
from vosbench.errors import UsageError
from vosbench.tables import Cell, Column, Table, with_interval

if TYPE_CHECKING:
    from vosbench.analysis.groups import Group
    from vosbench.analysis.object_facts import Fact, Facts

SIZES = (0.0, 0.01, 0.03, 0.1, 1.01)  # shares of the image
SPEEDS = (0.0, 2.0, 5.0, 10.0, 20.0, np.inf)  # px a frame at 480 rows; 20: DAVIS' fast motion
FEWEST = 8  # frames with both figures that a correlation of one object needs


def by_size(group: Group, known: Facts, *, seed: int = 0) -> Table:
    """Mean J by the share of the image that an object covers."""
    labels = [f"{100 * a:g} to {100 * min(b, 1):g} %" for a, b in pairwise(SIZES)]
    return _binned(
        group, known, seed, lambda fact: fact.area or None, SIZES, labels,
        name="size", title="J by object size", column="share of the image",
        note="size: share of the image that the object's annotation covers on that frame; frames "
        "that do not show it are left out",
    )  # fmt: skip


def by_speed(group: Group, known: Facts, *, seed: int = 0) -> Table:
    """Mean J by the speed of an object."""
    ends = [f"to {b:g}" if np.isfinite(b) else "or more" for b in SPEEDS[1:]]
    labels = [f"{a:g} {end} px" for a, end in zip(SPEEDS, ends, strict=False)]
    return _binned(
        group, known, seed, lambda fact: fact.speed, SPEEDS, labels,
        name="speed", title="J by speed of motion", column="motion a frame",
        note="speed: how far the centroid of the object's annotation lies from that of the "
        "annotation before, in pixels a frame of 480 rows; it holds camera motion too; frames that "
        "do not show the object, or came after such, are left out",
    )  # fmt: skip


def _binned(
    group: Group,
    known: Facts,
    seed: int,
    value: Callable[[Fact], float | None],
    edges: Sequence[float],
    labels: Sequence[str],
    *,
    name: str,
    title: str,
    column: str,
    note: str,
) -> Table:
    scored = [series(run) for run in group.results]
    rows: list[tuple[Cell, ...]] = []
    for low, high, label in zip(edges, edges[1:], labels, strict=False):
        cells: list[Cell] = []
        frames, objects, sequences = 0, 0, 0
        for all_of in scored:
            sums: dict[str, list[float]] = {}
            having = set()
            for (sequence, number), each in all_of.items():
                of = known.get((sequence, number), {})
                for frame, j in zip(each.frames, each.J, strict=True):
                    figure = value(of[frame]) if frame in of else None
                    if figure is not None and low <= figure < high:
                        sums.setdefault(sequence, []).append(float(j))
                        having.add((sequence, number))
            frames, objects, sequences = sum(map(len, sums.values())), len(having), len(sums)
            pooled = Sample(
                tuple(sums),
                np.array([sum(v) for v in sums.values()], np.float64),
                np.array([len(v) for v in sums.values()], np.float64),
                np.zeros(len(sums), np.intp),
            )
            cells += [pooled.mean(), *bootstrap(pooled, seed=seed)] if sums else [None] * 3
        rows.append((label, frames, objects, sequences, *cells))
    return Table(
        name=name,
        title=f"{title}: {group.title}",
        columns=(
            Column(column),
            Column("frames"),
            Column("objects"),
            Column("sequences"),
            *(
                one
                for run in group.results
                for one in with_interval(Column(run.name, "%", better="higher"))
            ),
        ),
        rows=tuple(rows),
        notes=(
            note,
            "mean over frames, so that long sequences count more than in the protocol's mean; "
            "interval: 95 %, bootstrap over sequences",
            *group.notes,
        ),
    )


def drift(group: Group, known: Facts, *, seed: int = 0) -> Table:
    """Does J fall with the time since the prompt, or with how much the object's look changed?

    Rank correlations of 1 - J within each object, then the mean over objects: with the frames
    since the prompt, with the change of its colours, and with each while the other is held still.

    Raises:
        UsageError: no object has frames enough.
    """
    rows: list[tuple[Cell, ...]] = []
    for run in group.results:
        correlations = {
            key: figures
            for key, each in series(run).items()
            if (figures := _correlations(each, known.get(key, {}))) is not None
        }
        if not correlations:
            raise UsageError(
                f"{run.name}: no object of {group.title} has {FEWEST} frames on which J, time and "
                "colours all vary"
            )
        cells: list[Cell] = []
        for place in range(4):
            means = {key: figures[place] for key, figures in correlations.items()}
            sample = gather(run, means, average="objects")
            cells += [sample.mean(), *bootstrap(sample, seed=seed)]
        rows.append((run.name, len(correlations), *cells))
    names = ("time", "appearance", "time alone", "appearance alone")
    return Table(
        name="drift",
        title=f"Drift against appearance: {group.title}",
        columns=(
            Column("run"),
            Column("objects"),
            *(one for name in names for one in with_interval(Column(name, digits=2, signed=True))),
        ),
        rows=tuple(rows),
        notes=(
            "rank correlation (Spearman) of 1 - J with the frames since the prompt and with the "
            "change of the object's colours since its first frame, within each object, mean over "
            "objects; alone: with the other held still (partial correlation); interval: 95 %, "
            "bootstrap over sequences",
            "time alone near 1: errors add up, the mask drifts; appearance alone near 1: it fails "
            "when the object looks new, however long ago it was given",
            f"every fifth frame was looked at; objects with fewer than {FEWEST} such frames, or on "
            "which one of the three does not vary, are left out",
            *group.notes,
        ),
    )


def _correlations(each: Series, of: Mapping[str, Fact]) -> tuple[float, ...] | None:
    """Of 1 - J with time, with appearance, and the two partial ones; None where undefined."""
    looked = [
        (1 - j, since, of[frame].change)
        for frame, j, since in zip(each.frames, each.J, each.since, strict=True)
        if frame in of and of[frame].change is not None
    ]
    if len(looked) < FEWEST:
        return None
    ranked = [ranks(np.array(column, np.float64)) for column in zip(*looked, strict=True)]
    if any(np.ptp(column) == 0 for column in ranked):
        return None
    of_all: Floats = np.asarray(np.corrcoef(ranked), np.float64)
    time, change, both = float(of_all[0, 1]), float(of_all[0, 2]), float(of_all[1, 2])
    if abs(both) > 1 - 1e-9:
        return None  # time and colours say the same: neither can be held still
    return time, change, partial(time, change, both), partial(change, time, both)


def partial(one: float, other: float, both: float) -> float:
    """The correlation with `one` while the `other` is held still; 0 where that says all.

    >>> partial(0.5, 0.0, 0.0), partial(0.3, 1.0, 0.3)
    (0.5, 0.0)
    """
    left = (1 - other**2) * (1 - both**2)
    return (one - other * both) / math.sqrt(left) if left > 1e-9 else 0.0


def ranks(values: Floats) -> Floats:
    """Ranks from 0 on; equal values share the mean of theirs.

    >>> ranks(np.array([3.0, 1.0, 3.0])).tolist()
    [1.5, 0.0, 1.5]
    """
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    shared: Floats = (ends - (counts + 1) / 2).astype(np.float64)
    return shared[places]
