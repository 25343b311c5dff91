"""Kind 6: files of a run that do not belong together, or were edited, are named, never reported."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Vosbench, make_folder_dataset

from vosbench import api
from vosbench.analysis.as_scored import as_scored
from vosbench.errors import DataError
from vosbench.masks import read_mask, write_mask
from vosbench.results import load

A, B, SCORED = "runs/copy-first-folder-data", "other", "scores"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs, the second over a part of the data, and the truth scored as masks."""
    where = tmp_path_factory.mktemp("made")
    root = make_folder_dataset(where / "data", {"ant": 6, "cat": 7})
    api.run("copy-first", "folder", root=root, out=where / "runs")
    part = api.run("optical-flow", "folder", root=root, sequences=["ant"], out=where / "part")
    assert part.folder is not None
    part.folder.rename(where / B)
    api.evaluate(root / "masks", "folder", root=root, name="STM", out=where / SCORED)
    return where


@pytest.fixture
def here(made: Path, tmp_path: Path) -> Path:
    """A copy to harm."""
    for name in (A, B, SCORED):
        shutil.copytree(made / name, tmp_path / name)
    return tmp_path


def swapped(name: str, other: str = B) -> Callable[[Path], object]:
    """The file of another run in the place of the first one's."""
    return lambda here: shutil.copy(here / other / name, here / A / name)


def edited(name: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
    def edit(here: Path) -> None:
        path = here / A / name
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return edit


def better(here: Path) -> None:
    """Higher scores on the first line of scores.csv."""
    path = here / A / "scores.csv"
    lines = path.read_text().splitlines()
    lines[1] = ",".join([*lines[1].split(",")[:3], "1.0", "1.0"])
    path.write_text("\n".join(lines) + "\n")


APART = "and its summary.json do not belong together"
HARMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "summary": (swapped("summary.json"), "summary.json is not of the run that"),
    "summary of no run": (swapped("summary.json", SCORED), "summary.json is not of the run that"),
    "run": (swapped("run.json"), "summary.json is not of the run that"),
    "scores": (swapped("scores.csv", SCORED), f"scores.csv {APART}"),
    "edited scores": (better, f"scores.csv {APART}"),
    "edited mean": (
        edited("summary.json", lambda it: it["J"].update(mean=0.99)),
        "summary.json was edited since it was written; evaluate again",
    ),
    "edited name": (
        edited("summary.json", lambda it: it["scored"].update(identity_sha256="0")),
        "summary.json was edited since it was written; evaluate again",
    ),
    "edited option": (
        edited("run.json", lambda it: it["identity"].update(seed=7)),
        "run.json is not as it was written: its identity has another hash",
    ),
    "other masks": (
        edited("run.json", lambda it: it.update(masks_sha256="0")),
        "summary.json is of other masks than",
    ),
}


@pytest.mark.parametrize("harm", HARMS)
def test_no_table_is_made_of_it(here: Path, harm: str) -> None:
    change, words = HARMS[harm]
    change(here)
    for runs in ([here / A], [here / B, here / A]):
        with pytest.raises(DataError) as told:
            api.compare(runs)
        assert words in str(told.value)
        assert str(here / A) in str(told.value)
    for call in (lambda: api.analyse([here / A], "over-time"), lambda: api.report([here / A], "r")):
        with pytest.raises(DataError, match=words.replace(".", r"\.")):
            call()


def test_the_command_says_one_sentence(here: Path, command: Vosbench) -> None:
    better(here)
    for arguments in (("compare", A), ("analyse", A), ("report", A, "--out", "report")):
        done = command(*arguments)
        (said,) = done.stderr.splitlines()
        assert done.returncode == 1
        assert done.stdout == ""
        assert said.startswith(f"error: {A}/scores.csv and its summary.json do not belong together")
    again = command("compare", SCORED)
    assert again.returncode == 0


