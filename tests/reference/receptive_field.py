"""The cosine at sampled positions, one position at a time, as the definition reads."""

from __future__ import annotations

import math
from typing import Any


def bilinear(grid: Any, y: float, x: float) -> list[float] | None:
    """A grid (c, h, w) at one position; None outside the frame."""
    c, h, w = grid.shape
    if not (-0.5 <= y <= h - 0.5 and -0.5 <= x <= w - 0.5):
        return None
    y, x = min(max(y, 0.0), h - 1.0), min(max(x, 0.0), w - 1.0)
    read = [0.0] * c
    for row in range(h):
        for column in range(w):
            weight = max(0.0, 1 - abs(row - y)) * max(0.0, 1 - abs(column - x))
            if weight:
                for channel in range(c):
                    read[channel] += weight * float(grid[channel, row, column])
    return read


def cosine(a: list[float], b: list[float]) -> float:
    """The cosine of two vectors; NaN where one is zero."""
    lengths = math.sqrt(sum(v * v for v in a)) * math.sqrt(sum(v * v for v in b))
    return sum(p * q for p, q in zip(a, b, strict=True)) / lengths if lengths else math.nan


def mean_cosine(reference: Any, target: Any, samples: Any, cell: Any) -> float:
    """The mean over the positions (n, 2) of one target cell that lie in the frame."""
    own = [float(v) for v in target[:, cell[0], cell[1]]]
    read = [bilinear(reference, float(y), float(x)) for y, x in samples]
    found = [cosine(own, each) for each in read if each is not None]
    known = [value for value in found if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def region(mask: Any, grid: tuple[int, int], cell: tuple[int, int]) -> str:
    """What the pixels whose centres lie in one cell hold; every cell has such a pixel."""
    h, w = mask.shape
    held = {
        int(mask[y, x])
        for y in range(h)
        for x in range(w)
        if int((y + 0.5) * grid[0] / h) == cell[0] and int((x + 0.5) * grid[1] / w) == cell[1]
    }
    if len(held) > 1:
        return "boundary"
    return "inside" if held.pop() else "outside"
