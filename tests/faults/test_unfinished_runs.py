"""Kind 10: readers of a killed or running run say one sentence, or that it is NOT COMPLETE."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from conftest import make_folder_dataset

from vosbench import api
from vosbench.cli import main

READERS = {
    "evaluate": ("evaluate", "RUN"),
    "compare": ("compare", "RUN"),
    "analyse": ("analyse", "RUN"),
    "report": ("report", "RUN", "--out", "page"),
    "inspect": ("inspect", "RUN", "--out", "seen"),
}
ENDED = ("timing", "failed", "made_by", "peak_memory_bytes", "done", "masks_sha256")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_folder_dataset(tmp_path_factory.mktemp("made") / "data", {"ant": 5, "bee": 4})
    return api.run("copy-first", "folder", root=root, out=root.parent).folder or root


def killed(run: Path, left: str) -> None:
    """Take from a run what a kill leaves out; `left`: how many of its sequences are finished."""
    manifest = json.loads((run / "run.json").read_text())
    for key in ENDED:
        del manifest[key]
    (run / "run.json").write_text(json.dumps(manifest | {"status": "running"}))
    for name in ("summary.json", "scores.csv", "timing.csv"):
        (run / name).unlink()
    for name in {"none": ("ant", "bee"), "one": ("bee",), "masks": ("bee",), "all": ()}[left]:
        (run / "sequences" / f"{name}.json").unlink()
        if left != "masks":
            shutil.rmtree(run / "masks" / name)


def typed(monkeypatch: pytest.MonkeyPatch, command: str) -> int:
    words = [word.replace("RUN", "run") for word in READERS[command]]
    monkeypatch.setattr(sys, "argv", ["vosbench", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("left", ["none", "one", "masks", "all"])
@pytest.mark.parametrize("command", READERS)
def test_a_killed_run_is_told_as_such(
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    command: str,
    left: str,
) -> None:
    shutil.copytree(made, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    killed(tmp_path / "run", left)
    status = typed(monkeypatch, command)
    told = capfd.readouterr()
    assert "Traceback" not in told.err
    if (command, left) == ("evaluate", "all"):
        assert status == 0  # every sequence is there: nothing is missing from the scores
        return
    assert status == 1
    if command != "evaluate":
        assert "run holds no scores" in told.err
    elif left == "none":
        assert "run holds no finished sequence" in told.err
    else:
        assert "NOT COMPLETE, not scored: bee" in told.out
        assert "run has not finished bee" in told.err
        for again in ("compare", "report"):
            typed(monkeypatch, again)
            assert "NOT COMPLETE" in "".join([*capfd.readouterr(), *pages(tmp_path)])


def pages(folder: Path) -> list[str]:
    return [path.read_text() for path in (folder / "page").glob("*.html")]
