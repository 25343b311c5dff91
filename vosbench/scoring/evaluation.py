"""Score masks on disk against the truth, by a protocol: scores.csv and summary.json.

Reads `masks/<sequence>/<frame name>.png`, each file once, one frame at a time, and averages the
scores. All faults of all sequences are reported together; they cost only their own sequence.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from zlib_ng.zlib_ng import crc32

from vosbench.errors import DataError, IncompleteScoresError
from vosbench.files import jsonable, write_json, write_text
from vosbench.masks import VOID, ids
from vosbench.provenance import VERSION
from vosbench.resolve import choose_sequences
from vosbench.scoring.measure import Score, measure
from vosbench.scoring.pairs import Task, find_tasks, read_pairs
from vosbench.scoring.summarise import summarise

if TYPE_CHECKING:
    from vosbench.types import Dataset, ScoringProtocol


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


def score_masks(
    dataset: Dataset,
    masks: Path,
    *,
    protocol: ScoringProtocol,
    sequences: tuple[str, ...] | None = None,
    baseline: bool = False,
    made: Mapping[str, str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Evaluation:
    """Score the masks of a method against a dataset's truth.

    sequences: names to score, all by default. baseline: also score copy-first, which repeats the
    prompts, as `copy_first` in the summary. made: sequence -> `masks_sha256` of the run that made
    the masks, to be held against them. progress: called with each sequence that is done.

    Raises:
        UsageError: a sequence is not in the dataset.
        TruthWithheldError: the split has no annotations to score against.
        DataError: masks are missing or do not fit the truth; lists every fault.
        IncompleteScoresError: such a DataError where other sequences fit; it holds their scores,
            the same as if only they had been asked for.
    """
    listed = choose_sequences(dataset.names, sequences or ())
    tasks, unscored, failed = find_tasks(dataset, listed, masks, protocol)
    scored: list[_Scored] = []
    crc = 0  # scores of other truth, resolution or frames have another; costs next to nothing
    for name in listed:
        if name in tasks:
            sha256 = made.get(name, "") if made else ""
            one = _score(tasks[name], masks / name, crc, baseline=baseline, made=sha256)
            if one.faults:
                failed[name] = tuple(one.faults)
                del tasks[name]
            else:
                scored.append(one)
                crc = one.crc
        if progress:
            progress(name)
    if failed and not tasks:
        raise DataError([fault for faults in failed.values() for fault in faults])
    names = [name for name in listed if name not in failed]
    rows = [row for one in scored for row in one.rows]
    held = [row for one in scored for row in one.held]
    place = {name: index for index, name in enumerate(names)}
    for scores in (rows, held):
        scores.sort(key=lambda row: (place[row.sequence], row.object))  # frames stay in order
    summary = {
        "vosbench": VERSION,
        "protocol": jsonable(protocol),
        "dataset": {
            "name": dataset.card.name,
            "split": dataset.split,
            "sequences": len(names),
            "card_sequences": _official(dataset),
            "truth_crc32": f"{crc:08x}",
            "list_sha256": hashlib.sha256("\n".join(names).encode()).hexdigest(),
        },
        **summarise(rows, tasks, protocol),
        "copy_first": None,
        "unscored": [*unscored, *_never_scored(rows, tasks), *_late(scored)],
    }
    if failed:
        summary["failed"] = {
            name: str(DataError(failed[name])) for name in listed if name in failed
        }
    if held:
        still = summarise(held, tasks, protocol)
        summary["copy_first"] = {key: still[key] for key in ("J", "F", "J&F")}
    evaluation = Evaluation(tuple(rows), summary)
    if failed:
        raise IncompleteScoresError({n: failed[n] for n in listed if n in failed}, evaluation)
    return evaluation


class _Scored(NamedTuple):
    """The rows of one sequence and of copy-first on it, or its faults.

    late: ids that only later truth shows, so that no prompt has them and nothing scores them.
    """

    name: str
    rows: list[Score]
    held: list[Score]
    faults: list[str]
    late: set[int]
    crc: int


def _score(task: Task, folder: Path, crc: int, *, baseline: bool, made: str) -> _Scored:
    """Score one sequence; crc: of the truth so far."""
    rows: list[Score] = []
    held: list[Score] = []
    faults: list[str] = []
    late: set[int] = set()
    known = {number for number in task.since if number is not None}
    for pair in read_pairs(task, folder, faults, hold=baseline, made=made):
        crc = crc32(np.ascontiguousarray(pair.truth), crc)
        if faults:
            continue  # no scores will be given, but find all faults
        rows += measure(task, pair, pair.prediction)
        if pair.held is not None:
            held += measure(task, pair, pair.held)
        if known and (pair.truth.max() > len(known) or max(known) > len(known)):
            late.update(set(ids(pair.truth)) - known - {VOID})
    return _Scored(task.sequence.name, rows, held, faults, late, crc)


def _official(dataset: Dataset) -> int:
    """Official size of the split, or the number found on disk if the card gives none."""
    card, split = dataset.card, dataset.split
    return len(card.splits.get(split, ())) or card.counts.get(split, len(dataset.names))


def _late(scored: Iterable[_Scored]) -> Iterator[str]:
    """Objects of the truth that no prompt has."""
    for one in scored:
        for number in sorted(one.late):
            yield f"{one.name}, object {number} (no prompt has it)"


def _never_scored(rows: Iterable[Score], tasks: Mapping[str, Task]) -> Iterator[str]:
    """Objects that no frame scores, e.g. those of a prompt on the last frame."""
    scored = {(row.sequence, row.object) for row in rows}
    for name, task in tasks.items():
        for number in task.since:
            if (name, number or 1) not in scored:
                yield f"{name}, object {number or 1}"
