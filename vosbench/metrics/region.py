"""J, the region similarity of DAVIS (Perazzi et al., CVPR 2016), of two masks of one object."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vosbench.errors import UsageError

BoolMask = npt.NDArray[np.bool_]  # (h, w)


def region_similarity(prediction: BoolMask, truth: BoolMask) -> float:
    """J of one object in one frame: intersection over union of two (h, w) masks.

    Higher is better, from 0 to 1; symmetric; 1 where both are empty.
    Source: db_eval_iou of davis2017-evaluation.

    Raises:
        UsageError: the masks are not bool arrays of one shape (h, w).

    Examples:
        >>> region_similarity(np.array([[True, True, False]]), np.array([[False, True, True]]))
        0.3333333333333333
    """
    check_masks(prediction, truth)
    intersection = int(np.count_nonzero(prediction & truth))
    union = int(np.count_nonzero(prediction)) + int(np.count_nonzero(truth)) - intersection
    return intersection / union if union else 1.0


def check_masks(prediction: BoolMask, truth: BoolMask) -> None:
    """Raise UsageError unless two masks are bool arrays of one shape (h, w).

    Object ids are refused: 2 & 1 is 0, so that two equal masks with other ids would score 0.
    """
    for name, mask in (("prediction", prediction), ("truth", truth)):
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.ndim != 2:
            is_array = isinstance(mask, np.ndarray)
            what = f"{mask.dtype} of shape {mask.shape}" if is_array else type(mask).__name__
            raise UsageError(
                f"{name} is {what}, expected a bool array (h, w) of one object; "
                "from a mask of ids: mask == 1"
            )
    if prediction.shape != truth.shape:
        raise UsageError(
            f"prediction is {prediction.shape} but truth is {truth.shape} (height, width); "
            "resize the prediction with nearest neighbour"
        )
