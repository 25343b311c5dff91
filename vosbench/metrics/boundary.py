"""F, the contour accuracy of DAVIS (Perazzi et al., CVPR 2016), of two masks of one object.

Exact and fast: only the box around both masks is computed, and the contours are dilated as bit
sets, one Python integer each, so that a shift moves a whole contour at once.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from vosbench.metrics.crop import around
from vosbench.metrics.region import BoolMask, check_masks


class Disc(NamedTuple):
    """The offsets at which a contour pixel matches another: runs of x, (left, right), each in rows.

    runs: (left, right, its rows dy), each within the next one.
    reach: how far it goes to the left or right at most.
    """

    runs: tuple[tuple[int, int, tuple[int, ...]], ...]
    reach: int


def _disc(runs: Iterable[tuple[int, int, tuple[int, ...]]]) -> Disc:
    """The disc of some runs, each within the next one."""
    listed = tuple(runs)
    return Disc(listed, max((max(-left, right) for left, right, _ in listed), default=0))


class ContourCounts(NamedTuple):
    """Pixels of the contours of truth and prediction, and how many of each the other matches."""

    truth: int
    prediction: int
    truth_matched: int
    prediction_matched: int


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
    return contour_f(contour_counts(prediction, truth, (disc(radius),))[0])


def boundary_f_mosev2(prediction: BoolMask, truth: BoolMask) -> tuple[float, float]:
    """F and Ḟ of one object in one frame as MOSEv2 has them, with its scorer's own discs.

    Ḟ narrows the tolerance to a tenth of the root of the truth's area, where that is less.
    Source: f_measure_adaptive of MOSE-api, MOSEv2.

    Raises:
        UsageError: the masks are not bool arrays of one shape (h, w).
    """
    check_masks(prediction, truth)
    narrow, own = disc_mosev2(truth.shape, int(np.count_nonzero(truth)))
    usual, adapted = contour_counts(prediction, truth, (disc(tolerance(*truth.shape)), own))
    return contour_f(usual if narrow else adapted), contour_f(adapted)


def contour_f(counts: ContourCounts) -> float:
    """F of what was counted of two contours."""
    if not counts.prediction or not counts.truth:
        return float(counts.prediction == counts.truth)
    precision = counts.prediction_matched / counts.prediction
    recall = counts.truth_matched / counts.truth
    if precision + recall == 0:
        return 0.0
    return 2 * precision * recall / (precision + recall)


def contour_counts(
    prediction: BoolMask, truth: BoolMask, discs: Sequence[Disc]
) -> list[ContourCounts]:
    """What F is made of, for each disc; masks (h, w) of one frame, or cut to a box around both."""
    box = around(prediction | truth)
    if not truth[box].size:
        return [ContourCounts(0, 0, 0, 0)] * len(discs)
    padding = max(1, *(each.reach for each in discs))
    predicted, true = (contour(mask[box], padding=padding) for mask in (prediction, truth))
    p, t, stride = _bits(predicted), _bits(true), true.shape[1]
    lengths = t.bit_count(), p.bit_count()
    if not p or not t:
        return [ContourCounts(*lengths, 0, 0)] * len(discs)
    return [
        ContourCounts(
            *lengths,
            (t & _dilate(p, each, stride)).bit_count(),
            (p & _dilate(t, each, stride)).bit_count(),
        )
        for each in discs
    ]


def tolerance(h: int, w: int) -> int:
    """How many pixels apart two contours may be and still match: 0.8 % of the diagonal, up.

    Examples:
        >>> tolerance(480, 854)
        8
    """
    return math.ceil(_share_of_diagonal((h, w)))


@functools.lru_cache  # the frames of a video have one shape
def _share_of_diagonal(shape: tuple[int, ...]) -> float:
    return 0.008 * float(np.linalg.norm(shape))


@functools.cache
def disc(radius: int) -> Disc:
    """All offsets within Euclidean distance `radius`."""
    by_width: dict[int, list[int]] = {}
    for dy in range(radius, -1, -1):
        rows = by_width.setdefault(math.isqrt(radius**2 - dy**2), [])
        rows += [dy, -dy] if dy else [0]
    return _disc((-width, width, tuple(rows)) for width, rows in by_width.items())


def is_narrow(shape: tuple[int, ...], area: int) -> bool:
    """Whether MOSEv2's tolerance for a truth of this area is less than that of DAVIS."""
    return area > 0 and _tenth(area) < _share_of_diagonal(shape)


def _tenth(area: int) -> float:
    """A tenth of the side of a square of this area, up."""
    return float(np.ceil(0.1 * np.sqrt(area)))


def disc_mosev2(shape: tuple[int, ...], area: int) -> tuple[bool, Disc]:
    """Whether Ḟ has a tolerance of its own for a truth of this area, and its disc.

    Where it has none, F and Ḟ are one, on a disc whose radius is not a whole number: its scorer
    lays a grid from -radius in steps of 1 and takes half its size, rounded down, for the middle.
    """
    narrow = is_narrow(shape, area)
    return narrow, disc(int(_tenth(area))) if narrow else _off_centre(_share_of_diagonal(shape))


@functools.cache
def _off_centre(radius: float) -> Disc:
    """The disc of a radius that is no whole number, as a dilation with that grid spreads it."""
    line = np.arange(-radius, radius + 1)
    x, y = np.meshgrid(line, line)
    taps = x**2 + y**2 <= radius**2
    if not taps.any():  # frames of less than about 70 pixels: OpenCV takes the first tap then
        taps[0, 0] = True
    middle = len(line) // 2
    by_run: dict[tuple[int, int], list[int]] = {}
    for row, there in enumerate(taps):
        if there.any():
            columns = np.flatnonzero(there)
            run = middle - int(columns[-1]), middle - int(columns[0])  # a dilation mirrors it
            by_run.setdefault(run, []).append(middle - row)
    order = sorted(by_run, key=lambda run: run[1] - run[0])
    return _disc((*run, tuple(by_run[run])) for run in order)


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


def _dilate(bits: int, shape: Disc, stride: int) -> int:
    """The bits at the offsets of a disc from the given ones, rows `stride` bits apart.

    Each row must end in as many empty bits as the disc reaches sideways, which catch what is
    shifted over its end. Its runs widen, so each is the one before, spread a little further; what
    covers `width` pixels may step by as many without leaving a hole.
    """
    if not shape.runs:
        return 0
    left, right, _ = shape.runs[0]
    low = high = min(max(0, left), right)
    reach = shape.reach
    spread, result = bits << (reach + low), 0  # room for what goes left of the first pixel
    for left, right, rows in shape.runs:
        while low > left:
            step = min(low - left, high - low + 1)
            spread |= spread >> step
            low -= step
        while high < right:
            step = min(right - high, high - low + 1)
            spread |= spread << step
            high += step
        for dy in rows:
            result |= spread << dy * stride if dy >= 0 else spread >> -dy * stride
    return result >> reach
