"""Cut-outs that move on their own over synthetic warps: objects whose masks and offsets are exact.

A warp never uncovers background behind an object, and exactly there masks leave trails. A cut-out
is a random shape filled with the image turned upside down, in another light; it is laid over the
reference, and over the target where its own motion has brought it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from vosbench.toolbox.methods.backbones import STRIDE

from .deformable import positions, warp
from .warps import Warped

COVERED = 0.02  # share of a cell from which it is not all background


class Pasted(NamedTuple):
    """Pairs of which some have a cut-out: references (b, 3, h, w), and what became of the warps.

    masks: of the cut-outs, in the reference and the target (b, 2, h/4, w/4), 0..1; 0 without one.
    """

    reference: Tensor
    made: Warped
    masks: Tensor


def pasted(
    images: Tensor, made: Warped, seeds: Tensor, *, reach: float, share: float = 1.0
) -> Pasted:
    """Lay a cut-out over a share of images (b, 3, h, w) in 0..1 and over the warps made of them.

    Offsets are valid where they lead from background to background, or within the cut-out; what
    comes into sight has none, nor have its borders.
    """
    h, w = images.shape[-2:]
    draws = [torch.Generator().manual_seed(seed ^ 0x5EED) for seed in seeds.tolist()]
    chosen = [float(torch.rand((), generator=draw).item() < share) for draw in draws]
    shapes = torch.stack([_shape(h, w, d) * c for d, c in zip(draws, chosen, strict=True)])
    shapes = shapes.to(images)
    motions = torch.stack(
        [_motion(s, reach, draw) for s, draw in zip(shapes.cpu(), draws, strict=True)]
    ).to(images)
    fill = torch.stack([_lit(i, d) for i, d in zip(images.rot90(2, (2, 3)), draws, strict=True)])
    there = warp(shapes, motions)
    target = made.target * (1 - there) + warp(fill, motions, "edge") * there
    masks = [F.avg_pool2d(mask, STRIDE) for mask in (shapes, there)]
    inside = (masks[1] > 0.5).to(images)
    own = F.avg_pool2d(motions, STRIDE) / STRIDE
    offsets = made.offsets * (1 - inside) + own * inside
    at = positions(*offsets.shape[-2:], like=offsets) + own
    last = at.new_tensor(at.shape[-2:])[:, None, None] - 1
    stays = ((at >= 0) & (at <= last)).all(1, keepdim=True).to(images)
    free = made.valid * (warp(masks[0], made.offsets, "edge") < COVERED)
    border = (masks[1] > COVERED) & (masks[1] < 1 - COVERED)
    valid = (inside * stays + (1 - inside) * free) * ~border
    reference = images * (1 - shapes) + fill * shapes
    return Pasted(reference, Warped(target, offsets, valid), torch.cat(masks, 1))


def _shape(h: int, w: int, draw: torch.Generator) -> Tensor:
    """A star-shaped mask (1, h, w) with a border as soft as a photograph's."""
    uniform = torch.rand(4, generator=draw).tolist()
    y, x = positions(h, w, like=torch.zeros(()))
    y, x = y - (0.2 + 0.6 * uniform[0]) * h, x - (0.2 + 0.6 * uniform[1]) * w
    radius = (0.08 + 0.17 * uniform[2]) * min(h, w)
    angle, waves = torch.atan2(y, x), torch.ones(h, w)
    for k in range(1, 6):
        size = 0.35 / k * torch.randn((), generator=draw).item()
        turn = 2 * math.pi * torch.rand((), generator=draw).item()
        waves = waves + size * torch.cos(k * angle + turn)
    inside = torch.hypot(y * (0.6 + uniform[3]), x) < radius * waves
    return F.avg_pool2d(inside[None].float(), 3, stride=1, padding=1)


def _motion(shape: Tensor, reach: float, draw: torch.Generator) -> Tensor:
    """Where each pixel of the target lies in the reference (2, h, w), for a turn and a shift."""
    h, w = shape.shape[-2:]
    uniform = (2 * torch.rand(4, generator=draw) - 1).tolist()
    at = positions(h, w, like=shape)
    centre = (shape * at).sum((1, 2)) / shape.sum().clamp(min=1)
    shift = torch.tensor(uniform[:2]) * reach * STRIDE
    angle, scale = 0.15 * uniform[2], 1 + 0.12 * uniform[3]
    turn = scale * torch.tensor(
        ((math.cos(angle), -math.sin(angle)), (math.sin(angle), math.cos(angle)))
    )
    from_centre = at - (centre + shift)[:, None, None]
    return torch.einsum("ij,jhw->ihw", turn, from_centre) + centre[:, None, None] - at


def _lit(image: Tensor, draw: torch.Generator) -> Tensor:
    """An image (3, h, w) in 0..1 with each colour a little lighter or darker."""
    shift = 0.3 * torch.rand(3, generator=draw) - 0.15
    return (image + shift.to(image)[:, None, None]).clamp(0, 1)
