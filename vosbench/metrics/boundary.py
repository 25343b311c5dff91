"""F, the contour accuracy of DAVIS (Perazzi et al., CVPR 2016), of two masks of one object.

Exact and fast: only the box around both masks is computed, and the contours are dilated as bit
sets, one Python integer each, so that a shift moves a whole contour at once.
"""

from __future__ import annotations

import math

import numpy as np

from vosbench.metrics.crop import around
from vosbench.metrics.region import BoolMask, check_masks


def boundary_f(prediction: BoolMask, truth: BoolMask, *, radius: int | None = None) -> float:
    """F of one object in one frame: harmonic mean of contour precision and recall.

    A contour pixel is matched if the other contour passes within `radius` pixels of it. The
    default is the `tolerance` of the frame; give it for masks that were cut to a box `around`
    both. Higher is better, from 0 to 1; symmetric. Both contours empty: 1; one empty: 0. A mask
    that fills its frame has no contour, so it scores 1 against an empty one, as officially.
    Source: db_eval_boundary of davis2017-evaluation.

    Raises:
        UsageError: the masks are not bool arrays of one shape (h, w).

    Examples:
        >>> boundary_f(np.eye(9, dtype=bool), np.zeros((9, 9), dtype=bool))
        0.0
    """
    check_masks(prediction, truth)
    radius = tolerance(*truth.shape) if radius is None else radius
    box = around(prediction | truth)
    if not truth[box].size:
        return 1.0
    predicted, true = (contour(mask[box], padding=radius) for mask in (prediction, truth))
    p, t, stride = _bits(predicted), _bits(true), true.shape[1]
    if not p or not t:
        return float(p == t)
    precision = (p & _dilate(t, radius, stride)).bit_count() / p.bit_count()
    recall = (t & _dilate(p, radius, stride)).bit_count() / t.bit_count()
    if precision + recall == 0:
        return 0.0
    return 2 * precision * recall / (precision + recall)


def tolerance(h: int, w: int) -> int:
    """How many pixels apart two contours may be and still match: 0.8 % of the diagonal, up.

    Examples:
        >>> tolerance(480, 854)
        8
    """
    return math.ceil(0.008 * float(np.linalg.norm((h, w))))


def contour(mask: BoolMask, *, padding: int = 1) -> BoolMask:
    """Where a mask differs from its right, lower or lower right neighbour.

    The last row looks only to the right, the last column only down, the corner nowhere: the same
    as if the mask went on unchanged beyond them. The result is (h, w + padding); the columns added
    on the right are empty.
    """
    h, w = mask.shape
    stride = w + padding
    grid = np.zeros((h + 2, stride), dtype=np.bool_)
    grid[:h, :w] = mask
    grid[h, :w] = mask[-1]
    grid[:, w] = grid[:, w - 1]
    flat, size = grid.ravel(), h * stride  # flat, as whole runs are faster than rows
    here = flat[:size]
    edge = here ^ flat[1 : 1 + size]
    edge |= here ^ flat[stride : stride + size]
    edge |= here ^ flat[stride + 1 : stride + 1 + size]
    edge = edge.reshape(h, stride)
    edge[:, w:] = False
    return edge


def _bits(edge: BoolMask) -> int:
    """The pixels as one integer, row after row, the first pixel in the lowest bit."""
    return int.from_bytes(np.packbits(edge, bitorder="little").tobytes(), "little")


def _dilate(bits: int, radius: int, stride: int) -> int:
    """The bits within Euclidean distance `radius` of the given ones, rows `stride` bits apart.

    Each row must end in `radius` empty bits, which catch what is shifted over its end.
    The disk's rows widen towards its middle, so each is the one before, spread a little further;
    what covers `reach` pixels to both sides may step by 2 * reach + 1 without leaving a hole.
    """
    spread, reach, disk = bits << radius, 0, 0  # room for what goes left of the first pixel
    for dy in range(radius, -1, -1):
        half_width = math.isqrt(radius**2 - dy**2)
        while reach < half_width:
            step = min(half_width - reach, 2 * reach + 1)
            spread |= spread << step | spread >> step
            reach += step
        disk |= spread << dy * stride | spread >> dy * stride
    return disk >> radius
