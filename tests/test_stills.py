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


def test_errors_are_drawn_over_a_dim_grey_frame() -> None:
    frame = np.full((12, 24, 3), (200, 100, 50), np.uint8)
    mask, truth = np.zeros((2, 12, 24), np.uint8)
    truth[:, 6:18], mask[:, 12:] = 1, 1
    mask[0:6, 12:15] = 2
    drawn = stills.errors(frame, mask, truth)
    grey = 0.75 * (0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    assert (drawn[:, :6] == round(grey)).all()
    assert (drawn[6:, 12:18] == round(grey + 110 / 255 * (255 - grey))).all()
    for where, colour in ((drawn[:, 18:], stills.FALSE), (drawn[:6, 12:15], stills.WRONG)):
        wanted = [round(grey + 190 / 255 * (each - grey)) for each in colour]
        assert (where == wanted).all()
    striped = {tuple(pixel) for pixel in drawn[:, 6:12].reshape(-1, 3).tolist()}
    assert striped == {
        tuple(round(grey + cover / 255 * (each - grey)) for each in stills.MISSED)
        for cover in stills.STRIPES
    }
    assert (frame == (200, 100, 50)).all()


def test_an_outline_is_dashed_in_black_and_white() -> None:
    frame, truth = np.full((8, 40, 3), 100, np.uint8), np.zeros((8, 40), np.uint8)
    truth[4:] = 3
    drawn = stills.outlined(frame, truth)
    assert drawn[4, :12, 0].tolist() == [0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0]
    assert (np.delete(drawn, 4, axis=0) == 100).all()
    assert (frame == 100).all()


def test_the_viewer_draws_the_same() -> None:
    """The constants of its JavaScript, which the tests in a browser see at work."""
    script = VIEWER.read_text(encoding="utf-8")
    okabe = script.partition("okabe = [")[2].partition("];")[0]
    listed = [tuple(map(int, each)) for each in re.findall(r"\[(\d+), (\d+), (\d+)\]", okabe)]
    assert listed == list(stills.SAFE)
    fill = script.partition("function fill")[2].partition("\n  }\n")[0]
    assert f"[255, 255, 255], {stills.OUTLINE})" in fill
    assert f"colours[labels[at]], {stills.FILL})" in fill
    for name in ("MISSED", "FALSE", "WRONG"):
        assert f"{name} = {list(getattr(stills, name))}" in script
    assert f"? {stills.STRIPES[0]} : {stills.STRIPES[1]}" in script
    assert f"should ? WRONG : FALSE, {stills.SOLID}" in script


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
