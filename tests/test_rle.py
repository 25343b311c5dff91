"""Run lengths: the texts of pycocotools, both layouts of videos, and what is refused."""

from __future__ import annotations

import json
import pickle
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vosbench.errors import DataError
from vosbench.rle import as_youtube_vis, decode, encode
from vosbench.stored import open_stored
from vosbench.types import Layers

# what pycocotools 2.0.11 gives for these masks
DISC = "_h0;S14M2M4M2O0O2N2O0O2O00000000000000000001N101N2N101N3L3N3LSl0"
SMALL = [
    ([[0, 1, 1], [0, 0, 0]], "21100"),
    ([[1, 0], [1, 1]], "021O"),
    ([[0, 0], [0, 0]], "4"),
    ([[1, 1], [1, 1]], "04"),
]
OVERLAP = Layers((0, 7), np.array([[[1, 1, 0], [0, 0, 0]], [[0, 1, 1], [0, 0, 0]]], bool))
LATE = Layers((0, 7), np.array([[[0, 0, 0], [0, 0, 0]], [[0, 1, 1], [0, 0, 1]]], bool))


@pytest.mark.parametrize(("mask", "text"), SMALL)
def test_small_masks_have_the_text_of_pycocotools(mask: list[list[int]], text: str) -> None:
    there = np.array(mask, bool)
    assert encode(there) == {"size": list(there.shape), "counts": text}
    np.testing.assert_array_equal(decode({"size": list(there.shape), "counts": text}, "m"), there)


def test_a_disc_has_the_text_of_pycocotools() -> None:
    y, x = np.mgrid[:48, :64]
    disc = (y - 20) ** 2 + (x - 30) ** 2 < 15**2
    assert encode(disc) == {"size": [48, 64], "counts": DISC}
    np.testing.assert_array_equal(decode({"size": [48, 64], "counts": DISC}, "m"), disc)


