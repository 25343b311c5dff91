"""Pure functions of (prediction, truth) for one object in one frame.

>>> import numpy as np, vosbench
>>> prediction, truth = np.zeros((480, 854), bool), np.zeros((480, 854), bool)
>>> prediction[10:30, 20:40] = truth[10:30, 25:45] = True
>>> vosbench.metrics.region_similarity(prediction, truth)
0.6
>>> vosbench.metrics.boundary_f(prediction, truth)
1.0
"""

from vosbench.metrics.band import boundary_iou
from vosbench.metrics.boundary import boundary_f, boundary_f_mosev2, tolerance
from vosbench.metrics.region import region_similarity

__all__ = [
    "boundary_f",
    "boundary_f_mosev2",
    "boundary_iou",
    "region_similarity",
    "tolerance",
]
