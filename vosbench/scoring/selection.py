"""A sequence's counts -> the rows that a protocol scores: which objects, on which frames."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from vosbench.errors import DataError
from vosbench.masks import VOID
from vosbench.protocols import check_numbered, or_use
from vosbench.scoring.assignment import best_assignment
from vosbench.scoring.counts import NONE, counts_early
from vosbench.scoring.figures import contour, region, taken

if TYPE_CHECKING:
    from vosbench.scoring.counts import Counts, Rows
    from vosbench.types import DatasetCard, ScoringProtocol

MOST_PROPOSALS = 20


class Selected(NamedTuple):
    """One object as a protocol scores it.

    frames: their names, in order. rows: its counts on them. slots: among how many frames its mean
    is taken; those without a row count 0. proposal: the predicted id that was matched with it.
    """

    number: int
    frames: tuple[str, ...]
    rows: Rows
    slots: int
    proposal: int


class Selection(NamedTuple):
    """What a protocol scores in a sequence.

    unscored: objects that no frame scores. extra: predicted ids that are left out, as its scorer
    does.
    """

    objects: tuple[Selected, ...]
    unscored: tuple[str, ...]
    extra: tuple[int, ...]


def select(
    counts: Counts, protocol: ScoringProtocol, card: DatasetCard, *, held: bool = False
) -> Selection:
    """Choose the rows of a sequence, those of copy-first if `held`.

    Raises:
        DataError: a frame that counts has no mask, or one that does not fit; lists all faults.
    """
    rows = (counts.held or {}) if held else counts.rows
    places = _Rows(rows)
    numbers = _objects(counts, protocol, card, rows)
    frames = {number: _frames(counts, protocol, number) for number in numbers}
    scored = {place for kept in frames.values() for place in kept}
    by_id = protocol.objects not in ("united", "proposals")
    strange = _strange(places.objects(), rows, numbers, scored) if by_id and not held else {}
    faults = list(_faults(counts, protocol, scored))
    if protocol.extra_ids == "refused":
        faults += _refused(counts, protocol, card, numbers, strange)
    if faults:
        raise DataError(faults)
    matched = _matched(places, numbers) if protocol.objects == "proposals" else {}
    chosen: list[Selected] = []
    unscored: list[str] = []
    seen = set(counts.rows["object"][counts.rows["truth"] > 0].tolist())
    for number in numbers:
        kept = frames[number]
        proposal = matched.get(number, number)
        at = places.of(number, proposal, kept)
        if protocol.frames == "from-sight":
            at, kept = _from_sight(rows, at, kept)
        if not kept:
            unscored.append(f"{counts.sequence}, object {number}")
            continue
        names = tuple(counts.frames[place] for place in kept)
        chosen.append(
            Selected(
                number, names, taken(rows, at), _slots(counts, protocol, number, kept), proposal
            )
        )
    late = sorted(seen - set(numbers)) if by_id else []
    lacking = "its list lacks it" if protocol.objects == "listed" else "no prompt has it"
    unscored += [f"{counts.sequence}, object {number} ({lacking})" for number in late]
    extra = tuple(sorted({number for ids in strange.values() for number in ids}))
    return Selection(tuple(chosen), tuple(unscored), extra)


class _Rows:
    """Finds the rows of an object on some frames."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._slices: dict[tuple[int, int], tuple[int, int]] = {}
        if len(rows["object"]):
            pairs = np.stack([rows["object"], rows["proposal"]], 1)
            starts = np.flatnonzero(np.r_[True, (pairs[1:] != pairs[:-1]).any(1)]).tolist()
            for start, end in zip(starts, [*starts[1:], len(pairs)], strict=True):
                self._slices[int(pairs[start, 0]), int(pairs[start, 1])] = (start, end)

    def objects(self) -> set[int]:
        return {number for number, _ in self._slices}

    def proposals(self) -> set[int]:
        return {proposal for _, proposal in self._slices}

    def all(self, number: int, proposal: int) -> slice:
        return slice(*self._slices.get((number, proposal), (0, 0)))

    def of(self, number: int, proposal: int, places: Collection[int]) -> npt.NDArray[np.intp]:
        where = self.all(number, proposal)
        column = self.rows["place"][where]
        wanted = np.fromiter(places, np.int64)
        found: npt.NDArray[np.intp] = np.searchsorted(column, wanted)
        assert np.array_equal(column[found], wanted), "a frame that was not counted"
        found += where.start
        return found


