"""Reads masks that another tool has written, as if a method had just made them.

`folder/<sequence>/<frame name>.png` -> masks. Palette or grey PNGs whose values are object ids;
0/255 (the habit of DAVIS-2016) is read as the one object of the prompts. One PNG an object,
`folder/<sequence>/<id>/<frame name>.png`, and a zip archive of either are read too. Files may be
missing up to and including the first prompt's frame, as many tools do not write what they were
given: the prompt itself stands there, and background before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vosbench.errors import DataError, UsageError
from vosbench.masks import ids, no_folder, shift_fault
from vosbench.stored import StoredMasks, can_be_opened, open_stored
from vosbench.toolbox.methods.foreign_masks import fitted
from vosbench.types import Frame, Mask, Masks

SOURCE = "vosbench; folder layouts of the DAVIS and SA-V results"
UNTIMED = "it only reads masks from files"


@dataclass(frozen=True)
class Options:
    """Where the masks lie."""

    folder: Path | None = None  # no default can be right: only the user knows

    def __post_init__(self) -> None:
        if self.folder is not None and not can_be_opened(self.folder):
            raise UsageError(
                f"folder={no_folder(self.folder)}; expected <folder>/<sequence>/<frame>.png"
            )


class Precomputed:
    """The stored masks of every sequence."""

    def __init__(self, stored: StoredMasks) -> None:
        self.stored = stored

    def for_sequence(self, name: str, frame_names: tuple[str, ...]) -> OfSequence:
        """The stored masks of one sequence; DataError when it has none."""
        present = self.stored.frames(name)
        if shifted := shift_fault(self.stored.place(name), present, frame_names):
            raise DataError(shifted)
        return OfSequence(self.stored, name, frame_names)

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        """Refuse: without a sequence's name there are no files to read."""
        raise UsageError("precomputed masks belong to a sequence; call for_sequence first")


class OfSequence:
    """The stored masks of one sequence."""

    def __init__(self, stored: StoredMasks, name: str, frame_names: tuple[str, ...]) -> None:
        self.stored, self.name, self.frame_names = stored, name, frame_names

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Masks]:
        """Yield the stored masks (h, w); every missing file is listed before any is read.

        Raises:
            DataError: files are missing, or one has another size or ids that no prompt gives.
        """
        return self.segment_layers(frames, prompts)

    def segment_layers(
        self, frames: Iterable[Frame], prompts: Mapping[int, Masks]
    ) -> Iterator[Masks]:
        """The same, with the prompts' own ids."""
        since: dict[int, int] = {}
        for index in sorted(prompts):
            for number in ids(prompts[index]):
                since.setdefault(number, index)
        if missing := self._missing(since, min(prompts, default=-1)):
            raise DataError(missing)
        return self._read(frames, prompts, sorted(since))

    def _missing(self, since: Mapping[int, int], first: int) -> list[str]:
        """A fault for every mask that is not there; since: object -> the frame of its prompt."""
        present, objects = self.stored.frames(self.name), self.stored.objects(self.name)
        faults = [
            f"mask {self.stored.place(self.name, frame)} is missing; write one for every frame, or "
            "score what there is: vosbench evaluate"
            for frame in self.frame_names[first + 1 :]
            if frame not in present
        ]
        if not objects or faults:
            return faults
        return [
            f"mask {self.stored.place(self.name, frame)} is missing for object {number}; write one "
            "for every object in every frame"
            for number, start in since.items()
            for frame in self.frame_names[start + 1 :]
            if frame not in objects.get(number, ())
        ]

    def _read(
        self, frames: Iterable[Frame], prompts: Mapping[int, Masks], known: list[int]
    ) -> Iterator[Masks]:
        first, present = min(prompts, default=-1), self.stored.frames(self.name)
        for index, (name, frame) in enumerate(zip(self.frame_names, frames, strict=True)):
            if index > first or name in present:
                masks = self.stored.read(self.name, name)
                where = f"mask {self.stored.place(self.name, name)}"
                yield fitted(masks, where, frame.shape[:2], known)
            elif index == first:
                prompt = prompts[index]
                yield prompt.copy() if isinstance(prompt, np.ndarray) else prompt
            else:
                yield np.zeros(frame.shape[:2], np.uint8)


def build(options: Options, *, device: str, seed: int) -> Precomputed:
    """Make the method; it uses neither device nor seed."""
    if options.folder is None:
        raise UsageError(
            "precomputed needs a folder of masks: --set folder=DIR, with DIR/<sequence>/<frame>.png"
        )
    return Precomputed(open_stored(options.folder))
