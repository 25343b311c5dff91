"""Find where runs fail, from scores alone: when, on which objects, in region or boundary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vosbench.analysis.series import Series, series
from vosbench.analysis.significance import bootstrap, gather, sample
from vosbench.errors import UsageError
from vosbench.tables import Cell, Column, Table, with_interval

if TYPE_CHECKING:
    from vosbench.analysis.groups import Group
    from vosbench.results import Result

LOST = 0.1  # J below which nothing much of the object is left
COARSE = 0.5  # J below which recall counts a frame as failed
WINDOW = 5  # scored frames on either side of a fall
CURVE_DRAWS = 1000  # a curve has many points, and none is read to the last digit


def over_time(group: Group, *, step: int = 1, seed: int = 0) -> Table:
    """Mean J over the objects, by frames since each was prompted, in bins of `step` frames.

    Sequences end at different times, so that later points are means over fewer, other objects:
    `objects` counts them.

    Raises:
        UsageError: no frame is scored: every sequence failed, and counts as 0.
    """
    curves = [(run, series(run)) for run in group.results]
    found = (int(each.since.max()) for _, all_of in curves for each in all_of.values())
    last = max(found, default=0)
    if not last:
        raise UsageError(f"no object of {group.title} has a frame that is scored")
    columns = [Column("from"), Column("to"), Column("objects")]
    for run in group.results:
        columns += with_interval(Column(run.name, "%", better="higher"))
    rows: list[tuple[Cell, ...]] = []
    for start in range(1, last + 1, step):
        row: list[Cell] = []
        counts = [0]
        for run, all_of in curves:
            means = {}
            for key, each in all_of.items():
                inside = (each.since >= start) & (each.since < start + step)
                if inside.any():
                    means[key] = float(each.J[inside].mean())
            counts.append(len(means))
            if means:
                at = gather(run, means, average="objects")
                row += [at.mean(), *bootstrap(at, seed=seed, draws=CURVE_DRAWS)]
            else:  # its frames were counted otherwise: no counts and no masks are at hand
                row += [None] * 3
        if max(counts):
            rows.append((start, min(start + step - 1, last), max(counts), *row))
    return Table(
        name="over-time",
        title=f"J by frames since the prompt: {group.title}",
        columns=tuple(columns),
        rows=tuple(rows),
        notes=(
            "mean over the objects that are still scored then; their number falls as short "
            "sequences end, so that a curve may rise though no object recovers",
            *group.notes,
        ),
    )


def courses(group: Group) -> dict[str, dict[str, dict[float, float]]]:
    """Sequence -> run -> J by frames since the prompt, mean over the sequence's objects."""
    found: dict[str, dict[str, dict[float, float]]] = {}
    for run in group.results:
        scores: dict[str, dict[float, list[float]]] = {}
        for (sequence, _), scored in series(run).items():
            for since, score in zip(scored.since.tolist(), scored.J.tolist(), strict=True):
                scores.setdefault(sequence, {}).setdefault(since, []).append(score)
        for sequence, by_frame in scores.items():
            means = {since: sum(of) / len(of) for since, of in sorted(by_frame.items())}
            found.setdefault(sequence, {})[run.name] = means
    return found


def worst_objects(group: Group, *, count: int = 10) -> Table:
    """The objects with the lowest mean J of each run, and the frame from which they are lost.

    One that counts as 0 without masks has no frame, and is left out.
    """
    rows: list[tuple[Cell, ...]] = []
    for run in group.results:
        scored = series(run)
        entries = [e for e in run.summary["objects"] if (e["sequence"], e["object"]) in scored]
        for entry in sorted(entries, key=lambda row: row["J"]["mean"])[:count]:
            each = scored[entry["sequence"], entry["object"]]
            worst = int(each.J.argmin())
            rows.append((
                run.name, entry["sequence"], entry["object"], entry["J"]["mean"],
                entry["F"]["mean"], entry["J"]["decay"], each.frames[worst],
                float(each.J[worst]), lost_from(each),
            ))  # fmt: skip
    return Table(
        name="worst-objects",
        title=f"Worst objects: {group.title}",
        columns=(
            Column("run"),
            Column("sequence"),
            Column("object"),
            Column("J", "%", better="higher"),
            Column("F", "%", better="higher"),
            Column("J decay", "%", better="lower"),
            Column("worst frame"),
            Column("J there", "%"),
            Column("lost from"),
        ),
        rows=tuple(rows),
        notes=(
            f"the {count} lowest J of each run; worst frame: the first with the lowest J; lost "
            "from: the frame from which J stays below 10 to the end",
            *group.notes,
        ),
    )


def lost_from(each: Series) -> str | None:
    """The frame from which J stays below LOST to the end; None if it ends above."""
    kept = np.flatnonzero(each.J >= LOST)
    first = int(kept[-1]) + 1 if len(kept) else 0
    return each.frames[first] if first < len(each.frames) else None


