"""Average what was counted as a protocol says: frames, objects, sequences, groups, one number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vosbench.metrics.statistics import Statistics, average, mean, over_frames
from vosbench.scoring.figures import (
    boundary_iou,
    contour,
    contour_mosev2,
    presence,
    region,
    volume,
)

if TYPE_CHECKING:
    from vosbench.scoring.selection import Selected
    from vosbench.types import ScoringProtocol

SEEN_AND_UNSEEN = ("seen", "unseen")


class Score(NamedTuple):
    """One row of scores.csv; its field names are the header."""

    sequence: str
    object: int
    frame: str
    J: float
    F: float


class Member(NamedTuple):
    """A sequence to average: the objects that a protocol scores in it.

    group, groups: of the sequence, and of its objects.
    """

    sequence: str
    group: str
    objects: tuple[Selected, ...]
    groups: Mapping[int, str]


class Unit(NamedTuple):
    """One thing that is averaged: an object, a sequence, a group, or everything.

    figures: further figures, None where one is undefined.
    """

    labels: dict[str, Any]
    J: Statistics
    F: Statistics
    figures: dict[str, float | None]

    def entry(self) -> dict[str, Any]:
        """Its row in summary.json."""
        scores = {"J": self.J._asdict(), "F": self.F._asdict()}
        both = _half(self.J.mean, self.F.mean)
        further = {"figures": self.figures} if self.figures else {}
        return {**self.labels, **scores, "J&F": both, **further}


def scores_of(member: Member, protocol: ScoringProtocol) -> Iterator[Score]:
    """J and F of every object on every frame that counts."""
    for one in member.objects:
        j, f = _j_and_f(one, protocol)
        yield from map(Score, repeat(member.sequence), repeat(one.number), one.frames, j, f)


def _j_and_f(one: Selected, protocol: ScoringProtocol) -> tuple[list[float], list[float]]:
    j = region(one.rows, protocol.region)
    smoothed = protocol.region == "smoothed"
    f = contour_mosev2(one.rows)[0] if smoothed else contour(one.rows)
    return j.tolist(), f.tolist()


def summarise(
    members: Iterable[Member], protocol: ScoringProtocol, zero: Iterable[Member] = ()
) -> dict[str, Any]:
    """Average frames to objects, sequences and groups, and these to one number, by protocol.

    zero: sequences without masks whose objects count as 0.
    """
    by_sequence: list[tuple[dict[str, Any], list[Unit]]] = []
    seen: dict[str, int] = {}
    for member, absent in [*((m, False) for m in members), *((m, True) for m in zero)]:
        made = [_object(member, one, protocol, absent=absent) for one in member.objects]
        frames = {frame for one in member.objects for frame in one.frames}
        labels = {"sequence": member.sequence, "group": member.group, "frames": len(frames)}
        by_sequence.append((labels, [unit for unit in made if unit is not None]))
        for one in member.objects if not absent else ():
            for name, number in presence(one.rows).items():
                seen[name] = seen.get(name, 0) + number
    rows = sum(seen.values())
    shares = {name: number / rows for name, number in seen.items()} if rows else {}
    means = averages(by_sequence, protocol)
    return {**means, "presence": {"object_frames": rows, **shares}}


def averages(
    by_sequence: Iterable[tuple[dict[str, Any], list[Unit]]], protocol: ScoringProtocol
) -> dict[str, Any]:
    """The means of objects, of sequences, given by labels and objects, of groups, of everything."""
    objects: list[Unit] = []
    sequences: list[Unit] = []
    for labels, units in by_sequence:
        if units:
            objects += units
            sequences.append(_merge({**labels, "objects": len(units)}, units))
    total, groups = _total(objects, sequences, protocol)
    kinds = {"objects": objects, "sequences": sequences} | ({"groups": groups} if groups else {})
    return {**total.entry(), **{kind: [unit.entry() for unit in of] for kind, of in kinds.items()}}


def _object(
    member: Member, one: Selected, protocol: ScoringProtocol, *, absent: bool
) -> Unit | None:
    """The scores of one object over its frames; None for a volume with nothing in it."""
    group = member.group or member.groups.get(one.number, "")
    labels = {"sequence": member.sequence, "object": one.number, "group": group}
    labels["frames"] = len(one.frames)
    if protocol.objects == "proposals":
        labels["proposal"] = one.proposal if one.proposal > 0 else None
    if absent:
        nothing = Statistics(0.0, 0.0, 0.0)
        adapted: dict[str, float | None] = {"Ḟ": 0.0} if protocol.region == "smoothed" else {}
        return Unit(labels, nothing, nothing, adapted)
    j, f = (values + [0.0] * (one.slots - len(values)) for values in _j_and_f(one, protocol))
    figures: dict[str, float | None] = {}
    if protocol.region == "smoothed":
        figures |= _mosev2(one, j)
    if "V" in protocol.figures:
        figures["V"] = _unsteadiness(j, f)
    if "J_last" in protocol.figures:
        figures["J_last"] = mean(j[int(0.75 * len(j)) :])
    if "both_band" in one.rows:
        figures["Boundary IoU"] = mean(boundary_iou(one.rows).tolist())
    if protocol.over == "volume":
        filled = volume(one.rows)
        if filled is None:
            return None
        of_j, of_f = (Statistics(value, None, None) for value in filled)
        return Unit(labels, of_j, of_f, figures)
    return Unit(labels, over_frames(j), over_frames(f), figures)


def _mosev2(one: Selected, j: list[float]) -> dict[str, float | None]:
    """Ḟ, and J and Ḟ where the object is gone (d) and after it came (r); None without such."""
    adapted = contour_mosev2(one.rows)[1].tolist()
    figures: dict[str, float | None] = {"Ḟ": mean(adapted)}
    empty = (one.rows["truth"] == 0).tolist()
    edges = [0, *(at for at in range(1, len(empty)) if empty[at] != empty[at - 1]), len(empty)]
    runs = [(start, end) for start, end in pairwise(edges) if start]
    for name, gone in (("d", True), ("r", False)):
        chosen = [slice(start, end) for start, end in runs if empty[start] == gone]
        for letter, values in (("J", j), ("Ḟ", adapted)):
            figures[f"{letter}_{name}"] = (
                mean([mean(values[run]) for run in chosen]) if chosen else None
            )
    return figures


def _unsteadiness(j: list[float], f: list[float]) -> float:
    """V of LVOS: how far an object's frames are from their mean, rounded as its scorer does."""
    both = (np.array(j) + np.array(f)) / 2
    return float(np.sqrt(np.round(((both.mean() - both) ** 2).mean(), 4)))


