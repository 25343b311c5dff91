"""Which frames and which cells of them are looked at, and whether a cell shows an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vosbench.errors import UsageError

if TYPE_CHECKING:
    from vosbench.types import Mask, Sequence

Cells = npt.NDArray[np.int64]  # (p, 2), y then x


def target_frames(sequence: Sequence, count: int, *, gap: int = 1) -> list[int]:
    """Evenly spread frames with truth that have a frame `gap` before them after the first prompt.

    Where truth is withheld, any frame serves. UsageError: there is none.
    """
    first = min(sequence.prompts) + gap
    known = sorted(sequence.truth) or range(len(sequence.frames))
    fit = [index for index in known if index >= first]
    if not fit:
        raise UsageError(
            f"{sequence.name} has no frame {gap} after its prompt to compare; choose other "
            "sequences with --sequences"
        )
    count = min(count, len(fit))
    return [fit[int((k + 0.5) * len(fit) / count)] for k in range(count)]


def chosen_cells(grid: tuple[int, int], count: int, *, seed: int) -> Cells:
    """All cells of a grid (h, w) in order, or with a count above 0 a seeded subset of them."""
    every = np.stack(np.unravel_index(np.arange(grid[0] * grid[1]), grid), -1).astype(np.int64)
    if not 0 < count < len(every):
        return every
    picked = np.random.default_rng(seed).choice(len(every), count, replace=False)
    return every[np.sort(picked)]


def regions_of(mask: Mask, grid: tuple[int, int]) -> npt.NDArray[np.str_]:
    """Each cell (h, w) as `inside` (one object alone), `outside` (background) or `boundary`.

    >>> regions_of(np.array([[0, 0, 1, 1], [0, 1, 1, 1]], np.uint8), (1, 2)).tolist()
    [['boundary', 'inside']]
    """
    least, most = mask, mask
    for axis, count in enumerate(grid):
        size = mask.shape[axis] / count
        # The first pixel whose centre lies in each cell; a cell without one takes the nearest.
        starts = np.ceil(np.arange(count) * size - 0.5).astype(int).clip(0, mask.shape[axis] - 1)
        least = np.minimum.reduceat(least, starts, axis=axis)
        most = np.maximum.reduceat(most, starts, axis=axis)
    return np.where(least != most, "boundary", np.where(most > 0, "inside", "outside"))
