"""Check a dataset on disk against its card: decode every file, list every fault with its file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

from vosbench.errors import DataError, one_a_cause
from vosbench.masks import VOID
from vosbench.protocols import check_numbered
from vosbench.resolve import fits_better
from vosbench.toolbox.datasets.annotations import shown
from vosbench.toolbox.datasets.layout import shape, size_fault
from vosbench.types import Auditable, Audited, Dataset, DatasetCard, Sequence

MOST_LINES = 100  # of faults, for people
Progress = Callable[[str], None]  # called with the sequence that was just read


@dataclass(frozen=True, kw_only=True)
class SequenceCount:
    """What one sequence holds.

    masks: annotations on disk. pairs: annotations that decode and have their frame's size.
    objects: every id in a truth or a prompt. sizes: every "HxW" among the frames.
    """

    name: str
    frames: int
    masks: int
    pairs: int
    prompts: int
    objects: tuple[int, ...]
    sizes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """Counts per sequence, faults (something is wrong) and notes (something worth knowing)."""

    dataset: str
    split: str
    sequences: tuple[SequenceCount, ...]
    faults: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether no fault was found."""
        return not self.faults

    def as_json(self) -> dict[str, Any]:
        """The report as plain lists and dicts, for JSON."""
        return {"ok": self.ok} | asdict(self)

    def __str__(self) -> str:
        width = max((len(each.name) for each in self.sequences), default=0)
        rows = [
            f"{each.name:{width}}  {each.frames} frames, {each.masks} masks, {each.pairs} pairs, "
            f"ids {', '.join(map(str, each.objects)) or 'none'}, {' and '.join(each.sizes)}"
            for each in self.sequences
        ]
        total = (
            f"{self.dataset} {self.split}: {len(self.sequences)} sequences, "
            f"{sum(each.frames for each in self.sequences)} frames, "
            f"{sum(each.masks for each in self.sequences)} masks, "
            f"{sum(len(each.objects) for each in self.sequences)} objects"
        )
        notes = [f"note: {note}" for note in self.notes]
        causes = one_a_cause(self.faults)
        faults = [f"fault: {fault}" for fault in causes[:MOST_LINES]]
        if rest := causes[MOST_LINES:]:
            faults.append(f"... and {len(rest)} more; --json lists all")
        verdict = f"{len(self.faults)} faults" if faults else "no fault found"
        return "\n".join((*rows, total, *notes, *faults, verdict))


def check_dataset(dataset: Dataset, *, progress: Progress | None = None) -> CheckReport:
    """Read everything in a split and compare it with the card; a fault does not stop it.

    Args:
        dataset: an opened dataset.
        progress: called with the name of each sequence after reading it.
    """
    counts: list[SequenceCount] = []
    notes: list[str] = []
    faults: dict[str, None] = {}  # ordered, and the same fault found twice is one
    for name in dataset.names:
        audited = _audit(dataset, name)
        faults |= dict.fromkeys(audited.faults)
        if audited.sequence is not None:
            counted, found = _count(dataset, audited.sequence, notes)
            counts.append(counted)
            faults |= dict.fromkeys(found)
        if progress:
            progress(name)
    return CheckReport(
        dataset=dataset.card.name,
        split=dataset.split,
        sequences=tuple(counts),
        faults=tuple(faults),
        notes=(*_notes(dataset), *notes),
    )


def _audit(dataset: Dataset, name: str) -> Audited:
    """The sequence as far as it can be built; datasets without `audit` give all or nothing."""
    try:
        if isinstance(dataset, Auditable):
            return dataset.audit(name)
        return Audited(dataset.sequence(name), ())
    except DataError as error:
        return Audited(None, error.faults)


def _count(
    dataset: Dataset, sequence: Sequence, notes: list[str]
) -> tuple[SequenceCount, list[str]]:
    """Decode a sequence frame by frame; give its counts and faults, add to the notes."""
    card, where = dataset.card, f"{dataset.card.name}/{sequence.name}"
    faults: list[str] = []
    prompts = _prompts(sequence, card, where, faults)
    told = bool(prompts)  # else the fault of the prompts is told
    objects: set[int] = set()
    given: set[int] = set()
    unknown: dict[tuple[int, ...], list[int]] = {}  # ids that no prompt has -> their frames
    sizes: dict[str, None] = {}
    frames = pairs = 0
    for index, size, fault in _frame_sizes(sequence):
        faults += fault
        frames = index + 1
        if size:
            sizes[f"{size[0]}x{size[1]}"] = None
        given |= prompts.get(index, set())
        if index not in sequence.truth:
            continue
        try:
            mask = sequence.truth[index]
        except DataError as error:
            faults += error.faults
            continue
        found = shown(mask) - ({VOID} if card.protocols[0].objects == "numbered" else set())
        objects |= found
        if found - given:
            unknown.setdefault(tuple(sorted(found - given)), []).append(index)
        if size:
            file, frame = _file(sequence.truth, index), _file(sequence.frames, index)
            wrong = size_fault(file, shape(mask), frame, size, where)
            faults += wrong
            pairs += not wrong
    if told and card.protocols[0].objects != "united":
        ignored = card.protocols[0].extra_ids == "ignored"
        lines = [_unprompted(sequence, unknown[numbers], numbers, where) for numbers in unknown]
        (notes if ignored else faults).extend(lines)
    notes += [*sequence.unknown_frames(), *_unannotated(sequence, where)]
    faults += _miscounted(dataset, sequence, frames, len(objects | given), where)
    counted = SequenceCount(
        name=sequence.name,
        frames=frames,
        masks=len(sequence.truth) or len(prompts),
        pairs=pairs,
        prompts=len(prompts),
        objects=tuple(sorted(objects | given)),
        sizes=tuple(sizes),
    )
    return counted, faults


