"""The public API: what `import vosbench` offers, how it is imported, and that its examples hold."""

from __future__ import annotations

import doctest
import inspect
import os
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import vosbench
import vosbench.metrics
from vosbench import api, provenance
from vosbench.errors import UsageError

FUNCTIONS = ("run", "evaluate", "compare", "analyse", "report", "train", "dataset", "method")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of its own: `runs/` goes there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_public_name_is_there_and_no_other() -> None:
    assert dir(vosbench) == sorted(vosbench.__all__)
    assert {name for name in vosbench.__all__ if getattr(vosbench, name) is None} == set()
    assert vosbench.__version__ == provenance.VERSION
    assert issubclass(vosbench.errors.UsageError, vosbench.errors.VosbenchError)
    assert vosbench.metrics.region_similarity is sys.modules["vosbench.metrics"].region_similarity
    with pytest.raises(AttributeError, match=r"'vosbench' has no attribute 'evaluat'"):
        _ = vosbench.evaluat


def test_importing_it_imports_nothing_else() -> None:
    code = "import vosbench, sys; print(sorted(n for n in sys.modules if n.startswith('vosbench')))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == "['vosbench']"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_is_written_out_typed_and_described(name: str) -> None:
    function = getattr(vosbench, name)
    hints = typing.get_type_hints(function)
    words = inspect.getdoc(function) or ""
    for argument in inspect.signature(function).parameters.values():
        assert argument.kind is not argument.VAR_KEYWORD
        assert argument.name in hints
        if len(inspect.signature(function).parameters) > 4:
            assert f"{argument.name}:" in words, f"{name}: {argument.name} is not described"
    assert "return" in hints
    assert "Raises:" in words


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.usefixtures("here")
def test_its_examples_hold(name: str) -> None:
    finder = doctest.DocTestFinder(recurse=False)
    runner = doctest.DocTestRunner()
    for example in finder.find(getattr(api, name), name, globs={"vosbench": vosbench}):
        runner.run(example)
    assert runner.failures == 0
    assert runner.tries or name == "train"  # a training takes minutes


@pytest.mark.usefixtures("here")
def test_the_examples_of_metrics_hold() -> None:
    assert doctest.testmod(vosbench.metrics).failed == 0
    assert doctest.testmod(vosbench.metrics).attempted


def test_paths_may_be_text_and_runs_folders(folder_root: Path, here: Path) -> None:
    run = vosbench.run("copy-first", "folder", root=str(folder_root), out="mine", sequences="ant")
    assert run.folder is not None
    assert run.folder.resolve().is_relative_to(here / "mine")
    again = vosbench.evaluate(str(run.folder))
    assert again.summary["J"] == run.summary["J"]
    table = vosbench.analyse(str(run.folder), "scores")
    assert next(table.records())["J"] == run.summary["J"]["mean"]
    assert len(vosbench.compare(run.folder).tables) == 1


def test_what_does_not_fit_is_one_sentence(folder_root: Path, here: Path) -> None:
    ours = vosbench.run("copy-first", "folder", root=folder_root)
    other = vosbench.run("copy-first", "synthetic", sequences=["plain"])
    with pytest.raises(UsageError, match=r"these runs do not belong in one table: "):
        vosbench.analyse([ours, other], "scores")
    with pytest.raises(UsageError, match=r"unknown analysis 'attribute'; did you mean"):
        vosbench.analyse([ours], "attribute")
    with pytest.raises(UsageError, match="one analysis at a time, got 'all'"):
        vosbench.analyse([ours], "all")
    with pytest.raises(UsageError, match="no run is given"):
        vosbench.compare([])
    with pytest.raises(UsageError, match=r"holds no run\.json, so name the dataset "):
        vosbench.evaluate(folder_root)
    with pytest.raises(UsageError, match="is a run and has its own split and resolution"):
        vosbench.evaluate(ours.folder, split="val")
    with pytest.raises(UsageError, match=r"unknown method 'copyfirst'; did you mean 'copy-first'"):
        vosbench.method("copyfirst")
    assert here.exists()


def test_runs_are_compared_in_a_table_and_in_words(here: Path) -> None:
    runs = [
        vosbench.run(method, "synthetic", sequences=["plain", "fast-motion"])
        for method in ("copy-first", "optical-flow")
    ]
    compared = vosbench.compare(runs)
    assert [row["run"] for row in compared.tables[0].records()][1].startswith("copy-first")
    assert len(compared.verdicts) == 1
    assert compared.verdicts[0] in str(compared)
    assert "optical-flow" in str(compared)
    assert (here / "runs").is_dir()