@pytest.mark.parametrize("harm", ["summary", "scores", "edited scores", "edited mean"])
def test_evaluating_again_mends_it(here: Path, made: Path, harm: str) -> None:
    HARMS[harm][0](here)
    api.evaluate(here / A)
    for name in ("scores.csv", "summary.json"):
        assert (here / A / name).read_bytes() == (made / A / name).read_bytes()


def test_scores_are_not_given_to_another_run(here: Path) -> None:
    swapped("run.json")(here)
    with pytest.raises(DataError, match=r"run\.json is not of the masks in .*put the right run.js"):
        api.evaluate(here / A)


def test_files_without_a_seal_are_still_read(here: Path) -> None:
    for name in (A, SCORED):
        path = here / name / "summary.json"
        summary = json.loads(path.read_text())
        del summary["seal"], summary["scored"]
        path.write_text(json.dumps(summary))
    table = api.compare([here / A, here / SCORED]).tables[0]
    assert sorted(str(row[0]) for row in table.rows) == ["copy-first", "scores"]


def touched(folder: Path) -> None:
    """Write every mask anew, as a copy does."""
    for path in folder.glob("masks/*/*.png"):
        path.write_bytes(path.read_bytes())
        os.utime(path, ns=(1, 1))


def painted(path: Path) -> None:
    mask = read_mask(path)
    mask[:4] = 1
    write_mask(path, mask)


def test_masks_changed_since_they_were_scored_are_told(here: Path, command: Vosbench) -> None:
    assert "NOT AS SCORED" not in command("compare", A, SCORED).stdout
    painted(here / A / "masks" / "cat" / "00003.png")
    for arguments in (("compare", A), ("analyse", A, "--what", "over-time"), ("compare", B, A)):
        done = command(*arguments)
        assert done.returncode == 0, done.stderr
        said = " ".join(done.stdout.split())
        assert (
            "copy-first: NOT AS SCORED: the masks of cat were changed or written anew since; "
            "evaluate again" in said
        )
    command("report", A, "--out", "report")
    (page,) = (here / "report" / "tables").glob("*/scores.md")
    assert "copy-first: NOT AS SCORED: the masks of cat" in page.read_text()
    assert as_scored(load(here / A)).changed == ("cat",)


def test_masks_of_another_tool_too(here: Path, made: Path, command: Vosbench) -> None:
    masks = shutil.copytree(made / "data" / "masks", here / "stm")
    api.evaluate(masks, "folder", root=made / "data", name="STM", out=here / SCORED)
    assert as_scored(load(here / SCORED)).changed == ()
    painted(masks / "ant" / "00002.png")
    shutil.rmtree(masks / "cat")
    assert as_scored(load(here / SCORED)).changed == ("ant", "cat")
    assert "STM: NOT AS SCORED: the masks of ant, cat" in command("compare", SCORED).stdout
    shutil.copytree(made / "data" / "masks", masks, dirs_exist_ok=True)
    api.evaluate(masks, "folder", root=made / "data", name="STM", out=here / SCORED)
    assert as_scored(load(here / SCORED)).changed == ()


def test_a_copy_of_a_run_is_as_it_was_scored(here: Path) -> None:
    touched(here / A)
    assert as_scored(load(here / A)).changed == ()
    (here / A / "masks" / "ant" / "00003.png").unlink()
    assert as_scored(load(here / A)).changed == ("ant",)


def test_damaged_counts_are_named_and_missing_ones_are_no_fault(here: Path) -> None:
    (here / A / "counts.json").write_text("{}")
    with pytest.raises(DataError, match=r"counts\.json is not what was counted: it has no"):
        api.compare([here / A])
    (here / A / "counts.json").unlink()
    assert len(api.compare([here / A]).tables) == 1


def test_scores_copied_out_of_a_run_are_still_read(here: Path) -> None:
    alone = here / "alone"
    alone.mkdir()
    for name in ("scores.csv", "summary.json"):
        shutil.copy(here / A / name, alone / name)
    assert load(alone).name == "alone"
    assert as_scored(load(alone)).changed == ()
