"""The runner: what a run leaves behind, and that nothing done is ever lost."""

from __future__ import annotations

import csv
import dataclasses
import errno
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import Vosbench, command_environment, make_folder_dataset
from PIL import Image

from vosbench import api, provenance, registry, stored, videos
from vosbench.errors import DataError, IncompleteRunError, UsageError
from vosbench.files import alone_in, fingerprint
from vosbench.masks import read_mask, write_mask
from vosbench.options import paths_of
from vosbench.running import execute, sequence
from vosbench.running.config import RunConfig
from vosbench.running.execute import compute
from vosbench.running.plan import plan_run
from vosbench.types import Sequence


def _config(root: Path, out: Path, **changes: object) -> RunConfig:
    settings = {"method": "copy-first", "dataset": "folder", "root": root, "out": out}
    return RunConfig(**{**settings, **changes})  # type: ignore[arg-type]


def _contents(folder: Path) -> dict[str, bytes]:
    """Every file of a run that must not depend on how often it was interrupted."""
    files = [*folder.glob("masks/**/*"), folder / "scores.csv", folder / "summary.json"]
    return {str(f.relative_to(folder)): f.read_bytes() for f in files if f.is_file()}


def _note(notes: Path, done: Sequence, masks: Path) -> None:
    record = json.loads((masks.parents[1] / "sequences" / f"{done.name}.json").read_text())
    if done.name == "bee":
        raise ValueError("no truth\nfor it")
    (notes / done.name).write_text(f"{len(list(masks.glob('*.png')))} {record['frames']}")


@pytest.mark.parametrize("workers", [1, 2])
def test_after_a_sequence_something_is_done_which_costs_no_mask(
    folder_root: Path, tmp_path: Path, workers: int
) -> None:
    (notes := tmp_path / "notes").mkdir()
    config = _config(folder_root, tmp_path / "runs", workers=workers)
    ran = compute(plan_run(config), after=functools.partial(_note, notes))
    assert {path.name: path.read_text() for path in notes.iterdir()} == {
        "ant": "6 6", "cat": "7 7",
    }  # fmt: skip
    assert ran.troubles == {"bee": "failed: ValueError: no truth for it"}
    assert not ran.failed
    assert set(ran.computed) == {"ant", "bee", "cat"}
    log = (ran.folder / "log.txt").read_text()
    assert "bee: its masks are made, then: failed: ValueError: no truth for it" in log


def _kill(done: Sequence, masks: Path) -> None:
    if done.name == "bee":
        os.kill(os.getpid(), signal.SIGKILL)


def test_what_kills_the_process_after_a_sequence_costs_no_mask_either(
    folder_root: Path, tmp_path: Path
) -> None:
    config = _config(folder_root, tmp_path / "runs", own_process=True)
    ran = compute(plan_run(config), after=_kill)
    assert not ran.failed
    assert set(ran.computed) == {"ant", "bee", "cat"}
    assert ran.troubles == {"bee": "its process ended after its masks were made"}
    assert not list(ran.folder.glob("masks/.*"))


def test_a_run_leaves_masks_manifest_timing_and_log(folder_root: Path, tmp_path: Path) -> None:
    result = api.run("copy-first", "folder", root=str(folder_root), out=str(tmp_path / "runs"))
    folder = result.folder
    assert folder is not None
    assert sorted(p.name for p in folder.glob("[!.]*")) == [
        "counts.csv", "counts.json", "log.txt", "masks", "run.json", "scores.csv", "sequences",
        "summary.json", "timing.csv",
    ]  # fmt: skip
    described = json.loads((folder / "run.json").read_text())
    assert described["status"] == "complete"
    assert described["identity"]["method"] == "copy-first"
    assert described["done"] == ["ant", "bee", "cat"]
    assert described["timing"]["frames"] == 6 + 9 + 7 - 2 * 3
    assert 0 < described["timing"]["median_seconds"] <= described["timing"]["p95_seconds"]
    assert described["peak_memory_bytes"] > 1e6
    rows = list(csv.DictReader((folder / "timing.csv").open()))
    assert len(rows) == 22
    assert {r["sequence"] for r in rows} == {"ant", "bee", "cat"}
    with Image.open(folder / "masks" / "bee" / "00008.png") as image:
        assert image.mode == "P"
        assert image.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]
    assert np.array_equal(
        read_mask(folder / "masks" / "bee" / "00008.png"),
        read_mask(folder_root / "masks" / "bee" / "00000.png"),
    )
    assert result.summary["copy_first"]["J"]["mean"] == result.summary["J"]["mean"]
    assert len(result.frames) == 2 * (5 + 8 + 6)
    assert list(result.objects["J mean"]) == [o["J"]["mean"] for o in result.summary["objects"]]


