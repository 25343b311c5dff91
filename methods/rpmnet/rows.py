"""Reads maps between their cells as weighted sums of rows: fast on a CPU, without gradients.

A map (c, h, w) is a table of h*w rows of c channels. What lies between four cells is the weighted
sum of their rows, which `embedding_bag` adds up without writing down what it read. The nine taps
of a deformable convolution are rows of one table as well: 36 rows make a cell. Equal to
`grid_sample` but for rounding.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

TAPS = 9


def serve(images: Tensor, at: Tensor) -> bool:
    """Whether these images can be read at such positions by rows."""
    exact = images.dtype == at.dtype == torch.float32
    plain = not (torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"))
    return exact and plain and images.device.type == "cpu" and min(images.shape[-2:]) > 1


def moved(images: Tensor, offsets: Tensor) -> Tensor:
    """Images (b, c, h, w) read at cell + offset (b, 2, h, w), the edge held beyond it."""
    h, w = images.shape[-2:]
    y, x = _cells(h, w)
    parts = []
    for table, offset in zip(_tables(images), offsets.flatten(2), strict=True):
        corners = _corners((offset[0] + y)[:, None], (offset[1] + x)[:, None], h, w)
        parts.append(_summed(table, corners, w))
    return _images(parts, h, w)


def deform_conv(
    features: Tensor, offsets: Tensor, weight: Tensor, bias: Tensor | None, dilation: int
) -> Tensor:
    """As `deformable.deform_conv`; one image after the other, whose tables stay in the cache."""
    _, c, h, w = features.shape
    down, right = _taps(h + 2, w + 2, dilation)
    # both steps are linear, so the kernel goes first: k channels are read instead of c
    kernel = weight.permute(1, 2, 3, 0).reshape(c, -1)  # (c, 9*k)
    numbers = torch.arange(TAPS, dtype=torch.int32)
    parts = []
    around = F.pad(features, (1, 1, 1, 1))  # outside the image reads 0
    for rows, offset in zip(_tables(around), _tables(offsets), strict=True):
        corners = _corners(offset[:, 0::2] + down, offset[:, 1::2] + right, h + 2, w + 2)
        first = corners.first.mul_(TAPS).add_(numbers)  # of a cell's nine rows the tap's own
        table = (rows @ kernel).view(-1, len(weight))
        found = _summed(table, corners._replace(first=first), w + 2, TAPS)
        parts.append(found if bias is None else found.add_(bias))
    return _images(parts, h, w)


class _Corners(NamedTuple):
    """Places between cells (p, n): the row of the upper left cell, and what each corner weighs."""

    first: Tensor
    weights: tuple[Tensor, Tensor, Tensor, Tensor]


def _corners(y: Tensor, x: Tensor, h: int, w: int) -> _Corners:
    """The corners around positions (p, n), which are written over; beyond the edge is the edge."""
    y.clamp_(0, h - 1)
    x.clamp_(0, w - 1)
    # again as whole numbers: NaN becomes any, and must not point out of the table
    top, left = y.int().clamp_(0, h - 2), x.int().clamp_(0, w - 2)
    lower, right = y.sub_(top), x.sub_(left)
    upper, left_share = 1 - lower, 1 - right
    weights = (upper * left_share, upper * right, lower * left_share, lower * right)
    return _Corners(left.add_(top, alpha=w), weights)


def _summed(table: Tensor, corners: _Corners, w: int, rows: int = 1) -> Tensor:
    """The sum (p, c) over n and over the corners of a table's rows (cells * rows, c)."""
    found = []
    for step, weight in zip((0, 1, w, w + 1), corners.weights, strict=True):
        found.append(
            F.embedding_bag(
                corners.first, table[step * rows :], per_sample_weights=weight, mode="sum"
            )
        )
    return found[0].add_(found[1]).add_(found[2]).add_(found[3])


def _tables(images: Tensor) -> Tensor:
    """Images (b, c, h, w) as rows (b, h*w, c); a view where channels lie last already."""
    return images.permute(0, 2, 3, 1).flatten(1, 2)


def _images(parts: list[Tensor], h: int, w: int) -> Tensor:
    """Rows (h*w, c) of each image as images (b, c, h, w), channels last in memory."""
    return torch.stack(parts).reshape(len(parts), h, w, -1).permute(0, 3, 1, 2)


@lru_cache(maxsize=4)
def _cells(h: int, w: int) -> tuple[Tensor, Tensor]:
    """The positions of all cells, y and x (h*w,)."""
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    return y.flatten().float(), x.flatten().float()


@lru_cache(maxsize=4)
def _taps(h: int, w: int, dilation: int) -> tuple[Tensor, Tensor]:
    """The positions of the taps of all inner cells of a grid (h, w), y and x (cells, 9)."""
    y, x = torch.meshgrid(torch.arange(1, h - 1), torch.arange(1, w - 1), indexing="ij")
    steps = (torch.arange(3) - 1) * dilation
    down = y.reshape(-1, 1) + steps.repeat_interleave(3)
    right = x.reshape(-1, 1) + steps.repeat(3)
    return down.float(), right.float()
