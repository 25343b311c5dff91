"""Panes side by side with words: one layout for all frames of a film."""

from __future__ import annotations

import numpy as np
import pytest

from vosbench.errors import UsageError
from vosbench.filming.lettering import GROUND, Key
from vosbench.filming.sheet import Pane, Within, fitting, laid_out, scaled, scaled_mask

HD = Within(1920, 1080)


def test_frames_are_shrunk_to_fit_and_small_ones_enlarged_by_whole_numbers() -> None:
    assert fitting(1080, 1920, HD) == 1
    assert fitting(2160, 3840, HD) == 0.5
    assert fitting(480, 854, HD) == 1
    assert fitting(32, 48, HD) == 7  # 336 pixels
    assert fitting(1000, 100, HD) == 1  # no room below for twice its height


@pytest.mark.parametrize(
    ("count", "h", "w", "across", "rows"),
    [
        (1, 480, 854, 1, 1),
        (3, 480, 854, 3, 1),
        (4, 480, 854, 2, 2),
        (5, 480, 854, 3, 2),
        (5, 854, 480, 5, 1),
    ],
)
def test_panes_stand_side_by_side_then_in_a_square(
    count: int, h: int, w: int, across: int, rows: int
) -> None:
    layout = laid_out(h, w, count, HD)
    assert (layout.across, layout.rows) == (across, rows)
    assert layout.width <= HD.width
    assert layout.height <= HD.height + (rows + 2) * layout.line
    assert (layout.width % 2, layout.height % 2) == (0, 0)


def test_a_scale_that_is_asked_for_counts_and_an_impossible_one_is_refused() -> None:
    layout = laid_out(100, 201, 2, HD, scale=0.5)
    assert (layout.h, layout.w) == (50, 100)
    with pytest.raises(UsageError, match=r"scale 0\.01 makes frames of 200x100 pixels 2x1"):
        laid_out(100, 200, 1, HD, scale=0.01)
    with pytest.raises(UsageError, match=r"up to 8192 pixels a side"):
        laid_out(100, 200, 1, HD, scale=100)


def test_pictures_and_words_are_where_they_belong() -> None:
    red, blue = np.zeros((2, 40, 400, 3), np.uint8)
    red[:], blue[:] = (255, 0, 0), (0, 0, 255)
    layout = laid_out(40, 400, 2, HD, scale=1)
    drawn = layout.drawn([Pane(red, "left", "J 9"), Pane(blue, "right")], "ant   frame 1")
    assert drawn.shape == (layout.height, layout.width, 3)
    assert (drawn[layout.line : layout.line + 40, :400] == (255, 0, 0)).all()
    assert (drawn[layout.line : layout.line + 40, 404:804] == (0, 0, 255)).all()

    def letters(top: int, left: int, right: int) -> bool:
        return bool((drawn[top : top + layout.line, left:right] != GROUND).any())

    assert letters(0, 0, 100)
    assert letters(0, 300, 400)
    assert letters(0, 404, 504)
    assert not letters(0, 700, 804)
    assert letters(layout.line + 40, 0, 400)
    assert not letters(layout.line + 40, 404, 804)


def test_a_long_name_gives_way_to_what_stands_beside_it() -> None:
    picture = np.zeros((20, 120, 3), np.uint8)
    layout = laid_out(20, 120, 1, HD, scale=1)
    drawn = layout.drawn([Pane(picture, "a-method=with-many,options=1" * 3, "J 88")], "")
    bare = layout.drawn([Pane(picture, "", "J 88")], "")
    assert (drawn[: layout.line, 85:] == bare[: layout.line, 85:]).all()
    assert (drawn[: layout.line, :80] != bare[: layout.line, :80]).any()


def test_a_legend_has_its_colours_and_its_own_line_where_room_is_scarce() -> None:
    keys = (Key("missed", ((1, 2, 3), (4, 5, 6))), Key("false", ((7, 8, 9),)))
    wide = laid_out(20, 800, 1, HD, scale=1, keys=keys)
    narrow = laid_out(20, 120, 1, HD, scale=1, keys=keys)
    assert narrow.height - wide.height == 2 * narrow.line - wide.line + (narrow.line - wide.line)
    for layout, w in ((wide, 800), (narrow, 120)):
        drawn = layout.drawn([Pane(np.zeros((20, w, 3), np.uint8), "x")], "ant")
        for key in keys:
            for colour in key.colours:
                assert (drawn == colour).all(2).any()


def test_frames_and_masks_change_their_size_alike() -> None:
    frame, mask = np.zeros((10, 20, 3), np.uint8), np.zeros((10, 20), np.uint8)
    frame[:, 10:], mask[:, 10:] = 200, 7
    for h, w in ((5, 10), (20, 40), (10, 20)):
        large, of = scaled(frame, h, w), scaled_mask(mask, h, w)
        assert (large[of == 7] == 200).all()
        assert (large[of == 0] == 0).all()
        assert set(np.unique(of)) == {0, 7}
