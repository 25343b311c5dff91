"""A method that takes boxes and points: it fills a box or clicked colours, and holds that."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from vosbench.types import Box, Frame, Layers, Mark, Mask, Masks

SOURCE = "tests"


@dataclass(frozen=True)
class Options:
    """takes: which marks. how: how it answers; it fills all pixels of about the clicked colour.

    deaf: no pixel, whatever is clicked. near: what is another colour. asked: a file for a line a
    call with one frame. layers: whether it answers in Layers.
    """

    takes: Literal["both", "box", "points"] = "both"
    how: Literal["fills", "deaf", "two-masks", "wrong-size", "raises", "hangs"] = "fills"
    layers: bool = False
    near: int = 30
    asked: Path | None = None


class Told:
    """Gives each object that it was told of at its first frame, and the same ever after."""

    def __init__(self, options: Options, *, device: str, seed: int) -> None:
        self.options = options

    @property
    def marks(self) -> Sequence[Literal["box", "points"]]:
        return ("box", "points") if self.options.takes == "both" else (self.options.takes,)

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        held = np.zeros_like(prompts[min(prompts)])
        for index, _ in enumerate(frames):
            if index in prompts:
                held = np.where(prompts[index] > 0, prompts[index], held)
            yield held

    def segment_marks(
        self, frames: Iterable[Frame], prompts: Mapping[int, Mapping[int, Mark]]
    ) -> Iterator[Masks]:
        held: dict[int, np.ndarray] = {}
        for index, frame in enumerate(frames):
            for number, mark in prompts.get(index, {}).items():
                held[number] = self._found(frame, mark)
            if self.options.how == "raises":
                raise RuntimeError("no answer")
            if self.options.how == "hangs":
                time.sleep(600)
            yield self._given(held, frame)
            if self.options.how == "two-masks":
                yield self._given(held, frame)
        if self.options.asked and index == 0:
            with self.options.asked.open("a") as notes:
                notes.write("asked\n")

    def _found(self, frame: Frame, mark: Mark) -> np.ndarray:
        found = np.zeros(frame.shape[:2], bool)
        if isinstance(mark, Box):
            left, top, right, bottom = map(int, mark)
            found[top : bottom + 1, left : right + 1] = True
        elif self.options.how != "deaf":
            for (x, y), inside in zip(mark.positions.astype(int), mark.inside, strict=True):
                apart = np.abs(frame.astype(int) - frame[y, x].astype(int)).max(axis=2)
                found = (
                    found | (apart < self.options.near)
                    if inside
                    else found & (apart >= self.options.near)
                )
        return found

    def _given(self, held: Mapping[int, np.ndarray], frame: Frame) -> Masks:
        h, w = frame.shape[:2]
        if self.options.how == "wrong-size":
            h += 1
        if self.options.layers:
            return Layers(held, np.array(list(held.values()), bool).reshape(-1, h, w))
        flat = np.zeros((h, w), np.uint16 if max(held, default=0) > 255 else np.uint8)
        for number, mask in held.items():
            flat[: frame.shape[0]][mask] = number
        return flat


build = Told
