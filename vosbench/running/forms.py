"""A sequence's prompts in the form that its method takes, and its masks in the form of the prompts.

Most methods know label maps alone. Where the prompts are more than that, objects that overlap are
flattened and ids that no label map holds are counted from 1; the masks get the prompts' ids back.
Boxes and points go under the prompts' ids as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from vosbench.errors import DataError, MethodError
from vosbench.masks import (
    FLATTENING,
    LabelMap,
    ids,
    label_map,
    label_maps,
    numbering,
    pixels,
    small,
)
from vosbench.types import (
    Frame,
    Layers,
    Mark,
    Masks,
    Method,
    Points,
    Sequence,
    TakesLayers,
    TakesMarks,
)

Begin = Callable[[Iterable[Frame]], Iterator[Any]]


class Exchange:
    """What a method is given for one sequence, and what its masks become.

    marked: the method takes marks, and is to be given them by `tell` before it begins.
    numbers: the ids of the prompts, ascending. shape: (h, w).
    flattened: the rule, once the method was given or has given more than is kept; else "".

    Raises:
        DataError: there is no prompt, or there are more objects than a label map holds.
    """

    def __init__(self, method: Method, sequence: Sequence, *, marked: bool = False) -> None:
        given = dict(sequence.prompts)
        if not given:
            raise DataError(
                f"{sequence.name} has no prompt: its first annotation is empty or missing"
            )
        self.shape = next(iter(given.values())).shape
        self.numbers = sorted({number for prompt in given.values() for number in ids(prompt)})
        self.flattened = ""
        self._layered = any(isinstance(prompt, Layers) for prompt in given.values())
        self._value = {number: number for number in self.numbers}  # id -> the method's value
        self._begin: Begin
        if marked:
            self._types: tuple[type, ...] = (np.uint8, np.uint16)
            return
        plain = all(isinstance(p, np.ndarray) and p.dtype == np.uint8 for p in given.values())
        if not plain and isinstance(method, TakesLayers):
            own = {index: _copy(prompt) for index, prompt in given.items()}
            self._begin = lambda frames: method.segment_layers(frames, own)
            self._types = (np.uint8, np.uint16)
            return
        flat = label_maps(given)
        self._begin = lambda frames: method.segment(frames, flat)
        self._types = (np.uint8,)
        if not plain:
            self._value = numbering(self.numbers)
            if list(self._value.values()) != self.numbers or any(map(_overlap, given.values())):
                self.flattened = FLATTENING

    def begin(self, frames: Iterable[Frame]) -> Iterator[Any]:
        """Let the method begin, with its own copy of the prompts."""
        return self._begin(frames)

    def tell(self, method: TakesMarks, marks: Mapping[int, Mapping[int, Mark]]) -> None:
        """Let the method begin with boxes or points in place of masks, in arrays of its own."""
        own = {
            index: {number: _own(mark) for number, mark in of_frame.items()}
            for index, of_frame in marks.items()
        }
        self._begin = lambda frames: method.segment_marks(frames, own)

    def check_size(self, frame: Frame, sequence: Sequence, index: int) -> None:
        """Raise DataError where a frame of the sequence has another size than the prompts."""
        if frame.shape[:2] != self.shape:
            raise DataError(
                f"{sequence.name}: frame {sequence.frame_names[index]} is "
                f"{frame.shape[0]}x{frame.shape[1]} but its prompt is "
                f"{self.shape[0]}x{self.shape[1]}; bring both to one size"
            )

    def kept(self, masks: Any, where: str) -> Masks:
        """What the method gave for a frame, checked, as it is kept: under the prompts' ids.

        Layers of all objects where the prompts are Layers, else a label map.

        Args:
            masks: a label map with the values that the method was given, or Layers.
            where: the frame, for messages.

        Raises:
            MethodError: it has another size or type, or ids that no prompt has.
        """
        typed = isinstance(masks, Layers) or (
            isinstance(masks, np.ndarray) and masks.dtype in self._types
        )
        if not typed or masks.shape != self.shape:
            raise MethodError(
                f"{where}: the method gave {_what(masks)}, expected {self.shape} uint8"
            )
        known = self.numbers if isinstance(masks, Layers) else list(self._value.values())
        if not self._none_above(masks, known) and (unknown := sorted(set(ids(masks)) - set(known))):
            raise MethodError(
                f"{where}: the method gave ids {unknown} that no prompt has; "
                f"the prompts' ids are {known}"
            )
        return self._layers(masks) if self._layered else self._map(masks)

    def _none_above(self, masks: Masks, known: list[int]) -> bool:
        """Whether a label map's values are plainly among the ids 1 to n: a tenth of `ids`' time."""
        if isinstance(masks, Layers) or known != list(range(1, len(known) + 1)):
            return False
        return int(masks.max(initial=0)) <= len(known)

    def _layers(self, masks: Masks) -> Layers:
        """All objects as Layers; one that the method left out is not visible."""
        stack = np.zeros((len(self.numbers), *self.shape), np.bool_)
        for layer, number in zip(stack, self.numbers, strict=True):
            layer[:] = pixels(masks, number if isinstance(masks, Layers) else self._value[number])
        return Layers(self.numbers, stack)

    def _map(self, masks: Masks) -> LabelMap:
        """One label map of ids."""
        value = self._value
        if isinstance(masks, Layers):
            value = numbering(self.numbers)
            self.flattened = self.flattened or FLATTENING * _overlap(masks)
            masks = label_map(masks, self.numbers)
        if all(number == of for number, of in value.items()):
            return masks
        number_of = np.zeros(max(value.values()) + 1, np.uint16)
        number_of[list(value.values())] = list(value)
        return small(number_of[masks])


def _own(mark: Mark) -> Mark:
    if not isinstance(mark, Points):
        return mark
    return Points(mark.positions.copy(), mark.inside.copy())


def _copy(masks: Masks) -> Masks:
    return Layers(masks.ids, masks.stack.copy()) if isinstance(masks, Layers) else masks.copy()


def _overlap(masks: Masks) -> bool:
    """Whether two objects share a pixel."""
    return isinstance(masks, Layers) and bool((masks.stack.sum(axis=0) > 1).any())


def _what(masks: Any) -> str:
    if isinstance(masks, np.ndarray):
        return f"{masks.shape} {masks.dtype}"
    return f"layers of {masks.shape}" if isinstance(masks, Layers) else type(masks).__name__
