"""Average the scores of frames as a protocol says: objects, sequences, groups, one number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from vosbench.metrics.statistics import Statistics, average, over_frames

if TYPE_CHECKING:
    from vosbench.scoring.measure import Score
    from vosbench.scoring.pairs import Task
    from vosbench.types import ScoringProtocol


class _Unit(NamedTuple):
    """One thing that is averaged: an object, a sequence, a group, or everything."""

    labels: dict[str, Any]
    J: Statistics
    F: Statistics

    def entry(self) -> dict[str, Any]:
        """Its row in summary.json."""
        scores = {"J": self.J._asdict(), "F": self.F._asdict()}
        return {**self.labels, **scores, "J&F": (self.J.mean + self.F.mean) / 2}


def summarise(
    rows: Iterable[Score], tasks: Mapping[str, Task], protocol: ScoringProtocol
) -> dict[str, Any]:
    """Average frames to objects, sequences and groups, and these to one number, by protocol."""
    objects: list[_Unit] = []
    sequences: list[_Unit] = []
    for name, of_sequence in groupby(rows, key=lambda row: row.sequence):
        group = tasks[name].sequence.group
        members: list[_Unit] = []
        frames: set[str] = set()
        for number, of_object in groupby(of_sequence, key=lambda row: row.object):
            _, _, stems, j, f = zip(*of_object, strict=True)
            labels = {"sequence": name, "object": number, "group": group, "frames": len(stems)}
            members.append(_Unit(labels, over_frames(j), over_frames(f)))
            frames.update(stems)
        labels = {"sequence": name, "group": group, "frames": len(frames), "objects": len(members)}
        objects += members
        sequences.append(_merge(labels, members))
    units = {"objects": objects, "sequences": sequences}
    if protocol.average == "groups":
        by_group: dict[str, list[_Unit]] = {}
        for unit in sequences:
            by_group.setdefault(unit.labels["group"], []).append(unit)
        units["groups"] = [
            _merge({"group": group, "sequences": len(members)}, members)
            for group, members in by_group.items()
        ]
    tables = {kind: [unit.entry() for unit in members] for kind, members in units.items()}
    return {**_merge({}, units[protocol.average]).entry(), **tables}


def _merge(labels: dict[str, Any], units: Sequence[_Unit]) -> _Unit:
    """The mean of some units, with the labels that it gets in summary.json."""
    return _Unit(labels, average(u.J for u in units), average(u.F for u in units))
