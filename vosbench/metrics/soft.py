"""Whether the values of a mask are grey levels, not object ids: decided by looking at patches.

A patch is an area of one value in which no square of 3x3 pixels fits. Where an edge was smoothed,
resized or saved as JPEG, patches line it whose values lie between those on both sides; objects that
are thin or small have the background around them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from vosbench.metrics.region import BoolMask

Values = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]  # (h, w)
_T = TypeVar("_T", bound=np.generic)

_FEW = 32  # pixels of patches: where shapes overlap, some are left over
# shares of the patches' pixels that lie between: in drawn crowds and maps of touching cells at most
# .50, in masks that were blurred, resized or saved as JPEG at least .58; JPEG of high quality
# has less, and is known by its values
_BETWEEN = 0.55
_BETWEEN_COLOURED = 0.75  # of several objects whose palette in colours says that they are ids
# of the pixels beside another value: smoothing leaves patches along all edges, .18 or more; where
# objects of a few pixels' width cross others, some that no square fits are left: below .01
_ALONG = 0.03
_NEAR = 32  # from black or white: how far JPEG noise goes


def grey_levels(mask: Values, values: Collection[int], *, coloured: bool = False) -> bool:
    """Whether grey levels, not ids, are in a mask, or nobody can tell.

    Args:
        mask: (h, w), 0 is the background.
        values: those in it but 0, ascending.
        coloured: whether a palette in colours shows them.
    """
    top = max(values, default=0)
    look = _looked(mask)
    lone = look.thick <= {top} and top >= 128  # nothing but a white object, whatever its edge has
    enough = _BETWEEN_COLOURED if coloured and not lone else _BETWEEN
    patches = int(np.count_nonzero(look.patches))
    between = int(np.count_nonzero(look.between))
    if (
        between > enough * patches
        and between > _ALONG * look.edges
        and (patches >= _FEW or (look.thick == {top} and lone and _mid(values)))
    ):
        return True
    return (lone and _noise(mask, look, top)) or _bands(mask, values)


class _Look(NamedTuple):
    """What is seen in a mask.

    patches: where they are. between: those of their pixels that have lower and higher ones beside
    them. edges: how many pixels have another value beside them. thick: the values, but 0, that fill
    a square of 3x3 pixels somewhere.
    """

    patches: BoolMask
    between: BoolMask
    edges: int
    thick: set[int]


def _looked(mask: Values) -> _Look:
    low, high = _around(mask)
    whole = low == high  # the middle of a square
    edges = mask.size - int(np.count_nonzero(whole))
    thick = {int(value) for value in np.unique(mask[whole])}
    for _ in range(4):  # from the middle into the corners of a shape
        whole = _grown(whole, mask)
    patches = ~whole & (mask > 0)
    return _Look(patches, patches & (low < mask) & (mask < high), edges, thick - {0})


def _around(mask: Values) -> tuple[Values, Values]:
    """The lowest and the highest value of each 3x3 square, edges repeated."""
    low, high = mask.copy(), mask.copy()
    for shifted in _shifts(mask):
        np.minimum(low, shifted, out=low)
        np.maximum(high, shifted, out=high)
    return low, high


def _grown(where: BoolMask, mask: Values) -> BoolMask:
    """A part of areas, and the pixels beside it that have the same value."""
    grown = where.copy()
    for beside, value in zip(_shifts(where), _shifts(mask), strict=True):
        grown |= beside & (value == mask)
    return grown


def _shifts(picture: npt.NDArray[_T]) -> list[npt.NDArray[_T]]:
    """The eight neighbours of every pixel, edges repeated."""
    h, w = picture.shape
    padded = np.pad(picture, 1, mode="edge")
    return [padded[y : y + h, x : x + w] for y in range(3) for x in range(3) if (y, x) != (1, 1)]


def _mid(values: Collection[int]) -> bool:
    return any(_NEAR <= value < 256 - _NEAR for value in values)


def _noise(mask: Values, look: _Look, top: int) -> bool:
    """Whether the patches are what JPEG leaves: near the object's value and near 0, never between.

    Thin objects beside a thick one are no noise where no value is next to that of the thick one.
    """
    values = np.unique(mask[look.patches & (mask < top)]).astype(np.int32)
    dark, bright = values < _NEAR, values > top - _NEAR
    return bool(dark.any() and bright.any() and (dark | bright).all())


def _bands(mask: Values, values: Collection[int]) -> bool:
    """Whether even steps up to 255 lie around each other, as on wide edges of few levels.

    Objects that were given such values, to be seen, mostly touch the background themselves.
    """
    many, levels = len(values), sorted(values)
    even = [round(255 * level / many) for level in range(1, many + 1)]
    if not 2 <= many <= _NEAR or any(abs(a - b) > 1 for a, b in zip(levels, even, strict=True)):
        return False
    rank = np.searchsorted(np.array([0, *levels]), mask).astype(np.int16)
    steps = np.concatenate([abs(np.diff(rank, axis=axis)).ravel() for axis in (0, 1)])
    return int(np.count_nonzero(steps > 1)) <= 0.05 * int(np.count_nonzero(steps))
