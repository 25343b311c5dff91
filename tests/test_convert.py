"""Masks in another form are the same masks; what a form cannot hold is refused or told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import Vosbench
from PIL import Image

import vosbench
from vosbench.errors import DataError, UsageError
from vosbench.masks import palette
from vosbench.stored import open_stored, write_masks
from vosbench.types import Layers, Masks

TWO = np.array([[0, 1, 1], [0, 2, 2]], np.uint8)
DEEP = np.array([[0, 1, 1], [0, 300, 2]], np.uint16)
OVERLAP = Layers((0, 7), np.array([[[1, 1, 1], [0, 0, 0]], [[0, 1, 1], [0, 0, 0]]], bool))
APART = Layers((1, 7), np.array([[[1, 0, 0], [0, 0, 0]], [[0, 1, 1], [0, 0, 0]]], bool))


def masks(folder: Path, each: Masks, name: str = "cat") -> Path:
    (folder / name).mkdir(parents=True)
    for frame in ("00000", "00003"):
        write_masks(folder / name, frame, each)
    return folder


def read(path: Path, frame: str = "00003") -> Masks:
    return open_stored(path).read("cat", frame)


def same(one: Masks, other: Masks) -> None:
    if isinstance(one, Layers):
        assert isinstance(other, Layers)
        assert one.ids == other.ids
        np.testing.assert_array_equal(one.stack, other.stack)
    else:
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("to", ["objects", "rle"])
def test_label_maps_go_and_come_back(tmp_path: Path, to: str) -> None:
    source = masks(tmp_path / "in", DEEP)
    first = tmp_path / ("out.json" if to == "rle" else "out")
    done = vosbench.convert(source, first, to=to)
    assert done == (first, 1, 2, ())
    there = read(first)
    assert isinstance(there, Layers)
    assert there.ids == (1, 2, 300)
    vosbench.convert(first, tmp_path / "back")
    same(read(tmp_path / "back"), DEEP)


def test_objects_that_overlap_go_to_json_and_back(tmp_path: Path) -> None:
    vosbench.convert(masks(tmp_path / "in", OVERLAP), tmp_path / "new" / "m.json")
    same(read(tmp_path / "new" / "m.json"), OVERLAP)
    vosbench.convert(tmp_path / "new" / "m.json", tmp_path / "back", to="objects")
    same(read(tmp_path / "back"), OVERLAP)
    assert sorted(path.name for path in (tmp_path / "back" / "cat").iterdir()) == ["000", "007"]


def test_what_a_label_map_cannot_hold_is_refused_or_asked_for(tmp_path: Path) -> None:
    zero = masks(tmp_path / "zero", OVERLAP)
    with pytest.raises(DataError, match=r"cat has an object 0, .* --flatten counts the objects"):
        vosbench.convert(zero, tmp_path / "out")
    one = masks(tmp_path / "one", Layers((1, 7), OVERLAP.stack))
    with pytest.raises(DataError, match=r"00000\.png: 2 pixels are of two objects or more"):
        vosbench.convert(one, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    done = vosbench.convert(zero, tmp_path / "out", flatten=True)
    same(read(tmp_path / "out"), np.array([[1, 2, 2], [0, 0, 0]], np.uint8))
    assert done.notes[0].startswith("cat: objects 0, 7 are counted from 1: their ids are not")
    assert done.notes[1].startswith("cat: objects overlap in 2 frames; where objects overlap, the")
    assert vosbench.convert(masks(tmp_path / "apart", APART), tmp_path / "fine").notes == ()


def test_void_and_255_as_an_object_and_lacking_frames_are_told(tmp_path: Path) -> None:
    sole = vosbench.convert(
        masks(tmp_path / "sole", (TWO > 0) * np.uint8(255)), tmp_path / "a.json"
    )
    assert sole.notes == ("cat: 255 is its one object, 1",)
    same(read(tmp_path / "a.json"), Layers((1,), (TWO > 0)[None]))
    void = np.where(TWO == 2, 255, TWO).astype(np.uint8)
    left = vosbench.convert(masks(tmp_path / "void", void), tmp_path / "b.json")
    assert left.notes == ("cat: 255 is void, which is left out",)
    same(read(tmp_path / "b.json"), Layers((1,), (TWO == 1)[None]))
    folder = masks(tmp_path / "in", APART)
    (folder / "cat/007/00003.png").unlink()
    lacking = vosbench.convert(folder, tmp_path / "c")
    (note,) = lacking.notes
    assert note == "cat: object 7 has no mask for 1 of 2 frames; it counts as not visible there"


def test_colours_of_davis_become_ids(tmp_path: Path) -> None:
    colours = np.array(palette(), np.uint8).reshape(-1, 3)
    (tmp_path / "in/cat").mkdir(parents=True)
    Image.fromarray(colours[TWO]).save(tmp_path / "in/cat/00003.png")
    vosbench.convert(tmp_path / "in", tmp_path / "out")
    same(read(tmp_path / "out"), TWO)
    with Image.open(tmp_path / "out/cat/00003.png") as image:
        assert image.mode == "P"


def test_nothing_is_replaced_and_nothing_half_is_left(tmp_path: Path) -> None:
    source = masks(tmp_path / "in", TWO)
    masks(source, TWO, "dog")
    (tmp_path / "out").mkdir()
    (tmp_path / "m.json").touch()
    (source / "dog/00003.png").write_bytes(b"x")
    with pytest.raises(DataError, match=r"dog/00003\.png is not a picture"):
        vosbench.convert(source, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "m.json", "out"]
    assert not any((tmp_path / "out").iterdir())
    assert vosbench.convert(source, tmp_path / "out", sequences=["cat"]).sequences == 1
    for out in ("out", "m.json"):
        with pytest.raises(UsageError, match=rf"{out} is there already and is not replaced"):
            vosbench.convert(source, tmp_path / out)
    with pytest.raises(UsageError, match="whose masks it would join; name another place"):
        vosbench.convert(source, source / "new")
    assert sorted(path.name for path in source.iterdir()) == ["cat", "dog"]
    with pytest.raises(UsageError, match="--to pgn: did you mean 'png'"):
        vosbench.convert(source, tmp_path / "new", to="pgn")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty holds no sequence; expected"):
        vosbench.convert(tmp_path / "empty", tmp_path / "new")


def test_the_command_takes_a_run_and_says_what_it_wrote(tmp_path: Path, command: Vosbench) -> None:
    masks(tmp_path / "run/masks", (TWO > 0) * np.uint8(255))
    (tmp_path / "run/run.json").write_text("{}")
    done = command("convert", tmp_path / "run", "m.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "note: cat: 255 is its one object, 1\nm.json: 1 sequence, 2 frames\n"
    again = command("convert", tmp_path / "run", "m.json")
    assert again.returncode == 1
    assert "m.json is there already and is not replaced" in again.stderr


def test_run_lengths_get_the_suffix_by_which_they_are_known(tmp_path: Path) -> None:
    done = vosbench.convert(masks(tmp_path / "in", TWO), tmp_path / "out.masks", to="rle")
    assert done.out == tmp_path / "out.masks.json"
    assert done.out.is_file()


def test_who_says_that_values_are_ids_is_believed(tmp_path: Path, command: Vosbench) -> None:
    steps = np.arange(40, 232, dtype=np.uint8).reshape(12, 16)  # one object a pixel
    (tmp_path / "in" / "cat").mkdir(parents=True)
    Image.fromarray(steps).save(tmp_path / "in" / "cat" / "00003.png")
    with pytest.raises(DataError, match="if these are ids, `vosbench convert IN OUT --to objects"):
        vosbench.convert(tmp_path / "in", tmp_path / "out")
    done = command("convert", tmp_path / "in", tmp_path / "out", "--to", "objects", "--ids")
    assert done.returncode == 0
    written = read(tmp_path / "out")
    assert isinstance(written, Layers)
    assert written.ids == tuple(range(40, 232))
    np.testing.assert_array_equal(np.argmax(written.stack, 0) + 40, steps)
