"""Kinds 17 and 18: what is far too large is said before it starts; each cause is said once."""

from __future__ import annotations

import shutil
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Vosbench, make_folder_dataset

from vosbench import api, registry
from vosbench.errors import DataError, IncompleteRunError, UsageError
from vosbench.resolve import choose_sequences
from vosbench.run_and_score import failures
from vosbench.running.execute import RunResult
from vosbench.suites.reading import read
from vosbench.toolbox.datasets.layout import read_names
from vosbench.toolbox.methods import cost
from vosbench.toolbox.methods.label_propagation import propagate
from vosbench.toolbox.methods.label_propagation.settings import Propagation

MANY = 100_000


def test_a_list_of_many_names_is_read_at_once(tmp_path: Path) -> None:
    names = tuple(f"clip{n}" for n in range(MANY))
    (tmp_path / "val.txt").write_text("\n".join(names))
    began = time.process_time()
    assert read_names(tmp_path / "val.txt", "a list") == names
    assert choose_sequences((*names, "a,b"), names[::2]) == names[::2]
    assert time.process_time() - began < 5  # it took minutes
    (tmp_path / "val.txt").write_text("\n".join([*names, "clip7", "clip12"]))
    with pytest.raises(DataError, match="lists clip12, clip7 more than once"):
        read_names(tmp_path / "val.txt", "a list")


@pytest.mark.parametrize(
    ("values", "keys", "words"),
    [
        (10, 9, r"1,000,000,000 combinations \(10 a0 x 10 a1"),
        (101, 2, r"10,201 combinations \(101 a0 x 101 a1\); at most 10,000 are run"),
        (10_001, 1, r"10,001 combinations"),
    ],
)
def test_a_grid_of_too_many_runs_is_refused(
    values: int, keys: int, words: str, tmp_path: Path
) -> None:
    grid = ", ".join(f"a{key} = {list(range(values))}" for key in range(keys))
    suite = f'[[run]]\nmethod = "copy-first"\ndatasets = ["synthetic"]\ngrid = {{ {grid} }}\n'
    (tmp_path / "big.toml").write_text(suite)
    began = time.process_time()
    with pytest.raises(UsageError, match=words):
        read(str(tmp_path / "big.toml"))
    assert time.process_time() - began < 5


def ran(failed: dict[str, str]) -> RunResult:
    return RunResult(Path("runs/x"), None, tuple(failed), (), failed)  # type: ignore[arg-type]


def test_one_line_where_many_sequences_fail_alike() -> None:
    failed = {f"clip{n}": f"data/clip{n}/ is missing" for n in range(300)}
    failed["other"] = "no face found"
    lines = failures(ran(failed)).splitlines()
    assert lines[:2] == [
        "clip0: data/clip0/ is missing (and so 299 more, clip1 to clip299)",
        "other: no face found",
    ]
    assert len(lines) == 3


def test_different_causes_are_told_up_to_a_number() -> None:
    lines = failures(ran({f"clip{n}": f"{n * 7919} is odd" for n in range(300)})).splitlines()
    assert lines[20] == "... and 280 more"
    assert len(lines) == 22


@pytest.mark.parametrize("lacking", [1, 2, 3])
def test_the_command_says_each_cause_once(lacking: int, tmp_path: Path, command: Vosbench) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 3, "bee": 3, "dog": 3})
    results = shutil.copytree(root / "masks", tmp_path / "results")
    for name in ("ant", "bee", "dog")[:lacking]:
        shutil.rmtree(results / name)
    told = command(
        "run", "--method", "precomputed", "--set", f"folder={results}", "--dataset", "folder",
        "--root", root,
    )  # fmt: skip
    assert told.returncode == 1
    assert told.stderr.count("results/ant is missing") == 1
    assert f"error: {lacking} of 3 sequences failed; what is done is kept" in told.stderr
    assert told.stderr.count("failed as ant did") == lacking - 1


