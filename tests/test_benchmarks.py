"""What the programs in benchmarks/ cannot read is said in a sentence."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("rpmnet", ["--root", "none"], "error: none is not a folder; davis2016 expects one that"),
        ("rpmnet", ["--only", "rpmnett"], "--only rpmnett is a part of no name: rpmnet, "),
        ("rpmnet", ["--frames", "5"], "--frames must be 11 or more"),
        ("crf_settings", ["none"], "error: --videos none is not a folder"),
        ("crf_settings", ["none", "--samples", "0"], "--samples must be 1 or more"),
        ("harness", ["--times", "0"], "--times must be 1 or more"),
        ("workers", ["--root", "none", "--times", "1"], "none is not a folder; davis2016 expects"),
        ("workers", ["--times", "0"], "--times must be 1 or more"),
        ("scoring", ["--python", "there"], "--python there is not of the form NAME=PATH"),
        ("scoring", ["--scorers", "none"], "--scorers none is not a folder"),
    ],
)
def test_what_a_benchmark_cannot_use_is_said(
    name: str,
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name, *words])
    monkeypatch.syspath_prepend(BENCHMARKS)  # as Python does for a program
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(BENCHMARKS / f"{name}.py"), run_name="__main__")
    torch.set_num_threads(threads)
    told = capsys.readouterr().err + str(ended.value.code)
    assert said in told
    assert ended.value.code not in (0, None)
    assert "Traceback" not in told
