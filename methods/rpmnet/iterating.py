"""Match again and again, each time with the reference moved as found so far, from coarse to fine.

Ours, beyond the paper, which matches once. On embeddings averaged over several cells the same
module reaches as many times further, for a fraction of the time: as in Lucas and Kanade's pyramid,
and PWC-Net (CVPR 2018). What no small step leads to, such as background that comes into sight, is
looked for in eight directions at once (after PatchMatch, SIGGRAPH 2009); then it is matched again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from .deformable import warp_features

if TYPE_CHECKING:
    from .network import Network
    from .options import Options

DIRECTIONS = tuple((y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0))
MARGIN = 0.05


@dataclass(frozen=True)
class Way:
    """How a target is matched with a reference; the paper's is one time.

    coarsest: cells on a side that a matching takes together at most, a power of two: the last
    takes 1, and each before it twice as many as the next. search: how far away something more
    alike is looked for, in cells, before one more matching; 0: there is none.
    """

    times: int = 1
    coarsest: int = 1
    search: float = 0.0


def way_of(options: Options) -> Way:
    """How these options match."""
    return Way(options.iterations, options.coarsest, options.search)


def iterated(network: Network, reference: Tensor, target: Tensor, way: Way) -> Tensor:
    """Offsets (b, 2, h, w), in cells, of embeddings (b, c, h, w)."""
    return matched(network, reference, target, before_last(network, reference, target, way))


def before_last(network: Network, reference: Tensor, target: Tensor, way: Way) -> Tensor | None:
    """Where all matchings but the last lead; None where there is but one."""
    times = way.times if way.search else way.times - 1
    if not times:
        return None
    *_, found = iterations(network, reference, target, way, times)
    return searched(reference, target, found, way.search) if way.search else found


def matched(network: Network, reference: Tensor, target: Tensor, start: Tensor | None) -> Tensor:
    """Offsets after one matching, from offsets that there are already, if any."""
    moved = reference if start is None else warp_features(reference, start)
    found: Tensor = network(moved, target)
    return found if start is None else start + found


def iterations(
    network: Network, reference: Tensor, target: Tensor, way: Way, times: int
) -> Iterator[Tensor]:
    """The offsets after each of the first matchings, without the search.

    No gradient leads from one to the one before it.
    """
    offsets = None
    for done in range(times):
        cells = min(way.coarsest, 2 ** (way.times - 1 - done))
        near, own = coarser(reference, cells), coarser(target, cells)
        if offsets is None:
            offsets = finer(network(near, own), cells, like=target)
        else:
            offsets = offsets.detach()
            moved = warp_features(near, coarser(offsets, cells) / cells)
            offsets = offsets + finer(network(moved, own), cells, like=target)
        yield offsets


def searched(reference: Tensor, target: Tensor, offsets: Tensor, reach: float) -> Tensor:
    """Offsets (b, 2, h, w), moved by `reach` cells in one of eight directions where that is better.

    Better is what is more alike: the product of embeddings (b, c, h, w), brought to unit length
    and then read there, must be higher by MARGIN.
    """
    reference, target = F.normalize(reference, dim=1), F.normalize(target, dim=1)

    def like(at: Tensor) -> Tensor:
        return (warp_features(reference, at) * target).sum(1)

    best, chosen = like(offsets) + MARGIN, offsets
    for y, x in DIRECTIONS:
        tried = offsets + reach * offsets.new_tensor((y, x))[:, None, None]
        found = like(tried)
        better = found > best
        best = torch.where(better, found, best)
        chosen = torch.where(better[:, None], tried, chosen)
    return chosen


def coarser(maps: Tensor, cells: int) -> Tensor:
    """The means (b, c, ceil(h/cells), ceil(w/cells)) of squares of cells of maps (b, c, h, w).

    What is missing of the last squares is what the edge holds.
    """
    if cells == 1:
        return maps
    if len(maps) > 1 and not maps.stride(0):  # the same b times, and it stays so
        return coarser(maps[:1], cells).expand(len(maps), -1, -1, -1)
    h, w = maps.shape[-2:]
    return F.avg_pool2d(F.pad(maps, (0, -w % cells, 0, -h % cells), mode="replicate"), cells)


def finer(offsets: Tensor, cells: int, *, like: Tensor) -> Tensor:
    """Offsets of squares of cells, in these, as offsets (b, 2, h, w) in cells of `like`."""
    if cells == 1:
        return offsets
    h, w = like.shape[-2:]
    large = F.interpolate(offsets, scale_factor=cells, mode="bilinear", align_corners=False)
    return large[..., :h, :w] * cells
