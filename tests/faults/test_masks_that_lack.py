"""Masks that are missing or damaged cost their sequence; no object leaves the mean in silence."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import fixtures_layouts
import numpy as np
import pytest
from fixtures_trees import meta
from PIL import Image

from vosbench import api, results
from vosbench.analysis.failures import worst_objects
from vosbench.analysis.groups import one_group
from vosbench.errors import DataError, IncompleteScoresError

FRAMES = tuple(range(0, 24, 4))


def objects(folder: Path, name: str) -> None:
    """Two objects, one picture each, that are seen in every frame."""
    for number in (0, 3):
        for frame in FRAMES:
            path = folder / name / f"{number:03d}" / f"{frame:05d}.png"
            fixtures_layouts.mask(path, 1, mode="L")


@pytest.fixture
def sav(tmp_path: Path) -> Path:
    """Two videos as SA-V has them, and masks as good as the truth."""
    root = tmp_path / "sav_val"
    for name in ("sav_1", "sav_2"):
        for frame in range(21):
            fixtures_layouts.picture(root / f"JPEGImages_24fps/{name}/{frame:05d}.jpg")
        objects(root / "Annotations_6fps", name)
        objects(tmp_path / "masks", name)
    (root / "sav_val.txt").write_text("sav_1\nsav_2\n")
    return root


def scored(root: Path) -> api.Result:
    return api.evaluate(root.parent / "masks", "sav", root=root)


def without_one(video: Path) -> None:
    shutil.rmtree(video / "003")


def without_a_frame(video: Path) -> None:
    (video / "003/00008.png").unlink()


def without_a_frame_of_all(video: Path) -> None:
    for each in ("000", "003"):
        (video / each / "00008.png").unlink()


def of_half_the_size(video: Path) -> None:
    for path in video.rglob("*.png"):
        Image.fromarray(np.array(Image.open(path))[::2, ::2]).save(path)


def of_three_values(video: Path) -> None:
    for path in video.rglob("*.png"):
        values = np.array(Image.open(path))
        values[0, 0] = 2
        Image.fromarray(values).save(path)


def damaged(video: Path) -> None:
    for path in video.rglob("*.png"):
        fixtures_layouts.truncate(path)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (shutil.rmtree, r"masks/sav_1 is missing: expected a folder of masks for sav_1"),
        (without_one, r"sav_1/<object>/00004\.png lacks object 003, which the truth has there"),
        (without_a_frame, r"sav_1/<object>/00008\.png lacks object 003"),
        (without_a_frame_of_all, r"1 of 4 masks are missing in .*masks/sav_1: 00008\.png"),
        (of_half_the_size, r"00004\.png is 6x10 but its annotation is 12x20"),
        (of_three_values, r"00004\.png has the values \[0, 1, 2\], expected those of one object"),
        (damaged, r"masks/sav_1/000/00004\.png"),
    ],
)
def test_objects_by_themselves(harm: Callable[[Path], None], words: str, sav: Path) -> None:
    assert scored(sav).summary["J&F"] == 1
    harm(sav.parent / "masks/sav_1")
    with pytest.raises(IncompleteScoresError, match=words) as error:
        scored(sav)
    assert list(error.value.failed) == ["sav_1"]


def test_truth_that_cannot_be_read(sav: Path) -> None:
    fixtures_layouts.truncate(sav / "Annotations_6fps/sav_1/003/00008.png")
    with pytest.raises(IncompleteScoresError, match=r"Annotations_6fps/sav_1/003/00008\.png"):
        scored(sav)


def test_label_maps_by_the_rule_of_sav(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for frame in range(5):
            fixtures_layouts.picture(tmp_path / f"own/images/{name}/{frame}.jpg")
            fixtures_layouts.mask(tmp_path / f"own/masks/{name}/{frame}.png", 1, 2)
    masks = tmp_path / "masks"
    shutil.copytree(tmp_path / "own/masks", masks)
    shutil.rmtree(masks / "b")
    with pytest.raises(DataError, match="masks/b is missing"):
        api.evaluate(masks, "folder", root=tmp_path / "own", protocol="sav")


def test_a_video_that_counts_as_zero_can_be_read_again(tmp_path: Path) -> None:
    root = tmp_path / "mosev2/valid"
    for name in ("a", "b"):
        for frame in range(5):
            fixtures_layouts.picture(root / f"JPEGImages/{name}/{frame:05d}.jpg")
            fixtures_layouts.mask(root / f"Annotations/{name}/{frame:05d}.png", 1)
    meta(root / "meta.json", {name: {"objects": {"1": {}}} for name in ("a", "b")})
    masks = tmp_path / "masks"
    shutil.copytree(root / "Annotations", masks)
    shutil.rmtree(masks / "b")
    with pytest.raises(IncompleteScoresError, match="masks/b is missing"):
        api.evaluate(masks, "mosev2", root=root, out=tmp_path / "out")
    kept = results.load(tmp_path / "out")
    assert kept.summary["J"]["mean"] == 0.5
    assert {sequence for sequence, _ in kept.frame_scores} == {"a"}
    worst = worst_objects(one_group([kept]))
    assert [row[1] for row in worst.rows] == ["a"]


def test_boundary_iou_where_neither_shows_anything(tmp_path: Path) -> None:
    shown = ((1,), (1,), (), (1,))
    for frame, ids in enumerate(shown):
        fixtures_layouts.picture(tmp_path / f"own/images/a/{frame}.jpg")
        fixtures_layouts.mask(tmp_path / f"own/masks/a/{frame}.png", *ids)
        fixtures_layouts.mask(tmp_path / f"masks/a/{frame}.png", *(ids if frame < 3 else ()))
    result = api.evaluate(
        tmp_path / "masks", "folder", root=tmp_path / "own", boundary_iou=True
    )  # it is 1, 1 and 0 after the prompt
    assert result.summary["figures"]["Boundary IoU"] == pytest.approx(2 / 3)
