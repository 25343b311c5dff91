"""Sampling at predicted positions: the warp of an image, and deformable convolution.

Deformable convolution: Dai et al., ICCV 2017 (version 1, one offset group). Positions are in cells
of the grid that is sampled, y then x; cell (0, 0) has its centre at position (0, 0). Where there
are gradients, or a GPU, this goes through `grid_sample`, which on CPU is faster than torchvision's
operator and equal to it; else, where many channels are read, through rows.py, which is faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import rows

Border = Literal["zeros", "edge"]


def positions(h: int, w: int, *, like: Tensor) -> Tensor:
    """The cells' own positions (2, h, w), y then x, of the dtype and on the device of `like`.

    Never less than float32: in bfloat16, which `--precision bf16-mixed` gives offsets, cell 100.4
    is cell 100.5, and 200.4 is 200.
    """
    dtype = (
        torch.promote_types(like.dtype, torch.float32) if like.is_floating_point() else like.dtype
    )
    y = torch.arange(h, dtype=dtype, device=like.device)
    x = torch.arange(w, dtype=dtype, device=like.device)
    return torch.stack(torch.meshgrid(y, x, indexing="ij"))


def sample(images: Tensor, at: Tensor, border: Border = "zeros") -> Tensor:
    """Images (b, c, h, w) read bilinearly at positions (b, 2, ..., n): (b, c, ..., n).

    Outside the image reads 0, fading over the last cell, or with `edge` what its edge holds.
    """
    h, w = images.shape[-2:]
    sides = at.new_tensor((h, w)).view(1, 2, *[1] * (at.dim() - 2))
    normal = ((2 * at + 1) / sides - 1).flip(1)  # align_corners=False; x then y
    grid = normal.movedim(1, -1).flatten(1, -3) if at.dim() > 3 else normal.movedim(1, -1)[:, None]
    padding = "zeros" if border == "zeros" else "border"
    out = F.grid_sample(images.to(grid), grid, padding_mode=padding, align_corners=False)
    return out.reshape(*images.shape[:2], *at.shape[2:])


def warp(images: Tensor, offsets: Tensor, border: Border = "zeros") -> Tensor:
    """Each channel of images (b, c, h, w) read at cell + offset (b, 2, h, w): RPM-Net's D4."""
    return sample(images, positions(*offsets.shape[-2:], like=offsets) + offsets, border)


def warp_features(features: Tensor, offsets: Tensor) -> Tensor:
    """As `warp` with the border `edge`, for features of many channels."""
    if rows.serve(features, offsets):
        return rows.moved(features, offsets)
    return warp(features, offsets, "edge")


def warped_around(features: Tensor, offsets: Tensor, steps: Tensor) -> Iterator[Tensor]:
    """As `warp_features` at the offsets and each of some steps (s, 2) further."""
    if rows.serve(features, offsets) and (steps == steps.round()).all():
        return rows.moved_around(features, offsets, steps.int().tolist())
    return (warp_features(features, offsets + step[:, None, None]) for step in steps)


def taps(dilation: int, *, like: Tensor) -> Tensor:
    """The nine positions (2, 9) that a 3x3 kernel reads around its cell, row by row."""
    return (positions(3, 3, like=like).flatten(1) - 1) * dilation


class DeformableConv(nn.Module):
    """A 3x3 convolution whose nine taps move by offsets that a bare 3x3 convolution predicts.

    The offsets' 18 channels are (dy, dx) of each tap, row by row, as in torchvision's
    deform_conv2d. They start at zero: first it is a plain convolution.
    """

    def __init__(self, inside: int, outside: int, *, dilation: int = 1, bias: bool = True) -> None:
        super().__init__()
        self.dilation = dilation
        self.offset = nn.Conv2d(inside, 18, 3, padding=dilation, dilation=dilation)
        self.conv = nn.Conv2d(inside, outside, 3, padding=dilation, dilation=dilation, bias=bias)
        nn.init.zeros_(self.offset.weight)
        nn.init.zeros_(self.offset.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """(b, inside, h, w) -> (b, outside, h, w)."""
        conv = self.conv
        return deform_conv(features, self.offset(features), conv.weight, conv.bias, self.dilation)

    def towards(self, known: Tensor) -> Callable[[Tensor], Tensor]:
        """As `towards`, where `rows.serve` says so."""
        offsets = towards(self.offset, known)
        own, other = _halves(self.conv.weight, known)
        table = rows.table(known, other)

        def forward(features: Tensor) -> Tensor:
            where = offsets(features)
            return rows.deform_conv(features, where, own, self.conv.bias, self.dilation, table)

        return forward


def towards(conv: nn.Conv2d | DeformableConv, known: Tensor) -> Callable[[Tensor], Tensor]:
    """What makes a convolution of images beside which the last channels of its input are known.

    It is linear: what the known ones (1, c, h, w) add is made once.
    """
    if isinstance(conv, DeformableConv):
        return conv.towards(known)
    own, other = _halves(conv.weight, known)
    same = partial(F.conv2d, padding=conv.padding, dilation=conv.dilation)
    added = same(known, other, conv.bias)
    return lambda features: same(features, own) + added


def _halves(weight: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """A kernel (k, c, 3, 3) for the first channels and for those that are known."""
    own, other = weight.tensor_split((-known.shape[1],), dim=1)
    return own, other


def deform_conv(
    features: Tensor, offsets: Tensor, weight: Tensor, bias: Tensor | None, dilation: int = 1
) -> Tensor:
    """Deformable convolution of features (b, c, h, w) with offsets (b, 18, h, w).

    Args:
        weight: (k, c, 3, 3).
        bias: (k,).
        dilation: of the kernel; the padding is the same, so that the size stays.
    """
    if rows.serve(features, offsets):
        return rows.deform_conv(features, offsets, weight, bias, dilation)
    b, _, h, w = features.shape
    # Both steps are linear, so the kernel goes first: k channels are sampled instead of c.
    kernel = weight.permute(2, 3, 0, 1).flatten(0, 2)[..., None, None]  # (9*k, c, 1, 1)
    projected = F.conv2d(features, kernel).reshape(b * 9, len(weight), h, w)
    around = taps(dilation, like=features).T[None, :, :, None, None]  # (1, 9, 2, 1, 1)
    at = positions(h, w, like=features) + around + offsets.reshape(b, 9, 2, h, w)
    out: Tensor = sample(projected, at.flatten(0, 1)).reshape(b, 9, len(weight), h, w).sum(1)
    return out if bias is None else out + bias[:, None, None]


def composed(fields: Sequence[Tensor], cells: Tensor, dilation: int = 1) -> Tensor:
    """All positions (p, 9**n, 2) that n stacked deformable convolutions read for target cells.

    Args:
        fields: the offsets (18, h, w) of each layer, from the first to the last.
        cells: (p, 2), y then x.
        dilation: of every layer.

    The last layer reads nine positions; at each, the layer before reads nine around it, with its
    offsets interpolated there, as the features it yields are.
    """
    at = cells.to(fields[0])[:, None]  # (p, n, 2)
    around = taps(dilation, like=at).T  # (9, 2)
    for field in reversed(fields):
        moved = sample(field[None], at.permute(2, 0, 1)[None], "edge")[0]  # (18, p, n)
        moved = moved.permute(1, 2, 0).reshape(*at.shape[:2], 9, 2)  # (p, n, 9, 2)
        at = (at[:, :, None] + around + moved).flatten(1, 2)
    return at
