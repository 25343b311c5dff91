"""The table of times holds what run.json holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures_runs import TIMING, steady, write_run

from vosbench.analysis.groups import groups
from vosbench.analysis.runtime import runtime
from vosbench.analysis.scores import scores as brief
from vosbench.errors import UsageError

RPMNET = {"matching": "deformable", "backbone": "compact", "refine": "none", "size": 256}


def test_runtime(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", steady({"a": 0.5}), method="m", options={"size": 256})
    tool = write_run(tmp_path / "t", steady({"a": 0.5}))
    table = runtime(*groups([run, tool]))
    assert "t: no times: masks of another tool come without" in table.notes
    (row,) = table.records()
    assert (row["median"], row["p95"], row["mean of all"]) == (0.2, 0.3, 0.25)
    assert (row["frame size"], row["size option"], row["peak memory"]) == ("4x6", "256", 5.0)
    assert (row["device"], row["machine"]) == ("cpu", "2 cores, x86_64")
    other = write_run(tmp_path / "o", steady({"a": 0.5}), method="m", dataset="davis2016")
    again = write_run(tmp_path / "p", steady({"a": 0.5}), method="m", dataset="davis2016")
    both = [(row["run"], row["dataset"]) for row in runtime(*groups([run, other])).records()]
    assert both == [("m", "davis2017"), ("m", "davis2016")]
    assert len({row["run"] for row in runtime(*groups([other, again])).records()}) == 2
    with pytest.raises(UsageError, match=r"none of these runs has times \(t: no times: masks of"):
        runtime(*groups([tool]))


def test_a_program_has_a_mean_and_no_median(tmp_path: Path) -> None:
    plain = write_run(tmp_path / "r", steady({"a": 0.5}), method="m")
    whole = write_run(tmp_path / "w", steady({"a": 0.5}), method="w")
    assert whole.manifest is not None
    none = dict.fromkeys(("median_seconds", "p95_seconds"))
    timing = TIMING | none | {"frames": 0, "mean_seconds_of_all": 0.1, "what": "a program"}
    whole.manifest.update(timing=timing, program={"version": "Python 3.9, torch 2.1"})
    table = runtime(*groups([plain, whole]))
    first, second = table.records()
    assert (first["run"], first["median"], first["p95"], first["mean of all"]) == (
        "w", None, None, 0.1
    )  # fmt: skip
    assert (first["frames timed"], first["versions"]) == (None, "Python 3.9, torch 2.1")
    assert (second["run"], second["median"], second["versions"]) == ("m", 0.2, "torch 2")
    assert {"counted: a program", "counted: method only"} <= set(table.notes)
    scores = brief(*groups([plain, whole]))
    assert [row["ms/frame"] for row in scores.records()] == [200.0, None]
    assert any("w: its program took 100.0 ms a frame in the mean" in note for note in scores.notes)
