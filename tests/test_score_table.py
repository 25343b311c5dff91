"""The comparison table shows what the summaries hold, grouped by data and protocol."""

from __future__ import annotations

from typing import Any

import pytest

from vosbench import registry
from vosbench.toolbox.score_table import percent, score_tables


def _run(name: str, j: float | None, *, protocol: str = "davis2017", **changes: Any) -> Any:
    statistics = {"mean": j, "recall": 0.5, "decay": -0.01}
    summary = {
        "dataset": {"name": "davis2017", "split": "val", "sequences": 1, "list_sha256": "0",
                    "truth_crc32": "0", "card_sequences": 30},
        "protocol": {"name": protocol, "description": "how", "source": "where",
                     "headline": ["J", "F"]},
        "J": statistics, "F": statistics, "J&F": j, "objects": [{}, {}], "sequences": [{}],
        "copy_first": {"J": {"mean": 0.2}},
    }  # fmt: skip
    return {"name": name, "folder": "x", "run": None, "summary": {**summary, **changes}}


def test_best_first_with_gain_and_dashes() -> None:
    (table,) = score_tables([_run("low", 0.25), _run("none", None), _run("high", 0.75)])
    assert [row[0] for row in table.rows] == ["high", "low", "none"]
    assert table.rows[0] == (
        "high", "75.0", "75.0", "50.0", "-1.0", "75.0", "50.0", "-1.0", "+55.0",
    )  # fmt: skip
    assert table.rows[2][1:3] == ("-", "-")
    assert any("protocol davis2017: how (where)" in line for line in table.foot)
    assert any("ONLY 1 of 30 sequences" in line for line in table.foot)


def test_a_protocol_of_j_alone_shows_j_alone() -> None:
    run = _run("a", 0.5)
    run["summary"]["protocol"]["headline"] = ["J"]
    (table,) = score_tables([run])
    assert table.header == ("method", "J mean", "J recall", "J decay", "gain J")
    assert table.rows == (("a", "50.0", "50.0", "-1.0", "+30.0"),)


def test_protocols_are_never_mixed() -> None:
    tables = score_tables([_run("a", 0.5), _run("a", 0.5, protocol="davis2016")])
    assert [table.title for table in tables] == [
        f"davis2017 val, 1 of 30 sequences, protocol {name}" for name in ("davis2017", "davis2016")
    ]  # fmt: skip


def test_percent() -> None:
    assert (percent(0.12345), percent(None)) == ("12.3", "-")


def test_markdown_escapes_what_comes_from_outside() -> None:
    text = registry.load("reports", "markdown").render([_run("my_net|x", 0.5)])
    assert "my\\_net\\|x" in text


def test_the_weights_that_a_run_read_are_named() -> None:
    learned, plain = _run("learned", 0.6), _run("plain", 0.5)
    timing = {"frames": 0, "median_seconds": None, "mean_seconds_of_all": None}
    common = {"timing": timing, "failed": {}, "made_by": ["vosbench"]}
    learned["run"] = {"identity": {"files": {"weights": "0123456789"}, "options": {}}, **common}
    plain["run"] = {"identity": {"files": {}, "options": {}}, **common}
    (table,) = score_tables([learned, plain])
    assert table.header[-1] == "weights"
    assert [row[-1] for row in table.rows] == ["01234567", ""]


def test_every_option_behind_a_preset_stands_under_the_table() -> None:
    runs = [_run("none", 0.4)]
    options = {"preset": "p", "soft": True, "weights": None}
    for name, k in (("low", 5), ("high", 10)):
        run = _run(name, k / 20)
        run["run"] = {
            "identity": {"files": {}, "options": options | {"k": k}},
            "timing": {"frames": 0, "median_seconds": None, "mean_seconds_of_all": None},
            "failed": {}, "made_by": ["vosbench"],
        }  # fmt: skip
        runs.append(run)
    (table,) = score_tables(runs)
    assert table.foot[-3:] == ("preset=p: soft=True", "high: k=10", "low: k=5")
    (alone,) = score_tables(runs[1:2])
    assert alone.foot[-1] == "preset=p: soft=True, k=5"


def test_a_terminals_table_cuts_no_number_and_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run = _run("label-propagation backbone=colour-reconstruction", 0.5)
    timing = {"frames": 0, "median_seconds": None, "mean_seconds_of_all": None}
    files = {"weights": "118b6862" + "0" * 56}
    run["run"] = {
        "identity": {"files": files, "options": {}}, "timing": timing, "failed": {},
        "made_by": ["vosbench"],
    }  # fmt: skip
    run["summary"]["protocol"]["description"] = "word " * 40 + "last"
    text = registry.load("reports", "terminal").render([run])
    assert "118b6862" in text
    assert text.count("word") == 40
    assert "last (where)" in text
