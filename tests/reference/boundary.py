"""F of one object, written as the definition reads: pixel by pixel, distance by distance."""

import math

import numpy as np


def contour(mask):
    h, w = mask.shape
    edge = np.zeros((h, w), dtype=bool)
    for y in range(h):
        for x in range(w):
            here = mask[y, x]
            right = x + 1 < w and mask[y, x + 1] != here
            below = y + 1 < h and mask[y + 1, x] != here
            corner = x + 1 < w and y + 1 < h and mask[y + 1, x + 1] != here
            if y == h - 1:
                edge[y, x] = right
            elif x == w - 1:
                edge[y, x] = below
            else:
                edge[y, x] = right or below or corner
    return edge


def boundary_f(prediction, truth):
    h, w = truth.shape
    radius = math.ceil(0.008 * math.sqrt(h * h + w * w))
    predicted = [tuple(p) for p in np.argwhere(contour(prediction))]
    true = [tuple(p) for p in np.argwhere(contour(truth))]
    if not predicted and not true:
        return 1.0
    if not predicted or not true:
        return 0.0
    precision = _share_near(predicted, true, radius)
    recall = _share_near(true, predicted, radius)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _share_near(points, others, radius):
    near = [any((y - v) ** 2 + (x - u) ** 2 <= radius**2 for v, u in others) for y, x in points]
    return sum(near) / len(near)
