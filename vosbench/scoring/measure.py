"""Count one sequence: each frame's masks and truth are read once, frame by frame."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from zlib_ng.zlib_ng import crc32

from vosbench.errors import DataError, NoMasksError
from vosbench.masks import (
    VOID,
    MasksDigest,
    ids,
    in_ids,
    joined,
    label_map,
    lay_masks,
    one_object,
    pixels,
    shift_fault,
    soft_fault,
    void_in,
)
from vosbench.metrics.band import band, band_width
from vosbench.metrics.boundary import contour_counts, disc, disc_mosev2, tolerance
from vosbench.metrics.crop import around
from vosbench.scoring.counts import NONE, Counts, Rows, What, as_rows
from vosbench.types import Layers

if TYPE_CHECKING:
    from vosbench.metrics.region import BoolMask
    from vosbench.stored import StoredMasks
    from vosbench.types import Masks, Sequence


_Key = tuple[int, int, int]  # object, proposal, index of the frame
_Row = tuple[int, ...]


class _Truth(NamedTuple):
    """The annotation of a frame; void: where it is none, None for nowhere."""

    masks: Masks
    void: BoolMask | None


def measure(
    sequence: Sequence,
    stored: StoredMasks,
    what: What,
    *,
    hold: bool = False,
    made: str = "",
) -> Counts:
    """Count one sequence of masks against its truth.

    hold: also count copy-first, which repeats the prompts.
    made: `masks_sha256` of the run that made the masks: then all of them are read, and it is a
        fault if they are not the same.

    Raises:
        DataError: the truth is not what it should be, or the masks are not those that the run made.
    """
    prompts = sequence.prompts
    start = min(prompts, default=0)
    since = 0 if what.before or what.early else start
    places = tuple(index for index in sorted(sequence.truth) if index >= since)
    before = sum(index < start for index in places)
    apart = bool(prompts) and isinstance(prompts[start], Layers)
    whole = what.first or apart or what.before or what.kind == "proposals"
    whole = whole or before > 0 or (what.early and _listed_before(sequence, places))
    asked = places if whole else places[1:]
    present, absent = _present(sequence, stored, asked)
    known = {number for masks in prompts.values() for number in ids(masks)} | {*sequence.objects}
    void = void_in(prompts[start], sequence.truth) if prompts else VOID
    tally = _Tally(sequence, what, known - {void})
    digest, held = MasksDigest(), _Held(sequence if hold else None, both=what.before)
    missing: list[str] = []
    wanted = set(asked)
    for index, name in enumerate(sequence.frame_names):
        if not made and index not in wanted:
            continue
        try:
            truth = tally.truth(index) if index in wanted and not absent else None
            if name not in present:
                missing += [name] if index in wanted else []
                continue
            masks = stored.read(sequence.name, name)
            if made:
                digest.add(masks)
            if truth is not None:
                place = stored.place(sequence.name, name)
                tally.add(index, masks, truth, place, held.until(index))
        except DataError as error:
            tally.faults[name] = str(error)
    if made and asked and not tally.faults and digest.sha256 != made:
        raise DataError(
            f"masks {stored.path / sequence.name} are not those that the run made: one was changed "
            "since; give the command of the run again to make them anew"
        )
    named = set(sequence.frame_names)
    strange = [name for name in present if name not in named]
    at = {index: place for place, index in enumerate(places)}
    folders = truth_folders(sequence)
    shown = prompts[start] if prompts else sequence.truth[places[0]] if places else None
    numbers = [n for n in ids(shown) if n != void] if shown is not None else []
    return Counts(
        sequence=sequence.name,
        group=sequence.group,
        frames=tuple(sequence.frame_names[index] for index in places),
        places=places,
        start=before,
        annotations=len(sequence.truth),
        prompts=_first_prompts(sequence),
        first=tuple(numbers),
        listed=dict(sequence.objects),
        stored=_stored(sequence, at, tally) if apart else None,
        missing=tuple(missing),
        absent=absent,
        strange=tuple(strange),
        beside=(
            *sequence.unknown_frames(),
            *(stored.strangers(sequence.name, sequence.frame_names) if present else ()),
            *(_lacking(sequence, stored, asked) if present and not apart else ()),
        ),
        faults=tally.faults,
        masks=str(stored.path / sequence.name),
        apart=bool(present) and bool(stored.objects(sequence.name)),
        stamps={
            "masks": stored.stamp(sequence.name) if present else "",
            "truth": stamp_of(folders),
            "made": made,
        },
        truth_folders=folders,
        truth_crc32=f"{tally.crc:08x}",
        void_frames=tally.void_frames,
        rows=tally.rows(tally.counted, at),
        held=tally.rows(tally.counted_held, at) if hold and prompts else None,
    )


def _listed_before(sequence: Sequence, places: Collection[int]) -> bool:
    """Whether a list has an object start before the first annotation, which then is not dropped."""
    first = [sequence.frame_names[index] for index in sorted(places)[:1]]
    return any({*first} & {*(each.frames or ())[1:]} for each in sequence.objects.values())


def _present(
    sequence: Sequence, stored: StoredMasks, asked: Collection[int]
) -> tuple[Collection[str], str]:
    """The frames that have masks, and why none of them can count, or "".

    Raises:
        DataError: nobody can tell which files are the masks.
    """
    if not asked:
        return (), ""
    try:
        present = stored.frames(sequence.name)
    except NoMasksError as error:
        return (), str(error)
    return present, shift_fault(stored.path / sequence.name, present, sequence.frame_names)


def _first_prompts(sequence: Sequence) -> dict[int, int]:
    """Object -> the frame of its first prompt."""
    found: dict[int, int] = {}
    for index, masks in sorted(sequence.prompts.items()):
        for number in {*ids(masks)} - {void_in(masks, sequence.truth)}:
            found.setdefault(number, index)
    return found


def _lacking(sequence: Sequence, stored: StoredMasks, asked: Collection[int]) -> Iterator[str]:
    """What is to be said of objects whose own masks end or have gaps: nothing else tells of it.

    Where the truth is one picture an object too, such masks are refused.
    """
    name, since = sequence.name, _first_prompts(sequence)
    present = {*stored.frames(name)}
    for number, own in stored.objects(name).items():
        frames = [sequence.frame_names[i] for i in asked if i > since.get(number, -1)]
        need = [frame for frame in frames if frame in present]
        if lacking := [frame for frame in need if frame not in own]:
            yield (
                f"{stored.place(name)}: object {number:03d} has no mask for {len(lacking)} of "
                f"{len(need)} frames, such as {lacking[0]}.png; it counts as not visible there"
            )


def _stored(sequence: Sequence, at: Mapping[int, int], tally: _Tally) -> dict[int, tuple[int, ...]]:
    """Object -> the places of the frames that its truth is stored for, be there masks or none.

    A frame whose truth cannot be read may be of any object. at: frame index -> its place.
    """
    found: dict[int, list[int]] = {}
    listed: Mapping[int, Collection[int]] = getattr(sequence.truth, "numbers", {})
    for index, place in at.items():
        try:
            numbers = tally.stored.get(index) or listed.get(index) or ids(sequence.truth[index])
        except DataError:
            numbers = tally.known
        for number in numbers:
            found.setdefault(number, []).append(place)
    return {number: tuple(places) for number, places in sorted(found.items())}


def truth_folders(sequence: Sequence) -> tuple[str, ...]:
    """The folders that the files of the truth are in; none where it is not read from files.

    Where each object has a folder, the one in which these lie is one of them: it tells of new ones.
    """
    paths = getattr(sequence.truth, "paths", {})
    files = (file for each in paths.values() for file in (each if _many(each) else (each,)))
    folders = {Path(file).parent for file in files}
    if isinstance(getattr(sequence.truth, "numbers", None), Mapping):
        folders |= {folder.parent for folder in folders}
    return tuple(sorted(map(str, folders)))


def _many(files: object) -> bool:
    return isinstance(files, tuple)


def stamp_of(folders: Collection[str]) -> str:
    """A hash of the names, sizes and times of the files in folders, which are not read."""
    digest = hashlib.sha256()
    for folder in folders:
        with os.scandir(folder) as found:
            lines = [_line_of(each) for each in sorted(found, key=lambda each: each.name)]
        digest.update("".join(lines).encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


def _line_of(entry: os.DirEntry[str]) -> str:
    try:
        of = entry.stat()
    except OSError:  # a link that leads nowhere, such as an editor's lock
        return f"{entry.path}\n"
    return f"{entry.path} {of.st_size} {of.st_mtime_ns}\n"


def truth_crc32(sequence: Sequence, places: Collection[int]) -> int:
    """The checksum of the truth on some frames, as `Counts.truth_crc32` holds it."""
    crc = 0
    for index in places:
        crc = crc_of(_raw(sequence, index), crc)
    return crc


def _raw(sequence: Sequence, index: int) -> Masks:
    """An annotation with its void, where it has any."""
    stored = sequence.truth
    masks: Masks = stored.raw(index) if hasattr(stored, "raw") else stored[index]
    return masks


def crc_of(masks: Masks, crc: int) -> int:
    """The checksum of masks, after what came before."""
    bits = masks.stack if isinstance(masks, Layers) else masks
    return crc32(np.ascontiguousarray(bits), crc)


class _Held:
    """What copy-first shows: the prompts so far, nothing before the first.

    both: and, carried back, those that come yet.
    """

    def __init__(self, sequence: Sequence | None, *, both: bool = False) -> None:
        self._prompts = sequence.prompts if sequence else {}
        self._left = sorted(self._prompts)
        self._both = both
        self._masks = self._until(-1)

    def until(self, index: int) -> Masks | None:
        """Its masks on a frame, later ones after earlier ones; None if it is not asked for."""
        if self._left and self._left[0] <= index:
            self._left = [each for each in self._left if each > index]
            self._masks = self._until(index)
        return self._masks

    def _until(self, index: int) -> Masks | None:
        begun = [self._prompts[each] for each in sorted(self._prompts) if each <= index]
        forward = functools.reduce(lay_masks, begun) if begun else None
        coming = [self._prompts[each] for each in self._left[::-1]] if self._both else []
        backward = functools.reduce(lay_masks, coming) if coming else None
        if forward is None and backward is None and self._left:
            return _nothing_like(self._prompts[self._left[0]])
        if forward is None or backward is None:
            return backward if forward is None else forward
        return joined(forward, backward, {n for each in begun for n in ids(each)})[0]


def _nothing_like(masks: Masks) -> Masks:
    """Masks of the same form and size that show no object."""
    if isinstance(masks, Layers):
        return Layers((), np.zeros((0, *masks.shape), np.bool_))
    return np.zeros(masks.shape, np.uint8)


class _Tally:
    """The counts of a sequence as its frames come."""

    def __init__(self, sequence: Sequence, what: What, known: Collection[int]) -> None:
        self.sequence, self.what, self.known = sequence, what, sorted(known)
        self.counted: dict[_Key, _Row] = {}
        self.counted_held: dict[_Key, _Row] = {}
        self.sizes: dict[int, tuple[int, ...]] = {}
        self.faults: dict[str, str] = {}
        self.stored: dict[int, tuple[int, ...]] = {}  # frame -> the objects of its truth
        self.crc = self.void_frames = 0

    def add(
        self, index: int, masks: Masks, annotation: _Truth, place: str, held: Masks | None
    ) -> None:
        """Count a frame; raises DataError for masks that do not fit their truth."""
        truth, void = annotation
        if masks.shape != truth.shape:
            (h, w), (th, tw) = masks.shape[:2], truth.shape[:2]
            raise DataError(
                f"mask {place} is {h}x{w} but its annotation is {th}x{tw} (height x width); resize "
                "with nearest neighbour"
            )
        if self.what.kind == "united":
            truth, masks = one_object(label_map(truth)), one_object(label_map(masks))
            held = None if held is None else one_object(label_map(held))
        elif not isinstance(masks, Layers):
            masks = in_ids(masks, self.sequence.truth)
        else:
            self._refuse_lacking(masks, truth, place)
        if void is not None and self.what.void == "ignored":
            truth, masks = _without(truth, void), _without(masks, void)
        self.sizes[index] = truth.shape
        for key, row in self._pairs(masks, truth):
            self.counted[(*key, index)] = row
        if held is not None:
            for key, row in self._pairs(held, truth):
                self.counted_held[(*key, index)] = row

    def truth(self, index: int) -> _Truth:
        """Read the annotation of a frame; raises DataError for a damaged one."""
        masks = _raw(self.sequence, index)
        self.crc = crc_of(masks, self.crc)
        if isinstance(masks, Layers):
            self.stored[index] = masks.ids
            return _Truth(masks, None)
        if self.what.kind == "united" and (
            fault := soft_fault(
                label_map(masks),
                f"annotation {self.sequence.frame_names[index]} of {self.sequence.name}",
            )
        ):
            raise DataError(fault)
        if not hasattr(self.sequence.truth, "raw") or int(masks.max(initial=0)) < VOID:
            return _Truth(masks, None)
        self.void_frames += 1
        void: BoolMask = masks == VOID
        return _Truth(_without(masks, void), void)

    def _refuse_lacking(self, masks: Layers, truth: Masks, place: str) -> None:
        asked = truth.ids if isinstance(truth, Layers) else ()
        if lacking := sorted(set(asked) - set(masks.ids)):
            raise DataError(
                f"mask {place} lacks object {lacking[0]:03d}, which the truth has there: write an "
                "empty mask where it is not seen"
            )

    def _pairs(self, masks: Masks, truth: Masks) -> Iterator[tuple[tuple[int, int], _Row]]:
        """(object, proposal) and what is counted, for those that this frame shows."""
        shape = truth.shape
        if not isinstance(masks, Layers) and not isinstance(truth, Layers):
            box = around(masks | truth)
            masks, truth = masks[box], truth[box]
        predicted, true = self._shown(masks), self._shown(truth)
        if self.what.kind == "proposals":
            keys = [(t, p) for t in true for p in predicted]
            keys += [(t, NONE) for t in true] + [(NONE, p) for p in predicted]
        else:
            keys = [(number, number) for number in sorted({*predicted, *true})]
        for t, p in keys:
            yield (t, p), self._count(_pixels(masks, p), _pixels(truth, t), shape)

    def _shown(self, masks: Masks) -> Collection[int]:
        """Ids that may be there; those of the prompts where a look at the highest value says so."""
        if isinstance(masks, Layers):
            return masks.ids
        top, known = int(masks.max(initial=0)), self.known
        if known and top <= len(known) == known[-1]:
            return known
        return ids(masks) if top else ()

    def _count(self, prediction: BoolMask, truth: BoolMask, shape: tuple[int, ...]) -> _Row:
        area = int(np.count_nonzero(truth))
        discs = [disc(tolerance(*shape[:2]))]
        if self.what.mosev2:
            discs.append(disc_mosev2(shape[:2], area)[1])
        usual, *further = contour_counts(prediction, truth, discs)
        both = int(np.count_nonzero(prediction & truth))
        row = (*shape[:2], area, int(np.count_nonzero(prediction)), both, *usual)
        row += tuple(each for adapted in further for each in adapted[2:])
        if self.what.bands:
            width = band_width(*shape[:2])
            p, t = band(prediction, width), band(truth, width)
            row += tuple(int(np.count_nonzero(each)) for each in (t, p, t & p))
        return row

    def rows(self, counted: Mapping[_Key, _Row], at: Mapping[int, int]) -> Rows:
        """A row for each object, or pair of one and a proposal, on every frame that was read."""
        pairs = {key[:2] for key in counted}
        if self.what.kind == "proposals":
            true, predicted = ({pair[k] for pair in pairs} - {NONE} for k in (0, 1))
            pairs = {(t, p) for t in true for p in (*predicted, NONE)}
        else:
            always = (1,) if self.what.kind == "united" else self.known
            pairs |= {(number, number) for number in always}
        blank = (0,) * (len(self.what.columns) - 2)
        return as_rows(
            (
                (t, p, at[index], *(_row_of(counted, t, p, index) or (*size[:2], *blank)))
                for t, p in sorted(pairs)
                for index, size in self.sizes.items()
            ),
            self.what,
        )


def _row_of(counted: Mapping[_Key, _Row], t: int, p: int, index: int) -> _Row | None:
    """What was counted; of a pair of which the frame shows but one, that one alone."""
    for key in ((t, p), (t, NONE), (NONE, p)):
        if row := counted.get((*key, index)):
            return row
    return None


def _pixels(masks: Masks, number: int) -> BoolMask:
    return np.zeros(masks.shape[:2], np.bool_) if number == NONE else pixels(masks, number)


def _without(masks: Masks, void: BoolMask) -> Masks:
    """Masks with nothing in the void."""
    if isinstance(masks, Layers):
        return Layers(masks.ids, masks.stack & ~void)
    cleared = masks.copy()
    cleared[void] = 0
    return cleared
