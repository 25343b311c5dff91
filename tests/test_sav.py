from __future__ import annotations

import json
from pathlib import Path

import fixtures_layouts
import numpy as np
import pytest
from fixtures_trees import gold, load
from test_videos import write_video

from vosbench import api, rle
from vosbench.data.check import check_dataset
from vosbench.errors import DataError
from vosbench.masks import pixels, write_mask
from vosbench.toolbox.datasets.annotations import shown
from vosbench.types import Layers

SHOWN = {0: (0, 4, 8), 1: (4, 8), 3: ()}  # object -> the annotated frames that show it


@pytest.fixture
def val(tmp_path: Path) -> Path:
    root = tmp_path / "SA-V/sav_val"
    for i in range(13):
        fixtures_layouts.picture(root / f"JPEGImages_24fps/sav_1/{i:05d}.jpg", seed=i)
    for number, frames in SHOWN.items():
        for i in (0, 4, 8, 12):
            path = root / f"Annotations_6fps/sav_1/{number:03d}/{i:05d}.png"
            value = 255 if number else 1
            fixtures_layouts.mask(path, *((value,) if i in frames else ()), mode="L")
    (root / "sav_val.txt").write_text("sav_1\n")
    return root


def test_objects_are_layers_that_may_overlap(val: Path) -> None:
    for root in (val, val.parent):
        sequence = load("sav", root).sequence("sav_1")
        assert len(sequence.frames) == 13
        assert list(sequence.truth) == [0, 4, 8, 12]
        truth = sequence.truth[4]
        assert isinstance(truth, Layers)
        assert truth.ids == (0, 1, 3)
        assert (pixels(truth, 0) == pixels(truth, 1)).all()
        assert not pixels(truth, 3).any()
        assert pixels(truth, 0).sum() == np.count_nonzero(fixtures_layouts.labels(1))


def test_an_object_starts_where_it_is_first_seen(val: Path) -> None:
    prompts = load("sav", val).sequence("sav_1").prompts
    assert list(prompts) == [0, 4]
    assert [prompt.ids for prompt in prompts.values() if isinstance(prompt, Layers)] == [(0,), (1,)]
    assert (pixels(prompts[4], 1) == (fixtures_layouts.labels(1) > 0)).all()


def test_an_object_need_not_be_stored_in_every_frame(val: Path) -> None:
    (val / "Annotations_6fps/sav_1/001/00008.png").unlink()
    truth = load("sav", val).sequence("sav_1").truth[8]
    assert isinstance(truth, Layers)
    assert truth.ids == (0, 3)


def test_faults_name_their_files(val: Path) -> None:
    masks = val / "Annotations_6fps/sav_1"
    fixtures_layouts.mask(masks / "000/00004.png", 1, 2, mode="L")
    sequence = load("sav", val).sequence("sav_1")
    with pytest.raises(DataError, match=r"000/00004\.png has more values than 0 and one other"):
        sequence.truth[4]
    fixtures_layouts.mask(masks / "000/00004.png", 1, h=6, w=10, mode="L")
    with pytest.raises(DataError, match=r"001/00004\.png is 12x20 but .*000/00004\.png is 6x10"):
        sequence.truth[4]
    for number in (0, 1):
        fixtures_layouts.mask(masks / f"{number:03d}/00013.png", 1, mode="L")
    fixtures_layouts.mask(masks / "00000.png", 1)
    with pytest.raises(DataError) as caught:
        load("sav", val).sequence("sav_1")
    both, strange = caught.value.faults
    assert "sav_1 holds both label maps, such as 00000.png, and folders of objects" in both
    assert "2 annotations, " in strange
    assert "000/00013.png to 00013.png, have no frame (sav/sav_1)" in strange
    (val / "sav_val.txt").unlink()
    with pytest.raises(DataError, match=r"sav_val\.txt is missing: expected one name of a video"):
        load("sav", val)
    with pytest.raises(DataError, match="does not hold JPEGImages_24fps/, Annotations_6fps/"):
        load("sav", val.parent, "test")


def test_the_drawn_data() -> None:
    report = check_dataset(load("sav", gold("sav")))
    assert report.ok, report
    assert [(s.frames, s.pairs, s.objects) for s in report.sequences] == [
        (49, 13, (0, 1, 2)),
        (45, 12, (0, 3)),
        (53, 14, (0, 1, 2)),
    ]


