from __future__ import annotations

from pathlib import Path

import fixtures_layouts
import numpy as np
import pytest
from PIL import Image

from vosbench import registry
from vosbench.errors import DataError, UsageError
from vosbench.masks import ids
from vosbench.types import Dataset

H, W = 48, 64


def load(root: Path | None, split: str = "") -> Dataset:
    dataset: Dataset = registry.load("datasets", "youtube-objects").load(
        root, split=split, resolution=""
    )
    return dataset


def label(path: Path, *, empty: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros((H, W), np.uint8)
    if not empty:
        values[16:32, 16:40] = 255
    Image.fromarray(values).save(path, quality=95)


def frame(path: Path, scale: int = 1) -> None:
    fixtures_layouts.picture(path, fixtures_layouts.noise(0, scale * H, scale * W))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "youtube_masks"
    plane = root / "aeroplane/data/0001/shots/001"
    for i in (1, 11, 21):
        frame(plane / "images" / f"{i:05d}.png", scale=2)
        label(plane / "labels" / f"{i:05d}.jpg", empty=i == 1)
    frame(plane / "images" / "00002.png")  # not annotated
    cow = root / "cow/data/0019/shots/002"
    frame(cow / "images" / "frame0001.jpg")
    label(cow / "labels" / "frame0001.jpg")
    (root / "cow/data/0019/shots/003/images").mkdir(parents=True)  # a shot without labels
    return root


def test_shots_are_sequences_and_classes_groups(tree: Path) -> None:
    dataset = load(tree)
    assert dataset.names == ("aeroplane_0001_001", "cow_0019_002")
    sequence = dataset.sequence("aeroplane_0001_001")
    assert sequence.group == "aeroplane"
    assert sequence.frame_names == ("00001", "00011", "00021")  # the stride of ten shows


def test_frames_of_twice_the_size_are_reduced_to_the_label(tree: Path) -> None:
    sequence = load(tree).sequence("aeroplane_0001_001")
    reduced = sequence.frames[1]
    assert reduced.shape == (H, W, 3)
    blocks = fixtures_layouts.noise(0, 2 * H, 2 * W).reshape(H, 2, W, 2, 3).mean((1, 3))
    assert np.abs(reduced - blocks).max() <= 0.5
    assert load(tree).sequence("cow_0019_002").frames[0].shape == (H, W, 3)


def test_jpeg_labels_are_one_object(tree: Path) -> None:
    truth = load(tree).sequence("aeroplane_0001_001").truth
    assert [ids(truth[i]) for i in truth] == [(), (1,), (1,)]
    assert truth[1].sum() == pytest.approx(16 * 24, abs=8)


def test_an_empty_first_label_moves_the_prompt(tree: Path) -> None:
    prompts = load(tree).sequence("aeroplane_0001_001").prompts
    assert list(prompts) == [1]
    assert ids(prompts[1]) == (1,)


def test_a_shot_of_one_annotation_is_listed(tree: Path) -> None:
    sequence = load(tree).sequence("cow_0019_002")
    assert list(sequence.prompts) == list(sequence.truth) == [0]


def test_card() -> None:
    plugin = registry.load("datasets", "youtube-objects")
    assert len(plugin.SHOTS) == 10
    assert sum(plugin.SHOTS.values()) == 126
    assert [(p.name, p.average) for p in plugin.CARD.protocols] == [
        ("youtube-objects", "groups"),
        ("youtube-objects-shots", "sequences"),
    ]
    assert all(p.drop_first and not p.drop_last for p in plugin.CARD.protocols)
    assert "data_download_register" in plugin.CARD.registration
    assert plugin.CARD.archives == ()


def test_shots_are_counted_against_the_card(tree: Path) -> None:
    notes = load(tree).notes  # type: ignore[attr-defined]
    assert "class aeroplane: 1 of the card's 6 shots" in notes
    assert "class dog: 0 of the card's 27 shots" in notes


def test_every_fault_is_listed(tree: Path) -> None:
    shot = tree / "aeroplane/data/0001/shots/001"
    (shot / "images/00021.png").unlink()
    frame(shot / "images/00001.png", scale=3)
    with pytest.raises(DataError) as caught:
        load(tree).sequence("aeroplane_0001_001")
    assert "00021.* is missing: its label is" in str(caught.value)
    assert "00001.jpg is 48x64 but its frame" in str(caught.value)
    assert "00001.png is 144x192 (youtube-objects/aeroplane_0001_001)" in str(caught.value)
    for i in (11, 21):
        label(shot / "labels" / f"{i:05d}.jpg", empty=True)
    frame(shot / "images/00001.png")
    frame(shot / "images/00021.png")
    with pytest.raises(DataError, match="labels: all 3 labels are empty"):
        load(tree).sequence("aeroplane_0001_001")


def test_a_wrong_folder_says_what_was_expected(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"did you mean .*youtube_masks"):
        load(tree.parent)
    with pytest.raises(UsageError, match="where is youtube-objects"):
        load(None)
    (tmp_path / "bare/bird/data").mkdir(parents=True)
    with pytest.raises(DataError, match="bare holds no shot: expected bird/data/0001/shots/001"):
        load(tmp_path / "bare")
