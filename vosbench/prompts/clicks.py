"""The mask of an object -> the box or the click that stands for it, and the click after an answer.

The rules are SAM 2's (github.com/facebookresearch/sam2): `mask_to_box` of sam2/utils/misc.py, and
`sample_one_point_from_error_center` of sam2/modeling/sam2_utils.py, by which it is evaluated, and
which is that of RITM (github.com/saic-vul/ritm_interactive_segmentation, isegm/inference/
clicker.py). RITM never clicks a pixel twice; SAM 2 and we may, where an answer ignores a click.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from vosbench.types import Box


class Click(NamedTuple):
    """One click: pixels, x to the right and y down; `inside`: on the object, else beside it."""

    x: int
    y: int
    inside: bool


class Circle(NamedTuple):
    """The largest circle in a region: its centre, and the square of its radius in pixels."""

    x: int
    y: int
    squared: int


def box_of(mask: npt.NDArray[np.bool_]) -> Box:
    """The box around an object: its outermost pixels.

    Args:
        mask: bool (h, w) with a pixel at least.

    >>> box_of(np.array([[0, 1, 0], [0, 1, 1]], bool))
    Box(left=1, top=0, right=2, bottom=1)
    """
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1]))


def largest_circle(region: npt.NDArray[np.bool_]) -> Circle:
    """The largest circle in a region of any number of parts; what is off the picture is outside.

    The radius is from a pixel to the nearest one outside. Of equal circles it is the first in the
    order of rows. Squares are whole numbers, so that equal ones are equal on every machine.

    Args:
        region: bool (h, w).

    Returns:
        The circle; squared is 0 where there is no region.

    >>> largest_circle(np.ones((3, 5), bool))
    Circle(x=1, y=1, squared=4)
    """
    padded = np.pad(region, 1).astype(np.uint8)
    radius = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    squared = np.rint(np.square(radius, dtype=np.float64))
    y, x = divmod(int(squared.argmax()), region.shape[1])
    return Circle(x, y, int(squared[y, x]))


def next_click(*, truth: npt.NDArray[np.bool_], answer: npt.NDArray[np.bool_]) -> Click | None:
    """The click that tells most of where an answer is wrong: the centre of its largest error.

    The largest error is where the largest circle fits in, of what the answer lacks and of what it
    has too much; of equal circles, in what it has too much. To an answer of nothing this is the
    centre of the object, the first click.

    Args:
        truth, answer: bool (h, w).

    Returns:
        The click; None where the answer is right.

    >>> truth = np.array([[0, 1, 1, 1, 0]], bool)
    >>> next_click(truth=truth, answer=np.zeros_like(truth))
    Click(x=1, y=0, inside=True)
    """
    lacking, too_much = largest_circle(truth & ~answer), largest_circle(answer & ~truth)
    if not (lacking.squared or too_much.squared):
        return None
    inside = lacking.squared > too_much.squared
    largest = lacking if inside else too_much
    return Click(largest.x, largest.y, inside)
