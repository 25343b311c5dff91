from __future__ import annotations

import shutil
from pathlib import Path

import fixtures_layouts
import numpy as np
import pytest

from vosbench import registry, resolve
from vosbench.errors import DataError, UsageError
from vosbench.masks import ids
from vosbench.toolbox.datasets import davis
from vosbench.types import Dataset


def load(name: str, root: Path | None, split: str = "", resolution: str = "") -> Dataset:
    dataset: Dataset = registry.load("datasets", name).load(
        root, split=split, resolution=resolution
    )
    return dataset


def sequence_files(root: Path, name: str, masks: list[tuple[int, ...]], **options: str) -> None:
    for i, objects in enumerate(masks):
        fixtures_layouts.picture(root / "JPEGImages" / "480p" / name / f"{i:05d}.jpg", seed=i)
        fixtures_layouts.mask(
            root / "Annotations" / "480p" / name / f"{i:05d}.png", *objects, **options
        )


def write_list(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def tree17(tmp_path: Path) -> Path:
    root = tmp_path / "DAVIS"
    sequence_files(root, "bear", [(1,), (1,), ()])
    sequence_files(root, "bmx-trees", [(1, 2, 255), (1, 2), (2,), (1, 255)])
    write_list(root / "ImageSets" / "2017" / "train.txt", ["bear"])
    write_list(root / "ImageSets" / "2017" / "val.txt", ["bmx-trees"])
    return root


@pytest.fixture
def tree16(tmp_path: Path) -> Path:
    root = tmp_path / "DAVIS"
    sequence_files(root, "blackswan", [(255,), (255,), (255,)], mode="L")
    sequence_files(root, "bmx-trees", [(255,), (255,)], mode="L")
    fixtures_layouts.mask(root / "Annotations/480p/blackswan/00001.png", 255, mode="LA")
    pairs = [
        f"/JPEGImages/480p/{name}/{i:05d}.jpg /Annotations/480p/{name}/{i:05d}.png "
        for name, count in (("blackswan", 3), ("bmx-trees", 2))
        for i in range(count)
    ]
    write_list(root / "ImageSets" / "480p" / "val.txt", pairs)
    return root


def test_official_lists_and_facts() -> None:
    card16 = registry.load("datasets", "davis2016").CARD
    card17 = registry.load("datasets", "davis2017").CARD
    assert {k: len(v) for k, v in card16.splits.items()} == {"train": 30, "val": 20, "trainval": 50}
    assert {k: len(v) for k, v in card17.splits.items()} == {
        "train": 60,
        "val": 30,
        "trainval": 90,
        "test-dev": 30,
    }
    assert set(card16.splits["val"]) < set(card17.splits["val"])
    assert (len(card16.frames), len(card17.frames)) == (50, 120)
    assert sum(card16.frames[name] for name in card16.splits["val"]) == 1376
    assert len(card16.attributes) == len(card17.attributes) == 50
    assert card16.attributes["blackswan"] == ()
    assert card16.attributes["bear"] == ("DEF",)
    assert "gold-fish" not in card17.attributes
    assert sum(bool(card17.attributes.get(name)) for name in card17.splits["val"]) == 19
    assert len({tag for tags in davis.attributes().values() for tag in tags}) == 16


def test_several_objects(tree17: Path) -> None:
    dataset = load("davis2017", tree17)
    assert dataset.names == ("bmx-trees",)
    sequence = dataset.sequence("bmx-trees")
    assert sequence.frame_names == ("00000", "00001", "00002", "00003")
    assert len(sequence.frames) == 4
    assert np.array_equal(sequence.prompts[0], fixtures_layouts.labels(1, 2))  # 255 is background
    assert list(sequence.prompts) == [0]
    assert [ids(sequence.truth[i]) for i in sequence.truth] == [
        (1, 2),
        (1, 2),
        (2,),
        (1,),
    ]
    assert "MB" in sequence.attributes


def test_trainval_is_both_lists(tree17: Path) -> None:
    assert load("davis2017", tree17, "trainval").names == ("bear", "bmx-trees")
    (tree17 / "ImageSets/2017/train.txt").unlink()
    with pytest.raises(
        DataError, match=r"train\.txt is missing: expected one sequence name a line"
    ):
        load("davis2017", tree17, "trainval")


def test_test_dev_has_prompts_and_no_truth(tree17: Path) -> None:
    write_list(tree17 / "ImageSets" / "2017" / "test-dev.txt", ["deer"])
    sequence_files(tree17, "deer", [(1, 2), (), ()])
    for i in (1, 2):
        (tree17 / f"Annotations/480p/deer/{i:05d}.png").unlink()
    sequence = load("davis2017", tree17, "test-dev").sequence("deer")
    assert len(sequence.frames) == 3
    assert ids(sequence.prompts[0]) == (1, 2)
    assert dict(sequence.truth) == {}


def test_one_object_is_id_one(tree16: Path) -> None:
    dataset = load("davis2016", tree16)
    assert dataset.names == ("blackswan", "bmx-trees")
    sequence = dataset.sequence("blackswan")
    assert np.array_equal(sequence.prompts[0], fixtures_layouts.labels(1))
    assert all(np.array_equal(sequence.truth[i], fixtures_layouts.labels(1)) for i in range(3))
    assert sequence.truth[1].dtype == np.uint8


def test_the_archive_of_2017_stands_in_for_2016(tree17: Path) -> None:
    write_list(tree17 / "ImageSets" / "2016" / "val.txt", ["bmx-trees"])
    sequence = load("davis2016", tree17).sequence("bmx-trees")
    assert np.array_equal(sequence.prompts[0], fixtures_layouts.labels(1, 1, 1))


def test_2016_in_the_whole_archive_of_2017_is_no_other_edition(tree17: Path) -> None:
    root = tree17.rename(tree17.with_name("DAVIS-2017"))
    names = registry.load("datasets", "davis2016").CARD.splits["val"]
    write_list(root / "ImageSets" / "2016" / "val.txt", names)
    assert not resolve.fits_better(load("davis2016", root))


def test_another_resolution(tree16: Path) -> None:
    with pytest.raises(DataError, match=r"1080p is missing: .*JPEGImages/ holds 480p"):
        load("davis2016", tree16, resolution="1080p")
    for part in ("JPEGImages", "Annotations"):
        shutil.copytree(tree16 / part / "480p", tree16 / part / "1080p")
    pairs = (tree16 / "ImageSets/480p/val.txt").read_text().replace("480p", "1080p")
    write_list(tree16 / "ImageSets" / "1080p" / "val.txt", pairs.splitlines())
    sequence = load("davis2016", tree16, resolution="1080p").sequence("blackswan")
    assert "1080p" in str(sequence.frames.paths[0])  # type: ignore[attr-defined]


def test_unknown_names_are_met_with_the_nearest(tree17: Path) -> None:
    with pytest.raises(UsageError, match="unknown split 'vall' of davis2017; did you mean 'val'"):
        load("davis2017", tree17, "vall")
    with pytest.raises(UsageError, match=r"unknown resolution '481p' .* did you mean '480p'"):
        load("davis2017", tree17, resolution="481p")
    with pytest.raises(UsageError, match=r"unknown sequence 'bmx' in davis2017 val.*bmx-trees"):
        load("davis2017", tree17).sequence("bmx")


def test_a_wrong_folder_says_what_was_expected(tree17: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"does not hold JPEGImages/.*did you mean .*DAVIS\?"):
        load("davis2017", tree17.parent)
    with pytest.raises(DataError, match=r"did you mean .*DAVIS\?"):
        load("davis2017", tree17 / "JPEGImages" / "480p")
    with pytest.raises(DataError, match="is not a folder; davis2017 expects one that holds JPEG"):
        load("davis2017", tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty does not hold JPEGImages/, Annotations/"):
        load("davis2017", tmp_path / "empty")
    with pytest.raises(UsageError, match="where is davis2017"):
        load("davis2017", None)


def test_every_fault_of_a_sequence_is_listed(tree17: Path) -> None:
    images, masks = (tree17 / p / "480p/bmx-trees" for p in ("JPEGImages", "Annotations"))
    (masks / "00001.png").unlink()
    (masks / "00002.png").rename(masks / "00007.png")
    (images / "00003.png").write_bytes((images / "00003.jpg").read_bytes())
    fixtures_layouts.mask(masks / "00000.png", 1, 2, h=6, w=10)
    with pytest.raises(DataError) as caught:
        load("davis2017", tree17).sequence("bmx-trees")
    faults = "\n".join(caught.value.faults)
    assert len(caught.value.faults) == 5
    assert "00001.png is missing: its frame is 00001.jpg (davis2017/bmx-trees)" in faults
    assert "00002.png is missing" in faults
    assert "00007.png has no frame 00007.jpg" in faults
    assert "has the same stem as 00003" in faults
    assert "00000.png is 6x10 but its frame" in faults


def test_missing_folders_empty_prompts_and_damaged_masks(tree17: Path) -> None:
    dataset, masks = load("davis2017", tree17), tree17 / "Annotations/480p/bmx-trees"
    fixtures_layouts.mask(masks / "00000.png", 255)
    with pytest.raises(DataError, match=r"00000\.png holds no object to start from"):
        dataset.sequence("bmx-trees")
    fixtures_layouts.truncate(masks / "00000.png")
    with pytest.raises(DataError, match=r"mask .*00000\.png"):
        dataset.sequence("bmx-trees")
    shutil.rmtree(masks)
    with pytest.raises(DataError, match=r"Annotations/480p/bmx-trees is missing: expected"):
        dataset.sequence("bmx-trees")


def test_lists_are_checked(tree16: Path, tree17: Path) -> None:
    write_list(tree17 / "ImageSets" / "2017" / "val.txt", ["bmx-trees", "bmx-trees"])
    with pytest.raises(DataError, match=r"val\.txt lists bmx-trees more than once"):
        load("davis2017", tree17)
    write_list(tree17 / "ImageSets" / "2017" / "val.txt", [""])
    with pytest.raises(DataError, match=r"val\.txt is empty"):
        load("davis2017", tree17)
    (tree16 / "JPEGImages/480p/blackswan/00002.jpg").unlink()
    (tree16 / "Annotations/480p/blackswan/00002.png").unlink()
    with pytest.raises(DataError, match=r"00002\.jpg is missing: val\.txt lists it"):
        load("davis2016", tree16).sequence("blackswan")
    write_list(tree16 / "ImageSets" / "480p" / "val.txt", ["blackswan"])
    with pytest.raises(DataError, match="'blackswan' is not of the form /JPEGImages/480p/"):
        load("davis2016", tree16)


def test_real_davis2016() -> None:
    dataset = load("davis2016", fixtures_layouts.real("DAVIS-2016"))
    assert set(dataset.names) <= set(dataset.card.splits["val"])
    for name in dataset.names:
        sequence = dataset.sequence(name)
        assert len(sequence.frames) == len(sequence.truth) == dataset.card.frames[name]
        assert ids(sequence.prompts[0]) == ids(sequence.truth[1]) == (1,)
        assert sequence.frames[0].shape[:2] == sequence.prompts[0].shape == (480, 854)


def test_real_davis2017() -> None:
    dataset = load("davis2017", fixtures_layouts.real("DAVIS-2017"))
    objects = {name: len(ids(dataset.sequence(name).prompts[0])) for name in dataset.names}
    assert objects == {"blackswan": 1, "bmx-trees": 2, "car-shadow": 1, "libby": 1}


def test_asking_which_frames_are_annotated_reads_no_file(tree16: Path) -> None:
    truth = load("davis2016", tree16).sequence("blackswan").truth
    for path in (tree16 / "Annotations/480p/blackswan").iterdir():
        path.unlink()
    assert 2 in truth
    assert 3 not in truth


def test_test_dev_is_scored_where_its_truth_lies(tree17: Path) -> None:
    write_list(tree17 / "ImageSets" / "2017" / "test-dev.txt", ["deer"])
    sequence_files(tree17, "deer", [(1, 2), (1,), (2,)])
    dataset = load("davis2017", tree17, "test-dev")
    assert list(dataset.sequence("deer").truth) == [0, 1, 2]
    (tree17 / "Annotations/480p/deer/00002.png").unlink()
    with pytest.raises(DataError, match=r"00002\.png is missing: its frame is 00002\.jpg"):
        dataset.sequence("deer")


def test_unsupervised_truth_keeps_its_void(tree17: Path) -> None:
    (tree17 / "Annotations").rename(tree17 / "Annotations_unsupervised")
    sequence = load("davis2017-unsupervised", tree17).sequence("bmx-trees")
    assert ids(sequence.prompts[0]) == (1, 2)
    assert ids(sequence.truth[3]) == (1,)
    assert ids(sequence.truth.raw(3)) == (1, 255)  # type: ignore[attr-defined]
    with pytest.raises(DataError, match="does not hold Annotations/"):
        load("davis2017", tree17)
    card = registry.load("datasets", "davis2017-unsupervised").CARD
    assert sorted(card.splits) == ["train", "trainval", "val"]


@pytest.mark.parametrize("name", ["davis2017", "davis2017-unsupervised"])
def test_drawn_davis2017(name: str) -> None:
    dataset = load(name, fixtures_layouts.real("gold/seed1/davis2017"))
    objects = {each: len(ids(dataset.sequence(each).prompts[0])) for each in dataset.names}
    assert objects == {"alpha": 3, "bravo": 2, "charlie": 3, "delta": 1}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lists_of_editors_on_windows(tree17: Path, encoding: str) -> None:
    text = "bmx-trees \r\n\r\n".encode(encoding)
    (tree17 / "ImageSets/2017/val.txt").write_bytes(text)
    assert load("davis2017", tree17).names == ("bmx-trees",)


def test_another_layout_is_met_with_the_dataset_that_takes_it(tmp_path: Path) -> None:
    for part in ("JPEGImages", "Annotations"):
        (tmp_path / part).mkdir()
    with pytest.raises(DataError, match=r"see https://davischallenge\.org/davis2017/code\.html$"):
        load("davis2017", tmp_path)
    fixtures_layouts.picture(tmp_path / "JPEGImages/a/0.jpg")
    with pytest.raises(DataError, match=r"does not hold ImageSets/.*; --dataset folder takes it"):
        load("davis2017", tmp_path)