def _prompts(
    sequence: Sequence, card: DatasetCard, where: str, faults: list[str]
) -> dict[int, set[int]]:
    """Frame index -> the ids that start there; the prompts' faults are added to `faults`."""
    try:
        prompts = {index: shown(sequence.prompts[index]) for index in sorted(sequence.prompts)}
    except DataError as error:
        faults += error.faults
        return {}
    if not prompts:
        faults.append(f"{where} has no prompt: no annotation shows an object to start from")
    elif card.protocols[0].objects == "numbered":
        first = min(prompts)
        what = f"{where}: annotation {_file(sequence.truth, first)}"
        try:
            check_numbered(prompts[first], what, card, card.protocols[0])
        except DataError as error:
            faults += error.faults
    return prompts


def _unprompted(
    sequence: Sequence, indices: list[int], numbers: tuple[int, ...], where: str
) -> str:
    """The fault of annotations that show ids which no prompt has."""
    has = "has the ids" if len(indices) == 1 else f"and {len(indices) - 1} more have the ids"
    return (
        f"annotation {_file(sequence.truth, indices[0])} {has} {list(numbers)}, which no prompt so "
        f"far has ({where})"
    )


def _unannotated(sequence: Sequence, where: str) -> Iterator[str]:
    """Frames that the dataset's lists name for an object and that have no annotation."""
    annotated = {sequence.frame_names[index] for index in sequence.truth}
    lacks = set(sequence.frame_names) - annotated
    for number, listed in sequence.objects.items() if annotated else ():
        if lacking := [name for name in listed.frames or () if name in lacks]:
            yield (
                f"object {number} of {where}: {len(lacking)} of the {len(listed.frames or ())} "
                f"frames that its list names have no annotation, such as {lacking[0]}"
            )


def _miscounted(
    dataset: Dataset, sequence: Sequence, frames: int, objects: int, where: str
) -> Iterator[str]:
    """Counts that differ from the card's or from the sequence's own."""
    official = dataset.card.frames.get(sequence.name, frames)
    if frames != official:
        yield f"{where} has {frames} frames, the card says {official}"
    if frames != len(sequence.frame_names):
        yield f"{where} has {frames} frames for {len(sequence.frame_names)} frame names"
    expected = dataset.objects.get(sequence.name) if isinstance(dataset, Auditable) else None
    if expected is not None and objects != expected:
        yield f"{where} has {objects} objects, {dataset.card.title} has {expected}"


def _frame_sizes(sequence: Sequence) -> Iterator[tuple[int, tuple[int, int] | None, list[str]]]:
    """(index, (h, w) or None, faults) of every frame.

    Files go on after a damaged one; a stream ends there.
    """
    streams = not hasattr(sequence.frames, "paths")
    stream = iter(sequence.frames) if streams else None
    for index in count():
        try:
            if stream is not None:
                frame = next(stream)
            elif index < len(sequence.frames):
                frame = sequence.frames[index]
            else:
                return
        except StopIteration:
            return
        except DataError as error:
            yield index, None, list(error.faults)
            if streams:
                return
            continue
        yield index, (frame.shape[0], frame.shape[1]), []


def _file(source: object, index: int) -> str:
    """The file behind a frame or mask, or its index if it has no file."""
    paths = getattr(source, "paths", None)
    if paths is None:
        return str(getattr(source, "path", "")) + f"[{index}]"
    path = paths[index]
    return ", ".join(map(str, path)) if isinstance(path, tuple) else str(path)


def _notes(dataset: Dataset) -> Iterator[str]:
    """Sequences that the card has and the list lacks, or the other way round; then its notes."""
    card = dataset.card
    official = card.splits.get(dataset.split, ())
    count = card.counts.get(dataset.split, len(dataset.names))
    if not official and count != len(dataset.names):
        yield f"sequences here: {len(dataset.names)}; the split has {count}"
    if official:
        here = sum(name in official for name in dataset.names)
        if here < len(official):
            yield f"{here} of the card's {len(official)} sequences are listed"
        extra = [name for name in dataset.names if name not in official]
        if extra:
            yield f"not on the card: {', '.join(extra)}"
    if hint := fits_better(dataset):
        yield hint
    if isinstance(dataset, Auditable):
        yield from dataset.notes
