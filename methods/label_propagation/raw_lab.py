"""Raw Lab patches as features: the control that every learned encoder should beat.

A cell is described by the 5x5 Lab values around it on a grid of half its size. Patches are lifted
to the unit sphere, so that their dot product orders them by squared distance, nearly.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from vosbench.toolbox.methods.images import lab

PATCH = 5
BOUND = 60.0  # |patch|² of 75 values that are mostly within -1..1; what exceeds it is cut to 0


def raw_lab(rgb: Tensor, *, stride: int = 4) -> Tensor:
    """Images (b, 3, h, w), RGB in 0..1, as (b, 76, h/stride, w/stride), each cell of length 1.

    Args:
        rgb: with sides that are multiples of the stride.
        stride: pixels per cell, even.

    Returns:
        (u / sqrt(60), sqrt(max(0, 1 - |u|²/60))) of the 75 values u of a patch; what lies outside
        the image repeats its border. The dot product of cells u, v is 1 - d / 120, where d is
        |u - v|² and 60 times the squared difference of their last values, mostly little.
    """
    import torch

    pooled = F.avg_pool2d(lab(rgb), stride // 2)
    padded = F.pad(pooled, (PATCH // 2,) * 4, mode="replicate")
    patches = F.unfold(padded, PATCH, stride=2)  # (b, 75, cells)
    h, w = rgb.shape[-2] // stride, rgb.shape[-1] // stride
    scaled = patches.view(len(rgb), -1, h, w) / BOUND**0.5
    rest = (1 - scaled.square().sum(1, keepdim=True)).clamp(min=0).sqrt()
    return torch.cat((scaled, rest), dim=1)
