"""Masks that end in .PNG are read wherever masks are, not only where they are scored."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import make_folder_dataset

from vosbench import api
from vosbench.analysis.series import series
from vosbench.reporting import report
from vosbench.results import Result


def renamed(folder: Path, suffix: str) -> None:
    for path in list(folder.rglob("*.png")):
        path.rename(path.with_suffix(suffix))


@pytest.fixture(params=[".PNG", ".Png"])
def scored(tmp_path: Path, request: pytest.FixtureRequest) -> Result:
    """Masks of another tool, scored; truth and results end so, and every other frame has truth."""
    root = make_folder_dataset(tmp_path / "data", {"ant": 6, "bee": 6})
    shutil.copytree(root / "masks", tmp_path / "results")
    for name in ("ant", "bee"):
        for index in (1, 3):
            (root / "masks" / name / f"{index:05d}.png").unlink()
    renamed(tmp_path / "results", request.param)
    renamed(root / "masks", request.param)
    out = tmp_path / "scored"
    return api.evaluate(tmp_path / "results", "folder", root=root, out=out, name="other")


def test_they_are_scored_and_counted(scored: Result) -> None:
    assert scored.summary["J"]["mean"] == 1
    assert series(scored)["ant", 1].since.tolist() == [2, 4, 5]


def test_they_are_drawn_and_shown(scored: Result, tmp_path: Path) -> None:
    made = report.write([scored], tmp_path / "report", title="of .PNG", root=tmp_path / "data")
    assert not any(what.startswith("masks of other:") for what in made.left_out)
    assert len(list((tmp_path / "report" / "thumbs").rglob("*-1.jpg"))) == 2
    assert list((tmp_path / "report" / "figures").rglob("qualitative.png"))


def test_they_are_results_to_replay(scored: Result, tmp_path: Path) -> None:
    options = {"folder": tmp_path / "results"}
    ran = api.run(
        "precomputed", "folder", root=tmp_path / "data", options=options, out=tmp_path / "runs"
    )
    assert ran.summary["J"]["mean"] == 1
