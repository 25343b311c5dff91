from __future__ import annotations

from pathlib import Path

import pytest
from fixtures_trees import gold, load, meta, video

from vosbench.data.check import check_dataset
from vosbench.errors import DataError
from vosbench.masks import ids
from vosbench.types import Listed


def test_without_a_meta_file_the_folders_are_the_videos(tmp_path: Path) -> None:
    video(tmp_path / "valid", "b", {0: (2, 5)})
    video(tmp_path / "valid", "a", {0: (1,)})
    dataset = load("mosev1", tmp_path)
    assert dataset.names == ("a", "b")
    sequence = dataset.sequence("b")
    assert {i: ids(mask) for i, mask in sequence.prompts.items()} == {0: (2, 5)}
    assert (dict(sequence.truth), dict(sequence.objects)) == ({}, {})
    assert check_dataset(dataset).ok


def test_the_training_set_has_truth_and_late_objects(tmp_path: Path) -> None:
    video(tmp_path / "train", "a", {i: (1,) if i < 2 else (1, 4) for i in range(6)})
    meta(tmp_path / "train/meta.json", {"a": {"objects": {"1": {}, "4": {}}}})
    sequence = load("mosev1", tmp_path, "train").sequence("a")
    assert len(sequence.truth) == 6
    assert {i: ids(mask) for i, mask in sequence.prompts.items()} == {0: (1,), 2: (4,)}
    assert sequence.objects == {1: Listed(), 4: Listed()}


def test_no_video_at_all(tmp_path: Path) -> None:
    for part in ("JPEGImages", "Annotations"):
        (tmp_path / part).mkdir()
    with pytest.raises(DataError, match="JPEGImages holds no folder: expected one for each video"):
        load("mosev1", tmp_path)


def test_the_drawn_data() -> None:
    report = check_dataset(load("mosev1", gold("mosev1")))
    assert report.ok, report
    assert [(s.frames, s.objects) for s in report.sequences] == [
        (12, (1, 2, 5)),
        (14, (1, 2)),
        (16, (1, 3, 4, 6)),
    ]
