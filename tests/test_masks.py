from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from vosbench import masks, png
from vosbench.errors import DataError
from vosbench.masks import (
    MaskFiles,
    ids,
    lay_prompt,
    read_foreground,
    read_mask,
    resize_mask,
    sole_id,
)
from vosbench.types import Layers

STEPS = np.arange(12, dtype=np.uint8).reshape(3, 4)


def test_a_written_mask_reads_back_with_davis_colours_on_the_fast_path(tmp_path):
    path = tmp_path / "00000.png"
    masks.write_mask(path, STEPS)
    np.testing.assert_array_equal(read_mask(path), STEPS)
    np.testing.assert_array_equal(png.decode(path.read_bytes()), STEPS)
    with Image.open(path) as image:
        assert image.mode == "P"
        assert image.getpalette()[:12] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mask", [STEPS.astype(np.int64), STEPS[None]], ids=["dtype", "axes"])
def test_what_is_no_mask_is_not_written(tmp_path, mask):
    with pytest.raises(ValueError, match="a mask is"):
        masks.write_mask(tmp_path / "m.png", mask)


@pytest.mark.parametrize("name", ["m.png", "m.bmp"])
@pytest.mark.parametrize("mode", ["L", "P", "1"])
def test_grey_palette_and_bits_give_their_values(tmp_path, mode, name):
    values = STEPS % 2 if mode == "1" else STEPS
    image = Image.fromarray(values * 255 if mode == "1" else values).convert("L")
    if mode == "P":
        image.putpalette(masks.palette())
    (image.convert("1") if mode == "1" else image).save(tmp_path / name)
    mask = read_mask(tmp_path / name)
    np.testing.assert_array_equal(mask, values)
    assert mask.dtype == np.uint8
    mask[0, 0] = 9  # a reader's mask is the caller's own


def test_grey_with_alpha_gives_its_grey(tmp_path):
    image = Image.merge("LA", [Image.fromarray(STEPS), Image.new("L", (4, 3), 200)])
    image.save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), STEPS)


def test_colour_is_refused(tmp_path):
    Image.new("RGB", (4, 3), "red").save(tmp_path / "m.png")
    with pytest.raises(DataError, match=r"m.png has mode RGB, expected a palette"):
        read_mask(tmp_path / "m.png")


@pytest.mark.parametrize("top", [0, 255, 256, 65535])
def test_ids_of_16_bits_are_read_and_written(tmp_path, top):
    mask = np.array([[0, 1, top], [top, 3, 0]], np.uint16)
    Image.fromarray(mask).save(tmp_path / "m.png")
    found = read_mask(tmp_path / "m.png")
    np.testing.assert_array_equal(found, mask)
    assert found.dtype == (np.uint16 if top > 255 else np.uint8)
    masks.write_mask(tmp_path / "n.png", mask)
    np.testing.assert_array_equal(read_mask(tmp_path / "n.png"), mask)
    with Image.open(tmp_path / "n.png") as image:
        assert image.mode == ("I;16" if top > 255 else "P")


def test_200_objects_of_16_bits_are_no_soft_map_and_a_depth_map_is_one(tmp_path):
    objects = np.arange(200, 400, dtype=np.uint16).reshape(20, 10).repeat(5, 0).repeat(5, 1)
    masks.write_mask(tmp_path / "m.png", objects)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), objects)
    Image.fromarray(np.arange(2400, dtype=np.uint16).reshape(40, 60)).save(tmp_path / "d.png")
    with pytest.raises(DataError, match=r"d.png has 2399 different grey values: it looks like a s"):
        read_mask(tmp_path / "d.png")


def test_values_beyond_16_bits_are_refused(tmp_path):
    Image.fromarray(np.array([[0, 65536]], np.int32)).save(tmp_path / "m.tif")
    with pytest.raises(DataError, match=r"m.tif has mode I, .* are object ids, at most 65535"):
        read_mask(tmp_path / "m.tif")


def test_no_object_is_the_background_of_a_label_map():
    layers = Layers((0, 2), np.array([[[1, 1]], [[0, 1]]], bool))
    mask = np.array([[0, 2]], np.uint8)
    assert masks.pixels(layers, 0).tolist() == [[True, True]]
    assert masks.pixels(mask, 0).tolist() == [[False, False]]
    assert masks.pixels(mask, 2).tolist() == masks.pixels(layers, 2).tolist() == [[False, True]]
    assert masks.pixels(layers, 1).tolist() == [[False, False]]


def test_ids_are_counted_alike_in_all_prompts_of_a_video():
    high = np.array([[0, 9, 300]], np.uint16)
    low = np.array([[9, 0, 0]], np.uint8)
    maps = masks.label_maps({0: high, 4: low})
    assert [maps[0].tolist(), maps[4].tolist()] == [[[0, 1, 2]], [[1, 0, 0]]]
    assert masks.numbering((9, 300)) == {9: 1, 300: 2}
    assert masks.numbering((1, 254)) == {1: 1, 254: 254}
    assert masks.label_maps({0: low * 28})[0].tolist() == [[252, 0, 0]]
    with pytest.raises(DataError, match="255 objects do not fit one label map, which holds 254"):
        masks.numbering(range(255))


