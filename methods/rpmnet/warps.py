"""Synthetic warps: pairs with known offsets, made from one frame, for early training.

The target is the frame seen through a smooth random motion: an affine map, an elastic one, and a
few blobs that move on their own; then its colours are disturbed. After the synthetic pairs of
optical flow (FlowNet, ICCV 2015) and of geometric matching (Rocco et al., CVPR 2017).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from vosbench.toolbox.methods.backbones import STRIDE

from .deformable import positions, warp


class Warped(NamedTuple):
    """Targets (b, 3, h, w), the offsets (b, 2, h/4, w/4) in cells that lead to their reference.

    valid (b, 1, h/4, w/4): 1 where an offset stays inside the frame.
    """

    target: Tensor
    offsets: Tensor
    valid: Tensor


def warped(images: Tensor, seeds: Tensor, *, reach: float) -> Warped:
    """Targets made from images (b, 3, h, w) in 0..1; each sample depends on its seed alone."""
    h, w = (side // STRIDE for side in images.shape[-2:])
    draws = [torch.Generator().manual_seed(seed) for seed in seeds.tolist()]
    offsets = torch.stack([_motion(h, w, reach, draw) for draw in draws]).to(images)
    at = positions(h, w, like=offsets) + offsets
    last = at.new_tensor((h - 1, w - 1))[:, None, None]
    valid = ((at >= 0) & (at <= last)).all(1, keepdim=True).to(images)
    large = F.interpolate(offsets, scale_factor=STRIDE, mode="bilinear", align_corners=False)
    target = warp(images, large * STRIDE, "edge")
    target = torch.stack([_disturbed(t, d) for t, d in zip(target, draws, strict=True)])
    return Warped(target, offsets, valid)


def _motion(h: int, w: int, reach: float, draw: torch.Generator) -> Tensor:
    """Offsets (2, h, w), in cells; small motions are as frequent as large ones up to `reach`."""

    def between(low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=draw).item()

    strength = between(0.0, 1.0)
    at = positions(h, w, like=torch.zeros(())).float()
    centred = at - torch.tensor((h - 1, w - 1))[:, None, None] / 2
    offsets = _heading(0.7 * reach * strength, between(0, 2 * math.pi)).expand(2, h, w)
    angle, scale = between(-0.2, 0.2) * strength, 1 + between(-0.15, 0.15) * strength
    turn = torch.tensor(((math.cos(angle), -math.sin(angle)), (math.sin(angle), math.cos(angle))))
    offsets = offsets + torch.einsum("ij,jhw->ihw", scale * turn - torch.eye(2), centred)
    for knots, amplitude in ((3, 0.15), (6, 0.07)):
        field = torch.randn(1, 2, knots, knots, generator=draw) * amplitude * reach * strength
        offsets = offsets + F.interpolate(field, (h, w), mode="bicubic", align_corners=True)[0]
    for _ in range(int(between(0, 4))):
        centre = torch.tensor((between(0, h - 1), between(0, w - 1)))[:, None, None]
        radii = torch.tensor((between(0.1, 0.3) * h, between(0.1, 0.3) * w))[:, None, None]
        inside = (((at - centre) / radii).square().sum(0) < 1).float()
        blob = _heading(between(0, reach), between(0, 2 * math.pi))
        offsets = inside * (0.3 * offsets + blob) + (1 - inside) * offsets
    return offsets.clamp(-reach, reach)


def _heading(length: float, angle: float) -> Tensor:
    return torch.tensor((length * math.sin(angle), length * math.cos(angle)))[:, None, None]


def _disturbed(image: Tensor, draw: torch.Generator) -> Tensor:
    """An image (3, h, w) in 0..1 in another light: gain, tint, gamma and noise."""
    uniform = torch.rand(8, generator=draw).tolist()
    gain = torch.tensor([0.85 + 0.3 * uniform[0] + 0.1 * (u - 0.5) for u in uniform[1:4]])
    shift = torch.tensor([0.1 * (uniform[4] - 0.5)])
    noise = 0.02 * uniform[5] * torch.randn(image.shape, generator=draw)
    gamma = 0.8 + 0.45 * uniform[6]
    gain, shift, noise = (x.to(image) for x in (gain, shift, noise))
    lit = image.clamp(1e-4, 1) ** gamma * gain[:, None, None] + shift
    noisy: Tensor = (lit + noise).clamp(0, 1)
    return noisy
