from __future__ import annotations

from pathlib import Path

import fixtures_layouts
import numpy as np
import pytest
from fixtures_trees import meta, video
from PIL import Image
from test_videos import write_video

from vosbench import api, registry
from vosbench.data.check import check_dataset
from vosbench.errors import DataError, UsageError
from vosbench.masks import ids
from vosbench.types import Dataset, Layers, Listed


def load(root: Path | None, split: str = "", resolution: str = "") -> Dataset:
    dataset: Dataset = registry.load("datasets", "folder").load(
        root, split=split, resolution=resolution
    )
    return dataset


def frames(folder: Path, count: int) -> None:
    for i in range(count):
        fixtures_layouts.picture(folder / f"frame{i}.jpg", seed=i)


def test_pairs_of_trees(tmp_path: Path) -> None:
    frames(tmp_path / "images/cat", 12)
    frames(tmp_path / "images/dog2", 2)
    frames(tmp_path / "images/dog10", 2)
    for name, i, objects in (("cat", 0, (1,)), ("cat", 10, (1,)), ("dog2", 0, (3,))):
        fixtures_layouts.mask(tmp_path / f"masks/{name}/frame{i}.png", *objects)
    fixtures_layouts.mask(tmp_path / "masks/dog10.png", 7)
    dataset = load(tmp_path)
    assert dataset.names == ("cat", "dog2", "dog10")
    cat = dataset.sequence("cat")
    assert cat.frame_names[9:11] == ("frame9", "frame10")  # natural order
    assert list(cat.truth) == [0, 10]
    assert list(cat.prompts) == [0]
    for name, number in (("dog2", 3), ("dog10", 7)):
        only = dataset.sequence(name)
        assert ids(only.prompts[0]) == (number,)
        assert dict(only.truth) == {}  # one mask is a prompt, no truth


def test_ids_start_where_they_are_first_seen(tmp_path: Path) -> None:
    frames(tmp_path / "images/a", 4)
    for i, objects in ((1, (5,)), (2, (5, 1)), (3, (1, 5, 255))):
        fixtures_layouts.mask(tmp_path / f"masks/a/frame{i}.png", *objects)
    sequence = load(tmp_path).sequence("a")
    assert {i: ids(mask) for i, mask in sequence.prompts.items()} == {1: (5,), 2: (1,)}
    assert [ids(sequence.truth[i]) for i in (1, 2, 3)] == [(5,), (1, 5), (1, 5)]  # 255 is void


def test_255_alone_is_one_object(tmp_path: Path) -> None:
    frames(tmp_path / "images/a", 2)
    for i in range(2):
        fixtures_layouts.mask(tmp_path / f"masks/a/frame{i}.png", 255, mode="L")
    sequence = load(tmp_path).sequence("a")
    assert np.array_equal(sequence.prompts[0], fixtures_layouts.labels(1))
    assert np.array_equal(sequence.truth[1], fixtures_layouts.labels(1))


def test_flat_folders_are_one_sequence(tmp_path: Path) -> None:
    frames(tmp_path / "cat/images", 2)
    fixtures_layouts.mask(tmp_path / "cat/masks/frame0.png", 1)
    dataset = load(tmp_path / "cat")
    assert dataset.names == ("cat",)
    assert len(dataset.sequence("cat").frames) == 2


def test_a_video_with_its_mask_beside_it(tmp_path: Path) -> None:
    video = write_video(tmp_path / "clip.mp4", frames=5)
    fixtures_layouts.mask(tmp_path / "clip.png", 1, 2, h=32, w=48)
    dataset = load(video)
    assert dataset.names == ("clip",)
    sequence = dataset.sequence("clip")
    assert sequence.frame_names == ("00000", "00001", "00002", "00003", "00004")
    assert len(list(sequence.frames)) == 5
    assert ids(sequence.prompts[0]) == (1, 2)
    assert dict(sequence.truth) == {}