def worst_frames(group: Group, *, count: int = 10) -> Table:
    """Where J falls most and stays low in each run, one frame for each object.

    A fall is the mean J of the WINDOW scored frames before a frame less that of the WINDOW from it
    on, so that a flicker is none. Falls that are steepest in the first tenth do not count: there
    nearly every method falls from the given mask to its own level.
    """
    rows: list[tuple[Cell, ...]] = []
    for run in group.results:
        falls = sorted(_falls(series(run)), key=lambda fall: -fall.drop)[:count]
        rows += [(run.name, *fall) for fall in falls]
    return Table(
        name="worst-frames",
        title=f"Steepest falls: {group.title}",
        columns=(
            Column("run"),
            Column("sequence"),
            Column("object"),
            Column("frame"),
            Column("J before", "%"),
            Column("J after", "%", better="higher"),
            Column("fall", "%", better="lower"),
        ),
        rows=tuple(rows),
        notes=(
            f"the {count} greatest falls of each run, at most one for each object; fall: the mean "
            f"J of up to {WINDOW} scored frames before, less that of up to {WINDOW} from this one "
            "on, where that is steepest; falls in the first tenth of an object's scored frames are "
            "left out, as there nearly every method falls from the given mask to its own level",
            *group.notes,
        ),
    )


class _Fall(NamedTuple):
    """Where the J of an object falls most; the rest of a row of `worst_frames`."""

    sequence: str
    object: int
    frame: str
    before: float
    after: float
    drop: float


def _falls(scored: dict[tuple[str, int], Series]) -> Iterator[_Fall]:
    for (name, number), each in scored.items():
        n = len(each.J)
        before = [float(each.J[max(0, at - WINDOW) : at].mean()) for at in range(1, n)]
        after = [float(each.J[at : at + WINDOW].mean()) for at in range(1, n)]
        drops = [was - now for was, now in zip(before, after, strict=True)]  # of frame 1, 2, ...
        steepest = [
            at
            for at, drop in enumerate(drops)
            if at + 1 >= n / 10 and drop > max(drops[max(0, at - WINDOW) : at + WINDOW + 1]) - 1e-9
        ]
        step = each.J[:-1] - each.J[1:]  # tells apart frames whose falls are equal
        at = max(steepest, key=lambda at: (round(drops[at], 9), step[at]), default=-1)
        if at >= 0 and drops[at] > 0:
            yield _Fall(name, number, each.frames[at + 1], before[at], after[at], drops[at])


def _shares(run: Result) -> list[float | None]:
    """Of what J lacks in the scored frames, the shares of those that are lost, partly, outline.

    Shares of the frames' own sum: a protocol's J may be none of frames, as that of a volume.
    """
    scored, parts = series(run), []
    for low, high in ((0.0, LOST), (LOST, COARSE), (COARSE, 2.0)):
        missing = {
            key: float(np.where((low <= each.J) & (high > each.J), 1 - each.J, 0).mean())
            for key, each in scored.items()
        }
        parts.append(gather(run, missing).mean())
    lacking = sum(parts)
    return [part / lacking if lacking else None for part in parts]


def loss(group: Group, *, seed: int = 0) -> Table:
    """The loss (1 minus J and F): how much is region, how much boundary, and in which frames.

    Raises:
        UsageError: the protocol's mean is undefined, as where one of its groups is empty.
    """
    rows: list[tuple[Cell, ...]] = []
    for run in group.results:
        j, f = run.summary["J"]["mean"], run.summary["F"]["mean"]
        if j is None or f is None:
            raise UsageError(f"{run.name}: the mean of {group.title} is undefined")
        whole = 2 - j - f
        parts = _shares(run)
        region = (1 - j) / whole if whole else None
        boundary = None if region is None else 1 - region
        bounds = reversed(bootstrap(sample(run, "J&F"), seed=seed))
        around = [None if bound is None else 1 - bound for bound in bounds]
        rows.append((run.name, 1 - (j + f) / 2, *around, region, boundary, *parts))
    return Table(
        name="loss",
        title=f"What is lost: {group.title}",
        columns=(
            Column("run"),
            *with_interval(Column("loss", "%", better="lower")),
            Column("region", "%"),
            Column("boundary", "%"),
            Column("lost", "%"),
            Column("partly", "%"),
            Column("outline", "%"),
        ),
        rows=tuple(rows),
        notes=(
            "loss: 100 less J&F, its interval over sequences; region and boundary: the shares of "
            "it that J and F lack",
            "lost, partly, outline: the shares of what J lacks in frames where J is below 10, "
            "below 50, and above: there the object is found and its outline is not exact",
            *group.notes,
        ),
    )
