"""A small report for the tests: two runs over three sequences, one run named like an attack."""

from __future__ import annotations

import json
from pathlib import Path

from conftest import make_folder_dataset

from vosbench import api, results
from vosbench.reporting import report

ATTACK = "<script>document.title='taken'</script>&\"'"


def make_runs(where: Path) -> list[results.Result]:
    """Copy-first, and optical flow under the name ATTACK."""
    root = make_folder_dataset(where / "data", {"ant": 6, "bee & co": 9, "cat": 7})
    runs = [
        api.run(method, "folder", root=root, out=where / "runs")
        for method in ("copy-first", "optical-flow")
    ]
    assert runs[1].folder is not None
    manifest = runs[1].folder / "run.json"
    content = json.loads(manifest.read_text(encoding="utf-8")) | {"label": ATTACK}
    manifest.write_text(json.dumps(content), encoding="utf-8")
    return [results.load(run.folder) for run in runs if run.folder]


def make_report(where: Path) -> Path:
    """The folder of a report of `make_runs`."""
    return report.write(make_runs(where), where / "report", title=f"Of {ATTACK}").page.parent
