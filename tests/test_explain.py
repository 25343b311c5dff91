from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import make_folder_dataset

from vosbench import api
from vosbench.errors import DataError, UsageError
from vosbench.masks import read_mask, write_mask
from vosbench.tables import Table

GOLD = Path(os.environ.get("VOSBENCH_DATA", "/nonexistent")) / "gold"
drawn = pytest.mark.skipif(not GOLD.is_dir(), reason="needs VOSBENCH_DATA with gold/")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_folder_dataset(tmp_path / "data", {"ant": 6, "bee": 6})


@pytest.fixture
def masks(tmp_path: Path, root: Path) -> Path:
    """The truth, moved in ant."""
    folder = Path(shutil.copytree(root / "masks", tmp_path / "results"))
    for path in (folder / "ant").iterdir():
        write_mask(path, np.roll(read_mask(path), 2, axis=1))
    return folder


def column(table: Table, name: str) -> dict[Any, Any]:
    return {row[table.columns[0].name]: row[name] for row in table.records()}


@drawn
def test_the_example_of_six_protocols(tmp_path: Path) -> None:
    """The figures that each scorer, unchanged, gives for one drawn video."""
    subprocess.run([sys.executable, GOLD / "first" / "make.py", tmp_path], check=True)
    for video in ("vid", "vie"):
        (tmp_path / "mose" / "JPEGImages" / video).mkdir(parents=True)
        for index in range(14):
            shutil.copy(
                tmp_path / "vost/JPEGImages/vid/00000.jpg",
                tmp_path / "mose/JPEGImages" / video / f"{index:05d}.jpg",
            )
    found = api.explain(tmp_path / "mose/pred", "mosev2", root=tmp_path / "mose", sequences=["vid"])
    (table,) = (each for each in found.tables if each.name == "objects")
    expected = {
        "vost": (0.723709, 0.8333333, None, None),
        "sav": (0.7237094, 0.8333333, 0.7007905, 0.9),
        "secvos": (0.7237094, 0.8333333, 0.7007905, 0.9),
        "lvos": (0.7237094, 0.8333333, 0.7786561, 1.0),
        "mosev2": (0.7239875, 0.8307190, 0.7516404, 0.9166667),
        "prompted": (0.7323136, 0.8461538, 0.7786561, 1.0),
    }
    rows = {row[0]: row[1:] for row in table.rows}
    for name, values in expected.items():
        assert rows[name] == tuple(v if v is None else pytest.approx(v, abs=1e-6) for v in values)
    assert rows["volumetric"][:2] == (pytest.approx(0.6940180, abs=1e-6), pytest.approx(0.9))


def test_each_rule_by_itself_and_what_it_moves(root: Path, masks: Path) -> None:
    found = api.explain(masks, "folder", root=root)
    protocols, *_, rules = found.tables
    assert column(protocols, "sequences")["prompted"] == 2
    values = column(rules, "J&F")
    assert values["as it is"] == api.evaluate(masks, "folder", root=root).summary["J&F"]
    united = api.evaluate(masks, "folder", root=root, protocol="davis2016").summary["J&F"]
    assert column(protocols, "value")["davis2016"] == united
    assert found.sentences[0].startswith("prompted on folder gives J&F ")
    last = column(rules, "difference")["the last frame left out"]
    assert (f"({100 * last:+.1f})" in " ".join(found.sentences)) == (abs(last) >= 0.0005)


def test_a_run_knows_its_data_and_what_is_missing_is_said(root: Path, masks: Path) -> None:
    run = api.run("copy-first", "folder", root=root, out=masks.parent / "runs")
    assert run.folder is not None
    assert api.explain(run.folder).sentences[0].startswith("prompted on folder gives")
    shutil.rmtree(masks / "bee")
    (masks / "wasp").mkdir()
    said = "\n".join(api.explain(masks, "folder", root=root).sentences)
    assert "Only 1 of the 2 sequences" in said
    assert "bee is not scored: " in said
    assert "1 sequences that the list lacks, such as wasp" in said


def test_where_two_results_differ(root: Path, masks: Path, tmp_path: Path) -> None:
    found = api.explain(masks, "folder", root=root, against=root / "masks")
    first = next(found.tables[0].records())
    assert first["sequence"] == "ant"
    assert first["J difference"] < 0
    said = " ".join(found.sentences)
    assert "most in object" in said
    assert "of ant" in said
    same = api.explain(masks, "folder", root=root, against=masks)
    assert "the results are identical" in same.sentences[0]
    part = Path(shutil.copytree(masks, tmp_path / "part"))
    next((part / "bee").iterdir()).unlink()
    lacks = api.explain(masks, "folder", root=root, against=part)
    assert lacks.sentences[0].startswith("bee is not scored: ")
    assert "objects are only in" in lacks.sentences[1]
    for name, folder in (("mine", masks), ("theirs", root / "masks")):
        api.evaluate(folder, "folder", root=root, out=tmp_path / name)
    by_scores = api.explain(tmp_path / "mine", against=tmp_path / "theirs" / "scores.csv")
    assert [row[:2] for row in by_scores.tables[0].rows] == [
        row[:2] for row in found.tables[0].rows
    ]
    assert by_scores.tables[0].rows[0][4] == pytest.approx(first["J difference"])


def test_the_table_of_the_official_tool_is_read(root: Path, masks: Path, tmp_path: Path) -> None:
    rows = api.evaluate(masks, "folder", root=root).summary["objects"]
    path = tmp_path / "per-sequence_results-val.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Sequence", "J-Mean", "F-Mean"])
        for row in rows:
            name = f"{row['sequence']}_{row['object']}"
            writer.writerow([name, f"{row['J']['mean']:.3f}", f"{row['F']['mean']:.3f}"])
    found = api.explain(masks, "folder", root=root, against=path)
    assert max(abs(row[4]) for row in found.tables[0].rows) <= 0.0005 + 1e-9


def test_what_cannot_be_compared_is_one_sentence(root: Path, masks: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name the dataset"):
        api.explain(masks)
    with pytest.raises(UsageError, match="holds masks, so name their dataset"):
        api.explain(masks, against=root / "masks")
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"other\.csv is not a scores\.csv"):
        api.explain(masks, "folder", root=root, against=other)
    for lines in ("sequence,object,frame,J,F\nant,1,00001", "Sequence,J-Mean,F-Mean\nant_1,.5"):
        other.write_text(f"{lines}\n")  # cut off
        with pytest.raises(DataError, match=r"other\.csv is not a scores\.csv"):
            api.explain(masks, "folder", root=root, against=other)
    other.write_text("sequence,object,frame,J,F\nant,1,00001,nan,0.5\n")
    with pytest.raises(DataError, match=r"nan is no score from 0 to 1"):
        api.explain(masks, "folder", root=root, against=other)
    other.write_text("sequence,object,frame,J,F\nwasp,1,00001,0.5,0.5\n")
    with pytest.raises(DataError, match="no object in common"):
        api.explain(masks, "folder", root=root, against=other)


def test_a_run_is_explained_by_another_dataset_too(root: Path, tmp_path: Path) -> None:
    run = api.run("copy-first", "folder", root=root, out=tmp_path / "runs")
    assert run.folder is not None
    own, other = api.explain(run.folder, root=root), api.explain(run.folder, "folder", root=root)
    assert own.sentences == other.sentences
