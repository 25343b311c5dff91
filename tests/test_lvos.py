from __future__ import annotations

from pathlib import Path
from typing import Any

import fixtures_layouts
import pytest
from fixtures_trees import gold, load, meta, video

from vosbench import api
from vosbench.data.check import check_dataset
from vosbench.errors import DataError
from vosbench.masks import ids
from vosbench.types import Listed


def span(start: int, end: int, count: int) -> dict[str, Any]:
    names = {"start": f"{start:08d}", "end": f"{end:08d}", "frame_nums": str(count)}
    return {"frame_range": names}


@pytest.fixture
def lvos(tmp_path: Path) -> Path:
    """Five frames 00000001 to 00000021; object 4 starts in the third."""
    root = tmp_path / "LVOS-v2"
    for i in range(5):
        stem = f"{1 + 5 * i:08d}"
        fixtures_layouts.picture(root / f"valid/JPEGImages/R3UJGYwy/{stem}.jpg", seed=i)
        shown = (1, 255) if i < 2 else (1, 4)
        fixtures_layouts.mask(root / f"valid/Annotations/R3UJGYwy/{stem}.png", *shown)
    objects = {"1": span(1, 22, 5), "4": span(11, 22, 3)}
    meta(root / "valid/valid_meta.json", {"R3UJGYwy": {"objects": objects}})
    return root


def test_objects_have_ranges_and_groups(lvos: Path) -> None:
    sequence = load("lvos-v2", lvos).sequence("R3UJGYwy")
    frames = ("00000001", "00000006", "00000011", "00000016", "00000021")
    assert sequence.frame_names == frames
    assert sequence.objects == {1: Listed("unseen", frames, 5), 4: Listed("unseen", frames[2:], 3)}
    assert len(sequence.truth) == 5
    assert ids(sequence.truth[0]) == (1,)  # 255 is void


def test_late_objects_start_where_their_range_does(
    lvos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence = load("lvos-v2", lvos).sequence("R3UJGYwy")
    (lvos / "valid/Annotations/R3UJGYwy/00000006.png").unlink()  # need not be read
    assert {i: ids(mask) for i, mask in sequence.prompts.items()} == {0: (1,), 2: (4,)}


def test_a_range_that_starts_too_early_is_followed_by_the_first_sight(lvos: Path) -> None:
    objects = {"1": span(1, 22, 5), "4": span(1, 22, 5)}
    meta(lvos / "valid/valid_meta.json", {"R3UJGYwy": {"objects": objects}})
    prompts = load("lvos-v2", lvos).sequence("R3UJGYwy").prompts
    assert {i: ids(mask) for i, mask in prompts.items()} == {0: (1,), 2: (4,)}


def test_where_the_lists_may_lie(lvos: Path) -> None:
    (lvos / "valid").rename(lvos / "val")
    (lvos / "val/valid_meta.json").rename(lvos / "valid_meta.json")
    (lvos / "unseen_videos.txt").write_text("another\n")
    sequence = load("lvos-v1", lvos).sequence("R3UJGYwy")
    assert {each.group for each in sequence.objects.values()} == {"seen"}
    (lvos / "unseen_videos.txt").write_text("")  # an empty list is one
    assert load("lvos-v1", lvos / "val").sequence("R3UJGYwy").objects[1].group == "seen"


def test_first_masks_alone_are_no_truth(lvos: Path) -> None:
    video(lvos / "test", "x", {1: (1,), 3: (2,)}, stem="08d")
    objects = {"1": span(1, 6, 1), "2": span(3, 6, 1)}
    meta(lvos / "test/test_meta.json", {"x": {"objects": objects}})
    sequence = load("lvos-v2", lvos, "test").sequence("x")
    assert dict(sequence.truth) == {}
    assert {i: ids(mask) for i, mask in sequence.prompts.items()} == {1: (1,), 3: (2,)}


def test_the_check_tells_what_is_not_here(lvos: Path) -> None:
    objects = {"1": span(1, 32, 7), "4": span(11, 22, 3)}
    meta(lvos / "valid/valid_meta.json", {"R3UJGYwy": {"objects": objects}})
    report = check_dataset(load("lvos-v2", lvos))
    assert report.ok
    assert report.notes == (
        "sequences here: 1; the split has 140",
        "object 1 of R3UJGYwy: 2 of the 7 frames that the meta file lists are none of the video: "
        "00000026, 00000031; its frames are named 00000001 to 00000021",
    )


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"frame_range": {"start": "5"}},
        span(6, 6, 1),
        {"a": 1},
        span(1, 10**30, 9),
        span(1, 66, 10**30),
        span(1, 3_000_000, 9),  # names of so many frames would fill the memory
        span(1, 66, 3_000_000),
    ],
)
def test_a_range_that_is_none(lvos: Path, facts: dict[str, Any]) -> None:
    meta(lvos / "valid/valid_meta.json", {"a": {"objects": {"3": facts}}})
    with pytest.raises(DataError, match=r"valid_meta\.json: object 3 of a has .*frame_range with"):
        load("lvos-v2", lvos)


