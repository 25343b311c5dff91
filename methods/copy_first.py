"""Repeats the prompt on every frame: the baseline that every method must beat.

Frames -> the same mask each time; the objects of a later prompt join at its frame. Frames before
the first prompt are background. The row "copy from the initial frame" of RPM-Net's tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from vosbench.masks import lay_masks, lay_prompt
from vosbench.types import Frame, Mask, Masks

SOURCE = "baseline 'copy from the initial frame' of RPM-Net (WACV 2020)"


@dataclass(frozen=True)
class Options:
    """There is nothing to choose."""


class CopyFirst:
    """Yields the prompts given so far."""

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        """Yield one mask (h, w) per frame."""
        mask: Mask | None = None
        for index, frame in enumerate(frames):
            if mask is None:
                mask = np.zeros(frame.shape[:2], np.uint8)
            if index in prompts:
                mask = lay_prompt(mask, prompts[index])
            yield mask.copy()

    def segment_layers(
        self, frames: Iterable[Frame], prompts: Mapping[int, Masks]
    ) -> Iterator[Masks]:
        """The same where objects may overlap: none covers another."""
        masks: Masks | None = None
        for index, frame in enumerate(frames):
            if index in prompts:
                masks = prompts[index] if masks is None else lay_masks(masks, prompts[index])
            yield np.zeros(frame.shape[:2], np.uint8) if masks is None else masks


def build(options: Options, *, device: str, seed: int) -> CopyFirst:
    """Make the method; it uses neither device nor seed."""
    return CopyFirst()
