"""The prompts of a video -> which objects begin together, and what a session is told of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch

from vosbench.masks import ids, pixels
from vosbench.types import Box, Layers, Mark, Masks, Points

from .pictures import Input

Told: TypeAlias = Masks | Mapping[int, Mark]  # of the objects of one frame
CORNERS = (2, 3)  # the labels of a box's corners among the labels of points


class Group(NamedTuple):
    """Objects with prompts on the same frames, which one session tracks."""

    frames: tuple[int, ...]
    numbers: tuple[int, ...]


def groups(prompts: Mapping[int, Told]) -> list[Group]:
    """The objects of a video by the frames of their prompts, in the order in which they start.

    Objects that start at different frames are kept apart, as in SAM 2's own code: in a session of
    transformers, memories of all objects are made as if given on a frame where one of them is, and
    EdgeTAM fails there. A mask without pixels is no prompt.
    """
    frames: dict[int, list[int]] = {}
    for index in sorted(prompts):
        for number in shown(prompts[index]):
            frames.setdefault(number, []).append(index)
    together: dict[tuple[int, ...], list[int]] = {}
    for number, given in sorted(frames.items()):
        together.setdefault(tuple(given), []).append(number)
    return [Group(given, tuple(together[given])) for given in sorted(together)]


def shown(told: Told) -> tuple[int, ...]:
    """The ids of the objects that a frame's prompt shows."""
    if isinstance(told, Layers):
        return tuple(n for n, layer in zip(told.ids, told.stack, strict=True) if layer.any())
    return tuple(told) if isinstance(told, Mapping) else ids(told)


def tell(
    session: Any,
    index: int,
    numbers: tuple[int, ...],
    told: Told,
    view: Input,
    shape: tuple[int, int],
) -> None:
    """Give a session the prompts of its objects on a frame (h, w), which it will see next."""
    for number in numbers:
        place = session.obj_id_to_idx(number)
        if isinstance(told, Mapping):
            session.add_point_inputs(place, index, _points(told[number], view, shape))
        else:
            session.add_mask_inputs(place, index, view.mask(pixels(told, number)))
    session.obj_with_new_inputs = list(numbers)


def _points(mark: Mark, view: Input, shape: tuple[int, int]) -> dict[str, torch.Tensor]:
    """A box or clicks as positions (1, 1, k, 2) in the input, and their labels (1, 1, k)."""
    if isinstance(mark, Box):
        places, labels = np.array(mark, np.float32).reshape(2, 2), np.array(CORNERS)
    elif isinstance(mark, Points):
        places, labels = mark.positions, mark.inside
    xy = torch.from_numpy(np.array(places, np.float32))
    return {
        "point_coords": view.positions(xy, shape)[None, None],
        "point_labels": torch.from_numpy(labels.astype(np.int32)).to(view.device)[None, None],
    }
