"""`vosbench segment`: a clip and what somebody points at -> a folder, read again file by file."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import Vosbench, command_environment
from PIL import Image

import vosbench
from vosbench.errors import DataError, MethodError, MissingExtraError, UsageError, VosbenchError
from vosbench.filming import video
from vosbench.masks import ids, painted, pixels, read_mask, write_mask
from vosbench.prompts.clicks import box_of
from vosbench.segmenting import pointing
from vosbench.stored import open_stored
from vosbench.toolbox.reports import stills
from vosbench.types import Box, Layers, Points
from vosbench.videos import VideoFile

H, W, LENGTH = 34, 48, 7  # even, so that .mp4 keeps the size
GREY, RED, BLUE = (120, 120, 120), (200, 30, 30), (30, 30, 200)


def scene(index: int) -> tuple[np.ndarray, np.ndarray]:
    """A frame in which a red and a blue square move, and their label map."""
    frame, mask = np.full((H, W, 3), GREY, np.uint8), np.zeros((H, W), np.uint8)
    for number, colour, top in ((1, RED, 4), (2, BLUE, 20)):
        where = np.s_[top : top + 10, 4 + 2 * index : 14 + 2 * index]
        frame[where], mask[where] = colour, number
    return frame, mask


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A video of seven frames, 10 a second, with the mask of its first frame beside it."""
    path = tmp_path / "clip.mp4"
    with video.opened(path, fps=Fraction(10), total=LENGTH) as film:
        for index in range(LENGTH):
            film.add(scene(index)[0])
    write_mask(tmp_path / "first.png", scene(0)[1])
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """The same frames as pictures."""
    folder = tmp_path / "shots"
    folder.mkdir()
    for index in range(LENGTH):
        Image.fromarray(scene(index)[0]).save(folder / f"shot{index + 1}.png")
    return folder


