from __future__ import annotations

from pathlib import Path

import pytest
from fixtures_trees import gold, load, video

from vosbench.data.check import check_dataset
from vosbench.errors import DataError
from vosbench.masks import ids


def tree(root: Path) -> Path:
    video(root, "12_cut", {0: (1, 2, 255), 2: (1, 3), 4: (2,)})
    (root / "ImageSets").mkdir()
    (root / "ImageSets/val.txt").write_text("12_cut\n")
    return root


def test_objects_are_those_of_the_first_annotation(tmp_path: Path) -> None:
    dataset = load("vost", tree(tmp_path))
    sequence = dataset.sequence("12_cut")
    assert {i: ids(mask) for i, mask in sequence.prompts.items()} == {0: (1, 2)}
    assert list(sequence.truth) == [0, 2, 4]
    assert ids(sequence.truth.raw(0)) == (1, 2, 255)  # type: ignore[attr-defined]
    report = check_dataset(dataset)
    assert report.ok
    assert len(report.notes) == 1
    assert "00002.png has the ids [3], which no prompt so far has (vost/12_cut)" in report.notes[0]


def test_a_list_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ImageSets/train\.txt is missing: expected one name"):
        load("vost", tree(tmp_path), "train")


def test_the_drawn_data() -> None:
    report = check_dataset(load("vost", gold("vost")))
    assert report.ok, report
    assert [s.pairs for s in report.sequences] == [14, 19, 16]
    assert "1003_break/frame00060.png and 10 more have the ids [3], which no" in report.notes[0]
