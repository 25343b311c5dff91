"""Predicts nothing after each prompt: where objects are often gone, it beats trackers.

Frames -> background, but for the frames of the prompts, which show what starts there. Read a score
beside its own: an object that is not there and not predicted counts as right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from vosbench.types import Frame, Mask, Masks

SOURCE = "baseline: nothing is predicted"


@dataclass(frozen=True)
class Options:
    """There is nothing to choose."""


class Empty:
    """Yields each prompt in its frame and nothing else."""

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        """Yield one mask (h, w) per frame."""
        for index, frame in enumerate(frames):
            prompt = prompts.get(index)
            yield np.zeros(frame.shape[:2], np.uint8) if prompt is None else prompt.copy()

    def segment_layers(
        self, frames: Iterable[Frame], prompts: Mapping[int, Masks]
    ) -> Iterator[Masks]:
        """The same where objects may overlap."""
        for index, frame in enumerate(frames):
            yield prompts.get(index, np.zeros(frame.shape[:2], np.uint8))


def build(options: Options, *, device: str, seed: int) -> Empty:
    """Make the method; it uses neither device nor seed."""
    return Empty()
