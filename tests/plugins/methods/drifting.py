"""A method whose masks tell how many frames it has passed: each moves one pixel right a frame."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from vosbench.types import Frame, Layers, Mask, Masks

SOURCE = "tests"


@dataclass(frozen=True)
class Options:
    """how: it goes wrong at the fourth frame of its second pass. marker: that it did so before."""

    how: Literal["not", "raises", "dies-once"] = "not"
    marker: Path | None = None


class Drifting:
    """Carries label maps; where objects meet, the one prompted later is on top."""

    def __init__(self, options: Options, *, device: str, seed: int) -> None:
        self.options, self.passes = options, 0

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        self.passes += 1
        held = np.zeros_like(prompts[min(prompts)])
        for index, _ in enumerate(frames):
            held = np.pad(held, ((0, 0), (1, 0)))[:, :-1]
            if index in prompts:
                held = np.where(prompts[index] > 0, prompts[index], held)
            if index == 3 and self.passes == 2:
                self._go_wrong()
            yield held

    def segment_layers(
        self, frames: Iterable[Frame], prompts: Mapping[int, Masks]
    ) -> Iterator[Masks]:
        held: dict[int, np.ndarray] = {}
        for index, _ in enumerate(frames):
            held = {n: np.pad(mask, ((0, 0), (1, 0)))[:, :-1] for n, mask in held.items()}
            given = prompts.get(index)
            if isinstance(given, Layers):
                held |= dict(zip(given.ids, given.stack, strict=True))
            yield Layers(held, np.array(list(held.values()), bool))

    def _go_wrong(self) -> None:
        if self.options.how == "raises":
            raise RuntimeError("no way back")
        marker = self.options.marker
        if self.options.how == "dies-once" and marker and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)


build = Drifting
