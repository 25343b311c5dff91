"""A scored run is read back as it was written, each file once; what is damaged is one sentence."""

from __future__ import annotations

import collections
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fixtures_report import make_runs
from fixtures_runs import steady, write_run

from vosbench import api
from vosbench.errors import DataError, UsageError
from vosbench.reporting import report
from vosbench.results import load, load_manifest, load_summary, manifest_of

PROTOCOL = {
    "name": "p", "description": "", "source": "", "objects": "all", "average": "objects",
    "headline": ["J"],
}  # fmt: skip
NONE = {**dict.fromkeys("JF", dict.fromkeys(("mean", "recall", "decay"))), "J&F": None}
READ = ("scores.csv", "summary.json", "run.json", "counts.json")
_opened: list[collections.Counter[Path]] = []  # an audit hook cannot be taken away again


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _opened and isinstance(arguments[0], str):
        _opened[-1][Path(arguments[0])] += 1


sys.addaudithook(_note)


@pytest.fixture
def opened() -> Iterator[collections.Counter[Path]]:
    """How often each file was opened since the test began."""
    _opened.append(collections.Counter())
    yield _opened[-1]
    _opened.clear()


def test_a_report_reads_each_file_once(tmp_path: Path, opened: collections.Counter[Path]) -> None:
    folders = [run.folder for run in make_runs(tmp_path) if run.folder]
    opened.clear()
    report.write([load(folder) for folder in folders], tmp_path / "report", title="Once")
    assert len(folders) == 2
    assert {path: count for path, count in opened.items() if path.parent in folders} == {
        folder / name: 1 for folder in folders for name in READ
    }


def test_a_copy_under_another_name_reads_nothing_anew(
    tmp_path: Path, opened: collections.Counter[Path]
) -> None:
    run = write_run(tmp_path / "r", steady({"a": 0.5}))
    other = replace(run, name="other")
    assert other.frame_scores is run.frame_scores
    assert opened[tmp_path / "r" / "scores.csv"] == 1
    assert other != run
    assert replace(other, name="r") == run


def test_tables_hold_what_the_files_hold(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", {("a", 1): [0.1, 1 / 3], ("a", 7): [0.5, 0.25]})
    assert list(run.frames.itertuples(index=False, name=None)) == [
        ("a", 1, "00001", 0.1, 0.1), ("a", 1, "00002", 1 / 3, 1 / 3),
        ("a", 7, "00001", 0.5, 0.5), ("a", 7, "00002", 0.25, 0.25),
    ]  # fmt: skip
    assert list(run.frames.columns) == ["sequence", "object", "frame", "J", "F"]
    assert run.objects["J mean"].tolist() == [row["J"]["mean"] for row in run.summary["objects"]]
    assert run.sequences["frames"].tolist() == [2]


def test_scores_that_were_not_written_are_said(folder_root: Path, tmp_path: Path) -> None:
    run = api.run("copy-first", "folder", root=folder_root, out=tmp_path / "runs")
    assert run.masks is not None
    with pytest.raises(UsageError, match="masks were not written; evaluate with --out FOLDER"):
        _ = api.evaluate(run.masks, "folder", root=folder_root).frames


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"J": {"mean": "x", "recall": 0, "decay": 0}}, "J.mean is 'x', expected a number or null"),
        ({"J&F": True}, "J&F is True, expected a number or null"),
        ({"objects": {}}, "objects is {}, expected a list"),
        ({"objects": [{"sequence": "a"}]}, r"objects\[0\] has no 'object'"),
        ({"dataset": None}, "dataset is None, expected an object"),
        ({"protocol": {"name": 1}}, "protocol has no 'description'"),
        ({"protocol": PROTOCOL | {"headline": []}}, "'' in its headline is none"),
        (
            {"protocol": PROTOCOL | {"figures": [None]}},
            r"protocol.figures\[0\] is None, expected text",
        ),
        ({"figures": {"V": "x"}}, "figures.V is 'x', expected a number or null"),
        ({"no_prediction": 5}, "no_prediction is 5, expected an object"),
        (
            {"no_prediction": NONE | {"J&F": []}},
            r"no_prediction.J&F is \[\], expected a number or null",
        ),
        (
            {"no_prediction": NONE | {"figures": {"V": []}}},
            r"figures.V is \[\], expected a number or null",
        ),
    ],
)
def test_a_summary_of_another_shape_is_one_sentence(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    run = write_run(tmp_path / "r", steady({"a": 0.5}))
    (tmp_path / "r" / "summary.json").write_text(json.dumps(run.summary | change))
    with pytest.raises(DataError, match=f"summary.json is not a summary of scores: {said}; eval"):
        load(tmp_path / "r")


@pytest.mark.parametrize(
    "content",
    [
        b"{", b"[" * 100_000, b'{"J&F": NaN}', b'{"J&F": ' + b"9" * 6000 + b"}",
        "{}".encode("utf-16"), b'\xef\xbb\xbf{"J&F": 1}',
    ],
)  # fmt: skip
def test_a_summary_that_is_no_json_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "summary.json").write_bytes(content)
    with pytest.raises(DataError, match=r"summary\.json is damaged: .*; evaluate again$"):
        load_summary(tmp_path)