@pytest.mark.parametrize("place", ["images", "videos"])
def test_a_folder_of_videos(tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir()
    for name in ("a", "b"):
        write_video(tmp_path / place / f"{name}.mp4", frames=3)
    fixtures_layouts.mask(tmp_path / "masks/a.png", 1, h=32, w=48)
    for i in (0, 2):
        fixtures_layouts.mask(tmp_path / f"masks/b/{i:05d}.png", 1, h=32, w=48)
    dataset = load(tmp_path)
    assert dataset.names == ("a", "b")
    assert list(dataset.sequence("a").truth) == []
    assert list(dataset.sequence("b").truth) == [0, 2]


def test_every_fault_is_listed(tmp_path: Path) -> None:
    frames(tmp_path / "images/a", 3)
    fixtures_layouts.mask(tmp_path / "masks/a/frame0.png", 1, h=6, w=10)
    fixtures_layouts.mask(tmp_path / "masks/a/frame7.png", 1)
    fixtures_layouts.truncate(fixtures_layouts.mask(tmp_path / "masks/a/frame1.png", 1))
    Image.new("RGB", (20, 12), "red").save(tmp_path / "masks/a/frame2.png")
    with pytest.raises(DataError) as caught:
        load(tmp_path).sequence("a")
    text = str(caught.value)
    assert len(caught.value.faults) == 4
    assert "masks/a/frame7.png has no frame (folder/a); " in text
    assert "frames are named frame0 to frame2" in text
    assert "frame0.png is 6x10 but its frame" in text
    assert "frame0.jpg is 12x20 (folder/a)" in text
    assert "frame1.png" in text
    assert "frame2.png has mode RGB" in text


def test_missing_parts_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"where are your data\? give --root DIR"):
        load(None)
    with pytest.raises(DataError, match="does not hold masks/"):
        load(tmp_path)
    (tmp_path / "masks").mkdir()
    with pytest.raises(DataError, match=r"holds no sequence: expected images/<sequence>/\*\.jpg"):
        load(tmp_path)
    (tmp_path / "images/a").mkdir(parents=True)
    with pytest.raises(DataError, match=r"images/a is empty: expected \.jpg"):
        load(tmp_path).sequence("a")
    frames(tmp_path / "images/a", 1)
    with pytest.raises(DataError, match="masks/a is missing: expected a folder of"):
        load(tmp_path).sequence("a")
    fixtures_layouts.mask(tmp_path / "masks/a/frame0.png")
    with pytest.raises(DataError, match="masks/a hold no object to start from"):
        load(tmp_path).sequence("a")
    video = write_video(tmp_path / "clip.mp4", frames=2)
    with pytest.raises(DataError, match=r"clip\.png is missing"):
        load(video).sequence("clip")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DataError, match=r"notes\.txt is no video: expected one of \.mp4"):
        load(tmp_path / "notes.txt")


def test_two_sources_of_one_name(tmp_path: Path) -> None:
    frames(tmp_path / "images/a", 1)
    write_video(tmp_path / "images/a.mp4", frames=2)
    (tmp_path / "masks").mkdir()
    with pytest.raises(DataError, match="are both named 'a'; rename one"):
        load(tmp_path)


def test_a_damaged_video_is_a_fault(tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"clip\.mp4 cannot be read"):
        load(video).sequence("clip")


@pytest.mark.parametrize(
    ("images", "masks"),
    [("JPEGImages", "Annotations"), ("JPEGImages_24fps", "Annotations_6fps")],
)
def test_the_folders_of_benchmarks_will_do(tmp_path: Path, images: str, masks: str) -> None:
    frames(tmp_path / "valid" / images / "a", 3)
    for i, objects in ((0, (1,)), (2, (1, 4))):
        fixtures_layouts.mask(tmp_path / f"valid/{masks}/a/frame{i}.png", *objects)
    sequence = load(tmp_path / "valid").sequence("a")
    assert list(sequence.truth) == [0, 2]
    assert {i: ids(mask) for i, mask in sequence.prompts.items()} == {0: (1,), 2: (4,)}
    with pytest.raises(DataError, match=r"does not hold masks/ beside .*; did you mean .*valid?"):
        load(tmp_path)


def test_a_folder_an_object(tmp_path: Path) -> None:
    frames(tmp_path / "images/a", 3)
    for number, shown in ((0, (0, 1, 2)), (7, (1, 2))):
        for i in range(3):
            file = tmp_path / f"masks/a/{number:03d}/frame{i}.png"
            fixtures_layouts.mask(file, *((255,) if i in shown else ()), mode="L")
    sequence = load(tmp_path).sequence("a")
    truth = sequence.truth[0]
    assert isinstance(truth, Layers)
    assert truth.ids == (0, 7)
    assert [(i, ids(mask)) for i, mask in sequence.prompts.items()] == [(0, (0,)), (1, (7,))]
    assert check_dataset(load(tmp_path)).ok


