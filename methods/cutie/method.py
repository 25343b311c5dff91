"""Frames and prompts -> masks, frame by frame, as rf-cutie's eval_vos.py does it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from cutie.inference.inference_core import InferenceCore
from vosbench.masks import ids
from vosbench.toolbox.methods.images import resize
from vosbench.toolbox.methods.pace import Pace
from vosbench.types import Frame, Mask

from .network import STRIDE, configuration, fitting
from .options import Options


class Cutie:
    """One network, which serves any number of videos."""

    def __init__(self, network: nn.Module, options: Options, *, device: str) -> None:
        self.network, self.options, self.device = network, options, device
        self.remarks = ["random weights: masks and scores mean nothing"] * (
            options.weights == "random"
        )
        remedy = "--device cuda, or a smaller --set size=, is faster"
        self._pace = Pace("cutie", device=device, remedy=remedy)

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        """Yield one mask (h, w) per frame; background until the first prompt.

        On the frame of a prompt its objects are as they were given, at the size of the network.
        """
        core: InferenceCore | None = None
        for index, frame in enumerate(frames):
            shape = (frame.shape[0], frame.shape[1])
            inside = _inside(shape, self.options.size)
            prompt = prompts.get(index)
            if prompt is not None and inside != shape:
                prompt = _smaller(prompt, inside)
            new = ids(prompt) if prompt is not None else ()
            if core is None and not new:
                yield np.zeros(shape, np.uint8)
                continue
            core = core or self._core(inside)
            started = time.perf_counter()
            with torch.inference_mode(), torch.autocast("cuda", enabled=self._half):
                mask = self._step(core, frame, prompt if new else None, list(new), inside)
            if not new:  # a frame of a prompt alone is segmented by nobody
                self._pace.took(time.perf_counter() - started, core.object_manager.num_obj)
            yield mask

    @property
    def _half(self) -> bool:
        return self.options.amp and self.device.startswith("cuda")

    def _core(self, inside: tuple[int, int]) -> InferenceCore:
        """An empty memory for frames of this size."""
        h, w = (-(-side // STRIDE) for side in inside)
        return InferenceCore(self.network, cfg=fitting(configuration(self.options), cells=h * w))

    def _step(
        self,
        core: InferenceCore,
        frame: Frame,
        prompt: Mask | None,
        new: list[int],
        inside: tuple[int, int],
    ) -> Mask:
        """The mask (h, w) of the next frame."""
        shape = frame.shape[:2]
        image = torch.from_numpy(frame).to(self.device).permute(2, 0, 1).float() / 255  # (3, h, w)
        image = resize(image[None], inside)[0]
        given: Tensor | None = None
        if prompt is not None:
            given = torch.from_numpy(prompt).to(self.device, torch.long)
        probability = core.step(image, given, new if new else None)  # (1 + objects, h, w)
        if inside != shape:
            probability = F.interpolate(
                probability[:, None], shape, mode="bilinear", align_corners=False
            )[:, 0]
        mask: Mask = core.output_prob_to_mask(probability).to(torch.uint8).cpu().numpy()
        return mask


def _smaller(prompt: Mask, size: tuple[int, int]) -> Mask:
    """A prompt at the size (h, w) of the network; an object that vanishes is none, as upstream.

    By Pillow, as upstream: at pixels between two it rounds as nobody else does.
    """
    made: Mask = np.array(Image.fromarray(prompt).resize(size[::-1], Image.Resampling.NEAREST))
    return made


def _inside(shape: tuple[int, int], size: int | None) -> tuple[int, int]:
    """The size (h, w) at which the network sees frames; the longer side is cut to whole pixels."""
    least = min(shape)
    if size is None or least <= size:
        return shape
    h, w = (int(size * side / least) for side in shape)
    return h, w
