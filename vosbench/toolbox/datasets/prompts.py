"""From a truth to prompts: each object starts in the first annotation that shows it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property

import numpy as np

from vosbench.masks import ids
from vosbench.toolbox.datasets.layers import LayerFiles
from vosbench.types import Layers, Masks


class FirstMasks(Mapping[int, Masks]):
    """Prompts that are looked for when one is first asked for; arguments as of `first_masks`."""

    def __init__(
        self,
        truth: Mapping[int, Masks],
        wanted: Collection[int] | None = None,
        starts: Mapping[int, int] | None = None,
    ) -> None:
        self._asked = (truth, wanted, starts)

    @cached_property
    def _found(self) -> dict[int, Masks]:
        return first_masks(*self._asked)

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
) -> dict[int, Masks]:
    """Prompts: each wanted object, in the first annotation that shows it.

    Reads annotations in order and stops when all were seen; an object that is never seen gets
    none.

    Args:
        truth: frame index -> annotation.
        wanted: ids; None for all that the truth shows.
        starts: id -> the frame in which the dataset's own list says that it starts. That one is
            looked at first, so that those before it need not be read.
    """
    place: dict[int, int] = {}
    read: dict[int, Masks] = {}
    left = None if wanted is None else set(wanted)
    for number, index in sorted((starts or {}).items(), key=lambda item: item[1]):
        if left is None or number not in left or index not in truth:
            continue
        if index not in read:
            read[index] = truth[index]
        if number in _shown(read[index]):
            place[number] = index
            left.discard(number)
    for index in truth:
        if left is not None and not left:
            break
        masks = _part(truth, index, left) if index not in read else read[index]
        fresh = _shown(masks) - set(place) if left is None else _shown(masks) & left
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


def _shown(masks: Masks) -> set[int]:
    """The ids that have a pixel."""
    if isinstance(masks, Layers):
        return {number for number, layer in zip(masks.ids, masks.stack, strict=True) if layer.any()}
    return set(ids(masks))


def _only(masks: Masks, numbers: set[int]) -> Masks:
    """The masks without all other objects."""
    if isinstance(masks, Layers):
        kept = [number in numbers for number in masks.ids]
        return Layers([n for n in masks.ids if n in numbers], masks.stack[np.array(kept)])
    part = masks.copy()
    part[~np.isin(masks, sorted(numbers))] = 0
    return part
