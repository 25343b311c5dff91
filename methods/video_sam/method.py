"""The method: frames and prompts of any form -> masks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from vosbench.toolbox.methods.pace import Pace
from vosbench.types import Frame, Layers, Mark, Mask, Masks

from . import answers
from .memory import reach
from .prompts import Told
from .tracking import Tracker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .options import Options
    from .weights import Network


class VideoSam:
    """One network, which serves any number of videos."""

    marks: Sequence[Literal["box", "points"]] = ("box", "points")

    def __init__(self, network: Network, options: Options) -> None:
        self.network, self.options = network, options
        self.reach = reach(network.model.config, options.memory)
        self.remarks = network.remarks
        self._pace = Pace(
            "video-sam",
            device=network.view.device,
            remedy="--device cuda, a smaller network or a smaller --set size= is faster",
        )

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Masks]:
        """Yield one label map (h, w) per frame; Layers with overlap=keep."""
        return self._masks(frames, prompts, keep=self.options.overlap == "keep")

    def segment_layers(
        self, frames: Iterable[Frame], prompts: Mapping[int, Masks]
    ) -> Iterator[Masks]:
        """The same for prompts of any form; where they are Layers, objects may overlap."""
        layered = any(isinstance(masks, Layers) for masks in prompts.values())
        keep = self.options.overlap == "keep" or (self.options.overlap == "auto" and layered)
        return self._masks(frames, prompts, keep=keep)

    def segment_marks(
        self, frames: Iterable[Frame], prompts: Mapping[int, Mapping[int, Mark]]
    ) -> Iterator[Masks]:
        """The same for boxes and points; objects overlap with overlap=keep only."""
        return self._masks(frames, prompts, keep=self.options.overlap == "keep")

    def _masks(
        self, frames: Iterable[Frame], prompts: Mapping[int, Told], *, keep: bool
    ) -> Iterator[Masks]:
        first = min(prompts, default=-1)
        tracker = Tracker(self.network, prompts, reach=self.reach)
        for index, frame in enumerate(frames):
            shape = (frame.shape[0], frame.shape[1])
            if not 0 <= first <= index:
                yield np.zeros(shape, np.uint8)
                continue
            started = time.perf_counter()
            logits = tracker.step(index, frame)
            self._pace.took(time.perf_counter() - started, len(logits))
            yield (answers.layers if keep else answers.label_map)(logits, shape)
