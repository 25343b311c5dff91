"""Boxes and clicks of masks, drawn by hand and against slow twins."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from reference import clicks as slow

from vosbench.prompts.clicks import box_of, largest_circle, next_click

Bools = npt.NDArray[np.bool_]
MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))
PAIRS = hnp.array_shapes(min_dims=2, max_dims=2, max_side=10).flatmap(
    lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape))
)


def drawn(text: str) -> Bools:
    return np.array([[c == "#" for c in row] for row in text.split()])


@given(MASKS)
def test_boxes_are_those_of_all_pixels(mask: Bools) -> None:
    if mask.any():
        assert box_of(mask) == slow.box_of(mask.tolist())


@given(MASKS)
def test_circles_are_those_of_every_pair_of_pixels(region: Bools) -> None:
    assert largest_circle(region) == slow.largest_circle(region.tolist())


@given(PAIRS)
def test_clicks_are_those_of_every_pair_of_pixels(pair: tuple[Bools, Bools]) -> None:
    truth, answer = pair
    assert next_click(truth=truth, answer=answer) == slow.next_click(
        truth.tolist(), answer.tolist()
    )


@pytest.mark.parametrize(
    ("mask", "box", "circle"),
    [
        ("... .#. ...", (1, 1, 1, 1), (1, 1, 1)),  # one pixel
        ("##. ##. ...", (0, 0, 1, 1), (0, 0, 1)),  # in the corner: off the picture is outside
        ("##### ##### #####", (0, 0, 4, 2), (1, 1, 4)),  # all of it; the first of three
        ("#.... ..... .###. .###. .###.", (0, 0, 3, 4), (2, 3, 4)),  # the larger of two parts
        ("###.. ###.. ###.. ..... ..###", (0, 0, 4, 4), (1, 1, 4)),
    ],
    ids=["one pixel", "corner", "full", "two parts", "first"],
)
def test_masks_drawn_by_hand(mask: str, box: tuple[int, ...], circle: tuple[int, int, int]) -> None:
    assert box_of(drawn(mask)) == box
    assert largest_circle(drawn(mask)) == circle


TRUTH = "..... .###. .###. .###. ....."


@pytest.mark.parametrize(
    ("answer", "click"),
    [
        ("..... ..... ..... ..... .....", (2, 2, True)),
        (TRUTH, None),
        ("..... .###. .###. .##.. .....", (3, 3, True)),  # one pixel lacks
        ("..... .###. .###. .###. ...#.", (3, 4, False)),  # one too much
        ("#.... .###. .###. .##.. .....", (0, 0, False)),  # equal circles: what is too much
        ("..... .###. ..... ..... .....", (1, 2, True)),  # the first of a row
        ("##### ##### ##### ##### #####", (0, 0, False)),
    ],
)
def test_clicks_drawn_by_hand(answer: str, click: tuple[int, int, bool] | None) -> None:
    assert next_click(truth=drawn(TRUTH), answer=drawn(answer)) == click


def test_an_error_of_more_pixels_but_thinner_is_not_the_largest() -> None:
    truth = drawn("########## .......... ...###.... ...###.... ...###....")
    found = next_click(truth=truth, answer=np.zeros_like(truth))
    assert found == (4, 3, True)