def _objects(
    counts: Counts, protocol: ScoringProtocol, card: DatasetCard, rows: Rows
) -> tuple[int, ...]:
    """The objects that a protocol scores, whether seen or not."""
    which = protocol.objects
    if which == "united":
        return (1,)
    if which == "numbered":
        first = counts.frames[counts.start] if counts.frames else ""
        what = f"{counts.sequence}, annotation {first}"
        check_numbered(counts.first, what, card, protocol)
    if which in ("numbered", "first"):
        return counts.first
    if which == "prompted":
        return tuple(sorted(counts.prompts))
    if which == "listed":
        return tuple(sorted(counts.listed)) or tuple(sorted(counts.prompts))
    found = set(rows["object"][rows["truth"] > 0].tolist()) - {NONE}
    if which == "proposals":
        check_numbered(found, f"{counts.sequence}, its truth", card, protocol)
    return tuple(sorted(found | set(counts.stored or ()) | set(counts.prompts)))


def _frames(counts: Counts, protocol: ScoringProtocol, number: int) -> tuple[int, ...]:
    """The places of the frames that count for an object; `from-sight` may cut the start yet."""
    if protocol.frames == "own-range":
        return _own_range(counts, protocol, number)
    places = tuple(range(len(counts.frames)))
    if counts.stored is not None and number in counts.stored:
        places = counts.stored[number]
    if protocol.frames != "but-prompt" and not counts_early(protocol):
        places = tuple(place for place in places if place >= counts.start)
    kept = places[protocol.drop_first : len(places) - protocol.drop_last]
    if protocol.frames in ("after-prompt", "but-prompt"):
        united = protocol.objects == "united"
        prompted = {*counts.prompts.values()} if united else {counts.prompts.get(number, -1)}
        since = min(prompted, default=-1) if protocol.frames == "after-prompt" else -1
        kept = tuple(p for p in kept if counts.places[p] > since)
        kept = tuple(p for p in kept if counts.places[p] not in prompted)
    if protocol.frames == "from-sight":
        seen = counts.rows["place"][(counts.rows["object"] == number) & (counts.rows["truth"] > 0)]
        unread = {*counts.missing, *counts.faults}
        may_show = {*seen.tolist(), *(p for p in kept if counts.frames[p] in unread)}
        if not may_show & set(kept):
            return ()
    return kept


def _own_range(counts: Counts, protocol: ScoringProtocol, number: int) -> tuple[int, ...]:
    """The frames of an object's range in the dataset's list, less the first and the last."""
    listed = counts.listed.get(number)
    if listed is None or listed.frames is None or listed.frame_count is None:
        raise DataError(
            f"{counts.sequence}, object {number}: protocol {protocol.name} needs its range of "
            "frames, which the dataset's meta file lacks"
        )
    last = listed.frame_count - 1
    names = [name for at, name in enumerate(listed.frames) if at not in (0, last)]
    at = {name: place for place, name in enumerate(counts.frames)}
    if absent := [name for name in names if name not in at]:
        raise DataError(
            f"{counts.sequence}, object {number}: the meta file lists frame {absent[0]}, which is "
            "not annotated"
        )
    return tuple(at[name] for name in names)


def _slots(counts: Counts, protocol: ScoringProtocol, number: int, kept: Collection[int]) -> int:
    if protocol.frames != "own-range":
        return len(kept)
    count = counts.listed[number].frame_count
    return max(len(kept), (count or 0) - 2)


def _from_sight(
    rows: Rows, at: npt.NDArray[np.intp], kept: tuple[int, ...]
) -> tuple[npt.NDArray[np.intp], tuple[int, ...]]:
    """The frames from the first one on that shows the object in truth or prediction."""
    shown = np.flatnonzero(rows["truth"][at] + rows["prediction"][at])
    start = int(shown[0]) if len(shown) else len(at)
    return at[start:], kept[start:]