def test_the_same_command_does_only_what_is_missing(folder_root: Path, tmp_path: Path) -> None:
    config = _config(folder_root, tmp_path / "runs")
    first = compute(plan_run(config))
    assert first.computed == ("bee", "cat", "ant")  # longest first
    assert compute(plan_run(config)).computed == ()
    (first.folder / "sequences" / "cat.json").unlink()
    assert compute(plan_run(config)).computed == ("cat",)
    with pytest.raises(UsageError, match="exists; use --overwrite missing to go on"):
        plan_run(_config(folder_root, tmp_path / "runs", overwrite="never"))
    again = plan_run(_config(folder_root, tmp_path / "runs", overwrite="always"))
    assert len(again.missing) == 3


def test_a_run_opens_its_dataset_and_builds_its_method_once(
    folder_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def counted(kind: str, name: str, function: str) -> None:
        module = registry.load(kind, name)
        real = getattr(module, function)

        def act(*given: object, **named: object) -> object:
            calls.append(function)
            return real(*given, **named)

        monkeypatch.setattr(module, function, act)

    counted("datasets", "folder", "load")
    counted("methods", "copy-first", "build")
    result = api.run("copy-first", "folder", root=folder_root, out=tmp_path / "runs")
    assert len(result.sequences) == 3
    assert sorted(calls) == ["build", "load"]


def test_other_options_have_a_folder_of_their_own(folder_root: Path, tmp_path: Path) -> None:
    plain = plan_run(_config(folder_root, tmp_path / "runs"))
    part = plan_run(_config(folder_root, tmp_path / "runs", sequences=("ant",)))
    assert plain.folder.name == "copy-first-folder-data"
    assert part.folder.name.startswith("copy-first-folder-data-")


def test_a_folder_with_another_run_is_refused(folder_root: Path, tmp_path: Path) -> None:
    planned = plan_run(_config(folder_root, tmp_path / "runs"))
    file = compute(planned).folder / "run.json"
    described = json.loads(file.read_text())
    described["identity"]["seed"] = 7
    described["identity_sha256"] = fingerprint(described["identity"])
    file.write_text(json.dumps(described))
    with pytest.raises(UsageError, match=r"holds another run \(changed: seed: 7 -> 0\)"):
        plan_run(_config(folder_root, tmp_path / "runs"))


@pytest.mark.usefixtures("test_plugins")
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("too-few", r"gave 2 masks for \d+ frames; segment\(\) must yield one mask per frame"),
        ("too-many", r"gave more than \d+ masks"),
        ("raises", r"RuntimeError: the method fell over"),
        ("wrong-size", r"frame 00002: the method gave \(31, 48\) uint8, expected \(32, 48\)"),
        ("wrong-type", r"gave \(32, 48\) int64, expected \(32, 48\) uint8"),
        ("unknown-id", r"gave ids \[99\] that no prompt has; the prompts' ids are \[1, 2\]"),
    ],
)
def test_a_misbehaving_method_is_named(
    folder_root: Path, tmp_path: Path, how: str, message: str
) -> None:
    with pytest.raises(IncompleteRunError, match=message):
        api.run(
            "misbehaving", "folder", root=folder_root, out=tmp_path / "runs", options={"how": how}
        )
    (folder,) = (tmp_path / "runs").iterdir()
    described = json.loads((folder / "run.json").read_text())
    assert described["status"] == "incomplete"
    assert set(described["failed"]) == {"ant", "bee", "cat"}
    assert not list((folder / "masks").iterdir())
    assert "Traceback" in (folder / "log.txt").read_text()


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-200])