def train(root: Path, *, masks: int = 3, name: str = "sav_9") -> Path:
    """A video of nine frames whose second object comes late; masks: annotated frames."""
    folder = root / "sav_train/sav_000"
    folder.mkdir(parents=True)
    write_video(folder / f"{name}.mp4", frames=9)
    shown = np.zeros((32, 48), bool)
    shown[4:9, 3:30] = True
    seen, gone = rle.encode(shown), rle.encode(np.zeros_like(shown))
    masklet = [[seen, seen if place else gone] for place in range(masks)]
    content = {"video_id": name, "masklet": masklet, "masklet_id": [0, 5]}
    (folder / f"{name}_manual.json").write_text(json.dumps(content))
    return root


def test_the_training_set_is_video_and_run_lengths(tmp_path: Path) -> None:
    dataset = load("sav", train(tmp_path), "train")
    assert dataset.names == ("sav_9",)
    sequence = dataset.sequence("sav_9")
    assert len(sequence.frame_names) == len(list(sequence.frames)) == 9
    file = tmp_path / "sav_train/sav_000/sav_9_manual.json"
    many = {"video_frame_count": 10**12}  # whose names would fill the memory
    file.write_text(json.dumps(many | json.loads(file.read_text())))
    assert load("sav", tmp_path, "train").sequence("sav_9").frame_names == sequence.frame_names
    file.write_text(json.dumps({"video_frame_count": 9.0} | json.loads(file.read_text())))
    assert load("sav", tmp_path, "train").sequence("sav_9").frame_names == sequence.frame_names
    assert list(sequence.truth) == [0, 4, 8]
    assert pixels(sequence.truth[4], 5).sum() == 5 * 27
    assert [(i, shown(masks)) for i, masks in sequence.prompts.items()] == [(0, {0}), (4, {5})]
    assert check_dataset(dataset).ok


def test_faults_of_the_training_set(tmp_path: Path) -> None:
    dataset = load("sav", train(tmp_path, masks=4), "train")
    with pytest.raises(DataError, match=r"has masks of frame 12, but .*sav_9\.mp4 has 9 frames"):
        dataset.sequence("sav_9")
    (tmp_path / "sav_train/sav_000/sav_9.mp4").unlink()
    with pytest.raises(DataError, match=r"sav_9\.mp4"):
        dataset.sequence("sav_9")
    (tmp_path / "sav_train/sav_000/sav_9_manual.json").write_text("{")
    with pytest.raises(DataError, match=r"sav_9_manual\.json is damaged"):
        dataset.sequence("sav_9")
    (tmp_path / "sav_train/sav_000/sav_9_manual.json").unlink()
    with pytest.raises(DataError, match=r"sav_train holds no <video>_manual.json"):
        load("sav", tmp_path, "train")


def test_frames_before_the_first_prompt_count(tmp_path: Path) -> None:
    """An object that comes late in a video without another; sav_evaluator.py gives 55.0, 47.5."""
    root = tmp_path / "SA-V/sav_val"
    masks = {}
    for i in range(24):
        fixtures_layouts.picture(
            root / f"JPEGImages_24fps/cat/{i:05d}.jpg", np.zeros((60, 80, 3), np.uint8)
        )
    for i in range(0, 24, 4):
        truth, masks[i] = np.zeros((2, 60, 80), np.uint8)
        truth[20:40, i : i + 20] = i >= 8
        at = i + 5 * (i > 8)
        masks[i][20:40, at : at + 20] = i >= 4  # a ghost before it comes
        for path, mask in ((root / "Annotations_6fps", truth), (tmp_path / "masks", masks[i])):
            write_masks_of(path / f"cat/000/{i:05d}.png", mask)
    (root / "sav_val.txt").write_text("cat\n")
    out = tmp_path / "out"
    scored = api.evaluate(tmp_path / "masks", "sav", root=root, baseline=True, out=out)
    assert scored.summary["J"]["mean"] == pytest.approx(0.55)
    assert scored.summary["F"]["mean"] == pytest.approx(0.475)
    assert list(scored.frames.frame) == ["00004", "00008", "00012", "00016"]
    run = api.run("copy-first", "sav", root=root, out=tmp_path / "runs")
    assert run.summary["J"] == scored.summary["copy_first"]["J"]
    prompted = api.evaluate(tmp_path / "masks", "sav", root=root, protocol="prompted", out=out)
    assert list(prompted.frames.frame) == ["00012", "00016", "00020"]


def write_masks_of(path: Path, mask: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_mask(path, mask)