@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_any_mask_comes_back(mask: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
    np.testing.assert_array_equal(decode(encode(mask), "m"), mask)


def test_runs_as_numbers_are_read_too() -> None:
    found = decode({"size": [2, 3], "counts": [2, 1, 1, 1, 1]}, "m")
    np.testing.assert_array_equal(found, [[0, 1, 1], [0, 0, 0]])


@pytest.mark.parametrize(
    ("run_lengths", "words"),
    [
        ([[1.0, 2.0, 3.0, 4.0]], "m is a polygon, expected run lengths"),
        ({"size": [2, 2]}, "holds no run lengths: it has no 'counts'"),
        ({"size": [2, 2], "counts": "5"}, "has runs of 5 pixels, but 2x2 is 4"),
        ({"size": [2, 2], "counts": [5, -1]}, "has runs of 4 pixels, but"),
        ({"size": [2, 2], "counts": [2.7, 2.3]}, "no run lengths: 2.7 is no whole number"),
        ({"size": [2, 2], "counts": "é"}, "has counts that are no run lengths"),
        ({"size": [2, 2], "counts": "P"}, "'P' is not the text of COCO"),
        ({"size": [2, 2], "counts": "P" * 20 + "0"}, "a number of more than 50 bits"),
        ({"size": [2, 2], "counts": [[1], 2]}, "has counts that are no run lengths"),
        ({"size": [2, 2], "counts": [2**62] * 4 + [4]}, f"has runs of {2**64 + 4} pixels"),
        ({"size": [2, 99999999999], "counts": "4"}, r"has the size \[2, 99999999999\], expected"),
    ],
)
def test_what_is_no_run_length_is_refused(run_lengths: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        decode(run_lengths, "m")


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def videos() -> Any:
    of_cat = {"00000": OVERLAP, "00005": LATE}
    return as_youtube_vis([("cat", of_cat.items()), ("dog", [("00000", LATE)])])


def test_videos_are_written_and_read_as_youtube_vis_lists_them(videos: Any, tmp_path: Path) -> None:
    assert videos["videos"][0]["file_names"] == ["cat/00000.jpg", "cat/00005.jpg"]
    assert videos["annotations"][0]["segmentations"][1] is None
    del videos["videos"][0]["name"]  # YouTube-VIS has none
    stored = pickle.loads(pickle.dumps(open_stored(write(tmp_path / "m.json", videos))))
    assert stored.sequences() == ("cat", "dog")
    assert list(stored.frames("cat")) == ["00000", "00005"]
    assert {n: list(frames) for n, frames in stored.objects("dog").items()} == {
        0: ["00000"], 7: ["00000"],
    }  # fmt: skip
    for frame, masks in (("00000", OVERLAP), ("00005", LATE)):
        found = stored.read("cat", frame)
        assert isinstance(found, Layers)
        assert found.ids == (0, 7)
        np.testing.assert_array_equal(found.stack, masks.stack)
    part = stored.read("cat", "00000", {7})
    assert isinstance(part, Layers)
    assert part.ids == (7,)
    assert stored.place("cat", "00005").endswith("m.json: cat, frame 00005")
    (strange,) = stored.strangers("cat", ("00000",))
    assert "cat: 1 masks belong to no frame: 00005; frames are named 00000 to 00000" in strange
    before = stored.stamp("cat")
    assert before != stored.stamp("dog")
    write(tmp_path / "m.json", videos | {"licenses": []})
    assert before != stored.stamp("cat")
    with pytest.raises(DataError, match=r"m\.json has no video cta; did you mean 'cat'"):
        stored.frames("cta")
    with pytest.raises(DataError, match=r"mask .*m\.json: cat, frame 00001 is missing"):
        stored.read("cat", "00001")


def test_ids_are_those_of_the_annotations_where_nothing_else_is_said(
    videos: Any, tmp_path: Path
) -> None:
    for each in videos["annotations"]:
        del each["track_id"]
    stored = open_stored(write(tmp_path / "m.json", videos))
    assert (list(stored.objects("cat")), list(stored.objects("dog"))) == ([1, 2], [3, 4])


def test_a_video_of_sav_has_every_fourth_frame(tmp_path: Path) -> None:
    rows = [[encode(layer) for layer in masks.stack] for masks in (OVERLAP, LATE)]
    content = {"video_id": "sav_1", "masklet": rows, "masklet_id": [0, 7]}
    stored = open_stored(write(tmp_path / "sav_1_manual.json", content))
    assert stored.sequences() == ("sav_1",)
    assert list(stored.frames("sav_1")) == ["00000", "00004"]
    found = stored.read("sav_1", "00004")
    assert isinstance(found, Layers)
    assert found.ids == (0, 7)
    np.testing.assert_array_equal(found.stack, LATE.stack)
    stored = open_stored(write(tmp_path / "m.json", content | {"fps": [24.0]}))
    assert list(stored.frames("sav_1")) == ["00000", "00001"]
    with pytest.raises(DataError, match="entry 0 of masklet has 2 masks, but masklet_id lists 1"):
        open_stored(write(tmp_path / "m.json", content | {"masklet_id": [0]}))


def test_lists_that_contradict_themselves_are_refused(videos: Any, tmp_path: Path) -> None:
    def refused(words: str, **changes: Any) -> None:
        with pytest.raises(DataError, match=words):
            open_stored(write(tmp_path / "m.json", videos | changes))

    first, *others = videos["annotations"]
    refused("annotation 1 is of no video", annotations=[first | {"video_id": 9}])
    refused("object 0 of cat has 1 masks for 2", annotations=[first | {"segmentations": [None]}])
    refused("or is listed twice", annotations=[first, first])
    refused("two videos have one id", videos=[{**each, "id": 1} for each in videos["videos"]])
    refused("video cat is listed twice", videos=[videos["videos"][0]] * 2)
    refused(f"object {10**30}: expected an id", annotations=[first | {"track_id": 10**30}])
    for height in (-5, 0, 10**12, 10**30):
        wrong = [videos["videos"][0] | {"height": height}]
        refused(f"video cat has the height and width .{height}, 3", videos=wrong, annotations=[])
    refused("holds a path separator", videos=[videos["videos"][0] | {"name": "../cat"}])
    with pytest.raises(DataError, match=r"m\.json holds no masks of videos: it has no 'videos'"):
        open_stored(write(tmp_path / "m.json", {"annotations": others}))
    (tmp_path / "m.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"m\.json is damaged: .*; write it again"):
        open_stored(tmp_path / "m.json")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        *(({"fps": fps}, "m.json: fps is .*, expected how many of") for fps in (0, "x", 100, [])),
        ({"masklet_id": [7, 7]}, "m.json: masklet_id lists an object twice"),
        ({"masklet_id": [-1, 7]}, "m.json: object -1: expected an id from 0"),
        ({"masklet": [[None, None]]}, "m.json: masklet holds no mask at all"),
    ],
)
def test_lists_of_sav_that_cannot_be_are_refused(changes: Any, words: str, tmp_path: Path) -> None:
    rows = [[encode(layer) for layer in OVERLAP.stack]]
    content = {"video_id": "sav_1", "masklet": rows, "masklet_id": [0, 7]}
    with pytest.raises(DataError, match=words):
        open_stored(write(tmp_path / "m.json", content | changes))


def test_a_list_may_begin_with_a_byte_order_mark(videos: Any, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps(videos), encoding="utf-8-sig")
    assert open_stored(tmp_path / "m.json").sequences() == ("cat", "dog")


def test_a_mask_of_another_size_than_its_video_is_named(videos: Any, tmp_path: Path) -> None:
    videos["videos"][0]["height"] = 3
    with pytest.raises(DataError, match="frame 00000, object 0 is 2x3, but its video is 3x3"):
        open_stored(write(tmp_path / "m.json", videos)).read("cat", "00000")


def test_a_video_is_written_frame_by_frame() -> None:
    """A long one does not fit the memory as bits."""
    alive: list[weakref.ref[Any]] = []

    def frames() -> Iterator[tuple[str, Layers]]:
        for place in range(9):
            numbers = (1,) if place < 2 else (1, 7) if place < 8 else ()
            stack = np.ones((len(numbers), 2, 3), bool)
            alive.append(weakref.ref(stack))
            yield f"{place:05d}", Layers(numbers, stack)
            del stack
            assert sum(each() is not None for each in alive) <= 2

    one, seven = as_youtube_vis([("cat", frames())])["annotations"]
    assert [each is None for each in one["segmentations"]] == [False] * 8 + [True]
    assert [each is None for each in seven["segmentations"]] == [True] * 2 + [False] * 6 + [True]


def test_frames_of_two_sizes_are_no_video_of_this_layout() -> None:
    sizes = [("00000", (2, 3)), ("00001", (4, 3))]
    frames = [(name, Layers((1,), np.ones((1, *size), bool))) for name, size in sizes]
    with pytest.raises(DataError, match="cat: frame 00001 is 4x3 but 00000 is 2x3"):
        as_youtube_vis([("cat", frames)])