def _resize(file: Path) -> None:
    with Image.open(file) as image:
        smaller = image.resize((24, 16))
    smaller.save(file)


@pytest.mark.parametrize(
    ("harm", "file", "message"),
    [
        (_truncate, "images/bee/00004.jpg", r"bee.*00004\.jpg"),
        (_resize, "images/bee/00004.jpg", r"bee.*00004.jpg is 16x24 .*32x48"),
        (_truncate, "masks/bee/00000.png", r"00000\.png"),
        (Path.unlink, "images/bee/00004.jpg", r"bee.*00004"),
    ],
)
def test_one_broken_sequence_does_not_stop_the_others(
    tmp_path: Path, folder_root: Path, command: Vosbench, harm: object, file: str, message: str
) -> None:
    whole = folder_root / file
    before = whole.read_bytes()
    harm(whole)  # type: ignore[operator]
    arguments = ("run", "--method", "copy-first", "--dataset", "folder", "--root", folder_root)
    ended = command(*arguments)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "1 of 3 sequences failed; what is done is kept" in ended.stderr
    assert re.search(message, ended.stderr.replace("\n", " ")), ended.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    assert sorted(p.name for p in (folder / "masks").iterdir()) == ["ant", "cat"]
    whole.write_bytes(before)
    mended = command(*arguments)
    assert mended.returncode == 0, mended.stderr
    assert json.loads((folder / "run.json").read_text())["done"] == ["ant", "bee", "cat"]


def test_ids_with_a_gap_are_refused_under_numbered_objects(tmp_path: Path) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 4, "bee": 4})
    for file in (root / "masks" / "bee").iterdir():
        mask = read_mask(file)
        mask[mask == 2] = 5
        write_mask(file, mask)
    planned = plan_run(_config(root, tmp_path / "runs", protocol="davis2017"))
    assert (
        "bee, annotation 00000 has the ids [1, 5], but protocol davis2017 expects 1..5"
        in planned.broken["bee"]
    )
    assert compute(planned).computed == ("ant",)
    assert not plan_run(_config(root, tmp_path / "runs")).broken


