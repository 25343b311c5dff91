"""What is handed in to a benchmark, sequence by sequence, and whether stored masks fit it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vosbench.errors import DataError
from vosbench.masks import (
    FLATTENING,
    VOID,
    MasksDigest,
    ids,
    label_map,
    pixels,
    shift_fault,
)
from vosbench.types import Layers

if TYPE_CHECKING:
    from vosbench.stored import StoredMasks
    from vosbench.types import Dataset, Masks, Sequence, Submission


class Required(NamedTuple):
    """The masks of one sequence that a submission holds.

    frames: the name of each frame that is asked for, in order -> the objects that have a picture
    each in it; () where one label map shows all. names: all frames of the video. objects: all ids.
    shape: height and width.
    """

    sequence: str
    frames: Mapping[str, tuple[int, ...]]
    names: tuple[str, ...]
    objects: frozenset[int]
    shape: tuple[int, int]


class Unfit(NamedTuple):
    """What is wrong with the masks that were looked at, and what is to be told.

    absent: sequence -> why there is nothing of it.
    """

    faults: list[str]
    notes: list[str]
    absent: dict[str, str]


def required(sequence: Sequence, submission: Submission) -> Required:
    """The masks of a sequence that a submission holds.

    Raises:
        DataError: the dataset says too little of it, or has ids that a palette PNG cannot hold.
    """
    name = sequence.name
    if not sequence.prompts:
        raise DataError(f"{name}: no annotation shows an object, so its ids and size are not known")
    known = set(sequence.objects)
    for masks in sequence.prompts.values():
        known |= set(ids(masks)) - (set() if isinstance(masks, Layers) else {VOID})
    at = {frame: index for index, frame in enumerate(sequence.frame_names)}
    frames: dict[str, tuple[int, ...]] = dict.fromkeys(_frames(sequence, submission), ())
    if not frames:
        raise DataError(f"{name}: none of its frames is asked for; is the dataset whole?")
    if absent := [frame for frame in frames if frame not in at]:
        raise DataError(
            f"{name}: the dataset's list asks for {_pngs(absent)}, of which it has no picture"
        )
    if submission.form == "objects":
        every = tuple(sorted(known))
        frames = {frame: _stored(sequence.truth, at[frame]) or every for frame in frames}
        known |= {number for numbers in frames.values() for number in numbers}
    elif odd := [number for number in sorted(known) if not 0 < number < VOID]:
        raise DataError(
            f"{name}: its object {odd[0]} cannot be in a palette PNG, which holds 1-254"
        )
    h, w = next(iter(sequence.prompts.values())).shape[:2]
    return Required(name, frames, sequence.frame_names, frozenset(known), (h, w))


def required_of(
    dataset: Dataset, name: str, submission: Submission, unfit: Unfit
) -> Required | None:
    """The same of a sequence by its name; None where the dataset has a fault, which is added."""
    try:
        return required(dataset.sequence(name), submission)
    except DataError as error:
        unfit.faults.extend(error.faults)
        return None


def _frames(sequence: Sequence, submission: Submission) -> list[str]:
    """The names of the frames that are asked for, in order."""
    if submission.frames == "all":
        return list(sequence.frame_names)
    if submission.frames == "annotated":
        return [sequence.frame_names[index] for index in sorted(sequence.truth)]
    return sorted({name for each in sequence.objects.values() for name in each.frames or ()})


def _stored(truth: Mapping[int, Masks], index: int) -> tuple[int, ...]:
    """The objects of a frame whose truth is stored by itself."""
    known = getattr(truth, "numbers", None)
    if isinstance(known, Mapping):  # files of one object each, which need not be read for it
        return tuple(known.get(index, ()))
    masks = truth.get(index)
    return masks.ids if isinstance(masks, Layers) else ()


def fitting(
    wanted: Required, stored: StoredMasks, submission: Submission, unfit: Unfit, *, made: str = ""
) -> Iterator[tuple[str, Masks]]:
    """The masks of each frame that fits, in the form that is asked for.

    unfit: what is wrong is added to it, one line a cause. made: `masks_sha256` of the run that
    made the masks: then all of them are read, and it is a fault if they are not the same.

    Raises:
        DataError: there is no such sequence, or nothing of it is a mask.
    """
    name = wanted.sequence
    present, where = stored.frames(name), stored.place(name)
    if shifted := shift_fault(where, present, wanted.names):
        unfit.faults.append(shifted)
        return
    missing = [frame for frame in wanted.frames if frame not in present]
    if missing:
        many = f"{len(missing)} of {len(wanted.frames)} masks are missing"
        unfit.faults.append(f"{where}: {many}: {_pngs(missing)}")
    unfit.faults.extend(_of_objects(wanted, stored.objects(name), submission, where))
    digest, overlapping = MasksDigest(), []
    before = len(unfit.faults)
    for frame in wanted.names if made else wanted.frames:
        if frame not in present:
            continue
        try:
            masks = stored.read(name, frame)
            if made:
                digest.add(masks)
            if frame not in wanted.frames:
                continue
            _refuse_misfit(masks, wanted, frame, stored.place(name, frame))
        except DataError as error:
            unfit.faults.extend(error.faults)
            continue
        if submission.form == "objects":
            numbers = wanted.frames[frame]
            yield frame, Layers(numbers, np.stack([pixels(masks, each) for each in numbers]))
            continue
        if isinstance(masks, Layers) and (masks.stack.sum(0) > 1).any():
            overlapping.append(frame)
        yield frame, label_map(masks)
    if overlapping:
        many = f"{len(overlapping)} frame{'s' * (len(overlapping) > 1)}"
        unfit.notes.append(
            f"{where}: objects overlap in {many}, {_pngs(overlapping)}; {FLATTENING}"
        )
    if made and len(unfit.faults) == before and digest.sha256 != made:
        unfit.faults.append(
            f"masks {where} are not those that the run made: one was changed since; give the "
            "command of the run again to make them anew"
        )


def _of_objects(
    wanted: Required,
    held: Mapping[int, Collection[str]],
    submission: Submission,
    where: str,
) -> Iterator[str]:
    """What is wrong with masks of which each object is stored by itself; frames without any apart.

    Of label maps that are to be made of them, an object may start late; then it has to go on.
    """
    if not held:
        return
    if extra := sorted(set(held) - wanted.objects):
        yield f"{where} has the objects {extra}, but the video has only {sorted(wanted.objects)}"
    some = {frame for frames in held.values() for frame in frames}
    frames = [frame for frame in wanted.frames if frame in some]
    for number in sorted(wanted.objects):
        need = [f for f in frames if not wanted.frames[f] or number in wanted.frames[f]]
        if number not in held:
            if need:
                yield f"{where} lacks object {number:03d}: write an empty mask where it is not seen"
            continue
        if submission.form == "label-maps":
            start = next((i for i, frame in enumerate(need) if frame in held[number]), 0)
            need = need[start:]
        if lacking := [frame for frame in need if frame not in held[number]]:
            yield (
                f"{where}: {len(lacking)} of {len(need)} masks of object {number:03d} are missing: "
                f"{_pngs(lacking)}; write an empty mask where it is not seen"
            )


def _refuse_misfit(masks: Masks, wanted: Required, frame: str, place: str) -> None:
    """DataError where the masks of a frame have another size, or ids of no object."""
    (h, w), (th, tw) = masks.shape[:2], wanted.shape
    if (h, w) != (th, tw):
        raise DataError(
            f"mask {place} is {h}x{w} but its video is {th}x{tw} (height x width); resize with "
            "nearest neighbour"
        )
    if isinstance(masks, Layers):
        return  # their ids are those of folders
    if 0 in wanted.frames[frame]:
        raise DataError(
            f"mask {place} is a label map, but the video has object 000, which is background "
            "there; write <object>/<frame>.png, a binary PNG for each"
        )
    if strange := sorted(set(ids(masks)) - wanted.objects):
        objects = sorted(wanted.objects)
        instead = f": write {objects[0]} instead" if strange == [VOID] and len(objects) == 1 else ""
        raise DataError(
            f"mask {place} has the ids {strange}, but the objects of the video are "
            f"{objects}{instead}"
        )


def some(names: Collection[str]) -> str:
    """The first five names, for a message."""
    listed = list(names)
    return ", ".join(listed[:5]) + (", ..." if len(listed) > 5 else "")


def _pngs(frames: Collection[str]) -> str:
    return some([f"{frame}.png" for frame in frames])
