"""Embed grey frames, and copy colours or labels with the attention between them.

Vondrick et al., ECCV 2018: a 2D network encodes each frame; where a cell lies is added; 3D
convolutions over references and target together give the embeddings that are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vosbench.toolbox.methods.backbones import group_norm, strided
from vosbench.toolbox.methods.images import scaled

from .palette import Palette

if TYPE_CHECKING:
    from .options import Options


DILATIONS = (1, 2, 4, 8, 16)  # of the five blocks, in cells


def grey(rgb: Tensor) -> Tensor:
    """Lightness (b, 1, h, w) in -1..1 of RGB (b, 3, h, w) in 0..1."""
    return scaled(rgb, "grey")


def attention(target: Tensor, references: Tensor, *, temperature: float) -> Tensor:
    """How much each target cell copies from each reference cell, summing to 1 over the latter.

    Args:
        target: embeddings (b, c, n) of the cells that are asked for.
        references: embeddings (b, r, c, h, w).
        temperature: what the dot products are divided by.

    Returns:
        (b, n, r*h*w).
    """
    keys = references.transpose(1, 2).flatten(2)  # (b, c, r*h*w)
    return (target.transpose(1, 2) @ keys / temperature).softmax(-1)


class Colorizer(nn.Module):
    """The network and the colour classes that it was trained with."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        make = nn.BatchNorm2d if options.norm == "batch" else group_norm
        self.trunk = strided(
            options.backbone, dim=options.width, stride=options.stride, norm=options.norm
        )
        widths = (options.width + 2, *[options.width] * len(DILATIONS))
        self.blocks = nn.Sequential(
            *(
                _Block(inside, options.width, dilation, make, shortcut=options.shortcuts)
                for inside, dilation in zip(widths, DILATIONS, strict=False)
            )
        )
        self.head = nn.Conv2d(options.width, options.dim, 1)
        # An attention that starts nearly even: at the usual scale, that over random embeddings is
        # so sharp that the first loss is 8.6 nats where an even copy has 1.6.
        nn.init.normal_(self.head.weight, std=0.1 * (3 * options.width) ** -0.5)
        self.palette = Palette(options.colours)

    def encode(self, images: Tensor) -> Tensor:
        """Grey images (b, 1, h, w), each by itself -> (b, width, h/stride, w/stride)."""
        codes: Tensor = self.trunk(images.expand(-1, 3, -1, -1))
        return codes

    def embed(self, codes: Tensor) -> Tensor:
        """Codes of references and target (b, t, width, h, w) -> embeddings (b, t, dim, h, w)."""
        b, t, _, h, w = codes.shape
        y, x = (torch.linspace(-1, 1, side, device=codes.device) for side in (h, w))
        place = torch.stack(torch.meshgrid(y, x, indexing="ij")).flip(0)  # x, then y
        placed = torch.cat((codes, place.expand(b, t, 2, h, w)), dim=2)
        embedded: Tensor = self.head(self.blocks(placed).flatten(0, 1))
        return embedded.view(b, t, -1, h, w)


class _Block(nn.Module):
    """A 3D convolution of 1x3x3, dilated, and one of 3x1x1; (b, t, c, h, w) both ways."""

    def __init__(
        self, inside: int, outside: int, dilation: int, norm: Any, *, shortcut: bool
    ) -> None:
        super().__init__()
        self.shortcut = shortcut and inside == outside
        self.space = nn.Conv2d(inside, outside, 3, padding=dilation, dilation=dilation, bias=False)
        self.space_norm = norm(outside)
        self.time = nn.Conv2d(outside, 3 * outside, 1, bias=False)  # for the next, own, last frame
        self.time_norm = norm(outside)

    def forward(self, codes: Tensor) -> Tensor:
        b, t, _, h, w = codes.shape
        # Conv3d with a kernel of one frame or one cell takes several times longer on a CPU
        each = torch.relu(self.space_norm(self.space(codes.flatten(0, 1))))
        after, own, before = self.time(each).view(b, t, 3, -1, h, w).unbind(2)
        mixed = (
            own
            + F.pad(after[:, :-1], (0, 0) * 3 + (1, 0))
            + F.pad(before[:, 1:], (0, 0) * 3 + (0, 1))
        )
        each = torch.relu(self.time_norm(mixed.flatten(0, 1)))
        made = each.view(b, t, -1, h, w)
        return codes + made if self.shortcut else made
