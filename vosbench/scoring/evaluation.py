"""Score masks on disk against the truth, by a protocol: scores.csv and summary.json.

What is counted once is kept as counts.csv, and other protocols are computed from it. All faults of
all sequences are reported together; they cost only their own sequence.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from zlib_ng.zlib_ng import crc32

from vosbench.errors import DataError, IncompleteScoresError, TruthWithheldError
from vosbench.files import fingerprint, jsonable, write_json, write_text
from vosbench.provenance import VERSION
from vosbench.resolve import choose_sequences, fits_better
from vosbench.scoring import counts as counting
from vosbench.scoring.counts import Counts, What, what_to_count
from vosbench.scoring.figures import emptied
from vosbench.scoring.kept import fresh, of_dataset
from vosbench.scoring.measure import measure
from vosbench.scoring.selection import Selected, Selection, select
from vosbench.scoring.summarise import Member, Score, scores_of, summarise
from vosbench.stored import open_stored

if TYPE_CHECKING:
    from vosbench.scoring.counts import Rows
    from vosbench.stored import StoredMasks
    from vosbench.types import Dataset, ScoringProtocol

Outcome = tuple[str, "Counts | DataError"]
# gives the counts of some sequences, or their faults, in any order
Measuring = Callable[[Collection[str], What], Iterator[Outcome]]


@dataclass(frozen=True)
class Evaluation:
    """Scores per frame, ordered by sequence, object, frame, and their averages.

    summary: what summary.json holds beside what was scored and its seal. counts: what they were
        made of.
    """

    rows: tuple[Score, ...]
    summary: dict[str, Any]
    counts: tuple[Counts, ...] = ()
    what: What = field(default_factory=What)
    of: Mapping[str, str] = field(default_factory=dict)
    all_kept_in: Path | None = None

    def write(self, folder: Path, *, scored: Mapping[str, Any] | None = None) -> None:
        """Write scores.csv and summary.json, each in one piece.

        scored: of what, as `results.told_of` says it; the seal holds it and both files together.
        """
        folder.mkdir(parents=True, exist_ok=True)
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(Score._fields)
        writer.writerows(self.rows)
        write_text(folder / "scores.csv", table.getvalue())
        summary = {**self.summary, "scored": dict(scored or {})}
        sha256 = hashlib.sha256(table.getvalue().encode()).hexdigest()
        seal = {"summary_sha256": fingerprint(summary), "scores_sha256": sha256}
        write_json(folder / "summary.json", {**summary, "seal": seal})

    def write_counts(self, folder: Path) -> None:
        """Write counts.csv and counts.json, each in one piece; those of other sequences stay.

        Where all were kept there already, nothing is written.
        """
        if folder == self.all_kept_in:
            return
        kept = counting.read(folder, self.what, self.of)
        kept |= {one.sequence: one for one in self.counts}
        counting.write(folder, self.what, self.of, kept.values())


def score_masks(
    dataset: Dataset,
    masks: Path,
    *,
    protocol: ScoringProtocol,
    sequences: tuple[str, ...] | None = None,
    baseline: bool = False,
    made: Mapping[str, str] | None = None,
    bands: bool = False,
    kept: Collection[Path] = (),
    measuring: Measuring | None = None,
    progress: Callable[[str], None] | None = None,
) -> Evaluation:
    """Score the masks of a method against a dataset's truth.

    masks: what `open_stored` takes. sequences: names to score, all by default. baseline: also score
    copy-first, which repeats the prompts, as `copy_first` in the summary. made: sequence ->
    `masks_sha256` of the run that made the masks, to be held against them. bands: also Boundary
    IoU. kept: folders whose counts are used where masks and truth have not changed since.
    measuring: counts sequences elsewhere, in other processes. progress: called with each sequence
    that is done.

    Raises:
        UsageError: a sequence is not in the dataset.
        TruthWithheldError: the split has no annotations to score against.
        DataError: masks are missing or do not fit the truth; lists every fault.
        IncompleteScoresError: such a DataError where other sequences fit; it holds their scores,
            the same as if only they had been asked for.
    """
    listed = choose_sequences(dataset.names, sequences or ())
    what = what_to_count(dataset.card, protocol, bands=bands)
    of = of_dataset(dataset)
    stored = open_stored(masks)
    counted: dict[str, Counts] = {}
    failed: dict[str, tuple[str, ...]] = {}
    sources: set[Path] = set()
    for folder in kept:
        for name, one in counting.read(folder, what, of).items():
            wanted = name in listed and name not in counted
            if wanted and fresh(one, dataset, stored, made, hold=baseline):
                counted[name] = replace(one, masks=str(stored.path / name))
                sources.add(folder)
                if progress:
                    progress(name)
    missing = [name for name in listed if name not in counted]
    measuring = measuring or measured_here(dataset, stored, hold=baseline, made=made)
    for name, outcome in measuring(missing, what) if missing else ():
        if isinstance(outcome, DataError):
            failed[name] = outcome.faults
        else:
            counted[name] = outcome
        if progress:
            progress(name)
    scored = Scored(dataset, protocol, [counted[name] for name in listed if name in counted])
    failed |= scored.failed
    failed = {name: failed[name] for name in listed if name in failed}
    _refuse_nothing(dataset, protocol, scored, failed)
    evaluation = scored.evaluation(failed, what, of, baseline=baseline)
    if not missing and len(sources) == 1:
        evaluation = replace(evaluation, all_kept_in=sources.pop())
    if failed:
        raise IncompleteScoresError(failed, evaluation, evaluation.summary.get("zero", ()))
    return evaluation


def measured_here(
    dataset: Dataset,
    stored: StoredMasks,
    *,
    hold: bool = False,
    made: Mapping[str, str] | None = None,
) -> Measuring:
    """Count sequences one after another in this process."""

    def measuring(names: Collection[str], what: What) -> Iterator[Outcome]:
        for name in names:
            try:
                sequence = dataset.sequence(name)
                sha256 = made.get(name, "") if made else ""
                yield name, measure(sequence, stored, what, hold=hold, made=sha256)
            except DataError as error:
                yield name, error

    return measuring


def _refuse_nothing(
    dataset: Dataset,
    protocol: ScoringProtocol,
    scored: Scored,
    failed: Mapping[str, tuple[str, ...]],
) -> None:
    """Raise where no sequence has a score."""
    where = f"{dataset.card.name} ({dataset.split})"
    if not failed and all(one.annotations <= 1 for one in scored.counts):
        of = [each.name for each in dataset.card.submissions if dataset.split in each.splits]
        how = f": vosbench pack --for {of[0]} writes what it takes" if of else ""
        raise TruthWithheldError(
            f"{where} has no truth to score against: only its prompts are annotated; annotate "
            f"more frames of your own data, or score the masks where the truth is (a server){how}"
        )
    if any(member.objects for member in scored.members):
        return
    if failed:
        raise DataError([fault for faults in failed.values() for fault in faults])
    raise DataError(f"{where}: no sequence has a frame that protocol {protocol.name} scores")


_FEW = 5  # lines on what lies beside the masks; whole sets of results have the same everywhere


class Scored:
    """Sequences as a protocol scores them, and the faults of those that it cannot."""

    def __init__(self, dataset: Dataset, protocol: ScoringProtocol, counts: list[Counts]) -> None:
        self.dataset, self.protocol, self.counts = dataset, protocol, counts
        self.members: list[Member] = []
        self.held: list[Member] = []
        self.selections: dict[str, Selection] = {}
        self.failed: dict[str, tuple[str, ...]] = {}
        for one in counts:
            try:
                chosen = select(one, protocol, dataset.card)
                self.selections[one.sequence] = chosen
                self.members.append(_member(one, chosen))
                if one.held is not None:
                    held = select(one, protocol, dataset.card, held=True)
                    self.held.append(_member(one, held))
            except DataError as error:
                self.failed[one.sequence] = error.faults

    def evaluation(
        self,
        failed: Mapping[str, tuple[str, ...]],
        what: What,
        of: Mapping[str, str],
        *,
        baseline: bool,
    ) -> Evaluation:
        """The scores and everything that summary.json tells."""
        protocol, dataset = self.protocol, self.dataset
        rows = [row for member in self.members for row in scores_of(member, protocol)]
        zero = self._zero(failed)
        scored = [one for one in self.counts if one.sequence in self.selections]
        names = [one.sequence for one in scored]
        crc = 0  # of other truth, resolution or frames there is another
        for one in scored:
            crc = crc32(one.truth_crc32.encode(), crc)
        summary = {
            "vosbench": VERSION,
            "protocol": jsonable(protocol),
            "dataset": {
                "name": dataset.card.name,
                "split": dataset.split,
                "sequences": len(names) + len(zero),
                "card_sequences": _official(dataset),
                "truth_crc32": f"{crc:08x}",
                "list_sha256": hashlib.sha256("\n".join(names).encode()).hexdigest(),
            },
            **self.means(failed),
            "copy_first": _means(self.held, protocol) if baseline and self.held else None,
            "no_prediction": _means(list(self._blank()), protocol),
            "unscored": list(self._unscored()),
        }
        if notes := list(self._notes(zero)):
            summary["notes"] = notes
        if zero:
            summary["zero"] = [member.sequence for member in zero]
        if failed:
            summary["failed"] = {name: str(DataError(failed[name])) for name in failed}
        return Evaluation(tuple(rows), summary, tuple(self.counts), what, of)

    def _blank(self) -> Iterator[Member]:
        """The same with nothing predicted; some protocols choose by what is predicted."""
        by_masks = self.protocol.objects == "proposals" or self.protocol.frames == "from-sight"
        for one in self.counts:
            if one.sequence not in self.selections:
                continue
            if by_masks:
                chosen = select(_emptied(one), self.protocol, self.dataset.card)
            else:
                chosen = self.selections[one.sequence]
                objects = [each._replace(rows=_without(one, each.rows)) for each in chosen.objects]
                chosen = chosen._replace(objects=tuple(objects))
            yield _member(one, chosen)

    def means(self, failed: Collection[str]) -> dict[str, Any]:
        """The averages that summary.json holds; failed: the sequences that could not be scored."""
        return summarise(self.members, self.protocol, self._zero(failed))

    def _zero(self, failed: Collection[str]) -> list[Member]:
        """Sequences without masks, whose objects count as 0 if the protocol says so."""
        if self.protocol.missing != "zero":
            return []
        nothing = [one for one in self.counts if one.absent and not one.stamps["masks"]]
        return [_absent(one) for one in nothing if one.sequence in failed]

    def _unscored(self) -> Iterator[str]:
        """Sequences and objects that no frame scores."""
        for name, chosen in self.selections.items():
            if not chosen.objects:
                yield name
        for chosen in self.selections.values():
            if chosen.objects:
                yield from chosen.unscored

    def _notes(self, zero: Collection[Member]) -> Iterator[str]:
        """What a reader of the table must know."""
        if hint := fits_better(self.dataset):
            yield hint
        for member in zero:
            yield f"{member.sequence} has no masks and counts as 0, as its scorer has it"
        for name, chosen in self.selections.items():
            if chosen.extra:
                ids = ", ".join(map(str, chosen.extra))
                yield f"{name}: ids {ids} of the masks are no objects of the protocol; left out"
        flat = {one.sequence for one in self.counts if not one.apart}
        if lacking := [
            name
            for name, chosen in self.selections.items()
            for one in chosen.objects
            if one.number == 0 and name in flat and not one.rows["prediction"].any()
        ]:
            yield (
                f"object 0 is nowhere in the masks of {lacking[0]}: label maps cannot hold it, so "
                "write one PNG an object"
            )
        beside = [(one, line) for one in self.counts for line in one.beside]
        yield from (line for _, line in beside[:_FEW])
        if others := dict.fromkeys(one.sequence for one, _ in beside[_FEW:]):
            yield f"and so in more sequences, such as {next(iter(others))}: {len(others)} in all"
        void = {one.sequence: one.void_frames for one in self.counts if one.void_frames}
        if void:
            names = ", ".join(list(void)[:5]) + (", ..." if len(void) > 5 else "")
            how = "left out" if self.protocol.void == "ignored" else "counted as background"
            yield f"void (255) of the truth is {how}: {names}"


def _member(one: Counts, chosen: Selection) -> Member:
    """A sequence's objects with what is to be averaged over."""
    groups = {number: listed.group for number, listed in one.listed.items()}
    return Member(one.sequence, one.group, chosen.objects, groups)


def _emptied(one: Counts) -> Counts:
    """The same with nothing predicted but each prompt, in its frame."""
    return replace(one, rows=_without(one, one.rows))


def _without(one: Counts, rows: Rows) -> Rows:
    """Some rows of a sequence, with nothing predicted but each prompt, in its frame."""
    since = np.array([one.prompts.get(number, -1) for number in rows["object"].tolist()])
    shown = np.array(one.places, np.int64)[rows["place"]] == since
    return emptied(rows, shown)


def _absent(one: Counts) -> Member:
    """The objects of a sequence without masks."""
    objects = tuple(Selected(number, (), {}, 0, number) for number in one.listed or one.prompts)
    return _member(one, Selection(objects, (), ()))


def _means(members: Collection[Member], protocol: ScoringProtocol) -> dict[str, Any]:
    """The means alone of a baseline."""
    means = summarise(members, protocol)
    return {key: means[key] for key in ("J", "F", "J&F", "figures") if key in means}


def _official(dataset: Dataset) -> int:
    """Official size of the split, or the number found on disk if the card gives none."""
    card, split = dataset.card, dataset.split
    return len(card.splits.get(split, ())) or card.counts.get(split, len(dataset.names))