def test_a_missing_summary_and_another_json_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"summary.json is missing; .vosbench evaluate. writes it"):
        load_summary(tmp_path)
    (tmp_path / "summary.json").write_text("[]")
    with pytest.raises(
        DataError, match=r"is not a summary of scores: it is \[\], expected an object"
    ):
        load_summary(tmp_path)


def test_a_run_under_way_has_blanks_and_a_damaged_record_is_said(tmp_path: Path) -> None:
    write_run(tmp_path / "r", steady({"a": 0.5}), method="m")
    path = tmp_path / "r" / "run.json"
    written = json.loads(path.read_text())
    under_way = {k: v for k, v in written.items() if k not in ("timing", "failed", "made_by")}
    path.write_text(json.dumps(under_way))
    assert load_manifest(tmp_path / "r") == under_way
    manifest = load(tmp_path / "r").manifest
    assert manifest is not None
    assert (manifest["timing"]["frames"], manifest["failed"], manifest["made_by"]) == (0, {}, [])
    path.write_text(json.dumps(written | {"timing": []}))
    with pytest.raises(
        DataError, match=r"not the record of a run: timing is \[\].*--overwrite always"
    ):
        manifest_of(tmp_path / "r")
    path.write_text(json.dumps(written | {"identity": {}}))
    with pytest.raises(DataError, match=r"run\.json is not the record .*identity has no 'method'"):
        load_manifest(tmp_path / "r")
    path.unlink()
    with pytest.raises(UsageError, match=r"r is not a run: it has no run\.json"):
        load_manifest(tmp_path / "r")


HEADER = "sequence,object,frame,J,F\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER + "a,1,00001,x,0\n", r"is damaged: line 2: could not convert .*; evaluate again"),
        (HEADER + "a,1,00001,0,nan\n", "is damaged: line 2: J 0, F nan are not scores"),
        (HEADER + "a,1,00001,0\n", "is damaged: line 2: not enough values"),
        ("a,b\n", "is damaged: line 1: 'a,b', expected 'sequence,object,frame,J,F'"),
        ("", "is damaged: line 1: '', expected"),
        (HEADER + "a,1,00001,0,0\na,2,00001,0,0\n", "only one has object 2 of a; evaluate again"),
    ],
)
def test_damaged_scores_are_named(tmp_path: Path, text: str, said: str) -> None:
    run = write_run(tmp_path / "r", steady({"a": 0.5}))
    (tmp_path / "r" / "scores.csv").write_text(text)
    with pytest.raises(DataError, match=rf"scores\.csv.* {said}"):
        _ = run.frame_scores
    (tmp_path / "r" / "scores.csv").unlink()
    with pytest.raises(DataError, match=r"scores\.csv is missing; `vosbench evaluate` writes it"):
        _ = run.frame_scores


def test_scores_whose_mean_is_undefined_are_read_and_shown(
    folder_root: Path, tmp_path: Path
) -> None:
    run = api.run("copy-first", "folder", root=folder_root, out=tmp_path / "runs")
    assert run.folder is not None
    api.evaluate(run.folder, protocol="lvos")  # a mean over two groups, and own data have none
    loaded = load(run.folder / "scores-lvos")
    assert loaded.summary["J"]["mean"] is None
    assert loaded.summary["copy_first"]["J"]["mean"] is None
    (row,) = api.analyse([loaded], "scores").records()
    assert row["J"] is row["J low"] is row["J high"] is None
    assert "gain J" not in row
    for what in ("loss", "ablation", "sweep", "published"):
        with pytest.raises(UsageError):
            api.analyse([loaded], what)
    assert api.report([loaded], tmp_path / "report").is_file()


def test_the_name_of_a_run_holds_no_control_characters(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", steady({"a": 0.5}), method="copy-first")
    path = tmp_path / "r" / "run.json"
    content = json.loads(path.read_text()) | {"label": "copy-first\n\x1b[2J"}
    path.write_text(json.dumps(content))
    assert load(tmp_path / "r").name == "copy-first �[2J"
    assert run.name == "copy-first"
