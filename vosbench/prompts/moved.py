"""A dataset seen with its prompts moved to another frame, each frame's truth as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from vosbench.errors import DataError, UsageError
from vosbench.masks import ids
from vosbench.protocols import PromptAt, moved
from vosbench.types import Dataset, DatasetCard, Layers, Masks, Sequence
from vosbench.videos import Reordered


class Moved:
    """The same dataset: other prompts, and protocols whose names say so.

    Where masks are carried forward alone, a sequence begins at its prompt: frames before it are
    not of it.
    """

    def __init__(self, dataset: Dataset, at: PromptAt) -> None:
        self._dataset, self.at = dataset, at
        fit = [each for each in dataset.card.protocols if each.objects != "proposals"]
        if not fit:
            raise UsageError(
                f"{dataset.card.name} prompts no objects, so that --prompt-at and --direction do "
                "not fit it; leave them out"
            )
        self.card: DatasetCard = dataclasses.replace(
            dataset.card, protocols=tuple(moved(each, at) for each in fit), submissions=()
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._dataset, name)

    def sequence(self, name: str) -> Sequence:
        """Build one sequence; DataError, too, where the asked frame cannot prompt it."""
        return prompted_at(self._dataset.sequence(name), self.at)


def prompted_at(sequence: Sequence, at: PromptAt) -> Sequence:
    """A sequence with the truth of one frame as its only prompt; as it is for "first".

    Raises:
        DataError: there is no such frame, it is not annotated, or shows no object.
    """
    if at.frame == "first":
        return sequence
    index = _middle(sequence) if at.frame == "mid" else _named(sequence, at.frame)
    prompt = _seen(sequence.truth[index])
    if at.direction == "both":
        return dataclasses.replace(sequence, prompts={index: prompt})
    return dataclasses.replace(
        sequence,
        frames=Reordered(sequence.frames, range(index, len(sequence.frame_names))),
        frame_names=sequence.frame_names[index:],
        prompts={0: prompt},
        truth=From(sequence.truth, index),
        whole=False,
    )


def _middle(sequence: Sequence) -> int:
    """The middle annotated frame; where it shows nothing, the nearest that does."""
    known = sorted(sequence.truth)
    middle = (len(known) - 1) // 2
    for place in sorted(range(len(known)), key=lambda place: (abs(place - middle), place)):
        if ids(_seen(sequence.truth[known[place]])):
            return known[place]
    raise DataError(
        f"{sequence.name} has no annotation beside its prompts that shows an object, so there is "
        "none in the middle; leave --prompt-at out"
    )


def _named(sequence: Sequence, frame: str) -> int:
    """The index of a frame by its name or number; it is annotated and shows an object."""
    names = sequence.frame_names
    if frame in names:
        index = names.index(frame)
    elif frame.isdecimal() and int(frame) < len(names):
        index = int(frame)
    else:
        raise DataError(
            f"{sequence.name} has no frame {frame!r}: its {len(names)} frames are named {names[0]} "
            f"to {names[-1]}, or numbered 0 to {len(names) - 1}; --prompt-at mid fits all sequences"
        )
    if index not in sequence.truth:
        known = sorted(sequence.truth, key=lambda each: (abs(each - index), each))
        near = (
            f"the nearest that is annotated is {names[known[0]]}"
            if known
            else "only its prompts are annotated; leave --prompt-at out"
        )
        raise DataError(
            f"{sequence.name}: frame {names[index]} has no annotation to prompt with; {near}"
        )
    if not ids(_seen(sequence.truth[index])):
        raise DataError(
            f"{sequence.name}: the annotation of frame {names[index]} shows no object to prompt; "
            "name another --prompt-at"
        )
    return index


def _seen(masks: Masks) -> Masks:
    """The objects that have a pixel."""
    if not isinstance(masks, Layers):
        return masks
    there = masks.stack.any(axis=(1, 2))
    return Layers(np.array(masks.ids)[there].tolist(), masks.stack[there])


class From(Mapping[int, Masks]):
    """The truth from a frame on, counted from it; what else is known of its files stays known."""

    def __init__(self, truth: Mapping[int, Masks], start: int) -> None:
        self._truth, self._start = truth, start

    def __getitem__(self, index: int) -> Masks:
        return self._truth[self._at(index)]

    def __contains__(self, index: object) -> bool:
        return isinstance(index, int) and index >= 0 and index + self._start in self._truth

    def __iter__(self) -> Iterator[int]:
        return (index - self._start for index in self._truth if index >= self._start)

    def __len__(self) -> int:
        return sum(index >= self._start for index in self._truth)

    def _at(self, index: int) -> int:
        if index < 0:
            raise KeyError(index)
        return index + self._start

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        known = getattr(self._truth, name)
        if name == "raw":
            raw: Callable[[int], Masks] = known
            return lambda index: raw(self._at(index))
        if name in ("paths", "numbers") and isinstance(known, Mapping):
            return {i - self._start: each for i, each in known.items() if i >= self._start}
        return known
