"""Datasets that are no more than a card and a list over the shared layout."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import fixtures_layouts
import numpy as np
import pytest
from fixtures_trees import gold, load, meta, video

import vosbench
from vosbench import png, resolve
from vosbench.data.check import check_dataset
from vosbench.errors import DataError
from vosbench.masks import ids, write_mask
from vosbench.types import Dataset, Sequence


def prompts(sequence: Sequence) -> dict[int, tuple[int, ...]]:
    return {index: ids(mask) for index, mask in sequence.prompts.items()}


def split(root: Path, name: str, list_of_it: str) -> Dataset:
    """Two videos, of which the list names one; object 4 comes late."""
    for each in ("-x_1", "other"):
        video(root, each, {0: (1,), 2: (1, 4), 4: (4,)})
    if list_of_it:
        (root / list_of_it).write_text("-x_1\n")
    return load(name, root)


def test_secvos_prompts_late_objects(tmp_path: Path) -> None:
    dataset = split(tmp_path, "secvos", "video_id.txt")
    assert dataset.names == ("-x_1",)
    sequence = dataset.sequence("-x_1")
    assert prompts(sequence) == {0: (1,), 2: (4,)}
    assert list(sequence.truth) == [0, 2, 4]
    assert check_dataset(dataset).ok


def test_favos_prompts_the_first_annotation_alone(tmp_path: Path) -> None:
    (tmp_path / "favos-40.txt").write_text("other\n")
    dataset = split(tmp_path, "favos", "favos-20.txt")
    assert dataset.names == ("-x_1", "other")
    assert load("favos", tmp_path, "favos-40").names == ("other",)
    assert prompts(dataset.sequence("other")) == {0: (1,)}
    assert list(dataset.sequence("other").truth) == [0, 2, 4]


def test_pumavos_lists_its_folders(tmp_path: Path) -> None:
    dataset = split(tmp_path, "pumavos", "")
    assert dataset.names == ("-x_1", "other")
    assert prompts(dataset.sequence("other")) == {0: (1,), 2: (4,)}


@pytest.mark.parametrize(("name", "file"), [("secvos", "video_id.txt"), ("favos", "favos-20.txt")])
def test_a_missing_list_is_named(tmp_path: Path, name: str, file: str) -> None:
    with pytest.raises(DataError, match=f"{file} is missing: expected one name of a video a line"):
        split(tmp_path, name, "")


def test_an_annotation_without_objects_is_no_prompt(tmp_path: Path) -> None:
    video(tmp_path, "a", {0: (), 1: ()})
    report = check_dataset(load("pumavos", tmp_path))
    assert "pumavos/a has no prompt: no annotation shows an object to start from" in report.faults


def test_a_damaged_annotation_is_told_by_the_check(tmp_path: Path) -> None:
    video(tmp_path, "a", {0: (1,), 1: (1,)})
    fixtures_layouts.truncate(tmp_path / "Annotations/a/00001.png")
    report = check_dataset(load("pumavos", tmp_path))
    assert [f for f in report.faults if "00001.png" in f] == list(report.faults)
    assert report.sequences[0].pairs == 1


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("mosev1", "mosev1"),
        ("mosev2", "mosev2"),
        ("lvos-v2", "lvos"),
        ("sav", "sav"),
        ("vost", "vost"),
        ("youtube-vos-2019", "ytvos"),
    ],
)
def test_opening_the_drawn_data_reads_no_mask(
    name: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("a mask is read")

    root = gold(folder)
    monkeypatch.setattr(png, "decode", read)
    dataset = load(name, root)
    for each in dataset.names:
        assert len(dataset.sequence(each).truth) > 1
    with pytest.raises(AssertionError, match="a mask is read"):
        len(dataset.sequence(dataset.names[0]).prompts)


@pytest.mark.parametrize(("number", "word"), [(0, "the background"), (255, "void")])
@pytest.mark.parametrize("dataset", ["mosev1", "mosev2", "youtube-vos-2019", "folder"])
def test_objects_that_label_maps_cannot_show_are_told(
    tmp_path: Path, dataset: str, number: int, word: str
) -> None:
    root = tmp_path / "data"
    video(root if dataset == "folder" else root / "valid", "a", dict.fromkeys(range(4), (1, 2)))
    facts = {"category": "dog", "frames": ["00000"]}
    of = {str(each): facts for each in (1, 2, number)}
    meta(next(root.rglob("JPEGImages")).parent / "meta.json", {"a": {"objects": of}})
    said = rf"object {number} of {dataset}/a is listed .* label maps, {number} is {word}: take it"
    with pytest.raises(DataError, match=said):
        load(dataset, root).sequence("a")
    assert not check_dataset(load(dataset, root)).ok


def test_object_000_counts_where_each_object_has_a_folder(tmp_path: Path) -> None:
    for number in ("000", "001"):
        for frame in range(4):
            mask = np.zeros((fixtures_layouts.H, fixtures_layouts.W), np.uint8)
            mask[4 + int(number) :, 2:9] = 1
            path = tmp_path / f"valid/Annotations/a/{number}/{frame:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_mask(path, mask)
            fixtures_layouts.picture(tmp_path / f"valid/JPEGImages/a/{frame:05d}.jpg")
    meta(tmp_path / "valid/meta.json", {"a": {"objects": {"0": {}, "1": {}}}})
    result = vosbench.evaluate(tmp_path / "valid/Annotations", "mosev2", root=tmp_path)
    assert [(row["object"], row["J"]["mean"]) for row in result.summary["objects"]] == [
        (0, 1.0),
        (1, 1.0),
    ]


def edition(root: Path, videos: int = 1) -> Path:
    for number in range(videos):
        video(root / "valid", f"v{number}", dict.fromkeys(range(3), (1,)), frames=3)
    meta(root / "valid/meta.json", {f"v{n}": {"objects": {"1": {}}} for n in range(videos)})
    return root


def test_a_folder_of_another_edition_is_told(tmp_path: Path) -> None:
    root = edition(tmp_path / "MOSEv2")
    said = "the folder MOSEv2 seems to be that of mosev2: --dataset mosev2 scores by its rules"
    assert said in check_dataset(load("mosev1", root)).notes
    scored = vosbench.evaluate(root / "valid/Annotations", "mosev1", root=root)
    assert said in scored.summary["notes"]
    assert "notes" not in vosbench.evaluate(root / "valid/Annotations", "mosev2", root=root).summary
    assert resolve.fits_better(load("mosev2", edition(tmp_path / "MOSE"))).startswith(
        "the folder MO"
    )
    assert not resolve.fits_better(load("mosev1", tmp_path / "MOSE"))
    assert not resolve.fits_better(load("mosev1", edition(tmp_path / "mine")))
    assert not resolve.fits_better(load("mosev2", edition(tmp_path / "MOSE/release-2")))


def test_the_number_of_videos_tells_the_edition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = resolve.card_of("youtube-vos-2018")
    monkeypatch.setitem(cast("dict[str, int]", card.counts), "valid", 1)
    facts = {"1": {"category": "dog", "frames": ["00000"]}}
    video(tmp_path / "valid", "a", {0: (1,)})
    meta(tmp_path / "valid/meta.json", {"a": {"objects": facts}})
    said = "1 sequences are those of youtube-vos-2018 valid: --dataset youtube-vos-2018 scores by "
    assert resolve.fits_better(load("youtube-vos-2019", tmp_path)).startswith(said)
    assert not resolve.fits_better(load("youtube-vos-2018", tmp_path))


def test_an_edition_that_opens_the_folder_is_named_in_the_error(tmp_path: Path) -> None:
    (edition(tmp_path) / "valid/meta.json").unlink()
    with pytest.raises(
        DataError, match=r"is missing: .*; mosev1 opens this folder: --dataset mosev1"
    ):
        resolve.open_dataset("mosev2", root=tmp_path)
    with pytest.raises(DataError, match=r"holds JPEGImages/, Annotations/|does not hold") as caught:
        resolve.open_dataset("mosev2", root=tmp_path / "valid/JPEGImages")
    assert "opens this folder" not in str(caught.value)