def test_a_missing_file_is_named(tmp_path):
    for read in (read_mask, read_foreground):
        with pytest.raises(DataError, match=r"nothing.png is missing"):
            read(tmp_path / "nothing.png")


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "m.png"
    masks.write_mask(path, STEPS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"m.png is damaged: the file ends .*copy it again"):
        read_mask(path)
    path.write_bytes(b"not a picture")
    with pytest.raises(DataError, match=r"m.png is not a picture: 13 bytes of something else"):
        read_mask(path)
    with pytest.raises(DataError, match=r"m.png is not a picture: 13 bytes of something else"):
        read_foreground(path)


def test_a_folder_is_no_mask(tmp_path):
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_mask(tmp_path)


def test_a_decompression_bomb_is_a_data_error(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4)
    Image.new("L", (10, 10)).save(tmp_path / "m.bmp")
    with pytest.raises(DataError, match=r"m.bmp cannot be read.*bomb"):
        read_mask(tmp_path / "m.bmp")


def test_foreground_thresholds_soft_edges(tmp_path):
    soft = np.array([[0, 127, 128, 255]], dtype=np.uint8)
    Image.fromarray(np.stack([soft] * 3, axis=-1)).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_foreground(tmp_path / "m.png"), [[0, 0, 1, 1]])


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))), st.integers(1, 3))
def test_resizing_invents_no_id_and_is_exact_for_whole_factors(mask, factor):
    h, w = mask.shape
    larger = resize_mask(mask, h=h * factor, w=w * factor)
    np.testing.assert_array_equal(larger, mask.repeat(factor, axis=0).repeat(factor, axis=1))
    assert set(ids(resize_mask(mask, h=5, w=4))) <= set(ids(mask))


def test_a_prompt_wins_where_both_have_an_object():
    laid = lay_prompt(np.array([[1, 1, 0]], np.uint8), np.array([[0, 2, 2]], np.uint8))
    np.testing.assert_array_equal(laid, [[1, 2, 2]])


def test_ids_are_ascending_without_background():
    assert ids(np.array([[5, 0], [255, 1]], np.uint8)) == (1, 5, 255)


def test_mask_files_read_when_asked(tmp_path):
    masks.write_mask(tmp_path / "a.png", STEPS)
    files = MaskFiles({7: tmp_path / "gone.png", 3: tmp_path / "a.png"})
    assert list(files) == [3, 7]
    assert len(files) == 2
    np.testing.assert_array_equal(files[3], STEPS)
    with pytest.raises(DataError, match=r"gone\.png is missing"):
        files[7]


def test_reading_davis_masks_does_not_import_pillow(tmp_path):
    masks.write_mask(tmp_path / "a.png", STEPS)
    code = (
        "import sys; from pathlib import Path; from vosbench.masks import read_mask\n"
        f"read_mask(Path({str(tmp_path / 'a.png')!r})); sys.exit('PIL' in sys.modules)"
    )
    root = Path(masks.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 30))))
def test_grey_pictures_of_any_tool_read_as_pillow_reads_them(mask):
    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, format="PNG")
    decoded = png.decode(stream.getvalue())
    assert decoded is None or (decoded == mask).all()


def test_grey_of_two_or_four_bits_is_read_as_stored_or_refused(tmp_path):
    from test_png import make

    path = tmp_path / "mask.png"
    path.write_bytes(make(w=9, h=3, depth=4, colour=0, filters=[0] * 3))
    assert read_mask(path).max() <= 15
    path.write_bytes(make(w=9, h=3, depth=4, colour=0, filters=[2] * 3))
    with pytest.raises(DataError, match=r"mask\.png is grey with 2 or 4 bits and filtered"):
        read_mask(path)


def test_foreground_refuses_indices_and_deep_pictures(tmp_path):
    path = tmp_path / "mask.png"
    Image.fromarray(np.full((4, 4), 60, np.uint16)).save(path)
    with pytest.raises(DataError, match="has mode I;16, expected a grey or colour picture"):
        read_foreground(path)
    masks.write_mask(path, np.ones((4, 4), np.uint8))
    with pytest.raises(DataError, match="has mode P with colours"):
        read_foreground(path)


@given(hnp.arrays(np.uint8, (3, 4), elements=st.sampled_from([0, 1, 127, 128, 254, 255])))
def test_a_sole_id_is_the_only_one_of_all_ids(mask: np.ndarray) -> None:
    found = ids(mask)
    assert sole_id(mask) == (found[0] if len(found) == 1 else 0)
