"""RPM-Net at work: each frame takes its masks from the frame before, where offsets point.

Maps of 0..1, one per object, on cells of 4x4 px (or at the network's pixels); what they leave is
background. Online: the last embedding and the last maps are all that is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from vosbench.masks import ids, lay_prompt
from vosbench.toolbox.methods.backbones import STRIDE
from vosbench.toolbox.methods.images import fit, resize, tensor_of
from vosbench.toolbox.methods.labels import winner
from vosbench.types import Frame, Inspection, Mask

from .deformable import warp
from .network import Network

if TYPE_CHECKING:
    from .options import Options


class RpmNet:
    """Carries masks along predicted offsets; `Inspectable` shows what is matched."""

    def __init__(self, options: Options, network: Network, *, device: str) -> None:
        self.options = options
        self.device = device
        self.network = network.to(device).eval().requires_grad_(False)
        if options.refine == "crf":
            from .dense_crf import check_installed

            check_installed()

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        """Yield one mask (h, w) per frame, in order; every frame is embedded once."""
        names: list[int] = []
        maps, reference = torch.empty(0), torch.empty(0)
        for index, frame in enumerate(frames):
            mask = np.zeros(frame.shape[:2], np.uint8)
            target = self._embed(frame)
            if names:
                maps = self._follow(maps, self._offsets(reference, target))
                maps, mask = self._read(frame, maps, names)
            if index in prompts and prompts[index].any():
                names, maps = self._lay(names, maps, prompts[index], target)
                mask = lay_prompt(mask, prompts[index])
            reference = target
            yield mask

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """The cells (h, w) that frames of this size are embedded into."""
        h, w = self._input(height, width)
        return h // STRIDE, w // STRIDE

    @torch.inference_mode()
    def inspect(self, reference: Frame, target: Frame, cells: npt.NDArray[np.int64]) -> Inspection:
        """Embed both frames and show the samples of the target `cells` (p, 2), y then x."""
        pair = self._embed(reference), self._embed(target)
        h, w = pair[1].shape[-2:]
        at = torch.from_numpy(cells).to(pair[1])
        samples = self.network.matching.samples(*pair, at)
        first, second, offsets, places = (
            x.float().cpu().numpy()
            for x in (pair[0][0], pair[1][0], self.network(*pair)[0], samples)
        )
        cell = (target.shape[0] / h, target.shape[1] / w)
        return Inspection(first, second, cell, offsets, places)

    def _input(self, height: int, width: int) -> tuple[int, int]:
        """The size (h, w), in pixels, at which the network sees frames of this size."""
        size, multiple = self.options.size, self.network.multiple
        if self.options.shape == "square":
            return fit(size, size, short_side=size, multiple=multiple)
        return fit(height, width, short_side=size, multiple=multiple)

    @torch.inference_mode()
    def _embed(self, frame: Frame) -> Tensor:
        """The embedding (1, c, h, w) of a frame."""
        image = resize(tensor_of(frame, self.device), self._input(*frame.shape[:2]))
        return self.network.embed(self.network.colours(image))

    @torch.inference_mode()
    def _offsets(self, reference: Tensor, target: Tensor) -> Tensor:
        """Where each place of the maps looks in the frame before, in places: (1, 2, h, w)."""
        offsets: Tensor = self.network(reference, target)
        if self.options.warp_res == "full":
            offsets = F.interpolate(
                offsets, scale_factor=STRIDE, mode="bilinear", align_corners=False
            )
            offsets = offsets * STRIDE
        return offsets

    @torch.inference_mode()
    def _follow(self, maps: Tensor, offsets: Tensor) -> Tensor:
        """D4: maps (k, h, w) sampled at the offsets."""
        return warp(maps[None], offsets, self.options.border)[0]

    @torch.inference_mode()
    def _read(self, frame: Frame, maps: Tensor, names: list[int]) -> tuple[Tensor, Mask]:
        """The maps that are carried on, and the mask at the frame's size that they mean."""
        shares = _with_background(F.interpolate(maps[None], frame.shape[:2], mode="bilinear")[0])
        if self.options.refine == "crf":
            from .dense_crf import CrfSettings, refine

            refined = refine(frame, shares.cpu().numpy(), CrfSettings())
            shares = torch.from_numpy(refined).to(maps)
            if self.options.crf_in_loop:
                maps = F.interpolate(shares[None, 1:], maps.shape[-2:], mode="area")[0]
        return self._settled(maps), winner(shares, names)

    @torch.inference_mode()
    def _lay(
        self, names: list[int], maps: Tensor, prompt: Mask, target: Tensor
    ) -> tuple[list[int], Tensor]:
        """The objects known by now, and their maps with the prompt's laid over them."""
        step = STRIDE if self.options.warp_res == "full" else 1
        size = [side * step for side in target.shape[-2:]]
        known = sorted({*names, *ids(prompt)})
        given = torch.from_numpy(np.stack([prompt == i for i in known])).to(target)
        given = F.interpolate(given[None], size, mode="area")[0]
        free = 1 - given.sum(0)
        below = torch.zeros_like(given)
        for old, i in enumerate(names):
            below[known.index(i)] = maps[old]
        return known, self._settled(below * free + given)

    def _settled(self, maps: Tensor) -> Tensor:
        """What the next frame samples: the maps themselves, or with `hard` who wins each place."""
        if self.options.propagate == "soft":
            return maps
        winner = _with_background(maps).argmax(0)
        return F.one_hot(winner, len(maps) + 1).movedim(-1, 0)[1:].to(maps)


def _with_background(maps: Tensor) -> Tensor:
    """Maps (k, h, w) -> (k+1, h, w): background first, which holds what the objects leave."""
    return torch.cat(((1 - maps.sum(0, keepdim=True)).clamp(min=0), maps))
