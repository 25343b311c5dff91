"""Kind 7: a bad file of one sequence costs only that sequence its scores, and is told."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Vosbench, make_folder_dataset

from vosbench import api
from vosbench.errors import DataError, IncompleteScoresError
from vosbench.masks import read_mask, write_mask

Harm = Callable[[Path], object]  # to a mask of bee


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def other_size(path: Path) -> None:
    write_mask(path, read_mask(path)[:20])


def other_id(path: Path) -> None:
    write_mask(path, np.full((32, 48), 7, np.uint8))


HARMS: dict[str, tuple[Harm, str]] = {
    "cut": (cut, r"bee.00003\.png is damaged"),
    "empty": (lambda path: path.write_bytes(b""), r"bee.00003\.png is not a picture"),
    "other-size": (other_size, r"bee.00003\.png is 20x48|00003\.png is 32x48"),
    "other-id": (other_id, r"bee.00003\.png has the ids \[7\]"),
    "missing": (Path.unlink, r"1 of 8 masks are missing in .*bee: 00003\.png"),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_folder_dataset(tmp_path / "data", {"ant": 6, "bee": 9, "cat": 7})


def others(scored: dict[str, object]) -> dict[str, object]:
    """A summary without what tells of the failed one."""
    return {key: value for key, value in scored.items() if key != "failed"}


@pytest.mark.parametrize("harm", HARMS)
def test_bad_results_of_one_sequence(tmp_path: Path, root: Path, harm: str) -> None:
    results = shutil.copytree(root / "masks", tmp_path / "results")
    change, words = HARMS[harm]
    change(results / "bee" / "00003.png")
    alone = api.evaluate(results, "folder", root=root, sequences=("ant", "cat")).summary
    with pytest.raises(IncompleteScoresError, match=words) as told:
        api.evaluate(results, "folder", root=root, out=tmp_path / "scores")
    assert str(told.value).endswith("NOT COMPLETE, not scored: bee; the scores are of the others")
    summary = told.value.scored.summary
    assert (list(summary["failed"]), others(summary)) == (["bee"], alone)
    kept = api.compare([tmp_path / "scores"])
    assert "NOT COMPLETE, not scored: bee" in str(kept)


@pytest.mark.parametrize("harm", ["cut", "empty", "other-size"])
def test_bad_truth_of_one_sequence(tmp_path: Path, root: Path, harm: str) -> None:
    results = shutil.copytree(root / "masks", tmp_path / "results")
    alone = api.evaluate(results, "folder", root=root, sequences=("ant", "cat")).summary
    HARMS[harm][0](root / "masks" / "bee" / "00003.png")
    with pytest.raises(IncompleteScoresError, match=HARMS[harm][1]) as told:
        api.evaluate(results, "folder", root=root)
    assert others(told.value.scored.summary) == alone


def test_nothing_is_scored_where_all_are_bad(tmp_path: Path, root: Path) -> None:
    results = shutil.copytree(root / "masks", tmp_path / "results")
    for name in ("ant", "bee", "cat"):
        other_id(results / name / "00003.png")
    with pytest.raises(DataError) as told:
        api.evaluate(results, "folder", root=root, out=tmp_path / "scores")
    assert (len(told.value.faults), type(told.value)) == (3, DataError)
    assert not (tmp_path / "scores" / "summary.json").exists()


def test_complete_and_incomplete_scores_are_no_table(tmp_path: Path, root: Path) -> None:
    results = shutil.copytree(root / "masks", tmp_path / "results")
    api.evaluate(results, "folder", root=root, out=tmp_path / "whole")
    other_id(results / "bee" / "00003.png")
    with pytest.raises(IncompleteScoresError):
        api.evaluate(results, "folder", root=root, out=tmp_path / "part")
    assert len(api.compare([tmp_path / "whole", tmp_path / "part"]).tables) == 2


def test_the_commands_show_the_others_with_status_1(
    tmp_path: Path, root: Path, command: Vosbench
) -> None:
    run = ("run", "--method", "copy-first", "--dataset", "folder", "--root", root)
    other_size(root / "masks" / "bee" / "00004.png")
    ran = command(*run)
    folder = tmp_path / "runs" / "copy-first-folder-data"
    assert ran.returncode == 1
    assert "NOT COMPLETE, not scored: bee" in ran.stdout
    assert "00004.png is 32x48 but its annotation is 20x48" in ran.stderr
    assert (folder / "masks" / "bee" / "00008.png").is_file()
    again = command("evaluate", folder)
    assert (again.returncode, "NOT COMPLETE" in again.stdout) == (1, True)
    write_mask(root / "masks" / "bee" / "00004.png", read_mask(root / "masks/bee/00005.png"))
    mended = command("evaluate", folder)
    assert (mended.returncode, "NOT COMPLETE" in mended.stdout) == (0, False)


def test_a_damaged_list_of_failed_is_told(tmp_path: Path, root: Path) -> None:
    api.evaluate(root / "masks", "folder", root=root, out=tmp_path / "scores")
    summary = tmp_path / "scores" / "summary.json"
    for bad, words in (("3", "failed is 3, expected an object"), ('{"../x": ""}', "separator")):
        text = summary.read_text()
        summary.write_text(text.replace("{", f'{{"failed": {bad},', 1))
        with pytest.raises(DataError, match=words):
            api.compare([tmp_path / "scores"])
        summary.write_text(text)
