"""A dataset with its prompts on another frame: what is prompted, what counts, what it is called."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import make_folder_dataset

from vosbench.errors import DataError, UsageError
from vosbench.masks import OneObjectFiles, in_ids, write_mask
from vosbench.prompts.moved import From, Moved, prompted_at
from vosbench.protocols import (
    DAVIS2016,
    DAVIS2017,
    DAVIS2017_UNSUPERVISED,
    LVOS,
    PROMPTED,
    USUAL,
    YOUTUBE_VOS_LOCAL,
    PromptAt,
    moved,
)
from vosbench.resolve import open_dataset
from vosbench.running.records import data_sha256
from vosbench.scoring.measure import truth_folders
from vosbench.toolbox.datasets.layout import MappedFiles, without_void
from vosbench.types import Layers, Listed, Sequence

MID, BOTH = PromptAt("mid"), PromptAt("mid", "both")
NAMES = tuple(f"f{index}" for index in range(7))
FRAMES = [np.full((2, 3, 3), index, np.uint8) for index in range(7)]


def of(truth: Mapping[int, Any]) -> Sequence:
    prompts = {min(truth): truth[min(truth)]} if truth else {}
    return Sequence(name="cat", frames=FRAMES, frame_names=NAMES, prompts=prompts, truth=truth)


def shown(*numbers: int) -> np.ndarray:
    """A mask of three columns of which the last hold these objects."""
    mask = np.zeros((2, 3), np.uint8)
    mask[:, 3 - len(numbers) :] = numbers
    return mask


TRUTH = {0: shown(1), 2: shown(1, 2), 4: shown(2), 6: shown(3)}


def test_the_middle_one_of_the_annotated_frames_prompts_all_of_its_objects() -> None:
    found = prompted_at(of(TRUTH), MID)
    assert found.frame_names == NAMES[2:]
    assert [int(frame[0, 0, 0]) for frame in found.frames] == [2, 3, 4, 5, 6]
    assert list(found.prompts) == [0]
    assert np.array_equal(found.prompts[0], TRUTH[2])
    assert {index: mask.tolist() for index, mask in found.truth.items()} == {
        0: TRUTH[2].tolist(), 2: TRUTH[4].tolist(), 4: TRUTH[6].tolist(),
    }  # fmt: skip
    both = prompted_at(of(TRUTH), BOTH)
    assert both.frame_names == NAMES
    assert list(both.prompts) == [2]
    assert both.truth == TRUTH


def test_frames_before_the_prompt_are_not_missed_in_the_lists() -> None:
    objects = {1: Listed("", NAMES), 2: Listed("", (*NAMES, "none"))}
    listed = dataclasses.replace(of(TRUTH), objects=objects)
    (said,) = listed.unknown_frames()
    assert said.startswith("object 2 of cat: 1 of the 8 frames that the meta file lists")
    assert list(prompted_at(listed, BOTH).unknown_frames()) == [said]
    assert list(prompted_at(listed, MID).unknown_frames()) == []


def test_a_middle_frame_that_shows_nothing_gives_way_to_the_nearest_that_does() -> None:
    empty = {**TRUTH, 2: shown(), 0: shown()}
    assert list(prompted_at(of(empty), BOTH).prompts) == [4]
    assert list(prompted_at(of({**TRUTH, 2: shown()}), BOTH).prompts) == [0]  # the earlier of two
    with pytest.raises(DataError, match="cat has no annotation beside its prompts"):
        prompted_at(of({0: shown(), 3: shown()}), MID)
    with pytest.raises(DataError, match="cat has no annotation beside its prompts"):
        prompted_at(of({}), MID)


@pytest.mark.parametrize("frame", ["f4", "4", "04"])
def test_a_frame_is_named_or_numbered(frame: str) -> None:
    assert list(prompted_at(of(TRUTH), PromptAt(frame, "both")).prompts) == [4]


def test_a_name_comes_before_a_number() -> None:
    names = ("1", "2", "3", "4", "5", "6", "7")
    sequence = Sequence(name="cat", frames=FRAMES, frame_names=names, prompts={}, truth=TRUTH)
    assert list(prompted_at(sequence, PromptAt("5", "both")).prompts) == [4]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ("f9", r"cat has no frame 'f9': its 7 frames are named f0 to f6, or numbered 0 to 6; "),
        ("7", r"cat has no frame '7': "),
        (
            "f3",
            r"cat: frame f3 has no annotation to prompt with; the nearest that is annotated is f2",
        ),
    ],
)
def test_a_frame_that_cannot_prompt_is_told(frame: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        prompted_at(of(TRUTH), PromptAt(frame))


def test_where_only_prompts_are_annotated_that_is_told() -> None:
    with pytest.raises(DataError, match=r"frame f0 has no annotation .*only its prompts are anno"):
        prompted_at(dataclasses.replace(of({}), prompts={0: shown(1)}), PromptAt("f0"))


def test_an_annotation_of_nothing_cannot_prompt() -> None:
    with pytest.raises(DataError, match="the annotation of frame f2 shows no object to prompt"):
        prompted_at(of({**TRUTH, 2: shown()}), PromptAt("f2"))


def test_objects_that_are_stored_but_not_seen_are_not_prompted() -> None:
    stack = np.zeros((3, 2, 3), bool)
    stack[[0, 2], 0, 0] = True
    found = prompted_at(of({1: Layers((0, 5, 9), stack)}), MID).prompts[0]
    assert isinstance(found, Layers)
    assert found.ids == (0, 9)
    assert found.stack.sum() == 2


def test_truth_from_a_frame_on_is_what_it_was(tmp_path: Path) -> None:
    paths = {}
    for index, mask in TRUTH.items():
        paths[index] = tmp_path / f"{index}.png"
        stored = mask.copy()
        stored[0, 0] = 255
        write_mask(paths[index], stored)
    truth = From(MappedFiles(paths, without_void), 2)
    assert (list(truth), len(truth)) == ([0, 2, 4], 3)
    assert 2 in truth
    assert -2 not in truth
    assert 1 not in truth
    assert np.array_equal(truth[2], TRUTH[4])
    assert truth.raw(2)[0, 0] == 255
    assert truth.paths == {0: paths[2], 2: paths[4], 4: paths[6]}
    with pytest.raises(KeyError):
        truth[-2]
    sequence = prompted_at(of(MappedFiles(paths, without_void)), MID)
    assert truth_folders(sequence) == (str(tmp_path),)
    assert not hasattr(From(TRUTH, 2), "raw")
    one = From(OneObjectFiles(paths), 2)
    assert int(one[0].max()) == 1
    assert in_ids(np.array([[0, 255]], np.uint8), one).tolist() == [[0, 1]]


def test_a_sequence_with_other_prompts_is_other_data() -> None:
    hashes = {
        data_sha256(prompted_at(of(TRUTH), at))
        for at in (USUAL, MID, BOTH, PromptAt("4"), PromptAt("4", "both"))
    }
    assert len(hashes) == 5


def test_a_moved_dataset_has_other_protocols_and_nothing_to_hand_in(tmp_path: Path) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 6})
    usual = open_dataset("folder", root=root)
    dataset = open_dataset("folder", root=root, at=MID)
    assert isinstance(dataset, Moved)
    assert type(usual) is not Moved
    assert dataset.names == usual.names
    assert [each.name for each in dataset.card.protocols] == [
        f"{each.name.removesuffix('-local')}-prompt-at-mid-local"
        for each in usual.card.protocols
        if each.objects != "proposals"
    ]
    assert len(dataset.sequence("ant").frame_names) == 4


def test_the_name_of_a_protocol_says_where_objects_are_prompted() -> None:
    assert moved(DAVIS2017, USUAL) is DAVIS2017
    forward, both = moved(DAVIS2017, MID), moved(DAVIS2017, BOTH)
    assert (forward.name, both.name) == (
        "davis2017-prompt-at-mid-local", "davis2017-prompt-at-mid-both-local",
    )  # fmt: skip
    for each in (forward, both):
        assert (each.objects, each.drop_first, each.drop_last) == ("prompted", False, False)
        assert each.average == DAVIS2017.average
        assert each.description.startswith("NOT as published: ")
        assert each.source == "vosbench"
    assert (forward.frames, both.frames) == ("after-prompt", "but-prompt")
    assert moved(PROMPTED, PromptAt("first", "both")).name == "prompted-both-local"
    assert moved(YOUTUBE_VOS_LOCAL, PromptAt("00050")).name == "youtube-vos-prompt-at-00050-local"
    assert moved(DAVIS2016, MID).objects == "united"
    assert moved(LVOS, MID).frames == "after-prompt"
    with pytest.raises(
        UsageError, match="davis2017-unsupervised scores objects that nobody prompt"
    ):
        moved(DAVIS2017_UNSUPERVISED, MID)


def test_words_are_what_is_not_as_usual() -> None:
    assert USUAL.words == {}
    assert MID.words == {"prompt_at": "mid"}
    assert BOTH.words == {"prompt_at": "mid", "direction": "both"}
