"""The annotations of a video: truth of one picture an object, and the prompts in any truth.

Truth is a label map a frame, or one binary picture an object a frame, `<object>/<frame>.png`,
whose objects may overlap. Each object starts in the first annotation that shows it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vosbench.errors import DataError
from vosbench.masks import VOID, ids, read_mask, sole_id
from vosbench.toolbox.datasets.layout import (
    MappedFiles,
    by_stem,
    without_frames,
    without_void,
)
from vosbench.types import Layers, Masks
from vosbench.videos import list_files


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


def open_truth(
    folder: Path, frames: Collection[str], where: str, faults: list[str]
) -> MappedFiles | LayerFiles:
    """The annotations of a video, of both forms, by the index of their frame.

    Args:
        folder: <frame>.png, or a folder for each object that is named by its number, such as 000.
        frames: the names of the frames, in order.
        where: dataset and sequence, for messages.
        faults: what is wrong is added to it.
    """
    position = {stem: index for index, stem in enumerate(frames)}
    objects = object_folders(folder)
    if not objects:
        masks = by_stem(folder, faults, (".png",))
        faults += without_frames(masks, position, where)
        paths = {position[stem]: path for stem, path in masks.items() if stem in position}
        return MappedFiles(paths, without_void)
    if maps := list_files(folder, (".png",)):
        faults.append(
            f"{folder} holds both label maps, such as {maps[0].name}, and folders of objects, such "
            f"as {next(iter(objects.values())).name}/; keep one of the two ({where})"
        )
    layers = {number: by_stem(path, faults, (".png",)) for number, path in objects.items()}
    of_none = {
        f"{number}/{stem}": path
        for number, masks in layers.items()
        for stem, path in masks.items()
        if stem not in position
    }
    faults += without_frames(of_none, position, where)
    of_frames: dict[int, dict[int, Path]] = {}
    for number, masks in layers.items():
        for stem, path in masks.items():
            if stem in position:
                of_frames.setdefault(position[stem], {})[number] = path
    return LayerFiles(of_frames)


def listed_faults(listed: Collection[int], truth: Mapping[int, Masks], where: str) -> list[str]:
    """The fault, if a list names objects that label maps cannot show: they would count as unseen.

    Scorers take the background or the void for such an object.
    """
    lost = {0: "the background", VOID: "void"}
    odd = [] if isinstance(truth, LayerFiles) else sorted(lost.keys() & set(listed))
    return [
        f"object {number} of {where} is listed in the meta file, but in its annotations, which are "
        f"label maps, {number} is {lost[number]}: take it from the list, or store one PNG an object"
        for number in odd
    ]


def object_folders(folder: Path) -> dict[int, Path]:
    """Object id -> its folder, for the folders that are named by a number such as 000."""
    if not folder.is_dir():
        return {}
    numbered = [p for p in folder.iterdir() if p.name.isascii() and p.name.isdecimal()]
    return {int(path.name): path for path in sorted(numbered) if path.is_dir()}


class FirstMasks(Mapping[int, Masks]):
    """Prompts that are looked for when one is first asked for; arguments as of `first_masks`."""

    def __init__(
        self,
        truth: Mapping[int, Masks],
        wanted: Collection[int] | None = None,
        starts: Mapping[int, int] | None = None,
        *,
        late: bool = True,
    ) -> None:
        self._truth, self._wanted, self._starts, self._late = truth, wanted, starts, late

    @cached_property
    def _found(self) -> dict[int, Masks]:
        return first_masks(self._truth, self._wanted, self._starts, late=self._late)

    def __getitem__(self, index: int) -> Masks:
        return self._found[index]

    def __iter__(self) -> Iterator[int]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def first_masks(
    truth: Mapping[int, Masks],
    wanted: Collection[int] | None = None,
    starts: Mapping[int, int] | None = None,
    *,
    late: bool = True,
) -> dict[int, Masks]:
    """Prompts: each wanted object, in the first annotation that shows it.

    Reads annotations in order and stops when all were seen; an object that is never seen gets
    none.

    Args:
        truth: frame index -> annotation.
        wanted: ids; None for all that the truth shows.
        starts: id -> the frame in which the dataset's own list says that it starts. That one is
            looked at first, so that those before it need not be read.
        late: whether to look beyond the first annotation.
    """
    place: dict[int, int] = {}
    read: dict[int, Masks] = {}
    if wanted is None and isinstance(truth, LayerFiles):  # then the files tell what may be shown
        wanted = {number for numbers in truth.numbers.values() for number in numbers}
    left = None if wanted is None else set(wanted)
    for number, index in sorted((starts or {}).items(), key=lambda item: item[1]):
        if left is None or number not in left or index not in truth:
            continue
        if index not in read:
            read[index] = truth[index]
        if number in shown(read[index]):
            place[number] = index
            left.discard(number)
    for index in truth if late else list(truth)[:1]:
        if left is not None and not left:
            break
        masks = _part(truth, index, left) if index not in read else read[index]
        fresh = shown(masks) - set(place) if left is None else shown(masks) & left
        if fresh:
            read.setdefault(index, masks)
            place |= dict.fromkeys(fresh, index)
            if left is not None:
                left -= fresh
    indices = sorted(set(place.values()))
    return {i: _only(read[i], {n for n, at in place.items() if at == i}) for i in indices}


def _part(truth: Mapping[int, Masks], index: int, wanted: Collection[int] | None) -> Masks:
    """An annotation; of objects that are stored by themselves only the wanted ones."""
    if isinstance(truth, LayerFiles) and wanted is not None:
        return truth.part(index, wanted)
    return truth[index]


def _only(masks: Masks, numbers: set[int]) -> Masks:
    """The masks without all other objects."""
    if isinstance(masks, Layers):
        kept = [number in numbers for number in masks.ids]
        return Layers([n for n in masks.ids if n in numbers], masks.stack[np.array(kept)])
    part = masks.copy()
    part[~np.isin(masks, sorted(numbers))] = 0
    return part


def shown(masks: Masks) -> set[int]:
    """The ids that have a pixel; of layers those that are not empty."""
    if isinstance(masks, Layers):
        return {number for number, layer in zip(masks.ids, masks.stack, strict=True) if layer.any()}
    return set(ids(masks))