@pytest.mark.parametrize("name", ["lvos-v1", "lvos-v2"])
def test_the_drawn_data(name: str) -> None:
    dataset = load(name, gold("lvos"))
    report = check_dataset(dataset)
    assert report.ok, report
    assert [s.pairs for s in report.sequences] == [14, 13, 16, 12]
    groups = {v: {o.group for o in dataset.sequence(v).objects.values()} for v in dataset.names}
    assert [v for v in groups if groups[v] == {"unseen"}] == ["cQ5nL8yS"]
    assert list(dataset.sequence("aK3q7ZpW").prompts) == [0, 4]


@pytest.mark.parametrize("unseen", [1, 2, 3])
def test_a_range_that_starts_before_the_first_sight_is_scored_whole(
    tmp_path: Path, unseen: int
) -> None:
    """The object is not in the first frames of its range; the scorer goes by the range alone."""
    root, names = tmp_path / "LVOS-v2", [f"{1 + 5 * i:08d}" for i in range(6)]
    for i, name in enumerate(names):
        fixtures_layouts.picture(root / f"valid/JPEGImages/v/{name}.jpg")
        fixtures_layouts.mask(root / f"valid/Annotations/v/{name}.png", *(1,) * (i >= unseen))
        fixtures_layouts.mask(tmp_path / f"masks/v/{name}.png", *(1,) * (i in (1, 4)))
    meta(root / "valid/valid_meta.json", {"v": {"objects": {"1": span(1, 31, 6)}}})
    scored = api.evaluate(tmp_path / "masks", "lvos-v2", root=root, out=tmp_path / "out")
    rows = list(zip(scored.frames.frame, scored.frames.J, strict=True))
    right = [float((i in (1, 4)) == (i >= unseen)) for i in range(1, 5)]
    assert rows == list(zip(names[1:5], right, strict=True))


def test_a_range_that_starts_before_the_first_annotation(tmp_path: Path) -> None:
    root, names = tmp_path / "LVOS-v2", [f"{1 + 5 * i:08d}" for i in range(5)]
    for i, name in enumerate(names):
        fixtures_layouts.picture(root / f"valid/JPEGImages/v/{name}.jpg")
        if i:
            fixtures_layouts.mask(root / f"valid/Annotations/v/{name}.png", 1)
            fixtures_layouts.mask(tmp_path / f"masks/v/{name}.png", *(1,) * (i == 1))
    meta(root / "valid/valid_meta.json", {"v": {"objects": {"1": span(1, 26, 5)}}})
    scored = api.evaluate(tmp_path / "masks", "lvos-v2", root=root, out=tmp_path / "out")
    assert list(scored.frames.J) == [1.0, 0.0, 0.0]


def test_a_meta_file_that_is_nested_too_deeply_is_damaged(lvos: Path) -> None:
    (lvos / "valid/valid_meta.json").write_text("[" * 200_000)
    with pytest.raises(DataError, match=r"valid_meta\.json cannot be read as .*RecursionError"):
        load("lvos-v2", lvos)
