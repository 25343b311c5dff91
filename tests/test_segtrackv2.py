from __future__ import annotations

from pathlib import Path

import fixtures_layouts
import numpy as np
import pytest

from vosbench import registry
from vosbench.errors import DataError, UsageError
from vosbench.masks import ids
from vosbench.types import Dataset


def load(root: Path, split: str = "", resolution: str = "") -> Dataset:
    dataset: Dataset = registry.load("datasets", "segtrackv2").load(
        root, split=split, resolution=resolution
    )
    return dataset


def box(left: int, right: int) -> np.ndarray:
    pixels = np.zeros((fixtures_layouts.H, fixtures_layouts.W), bool)
    pixels[4:8, left:right] = True
    return pixels


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """girl: flat truth, .bmp images. bmx: two objects, names from 6668, mixed extensions."""
    root = tmp_path / "SegTrackv2"
    images, truth, lists = root / "JPEGImages", root / "GroundTruth", root / "ImageSets"
    lists.mkdir(parents=True)
    (lists / "all.txt").write_text("*girl\r\n*bmx\r\n")
    (lists / "girl.txt").write_text("girl/\n00000\n00001\n")
    (lists / "bmx.txt").write_text("bmx/\nbmx_06668\nbmx_06669\nbmx_06670\n\n")
    for i in range(3):  # the third is on no list
        fixtures_layouts.picture(images / "girl" / f"{i:05d}.bmp", seed=i)
    for i in range(2):
        fixtures_layouts.soft(truth / "girl" / f"{i:05d}.png", box(2 + i, 8 + i))
    for i in range(3):
        fixtures_layouts.picture(images / "bmx" / f"bmx_{6668 + i:05d}.png", seed=i)
        fixtures_layouts.soft(truth / "bmx" / "1" / f"bmx_{6668 + i:05d}.png", box(2, 8))
        second = box(6, 10) if i else box(0, 0)
        fixtures_layouts.soft(truth / "bmx" / "2" / f"bmx_{6668 + i:05d}.bmp", second)
    for path in (truth / "bmx" / "2").iterdir():  # soft() lights (0, 1); object 2 starts later
        if path.stem.endswith("68"):
            fixtures_layouts.picture(
                path, np.zeros((fixtures_layouts.H, fixtures_layouts.W, 3), np.uint8)
            )
    (images / "CSI_NY.jpg").write_bytes(b"stray")
    (truth / "bmx" / ".DS_Store").write_bytes(b"stray")
    return root


def test_one_object_flat(tree: Path) -> None:
    dataset = load(tree)
    assert dataset.names == ("girl", "bmx")
    sequence = dataset.sequence("girl")
    assert sequence.frame_names == ("00000", "00001")
    assert np.array_equal(sequence.frames[1], fixtures_layouts.noise(1))
    assert list(sequence.truth) == [0, 1]
    mask = sequence.truth[0]
    assert mask.dtype == np.uint8
    assert ids(mask) == (1,)
    assert (mask[0, 0], mask[0, 1]) == (0, 1)  # 127 is background, 128 the object
    assert np.array_equal(mask[4:8], box(2, 8)[4:8])
    assert np.array_equal(sequence.prompts[0], mask)


def test_several_objects_in_numbered_folders(tree: Path) -> None:
    sequence = load(tree).sequence("bmx")
    assert sequence.frame_names == ("bmx_06668", "bmx_06669", "bmx_06670")
    assert sequence.truth[1][5].tolist() == [0, 0, 1, 1, 1, 1, 2, 2, 2, 2] + [0] * 10
    assert len(sequence.truth) == 3


def test_an_object_starts_where_it_is_first_seen(tree: Path) -> None:
    prompts = load(tree).sequence("bmx").prompts
    assert list(prompts) == [0, 1]
    assert ids(prompts[0]) == (1,)
    assert ids(prompts[1]) == (2,)


def test_card() -> None:
    plugin = registry.load("datasets", "segtrackv2")
    assert len(plugin.CARD.splits["all"]) == 14
    assert sum(plugin.OBJECTS.values()) == 24
    protocols = {p.name: (p.objects, p.average, p.headline) for p in plugin.CARD.protocols}
    assert protocols == {
        "segtrackv2": ("prompted", "objects", ("J",)),
        "segtrackv2-sequences": ("prompted", "sequences", ("J",)),
        "segtrackv2-union": ("united", "objects", ("J",)),
    }
    assert all(p.drop_first and not p.drop_last for p in plugin.CARD.protocols)


def test_every_fault_is_listed(tree: Path) -> None:
    (tree / "JPEGImages/bmx/bmx_06670.png").unlink()
    (tree / "GroundTruth/bmx/2/bmx_06669.bmp").unlink()
    with pytest.raises(DataError) as caught:
        load(tree).sequence("bmx")
    assert len(caught.value.faults) == 2
    assert "bmx_06670.* is missing: frame of segtrackv2/bmx" in str(caught.value)
    assert "bmx_06669.* is missing: truth of object 2 of segtrackv2/bmx" in str(caught.value)


def test_unseen_objects_and_sizes_are_faults(tree: Path) -> None:
    for path in (tree / "GroundTruth/bmx/2").iterdir():
        fixtures_layouts.picture(
            path, np.zeros((fixtures_layouts.H, fixtures_layouts.W, 3), np.uint8)
        )
    with pytest.raises(DataError, match="object 2 of segtrackv2/bmx is never seen: its 3 pictures"):
        load(tree).sequence("bmx")
    fixtures_layouts.picture(tree / "JPEGImages/girl/00000.bmp", fixtures_layouts.noise(0, 6, 10))
    with pytest.raises(DataError, match=r"00000\.png is 12x20 but its frame .*bmp is 6x10"):
        load(tree).sequence("girl")
    fixtures_layouts.picture(
        tree / "GroundTruth/bmx/2/bmx_06668.bmp", fixtures_layouts.noise(0, 6, 10)
    )
    with pytest.raises(DataError, match=r"bmx_06668\.bmp is 6x10 but .* is 12x20; they belong"):
        load(tree).sequence("bmx")


def test_lists_and_names(tree: Path) -> None:
    (tree / "ImageSets/girl.txt").unlink()
    with pytest.raises(DataError, match=r"girl\.txt is missing: expected a path prefix"):
        load(tree).sequence("girl")
    with pytest.raises(UsageError, match=r"unknown split 'val' of segtrackv2; .*known: all"):
        load(tree, split="val")
    with pytest.raises(UsageError, match="only one resolution"):
        load(tree, resolution="480p")
    with pytest.raises(DataError, match=r"did you mean .*SegTrackv2"):
        load(tree.parent)
    (tree / "ImageSets/all.txt").unlink()
    with pytest.raises(DataError, match=r"all\.txt is missing"):
        load(tree)


def test_a_list_without_prefix(tree: Path) -> None:
    (tree / "ImageSets/girl.txt").write_text("00000\n00001\n")
    assert len(load(tree).sequence("girl").frames) == 2


def test_real_sample() -> None:
    dataset = load(fixtures_layouts.real("SegTrackv2-sample"))
    assert set(dataset.names) < set(dataset.card.splits["all"])
    for name in dataset.names:
        sequence = dataset.sequence(name)
        assert len(sequence.frames) == len(sequence.truth) == len(sequence.frame_names)
        assert sequence.frames[0].shape[:2] == sequence.truth[0].shape
        assert ids(sequence.prompts[0]) == (1,)
    assert dataset.sequence("bmx").frame_names[0] == "bmx_06668"
