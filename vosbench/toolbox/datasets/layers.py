"""Truth of one binary picture an object: `<object>/<frame>.png`, whose objects may overlap."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vosbench.errors import DataError
from vosbench.masks import read_mask, sole_id
from vosbench.toolbox.datasets.layout import by_stem
from vosbench.types import Layers


class LayerFiles(Mapping[int, Layers]):
    """Frame index -> the masks of the objects that are stored for it; each access reads the files.

    paths: frame index -> one file an object. numbers: frame index -> their ids, ascending.
    """

    def __init__(self, files: Mapping[int, Mapping[int, Path]]) -> None:
        """Take the files.

        Args:
            files: frame index -> object id -> file.
        """
        self._files = {index: dict(sorted(files[index].items())) for index in sorted(files)}
        self.paths = {index: tuple(of.values()) for index, of in self._files.items()}
        self.numbers = {index: tuple(of) for index, of in self._files.items()}

    def __getitem__(self, index: int) -> Layers:
        return self.part(index, self.numbers[index])

    def part(self, index: int, numbers: Collection[int]) -> Layers:
        """The masks of some objects; those that are not stored for this frame are left out."""
        files = {number: path for number, path in self._files[index].items() if number in numbers}
        if not files:
            return Layers((), np.zeros((0, 0, 0), np.bool_))
        stack: list[npt.NDArray[np.bool_]] = []
        for path in files.values():
            stack.append(read_layer(path))
            if stack[-1].shape != stack[0].shape:
                h, w = stack[0].shape
                raise DataError(
                    f"annotation {path} is {stack[-1].shape[0]}x{stack[-1].shape[1]} but "
                    f"{next(iter(files.values()))} is {h}x{w}; they belong to one frame"
                )
        return Layers(files, np.stack(stack))

    def __contains__(self, index: object) -> bool:
        return index in self.paths  # Mapping's own would read the files

    def __iter__(self) -> Iterator[int]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)


def read_layer(path: Path) -> npt.NDArray[np.bool_]:
    """Where the one object of a binary picture is, bool (h, w).

    Raises:
        DataError: the file cannot be read, or has more than two values.
    """
    mask = read_mask(path)
    there: npt.NDArray[np.bool_] = mask != 0
    if there.any() and not sole_id(mask):
        raise DataError(
            f"mask {path} has more values than 0 and one other: expected the one object that its "
            f"folder {path.parent.name}/ is named after; write one binary PNG an object"
        )
    return there


def object_folders(folder: Path) -> dict[int, Path]:
    """Object id -> its folder, for the folders that are named by a number such as 000."""
    if not folder.is_dir():
        return {}
    numbered = [p for p in folder.iterdir() if p.name.isascii() and p.name.isdecimal()]
    return {int(path.name): path for path in sorted(numbered) if path.is_dir()}


def layer_files(folder: Path, faults: list[str]) -> dict[int, dict[str, Path]]:
    """Object id -> frame name -> file; a folder without objects is a fault."""
    objects = object_folders(folder)
    if not objects:
        faults.append(
            f"{folder} {'holds no' if folder.is_dir() else 'is missing: expected a'} folder for "
            "each object, such as 000/, with one binary PNG a frame"
        )
    return {number: by_stem(path, faults, (".png",)) for number, path in objects.items()}
