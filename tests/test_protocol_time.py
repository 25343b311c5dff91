"""--protocol-time: what is measured, of what, what is kept, and what is refused."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Vosbench, make_folder_dataset
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vosbench import api
from vosbench.errors import MethodError, UsageError
from vosbench.masks import LabelMap
from vosbench.running import machine, protocol_time
from vosbench.running.config import RunConfig
from vosbench.running.execute import compute
from vosbench.running.folder import foreign
from vosbench.running.plan import plan_run
from vosbench.running.workers import Outcome, ProcessEndedError
from vosbench.types import Layers, Sequence

FRAMES = protocol_time.WARM_UP + 9


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_folder_dataset(tmp_path / "data", {"ant": 6, "bee": FRAMES})


def timed(root: Path, method: str = "copy-first", **more: Any) -> tuple[api.Result, dict[str, Any]]:
    """A run that was timed, and its time.json."""
    run = api.run(method, "folder", root=root, out=root.parent / "runs", protocol_time=True, **more)
    assert run.folder is not None
    return run, json.loads((run.folder / "time.json").read_text())


@given(
    arrays.arrays(np.uint8, (7, 9), elements=st.sampled_from([0, 0, 1, 2, 255])),
    st.integers(1, 8),
)
def test_strips_are_the_union_in_equal_parts_from_left_to_right(mask: LabelMap, n: int) -> None:
    cut = protocol_time.strips(mask, n)
    if np.count_nonzero(mask) < n:
        assert cut is None
        return
    assert cut is not None
    assert ((cut > 0) == (mask > 0)).all()
    areas = np.bincount(cut.ravel(), minlength=n + 1)[1:]
    assert len(areas) == n
    assert areas.max() - areas.min() <= 1
    columns = [np.nonzero(cut == number)[1] for number in range(1, n + 1)]
    assert all(left.max() <= right.min() for left, right in pairwise(columns))


def test_strips_of_objects_that_overlap() -> None:
    stack = np.zeros((2, 2, 4), np.bool_)
    stack[0, :, :3], stack[1, :, 2:] = True, True
    cut = protocol_time.strips(Layers((0, 4), stack), 2)
    assert cut is not None
    assert cut.tolist() == [[1, 1, 2, 2]] * 2


def test_what_is_kept(root: Path) -> None:
    run, found = timed(root)
    assert run.manifest is not None
    assert found["identity_sha256"] == run.manifest["identity_sha256"]
    assert (found["sequence"], found["objects"]) == ("bee", 2)
    assert (found["height"], found["width"]) == (32, 48)
    assert len(found["seconds"]) == len(found["resident_bytes"]) == FRAMES
    assert all(seconds > 0 for seconds in found["seconds"])
    assert found["peak_bytes"] >= max(found["resident_bytes"])
    assert found["peak_bytes"] >= found["before_bytes"] > 10e6
    assert [each["objects"] for each in found["of_objects"]] == [1, 2, 4, 8]
    assert {each["frames"] for each in found["of_objects"]} == {9}
    assert found["gpu_bytes"] is found["gpu_peak_bytes"] is found["dtype"] is None
    assert found["machine"]["cores_allowed"] == len(os.sched_getaffinity(0))
    assert found["machine"]["versions"]["numpy"] == np.__version__
    assert found["load_before"] >= 0
    assert 0 <= found["others"] <= 1
    assert run.folder is not None
    assert foreign(run.folder) == []


def test_it_changes_nothing_else(root: Path) -> None:
    usual = api.run("copy-first", "folder", root=root, out=root.parent / "runs")
    assert usual.folder is not None
    files = ["scores.csv", "summary.json", "masks/bee/00003.png", "sequences/bee.json"]
    before = [(usual.folder / name).read_bytes() for name in files]
    again, _ = timed(root)
    assert again.folder == usual.folder
    assert [(usual.folder / name).read_bytes() for name in files] == before


def test_a_new_run_loses_the_times_of_the_old_one(root: Path) -> None:
    run, _ = timed(root)
    assert run.folder is not None
    api.run("copy-first", "folder", root=root, out=root.parent / "runs", overwrite="always")
    assert not (run.folder / "time.json").exists()
    assert (run.folder / "summary.json").exists()


def test_methods_that_load_a_library_and_know_the_sequence(root: Path) -> None:
    _, found = timed(root, "optical-flow")
    assert found["machine"]["threads"]["opencv"] >= 1
    assert found["machine"]["threads"]["torch"] is None  # which it does not load


def test_prompts_that_start_late_and_short_videos(tmp_path: Path) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 4})
    (root / "masks" / "ant" / "00000.png").unlink()
    _, found = timed(root)
    assert len(found["seconds"]) == 4
    assert found["of_objects"] == []  # no frame is left after the warm-up


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ProcessEndedError("its process was ended by SIGKILL"), "ended by SIGKILL"),
        (MethodError("bee: the method failed: ValueError: no face"), "the method failed: ValueE"),
    ],
)
def test_what_fails_costs_no_mask(
    root: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, says: str
) -> None:
    config = RunConfig(
        method="copy-first", dataset="folder", root=root, out=root.parent / "runs",
        protocol_time=True,
    )  # fmt: skip
    plan = plan_run(config)
    folder = compute(plan).folder
    monkeypatch.setattr(
        protocol_time.cluster, "map_tasks", lambda *_, **__: [Outcome("bee", None, error)]
    )
    with pytest.raises(MethodError, match=f"^bee: its masks are made, but .* timed: .*{says}"):
        protocol_time.time_run(plan, folder)
    assert not (folder / "time.json").exists()
    assert plan_run(config).missing == ()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"workers": 2}, "--protocol-time times one process by itself; leave --workers away"),
        ({"scheduler": "tcp://x:1"}, "leave --scheduler away"),
        ({"direction": "both"}, "--protocol-time goes forward; leave --direction away"),
    ],
)
def test_what_would_run_beside_it_is_refused(root: Path, more: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        timed(root, **more)


def test_what_has_no_time_is_refused(root: Path) -> None:
    says = r"has no time of its own .*: it only reads masks from files; leave --protocol-time away"
    with pytest.raises(UsageError, match=says):
        timed(root, "precomputed", options={"folder": root / "masks"})


def test_the_command_prints_both_tables(root: Path, command: Vosbench) -> None:
    ran = command(
        "run", "--method", "copy-first", "--dataset", "folder", "--root", root, "--protocol-time"
    )
    assert ran.returncode == 0, ran.stderr
    assert (
        f"timing bee, {FRAMES} frames, then {FRAMES} of them with each of 1, 2, 4, 8" in ran.stderr
    )
    for words in ("Time by protocol", "fps, 8", "Memory by protocol", "peak above start"):
        assert words in ran.stdout
    quiet = command(
        "run", "--method", "copy-first", "--dataset", "folder", "--root", root, "--protocol-time",
        "--json",
    )  # fmt: skip
    assert json.loads(quiet.stdout)["run"]["label"] == "copy-first"


def test_masks_that_a_server_scores_are_timed_all_the_same(root: Path, command: Vosbench) -> None:
    for annotation in root.glob("masks/*/*.png"):
        if annotation.stem != "00000":
            annotation.unlink()
    ran = command(
        "run", "--method", "copy-first", "--dataset", "folder", "--root", root, "--protocol-time",
        "--out", root.parent / "runs",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    for words in ("Time by protocol: folder all, not scored", "fps, 8", "Memory by protocol"):
        assert words in ran.stdout
    (folder,) = (root.parent / "runs").iterdir()
    seen = command("analyse", folder, "--what", "protocol-time,protocol-memory,memory-curve")
    assert seen.returncode == 0, seen.stderr
    assert "Time by protocol: folder all, not scored" in seen.stdout
    mixed = command("analyse", folder, "--what", "protocol-time,scores")
    assert "holds no scores" in mixed.stderr


def test_others_are_told_of() -> None:
    assert protocol_time.warnings({"others": None}) == []
    assert protocol_time.warnings({"others": 0.1}) == []
    assert protocol_time.warnings({"others": 0.834}) == [
        "other programs took 83 % of the cores meanwhile: these times are too long"
    ]


def test_the_share_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cores for 10 s: 12 s of work, 5 of it our own."""
    states = iter([(100.0, 200.0), (112.0, 220.0)])
    own = iter([7.0, 12.0])
    monkeypatch.setattr(machine, "_busy", lambda: next(states))
    monkeypatch.setattr(machine, "_own", lambda: next(own))
    assert machine.watch_others()() == pytest.approx(7 / 20)
    monkeypatch.setattr(machine, "_busy", lambda: None)
    monkeypatch.setattr(machine, "_own", lambda: 0.0)
    assert machine.watch_others()() is None


def test_objects_are_timed_on_the_frames_of_their_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": FRAMES})
    for index in range(3):
        (root / "masks" / "ant" / f"{index:05d}.png").unlink()
    sequence = api.dataset("folder", root=root).sequence("ant")
    timed: list[Sequence] = []

    def passing(config: RunConfig, method: object, part: Sequence, *_: object) -> Any:
        timed.append(part)
        return protocol_time._Pass(1, [1.0] * len(part.frame_names), None, None)

    monkeypatch.setattr(protocol_time, "_pass", passing)
    config, method = RunConfig(method="copy-first", dataset="folder"), api.method("copy-first")
    assert list(protocol_time._of_objects(config, method, sequence))
    for part in timed:
        assert len(part.frames) == len(part.frame_names) == FRAMES - 3
        assert (part.frames[0] == sequence.frames[3]).all(), "clicks are made on it"
