from __future__ import annotations

import json
from pathlib import Path

import fixtures_layouts
import pytest
from fixtures_trees import gold, load, meta, video

from vosbench import api
from vosbench.data.check import check_dataset
from vosbench.errors import DataError, TruthWithheldError
from vosbench.masks import ids
from vosbench.types import Listed

FRAMES = {"1": ["00000", "00005", "00010"], "3": ["00005", "00010"]}


@pytest.fixture
def valid(tmp_path: Path) -> Path:
    root = tmp_path / "YouTube-VOS-2019"
    for i, shown in ((0, (1,)), (5, (3,)), (10, ())):
        fixtures_layouts.picture(root / f"valid/JPEGImages/a/{i:05d}.jpg", seed=i)
        if shown:
            fixtures_layouts.mask(root / f"valid/Annotations/a/{i:05d}.png", *shown)
    of = {"1": "dog", "3": "yeti"}
    objects = {n: {"category": of[n], "frames": FRAMES[n]} for n in of}
    meta(root / "valid/meta.json", {"a": {"objects": objects}})
    return root


def test_first_masks_are_prompts_without_truth(valid: Path) -> None:
    dataset = load("youtube-vos-2019", valid)
    sequence = dataset.sequence("a")
    assert {i: ids(mask) for i, mask in sequence.prompts.items()} == {0: (1,), 1: (3,)}
    assert dict(sequence.truth) == {}
    assert sequence.objects == {
        1: Listed("seen", ("00000", "00005", "00010")),
        3: Listed("unseen", ("00005", "00010")),
    }
    assert check_dataset(dataset).ok


@pytest.mark.parametrize("place", ["valid_all_frames", "all_frames/valid_all_frames"])
def test_methods_run_on_all_frames_where_they_are(valid: Path, place: str) -> None:
    for i in range(11):
        fixtures_layouts.picture(valid / place / f"JPEGImages/a/{i:05d}.jpg", seed=i)
    dataset = load("youtube-vos-2019", valid)
    sequence = dataset.sequence("a")
    assert len(sequence.frames) == 11
    assert list(sequence.prompts) == [0, 5]
    assert dict(sequence.truth) == {}
    assert dataset.notes == (f"methods run on the frames of {valid / place / 'JPEGImages'}",)  # type: ignore[attr-defined]
    fixtures_layouts.mask(valid / "valid/Annotations/a/00010.png", 1, 3)
    assert list(load("youtube-vos-2019", valid).sequence("a").truth) == [0, 5, 10]


def test_categories_of_the_training_set_are_seen(valid: Path) -> None:
    video(valid / "train", "t", dict.fromkeys(range(6), (1,)))
    facts = {"category": "yeti", "frames": ["00000"]}
    meta(valid / "train/meta.json", {"t": {"objects": {"1": facts}}})
    objects = load("youtube-vos-2019", valid).sequence("a").objects
    assert {number: each.group for number, each in objects.items()} == {1: "unseen", 3: "seen"}
    assert len(load("youtube-vos-2018", valid, "train").sequence("t").truth) == 6


def test_an_object_without_frames_is_refused(valid: Path) -> None:
    meta(valid / "valid/meta.json", {"a": {"objects": {"2": {"category": "dog", "frames": []}}}})
    with pytest.raises(DataError, match=r"object 2 of a has .*, expected a category and a list of"):
        load("youtube-vos-2019", valid)


@pytest.mark.parametrize("name", ["youtube-vos-2018", "youtube-vos-2019"])
def test_the_drawn_data(name: str) -> None:
    dataset = load(name, gold("ytvos"))
    report = check_dataset(dataset)
    assert report.ok, report
    objects = dataset.sequence("1f2e3d4c5b").objects
    assert {number: each.group for number, each in objects.items()} == {
        1: "seen",
        2: "seen",
        3: "unseen",
    }
    assert list(dataset.sequence("1f2e3d4c5b").prompts) == [0, 6]


def test_listed_frames_that_the_video_lacks_are_named(valid: Path, tmp_path: Path) -> None:
    facts = {"category": "dog", "frames": ["00000", "5", "00099"]}
    meta(valid / "valid/meta.json", {"a": {"objects": {"1": facts}}})
    (valid / "valid/Annotations/a/00005.png").unlink()
    said = (
        "object 1 of a: 2 of the 3 frames that the meta file lists are none of the video: 5, "
        "00099; its frames are named 00000 to 00010"
    )
    dataset = load("youtube-vos-2019", valid)
    assert said in check_dataset(dataset).notes
    with pytest.raises(TruthWithheldError):
        api.run("copy-first", "youtube-vos-2019", root=valid, out=tmp_path / "runs")
    (run,) = (tmp_path / "runs").glob("*/run.json")
    assert f"a: {said}" in json.loads(run.read_text())["remarks"]
    for frame in ("00005", "00010"):
        fixtures_layouts.mask(valid / f"valid/Annotations/a/{frame}.png", 1)
    scored = api.evaluate(valid / "valid/Annotations", "youtube-vos-2019", root=valid)
    assert said in scored.summary["notes"]
