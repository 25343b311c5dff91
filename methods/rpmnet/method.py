"""RPM-Net at work: each frame takes its masks from the frame before, where offsets point.

Maps of 0..1, one per object, on cells of 4x4 px (or at the network's pixels); what they leave is
background. Online: what memory.py asks for is all that is kept of former frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from vosbench.types import Frame, Inspection, Mask, Recalled

from .deformable import sample, warp
from .iterating import before_last, matched, way_of
from .memory import Look, Memory, compares, reference_names
from .network import Network
from .seen import Seen, Sought

if TYPE_CHECKING:
    from .options import Options


class RpmNet:
    """Carries masks along predicted offsets; `Inspectable` shows what is matched.

    remarks: what a reader of the scores must know of the weights.
    """

    def __init__(
        self, options: Options, network: Network, *, device: str, remarks: Sequence[str] = ()
    ) -> None:
        self.options, self.remarks = options, remarks
        self.device = device
        network = network.to(memory_format=torch.channels_last)  # as what it reads is
        self.network = network.to(device).eval().requires_grad_(False)
        if options.refine == "crf":
            from .dense_crf import check_installed

            check_installed()

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        """Yield one mask (h, w) per frame, in order; every frame is embedded once."""
        for mask, *_ in self._carried(frames, prompts):
            yield mask

    def _carried(
        self, frames: Iterable[Frame], prompts: Mapping[int, Mask]
    ) -> Iterator[tuple[Mask, Seen, Look | None]]:
        """Each frame's mask, how it is seen, and where it was found in former frames."""
        names: list[int] = []
        maps, memory = torch.empty(0), Memory(self.options, self.network)
        for index, frame in enumerate(frames):
            mask, look = np.zeros(frame.shape[:2], np.uint8), None
            target = self._see(frame)
            if names:
                look, maps = self._follow(memory, target, names)
                maps, mask = self._read(frame, maps, names)
            prompted = index in prompts and bool(prompts[index].any())
            if prompted:
                names, maps = self._lay(names, maps, prompts[index], target.embedding)
                mask = lay_prompt(mask, prompts[index])
            if names:
                memory.add(index, target, names, maps, prompted=prompted)
            yield mask, target, look

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """The cells (h, w) that frames of this size are embedded into."""
        h, w = self._input(height, width)
        return h // STRIDE, w // STRIDE

    @torch.inference_mode()
    def inspect(self, reference: Frame, target: Frame, cells: npt.NDArray[np.int64]) -> Inspection:
        """Embed both frames and show the samples of the target `cells` (p, 2), y then x."""
        near, own = self._see(reference), self._see(target)
        sought = Sought(self.network, own, way_of(self.options))
        led = before_last(sought, near)
        found = matched(sought, near, led)
        return self._shown(near, own, found, led, cells, target.shape[:2])

    @property
    def references(self) -> tuple[str, ...]:
        """The names of the references that are read for a frame."""
        return reference_names(self.options)

    def recall(
        self,
        frames: Iterable[Frame],
        prompts: Mapping[int, Mask],
        asked: Mapping[int, npt.NDArray[np.int64]],
    ) -> Iterator[list[Recalled]]:
        """Carry masks, and show for asked frames what each reference gave; see types.Recalls."""
        for index, (mask, target, look) in enumerate(self._carried(frames, prompts)):
            if index in asked:
                cells = asked[index]
                yield [] if look is None else self._recalled(target, look, cells, mask.shape)

    @torch.inference_mode()
    def _recalled(
        self, target: Seen, look: Look, cells: npt.NDArray[np.int64], size: tuple[int, ...]
    ) -> list[Recalled]:
        chained = 0 if look.starts is None else len(look.starts)
        direct = len(look.references) - chained
        sought, found = Sought(self.network, target, way_of(self.options)), []
        for place, reference in enumerate(look.references):
            if look.starts is not None and place >= direct:
                led: Tensor | None = look.starts[place - direct][None]
            else:
                led = before_last(sought, reference.seen)
            offsets = look.offsets[place][None]
            shown = self._shown(reference.seen, target, offsets, led, cells, size)
            share = np.ones(shown.target.shape[1:], np.float32)
            if look.shares is not None:
                share = look.shares[place, 0].float().cpu().numpy()
            found.append(Recalled(look.named[place], reference.frame, shown, share))
        return found

    def _shown(
        self,
        reference: Seen,
        target: Seen,
        offsets: Tensor,
        led: Tensor | None,
        cells: npt.NDArray[np.int64],
        size: tuple[int, ...],
    ) -> Inspection:
        """The last step of a matching, from where the former ones had led, of frames of a size."""
        near, own = reference.embedding, target.embedding
        at = torch.from_numpy(cells).to(own)
        moved = near if led is None else warp(near, led, "edge")
        samples = self.network.matching.samples(moved, own, at)
        if led is not None:  # from the grid of the moved reference to its own
            samples = samples + sample(led, samples.permute(2, 0, 1)[None], "edge")[0].permute(
                1, 2, 0
            )
        first, second, found, places = (
            x.float().cpu().numpy() for x in (near[0], own[0], offsets[0], samples)
        )
        cell = (size[0] / second.shape[1], size[1] / second.shape[2])
        return Inspection(first, second, cell, found, places)

    def _input(self, height: int, width: int) -> tuple[int, int]:
        """The size (h, w), in pixels, at which the network sees frames of this size."""
        size, multiple = self.options.size, self.network.multiple
        if self.options.shape == "square":
            return fit(size, size, short_side=size, multiple=multiple)
        return fit(height, width, short_side=size, multiple=multiple)

    @torch.inference_mode()
    def _see(self, frame: Frame) -> Seen:
        """The embedding of a frame, and its colours on the same cells, as far as they are asked."""
        image = resize(tensor_of(frame, self.device), self._input(*frame.shape[:2]))
        colours = self.network.colours(image)
        small = F.avg_pool2d(colours, STRIDE) if compares(self.options) else colours[:, :0]
        return Seen(self.network.embed(colours), small)

    @torch.inference_mode()
    def _follow(self, memory: Memory, target: Seen, names: list[int]) -> tuple[Look, Tensor]:
        """Where the target lies in former frames, and the maps (k, h, w) that it takes there."""
        look = memory.look(target)
        return look, memory.taken(look, names)

    @torch.inference_mode()
    def _read(self, frame: Frame, maps: Tensor, names: list[int]) -> tuple[Tensor, Mask]:
        """The maps that are carried on, and the mask at the frame's size that they mean."""
        if self.options.refine == "crf":
            shares = self._refined(frame, maps)
            if self.options.crf_in_loop:
                maps = F.interpolate(shares[None, 1:], maps.shape[-2:], mode="area")[0]
        else:
            shares = _shares(maps, frame.shape[:2])
        return self._settled(maps), winner(shares, names)

    def _refined(self, frame: Frame, maps: Tensor) -> Tensor:
        """The shares (1 + k, h, w) at the frame's size that the CRF makes of the maps."""
        import cv2

        from .dense_crf import SETTINGS, refine, size

        settings = SETTINGS[self.options.crf]
        height, width = frame.shape[:2]
        h, w = size(height, width, settings)
        small = (h, w) != (height, width)
        seen = cv2.resize(frame, (w, h), interpolation=cv2.INTER_AREA) if small else frame
        refined = refine(np.asarray(seen, np.uint8), _shares(maps, (h, w)).cpu().numpy(), settings)
        shares = torch.from_numpy(refined).to(maps)
        if small:
            shares = F.interpolate(shares[None], (height, width), mode="bilinear")[0]
        return shares

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


def _shares(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """What each label holds of each pixel (1 + k, h, w) of a frame of that size."""
    return _with_background(F.interpolate(maps[None], size, mode="bilinear")[0])


def _with_background(maps: Tensor) -> Tensor:
    """Maps (k, h, w) -> (k+1, h, w): background first, which holds what the objects leave."""
    return torch.cat(((1 - maps.sum(0, keepdim=True)).clamp(min=0), maps))