def test_masks_that_are_all_prompts_are_no_truth(tmp_path: Path) -> None:
    frames(tmp_path / "images/a", 6)
    for i, objects in ((0, (1,)), (3, (2,)), (5, (4,))):
        fixtures_layouts.mask(tmp_path / f"masks/a/frame{i}.png", *objects)
    sequence = load(tmp_path).sequence("a")
    assert dict(sequence.truth) == {}
    assert list(sequence.prompts) == [0, 3, 5]
    fixtures_layouts.mask(tmp_path / "masks/a/frame5.png", 2, 4)  # says where 2 is, later
    assert list(load(tmp_path).sequence("a").truth) == [0, 3, 5]


def test_a_meta_file_lists_objects_and_their_ranges(tmp_path: Path) -> None:
    video(tmp_path, "a", {0: (1,), 1: (1,), 2: (1, 3)}, frames=3)
    sequence = load(tmp_path).sequence("a")
    names = ("00000", "00001", "00002")
    assert sequence.objects == {1: Listed("", names, 3), 3: Listed("", names[2:], 1)}
    meta(tmp_path / "meta.json", {"a": {"objects": {"1": {"category": "dog"}, "9": {}}}})
    assert load(tmp_path).sequence("a").objects == {1: Listed("", names, 3), 9: Listed()}
    ranged = {"frame_range": {"start": "1", "end": "7", "frame_nums": "2"}}
    meta(tmp_path / "meta.json", {"a": {"objects": {"1": ranged}}})
    listed = load(tmp_path).sequence("a").objects
    assert listed == {1: Listed("", ("00000001", "00000006"), 2)}
    (tmp_path / "meta.json").write_text('{"made": "by me"}')
    assert "meta.json is left out: " in load(tmp_path).notes[0]  # type: ignore[attr-defined]


def test_void_is_one_note_for_all_sequences(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        frames(tmp_path / "images" / name, 2)
        for i in range(2):
            objects = (1,) if name == "b" else (1, 255)
            fixtures_layouts.mask(tmp_path / f"masks/{name}/frame{i}.png", *objects)
    report = check_dataset(load(tmp_path))
    assert report.notes == ("255 is void and counts as background in 2 sequences, such as a",)


def test_ids_above_255_make_255_an_object(tmp_path: Path) -> None:
    frames(tmp_path / "images/a", 2)
    for i in range(2):
        values = fixtures_layouts.labels(1, 2).astype(np.uint16)
        values[values > 0] += 254 + i
        path = tmp_path / f"masks/a/frame{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(path)
    sequence = load(tmp_path).sequence("a")
    assert ids(sequence.truth[0]) == (255, 256)
    assert {i: ids(mask) for i, mask in sequence.prompts.items()} == {0: (255, 256), 1: (257,)}


def test_255_beside_wider_ids_is_scored(tmp_path: Path) -> None:
    frames(tmp_path / "data/images/a", 4)
    for i in range(4):
        values = fixtures_layouts.labels(1, 2).astype(np.uint16)
        values[values > 0] += 254
        for folder in (tmp_path / "data/masks/a", tmp_path / "half/a"):
            folder.mkdir(parents=True, exist_ok=True)
            kept = values if folder.parent.name == "masks" else np.where(values == 255, 0, values)
            Image.fromarray(kept.astype(np.uint16)).save(folder / f"frame{i}.png")
    told = {"root": tmp_path / "data"}
    run = api.run("copy-first", "folder", out=tmp_path / "runs", **told)
    assert {row["object"]: row["J"]["mean"] for row in run.summary["objects"]} == {255: 1, 256: 1}
    for protocol in ("prompted", "mosev1"):
        half = api.evaluate(tmp_path / "half", "folder", protocol=protocol, **told).summary
        assert {row["object"]: row["J"]["mean"] for row in half["objects"]} == {255: 0, 256: 1}


def test_an_object_whose_own_masks_have_a_gap_is_told(tmp_path: Path) -> None:
    """It counts as not visible, which a lost file is not."""
    frames(tmp_path / "data/images/a", 4)
    for i in range(4):
        shown = (1, 2) if i else (1,)
        fixtures_layouts.mask(tmp_path / f"data/masks/a/frame{i}.png", *shown)
        for number in (1, 2):
            if (number, i) not in ((2, 0), (2, 1), (1, 3)):  # 2 starts late
                fixtures_layouts.mask(tmp_path / f"results/a/{number}/frame{i}.png", 1)
    found = api.evaluate(tmp_path / "results", "folder", root=tmp_path / "data").summary
    (one,) = found["notes"]
    assert "a: object 001 has no mask for 1 of 3 frames, such as frame3.png; it counts as" in one
