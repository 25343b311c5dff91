"""Match again and again, each time with the reference moved as found so far, from coarse to fine.

Ours, beyond the paper, which matches once. On embeddings averaged over several cells the same
module reaches as many times further, for a fraction of the time: as in Lucas and Kanade's pyramid,
and PWC-Net (CVPR 2018). What no small step leads to, such as background that comes into sight, is
looked for in eight directions at once (after PatchMatch, SIGGRAPH 2009); then it is matched again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from .deformable import warp_features, warped_around
from .seen import Seen, Sought, Way, coarser

if TYPE_CHECKING:
    from .options import Options

# where to look besides: nowhere else, and in eight directions
STEPS = ((0, 0), *((y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)))
MARGIN = 0.05


def way_of(options: Options) -> Way:
    """How these options match."""
    return Way(options.iterations, options.coarsest, options.search)


def iterated(sought: Sought, reference: Seen) -> Tensor:
    """Offsets (b, 2, h, w), in cells, to a reference."""
    return matched(sought, reference, before_last(sought, reference))


def before_last(sought: Sought, reference: Seen) -> Tensor | None:
    """Where all matchings but the last lead; None where there is but one."""
    way = sought.way
    times = way.times if way.search else way.times - 1
    if not times:
        return None
    *_, found = iterations(sought, reference, times)
    return searched(reference.unit, sought.seen.unit, found, way.search) if way.search else found


def matched(sought: Sought, reference: Seen, start: Tensor | None) -> Tensor:
    """Offsets after one matching, from offsets that there are already, if any."""
    if start is None:
        return sought.offsets(reference.embedding)
    return start + sought.offsets(warp_features(reference.embedding, start))


def iterations(sought: Sought, reference: Seen, times: int) -> Iterator[Tensor]:
    """The offsets after each of the first matchings, without the search.

    No gradient leads from one to the one before it.
    """
    way, like = sought.way, sought.seen.embedding
    offsets = None
    for done in range(times):
        cells = min(way.coarsest, 2 ** (way.times - 1 - done))
        near = reference.of_squares(cells)
        if offsets is None:
            offsets = finer(sought.offsets(near, cells), cells, like=like)
        else:
            offsets = offsets.detach()
            moved = warp_features(near, coarser(offsets, cells) / cells)
            offsets = offsets + finer(sought.offsets(moved, cells), cells, like=like)
        yield offsets


def searched(reference: Tensor, target: Tensor, offsets: Tensor, reach: float) -> Tensor:
    """Offsets (b, 2, h, w), moved by `reach` cells in one of eight directions where that is better.

    Better is what is more alike: the product of embeddings of unit length (b, c, h, w), read there,
    must be higher by MARGIN.
    """
    steps = reach * offsets.new_tensor(STEPS)
    like = torch.stack([(x * target).sum(1) for x in warped_around(reference, offsets, steps)])
    like[0] += MARGIN
    return offsets + steps[like.max(0).indices].movedim(-1, 1)  # of ties the first


def finer(offsets: Tensor, cells: int, *, like: Tensor) -> Tensor:
    """Offsets of squares of cells, in these, as offsets (b, 2, h, w) in cells of `like`."""
    if cells == 1:
        return offsets
    h, w = like.shape[-2:]
    large = F.interpolate(offsets, scale_factor=cells, mode="bilinear", align_corners=False)
    return large[..., :h, :w] * cells
