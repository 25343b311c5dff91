from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import statistics as slow

from vosbench.metrics.statistics import Statistics, average, over_frames

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=300)


@given(SCORES)
def test_equals_the_official_formulas(values):
    assert tuple(over_frames(values)) == pytest.approx(slow.over_frames(values), abs=1e-12)


@pytest.mark.parametrize("n", [255, 256, 257, 600])
def test_decay_does_not_overflow_as_the_official_one_does(n):
    values = np.linspace(1, 0, n).tolist()
    assert over_frames(values).decay == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize(
    ("values", "decay"),
    [([0.7], 0.0), ([1.0, 0.0], 1.0), ([1.0, 0.5, 0.0], 0.75), ([1.0, 0.6, 0.4, 0.0], 0.6)],
)
def test_decay_of_fewer_frames_than_bins(values, decay):
    assert over_frames(values).decay == pytest.approx(decay)
    assert slow.over_frames(values)[2] == pytest.approx(decay)


def test_recall_is_strict():
    assert over_frames([0.5, 0.5, 0.51, 1.0]).recall == 0.5


def test_no_frame_is_undefined_and_not_zero():
    assert all(math.isnan(value) for value in over_frames([]))


def test_average_is_per_figure():
    assert average([Statistics(1, 0, 0.5), Statistics(0, 1, 0.0)]) == Statistics(0.5, 0.5, 0.25)
