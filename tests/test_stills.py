"""Masks laid over a frame look as they do in the viewer of the page."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from vosbench.toolbox.reports import stills
from vosbench.types import Layers, Sequence

VIEWER = Path(__file__).parents[1] / "reports" / "html" / "assets" / "masks.js"


def test_an_overlay_tints_objects_and_leaves_the_frame_alone() -> None:
    frame, mask = np.full((8, 8, 3), 100, np.uint8), np.zeros((8, 8), np.uint8)
    mask[2:6, 2:6] = 1
    drawn = stills.overlay(frame, mask)
    assert drawn.shape == (8, 8, 3)
    assert (frame == 100).all()
    assert tuple(drawn[4, 4]) == (113, 53, 53)  # 135/255 of 100 and 120/255 of (128, 0, 0)
    assert tuple(drawn[2, 2]) == (243, 243, 243)  # the outline
    assert tuple(drawn[0, 0]) == (100, 100, 100)
    safe = stills.overlay(frame, mask, safe=True)
    assert tuple(safe[4, 4]) == (161, 128, 53)  # orange
    assert (safe[mask == 0] == drawn[mask == 0]).all()


def test_wide_frames_have_wide_outlines() -> None:
    frame, mask = np.zeros((4, 960, 3), np.uint8), np.zeros((4, 960), np.uint8)
    mask[:, 480:] = 1
    white = (stills.overlay(frame, mask)[0] > 200).all(1)
    assert np.flatnonzero(white).tolist() == [480, 481]


def test_the_viewer_draws_the_same() -> None:
    """The constants of its JavaScript, which the tests in a browser see at work."""
    script = VIEWER.read_text(encoding="utf-8")
    okabe = script.partition("okabe = [")[2].partition("];")[0]
    listed = [tuple(map(int, each)) for each in re.findall(r"\[(\d+), (\d+), (\d+)\]", okabe)]
    assert listed == list(stills.SAFE)
    fill = script.partition("function fill")[2].partition("\n  }\n")[0]
    assert f"[255, 255, 255], {stills.OUTLINE})" in fill
    assert f"colours[labels[at]], {stills.FILL})" in fill


def test_a_late_frame_is_three_quarters_in() -> None:
    assert [stills.late(range(n)) for n in (1, 2, 3, 4, 5, 9)] == [0, 0, 1, 2, 3, 6]


def test_masks_of_all_forms_are_drawn_with_one_value_an_object() -> None:
    overlap = Layers((0, 7), np.array([[[1, 1, 1, 0]], [[0, 0, 1, 1]]], bool))
    alone = Layers((7, 9), np.array([[[1, 0, 0, 0]], [[0, 0, 1, 1]]], bool))
    of = Sequence(name="cat", frames=[], frame_names=(), prompts={0: overlap}, truth={})
    assert stills.drawn(overlap, of).tolist() == [[1, 1, 2, 2]]
    assert stills.drawn(alone, of).tolist() == [[2, 0, 0, 0]]
    plain = np.array([[0, 3, 255, 0]], np.uint8)
    usual = Sequence(name="cat", frames=[], frame_names=(), prompts={0: plain}, truth={})
    assert stills.drawn(plain, usual) is plain
