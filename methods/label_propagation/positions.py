"""Position embeddings of another grid of cells than a vision transformer was made for."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from torch import Tensor

from vosbench.errors import DataError

WIDEST = 3  # times its height, that a grid may be which only the number of its cells tells of


def can_change(network: Any) -> bool:
    """Whether a network can take over another grid, and interpolates it to that of each frame."""
    return bool(getattr(network, "dynamic_img_size", False)) and hasattr(network, "set_input_size")


def change(network: Any, given: Tensor, path: Path) -> list[str]:
    """Make a network one for the grid of cells of position embeddings (1, n, c) of a file.

    Returns:
        What was assumed, in a sentence; [] where nothing was.

    Raises:
        DataError: their number is that of no grid.
    """
    h, w = network.patch_embed.grid_size
    tokens = network.pos_embed.shape[1] - h * w  # the class token's and others', in front
    cells = given.shape[1] - tokens
    rows = math.isqrt(max(0, cells))
    square = rows * rows == cells > 0
    if not square:
        one_off = any(math.isqrt(n) ** 2 == n for n in (cells - 1, cells + 1) if n > 0)
        while rows and cells % rows:
            rows -= 1
        if one_off or not rows or cells > WIDEST * rows * rows:
            raise DataError(
                f"weights {path} have {given.shape[1]} position embeddings; without the {tokens} "
                f"of tokens that the network has, {cells} are left, which are no grid of cells: "
                "take the network that they were trained with"
            )
    patch = network.patch_embed.patch_size
    network.set_input_size((rows * patch[0], cells // rows * patch[1]))
    if square:
        return []
    return [
        f"weights {path.name}: its {cells} position embeddings are taken as a grid {rows} cells "
        f"high and {cells // rows} wide, the most nearly square one that is wider than high"
    ]
