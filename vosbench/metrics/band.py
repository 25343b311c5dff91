"""Boundary IoU (Cheng et al., CVPR 2021) of two masks of one object."""

from __future__ import annotations

import numpy as np

from vosbench.metrics.region import BoolMask, check_masks


def boundary_iou(prediction: BoolMask, truth: BoolMask) -> float:
    """Intersection over union of the inner bands of two masks (h, w) along their outlines.

    A band is as wide as 2 % of the frame's diagonal; the frame's edge counts as an outline. Higher
    is better, from 0 to 1; symmetric; 1 where both are empty.
    Source: mask_to_boundary of boundary-iou-api.

    Raises:
        UsageError: the masks are not bool arrays of one shape (h, w).
    """
    check_masks(prediction, truth)
    width = band_width(*truth.shape)
    p, t = band(prediction, width), band(truth, width)
    union = int(np.count_nonzero(p | t))
    return int(np.count_nonzero(p & t)) / union if union else 1.0


def band_width(h: int, w: int) -> int:
    """2 % of a frame's diagonal in whole pixels, at least 1.

    Examples:
        >>> band_width(480, 854)
        20
    """
    return max(1, round(0.02 * float(np.hypot(h, w))))


def band(mask: BoolMask, width: int) -> BoolMask:
    """The pixels of a mask that are less than `width` rows and columns from its outside."""
    if not mask.size:
        return mask  # a part of a frame that shows nothing
    import cv2  # here, so that the other metrics load without it

    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    inner = cv2.erode(mask.view(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    found: BoolMask = mask & (inner == 0)
    return found