plugin = registry.load("methods", "label-propagation")
estimators = import_module(registry.load("methods", "optical-flow").__name__ + ".estimators")
label_cost = import_module(plugin.__name__ + ".cost")


def presets(preset: str) -> Propagation:
    settings: Propagation = plugin.Options(preset=preset).settings()
    return settings


@pytest.mark.parametrize(
    ("preset", "frames"), [("crw", 21), ("dino", 8), ("mast", 7), ("corrflow", 1), ("siammae", 21)]
)
def test_what_a_preset_keeps_is_what_is_foretold(preset: str, frames: int) -> None:
    settings = presets(preset)
    kept = 0
    features = (torch.rand(4, 3, 5) for _ in range(40))
    add = propagate._Memory.add

    def watched(self: Any, shot: Any, *, prompted: bool) -> None:
        nonlocal kept
        add(self, shot, prompted=prompted)
        kept = max(kept, len(self.shots))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(propagate._Memory, "add", watched)
        video = [np.zeros((6, 10, 3), np.uint8)] * 40
        prompt = {0: np.ones((6, 10), np.uint8)}
        list(propagate.propagate(lambda _: next(features), video, prompt, settings, stride=2))
    assert label_cost.kept(settings) == frames == kept


@pytest.mark.parametrize(
    ("preset", "channels", "size", "gigabytes"),
    [
        ("crw", 256, (270, 480), "2.9"),  # 4K at its native size
        ("mast", 256, (540, 960), "4.2"),
        ("crw", 256, (750, 1000), "16.9"),  # a picture of 8000x6000
    ],
)
def test_what_does_not_fit_is_refused_with_an_estimate(
    preset: str, channels: int, size: tuple[int, int], gigabytes: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(cost, "free_memory", lambda device: 2e9)
    h, w = size
    words = f"frames of {h}x{w} cells with {channels} channels, .* needs about {gigabytes} GB"
    with pytest.raises(DataError, match=rf"{words} of memory, and 2\.0 GB are free on cpu; use a"):
        label_cost.check(channels, h, w, presets(preset), device="cpu")


@pytest.mark.parametrize(
    ("flow", "h", "w", "size", "device", "fits"),
    [
        ("dis", 6000, 8000, 0, "cpu", False),
        ("dis", 6000, 8000, 480, "cpu", True),
        ("farneback", 2160, 3840, 0, "cpu", True),
        ("raft", 2160, 3840, 0, "cuda", False),
        ("raft", 2160, 3840, 480, "cuda", True),
        ("raft", 1080, 1920, 0, "cpu", False),
    ],
)
def test_flow_that_does_not_fit_is_refused(
    flow: str, h: int, w: int, size: int, device: str, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "free_memory", lambda device: 4e9)
    if fits:
        estimators.check_memory(flow, h=h, w=w, size=size, device=device)
        return
    with pytest.raises(DataError, match=rf"flow={flow} on frames of {h}x{w}: .* GB are free on"):
        estimators.check_memory(flow, h=h, w=w, size=size, device=device)


def test_what_takes_minutes_a_frame_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    label_cost.check(512, 270, 480, presets("uvc"), device="cpu")  # no window
    said = capsys.readouterr().err
    assert "min a frame on" in said
    assert "use a smaller --set size=480" in said
    label_cost.check(512, 60, 107, presets("crw"), device="cpu")  # 480p
    assert not capsys.readouterr().err


def test_a_run_says_it_and_goes_on_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 3})
    monkeypatch.setattr(cost, "free_memory", lambda device: 1e3)
    with pytest.raises(IncompleteRunError, match="ant: frames of 64x96 cells with 76 channels"):
        api.run("label-propagation", "folder", root=root, out=tmp_path / "runs")


def test_free_memory_is_known_here() -> None:
    free = cost.free_memory()
    assert free is not None
    assert 1e8 < free < 1e14