def test_an_unwritable_folder_and_a_full_disk_are_said(
    folder_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot be written.*choose another --out"):
        plan_run(_config(folder_root, tmp_path / "file"))

    def full(path: Path, mask: object) -> None:
        if path.parent.name.startswith(".cat"):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write_mask(path, mask)  # type: ignore[arg-type]

    monkeypatch.setattr(stored, "write_mask", full)
    result = compute(plan_run(_config(folder_root, tmp_path / "runs")))
    assert list(result.failed) == ["cat"]
    assert "No space left on device" in result.failed["cat"]
    assert "give the same command again" in result.failed["cat"]
    assert sorted(p.name for p in (result.folder / "masks").iterdir()) == ["ant", "bee"]


def test_a_read_only_folder_is_said() -> None:
    import numpy.random  # noqa: F401  # another user may not be able to read what is not loaded yet

    registry.load("methods", "copy-first")
    registry.load("datasets", "synthetic")
    out = Path(tempfile.mkdtemp())
    out.chmod(0o555)
    user = os.geteuid()
    try:
        if user == 0:  # to root nothing is read-only
            os.seteuid(65534)
        with pytest.raises(DataError, match=r"Permission denied.*choose another --out"):
            plan_run(RunConfig(method="copy-first", dataset="synthetic", out=out))
    finally:
        os.seteuid(user)
        shutil.rmtree(out)


@pytest.mark.parametrize("limit", [1000, 3000])  # run.json does not fit; summary.json does not
def test_a_file_that_cannot_be_written_in_full_is_an_error_and_heals(
    folder_root: Path, tmp_path: Path, command: Vosbench, limit: int
) -> None:
    arguments = ("run", "--method", "copy-first", "--dataset", "folder", "--root", folder_root)
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "from vosbench.cli import main; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=tmp_path, env=command_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "error: " in ended.stderr
    assert "File too large" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert command(*arguments).returncode == 0


def test_an_empty_dataset_is_said(tmp_path: Path, command: Vosbench) -> None:
    (tmp_path / "empty").mkdir()
    ended = command("run", "--method", "copy-first", "--dataset", "folder", "--root", "empty")
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert "empty" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_two_processes_do_not_share_a_folder(folder_root: Path, tmp_path: Path) -> None:
    planned = plan_run(_config(folder_root, tmp_path / "runs"))
    with (
        alone_in(planned.folder),
        pytest.raises(UsageError, match="another process is at work"),
    ):
        compute(planned)
    assert len(compute(planned).computed) == 3


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_goes_on_and_ends_byte_identical(
    tmp_path: Path, command: Vosbench, signal_number: signal.Signals
) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 10, "bee": 30, "cat": 20})
    arguments = ["run", "--method", "misbehaving", "--set", "how=hangs", "--dataset", "folder",
                 "--root", str(root), "--out"]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "vosbench", *arguments, "killed"],
        cwd=tmp_path, env=command_environment() | {"MISBEHAVING_HANGS": "1"},
        stderr=subprocess.PIPE, text=True,
        # a background job, as CI may be, ignores Ctrl-C, and so would its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline = time.monotonic() + 60
    # a few frames into the second sequence, whose folder is hidden until it is done
    while len(list(tmp_path.glob("killed/*/masks/.cat-*/*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal_number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode != 0
    if signal_number == signal.SIGINT:
        assert "give the same command again to continue" in errors
    (killed,) = tmp_path.glob("killed/*")
    assert [p.name for p in killed.glob("masks/[!.]*")] == ["bee"]
    before = (killed / "masks" / "bee" / "00000.png").stat().st_mtime_ns
    again = command(*arguments, "killed")
    assert again.returncode == 0, again.stderr
    assert (killed / "masks" / "bee" / "00000.png").stat().st_mtime_ns == before
    assert command(*arguments, "whole").returncode == 0
    (whole,) = tmp_path.glob("whole/*")
    assert _contents(killed) == _contents(whole)
    assert len(_contents(killed)) == 60 + 2


def test_the_methods_own_seconds_leave_out_reading(
    folder_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = videos.FrameFolder.__iter__

    def slow(self: object) -> object:
        for frame in real(self):  # type: ignore[arg-type]
            time.sleep(0.02)
            yield frame

    monkeypatch.setattr(videos.FrameFolder, "__iter__", slow)
    result = api.run("copy-first", "folder", root=folder_root, out=tmp_path / "runs")
    assert result.manifest is not None
    assert result.manifest["timing"]["median_seconds"] < 0.01


def test_a_run_knows_the_hash_of_the_files_its_options_name(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"abc")
    options = dataclasses.make_dataclass("Options", [("weights", Path)])(file)
    assert provenance.hashed(paths_of(options))["weights"].startswith("ba7816bf")


def test_masks_of_other_data_are_not_discarded(folder_root: Path, tmp_path: Path) -> None:
    config = _config(folder_root, tmp_path / "runs")
    folder = compute(plan_run(config)).folder
    before = _contents(folder)
    prompt = folder_root / "masks" / "bee" / "00000.png"
    write_mask(prompt, np.roll(read_mask(prompt), 3, axis=1))
    frame = folder_root / "images" / "cat" / "00003.jpg"
    Image.fromarray(np.zeros((32, 48, 3), np.uint8)).save(frame)
    with pytest.raises(UsageError, match=r"of bee, cat have changed since; use --overwrite always"):
        plan_run(config)
    assert _contents(folder) == before
    anew = compute(plan_run(dataclasses.replace(config, overwrite="always")))
    assert (anew.folder, len(anew.computed)) == (folder, 3)
    (tmp_path / "moved").mkdir()
    moved = folder_root.rename(tmp_path / "moved" / folder_root.name)
    assert plan_run(_config(moved, tmp_path / "runs")).missing == ()


def test_scores_of_masks_that_change_are_taken_away(folder_root: Path, tmp_path: Path) -> None:
    result = api.run("copy-first", "folder", root=folder_root, out=tmp_path / "runs")
    assert result.folder is not None
    (result.folder / "masks" / "cat" / "00003.png").unlink()
    (folder_root / "images" / "cat" / "00003.jpg").write_bytes(b"no picture any more")
    (result.folder / "sequences" / "cat.json").unlink()
    with pytest.raises(IncompleteRunError, match="cat"):
        api.run("copy-first", "folder", root=folder_root, out=tmp_path / "runs")
    assert not (result.folder / "summary.json").exists()
    part = api.evaluate(result.folder, sequences=("ant",))
    assert [row["sequence"] for row in part.summary["sequences"]] == ["ant"]
    assert not (result.folder / "summary.json").exists()


def test_a_finished_sequence_whose_data_broke_is_not_scored(
    folder_root: Path, tmp_path: Path, command: Vosbench
) -> None:
    arguments = ("run", "--method", "copy-first", "--dataset", "folder", "--root", folder_root)
    assert command(*arguments).returncode == 0
    (folder_root / "images" / "bee" / "00004.jpg").unlink()
    ended = command(*arguments)
    assert ended.returncode == 1
    assert "ONLY 2 of 3 sequences" in ended.stdout
    assert "4 objects in 2 sequences" in ended.stdout
    assert "NOT COMPLETE, failed: bee" in ended.stdout
    (folder,) = (path.parent for path in tmp_path.rglob("run.json"))
    scored = command("evaluate", folder)
    assert scored.returncode == 1
    assert "4 objects in 2 sequences" in scored.stdout
    assert "NOT COMPLETE: the run failed on bee; the scores are of the others" in scored.stderr
    assert command("evaluate", folder, "--sequences", "ant").returncode == 0


def test_a_missing_mask_heals_and_a_damaged_manifest_is_said(
    folder_root: Path, tmp_path: Path
) -> None:
    config = _config(folder_root, tmp_path / "runs")
    folder = compute(plan_run(config)).folder
    (folder / "masks" / "bee" / "00004.png").unlink()
    assert compute(plan_run(config)).computed == ("bee",)
    (folder / "run.json").write_text("{")
    with pytest.raises(DataError, match=r"run\.json is damaged.*--overwrite always"):
        plan_run(config)
    assert len(plan_run(dataclasses.replace(config, overwrite="always")).missing) == 3


def test_masks_without_a_manifest_are_nobodys(folder_root: Path, tmp_path: Path) -> None:
    config = _config(folder_root, tmp_path / "runs")
    folder = compute(plan_run(config)).folder
    (folder / "run.json").unlink()
    before = _contents(folder)
    with pytest.raises(UsageError, match=r"holds .*masks/.* but no run.json"):
        plan_run(dataclasses.replace(config, overwrite="always"))
    assert _contents(folder) == before


@pytest.mark.usefixtures("test_plugins")
def test_a_method_that_ends_the_program_has_failed(folder_root: Path, tmp_path: Path) -> None:
    with pytest.raises(IncompleteRunError, match=r"tried to end the program: SystemExit\(0\)"):
        api.run("misbehaving", "folder", root=folder_root, out=tmp_path, options={"how": "exits"})


def test_a_worker_that_leaves_nothing_has_failed(
    folder_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "segment_sequence", lambda *_, **__: sequence.Made(0, 0, ""))
    result = compute(plan_run(_config(folder_root, tmp_path / "runs")))
    assert set(result.failed) == {"ant", "bee", "cat"}
    assert "workers must see the same folders" in result.failed["ant"]


@pytest.mark.skipif(
    not os.environ.get("VOSBENCH_DATA"), reason="VOSBENCH_DATA with DAVIS-2016/ is not set"
)
@pytest.mark.parametrize(("method", "j"), [("copy-first", 0.261), ("optical-flow", 0.361)])
def test_the_ten_real_sequences_give_the_figures_of_the_trial(
    tmp_path: Path, method: str, j: float
) -> None:
    root = Path(os.environ["VOSBENCH_DATA"]) / "DAVIS-2016"
    if not root.is_dir():
        pytest.skip(f"{root} is missing")
    result = api.run(method, "davis2016", root=root, out=tmp_path, workers=2)
    assert abs(result.summary["J"]["mean"] - j) < 0.01
