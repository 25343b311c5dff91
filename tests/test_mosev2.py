from __future__ import annotations

import shutil
from pathlib import Path

import fixtures_layouts
import pytest
from fixtures_trees import gold, load, meta, video

from vosbench import api
from vosbench.data.check import check_dataset
from vosbench.errors import DataError, IncompleteScoresError, UsageError
from vosbench.masks import ids
from vosbench.types import Listed


@pytest.fixture
def valid(tmp_path: Path) -> Path:
    root = tmp_path / "MOSEv2/valid"
    video(root, "b2", {0: (1, 7)})
    video(root, "a1", {0: (2,)})
    of = {"b2": ("1", "7", "9"), "a1": ("2",)}
    meta(root / "meta.json", {v: {"objects": {n: {} for n in of[v]}, "length": 6} for v in of})
    return root


def test_first_masks_alone_are_prompts_without_truth(valid: Path) -> None:
    for root in (valid, valid.parent):
        dataset = load("mosev2", root)
        assert dataset.names == ("a1", "b2")
        sequence = dataset.sequence("b2")
        assert {i: ids(mask) for i, mask in sequence.prompts.items()} == {0: (1, 7)}
        assert dict(sequence.truth) == {}
        assert sequence.objects == {1: Listed(), 7: Listed(), 9: Listed()}
        assert sequence.frame_names == tuple(f"{i:05d}" for i in range(6))
    assert check_dataset(load("mosev2", valid)).ok


def test_annotations_of_later_frames_are_truth(valid: Path) -> None:
    for i, shown in enumerate([(), (1,), (1, 9), (255, 9), (7,)], start=1):
        fixtures_layouts.mask(valid / f"Annotations/b2/{i:05d}.png", *shown)
    sequence = load("mosev2", valid).sequence("b2")
    assert list(sequence.truth) == [0, 1, 2, 3, 4, 5]
    assert ids(sequence.truth[4]) == (9,)  # 255 is void
    assert {i: ids(mask) for i, mask in sequence.prompts.items()} == {0: (1, 7), 3: (9,)}


def test_late_prompts_alone_are_no_truth(valid: Path) -> None:
    fixtures_layouts.mask(valid / "Annotations/b2/00003.png", 9)
    sequence = load("mosev2", valid).sequence("b2")
    assert {i: ids(mask) for i, mask in sequence.prompts.items()} == {0: (1, 7), 3: (9,)}
    assert dict(sequence.truth) == {}
    fixtures_layouts.mask(valid / "Annotations/b2/00004.png", 9)
    assert list(load("mosev2", valid).sequence("b2").truth) == [0, 3, 4]


def test_opening_reads_no_mask(valid: Path) -> None:
    for i in range(6):  # whole headers, then nothing
        path = fixtures_layouts.mask(valid / f"Annotations/a1/{i:05d}.png", 2)
        path.write_bytes(path.read_bytes()[:40])
    sequence = load("mosev2", valid).sequence("a1")
    assert len(sequence.truth) == 6
    with pytest.raises(DataError, match=r"00000\.png is damaged"):
        dict(sequence.prompts)


def test_faults_are_told_one_line_a_cause(valid: Path) -> None:
    for i in (7, 8, 9):
        fixtures_layouts.mask(valid / f"Annotations/b2/{i:05d}.png", 1)
    fixtures_layouts.mask(valid / "Annotations/b2/00000.png", 1, h=6, w=10)
    with pytest.raises(DataError) as caught:
        load("mosev2", valid).sequence("b2")
    strange, size = caught.value.faults
    assert "3 annotations, " in strange
    assert "00007.png to " in strange
    assert "00009.png, have no frame (mosev2/b2); frames are named 00000 to 00005" in strange
    assert "00000.png is 6x10 but its frame" in size
    shutil.rmtree(valid / "JPEGImages/a1")
    with pytest.raises(DataError, match="JPEGImages/a1 is missing: expected a folder of"):
        load("mosev2", valid).sequence("a1")