def _total(
    objects: list[Unit], sequences: list[Unit], protocol: ScoringProtocol
) -> tuple[Unit, list[Unit]]:
    """Everything in one, and the groups if the protocol averages groups."""
    if protocol.average in ("objects", "sequences"):
        total = _merge({}, objects if protocol.average == "objects" else sequences)
        return total._replace(figures=_named(total, [], protocol)), []
    of_objects = protocol.average == "object-groups"
    by_group: dict[str, list[Unit]] = {name: [] for name in SEEN_AND_UNSEEN if of_objects}
    for unit in objects if of_objects else sequences:
        by_group.setdefault(unit.labels["group"], []).append(unit)
    kind = "objects" if of_objects else "sequences"
    groups = [_merge({"group": name, kind: len(of)}, of) for name, of in by_group.items()]
    total = _merge({}, groups, all_defined=True)
    return total._replace(figures=_named(total, groups, protocol)), groups


def _named(
    total: Unit, groups: Sequence[Unit], protocol: ScoringProtocol
) -> dict[str, float | None]:
    """The figures that a protocol names, from those of objects and groups."""
    known: dict[str, float | None] = {"J": total.J.mean, "F": total.F.mean, **total.figures}
    for group in groups:
        name = group.labels["group"]
        known |= {f"J_{name}": group.J.mean, f"F_{name}": group.F.mean}
    known["J&F"] = known["G"] = _half(known["J"], known["F"])
    known["J&Ḟ"] = _half(known["J"], known.get("Ḟ"))
    for run in ("d", "r"):
        known[f"J&Ḟ_{run}"] = _half(known.get(f"J_{run}"), known.get(f"Ḟ_{run}"))
    wanted = [*protocol.figures, *(["Boundary IoU"] if "Boundary IoU" in total.figures else [])]
    return {name: known.get(name) for name in wanted}


def _half(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else (one + other) / 2


def _merge(labels: dict[str, Any], units: Sequence[Unit], *, all_defined: bool = False) -> Unit:
    """The mean of some units, with the labels that it gets in summary.json.

    all_defined: whether a figure that one of them lacks is undefined, not the mean of the others.
    """
    names = dict.fromkeys(name for unit in units for name in unit.figures)
    figures: dict[str, float | None] = {}
    for name in names:
        values = [value for unit in units if (value := unit.figures.get(name)) is not None]
        whole = len(values) == len(units) if all_defined else bool(values)
        figures[name] = mean(values) if whole else None
    return Unit(labels, average(u.J for u in units), average(u.F for u in units), figures)
