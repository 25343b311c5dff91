"""J, the region similarity of DAVIS (Perazzi et al., CVPR 2016), of two masks of one object."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def region_similarity(prediction: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float:
    """J of one object in one frame: intersection over union of two (h, w) masks.

    Higher is better, from 0 to 1; symmetric; 1 where both are empty.
    Source: db_eval_iou of davis2017-evaluation.

    >>> region_similarity(np.array([[True, True, False]]), np.array([[False, True, True]]))
    0.3333333333333333
    """
    intersection = int(np.count_nonzero(prediction & truth))
    union = int(np.count_nonzero(prediction)) + int(np.count_nonzero(truth)) - intersection
    return intersection / union if union else 1.0
