"""Reads masks that another tool has written, as if a method had just made them.

`folder/<sequence>/<frame name>.png` -> masks. Palette or grey PNGs whose values are object ids;
0/255 (the habit of DAVIS-2016) is read as the one object of the prompts. Files may be missing
up to and including the first prompt's frame, as many tools do not write what they were given:
the prompt itself stands there, and background before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vosbench.errors import DataError, UsageError, did_you_mean
from vosbench.masks import elsewhere, ids, mask_files, no_folder, no_masks, read_mask, shift_fault
from vosbench.types import Frame, Mask

SOURCE = "vosbench; folder layout of the DAVIS results"
UNTIMED = "it only reads masks from files"


@dataclass(frozen=True)
class Options:
    """Where the masks lie."""

    folder: Path | None = None  # no default can be right: only the user knows

    def __post_init__(self) -> None:
        if self.folder is not None and not self.folder.is_dir():
            raise UsageError(
                f"folder={no_folder(self.folder)}; expected <folder>/<sequence>/<frame>.png"
            )


class Precomputed:
    """The stored masks of every sequence."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def for_sequence(self, name: str, frame_names: tuple[str, ...]) -> StoredMasks:
        """The stored masks of one sequence; DataError when it has no folder."""
        folder = self.folder / name
        if not folder.is_dir():
            there = [path.name for path in self.folder.iterdir() if path.is_dir()]
            raise DataError(
                f"{folder} is missing: no masks for sequence {name!r}; {did_you_mean(name, there)}"
                f"{elsewhere(self.folder, name)}"
            )
        files = mask_files(folder)
        if shifted := shift_fault(folder, files, frame_names):
            raise DataError(shifted)
        if not files and (held := no_masks(folder)):
            raise DataError(
                f"{folder} holds {held}; expected {frame_names[0]}.png to {frame_names[-1]}.png"
            )
        return StoredMasks(
            tuple(files.get(frame, folder / f"{frame}.png") for frame in frame_names)
        )

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        """Refuse: without a sequence's name there are no files to read."""
        raise UsageError("precomputed masks belong to a sequence; call for_sequence first")


class StoredMasks:
    """The stored masks of one sequence, one path per frame."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self.paths = paths

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        """Yield the stored masks (h, w); every missing file is listed before any is read.

        Raises:
            DataError: files are missing, or one has another size or ids that no prompt gives.
        """
        first = min(prompts, default=-1)
        missing = [path for path in self.paths[first + 1 :] if not path.is_file()]
        if missing:
            raise DataError(
                [f"mask {path} is missing; write one for every frame" for path in missing]
            )
        return self._read(frames, prompts, first)

    def _read(
        self, frames: Iterable[Frame], prompts: Mapping[int, Mask], first: int
    ) -> Iterator[Mask]:
        known = sorted({i for prompt in prompts.values() for i in ids(prompt)})
        for index, (path, frame) in enumerate(zip(self.paths, frames, strict=True)):
            if index > first or path.is_file():
                yield _fitted(read_mask(path), path, frame.shape[:2], known)
            elif index == first:
                yield prompts[index].copy()
            else:
                yield np.zeros(frame.shape[:2], np.uint8)


def build(options: Options, *, device: str, seed: int) -> Precomputed:
    """Make the method; it uses neither device nor seed."""
    if options.folder is None:
        raise UsageError(
            "precomputed needs a folder of masks: --set folder=DIR, with DIR/<sequence>/<frame>.png"
        )
    return Precomputed(options.folder)


def _fitted(mask: Mask, path: Path, size: tuple[int, ...], known: list[int]) -> Mask:
    """The mask with ids of the prompts, its size checked."""
    if mask.shape != size:
        raise DataError(
            f"mask {path} is {mask.shape[0]}x{mask.shape[1]} but its frame is {size[0]}x{size[1]}; "
            "write masks at the size of the frames, nearest neighbour"
        )
    found = ids(mask)
    if found == (255,) and len(known) == 1:
        return np.where(mask > 0, known[0], 0).astype(np.uint8)
    if strange := [i for i in found if i not in known]:
        raise DataError(
            f"mask {path} holds ids {strange} that no prompt gives (prompts: {known}); "
            "expected object ids, or 0/255 where there is one object"
        )
    return mask
