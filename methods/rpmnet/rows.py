"""Reads maps between their cells as weighted sums of rows: fast on a CPU, without gradients.

A map (c, h, w) is a table of h*w rows of c channels. What lies between four cells is the weighted
sum of their rows, which `embedding_bag` adds up without writing down what it read. The nine taps
of a deformable convolution are rows of one table as well: 36 rows make a cell. Equal to
`grid_sample` but for rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    (found,) = moved_around(images, offsets, [(0, 0)])
    return found


def moved_around(
    images: Tensor, offsets: Tensor, steps: Sequence[Sequence[int]]
) -> Iterator[Tensor]:
    """As `moved`, at the offsets and each of some steps (y, x) of whole cells further.

    All are the same sums of other rows: with the edge laid around the image, each reads the table
    from another row on.
    """
    reach = max(abs(side) for step in steps for side in step)
    y, x = _cells(*images.shape[-2:])
    around = F.pad(images, [2 * reach] * 4, mode="replicate") if reach else images
    h, w = around.shape[-2:]
    first = reach * (w + 1)
    bags = torch.arange(0, 4 * y.numel(), 4, dtype=torch.int32)  # each of four corners
    places = []
    for down, right in offsets.flatten(2) + 2 * reach:
        corners = _corners(down + y, right + x, h, w, reach)
        at = corners.first[:, None] + torch.tensor((0, 1, w, w + 1), dtype=torch.int32) - first
        places.append((at.flatten(), torch.stack(corners.weights, 1).flatten()))
    for down, right in steps:
        start = first + down * w + right
        parts = [
            F.embedding_bag(at, rows[start:], bags, per_sample_weights=weights, mode="sum")
            for rows, (at, weights) in zip(_tables(around), places, strict=True)
        ]
        yield _images(parts, *images.shape[-2:])


def table(features: Tensor, weight: Tensor) -> Tensor:
    """What each tap of a kernel (k, c, 3, 3) makes of each cell of features (1, c, h, w).

    Rows ((h+2) * (w+2), 9*k), of the cells around the image as well: outside it reads 0.
    """
    (rows,) = _tables(F.pad(features, (1, 1, 1, 1)))
    made: Tensor = rows @ _flat(weight)
    return made


def deform_conv(
    features: Tensor,
    offsets: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    dilation: int,
    known: Tensor | None = None,
) -> Tensor:
    """As `deformable.deform_conv`; one image after the other, whose tables stay in the cache.

    known: the `table` of channels that are the same for all images, which is added to theirs.
    """
    h, w = features.shape[-2:]
    down, right = _taps(h + 2, w + 2, dilation)
    # both steps are linear, so the kernel goes first: k channels are read instead of c
    kernel = _flat(weight)
    numbers = torch.arange(TAPS, dtype=torch.int32)
    parts = []
    around = F.pad(features, (1, 1, 1, 1))  # outside the image reads 0
    for rows, offset in zip(_tables(around), _tables(offsets), strict=True):
        corners = _corners(offset[:, 0::2] + down, offset[:, 1::2] + right, h + 2, w + 2)
        first = corners.first.mul_(TAPS).add_(numbers)  # of a cell's nine rows the tap's own
        taps = rows @ kernel if known is None else torch.addmm(known, rows, kernel)
        found = _summed(taps.view(-1, len(weight)), corners._replace(first=first), w + 2, TAPS)
        parts.append(found if bias is None else found.add_(bias))
    return _images(parts, h, w)


def _flat(weight: Tensor) -> Tensor:
    """A kernel (k, c, 3, 3) as (c, 9*k)."""
    return weight.permute(1, 2, 3, 0).flatten(1)


class _Corners(NamedTuple):
    """Places between cells (p, n): the row of the upper left cell, and what each corner weighs."""

    first: Tensor
    weights: tuple[Tensor, Tensor, Tensor, Tensor]


def _corners(y: Tensor, x: Tensor, h: int, w: int, reach: int = 0) -> _Corners:
    """The corners around positions (p, n), which are written over.

    What lies nearer to the edge of the table (h, w) than `reach`, or beyond, is moved inside.
    """
    y.clamp_(reach, h - 1 - reach)
    x.clamp_(reach, w - 1 - reach)
    # again as whole numbers: NaN becomes any, and must not point out of the table
    top = y.int().clamp_(reach, h - 2 - reach)
    left = x.int().clamp_(reach, w - 2 - reach)
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
    together = torch.stack(parts) if len(parts) > 1 else parts[0][None]
    return together.reshape(len(parts), h, w, -1).permute(0, 3, 1, 2)


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
