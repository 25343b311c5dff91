"""From which former frames a frame takes its maps, and how: the paper's way, and ours beyond it.

The paper reads the frame before, once. `iterations` matches again with the reference moved as
found so far. `memory` and `first` name further frames to read; each place then takes its maps from
those that, so moved, look like it (`gate`). Uncovered background is unlike the object that left
it, and like the background of an earlier frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from vosbench.toolbox.methods.backbones import STRIDE

from .deformable import warp, warp_features
from .iterating import iterated, matched, way_of
from .seen import Seen, Sought

if TYPE_CHECKING:
    from .network import Network
    from .options import Options

DIRECT, CHAINED = "first", "first, chained"  # the prompts' frames, by the way that leads there
TEMPERATURE = 0.05  # of the softmax over how alike references are, whose cosines are 0.5 to 1


class Reference(NamedTuple):
    """A former frame and its maps (k, h, w), or those of its pixels, of the objects in `names`."""

    frame: int
    seen: Seen
    names: tuple[int, ...]
    maps: Tensor


class Look(NamedTuple):
    """Where each cell of a target lies in each reference that is read, and what each may say of it.

    named: as of `reference_names`; those of several prompts share one. offsets: (r, 2, h, w), in
        cells. starts: (c, 2, h, w), where the chains led for the last c references, which `first`
        reads along them; None without. shares: (r, 1, h, w), which sum to 1; None for one
        reference alone.
    """

    named: tuple[str, ...]
    references: tuple[Reference, ...]
    offsets: Tensor
    starts: Tensor | None
    shares: Tensor | None


def reference_names(options: Options) -> tuple[str, ...]:
    """What is read for a frame that is late enough, in order."""
    ways = {"none": (), "direct": (DIRECT,), "chained": (CHAINED,), "both": (DIRECT, CHAINED)}
    return (*(f"t-{back}" for back in options.memory), *ways[options.first])


def compares(options: Options) -> bool:
    """Whether a frame is compared with several others, and its colours are asked for."""
    return options.memory != (1,) or options.first != "none"


class Memory:
    """The last frames that are asked for, and those of the prompts: flat in a video's length."""

    def __init__(self, options: Options, network: Network) -> None:
        self.options, self.network = options, network
        self.way = way_of(options)
        self._recent: deque[Reference] = deque(maxlen=max(options.memory))  # latest first
        self._first: list[Reference] = []
        self._chains: list[Tensor] = []  # where each cell of the latest frame lies in those

    def add(
        self, frame: int, seen: Seen, names: Sequence[int], maps: Tensor, *, prompted: bool
    ) -> None:
        """Remember a frame with its maps; prompted: whether a prompt is among them."""
        reference = Reference(frame, seen, tuple(names), maps)
        self._recent.appendleft(reference)
        if prompted and self.options.first != "none":
            self._first.append(reference)
            self._chains.append(torch.zeros_like(seen.embedding[:, :2]))

    def look(self, target: Seen) -> Look:
        """Find the target in what is remembered; the chains to prompts' frames grow by it."""
        near = [back for back in self.options.memory if back <= len(self._recent)]
        named, found = [f"t-{back}" for back in near], [self._recent[back - 1] for back in near]
        if self.options.first in ("direct", "both"):
            named, found = named + [DIRECT] * len(self._first), found + self._first
        # one reference after the other, whose tables stay in the cache
        sought = Sought(self.network, target, self.way)
        offsets = torch.cat([iterated(sought, each.seen) for each in found])
        starts = None
        if self.options.first in ("chained", "both"):
            step = offsets[:1]  # to the frame before, which is the first of the memory
            starts = torch.cat([step + warp(chain, step, "edge") for chain in self._chains])
            # from where the chain of frames has led to, one matching is enough
            pairs = zip(self._first, torch.split(starts, 1), strict=True)
            self._chains = [matched(sought, each.seen, start) for each, start in pairs]
            named, found = named + [CHAINED] * len(self._first), found + self._first
            offsets = torch.cat((offsets, *self._chains))
        shares = self._shares(found, offsets, target) if len(found) > 1 else None
        return Look(tuple(named), tuple(found), offsets, starts, shares)

    def taken(self, look: Look, names: Sequence[int]) -> Tensor:
        """The maps (k, h, w) of these objects: D4 for each reference, then their mean by shares."""
        _, found, offsets, _, share = look
        if self.options.warp_res == "full":
            offsets = _finer(offsets) * STRIDE
            share = None if share is None else _finer(share)
        maps = torch.stack([_of(each, names) for each in found])
        moved = warp(maps, offsets, self.options.border)
        if share is None:
            return moved[0]
        knows = moved.new_tensor([[name in each.names for name in names] for each in found])
        weights = share * knows[:, :, None, None]  # of an object, among those that know it
        gathered = (weights * moved).sum(0) / weights.sum(0).clamp(min=1e-6)
        return gathered / gathered.sum(0, keepdim=True).clamp(min=1)

    def _shares(self, found: Sequence[Reference], offsets: Tensor, target: Seen) -> Tensor:
        """How much each reference says of each cell (r, 1, h, w), which sums to 1."""
        if self.options.gate == "none":
            return torch.full_like(offsets[:, :1], 1 / len(found))
        pairs = zip(found, torch.split(offsets, 1), strict=True)
        like = torch.stack([_likeness(each.seen, target, led) for each, led in pairs])
        return (like / TEMPERATURE).softmax(0)


def _likeness(reference: Seen, target: Seen, offsets: Tensor) -> Tensor:
    """How much a reference, moved, is like the target (1, h, w): cosine less colours' distance."""
    moved = warp_features(reference.whole, offsets)
    embedded, colours = moved[:, :-3], moved[:, -3:]
    like = (F.normalize(embedded, dim=1) * target.unit).sum(1)
    return like - (colours - target.colours).square().sum(1)


def _finer(cells: Tensor) -> Tensor:
    """Cells (b, c, h, w) at the pixels of the network."""
    return F.interpolate(cells, scale_factor=STRIDE, mode="bilinear", align_corners=False)


def _of(reference: Reference, names: Sequence[int]) -> Tensor:
    """Its maps of these objects, 0 for those that it does not know."""
    if reference.names == tuple(names):
        return reference.maps
    maps = reference.maps.new_zeros(len(names), *reference.maps.shape[1:])
    maps[[names.index(name) for name in reference.names]] = reference.maps
    return maps
