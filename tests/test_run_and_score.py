"""Masks of any tool, scored under a name, are a run to whatever compares, draws and reports."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Vosbench
from PIL import Image

from vosbench import api
from vosbench.errors import UsageError
from vosbench.results import Data, Result, load
from vosbench.run_and_score import failures


@pytest.fixture
def made(folder_root: Path, tmp_path: Path) -> Path:
    """Masks in a folder that nothing but their place tells of."""
    run = api.run("copy-first", "folder", root=folder_root, out=tmp_path / "runs")
    assert run.masks is not None
    return run.masks.rename(tmp_path / "stm")


@pytest.fixture
def named(made: Path, folder_root: Path, tmp_path: Path) -> Result:
    return api.evaluate(made, "folder", root=folder_root, name="STM", out=tmp_path / "scores")


def test_what_was_evaluated_is_remembered(named: Result, made: Path, folder_root: Path) -> None:
    assert named.folder is not None
    again = load(named.folder)
    assert again == replace(named, masks=made.resolve(), data=again.data)
    assert (again.name, again.manifest) == ("STM", None)
    assert again.data == Data(folder_root.resolve(), "")


def test_named_masks_are_compared_drawn_and_reported(
    named: Result, folder_root: Path, tmp_path: Path, command: Vosbench
) -> None:
    api.run("optical-flow", "folder", root=folder_root, out=tmp_path / "runs")
    both = ("scores", "runs/optical-flow-folder-data")
    done = command("compare", *both, "--picture", "both.png")
    assert done.returncode == 0, done.stderr
    assert " STM  " in done.stdout
    with Image.open(tmp_path / "both.png") as picture:
        assert picture.width > 1000
    size = command("analyse", "scores", "--what", "size,over-time", "--format", "csv")
    assert size.returncode == 0, size.stderr
    assert "STM" in size.stdout
    report = command("report", *both, "--out", "report")
    assert report.returncode == 0, report.stderr
    assert "left out" not in "".join(line for line in report.stderr.splitlines() if "masks" in line)
    times = (tmp_path / "report" / "tables" / "runtime.md").read_text()
    assert "STM: no times: masks of another tool come without" in times
    assert len([line for line in times.splitlines() if line.startswith("| optical-flow")]) == 1
    section = tmp_path / "report" / "tables"
    assert any("STM" in path.read_text() for path in section.glob("*/over-time.csv"))
    assert list((tmp_path / "report" / "figures").glob("*/qualitative.png"))


def test_masks_that_were_moved_are_missed_aloud(
    named: Result, made: Path, tmp_path: Path, command: Vosbench
) -> None:
    made.rename(tmp_path / "elsewhere")
    assert command("compare", "scores").returncode == 0
    picture = command("compare", "scores", "--picture", "a.png")
    assert picture.returncode == 1
    assert f"the masks of STM are not at {made} any more" in picture.stderr
    report = command("report", "scores", "--out", "report")
    assert report.returncode == 0, report.stderr
    assert f"masks of STM: not at {made} any more" in report.stderr


def test_a_name_is_for_masks_without_a_run(
    made: Path, folder_root: Path, tmp_path: Path, command: Vosbench
) -> None:
    run = tmp_path / "runs" / "copy-first-folder-data"
    own = command("evaluate", run, "--name", "STM")
    assert own.returncode == 1
    assert "is a run and has its own name; remove yours" in own.stderr
    flags = ("--dataset", "folder", "--root", folder_root)
    taken = command("evaluate", made, *flags, "--out", run)
    assert taken.returncode == 1
    assert "copy-first-folder-data is for the scores of the run that lies there" in taken.stderr
    for name in (" ", "a\nb", "x" * 101):
        with pytest.raises(UsageError, match="cannot name masks: expected 1 to 100 visible signs"):
            api.evaluate(made, "folder", root=folder_root, name=name)
    shown = command("evaluate", made, *flags, "--name", "STM")
    assert " STM  " in shown.stdout
    assert "not written" in shown.stdout


def test_a_method_that_only_reads_masks_has_no_times(
    made: Path, folder_root: Path, tmp_path: Path
) -> None:
    run = api.run(
        "precomputed", "folder", root=folder_root, options={"folder": made}, out=tmp_path / "runs"
    )
    assert run.manifest is not None
    assert run.manifest["timing"]["frames"] == 0
    assert run.manifest["timing"]["median_seconds"] is None
    with pytest.raises(
        UsageError, match=r"precomputed .*: no times: it only reads masks from file"
    ):
        api.analyse([run], "runtime")
    assert "ms/frame" not in api.compare([run]).tables[0].to_text()


@pytest.mark.parametrize("change", [{"masks": 1}, {"root": []}, {"name": None}])
def test_a_damaged_record_of_what_was_scored_is_one_sentence(
    named: Result, tmp_path: Path, command: Vosbench, change: dict[str, object]
) -> None:
    path = tmp_path / "scores" / "summary.json"
    summary = json.loads(path.read_text())
    del summary["seal"]
    path.write_text(json.dumps(summary | {"scored": summary["scored"] | change}))
    done = command("compare", "scores")
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    assert f"summary.json is not a summary of scores: {next(iter(change))} is " in said
    assert said.endswith("evaluate again")


def test_an_error_that_begins_with_its_sequence_names_it_once() -> None:
    failed = {"ant": "ant has no frame 'x'", "bee": "bee: no mask", "cat": "catalogue is missing"}
    ran: Any = SimpleNamespace(failed=failed, sequences=failed, folder="runs/r", former=None)
    assert failures(ran).splitlines()[:3] == [
        "ant has no frame 'x'", "bee: no mask", "cat: catalogue is missing",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("scores.csv", "video,J\nant,0.5\n"),
        ("summary.json", '{"of": "years"}'),
        ("summary.json", "[1, 2]"),
        ("counts.csv", "cars,3\n"),
        ("counts.json", '{"cars": 3}'),
    ],
)
def test_scores_replace_nothing_that_no_evaluation_wrote(
    made: Path, folder_root: Path, tmp_path: Path, name: str, text: str
) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / name).write_text(text)
    (out / "notes.txt").write_text("years")
    run = api.run("empty", "folder", root=folder_root, out=tmp_path / "runs")
    assert run.folder is not None
    for masks, dataset in ((made, "folder"), (run.folder, "")):
        with pytest.raises(UsageError, match=rf"mine holds {name}, which no evaluation wrote"):
            api.evaluate(masks, dataset, root=folder_root, out=out)
    assert {path.name: path.read_text() for path in out.iterdir()} == {
        name: text, "notes.txt": "years",
    }  # fmt: skip


def test_scores_replace_former_and_damaged_ones(
    named: Result, made: Path, folder_root: Path
) -> None:
    assert named.folder is not None
    for name in ("summary.json", "counts.json"):
        (named.folder / name).write_text("{")
        api.evaluate(made, "folder", root=folder_root, out=named.folder, name="STM")
        assert load(named.folder).summary == named.summary
    (named.folder / "summary.json").unlink()
    api.evaluate(made, "folder", root=folder_root, out=named.folder)


def test_tables_replace_no_scores(named: Result, command: Vosbench) -> None:
    assert named.folder is not None
    before = (named.folder / "scores.csv").read_text()
    done = command("analyse", named.folder, "--what", "scores", "--out", named.folder)
    assert done.returncode == 1
    assert "holds scores, and the tables would replace scores.csv; name another" in done.stderr
    assert (named.folder / "scores.csv").read_text() == before


def test_scores_of_a_run_replace_no_other_runs(folder_root: Path, tmp_path: Path) -> None:
    one, other = (
        api.run(name, "folder", root=folder_root, out=tmp_path / "runs")
        for name in ("copy-first", "empty")
    )
    assert one.folder is not None
    assert other.folder is not None
    for out in (other.folder, other.folder / "scores-united"):
        with pytest.raises(UsageError, match="is for the scores of the run that lies there"):
            api.evaluate(one.folder, out=out)
    assert load(other.folder).summary == other.summary
    assert api.evaluate(one.folder, out=one.folder).summary == one.summary
