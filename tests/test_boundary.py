from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from reference import boundary as slow
from reference.protocols import contours_mosev2

from vosbench.metrics import boundary
from vosbench.metrics.boundary import boundary_f, contour, tolerance
from vosbench.metrics.crop import around

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=14)
MASKS = SHAPES.flatmap(lambda shape: hnp.arrays(np.bool_, shape))
PAIRS = SHAPES.flatmap(
    lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape))
)


def drawn(text: str) -> np.ndarray:
    return np.array([[c == "#" for c in row] for row in text.split()])


def blobs(generator: np.random.Generator, h: int, w: int) -> np.ndarray:
    """A few rectangles and dots that often touch the image's borders."""
    mask = np.zeros((h, w), dtype=bool)
    for _ in range(generator.integers(0, 4)):
        top, left = generator.integers(-3, h), generator.integers(-3, w)
        height, width = generator.integers(1, h // 2), generator.integers(1, w // 2)
        mask[max(top, 0) : top + height, max(left, 0) : left + width] ^= True
    return mask


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ("..... .##.. .##.. ..... .....", "###.. #.#.. ###.. ..... ....."),
        ("##... ##... ..... ..... .....", ".#... ##... ..... ..... ....."),
        ("..... ..... ..... ....# ....#", "..... ..... ...## ...#. ...#."),
        ("##### ##### ##### ##### #####", "..... ..... ..... ..... ....."),
        ("..... ..... ..... ..... #####", "..... ..... ..... ##### ....."),
    ],
    ids=["inside", "top left", "bottom right", "full", "last row"],
)
def test_contour_of_hand_drawn_masks(mask, expected):
    np.testing.assert_array_equal(contour(drawn(mask))[:, :5], drawn(expected))
    np.testing.assert_array_equal(slow.contour(drawn(mask)), drawn(expected))


@given(MASKS, st.integers(1, 9))
def test_contour_equals_the_slow_twin_and_pads_with_nothing(mask, padding):
    edge = contour(mask, padding=padding)
    assert edge.shape == (mask.shape[0], mask.shape[1] + padding)
    np.testing.assert_array_equal(edge[:, : mask.shape[1]], slow.contour(mask))
    assert not edge[:, mask.shape[1] :].any()


@given(PAIRS)
def test_equals_the_slow_twin(pair):
    assert boundary_f(*pair) == slow.boundary_f(*pair)


@pytest.mark.parametrize("seed", range(12))
def test_equals_the_slow_twin_at_larger_radii(seed):
    generator = np.random.default_rng(seed)
    h, w = (int(side) for side in generator.integers((60, 100), (130, 300)))
    prediction, truth = blobs(generator, h, w), blobs(generator, h, w)
    assert boundary_f(prediction, truth) == slow.boundary_f(prediction, truth)


@settings(max_examples=50)
@given(st.integers(0, 20), st.integers(1, 40), st.integers(1, 40), st.data())
def test_dilation_is_the_disk(radius, h, w, data):
    y, x = data.draw(st.integers(0, h - 1)), data.draw(st.integers(0, w - 1))
    point = np.zeros((h, w + radius), dtype=bool)
    point[y, x] = True
    grown = boundary._dilate(boundary._bits(point), boundary.disc(radius), w + radius)
    rows, columns = np.mgrid[:h, :w]
    disk = np.zeros_like(point)
    disk[:, :w] = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
    inside = np.zeros_like(point)
    inside[:, :w] = True
    assert grown & boundary._bits(inside) == boundary._bits(disk)


def test_a_contour_in_the_first_corner_is_dilated_without_holes():
    prediction, truth = np.zeros((2, 400, 400), dtype=bool)
    prediction[0, 0] = True
    truth[0, 1:4] = True
    assert boundary_f(prediction, truth) == slow.boundary_f(prediction, truth) == 1.0


@given(PAIRS)
def test_a_cut_around_both_changes_nothing(pair):
    prediction, truth = pair
    box = around(prediction | truth)
    cut = boundary_f(prediction[box], truth[box], radius=tolerance(*truth.shape))
    assert cut == boundary_f(prediction, truth)


def test_both_empty_is_one_and_one_empty_is_zero():
    empty, dot = np.zeros((5, 5), bool), drawn("..... ..... ..#.. ..... .....")
    assert boundary_f(empty, empty) == 1.0
    assert boundary_f(dot, empty) == boundary_f(empty, dot) == 0.0


def test_a_full_frame_has_no_contour_as_in_the_official_tool():
    full, empty = np.ones((5, 5), bool), np.zeros((5, 5), bool)
    assert boundary_f(full, empty) == boundary_f(empty, full) == 1.0


def test_far_apart_is_zero():
    assert boundary_f(drawn("#.... " + "..... " * 4), drawn("..... " * 4 + "...##")) == 0.0


@given(PAIRS)
def test_is_bounded_and_symmetric(pair):
    score = boundary_f(*pair)
    assert 0 <= score <= 1
    assert score == pytest.approx(boundary_f(pair[1], pair[0]), abs=1e-15)


@pytest.mark.parametrize(("h", "w", "radius"), [(480, 854, 8), (480, 910, 9), (1080, 1920, 18)])
def test_tolerance_is_a_share_of_the_diagonal(h, w, radius):
    assert tolerance(h, w) == radius


@pytest.mark.parametrize("seed", range(12))
def test_mosev2s_two_figures_equal_the_rule_written_out(seed):
    generator = np.random.default_rng(seed)
    h, w = (int(side) for side in generator.integers((20, 30), (110, 160)))
    prediction, truth = blobs(generator, h, w), blobs(generator, h, w)
    expected = contours_mosev2(prediction, truth)
    assert boundary.boundary_f_mosev2(prediction, truth) == pytest.approx(expected, abs=1e-12)
