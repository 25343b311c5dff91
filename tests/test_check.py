from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import fixtures_layouts
import numpy as np
import pytest
from test_davis import load, sequence_files, write_list
from test_folder import load as load_folder
from test_videos import write_video

from vosbench.data.check import check_dataset
from vosbench.protocols import DAVIS2017
from vosbench.types import DatasetCard, Mask, Sequence


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "DAVIS"
    sequence_files(root, "judo", [(1, 2)] * 34)
    sequence_files(root, "car-shadow", [(1,)] * 40)
    write_list(root / "ImageSets" / "2017" / "val.txt", ["judo", "car-shadow"])
    return root


def test_a_sound_tree_has_counts_and_notes(tree: Path) -> None:
    seen: list[str] = []
    report = check_dataset(load("davis2017", tree), progress=seen.append)
    assert report.ok
    assert seen == ["judo", "car-shadow"]
    assert report.notes == ("2 of the card's 30 sequences are listed",)
    judo = report.sequences[0]
    assert (judo.name, judo.frames, judo.masks, judo.pairs, judo.prompts) == ("judo", 34, 34, 34, 1)
    assert judo.objects == (1, 2)
    assert judo.sizes == ("12x20",)
    assert json.loads(json.dumps(report.as_json()))["ok"] is True
    assert "judo        34 frames, 34 masks, 34 pairs, ids 1, 2, 12x20" in str(report)
    assert "davis2017 val: 2 sequences, 74 frames, 74 masks, 3 objects" in str(report)
    assert str(report).endswith("no fault found")


def test_every_fault_is_listed_with_its_file(tree: Path) -> None:
    images, masks = (tree / p / "480p/judo" for p in ("JPEGImages", "Annotations"))
    fixtures_layouts.truncate(images / "00003.jpg")
    fixtures_layouts.picture(images / "00004.jpg", fixtures_layouts.noise(0, 6, 10))
    (masks / "00005.png").unlink()
    fixtures_layouts.mask(masks / "00006.png", 1, h=6, w=10)
    fixtures_layouts.mask(masks / "00007.png", 1, 5)
    fixtures_layouts.mask(masks / "00008.png", 1, 255)
    fixtures_layouts.truncate(masks / "00009.png")
    (images / "00033.jpg").unlink()
    (masks / "00033.png").unlink()
    fixtures_layouts.mask(tree / "Annotations/480p/car-shadow/00000.png", 1, 5)
    with (tree / "ImageSets/2017/val.txt").open("a") as names:
        names.write("mine\n")
    report = check_dataset(load("davis2017", tree))
    assert not report.ok
    text = str(report)
    for words in (
        "judo/00003.jpg cannot be read",
        "judo/00004.jpg is 6x10 but the first frame 00000.jpg is 12x20",
        "judo/00005.png is missing: its frame is 00005.jpg",
        "judo/00006.png is 6x10 but its frame",
        "judo/00007.png has the ids [5], which no prompt so far has",
        "judo/00009.png",
        "davis2017/judo has 33 frames, the card says 34",
        "car-shadow/00000.png has the ids [1, 5], but protocol davis2017 expects 1..5 without gaps",
        "480p/mine is missing: expected a folder",
        "note: not on the card: mine",
        "note: 2 of the card's 30 sequences are listed",
    ):
        assert words in text
    assert "00008.png" not in text  # 255 is void
    assert len(set(report.faults)) == len(report.faults) == 10
    assert report.sequences[0].pairs == 28
    assert report.as_json()["faults"] == report.faults


def test_withheld_truth_is_no_fault(tree: Path) -> None:
    write_list(tree / "ImageSets/2017/test-dev.txt", ["car-race"])
    sequence_files(tree, "car-race", [(1,)] * 31)
    for i in range(1, 31):
        (tree / f"Annotations/480p/car-race/{i:05d}.png").unlink()
    report = check_dataset(load("davis2017", tree, "test-dev"))
    assert report.ok
    assert (report.sequences[0].masks, report.sequences[0].pairs) == (1, 0)


def test_any_ids_are_fine_for_own_data(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos/clip.mp4", frames=4)
    for i, objects in ((0, (1, 5)), (2, (5, 9))):
        fixtures_layouts.mask(tmp_path / f"masks/clip/{i:05d}.png", *objects, h=32, w=48)
    report = check_dataset(load_folder(tmp_path))
    assert report.ok
    assert report.sequences[0].objects == (1, 5, 9)
    assert (report.sequences[0].frames, report.sequences[0].pairs) == (4, 2)
    fixtures_layouts.mask(tmp_path / "masks/clip/00002.png", 5, h=6, w=10)
    assert "is 6x10 but its frame" in str(check_dataset(load_folder(tmp_path)))


@dataclass
class Foreign:
    """A user's dataset without `inspect`, all in memory."""

    card: DatasetCard
    truth: Mapping[int, Mask]
    split: str = "all"
    names: tuple[str, ...] = ("a",)

    def sequence(self, name: str) -> Sequence:
        frames = [fixtures_layouts.noise(i) for i in range(2)]
        return Sequence(
            name=name,
            frames=frames,
            frame_names=("0", "1"),
            prompts={0: self.truth[0]},
            truth=self.truth,
        )


def test_a_dataset_in_memory() -> None:
    card = DatasetCard(
        name="foreign",
        title="",
        url="",
        licence="",
        citation="",
        folder="",
        splits={"all": ()},
        protocols=(DAVIS2017,),
    )
    assert check_dataset(
        Foreign(card, {0: fixtures_layouts.labels(1), 1: fixtures_layouts.labels(1)})
    ).ok
    gap = check_dataset(
        Foreign(card, {0: fixtures_layouts.labels(1, 5), 1: np.zeros((3, 4), np.uint8)})
    )
    assert len(gap.faults) == 2
    assert "foreign/a: annotation [0] has the ids [1, 5], but protocol davis2017" in gap.faults[0]
    assert "annotation [1] is 3x4 but its frame [1] is 12x20" in gap.faults[1]
    united = replace(card, protocols=(replace(DAVIS2017, objects="united"),))
    assert check_dataset(
        Foreign(united, {0: fixtures_layouts.labels(1), 1: fixtures_layouts.labels(7)})
    ).ok


def test_real_davis2017() -> None:
    report = check_dataset(load("davis2017", fixtures_layouts.real("DAVIS-2017")))
    assert report.faults == ()
    assert report.notes == ("4 of the card's 30 sequences are listed",)
    assert sum(each.pairs for each in report.sequences) == 219
