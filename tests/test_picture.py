"""The picture of runs side by side shows masks where they are, and refuses what it cannot draw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vosbench import api, picture
from vosbench.errors import UsageError


def test_overlay_tints_objects_and_leaves_the_rest() -> None:
    frame = np.full((8, 8, 3), 100, np.uint8)
    mask = np.zeros((8, 8), np.uint8)
    mask[2:6, 2:6] = 1
    drawn = picture.overlay(frame, mask)
    assert drawn.shape == (8, 8, 3)
    assert tuple(drawn[4, 4]) == (115, 45, 45)  # .45 * 100 + .55 * (128, 0, 0)
    assert tuple(drawn[2, 2]) == (255, 255, 255)
    assert tuple(drawn[0, 0]) == (100, 100, 100)


def test_one_row_per_sequence_and_one_tile_per_run(folder_root: Path, tmp_path: Path) -> None:
    runs = [
        api.run(method, "folder", root=folder_root, out=tmp_path / "runs")
        for method in ("copy-first", "optical-flow")
    ]
    picture.draw(runs, tmp_path / "one.png", sequences=("bee",))
    picture.draw(runs, tmp_path / "all.png")
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "all.png") as whole:
        assert one.width == whole.width == 4 * (picture.TILE_WIDTH + 4)
        assert whole.height == 3 * one.height
    with pytest.raises(UsageError, match="unknown sequence 'wasp'"):
        picture.draw(runs, tmp_path / "no.png", sequences=("wasp",))


def test_masks_without_a_run_and_mixed_data_are_refused(folder_root: Path, tmp_path: Path) -> None:
    run = api.run("copy-first", "folder", root=folder_root, out=tmp_path / "runs")
    assert run.masks is not None
    foreign = api.evaluate(run.masks, "folder", root=folder_root, out=tmp_path / "scores")
    with pytest.raises(UsageError, match="a picture needs runs of `vosbench run`"):
        picture.draw([foreign], tmp_path / "no.png")
    with pytest.raises(UsageError, match="written"):
        _ = api.evaluate(run.masks, "folder", root=folder_root).frames
