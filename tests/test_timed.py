"""Tables of several time.json side by side: their figures, and what they say does not compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import make_folder_dataset

from vosbench import api
from vosbench.analysis import protocol_time
from vosbench.analysis.groups import one_group
from vosbench.errors import UsageError
from vosbench.reporting import figures
from vosbench.results import Result, load

MB = 1_000_000


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two runs that were not timed."""
    root = make_folder_dataset(tmp_path / "data", {"ant": 6})
    made = [
        api.run(method, "folder", root=root, out=tmp_path / "runs")
        for method in ("copy-first", "empty")
    ]
    return [run.folder for run in made if run.folder]


def put(folder: Path, threads: dict[str, int | None] | None = None, **changes: Any) -> None:
    """Write a time.json of 105 frames: 20 ms each, one of 90; 1 MB more in every frame."""
    manifest = json.loads((folder / "run.json").read_text())
    found = {
        "identity_sha256": manifest["identity_sha256"], "label": manifest["label"],
        "made_by": "vosbench 1", "measured": "2026-01-01T00:00:00Z", "dataset": "folder",
        "sequence": "ant", "height": 32, "width": 48, "objects": 2, "prompt": "mask",
        "device": "cpu", "dtype": None, "load_before": 0.1, "others": 0.02, "build_seconds": 1.5,
        "seconds": [0.5, *[0.02] * 103, 0.09], "before_bytes": 100 * MB, "peak_bytes": 400 * MB,
        "resident_bytes": [(150 + index) * MB for index in range(105)], "gpu_bytes": None,
        "gpu_peak_bytes": None, "gpu_reserved_bytes": None,
        "of_objects": [{"objects": n, "frames": 20, "seconds": n / 4} for n in (1, 2, 4, 8)],
        "rules": {"warm_up": 5, "counted": "this", "objects": "so", "memory": "that"},
        "machine": {
            "processor": "x86_64", "processor_name": "Quick CPU", "cores_allowed": 2,
            "python": "3.12", "versions": {"torch": "2.9", "numpy": "2.3"},
            "threads": threads or {"torch": 2, "opencv": None}, "device_name": None,
        },
    }  # fmt: skip
    (folder / "time.json").write_text(json.dumps({**found, **changes}))


def loaded(folders: list[Path]) -> list[Result]:
    return [load(folder) for folder in folders]


def test_speed(runs: list[Path]) -> None:
    put(runs[0])
    put(runs[1], seconds=[0.01] * 105)
    table = api.analyse(loaded(runs), "protocol-time")
    first, second = table.records()
    assert (first["run"], first["median"]) == ("empty", pytest.approx(10))
    assert second == {
        "run": "copy-first", "median": pytest.approx(20), "p95": pytest.approx(20),
        "fps, 1": 80, "fps, 2": 40, "fps, 4": 20, "fps, 8": 10,
        "build": 1.5, "first mask": 0.5, "device": "cpu",
    }  # fmt: skip
    said = "\n".join(table.notes)
    assert "on: ant of folder, 105 frames of 32x48, 2 objects" in said
    assert "machine: 2 cores of Quick CPU; threads: torch 2; torch 2.9; numpy 2.3\n" in said
    assert "timed by vosbench 1" in said
    assert "do not compare" not in said


def test_memory(runs: list[Path]) -> None:
    put(runs[0])
    put(
        runs[1], resident_bytes=[200 * MB] * 105, gpu_bytes=[50 * MB] * 105,
        gpu_peak_bytes=60 * MB, gpu_reserved_bytes=70 * MB, peak_bytes=200 * MB,
    )  # fmt: skip
    of_empty, of_copies = api.analyse(loaded(runs), "protocol-memory").records()
    assert of_copies["peak above start"] == 300
    assert of_copies["peak"] == 400
    assert of_copies["growth"] == pytest.approx(100)
    assert of_copies["GPU peak"] is None
    assert of_empty["growth"] == pytest.approx(0, abs=1e-9)
    assert (of_empty["GPU peak"], of_empty["GPU reserved"]) == (60, 70)
    put(runs[1])
    columns = api.analyse(loaded(runs), "protocol-memory").columns
    assert not [column for column in columns if "GPU" in column.name]


