"""Score masks on disk against the truth, by a protocol: scores.csv and summary.json.

Reads `masks/<sequence>/<frame name>.png`, each file once, one frame at a time, and averages the
scores. All faults of all sequences are reported together.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from zlib_ng.zlib_ng import crc32

from vosbench.errors import DataError
from vosbench.files import write_json, write_text
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
    tasks, unscored = find_tasks(dataset, names, masks, protocol)
    rows: list[Score] = []
    held: list[Score] = []
    faults: list[str] = []
    crc = 0  # scores of other truth, resolution or frames have another; costs next to nothing
    for name in names:
        if name in tasks:
            task = tasks[name]
            for pair in read_pairs(task, masks / name, faults, hold=baseline):
                crc = crc32(np.ascontiguousarray(pair.truth), crc)
                if faults:
                    continue  # no scores will be given, but find all faults
                rows += measure(task, pair, pair.prediction)
                if pair.held is not None:
                    held += measure(task, pair, pair.held)
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
        **summarise(rows, tasks, protocol),
        "copy_first": None,
        "unscored": [*unscored, *_never_scored(rows, tasks)],
    }
    if held:
        still = summarise(held, tasks, protocol)
        summary["copy_first"] = {key: still[key] for key in ("J", "F", "J&F")}
    return Evaluation(tuple(rows), summary)


def _official(dataset: Dataset) -> int:
    """Official size of the split, or the number found on disk if the card gives none."""
    card, split = dataset.card, dataset.split
    return len(card.splits.get(split, ())) or card.counts.get(split, len(dataset.names))


def _never_scored(rows: Iterable[Score], tasks: Mapping[str, Task]) -> Iterator[str]:
    """Objects that no frame scores, e.g. those of a prompt on the last frame."""
    scored = {(row.sequence, row.object) for row in rows}
    for name, task in tasks.items():
        for number in task.since:
            if (name, number or 1) not in scored:
                yield f"{name}, object {number or 1}"