def _faults(counts: Counts, protocol: ScoringProtocol, places: Collection[int]) -> Iterator[str]:
    """What is wrong with the frames that count, one line a cause."""
    needed = {counts.frames[place] for place in places}
    if needed and counts.absent:
        yield counts.absent
        return
    missing = [name for name in counts.missing if name in needed]
    if missing and len(missing) == len(needed) and counts.strange:
        yield (
            f"{counts.masks} holds none of the {len(needed)} masks {missing[0]}.png to "
            f"{missing[-1]}.png but {len(counts.strange)} others, such as {counts.strange[0]}.png; "
            "name each mask like its frame"
        )
    elif missing:
        some = ", ".join(f"{name}.png" for name in missing[:5])
        yield (
            f"{len(missing)} of {len(needed)} masks are missing in {counts.masks}: "
            f"{some}{', ...' if len(missing) > 5 else ''}"
        )
    yield from (fault for name, fault in counts.faults.items() if name in needed)
    if protocol.objects == "proposals":
        numbers = set(counts.rows["proposal"].tolist())
        if numbers and max(numbers) > MOST_PROPOSALS:
            yield (
                f"masks {counts.masks} have ids up to {max(numbers)}, but protocol "
                f"{protocol.name} takes at most {MOST_PROPOSALS} proposals"
            )


def _matched(places: _Rows, numbers: Collection[int]) -> dict[int, int]:
    """Object -> the proposal that it gets: the sum of the means of J&F is highest."""
    top = max((number for number in places.proposals()), default=0)
    columns = range(1, max(top, len(numbers)) + 1)
    known = places.proposals()
    proposals = [number if number in known else NONE for number in columns]
    scores = []
    for number in numbers:
        means: dict[int, float] = {}
        for proposal in set(proposals):
            where = places.all(number, proposal)
            rows = {name: column[where] for name, column in places.rows.items()}
            means[proposal] = float((region(rows, "iou").mean() + contour(rows).mean()) / 2)
        scores.append([means[proposal] for proposal in proposals])
    return {
        number: proposals[column]
        for number, column in zip(numbers, best_assignment(scores), strict=True)
    }


def _strange(
    known: Collection[int], rows: Rows, numbers: Collection[int], places: Collection[int]
) -> dict[int, tuple[int, ...]]:
    """Place of a scored frame -> predicted ids there that are no object of the protocol.

    known: the ids that have rows.
    """
    if set(known) <= {*numbers}:
        return {}
    odd = (rows["prediction"] > 0) & ~np.isin(rows["object"], list(numbers))
    found: dict[int, list[int]] = {}
    for place, number in zip(
        rows["place"][odd].tolist(), rows["object"][odd].tolist(), strict=True
    ):
        if place in places:
            found.setdefault(place, []).append(number)
    return {place: tuple(sorted(ids)) for place, ids in sorted(found.items())}


def _refused(
    counts: Counts,
    protocol: ScoringProtocol,
    card: DatasetCard,
    numbers: tuple[int, ...],
    strange: dict[int, tuple[int, ...]],
) -> Iterator[str]:
    """What is wrong with masks that have ids of no object."""
    rows = counts.rows
    shown = (rows["prediction"] > 0) & np.isin(rows["object"], numbers)
    with_objects = set(rows["place"][shown].tolist())
    for place, ids in strange.items():
        what = f"mask {counts.masks}/{counts.frames[place]}.png"
        if ids == (VOID,) and len(numbers) == 1 and place not in with_objects:
            yield (
                f"{what} has the values 0 and 255, but protocol {protocol.name} expects object "
                f"ids: write {numbers[0]} instead of 255{or_use(card, 'united')}"
            )
        else:
            yield (
                f"{what} has the ids {list(ids)}, but protocol {protocol.name} scores only the "
                f"objects {sorted(numbers)} of {counts.sequence}"
            )