def record(out: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((out / "segment.json").read_text())
    return found


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "boxes.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_everything_is_written_and_says_the_same(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = vosbench.segment(clip, out, method="optical-flow", mask=tmp_path / "first.png")
    assert (done.frames, done.size, done.objects, done.overlap) == (LENGTH, (H, W), (1, 2), False)
    listed = sorted(path.name for path in out.iterdir())
    assert listed == [
        "boxes.csv", "masks", "masks.json", "overlay.gif", "overlay.mp4", "segment.json",
    ]  # fmt: skip
    masks = [read_mask(path) for path in sorted((out / "masks").iterdir())]
    assert len(masks) == LENGTH
    with Image.open(out / "masks/00006.png") as image:
        assert image.mode == "P"
    truth = scene(6)[1]
    assert (masks[6] == truth).mean() > 0.95

    lengths = open_stored(out / "masks.json")
    assert lengths.sequences() == ("clip",)
    assert list(lengths.frames("clip")) == [f"{index:05d}" for index in range(LENGTH)]
    of = {(row["frame"], int(row["object"])): row for row in rows(out)}
    assert len(of) == 2 * LENGTH
    for index, mask in enumerate(masks):
        layers = lengths.read("clip", f"{index:05d}")
        for number in (1, 2):
            own = mask == number
            assert (pixels(layers, number) == own).all()
            row = of[f"{index:05d}", number]
            x, y, w, h = (int(row[key]) for key in "xywh")
            box = np.zeros_like(own)
            box[y : y + h, x : x + w] = True
            assert own.any()
            assert not (own & ~box).any()
            assert (own[y, x : x + w].any(), own[y + h - 1].any()) == (True, True)
            assert (own[:, x].any(), own[:, x + w - 1].any()) == (True, True)
            assert int(row["area"]) == own.sum()


def test_the_films_show_the_masks_over_the_clip(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    vosbench.segment(clip, out, method="optical-flow", mask=tmp_path / "first.png")
    film, frames = list(VideoFile(out / "overlay.mp4")), list(VideoFile(clip))
    assert VideoFile(out / "overlay.mp4").rate == 10
    assert [frame.shape for frame in film] == [(H, W, 3)] * LENGTH
    with Image.open(out / "overlay.gif") as gif:
        assert (gif.n_frames, gif.size, gif.info["duration"]) == (LENGTH, (W, H), 100)
        for index in range(LENGTH):
            mask = read_mask(out / "masks" / f"{index:05d}.png")
            assert mask.dtype == np.uint8
            wanted = stills.overlay(frames[index], mask.astype(np.uint8))
            gif.seek(index)
            for shown, most in ((film[index], 20), (np.asarray(gif.convert("RGB")), 12)):
                off = np.abs(shown.astype(int) - wanted).max(2)
                for number in (0, 1, 2):
                    assert np.median(off[mask == number]) <= most  # colours are of 2x2 pixels


def test_the_run_lengths_are_masks_to_other_commands(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    vosbench.segment(clip, out, method="copy-first", mask=tmp_path / "first.png")
    vosbench.convert(out / "masks.json", tmp_path / "png")
    again = [read_mask(path) for path in sorted((tmp_path / "png/clip").iterdir())]
    assert (np.stack(again) == scene(0)[1]).all()


@pytest.mark.parametrize("method", ["optical-flow", "label-propagation"])
def test_the_masks_are_those_of_a_run(method: str, folder_root: Path, tmp_path: Path) -> None:
    run = vosbench.run(method, "folder", root=folder_root, sequences=["ant"], out=tmp_path / "runs")
    prompt = folder_root / "masks/ant/00000.png"
    vosbench.segment(folder_root / "images/ant", tmp_path / "out", method=method, mask=prompt)
    assert run.masks is not None
    for path in sorted((run.masks / "ant").iterdir()):
        assert path.read_bytes() == (tmp_path / "out/masks" / path.name).read_bytes()


@pytest.mark.parametrize("model", ["sam2", "edgetam"])
def test_the_masks_of_boxes_are_those_of_a_run_by_boxes(
    model: str, folder_root: Path, tmp_path: Path
) -> None:
    options = {"model": model, "weights": "random"}
    run = vosbench.run(
        "video-sam", "folder", root=folder_root, sequences=["ant"], options=options, prompt="box",
        out=tmp_path / "runs",
    )  # fmt: skip
    mask = read_mask(folder_root / "masks/ant/00000.png")
    marks = {number: box_of(mask == number) for number in ids(mask)}
    out = tmp_path / "out"
    done = vosbench.segment(
        folder_root / "images/ant", out, method="video-sam", options=options, marks=marks
    )
    assert run.masks is not None
    assert done.objects == (1, 2)
    assert any("random weights" in remark for remark in done.remarks)
    stored = open_stored(out / "masks.json")
    for path in sorted((run.masks / "ant").iterdir()):
        layers = stored.read("ant", path.stem)
        assert isinstance(layers, Layers)
        flat = painted(layers, {1: 1, 2: 2})
        assert (flat == read_mask(path)).all()


def test_a_folder_of_pictures_keeps_its_names(pictures: Path, tmp_path: Path) -> None:
    mask = scene(0)[1]
    out = tmp_path / "out"
    vosbench.segment(pictures, out, method="copy-first", mask=mask, fps=5)
    names = [f"shot{index + 1}.png" for index in range(LENGTH)]
    assert sorted(path.name for path in (out / "masks").iterdir()) == names
    assert VideoFile(out / "overlay.mp4").rate == 5
    assert record(out)["fps"] == 5


def test_the_record_says_what_made_it(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    vosbench.segment(
        clip, out, method="optical-flow", mask=tmp_path / "first.png", options={"label": "soft"}
    )
    found = record(out)
    assert found["method"] == "optical-flow"
    assert found["options"]["label"] == "soft"  # type: ignore[index]
    assert found["prompt"] == "mask"
    assert (found["clip"], found["frame"], found["fps"]) == ("clip.mp4", "00000", 10)
    assert found["made_by"].startswith("vosbench ")  # type: ignore[attr-defined]
    assert found["seconds"] > 0  # type: ignore[operator]
    assert found["objects"] == [1, 2]
    assert str(tmp_path) not in (out / "segment.json").read_text()


@pytest.mark.usefixtures("test_plugins")
def test_boxes_and_clicks_reach_the_method_as_they_are(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    marks = pointing.marks_of(["4,4,10,10"], ["2:8,25"], ["2:40,30"])
    done = vosbench.segment(clip, out, method="told", marks=marks)
    assert (done.objects, done.overlap) == ((1, 2), False)
    found = read_mask(out / "masks/00003.png")  # it holds what it saw in the first frame
    assert ((found == 1) == (scene(0)[1] == 1)).all()
    assert (found[22:28, 6:12] == 2).all()
    assert not (found[:, 30:] > 0).any()
    assert record(out)["prompt"] == [
        {"object": 1, "box": [4, 4, 13, 13]},
        {"object": 2, "points": [[8, 25], [40, 30]], "inside": [True, False]},
    ]


@pytest.mark.usefixtures("test_plugins")
def test_objects_that_overlap_are_kept_apart(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    marks = {3: Box(4, 4, 20, 20), 7: Box(10, 10, 30, 30)}
    done = vosbench.segment(clip, out, method="told", marks=marks, options={"layers": True})
    assert (done.objects, done.overlap) == ((3, 7), True)
    for index in range(LENGTH):
        large = read_mask(out / f"masks/007/{index:05d}.png")
        assert (large[10:31, 10:31] == 1).all()
        assert large.sum() == 21 * 21
        assert read_mask(out / f"masks/003/{index:05d}.png").sum() == 17 * 17
    layers = open_stored(out / "masks.json").read("clip", "00002")
    assert isinstance(layers, Layers)
    assert (layers.stack.sum(axis=0) > 1).sum() == 11 * 11
    assert {row["area"] for row in rows(out)} == {"289", "441"}
    apart = {3: Box(4, 4, 9, 9), 7: Box(10, 10, 30, 30)}
    vosbench.segment(clip, out, method="told", marks=apart, options={"layers": True}, replace=True)
    assert set(ids(read_mask(out / "masks/00002.png"))) == {3, 7}
    assert not (out / "masks/007").exists()


def test_several_masks_are_an_object_each_and_may_overlap(clip: Path, tmp_path: Path) -> None:
    for name, where in (("a", np.s_[2:20, 2:20]), ("b", np.s_[10:30, 10:30])):
        mask = np.zeros((H, W), np.uint8)
        mask[where] = 255
        write_mask(tmp_path / f"{name}.png", mask)
    out = tmp_path / "out"
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    done = vosbench.segment(clip, out, method="copy-first", mask=paths)
    assert (done.objects, done.overlap, done.remarks) == ((1, 2), True, ())
    for number, path in enumerate(paths, start=1):
        kept = read_mask(out / f"masks/{number:03d}/00004.png")
        assert ((kept > 0) == (read_mask(path) > 0)).all()
    flat = vosbench.segment(clip, out, method="optical-flow", mask=paths, replace=True)
    assert (flat.objects, flat.overlap) == ((1, 2), False)
    assert any("objects overlap" in remark for remark in flat.remarks)
    assert set(ids(read_mask(out / "masks/00004.png"))) == {1, 2}


def test_a_prompt_on_a_later_frame_leaves_those_before_it_empty(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = vosbench.segment(clip, out, method="copy-first", mask=scene(3)[1], frame=3)
    shown = [read_mask(path).any() for path in sorted((out / "masks").iterdir())]
    assert shown == [False] * 3 + [True] * 4
    assert rows(out)[0] == {
        "frame": "00000", "object": "1", "x": "", "y": "", "w": "", "h": "", "area": "0",
    }  # fmt: skip
    assert any("first prompt is on frame 00003" in remark for remark in done.remarks)


def test_a_prompt_on_a_later_frame_can_go_both_ways(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = {"mask": scene(3)[1], "frame": 3, "direction": "both"}
    done = vosbench.segment(clip, out, method="optical-flow", **told)  # type: ignore[arg-type]
    for index in range(LENGTH):
        mask = read_mask(out / "masks" / f"{index:05d}.png")
        assert (mask == scene(index)[1]).mean() > 0.95
    assert done.remarks == ()
    assert record(out)["direction"] == "both"
    with pytest.raises(UsageError, match="direction is 'back', expected forward or both"):
        vosbench.segment(
            clip,
            tmp_path / "new",
            method="optical-flow",
            mask=scene(0)[1],
            direction="back",  # type: ignore[arg-type]
        )


@pytest.mark.usefixtures("test_plugins")
def test_boxes_on_a_later_frame_can_go_both_ways(clip: Path, tmp_path: Path) -> None:
    marks = {1: Box(10, 4, 19, 13), 2: Box(2, 20, 5, 30)}
    told = {"marks": marks, "frame": 3, "direction": "both"}
    vosbench.segment(clip, tmp_path / "out", method="told", **told)  # type: ignore[arg-type]
    for index in range(LENGTH):
        mask = read_mask(tmp_path / "out/masks" / f"{index:05d}.png")
        assert ((mask == 1).sum(), (mask == 2).sum()) == (100, 44)


def test_a_mask_of_0_and_255_is_one_object(clip: Path, tmp_path: Path) -> None:
    done = vosbench.segment(
        clip, tmp_path / "out", method="copy-first", mask=_white(tmp_path / "white.png")
    )
    assert done.objects == (1,)


def _white(path: Path) -> Path:
    Image.fromarray(np.where(scene(0)[1] == 1, 255, 0).astype(np.uint8)).save(path)
    return path


def test_odd_sizes_and_a_single_picture_are_fine(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    Image.fromarray(scene(0)[0][:33, :47]).save(folder / "only.png")
    done = vosbench.segment(
        folder, tmp_path / "out", method="copy-first", mask=scene(0)[1][:33, :47]
    )
    assert (done.frames, done.size) == (1, (33, 47))
    (frame,) = VideoFile(tmp_path / "out/overlay.mp4")
    assert frame.shape == (34, 48, 3)


@pytest.mark.parametrize(
    ("boxes", "points", "outside", "words"),
    [
        (["1,2,3"], [], [], r"--box '1,2,3': expected x,y,w,h in pixels, such as"),
        (["a:1,2,3,4"], [], [], r"expected x,y,w,h in pixels, such as .* for object 2"),
        (["1,2,3,nan"], [], [], "expected x,y,w,h"),
        (["1,2,0,4"], [], [], "is 0 wide and 4 high; expected 1 or more"),
        (["2:1,2,3,4", "2:1,2,3,4"], [], [], "object 2 has a box already"),
        ([], ["1;2"], [], r"--point '1;2': expected x,y in pixels"),
        ([], [], ["5"], r"--not '5': expected x,y in pixels"),
        (["1,2,3,4"], ["5,6"], [], "object 1 has a box and clicks; give it one of the two"),
    ],
)
def test_what_is_no_box_or_click_is_told(
    boxes: list[str], points: list[str], outside: list[str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        pointing.marks_of(boxes, points, outside)


def test_boxes_are_numbered_and_clicks_gathered() -> None:
    for zero in ((["0:1,2,3,4"], []), ([], ["0:1,2"])):
        with pytest.raises(UsageError, match="object 0: expected a number from 1 to 254"):
            pointing.check_marks(pointing.marks_of(*zero, []), (48, 64))
    marks = pointing.marks_of(["1,2,3,4", "5:0,0,2,2", "9,9,1,1"], ["7:1.5,2", "7:3,4"], ["7:5,6"])
    assert list(marks) == [1, 5, 6, 7]
    assert marks[1] == Box(1, 2, 3, 5)
    assert marks[6] == Box(9, 9, 9, 9)
    clicks = marks[7]
    assert isinstance(clicks, Points)
    assert clicks.positions.tolist() == [[1.5, 2], [3, 4], [5, 6]]
    assert clicks.inside.tolist() == [True, True, False]


@pytest.mark.usefixtures("test_plugins")
def test_what_cannot_be_done_is_told_in_a_sentence_and_leaves_nothing(
    clip: Path, pictures: Path, tmp_path: Path
) -> None:
    first, out = tmp_path / "first.png", tmp_path / "out"
    write_mask(tmp_path / "small.png", np.ones((10, 12), np.uint8))
    write_mask(tmp_path / "empty.png", np.zeros((H, W), np.uint8))
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "cut.mp4").write_bytes(clip.read_bytes()[:-400])
    (tmp_path / "none").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    Image.fromarray(scene(0)[0][:20]).save(pictures / "shot9.png")
    box = {1: Box(4, 4, 13, 13)}
    outside = {1: Points(np.array([[1, 1]], np.float32), np.array([False]))}
    odd = {1: Points(np.array([1, 1], np.float32), np.array([True]))}
    nowhere = {1: Points(np.array([[math.nan, 3]], np.float32), np.array([True]))}
    off = {2: Points(np.array([[1, 1], [48, 3]], np.float32), np.array([True, True]))}
    for given, words in (
        ({}, "what is to be segmented"),
        ({"mask": first, "marks": box}, "give a mask, or boxes or clicks, not both"),
        ({"mask": tmp_path / "gone.png"}, r"gone\.png is missing"),
        ({"mask": tmp_path / "small.png"}, r"small\.png is 10x12 but the frames of .* are 34x48"),
        ({"mask": tmp_path / "empty.png"}, r"empty\.png is empty: it shows no object"),
        ({"mask": np.zeros((H, W), np.uint8)}, "the mask is empty"),
        ({"mask": np.ones((H, W), np.int64)}, r"the mask is \(34, 48\) int64, expected \(h, w\)"),
        ({"mask": np.ones((H, W, 3), np.uint8)}, r"the mask is \(34, 48, 3\) uint8, expected"),
        ({"mask": []}, "no mask file is given"),
        ({"mask": [first, first]}, r"shows objects 1, 2; of several masks each is of one"),
        ({"mask": first, "frame": 7}, r"frame 7: .*clip\.mp4 has the frames 0 to 6"),
        ({"mask": first, "method": "optical-flaw"}, "did you mean 'optical-flow'"),
        ({"mask": first, "options": {"x": 1}}, "optical-flow has no option 'x'"),
        ({"mask": first, "device": "cuda:99"}, "cannot be used here"),
        ({"mask": first, "fps": 0}, "expected frames a second, from"),
        ({"marks": box}, "'optical-flow' takes masks only, but the prompt is box; .*told"),
        (
            {"marks": {1: Box(40, 4, 60, 13)}, "method": "told"},
            r"box 40,4,21,10 of object 1 lies outside",
        ),
        ({"marks": {1: Box(9, 4, 4, 13)}, "method": "told"}, "ends before it begins"),
        ({"marks": {0: Box(4, 4, 9, 9)}, "method": "told"}, "object 0: expected a number from 1"),
        ({"marks": {"1": Box(4, 4, 9, 9)}, "method": "told"}, "object 1: expected a number"),
        ({"marks": {1: (4, 4, 9, 9)}, "method": "told"}, "expected a Box or Points, got"),
        ({"marks": {1: Box(math.nan, 4, 9, 9)}, "method": "told"}, "box nan,4,nan,6 .* outside"),
        ({"marks": nowhere, "method": "told"}, "click nan,3 of object 1 lies outside"),
        ({"mask": Layers((70000,), np.ones((1, 34, 48), bool))}, "has object 70000; ids are st"),
        ({"mask": first, "frame": 1.5}, "frame 1.5: .* has the frames 0 to"),
        ({"mask": first, "frame": "1"}, "frame 1: .* has the frames 0 to"),
        ({"marks": outside, "method": "told"}, "object 1 has no click on it"),
        ({"marks": odd, "method": "told"}, r"clicks are positions \(k, 2\) and inside \(k,\) bool"),
        ({"marks": off, "method": "told"}, "click 48,3 of object 2 lies outside .* 48x34: x is 0"),
        ({"mask": first, "clip": tmp_path / "gone.mp4"}, "is missing: expected a video"),
        ({"mask": first, "clip": tmp_path / "notes.txt"}, "is no video: expected one of"),
        ({"mask": first, "clip": tmp_path / "none"}, "none is empty: expected .jpg"),
        ({"mask": first, "clip": tmp_path / "text.mp4"}, r"text\.mp4 cannot be read"),
        ({"mask": first, "clip": tmp_path / "cut.mp4"}, r"cut\.mp4 (cannot be read|is damaged)"),
        ({"mask": first, "clip": pictures}, r"shot9\.png is 20x48 but the first frame"),
    ):
        chosen = {"clip": clip, "method": "optical-flow", **given}
        with pytest.raises(VosbenchError, match=words) as raised:
            vosbench.segment(chosen.pop("clip"), out, **chosen)  # type: ignore[arg-type]
        assert isinstance(raised.value, (UsageError, DataError))
        assert not out.exists()
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.usefixtures("test_plugins")
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("raises", r"the method failed: RuntimeError: the method fell over .*misbehaving\.py"),
        ("wrong-size", r"clip, frame 00002: the method gave \(33, 48\) uint8, expected \(34, 48\)"),
        ("unknown-id", "gave ids"),
        ("too-few", "gave 2 masks for 7 frames"),
    ],
)
def test_a_method_that_fails_leaves_nothing(
    how: str, words: str, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(MethodError, match=words):
        vosbench.segment(clip, out, method="misbehaving", mask=scene(0)[1], options={"how": how})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "first.png"]


@pytest.mark.usefixtures("test_plugins")
def test_what_is_missing_to_write_a_film_is_told_before_the_method_runs(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"writing an \.mp4 needs av"):
        vosbench.segment(pictures, tmp_path / "out", method="misbehaving", mask=scene(0)[1])
    assert not (tmp_path / "out").exists()


def test_only_a_folder_of_our_own_is_replaced(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = {"method": "copy-first", "mask": tmp_path / "first.png"}
    vosbench.segment(clip, out, **words)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="out exists; give --replace, or name another folder"):
        vosbench.segment(clip, out, **words)  # type: ignore[arg-type]
    made = (out / "segment.json").stat().st_mtime_ns
    vosbench.segment(clip, out, replace=True, **words)  # type: ignore[arg-type]
    assert (out / "segment.json").stat().st_mtime_ns > made
    (out / "masks/notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"'masks/notes\.txt' in it is not part of"):
        vosbench.segment(clip, out, replace=True, **words)  # type: ignore[arg-type]
    assert (out / "masks/notes.txt").read_text() == "mine"
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "a.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"theirs holds 1 \.txt file and no segment\.json"):
        vosbench.segment(clip, theirs, replace=True, **words)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="is a file or a link; name a folder"):
        vosbench.segment(clip, theirs / "a.txt", replace=True, **words)  # type: ignore[arg-type]
    assert (theirs / "a.txt").read_text() == "mine"


def test_the_command_says_what_to_look_at(clip: Path, command: Vosbench) -> None:
    words = ("segment", clip, "--box", "4,4,10,10", "--point", "2:8,25", "--out", "out")
    done = command(*words, "--method", "told")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("out/overlay.mp4  look at this: 7 frames of 48x34, 2 objects")
    for line in lines:
        assert (clip.parent / line.split()[0]).exists()
    assert done.stderr.splitlines()[-2:] == ["segmenting 7 frames", "drawing 7 frames"]
    refused = command(*words, "--method", "optical-flow", "--replace")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: method 'optical-flow' takes masks only")
    nothing = command("segment", clip, "--method", "told", "--out", "new")
    assert nothing.stderr == (
        "error: what is to be segmented? give --mask first.png, --box x,y,w,h or --point x,y\n"
    )


def test_a_command_that_is_stopped_leaves_nothing_and_says_so(clip: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable, "-m", "vosbench", "segment", clip, "--box", "4,4,10,10", "--method",
            "told", "--set", "how=hangs", "--out", "out",
        ],
        cwd=tmp_path, env=command_environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".out.*.part/.run/masks/.clip-*")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "stopped; nothing was written to out, and the same command begins anew\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "first.png"]
