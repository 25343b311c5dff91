"""Kinds 4 and 18: masks that belong to no frame; one line a cause; messages say what is there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import make_folder_dataset
from PIL import Image

from vosbench import api
from vosbench.data.check import check_dataset
from vosbench.errors import DataError, VosbenchError, one_a_cause
from vosbench.masks import read_mask, shift_fault, write_mask


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_folder_dataset(tmp_path / "data", {"ant": 12})


def evaluate(results: Path, root: Path) -> None:
    api.evaluate(results, "folder", root=root)


def precomputed(results: Path, root: Path) -> None:
    options = {"folder": str(results)}
    api.run("precomputed", "folder", root=root, options=options, out=results.parent / "runs")


Ask = Callable[[Path, Path], None]
BOTH = pytest.mark.parametrize("ask", [evaluate, precomputed])


def renamed(folder: Path, by: int) -> None:
    """Number the masks from `by` on."""
    paths = sorted(folder.glob("*.png"), reverse=by > 0)
    for path in paths:
        path.rename(path.with_name(f"{int(path.stem) + by:05d}.png"))


@BOTH
@pytest.mark.parametrize("by", [1, 2, 5])
def test_shifted_results_are_told(tmp_path: Path, root: Path, ask: Ask, by: int) -> None:
    results = shutil.copytree(root / "masks", tmp_path / "results")
    renamed(results / "ant", by)
    with pytest.raises(VosbenchError, match=rf"results.ant belong to no frame: .* shifted by {by}"):
        ask(results, root)


@pytest.mark.parametrize("by", [1, 3])
def test_shifted_truth_is_told(root: Path, by: int) -> None:
    renamed(root / "masks" / "ant", by)
    opened = api.dataset("folder", root=root)
    with pytest.raises(DataError, match=r"000\d\d\.png(, have| has) no frame \(folder/ant\)"):
        opened.sequence("ant")
    assert " no frame (folder/ant); frames are named 00000 to " in str(check_dataset(opened))


FRAMES = [f"{index:05d}" for index in range(8)]


@pytest.mark.parametrize(
    "present",
    [
        FRAMES,
        FRAMES[1:],  # what was given is not written by many tools
        [*FRAMES, "00008", "00009"],  # of a longer video
        ["00001", "00005", "00006", "00009"],
        [*FRAMES, "overlay"],
        [],
    ],
)
def test_other_names_are_not_called_shifted(tmp_path: Path, present: list[str]) -> None:
    assert shift_fault(tmp_path, present, FRAMES) == ""


def test_masks_before_the_first_frame(tmp_path: Path) -> None:
    frames = [f"{index:05d}" for index in range(1, 9)]
    assert "00000; frames are named 00001 to 00008" in shift_fault(tmp_path, FRAMES, frames)


def halved(path: Path) -> None:
    write_mask(path, read_mask(path)[::2, ::2])


def red(path: Path) -> None:
    Image.new("RGB", (48, 32), (9, 8, 7)).save(path)


def unknown(path: Path) -> None:
    write_mask(path, np.full((32, 48), 9, np.uint8))


def jpeg(path: Path) -> None:
    Image.fromarray(read_mask(path)).save(path, format="JPEG")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (halved, "00001.png is 16x24 but its annotation is 32x48"),
        (red, "00001.png has mode RGB"),
        (unknown, r"00001.png has the ids \[9\]"),
        (jpeg, "00001.png is a JPEG picture"),
        (lambda path: path.write_bytes(b""), "00001.png is not a picture: it is empty"),
    ],
)
def test_one_line_a_cause(
    tmp_path: Path, root: Path, harm: Callable[[Path], None], words: str
) -> None:
    results = shutil.copytree(root / "masks", tmp_path / "results")
    for path in results.rglob("*.png"):
        harm(path)
    with pytest.raises(DataError, match=words) as told:
        evaluate(results, root)
    assert len(str(told.value).splitlines()) == 1
    assert "(11 such, up to 00011.png)" in str(told.value)
    assert len(told.value.faults) == 11


def test_data_check_has_one_line_a_cause(root: Path) -> None:
    for path in (root / "masks").rglob("*.png"):
        jpeg(path)
    report = check_dataset(api.dataset("folder", root=root))
    assert sum("JPEG" in line for line in str(report).splitlines()) == 1
    assert sum("JPEG" in fault for fault in report.faults) == 12


def test_different_causes_stay_apart() -> None:
    faults = [
        "mask a/1.png is cut", "mask b/1.png is cut", "mask a/2.png is cut", "mask a/3.png is 4x5",
        "mask a/4.png is cut", "mask a/5.png is 5x5",
    ]  # fmt: skip
    assert one_a_cause(faults) == [
        "mask a/1.png is cut (3 such, up to 4.png)", "mask b/1.png is cut",
        "mask a/3.png is 4x5", "mask a/5.png is 5x5",
    ]  # fmt: skip
    plain = ["one", "one", "one"]
    assert one_a_cause(plain) == ["one (3 such)"]


def nested(results: Path) -> Path:
    shutil.move(results / "ant", results / "Annotations" / "ant")
    return results


def flat(results: Path) -> Path:
    for path in (results / "ant").iterdir():
        path.rename(results / path.name)
    (results / "ant").rmdir()
    return results


def packed(results: Path) -> Path:
    return Path(shutil.make_archive(str(results), "tar", results))


def as_jpeg(results: Path) -> Path:
    for path in (results / "ant").iterdir():
        path.rename(path.with_suffix(".jpg"))
    return results


def nothing(results: Path) -> Path:
    shutil.rmtree(results / "ant")
    return results


@BOTH
@pytest.mark.parametrize(
    ("lay", "words"),
    [
        (nested, r"did you mean .*results/Annotations\?"),
        (flat, r"results holds 12 \.png files: put the masks of ant into .*results/ant/"),
        (packed, r"results\.tar is not a folder but an archive: unzip it first"),
        (as_jpeg, r"12 \.jpg files; masks must be lossless PNG"),
        (nothing, r"results is empty"),
    ],
)
def test_what_is_there_is_said(
    tmp_path: Path, root: Path, ask: Ask, lay: Callable[[Path], Path], words: str
) -> None:
    (tmp_path / "results" / "Annotations").mkdir(parents=True)
    shutil.copytree(root / "masks" / "ant", tmp_path / "results" / "ant")
    if lay is not nested:
        (tmp_path / "results" / "Annotations").rmdir()
    laid = lay(tmp_path / "results")
    with pytest.raises(VosbenchError, match=words):
        ask(laid, root)


@BOTH
def test_upper_case_png_is_png(tmp_path: Path, root: Path, ask: Ask) -> None:
    results = shutil.copytree(root / "masks", tmp_path / "results")
    for path in results.rglob("*.png"):
        path.rename(path.with_suffix(".PNG"))
    ask(results, root)
    assert api.evaluate(results, "folder", root=root).summary["J"]["mean"] == 1.0


def test_the_truth_s_folder_says_what_it_holds(root: Path) -> None:
    for path in (root / "masks" / "ant").iterdir():
        path.rename(path.with_suffix(".jpg"))
    with pytest.raises(
        DataError, match=r"masks/ant holds 12 \.jpg files; expected \.png files; ma"
    ):
        api.dataset("folder", root=root).sequence("ant")


@pytest.mark.parametrize("late", [2, 7, 254])
def test_an_object_that_no_prompt_has_is_told(tmp_path: Path, late: int) -> None:
    source = make_folder_dataset(tmp_path / "source", {"ant": 5}, objects=1)
    root = tmp_path / "davis"
    for kind, to in (("images", "JPEGImages"), ("masks", "Annotations")):
        shutil.copytree(source / kind, root / to / "480p")
    (root / "ImageSets" / "2017").mkdir(parents=True)
    (root / "ImageSets" / "2017" / "val.txt").write_text("ant\n")
    before = api.evaluate(source / "masks", "davis2017", root=root).summary
    for index in (2, 3):
        path = root / f"Annotations/480p/ant/{index:05d}.png"
        mask = read_mask(path)
        mask[20:30, 30:40] = late
        write_mask(path, mask)
    summary = api.evaluate(source / "masks", "davis2017", root=root).summary
    assert (before["unscored"], before["J"]) == ([], summary["J"])
    assert summary["unscored"] == [f"ant, object {late} (no prompt has it)"]


def test_void_is_noted_by_data_check(root: Path) -> None:
    path = root / "masks" / "ant" / "00004.png"
    mask = read_mask(path)
    mask[mask == 0] = 255
    write_mask(path, mask)
    report = check_dataset(api.dataset("folder", root=root))
    assert report.ok
    assert "255 is void and counts as background in ant" in str(report)


def test_a_name_with_commas_can_be_chosen(tmp_path: Path) -> None:
    root = make_folder_dataset(tmp_path / "data", {"a,b": 3, "c": 3, "d, e,f": 3})
    for asked, got in (
        (["a", "b"], ["a,b"]),
        (["c", "d", "e", "f"], ["c", "d, e,f"]),
        (["a,b"], ["a,b"]),
    ):
        run = api.run("copy-first", "folder", root=root, sequences=asked, out=tmp_path / "runs")
        assert [row["sequence"] for row in run.summary["sequences"]] == got


def test_bad_masks_do_not_bring_a_second_fault(root: Path) -> None:
    for path in (root / "masks" / "ant").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError) as told:
        api.dataset("folder", root=root).sequence("ant")
    assert len(str(told.value).splitlines()) == 1
