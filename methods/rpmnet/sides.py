"""The loss that says on which side of a border a cell must look: what a mask's overlap counts.

Of a region in the reference each cell knows how far its border is, outside above 0. A target cell
of the region must be led inside, another outside, by half a cell; how deep on the wrong side it
looks is the loss. So a cell far inside a wrong region still learns which way is out.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .deformable import warp
from .teacher import Matches

MARGIN = 0.5  # cells
DEEPEST = 6.0  # cells: what is deeper on the wrong side weighs no more
FINER = 4  # borders are drawn so many times finer than cells
FADING = 0.02  # how much a cell's likeness to the region's first cell falls with each cell between


class Regions(NamedTuple):
    """Regions of references: how far each cell is from the border (b, r, h, w), and the target's.

    side: (b, r, h, w), -1 in the region, 1 outside, 0 where it is not known or not asked.
    """

    distance: Tensor
    side: Tensor


def loss(regions: Regions, offsets: Tensor) -> Tensor:
    """How deep on the wrong side the target's cells look (b, r, h, w), in cells."""
    led = warp(regions.distance, offsets, "edge").clamp(-DEEPEST, DEEPEST)
    return (MARGIN - led * regions.side).clamp(min=0) * regions.side.abs()


def regions(matches: Matches, masks: Tensor, seeds: Tensor) -> Regions:
    """One exact region of each sample that has a cut-out, and others by the teacher's embedding.

    Args:
        masks: of the cut-outs, in reference and target (b, 2, h, w); all 0: the sample has none.
    """
    h, w = masks.shape[-2:]
    distance, side = np.zeros((2, len(masks), 2, h, w), np.float32)
    given = masks.cpu().numpy()
    for i, seed in enumerate(seeds.tolist()):
        draw = np.random.default_rng((seed, 5))
        for j in range(2):
            if j == 0 and given[i, 0].any():
                before, after = given[i]
            else:
                before = _alike(matches.reference[i].cpu().numpy(), (h, w), draw)
                whole = torch.from_numpy(before).to(masks)[None, None]
                after = warp(whole, matches.offsets[i, None], "edge")[0, 0].cpu().numpy()
            borders = _distance(before)
            if borders is not None:
                distance[i, j] = borders
                side[i, j] = np.where(after > 0.7, -1, np.where(after < 0.3, 1, 0))
    return Regions(torch.from_numpy(distance).to(masks), torch.from_numpy(side).to(masks))


def _alike(
    embedding: npt.NDArray[np.float32], size: tuple[int, int], draw: np.random.Generator
) -> npt.NDArray[np.float32]:
    """A connected region (h, w) of cells that look like one of them; embedding (c, h*w)."""
    h, w = size
    first = int(draw.integers(h * w))
    y, x = np.mgrid[:h, :w]
    like = (embedding[:, first] @ embedding).reshape(size)
    like = like - FADING * np.hypot(y - first // w, x - first % w)
    chosen = (like >= np.quantile(like, 1 - draw.uniform(0.06, 0.35))).astype(np.uint8)
    chosen = np.asarray(cv2.medianBlur(chosen, 3), np.uint8)
    parts = cv2.connectedComponents(chosen)[1]
    part = parts[first // w, first % w]
    return (parts == part if part else chosen > 0).astype(np.float32)


def _distance(region: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | None:
    """How far each cell (h, w) is from the border, below 0 inside; None where there is none."""
    h, w = region.shape
    fine = cv2.resize(region, (w * FINER, h * FINER), interpolation=cv2.INTER_LINEAR) > 0.5
    if fine.all() or not fine.any():
        return None
    out, within = (
        cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, 5) for part in (~fine, fine)
    )
    cells = cv2.resize(out - within, (w, h), interpolation=cv2.INTER_AREA) / FINER
    return np.asarray(cells, np.float32)
