"""Score masks on disk against the truth, by a protocol: scores.csv and summary.json.

Reads `masks/<sequence>/<frame name>.png`, each file once, one frame at a time, and averages the
scores. All faults of all sequences are reported together.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from zlib_ng.zlib_ng import crc32

from vosbench.errors import DataError
from vosbench.files import write_json, write_text
from vosbench.metrics.boundary import around, boundary_f, tolerance
from vosbench.metrics.region import region_similarity
from vosbench.metrics.statistics import Statistics, average, over_frames
from vosbench.provenance import VERSION
from vosbench.resolve import choose_sequences
from vosbench.scoring.pairs import Pair, Task, pairs, plan
from vosbench.types import Dataset, Mask, ScoringProtocol


class Score(NamedTuple):
    """One row of scores.csv; its field names are the header."""

    sequence: str
    object: int
    frame: str
    J: float
    F: float


@dataclass(frozen=True)
class Evaluation:
    """Scores per frame, ordered by sequence, object, frame, and their averages.

    summary: what summary.json holds.
    """

    rows: tuple[Score, ...]
    summary: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Write scores.csv and summary.json, each in one piece."""
        folder.mkdir(parents=True, exist_ok=True)
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(Score._fields)
        writer.writerows(self.rows)
        write_text(folder / "scores.csv", table.getvalue())
        write_json(folder / "summary.json", self.summary)


def evaluate(
    dataset: Dataset,
    masks: Path,
    *,
    protocol: ScoringProtocol,
    sequences: tuple[str, ...] | None = None,
    baseline: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Evaluation:
    """Score the masks of a method against a dataset's truth.

    sequences: names to score, all by default. baseline: also score copy-first, which repeats the
    prompts, as `copy_first` in the summary. progress: called with each sequence that is done.

    Raises:
        UsageError: a sequence is not in the dataset.
        TruthWithheldError: the split has no annotations to score against.
        DataError: masks are missing or do not fit the truth; lists every fault.
    """
    names = choose_sequences(dataset.names, sequences or ())
    tasks, unscored = plan(dataset, names, masks, protocol)
    rows: list[Score] = []
    held: list[Score] = []
    faults: list[str] = []
    crc = 0  # scores of other truth, resolution or frames have another; costs next to nothing
    for name in names:
        if name in tasks:
            task = tasks[name]
            for pair in pairs(task, masks / name, faults, hold=baseline):
                crc = crc32(np.ascontiguousarray(pair.truth), crc)
                if faults:
                    continue  # no scores will be given, but find all faults
                rows += _score(task, pair, pair.prediction)
                if pair.held is not None:
                    held += _score(task, pair, pair.held)
        if progress:
            progress(name)
    if faults:
        raise DataError(faults)
    place = {name: index for index, name in enumerate(names)}
    for scores in (rows, held):
        scores.sort(key=lambda row: (place[row.sequence], row.object))  # frames stay in order
    summary = {
        "vosbench": VERSION,
        "protocol": asdict(protocol) | {"headline": list(protocol.headline)},
        "dataset": {
            "name": dataset.card.name,
            "split": dataset.split,
            "sequences": len(names),
            "card_sequences": _official(dataset),
            "truth_crc32": f"{crc:08x}",
            "list_sha256": hashlib.sha256("\n".join(names).encode()).hexdigest(),
        },
        **_summarise(rows, tasks, protocol),
        "copy_first": None,
        "unscored": [*unscored, *_never_scored(rows, tasks)],
    }
    if held:
        still = _summarise(held, tasks, protocol)
        summary["copy_first"] = {key: still[key] for key in ("J", "F", "J&F")}
    return Evaluation(tuple(rows), summary)


def _official(dataset: Dataset) -> int:
    """Official size of the split, or the number found on disk if the card gives none."""
    card, split = dataset.card, dataset.split
    return len(card.splits.get(split, ())) or card.counts.get(split, len(dataset.names))


def _score(task: Task, pair: Pair, mask: Mask) -> Iterator[Score]:
    """J and F of each object that is scored in a frame, computed in the box around all masks."""
    name = task.sequence.frame_names[pair.frame]
    radius = tolerance(*pair.truth.shape)
    box = around(mask | pair.truth)
    for number, since in task.since.items():
        if pair.frame > since:
            prediction, truth = _pixels(mask[box], number), _pixels(pair.truth[box], number)
            j = region_similarity(prediction, truth)
            f = boundary_f(prediction, truth, radius=radius)
            yield Score(task.sequence.name, number or 1, name, j, f)


def _pixels(mask: Mask, number: int | None) -> npt.NDArray[np.bool_]:
    """Where the object with this id is; for None, where any object is."""
    pixels: npt.NDArray[np.bool_] = mask > 0 if number is None else mask == number
    return pixels


def _never_scored(rows: Iterable[Score], tasks: Mapping[str, Task]) -> Iterator[str]:
    """Objects that no frame scores, e.g. those of a prompt on the last frame."""
    scored = {(row.sequence, row.object) for row in rows}
    for name, task in tasks.items():
        for number in task.since:
            if (name, number or 1) not in scored:
                yield f"{name}, object {number or 1}"


class _Unit(NamedTuple):
    """One thing that is averaged: an object, a sequence, a group, or everything."""

    labels: dict[str, Any]
    J: Statistics
    F: Statistics

    def entry(self) -> dict[str, Any]:
        """Its row in summary.json."""
        scores = {"J": self.J._asdict(), "F": self.F._asdict()}
        return {**self.labels, **scores, "J&F": (self.J.mean + self.F.mean) / 2}


def _summarise(
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
