"""Runs from other prompts and both ways: their masks, their scores, and what is said of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import command_environment, make_folder_dataset
from reference.region import region_similarity

from vosbench import api
from vosbench.analysis.groups import groups
from vosbench.analysis.published import PublishedScore, follows
from vosbench.analysis.series import series
from vosbench.cli.compare import draw
from vosbench.errors import DataError, UsageError
from vosbench.filming.opened import opened as scene
from vosbench.masks import read_mask, write_mask
from vosbench.protocols import PromptAt
from vosbench.resolve import build_method
from vosbench.results import Data, Result, load
from vosbench.run_and_score import pack_run
from vosbench.running.config import RunConfig
from vosbench.running.execute import compute
from vosbench.running.folder import foreign
from vosbench.running.plan import plan_run
from vosbench.running.sequence import segment_sequence
from vosbench.stored import open_stored
from vosbench.suites.reading import read
from vosbench.types import Layers, Sequence
from vosbench.videos import Reordered

pytestmark = pytest.mark.usefixtures("test_plugins")


@pytest.fixture
def late_root(tmp_path: Path) -> Path:
    """`ant`, eight frames: object 1 in all of them, object 2 from the fifth on."""
    root = make_folder_dataset(tmp_path / "data", {"ant": 8})
    for index in range(4):
        path = root / "masks" / "ant" / f"{index:05d}.png"
        mask = read_mask(path)
        write_mask(path, np.where(mask == 2, 0, mask).astype(np.uint8))
    return root


def config(root: Path, **changes: Any) -> RunConfig:
    settings = {
        "method": "drifting",
        "dataset": "folder",
        "root": root,
        "out": root.parent / "runs",
    }
    return RunConfig(**{**settings, **changes})


def masks_of(folder: Path, name: str = "ant") -> list[np.ndarray]:
    return [read_mask(path) for path in sorted((folder / "masks" / name).glob("*.png"))]


def truth_of(root: Path, name: str = "ant") -> list[np.ndarray]:
    return [read_mask(path) for path in sorted((root / "masks" / name).glob("*.png"))]


def right(mask: np.ndarray, steps: int) -> np.ndarray:
    """The mask so many pixels to the right."""
    moved = np.zeros_like(mask)
    moved[:, steps:] = mask[:, : mask.shape[1] - steps]
    return moved


def test_frames_in_another_order() -> None:
    frames = [np.full((1, 1, 3), index, np.uint8) for index in range(5)]
    backward = Reordered(frames, range(3, -1, -1))
    assert [int(frame[0, 0, 0]) for frame in backward] == [3, 2, 1, 0]
    assert len(backward) == 4
    assert int(backward[-1][0, 0, 0]) == 0
    with pytest.raises(IndexError):
        backward[4]


def test_forward_begins_at_the_prompt(late_root: Path) -> None:
    truth = truth_of(late_root)
    ran = compute(plan_run(config(late_root, prompt_at="5")))
    assert not ran.failed
    assert [path.stem for path in sorted((ran.folder / "masks/ant").iterdir())] == [
        "00005", "00006", "00007",
    ]  # fmt: skip
    for steps, mask in enumerate(masks_of(ran.folder)):
        assert np.array_equal(mask, right(truth[5], steps))
    assert foreign(ran.folder) == []


def test_both_ways_from_one_frame(late_root: Path) -> None:
    truth = truth_of(late_root)
    ran = compute(plan_run(config(late_root, prompt_at="00005", direction="both")))
    assert not ran.failed
    for index, mask in enumerate(masks_of(ran.folder)):
        assert np.array_equal(mask, right(truth[5], abs(index - 5)))
    record = json.loads((ran.folder / "sequences/ant.json").read_text())
    assert record["frame_names"] == [f"{index:05d}" for index in range(8)]
    assert record["cold"] == [4, 5, 6]
    assert all(each > 0 for each in record["seconds"])
    assert not list(ran.folder.glob("masks/.*"))
    manifest = json.loads((ran.folder / "run.json").read_text())
    assert manifest["timing"]["frames"] == 5
    assert "first two frames of each direction" in manifest["timing"]["what"]


def test_each_object_goes_both_ways_from_its_own_prompt(late_root: Path) -> None:
    truth = truth_of(late_root)
    ran = compute(plan_run(config(late_root, direction="both")))
    for index, mask in enumerate(masks_of(ran.folder)):
        assert np.array_equal(mask == 1, right(truth[0] == 1, index))
        assert np.array_equal(mask == 2, right(truth[4] == 2, abs(index - 4)))


def test_objects_of_two_passes_that_meet_are_told_of(tmp_path: Path) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 6}, objects=1)
    for index in (4, 5):
        path = root / "masks/ant" / f"{index:05d}.png"
        mask = read_mask(path)
        mask[2:12, 2:5] = 2  # smaller, where object 1 is in the first frames
        write_mask(path, mask)
    ran = compute(plan_run(config(root, direction="both", method="copy-first")))
    second = masks_of(ran.folder)[1]
    assert (second == 2).sum() == 30
    assert (second == 1).sum() == 100 - 20
    (said,) = json.loads((ran.folder / "run.json").read_text())["remarks"]
    assert said.startswith("ant: objects of the two directions meet on 3 frames: where objects ov")


def test_objects_that_overlap_keep_all_their_pixels(tmp_path: Path) -> None:
    for part in ("masks", "sequences"):
        (tmp_path / part).mkdir()
    early, late = np.zeros((1, 4, 6), bool), np.zeros((1, 4, 6), bool)
    early[:, 1:3, 0:2] = True
    late[:, 1:3, 1:3] = True
    sequence = Sequence(
        name="cat",
        frames=[np.zeros((4, 6, 3), np.uint8)] * 5,
        frame_names=tuple("abcde"),
        prompts={1: Layers((0,), early), 3: Layers((500,), late)},
        truth={},
    )
    dataset: Any = SimpleNamespace(sequence=lambda name: sequence)
    given = RunConfig(method="drifting", dataset="folder", direction="both")
    built = build_method("drifting", {}, device="cpu", seed=0)
    segment_sequence(given, built, dataset, tmp_path, "cat")
    stored = open_stored(tmp_path / "masks")
    for index, name in enumerate("abcde"):
        masks = stored.read("cat", name)
        assert isinstance(masks, Layers)
        assert masks.ids == (0, 500)
        assert np.array_equal(masks.stack[0], right(early[0], abs(index - 1)))
        assert np.array_equal(masks.stack[1], right(late[0], abs(index - 3)))


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt_at": "mid"},
        {"prompt_at": "mid", "direction": "both"},
        {"direction": "both"},
        {"prompt_at": "6", "direction": "both"},
    ],
)
def test_scores_are_of_every_frame_but_the_prompts(late_root: Path, changes: Any) -> None:
    result = api.run("drifting", "folder", root=late_root, out=late_root.parent / "runs", **changes)
    truth, folder = truth_of(late_root), result.folder
    assert folder is not None
    at = {"mid": 3, "6": 6}.get(changes.get("prompt_at", ""))
    numbers = [n for n in (1, 2) if at is None or (truth[at] == n).any()]
    since = {n: at if at is not None else {1: 0, 2: 4}[n] for n in numbers}
    both = "direction" in changes
    for row in result.summary["objects"]:
        number = row["object"]
        scored = [i for i in range(8) if i > since[number] or (both and i < since[number])]
        j = [
            region_similarity(
                read_mask(folder / "masks/ant" / f"{i:05d}.png") == number, truth[i] == number
            )
            for i in scored
        ]
        assert row["J"]["mean"] == pytest.approx(sum(j) / len(j), abs=1e-12)
        kept = result.frame_scores["ant", number]
        assert [each.frame for each in kept] == [f"{i:05d}" for i in scored]
        distances = series(result)["ant", number].since.tolist()
        assert distances == [abs(i - since[number]) for i in scored]
    assert [row["object"] for row in result.summary["objects"]] == numbers
    assert result.summary["protocol"]["name"].endswith("-local")


@pytest.mark.parametrize("at", ["first", "mid"])
@pytest.mark.parametrize("direction", ["forward", "both"])
def test_the_baseline_is_copy_first_from_the_same_prompts(
    late_root: Path, at: str, direction: Any
) -> None:
    result = api.run(
        "copy-first", "folder", root=late_root, out=late_root.parent / "runs", prompt_at=at,
        direction=direction,
    )  # fmt: skip
    still = result.summary["copy_first"]
    for metric in ("J", "F"):
        assert result.summary[metric] == still[metric]
    empty = api.run(
        "empty", "folder", root=late_root, out=late_root.parent / "runs", prompt_at=at,
        direction=direction,
    )  # fmt: skip
    nothing = empty.summary["no_prediction"]
    assert empty.summary["J"]["mean"] == pytest.approx(nothing["J"]["mean"])


def test_boxes_and_clicks_go_both_ways_and_are_made_once(folder_root: Path, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    ran = compute(
        plan_run(
            config(
                folder_root, method="told", options={"asked": asked, "how": "deaf"},
                prompt="points:3", prompt_at="mid", direction="both", sequences=("bee",),
            )
        )
    )  # fmt: skip
    assert not ran.failed, ran.failed
    assert len(asked.read_text().splitlines()) == 2 * 2  # two objects, two more clicks each
    told = json.loads((ran.folder / "prompts/bee.json").read_text())
    assert {row["frame"] for row in told["prompts"]} == {"00004"}
    boxed = compute(
        plan_run(config(folder_root, method="told", prompt="box", prompt_at="4", direction="both"))
    )
    truth = truth_of(folder_root, "bee")[4]
    assert all(np.array_equal(mask, truth) for mask in masks_of(boxed.folder, "bee"))


def test_sam_is_told_by_clicks_and_goes_both_ways(tmp_path: Path) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 5})
    given = config(
        root, method="video-sam", options={"weights": "random"}, prompt="points:2", prompt_at="mid",
        direction="both",
    )  # fmt: skip
    ran = compute(plan_run(given))
    assert not ran.failed
    rows = json.loads((ran.folder / "prompts/ant.json").read_text())["prompts"]
    assert [(row["frame"], row["object"], len(row["points"])) for row in rows] == [
        ("00002", 1, 2), ("00002", 2, 2),
    ]  # fmt: skip
    forward = compute(plan_run(replace(given, direction="forward")))
    for name in ("00002", "00003", "00004"):  # of the passes, the forward one is a run forward
        both, alone = (read_mask(r.folder / f"masks/ant/{name}.png") for r in (ran, forward))
        assert np.array_equal(both, alone)


def test_a_run_from_elsewhere_is_another_run_and_says_so(folder_root: Path) -> None:
    out = folder_root.parent / "runs"
    usual = api.run("drifting", "folder", root=folder_root, out=out)
    runs = [
        api.run("drifting", "folder", root=folder_root, out=out, prompt_at=at, direction=direction)
        for at in ("first", "mid", "3")
        for direction in ("forward", "both")
        if (at, direction) != ("first", "forward")
    ]
    assert usual.manifest is not None
    assert not {"prompt_at", "direction"} & usual.manifest["identity"].keys()
    assert [run.name for run in runs] == [
        "drifting direction=both",
        "drifting prompt-at=mid",
        "drifting prompt-at=mid direction=both",
        "drifting prompt-at=3",
        "drifting prompt-at=3 direction=both",
    ]
    assert len({run.folder for run in (usual, *runs)}) == 6
    assert len(groups([usual, *runs])) == 6  # no two in one table
    again = [load(run.folder) for run in runs if run.folder]
    assert [run.data for run in again] == [run.data for run in runs]


def test_workers_resuming_and_overwriting_give_the_same(folder_root: Path, tmp_path: Path) -> None:
    changes = {"prompt_at": "mid", "direction": "both"}
    one = compute(plan_run(config(folder_root, **changes)))
    many = config(folder_root, out=tmp_path / "many", workers=2, **changes)
    two = compute(plan_run(many))
    hashes = [
        json.loads((ran.folder / "run.json").read_text())["masks_sha256"] for ran in (one, two)
    ]
    assert hashes[0] == hashes[1]
    assert compute(plan_run(many)).computed == ()
    (two.folder / "sequences/cat.json").unlink()
    assert compute(plan_run(many)).computed == ("cat",)
    anew = compute(plan_run(config(folder_root, overwrite="always", **changes)))
    assert len(anew.computed) == 3
    assert json.loads((anew.folder / "run.json").read_text())["masks_sha256"] == hashes[0]


def test_a_pass_that_fails_leaves_nothing(folder_root: Path) -> None:
    given = config(
        folder_root,
        prompt_at="mid",
        direction="both",
        options={"how": "raises"},
        sequences=("bee",),
    )
    ran = compute(plan_run(given))
    assert ran.failed["bee"].startswith("the method failed: RuntimeError: no way back")
    assert list((ran.folder / "masks").iterdir()) == []


def test_a_process_that_dies_in_a_pass_costs_a_second_try(
    folder_root: Path, tmp_path: Path
) -> None:
    given = config(
        folder_root, prompt_at="mid", direction="both", own_process=True, sequences=("bee",),
        options={"how": "dies-once", "marker": tmp_path / "died"},
    )  # fmt: skip
    ran = compute(plan_run(given))
    assert (tmp_path / "died").exists()
    assert not ran.failed
    assert [path.name for path in (ran.folder / "masks").iterdir()] == ["bee"]


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    root = make_folder_dataset(tmp_path / "data", {"bee": 300})
    given = ["run", "--method", "drifting", "--dataset", "folder", "--root", str(root),
             "--prompt-at", "mid", "--direction", "both",
             "--out", str(tmp_path / "runs")]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "vosbench", *given], env=command_environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 60
    while time.monotonic() < until and len(list(tmp_path.glob("runs/*/masks/.bee-*/*.png"))) < 200:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    ran = compute(plan_run(config(root, prompt_at="mid", direction="both")))
    assert not ran.failed
    assert [path.name for path in (ran.folder / "masks").iterdir()] == ["bee"]
    assert len(masks_of(ran.folder, "bee")) == 300


def test_methods_that_read_files_of_each_sequence_go_forward_only(folder_root: Path) -> None:
    made = api.run("drifting", "folder", root=folder_root, out=folder_root.parent / "runs")
    replayed = {"method": "precomputed", "options": {"folder": str(made.masks)}}
    with pytest.raises(UsageError, match=r"'precomputed' reads files of each sequence \(folder\)"):
        plan_run(config(folder_root, direction="both", **replayed))
    ran = compute(plan_run(config(folder_root, prompt_at="mid", **replayed)))
    assert not ran.failed
    flow = config(folder_root, method="optical-flow", direction="both", sequences=("ant",))
    assert not compute(plan_run(flow)).failed


def test_frames_that_cannot_prompt_cost_their_sequence(folder_root: Path) -> None:
    ran = compute(plan_run(config(folder_root, prompt_at="00007")))
    assert set(ran.failed) == {"ant", "cat"}
    assert ran.failed["ant"].startswith("ant has no frame '00007': its 6 frames are named ")
    with pytest.raises(UsageError, match="prompt-at is 'a/b', expected first, mid, or a frame's"):
        config(folder_root, prompt_at="a/b")
    with pytest.raises(UsageError, match="direction is 'back', expected forward or both"):
        config(folder_root, direction="back")
    with pytest.raises(UsageError, match="--real-time goes forward; leave --direction away"):
        config(folder_root, direction="both", real_time=25.0)


def test_nothing_hands_such_masks_in(folder_root: Path) -> None:
    ran = compute(plan_run(config(folder_root, prompt_at="mid")))
    with pytest.raises(UsageError, match="is a run with prompt-at=mid, but a server scores"):
        pack_run(ran.folder, "davis2017-test-dev", folder_root / "x.zip")


def test_scores_elsewhere_remember_the_prompts(folder_root: Path, tmp_path: Path) -> None:
    run = api.run(
        "drifting", "folder", root=folder_root, out=tmp_path / "runs", prompt_at="mid",
        direction="both",
    )  # fmt: skip
    assert run.folder is not None
    elsewhere = api.evaluate(run.folder, out=tmp_path / "scores", workers=2)
    assert elsewhere.summary["J"] == run.summary["J"]
    again = api.evaluate(tmp_path / "scores", out=tmp_path / "again")
    assert again.summary["J"] == run.summary["J"]
    assert load(tmp_path / "again").data == run.data
    other = api.evaluate(run.folder, protocol="davis2017-prompt-at-mid-both-local")
    assert other.folder == run.folder / "scores-davis2017-prompt-at-mid-both-local"
    assert foreign(run.folder) == []
    with pytest.raises(UsageError, match="are of a run with prompt-at=mid direction=both, which"):
        api.evaluate(run.folder / "masks", "folder", root=folder_root)
    explained = api.explain(run.folder)
    assert all(row[0].endswith("-both-local") for row in explained.tables[0].rows)
    draw([load(run.folder)], tmp_path / "p.png", ())
    assert (tmp_path / "p.png").stat().st_size > 1000


def test_reports_and_films_show_such_runs(folder_root: Path, tmp_path: Path) -> None:
    runs = [
        api.run(
            "drifting", "folder", root=folder_root, out=tmp_path / "runs", prompt_at="mid",
            direction=direction,
        )
        for direction in ("forward", "both")
    ]  # fmt: skip
    made = api.report(runs, out=tmp_path / "report")
    page = made.read_text()
    assert "prompted-prompt-at-mid-local" in page
    assert "NOT as published" in page
    assert api.analyse(runs[1:], "size").rows
    shown = scene([run.folder for run in runs[:1] if run.folder], "bee", None)
    assert shown.video.frame_names[0] == "00004"


def test_no_published_number_stands_beside_such_a_run() -> None:
    score = PublishedScore(
        technique="Ours", dataset="davis2016", split="val", metric="J", value=1.0, source="a paper",
        read_where="Table 1", preset="", method="drifting", options="", setup="", file="rpmnet",
    )  # fmt: skip
    identity = {"method": "drifting", "options": {}, "files": {}}
    usual = Result("a", None, {"identity": identity}, {}, data=Data(None, ""))
    elsewhere = replace(usual, data=Data(None, "", PromptAt("mid")))
    boxed = replace(usual, manifest={"identity": {**identity, "prompt": "box"}})
    assert [follows(run, score) for run in (usual, elsewhere, boxed)] == [True, False, False]


def test_suites_name_frames_and_directions(tmp_path: Path) -> None:
    (suite := tmp_path / "s.toml").write_text(
        'datasets = ["folder"]\n[[run]]\nmethod = "drifting"\nprompt_at = "mid"\n'
        'direction = "both"\n[[run]]\nmethod = "drifting"\ngrid = { prompt_at = ["first", "3"] }\n'
    )
    assert [run.words() for run in read(str(suite)).runs] == [
        "drifting prompt_at=mid direction=both", "drifting", "drifting prompt_at=3",
    ]  # fmt: skip
    suite.write_text('datasets = ["folder"]\n[[run]]\nmethod = "drifting"\ndirection = "back"\n')
    with pytest.raises(UsageError, match=r"s\.toml: direction is 'back', expected forward or both"):
        read(str(suite))


def test_a_sequence_without_a_prompt_says_so(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    sequence = Sequence(
        name="cat", frames=[np.zeros((2, 2, 3), np.uint8)], frame_names=("a",), prompts={}, truth={}
    )
    dataset: Any = SimpleNamespace(sequence=lambda name: sequence)
    given = RunConfig(method="drifting", dataset="folder", direction="both")
    built = build_method("drifting", {}, device="cpu", seed=0)
    with pytest.raises(DataError, match="cat has no prompt"):
        segment_sequence(given, built, dataset, tmp_path, "cat")
