"""Masks of other tools: found, validated, and named when they are wrong."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vosbench
from vosbench import registry
from vosbench.errors import DataError, UsageError
from vosbench.masks import write_mask
from vosbench.stored import write_masks
from vosbench.types import Layers, Masks

plugin = registry.load("methods", "precomputed")
NAMES = ("00000", "00001", "00002")
FRAMES = [np.zeros((2, 3, 3), np.uint8)] * 3
ONE = np.array([[0, 1, 1], [0, 0, 0]], np.uint8)
TWO = np.array([[0, 1, 1], [0, 2, 2]], np.uint8)


def run(folder: Path, prompts: dict[int, np.ndarray]) -> list[list[list[int]]]:
    method = plugin.build(plugin.Options(folder=folder), device="cpu", seed=0)
    stored = method.for_sequence("cat", NAMES)
    return [mask.tolist() for mask in stored.segment(iter(FRAMES), prompts)]


def segment(folder: Path, prompts: Mapping[int, Masks]) -> list[Any]:
    method = plugin.build(plugin.Options(folder=folder), device="cpu", seed=0)
    return list(method.for_sequence("cat", NAMES).segment_layers(iter(FRAMES), prompts))


def write(folder: Path, *masks: np.ndarray, start: int = 0) -> None:
    (folder / "cat").mkdir(exist_ok=True)
    for name, mask in zip(NAMES[start:], masks, strict=True):
        write_mask(folder / "cat" / f"{name}.png", mask)


def test_palette_masks_are_given_back(tmp_path: Path) -> None:
    write(tmp_path, TWO, ONE, TWO)
    assert run(tmp_path, {0: TWO}) == [TWO.tolist(), ONE.tolist(), TWO.tolist()]


def test_255_is_the_one_object(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    for name in NAMES:
        Image.fromarray(ONE * 255).save(tmp_path / "cat" / f"{name}.png")
    assert run(tmp_path, {0: ONE}) == [ONE.tolist()] * 3
    assert run(tmp_path, {0: ONE * 7}) == [(ONE * 7).tolist()] * 3


def test_255_is_no_object_where_there_are_two(tmp_path: Path) -> None:
    write(tmp_path, TWO, ONE * 255, TWO)
    with pytest.raises(DataError, match=r"00001\.png holds ids \[255\].*prompts: \[1, 2\]"):
        run(tmp_path, {0: TWO})


def test_the_prompt_stands_in_for_its_own_missing_file(tmp_path: Path) -> None:
    write(tmp_path, TWO, TWO, start=1)
    assert run(tmp_path, {0: ONE * 2, 1: ONE})[0] == (ONE * 2).tolist()


def test_before_the_first_prompt_is_background(tmp_path: Path) -> None:
    write(tmp_path, ONE, start=2)
    assert run(tmp_path, {1: ONE}) == [np.zeros((2, 3)).tolist(), ONE.tolist(), ONE.tolist()]


def test_every_missing_file_is_listed_before_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    write_mask(tmp_path / "cat" / "00000.png", ONE)
    with pytest.raises(DataError) as caught:
        run(tmp_path, {0: ONE})
    assert len(caught.value.faults) == 2
    assert "00001.png is missing" in str(caught.value)
    assert "00002.png is missing" in str(caught.value)


def test_ids_that_no_prompt_gives(tmp_path: Path) -> None:
    write(tmp_path, ONE, ONE * 3, ONE)
    with pytest.raises(DataError, match=r"holds ids \[3\] that no prompt gives"):
        run(tmp_path, {0: ONE})


def test_another_size(tmp_path: Path) -> None:
    write(tmp_path, ONE, np.zeros((4, 5), np.uint8), ONE)
    with pytest.raises(DataError, match=r"00001\.png is 4x5 but its frame is 2x3"):
        run(tmp_path, {0: ONE})


def test_a_sequence_without_a_folder_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    with pytest.raises(
        DataError, match="missing: expected a folder of masks for cat; did you mean 'cats'"
    ):
        run(tmp_path, {0: ONE})


def test_a_folder_must_be_given_and_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--set folder=DIR"):
        plugin.build(plugin.Options(), device="cpu", seed=0)
    with pytest.raises(UsageError, match=r"is not a folder; expected <folder>/<sequence>"):
        plugin.Options(folder=tmp_path / "none")
    with pytest.raises(UsageError, match="for_sequence"):
        plugin.build(plugin.Options(folder=tmp_path), device="cpu", seed=0).segment(FRAMES, {})


def test_archives_and_json_are_read_as_folders_are(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write(tmp_path / "in", TWO, ONE, TWO)
    shutil.make_archive(str(tmp_path / "m"), "zip", tmp_path, "in")
    assert run(tmp_path / "m.zip", {0: TWO}) == run(tmp_path / "in", {0: TWO})
    vosbench.convert(tmp_path / "in", tmp_path / "m.json")
    stored = segment(tmp_path / "m.json", {0: TWO})
    assert [masks.ids for masks in stored] == [(1, 2)] * 3
    assert [masks.stack[1].any() for masks in stored] == [True, False, True]


def test_objects_one_a_folder_keep_their_ids_and_must_be_whole(tmp_path: Path) -> None:
    overlap = Layers((0, 7), np.array([[[1, 1, 0], [0, 0, 0]], [[0, 1, 1], [0, 0, 0]]], bool))
    (tmp_path / "cat").mkdir()
    for name in NAMES:
        write_masks(tmp_path / "cat", name, overlap)
    for masks in segment(tmp_path, {0: overlap}):
        assert masks.ids == (0, 7)
        np.testing.assert_array_equal(masks.stack, overlap.stack)
    with pytest.raises(
        DataError, match=r"<object>/00000\.png holds ids \[0\] that no prompt gives"
    ):
        segment(tmp_path, {0: Layers((7,), overlap.stack[1:])})
    (tmp_path / "cat/007/00002.png").unlink()
    with pytest.raises(DataError, match=r"<object>/00002\.png is missing for object 7; write one"):
        segment(tmp_path, {0: overlap})
    late = {0: Layers((0,), overlap.stack[:1]), 2: Layers((7,), overlap.stack[1:])}
    assert [masks.ids for masks in segment(tmp_path, late)] == [(0, 7), (0, 7), (0,)]


def test_ids_above_255_are_read(tmp_path: Path) -> None:
    write(tmp_path, *[TWO.astype(np.uint16) * 300] * 3)
    stored = segment(tmp_path, {0: TWO.astype(np.uint16) * 300})
    np.testing.assert_array_equal(stored[2], TWO.astype(np.uint16) * 300)