def test_frames_that_the_meta_file_counts_and_the_folder_lacks(valid: Path) -> None:
    (valid / "JPEGImages/a1/00003.jpg").unlink()
    with pytest.raises(DataError, match="a1 holds 5 frames, but the meta file lists 6"):
        load("mosev2", valid).sequence("a1")


def test_the_folder_of_another_split_is_refused(valid: Path) -> None:
    with pytest.raises(UsageError, match="valid seems to be the split 'valid' of mosev2, not 'tra"):
        load("mosev2", valid, "train")


def test_a_wrong_meta_file_is_named(valid: Path) -> None:
    file = valid / "meta.json"
    for text, words in (
        ("{", r"meta\.json cannot be read as"),
        ('{"films": {}}', "KeyError 'videos'"),
        ('{"videos": []}', r"meta\.json cannot be read as"),
        ('{"videos": {}}', "lists no video"),
        ('{"videos": {"a": {"objects": {"one": {}}}}}', "object 'one' of a is not a number"),
        ('{"videos": {"a": {"objects": {"1": {}, "01": {}}}}}', "a lists an object twice"),
        ('{"videos": {"a": {"objects": {"70000": {}}}}}', "object 70000, but ids go up to 65535"),
        ('{"videos": {"../a": {}}}', "holds a path separator"),
    ):
        file.write_text(text)
        with pytest.raises(DataError, match=words):
            load("mosev2", valid)
    file.unlink()
    with pytest.raises(DataError, match=r"meta\.json is missing: expected the videos"):
        load("mosev2", valid)
    with pytest.raises(DataError, match="does not hold JPEGImages/, Annotations/"):
        load("mosev2", valid / "JPEGImages/a1")


def test_the_drawn_data() -> None:
    dataset = load("mosev2", gold("mosev2"))
    report = check_dataset(dataset)
    assert report.ok, report
    assert [(s.frames, s.pairs) for s in report.sequences] == [
        (14, 14),
        (20, 20),
        (13, 13),
        (12,) * 2,
    ]
    assert set(dataset.sequence("d3e4f5a6").objects) == {1, 2, 9}


@pytest.mark.parametrize("odd", ["shifted", "two forms"])
def test_masks_that_are_there_and_do_not_fit_are_no_video_without_masks(
    valid: Path, tmp_path: Path, odd: str
) -> None:
    """Only a video without masks counts as 0."""
    masks = tmp_path / "masks"
    for name in ("b2", "a1"):
        for i in range(6):
            fixtures_layouts.mask(valid / f"Annotations/{name}/{i:05d}.png", 2)
            shift = name == "a1" and odd == "shifted"
            fixtures_layouts.mask(masks / f"{name}/{i + shift:05d}.png", 2)
    if odd != "shifted":
        fixtures_layouts.mask(masks / "a1/2/00000.png", 1)
    with pytest.raises(IncompleteScoresError, match=r"shifted by 1|holds both") as caught:
        api.evaluate(masks, "mosev2", root=valid)
    assert not caught.value.zero
    assert {row["sequence"] for row in caught.value.scored.summary["objects"]} == {"b2"}


def test_frames_before_the_first_sight_count(valid: Path, tmp_path: Path) -> None:
    """Its scorer leaves out the first and the last frame of the video, whatever they show."""
    (valid / "meta.json").unlink()
    meta(valid / "meta.json", {"a1": {"objects": {"2": {}}, "length": 6}})
    for i in range(6):
        fixtures_layouts.mask(valid / f"Annotations/a1/{i:05d}.png", *(2,) * (i > 2))
        fixtures_layouts.mask(tmp_path / f"masks/a1/{i:05d}.png", *(2,) * (i == 1))
    scored = api.evaluate(tmp_path / "masks", "mosev2", root=valid, out=tmp_path / "out")
    assert list(scored.frames.frame) == ["00001", "00002", "00003", "00004"]
    assert list(scored.frames.F) == [0.0, 1.0, 0.0, 0.0]
    assert scored.summary["objects"][0]["figures"]["Ḟ_r"] == 0.0
