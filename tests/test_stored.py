"""Masks in folders, per-object folders and archives: the same masks come out, faults are told."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vosbench.errors import DataError
from vosbench.masks import write_mask
from vosbench.stored import open_stored, write_masks
from vosbench.types import Layers

ONE = np.array([[0, 1, 1], [0, 0, 0]], np.uint8)
TWO = np.array([[0, 1, 1], [0, 2, 2]], np.uint8)
OVERLAP = Layers((0, 7), np.array([[[1, 1, 0], [0, 0, 0]], [[0, 1, 1], [0, 0, 0]]], bool))


def zipped(folder: Path, archive: Path, top: str = "") -> Path:
    with zipfile.ZipFile(archive, "w") as out:
        for path in sorted(folder.rglob("*")):
            out.write(path, f"{top}{path.relative_to(folder).as_posix()}")
    return archive


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """A sequence of label maps and one of objects that overlap."""
    folder = tmp_path / "masks"
    for name, each in (("cat", ONE), ("dog", OVERLAP)):
        (folder / name).mkdir(parents=True)
        for frame in ("00000", "00004"):
            write_masks(folder / name, frame, each)
    return folder


@pytest.mark.parametrize("top", [None, "", "Annotations/"], ids=["folder", "zip", "zip with top"])
def test_both_layouts_read_alike_wherever_they_lie(
    masks: Path, tmp_path: Path, top: str | None
) -> None:
    path = masks if top is None else zipped(masks, tmp_path / "m.zip", top)
    stored = pickle.loads(pickle.dumps(open_stored(path)))
    assert stored.path == path
    assert stored.sequences() == ("cat", "dog")
    assert list(stored.frames("cat")) == list(stored.frames("dog")) == ["00000", "00004"]
    assert (list(stored.objects("cat")), list(stored.objects("dog"))) == ([], [0, 7])
    np.testing.assert_array_equal(stored.read("cat", "00004"), ONE)
    both, last = stored.read("dog", "00000"), stored.read("dog", "00000", {7, 9})
    assert isinstance(both, Layers)
    assert isinstance(last, Layers)
    assert (both.ids, last.ids) == ((0, 7), (7,))
    np.testing.assert_array_equal(both.stack, OVERLAP.stack)
    np.testing.assert_array_equal(last.stack, OVERLAP.stack[1:])
    assert stored.read("dog", "00000", {9}).shape == (2, 3)
    where = "m.zip: " if top else ""
    assert f"{where}{top or ''}" in stored.place("cat", "00004")
    assert stored.place("cat", "00004").endswith("cat/00004.png")
    assert stored.place("dog", "00004").endswith("dog/<object>/00004.png")
    assert stored.strangers("dog", ("00000", "00004")) == []


def test_objects_are_written_as_sav_reads_them(masks: Path) -> None:
    assert sorted(path.name for path in (masks / "dog").iterdir()) == ["000", "007"]
    with Image.open(masks / "dog/007/00000.png") as image:
        assert (image.mode, np.array(image).tolist()) == ("P", [[0, 1, 1], [0, 0, 0]])


def test_one_sequence_in_an_archive_is_no_top_folder(masks: Path, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        stored = open_stored(zipped(masks / name, tmp_path / f"{name}.zip", f"{name}/"))
        assert stored.sequences() == (name,)
        assert list(stored.frames(name)) == ["00000", "00004"]


def test_an_object_folder_may_lack_frames_and_255_is_an_object(masks: Path) -> None:
    (masks / "dog/000/00004.png").unlink()
    Image.fromarray(ONE * 255).save(masks / "dog/007/00004.PNG")
    (masks / "dog/007/00004.png").unlink()
    stored = open_stored(masks)
    assert list(stored.frames("dog")) == ["00000", "00004"]
    late = stored.read("dog", "00004")
    assert isinstance(late, Layers)
    assert late.ids == (7,)
    np.testing.assert_array_equal(late.stack[0], ONE > 0)
    assert stored.read("dog", "00004", {0}).shape == (2, 3)


def test_what_no_object_is_or_of_another_size_is_refused(masks: Path) -> None:
    write_mask(masks / "dog/000/00000.png", TWO)
    write_mask(masks / "dog/000/00004.png", ONE[:1])
    stored = open_stored(masks)
    with pytest.raises(DataError, match=r"dog/000/00000\.png has the values \[0, 1, 2\], expected"):
        stored.read("dog", "00000")
    with pytest.raises(DataError, match=r"007/00004.png is 2x3 but .*000/00004.png is 1x3"):
        stored.read("dog", "00004")
    with pytest.raises(DataError, match=r"mask .*cat/00002\.png is missing"):
        stored.read("cat", "00002")


def test_a_sequence_is_of_one_layout_and_an_object_of_one_folder(masks: Path) -> None:
    write_mask(masks / "dog/00000.png", ONE)
    with pytest.raises(DataError, match=r"dog holds both label maps, such as 00000\.png, and fol"):
        open_stored(masks).frames("dog")
    (masks / "cow").mkdir()
    write_masks(masks / "cow", "00000", OVERLAP)
    (masks / "cow/7").mkdir()
    with pytest.raises(DataError, match=r"cow: 007/ and 7/ are both of object 7"):
        open_stored(masks).frames("cow")


def test_a_missing_sequence_says_what_is_there(masks: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cta is missing: .* for cta; did you mean 'cat'\?"):
        open_stored(masks).frames("cta")
    with pytest.raises(DataError, match=r"cow is missing: .*masks holds 2 folders, such as cat/"):
        open_stored(masks).frames("cow")
    with pytest.raises(DataError, match=r"did you mean .*/masks\?"):
        open_stored(tmp_path).frames("cat")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty is empty"):
        open_stored(tmp_path / "empty").frames("cat")
    with pytest.raises(DataError, match=r"for cow; .*m\.zip holds 2 folders, such as cat/"):
        open_stored(zipped(masks, tmp_path / "m.zip")).frames("cow")
    for name in ("cat", "dog"):  # one sequence in place of all of them
        with pytest.raises(DataError, match=rf"{name} is missing: .*; did you mean .*/masks\?"):
            open_stored(masks / "cat").frames(name)
    with pytest.raises(DataError, match=r"put the masks of cow into .*cat/cow/"):
        open_stored(masks / "cat").frames("cow")


def test_a_sequence_without_a_png_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    with pytest.raises(DataError, match=r"cat is empty; masks must be lossless PNG"):
        open_stored(tmp_path).frames("cat")
    for frame in range(6):
        Image.fromarray(ONE).save(tmp_path / f"cat/{frame}.jpg")
    with pytest.raises(DataError, match=r"only 6 \.jpg files; masks must be lossless PNG"):
        open_stored(tmp_path).frames("cat")


def test_what_is_not_read_is_told_a_line_a_cause(masks: Path) -> None:
    write_mask(masks / "cat/00009.png", ONE)
    Image.fromarray(ONE).save(masks / "cat/00000.jpg")
    Image.fromarray(ONE).save(masks / "cat/00000.PNG")
    (masks / "cat/00004.png").unlink()
    (masks / "cat/00004.png").symlink_to("gone.png")
    (masks / "dog/notes").mkdir()
    (masks / "dog/Thumbs.db").touch()
    Image.fromarray(ONE).save(masks / "dog/007/x.jpg")
    stored = open_stored(masks)
    strange, beside, link = stored.strangers("cat", ("00000", "00004"))
    assert strange.endswith(
        "1 mask belongs to no frame: 00009.png; frames are named 00000 to 00004"
    )
    assert beside.endswith("masks/cat also holds 1 .PNG file and 1 .jpg file: not read")
    assert link.endswith("00004.png is a link to gone.png, which is not there")
    other, of_object = stored.strangers("dog", ("00000", "00004"))
    assert other.endswith("dog also holds 1 folder, such as notes/: not read")
    assert of_object.endswith("dog/007 also holds 1 .jpg file: not read")


def test_the_stamp_changes_with_a_file_and_no_file_is_read(masks: Path, tmp_path: Path) -> None:
    stored = open_stored(masks)
    before = stored.stamp("cat"), stored.stamp("dog")
    assert before[0] != before[1]
    os.utime(masks / "dog/007/00000.png", ns=(5, 5))
    (masks / "dog/007/00000.png").chmod(0)
    assert stored.stamp("cat") == before[0]
    assert stored.stamp("dog") != before[1]
    first = open_stored(zipped(masks / "cat", tmp_path / "a.zip", "cat/")).stamp("cat")
    write_mask(masks / "cat/00000.png", TWO)
    assert open_stored(zipped(masks / "cat", tmp_path / "b.zip", "cat/")).stamp("cat") != first


@pytest.mark.parametrize("name", ["../out.png", "/etc/cat/00000.png", "C:/cat/00000.png"])
def test_an_unsafe_archive_is_refused_whole(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as out:
        out.writestr("cat/00000.png", b"x")
        out.writestr(name, b"x")
    with pytest.raises(DataError, match=r"(outside the folder|names a drive)(.|\n)*nothing was"):
        open_stored(tmp_path / "m.zip")


def test_a_damaged_archive_or_member_is_named(masks: Path, tmp_path: Path) -> None:
    whole = zipped(masks, tmp_path / "m.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[:-200])
    with pytest.raises(DataError, match=r"cut\.zip is damaged: .*pack the masks again"):
        open_stored(tmp_path / "cut.zip")
    at = whole.index(b"IDAT")
    (tmp_path / "m.zip").write_bytes(whole[:at] + b"XXXX" + whole[at + 4 :])
    with pytest.raises(DataError, match=r"m\.zip: cat/00000\.png is damaged"):
        open_stored(tmp_path / "m.zip").read("cat", "00000")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_one_name_twice_or_a_bomb_is_refused(
    masks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = open_stored(zipped(masks, tmp_path / "m.zip"))
    monkeypatch.setattr("vosbench.stored._LARGEST", 10)
    with pytest.raises(DataError, match=r"m\.zip: cat/00000\.png unpacks to \d+ bytes"):
        stored.read("cat", "00000")
    with zipfile.ZipFile(tmp_path / "m.zip", "a") as out:
        out.writestr("cat/00000.png", b"x")
    with pytest.raises(DataError, match=r"m\.zip holds cat/00000\.png twice; pack the masks again"):
        open_stored(tmp_path / "m.zip")


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_damage_is_named_however_the_archive_is_packed(packing: int, tmp_path: Path) -> None:
    path = tmp_path / "m.zip"
    with zipfile.ZipFile(path, "w", packing) as out:
        out.writestr("cat/00000.png", bytes(range(256)) * 4)
    content = bytearray(path.read_bytes())
    content[70:110] = b"\x55" * 40
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"m\.zip: cat/00000\.png is damaged"):
        open_stored(path).read("cat", "00000")


def test_what_is_neither_folder_nor_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.tar").write_bytes(b"x")
    with pytest.raises(DataError, match=r"m\.tar is not a folder but an archive: unzip it first"):
        open_stored(tmp_path / "m.tar")
    with pytest.raises(DataError, match=r"none is not a folder; expected masks as .*<sequence>/<f"):
        open_stored(tmp_path / "none")
