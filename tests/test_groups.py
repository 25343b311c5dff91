"""Runs are grouped by what they were scored on, and told apart by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fixtures_runs import steady, write_run

from vosbench.analysis.comparison import compare
from vosbench.analysis.groups import groups, one_group, told_apart
from vosbench.errors import UsageError

RPMNET = {"matching": "deformable", "backbone": "compact", "refine": "none", "size": 256}


def test_groups_are_by_data_and_names_are_told_apart(tmp_path: Path) -> None:
    a = write_run(tmp_path / "x" / "r", steady({"a": 0.2}))
    b = write_run(tmp_path / "y" / "r", steady({"a": 0.3}))
    other = write_run(tmp_path / "z" / "r", steady({"a": 0.2}), truth="1")
    found = groups([a, b, other, a])
    assert [[run.name for run in group.results] for group in found] == [
        ["r (y/r)", "r (x/r)"], ["r"],
    ]  # fmt: skip
    assert [group.name for group in found] == [
        "davis2017-val-davis2017", "davis2017-val-davis2017-2",
    ]  # fmt: skip


def test_runs_of_other_data_are_no_one_group(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", steady({"a": 0.5, "b": 0.5}))
    other = write_run(tmp_path / "o", steady({"a": 0.5}))
    with pytest.raises(
        UsageError, match=r"do not belong in one table: .*2 sequences: r.*1 sequences: o"
    ):
        one_group([run, other])
    with pytest.raises(UsageError, match="do not belong in one table: there is none"):
        one_group([])


def test_a_group_of_some_runs_keeps_names_and_notes(tmp_path: Path) -> None:
    group = one_group([
        write_run(tmp_path / x / "r", steady({"a": j})) for x, j in (("x", 0.2), ("y", 0.3))
    ])  # fmt: skip
    some = group.only(group.results[1:])
    assert [run.name for run in some.results] == ["r (x/r)"]
    assert (some.title, some.notes) == (group.title, group.notes)


def test_runs_whose_folders_end_alike_are_told_apart_by_more_of_their_paths(tmp_path: Path) -> None:
    a, b, c = (
        write_run(tmp_path / x / "runs" / y, steady({"a": j}), method="copy-first")
        for x, y, j in (("old", "r", 0.2), ("new", "r", 0.3), ("new", "s", 0.4))
    )
    names = [run.name for run in told_apart([a, b, c])]
    assert names == [
        "copy-first (old/runs/r)", "copy-first (new/runs/r)", "copy-first (new/runs/s)",
    ]  # fmt: skip
    assert [d.second for d in compare([a, b, c])] == [names[1], names[0]]
    bare = [replace(run, folder=None) for run in (a, b)]
    assert [run.name for run in told_apart(bare)] == [
        "copy-first (not written)", "copy-first (not written, 2)",
    ]  # fmt: skip
