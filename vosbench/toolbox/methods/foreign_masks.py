"""Masks of another program -> masks under the prompts' ids, or a sentence on what is wrong."""

from __future__ import annotations

import numpy as np

from vosbench.errors import DataError
from vosbench.masks import VOID, ids, one_object, small, sole_id
from vosbench.types import Masks


def fitted(masks: Masks, where: str, size: tuple[int, ...], known: list[int]) -> Masks:
    """The masks with ids of the prompts, their size checked; 255 is the one object, if it is one.

    Args:
        masks: as they were read.
        where: the file, for messages.
        size: (h, w) of the frame.
        known: the ids of the prompts, ascending.

    Raises:
        DataError: they have another size or other ids.
    """
    if masks.shape != size:
        raise DataError(
            f"{where} is {masks.shape[0]}x{masks.shape[1]} but its frame is {size[0]}x{size[1]}; "
            "write masks at the size of the frames, nearest neighbour"
        )
    if isinstance(masks, np.ndarray) and len(known) == 1 and sole_id(masks) == VOID:
        return small(one_object(masks).astype(np.uint16) * np.uint16(known[0]))
    if strange := [i for i in ids(masks) if i not in known]:
        raise DataError(
            f"{where} holds ids {strange} that no prompt gives (prompts: {known}); "
            "expected object ids, or 0/255 where there is one object"
        )
    return masks
