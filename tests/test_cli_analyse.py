"""`vosbench analyse` prints and writes tables; `vosbench compare` ends in sentences."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from conftest import Vosbench
from fixtures_runs import steady, write_run

NAMES = [f"s{i}" for i in range(8)]


def test_tables_are_printed_and_what_is_skipped_is_said(command: Vosbench, tmp_path: Path) -> None:
    write_run(tmp_path / "a", steady(dict.fromkeys(NAMES, 0.5)))
    write_run(tmp_path / "b", steady({n: 0.6 + 0.01 * i for i, n in enumerate(NAMES)}))
    (tmp_path / "empty").mkdir()
    done = command(
        "analyse", "a", "b", "nothing", "empty", "--what", "scores,significance,attributes"
    )
    assert done.returncode == 1, "what is there was analysed, but not all"
    assert "Scores: DAVIS-2017" in done.stdout
    assert "b is better than a on 8 of 30 sequences of DAVIS-2017 by 13.5 J" in done.stdout
    assert "error: nothing does not exist; expected the folders of scored runs" in done.stderr
    assert "skipped: empty holds no scores" in done.stderr
    assert "skipped: attributes: none of the 8 sequences of DAVIS-2017" in done.stderr
    wrong = command("analyse", "a", "--what", "atributes")
    assert wrong.returncode == 1
    assert "unknown analysis 'atributes'; did you mean 'attributes'?" in wrong.stderr
    by = command("analyse", "a", "--what", "ablation", "--by", "backbone")
    assert "--by 'backbone' must name two options: rows,columns" in by.stderr
    for option, value, users in (
        ("--by", "topk,preset", "ablation, ablation-F"),
        ("--against", "b", "significance, sequences"),
    ):
        unused = command("analyse", "a", "b", "--what", "scores", option, value)
        assert unused.returncode == 1
        assert f"{option} is for {users}, none of which is asked for" in unused.stderr
    none = command("analyse", "a", "--what", "ablation", "--by", "topk,preset")
    assert "no run of DAVIS-2017" in none.stderr
    assert "has both options, topk and preset" in none.stderr
    assert none.returncode == 1
    assert "no table could be made" in none.stderr


def test_out_writes_every_format(command: Vosbench, tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", steady(dict.fromkeys(NAMES, 0.5)))
    done = command("analyse", "a", "--what", "scores,loss", "--out", "tables")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == sorted(
        f"{name}{suffix}"
        for name in ("scores", "loss")
        for suffix in (".txt", ".md", ".tex", ".csv", ".json")
    )
    with (tmp_path / "tables" / "scores.csv").open() as lines:
        (row,) = csv.DictReader(lines)
    assert float(row["J"]) == run.summary["J"]["mean"]
    loaded = json.loads((tmp_path / "tables" / "scores.json").read_text())
    assert loaded["rows"][0]["J&F"] == run.summary["J&F"]


def test_compare_says_what_is_better_and_where(command: Vosbench, tmp_path: Path) -> None:
    write_run(tmp_path / "a", steady(dict.fromkeys(NAMES, 0.5)))
    write_run(tmp_path / "b", steady(dict.fromkeys(NAMES, 0.6)))
    done = command("compare", "a", "b")
    assert done.returncode == 0, done.stderr
    said = done.stdout.rstrip().splitlines()
    assert [line for line in said if line.startswith("b is better than a on 8 of 30")]
    assert said[-1].startswith("  ")  # a sequence that differs much
    write_run(tmp_path / "b", steady(dict.fromkeys(NAMES, 0.6)), truth="9")
    assert "not compared: b and a cannot be paired" in command("compare", "a", "b").stdout
    assert "is better than" not in command("compare", "a").stdout
    part = command("compare", "a", "b", "--sequences", NAMES[0])
    assert part.returncode == 1
    assert "--sequences chooses what --picture draws" in part.stderr
