from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from reference import region as slow

from vosbench.errors import UsageError
from vosbench.metrics import boundary_f, region_similarity

PAIRS = hnp.array_shapes(min_dims=2, max_dims=2, max_side=12).flatmap(
    lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape))
)


def drawn(text: str) -> np.ndarray:
    return np.array([[c == "#" for c in row] for row in text.split()])


TRUTH = drawn("..... .##.. .##.. ..... .....")


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [
        (TRUTH, 1.0),
        (drawn("..... ..##. ..##. ..... ....."), 2 / 6),
        (drawn("..... .#... .#... ..... ....."), 2 / 4),
        (drawn("..... ...## ...## ..... ....."), 0.0),
        (np.zeros((5, 5), bool), 0.0),
        (np.ones((5, 5), bool), 4 / 25),
    ],
    ids=["same", "shifted", "half", "apart", "empty", "full"],
)
def test_hand_drawn(prediction, expected):
    assert region_similarity(prediction, TRUTH) == expected


def test_both_empty_is_one():
    empty = np.zeros((5, 5), bool)
    assert region_similarity(empty, empty) == 1.0


@given(PAIRS)
def test_equals_the_slow_twin(pair):
    assert region_similarity(*pair) == slow.region_similarity(*pair)


@given(PAIRS)
def test_is_bounded_and_symmetric(pair):
    score = region_similarity(*pair)
    assert 0 <= score <= 1
    assert score == region_similarity(pair[1], pair[0])


@pytest.mark.parametrize("metric", [region_similarity, boundary_f])
@pytest.mark.parametrize(
    ("prediction", "words"),
    [
        (
            2 * TRUTH.astype(np.uint8),
            r"prediction is uint8 of shape \(5, 5\), expected a bool array",
        ),
        (TRUTH.astype(float), "prediction is float64"),
        (TRUTH[None], r"prediction is bool of shape \(1, 5, 5\)"),
        (TRUTH.tolist(), "prediction is list, expected"),
        (TRUTH[:4], r"prediction is \(4, 5\) but truth is \(5, 5\)"),
    ],
)
def test_what_is_no_pair_of_bool_masks_is_refused(metric, prediction, words):
    with pytest.raises(UsageError, match=words):
        metric(prediction, TRUTH)
    with pytest.raises(UsageError, match=r"truth is|prediction is"):
        metric(TRUTH, prediction)
