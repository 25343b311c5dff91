from __future__ import annotations

import numpy as np
import pytest

import vosbench
from vosbench.metrics.band import band, band_width


@pytest.mark.parametrize("width", [1, 3])
def test_a_band_is_what_is_near_the_outside_or_the_frames_edge(width: int) -> None:
    mask = np.zeros((12, 15), bool)
    mask[0:9, 2:13] = True
    padded = np.pad(mask, width)
    expected = np.zeros_like(mask)
    for y, x in np.argwhere(mask):
        around = padded[y : y + 2 * width + 1, x : x + 2 * width + 1]
        expected[y, x] = not around.all()
    np.testing.assert_array_equal(band(mask, width), expected)


def test_boundary_iou_of_a_shifted_square_by_hand() -> None:
    truth, prediction = np.zeros((40, 60), bool), np.zeros((40, 60), bool)
    truth[10:20, 10:20], prediction[10:20, 11:21] = True, True
    assert band_width(40, 60) == 1
    # rings of 36 pixels; shifted by one they share 2 rows of 9, less no more than these
    shared = 18
    assert vosbench.metrics.boundary_iou(prediction, truth) == shared / (72 - shared)
    empty = np.zeros((40, 60), bool)
    assert vosbench.metrics.boundary_iou(empty, empty) == 1
    assert vosbench.metrics.boundary_iou(empty, truth) == 0