def test_the_curve_and_its_figure(runs: list[Path]) -> None:
    put(runs[0])
    put(runs[1], gpu_bytes=[50 * MB] * 105, seconds=[0.01] * 105)
    group = one_group(loaded(runs))
    table = protocol_time.memory_curve(group, step=50)
    assert [column.name for column in table.columns] == [
        "frame", "copy-first", "empty", "empty (GPU)"
    ]  # fmt: skip
    assert table.rows == (
        (50, 99.0, 99.0, 50.0),
        (100, 149.0, 149.0, 50.0),
        (105, 154.0, 154.0, 50.0),
    )
    figure = figures.single(group, "memory")
    assert "copy-first, empty" in figure.alt
    drawn = figure.drawing
    assert not isinstance(drawn, Path)
    assert [axes.get_title(loc="left") for axes in drawn.axes] == ["CPU", "GPU"]
    assert max(drawn.axes[0].lines[0].get_ydata()) == 154.0


def test_rows_that_do_not_compare_say_so(runs: list[Path]) -> None:
    put(runs[0])
    put(runs[1], sequence="bee", others=0.5)
    said = api.analyse(loaded(runs), "protocol-time").notes
    assert "on: they differ, so that these rows do not compare" in said
    assert any(note.startswith("on, of empty: bee of folder") for note in said)
    assert "empty: other programs took 50 % of the cores meanwhile: its times are too long" in said


def test_a_library_that_one_run_did_not_load_makes_no_difference(runs: list[Path]) -> None:
    put(runs[0], threads={"torch": None, "opencv": 4})
    put(runs[1], dtype="float32")
    said = api.analyse(loaded(runs), "protocol-time").notes
    assert "machine: 2 cores of Quick CPU; threads: opencv 4, torch 2; torch 2.9; numpy 2.3" in said
    assert "in float32: empty" in said
    put(runs[0], threads={"torch": 1, "opencv": 4})
    said = api.analyse(loaded(runs), "protocol-time").notes
    assert "machine: they differ, so that these rows do not compare" in said


def test_runs_without_times_are_named(runs: list[Path]) -> None:
    put(runs[0])
    assert "empty: it has no time.json; give the command of the run again with " in "\n".join(
        api.analyse(loaded(runs), "protocol-memory").notes
    )
    (runs[0] / "time.json").unlink()
    with pytest.raises(UsageError, match="none of these runs was timed by protocol"):
        api.analyse(loaded(runs), "protocol-time")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"identity_sha256": "0"}, "time.json is of another run"),
        ({"seconds": []}, "its lists are not of the same frames"),
        ({"resident_bytes": [1]}, "its lists are not of the same frames"),
        ({"others": "few"}, "time.json is not what --protocol-time measured: others is 'few'"),
    ],
)
def test_a_file_that_does_not_fit_is_told(
    runs: list[Path], changes: dict[str, Any], says: str
) -> None:
    put(runs[0], **changes)
    with pytest.raises(UsageError, match=says):
        api.analyse(loaded(runs), "protocol-time")


def test_a_report_shows_them_where_they_are(runs: list[Path], tmp_path: Path) -> None:
    put(runs[0])
    put(runs[1])
    api.report(runs, tmp_path / "report")
    files = json.loads((tmp_path / "report" / "report.json").read_text())["files"]
    names = {Path(name).stem for name in files}
    assert {"protocol-time", "protocol-memory", "memory-curve", "memory"} <= names
    for folder in runs:
        (folder / "time.json").unlink()
    api.report(runs, tmp_path / "report")
    files = json.loads((tmp_path / "report" / "report.json").read_text())["files"]
    assert not [name for name in files if "protocol" in name or "memory" in name]
