"""Masks as they are stored -> the same masks in another form: label maps, an object a PNG, JSON.

Nothing gets lost without a word: what a form cannot hold is refused, or asked for by name. What is
written appears whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vosbench.errors import DataError, UsageError, did_you_mean
from vosbench.files import built_beside, place_of, write_json
from vosbench.masks import FLATTENING, VOID, ids, painted, pixels, small
from vosbench.resolve import choose_sequences
from vosbench.rle import as_youtube_vis
from vosbench.stored import StoredMasks, open_stored, write_masks
from vosbench.types import Layers, Masks

FORMS = {
    "png": "one label map a frame, <sequence>/<frame>.png, in the colours of DAVIS",
    "objects": "one PNG an object, <sequence>/<object>/<frame>.png, as SA-V stores them",
    "rle": "one JSON file of COCO's run lengths, as YouTube-VIS lists them",
}


class Converted(NamedTuple):
    """What was written; notes: what of it is not as it was."""

    out: Path
    sequences: int
    frames: int
    notes: tuple[str, ...]


def convert(
    source: Path,
    out: Path,
    *,
    to: str = "",
    sequences: tuple[str, ...] = (),
    flatten: bool = False,
    as_ids: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Converted:
    """Write masks in another form.

    Args:
        source: a folder, zip archive or JSON file of masks, or a run's folder.
        out: a new or empty folder; for "rle" a new JSON file, whose name ends in .json.
        to: one of FORMS; by default what the name of `out` says.
        sequences: only these.
        flatten: make label maps of objects that overlap, too, by a rule; see masks.FLATTENING.
        as_ids: take the values of pictures as ids, even where they look like a soft map.
        progress: called with each sequence that is done.

    Raises:
        UsageError: there is something at `out`, or no such form.
        DataError: a mask cannot be read, or what it holds has no place in the form.
    """
    to = to or ("rle" if out.suffix.lower() == ".json" else "png")
    if to not in FORMS:
        raise UsageError(f"--to {to}: {did_you_mean(to, FORMS)}")
    if to == "rle" and out.suffix.lower() != ".json":
        out = out.with_name(f"{out.name}.json")  # by which whoever reads it knows it
    _check_free(out)
    if source.is_dir() and source.resolve() in out.resolve().parents and not _is_run(source):
        raise UsageError(f"{out} is inside {source}, whose masks it would join; name another place")
    run = source / "masks" if _is_run(source) else source
    reading = _Reading(open_stored(run, colours=True, as_ids=as_ids), flatten)
    names = choose_sequences(reading.stored.sequences(), sequences)
    if not names:
        raise DataError(f"{source} holds no sequence; expected <sequence>/<frame>.png in it")
    if to == "rle":
        videos = ((name, reading.layers(name)) for name in _counted(names, progress))
        content = as_youtube_vis(videos)
        out.parent.mkdir(parents=True, exist_ok=True)
        write_json(out, content)
    else:
        read = reading.maps if to == "png" else reading.layers
        with built_beside(place_of(out), _check_free) as building:
            for name in _counted(names, progress):
                (building / name).mkdir()
                for frame, masks in read(name):
                    write_masks(building / name, frame, masks)
    return Converted(out, len(names), reading.frames, tuple(reading.notes))


def _counted(names: tuple[str, ...], progress: Callable[[str], None] | None) -> Iterator[str]:
    for name in names:
        yield name
        if progress:
            progress(name)


def _is_run(source: Path) -> bool:
    return (source / "run.json").is_file()


def _check_free(out: Path) -> None:
    if out.is_symlink() or out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise UsageError(f"{out} is there already and is not replaced; name another place")


class _Reading:
    """The frames of one sequence after another, in either form; counts them and what changed."""

    def __init__(self, stored: StoredMasks, flatten: bool) -> None:
        self.stored, self.flatten = stored, flatten
        self.frames = 0
        self.notes: list[str] = []

    def layers(self, name: str) -> Iterator[tuple[str, Layers]]:
        """Every frame with all objects of the sequence, by themselves."""
        numbers = set(self.stored.objects(name))
        value = {number: number for number in numbers}
        if not numbers:  # label maps: ids are found by reading
            numbers = {number for _, masks in self._frames(name) for number in ids(masks)}
            value = {number: number for number in numbers}
            if numbers == {VOID}:
                value = {1: VOID}
                self.notes.append(f"{name}: 255 is its one object, 1")
            elif VOID in numbers:
                del value[VOID]
                self.notes.append(f"{name}: 255 is void, which is left out")
        self._tell_lacking(name)
        for frame, masks in self._frames(name):
            self.frames += 1
            stack = np.zeros((len(value), *masks.shape), np.bool_)
            for layer, number in zip(stack, sorted(value), strict=True):
                layer[:] = pixels(masks, value[number])
            yield frame, Layers(sorted(value), stack)

    def maps(self, name: str) -> Iterator[tuple[str, Masks]]:
        """Every frame as one label map."""
        numbers = sorted(self.stored.objects(name))
        value = {number: number for number in numbers}
        if numbers and numbers[0] == 0:
            if not self.flatten:
                raise DataError(
                    f"{self.stored.place(name)} has an object 0, which is the background of label "
                    "maps; --flatten counts the objects from 1, --to objects keeps them"
                )
            value = {number: at for at, number in enumerate(numbers, 1)}
            self.notes.append(
                f"{name}: objects {_some(numbers)} are counted from 1: their ids are not the "
                "dataset's any more"
            )
        self._tell_lacking(name)
        shared = 0
        for frame, masks in self._frames(name):
            self.frames += 1
            if isinstance(masks, Layers):
                overlap = int((masks.stack.sum(axis=0) > 1).sum())
                if overlap and not self.flatten:
                    raise DataError(
                        f"{self.stored.place(name, frame)}: {overlap} pixels are of two objects or "
                        "more, which a label map cannot hold; --to objects and --to rle keep them, "
                        f"--flatten writes one: {FLATTENING}"
                    )
                shared += overlap > 0
                yield frame, small(painted(masks, value))
            else:
                yield frame, masks
        if shared:
            self.notes.append(f"{name}: objects overlap in {shared} frames; {FLATTENING}")

    def _frames(self, name: str) -> Iterator[tuple[str, Masks]]:
        for frame in self.stored.frames(name):
            yield frame, self.stored.read(name, frame)

    def _tell_lacking(self, name: str) -> None:
        """Say where an object has no mask for a frame that others have; it will be an empty one."""
        frames = self.stored.frames(name)
        lacking: Mapping[int, int] = {
            number: len(frames) - len(own) for number, own in self.stored.objects(name).items()
        }
        for number, count in lacking.items():
            if count:
                self.notes.append(
                    f"{name}: object {number} has no mask for {count} of {len(frames)} frames; "
                    "it counts as not visible there"
                )


def _some(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:5])) + (", ..." if len(numbers) > 5 else "")
