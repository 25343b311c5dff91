"""Kind 3: `--overwrite always` builds beside, then changes places; nothing is destroyed before."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import command_environment, make_folder_dataset

from vosbench import api, files
from vosbench.errors import IncompleteRunError, UsageError
from vosbench.masks import read_mask, write_mask
from vosbench.running import execute
from vosbench.running import folder as run_folder
from vosbench.running.config import RunConfig
from vosbench.running.execute import compute
from vosbench.running.folder import building
from vosbench.running.plan import plan_run
from vosbench.running.whole import finished

YEARS = "years of work"
FOREIGN = (
    "notes.txt",
    "notes/deep/a.txt",
    "scores-mine/summary.json",
    "masks/README",
    "masks/other/00000.png",
    "masks/ant/notes.txt",
    "masks/ant/extra.png",
    ".hidden",
)


def config(home: Path, **changes: object) -> RunConfig:
    settings = {"method": "copy-first", "dataset": "folder", "root": home / "data"}
    return RunConfig(**{**settings, "out": home / "runs", **changes})  # type: ignore[arg-type]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (".lock", "log.txt")
    }


@pytest.fixture
def scored(tmp_path: Path) -> Path:
    """A scored run of two sequences, also scored by another protocol."""
    make_folder_dataset(tmp_path / "data", {"ant": 4, "bee": 3})
    folder = api.run("copy-first", "folder", root=tmp_path / "data", out=tmp_path / "runs").folder
    assert folder is not None
    api.evaluate(folder, protocol="united")
    return folder


def roll(home: Path, name: str) -> None:
    """Move the prompt: the data are others now."""
    prompt = home / "data" / "masks" / name / "00000.png"
    write_mask(prompt, np.roll(read_mask(prompt), 3, axis=1))


def test_the_new_run_takes_the_place_and_what_is_the_users_stays(
    scored: Path, tmp_path: Path
) -> None:
    for name in FOREIGN:
        (scored / name).parent.mkdir(parents=True, exist_ok=True)
        (scored / name).write_text(YEARS)
    roll(tmp_path, "ant")
    planned = plan_run(config(tmp_path, overwrite="always"))
    assert set(planned.missing) == {"ant", "bee"}
    ran = compute(planned)
    assert (ran.folder, ran.former) == (scored, None)
    assert [p.name for p in scored.parent.iterdir()] == [scored.name]
    assert np.array_equal(
        read_mask(scored / "masks" / "ant" / "00003.png"),
        read_mask(tmp_path / "data" / "masks" / "ant" / "00000.png"),
    )
    for name in FOREIGN:
        assert (scored / name).read_text() == YEARS
    assert not (scored / "scores-united").exists()  # of the masks before
    assert not (scored / "summary.json").exists()
    assert plan_run(config(tmp_path)).missing == ()


def test_plan_removes_nothing(scored: Path, tmp_path: Path) -> None:
    before = contents(scored)
    plan_run(config(tmp_path, overwrite="always"))
    (scored / "masks" / "ant" / "00001.png").unlink()
    del before["masks/ant/00001.png"]
    plan_run(config(tmp_path))
    assert contents(scored) == before


@pytest.mark.parametrize("error", [RuntimeError, OSError, MemoryError, KeyboardInterrupt])
def test_a_new_run_that_fails_leaves_the_old_one(
    scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    before = contents(scored)

    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(execute, "segment_sequence", fails)
    planned = plan_run(config(tmp_path, overwrite="always"))
    if error is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            compute(planned)
    else:
        assert compute(planned).former == scored
    assert contents(scored) == before


def test_a_sequence_that_breaks_keeps_the_former_run(scored: Path, tmp_path: Path) -> None:
    before = contents(scored)
    broken = tmp_path / "data" / "images" / "bee" / "00001.jpg"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-200])
    with pytest.raises(IncompleteRunError, match="still holds the former run"):
        api.run(
            "copy-first", "folder", root=tmp_path / "data", out=tmp_path / "runs",
            overwrite="always",
        )  # fmt: skip
    assert contents(scored) == before
    assert finished(building(scored)) == {"ant"}
    broken.write_bytes(whole)
    planned = plan_run(config(tmp_path))
    assert planned.missing == ()  # the old one, as if nothing had been
    planned = plan_run(config(tmp_path, overwrite="always"))
    assert planned.missing == ("bee",)
    assert compute(planned).folder == scored
    assert not building(scored).exists()


def test_an_attempt_on_other_data_is_not_gone_on_with(scored: Path, tmp_path: Path) -> None:
    broken = tmp_path / "data" / "images" / "bee" / "00001.jpg"
    whole = broken.read_bytes()
    broken.write_bytes(b"")
    assert compute(plan_run(config(tmp_path, overwrite="always"))).former == scored
    broken.write_bytes(whole)
    roll(tmp_path, "ant")
    assert len(compute(plan_run(config(tmp_path, overwrite="always"))).computed) == 2


@pytest.mark.parametrize("at", ["ant", "bee"])
def test_a_kill_in_the_middle_keeps_the_old_masks(tmp_path: Path, at: str) -> None:
    make_folder_dataset(tmp_path / "data", {"ant": 12, "bee": 8})
    given = ["run", "--method", "misbehaving", "--set", "how=hangs", "--dataset", "folder",
             "--root", "data"]  # fmt: skip

    def vosbench(*more: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "vosbench", *given, *more],
            cwd=tmp_path, env=command_environment() | environment,
            stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    assert vosbench().wait(120) == 0
    (folder,) = (tmp_path / "runs").iterdir()
    before = contents(folder)
    process = vosbench("--overwrite", "always", MISBEHAVING_HANGS="1")
    new = building(folder)
    deadline = time.monotonic() + 60
    while len(list(new.glob(f"masks/.{at}-*/*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
        if process.poll() is not None:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert contents(folder) == before
    again = vosbench("--overwrite", "always")
    assert again.wait(120) == 0, again.stderr
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [folder.name]
    assert {k: v for k, v in contents(folder).items() if k.endswith(".png")} == {
        k: v for k, v in before.items() if k.endswith(".png")
    }


@pytest.mark.parametrize("after", range(6))
def test_a_kill_while_places_change_is_mended(
    scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Every rename and removal of the change of places may be the last thing that happens."""
    (scored / "notes").mkdir()
    (scored / "notes" / "a.txt").write_text(YEARS)
    (scored / "masks" / "ant" / "b.txt").write_text(YEARS)
    masks = {k: v for k, v in contents(scored).items() if k.endswith(".png")}
    done = 0

    def counted(name: str) -> None:
        real = getattr(files, name)

        def act(*given: Path, **named: Path) -> None:
            nonlocal done
            if named["inside"] == scored.parent:
                if done == after:
                    raise KeyboardInterrupt
                done += 1
            real(*given, **named)

        for module in (files, run_folder):
            monkeypatch.setattr(module, name, act)

    planned = plan_run(config(tmp_path, overwrite="always"))
    counted("replace")
    counted("remove")
    with pytest.raises(KeyboardInterrupt):
        compute(planned)
    monkeypatch.undo()
    ran = compute(plan_run(config(tmp_path)))
    assert ran.folder == scored
    assert not ran.computed
    assert {k: v for k, v in contents(scored).items() if k.endswith(".png")} == masks
    assert (scored / "notes" / "a.txt").read_text() == YEARS
    assert (scored / "masks" / "ant" / "b.txt").read_text() == YEARS
    compute(plan_run(config(tmp_path, overwrite="always")))
    assert [path.name for path in scored.parent.iterdir()] == [scored.name]
    assert (scored / "notes" / "a.txt").read_text() == YEARS


@pytest.mark.parametrize("text", ["{}", "[]", YEARS])
@pytest.mark.parametrize("overwrite", ["missing", "always"])
@pytest.mark.parametrize(
    "name", ["run.json", "summary.json", "scores.csv", "log.txt", "masks/ant/00000.png"]
)
def test_a_folder_of_the_user_is_not_written_into(
    tmp_path: Path, name: str, overwrite: str, text: str
) -> None:
    make_folder_dataset(tmp_path / "data", {"ant": 3})
    mine = tmp_path / "runs" / "copy-first-folder-data" / name
    mine.parent.mkdir(parents=True)
    mine.write_text(text)
    with pytest.raises(UsageError, match=r"move (it|them) away, or name another --out"):
        plan_run(config(tmp_path, overwrite=overwrite))
    assert mine.read_text() == text
