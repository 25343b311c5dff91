"""A plain command line is read as Typer reads it; any other one is left to Typer."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import typer
from typer.testing import CliRunner

from vosbench.cli import plain
from vosbench.cli.evaluate import evaluate

PLAIN = [
    "masks --dataset davis2017",
    "--dataset=davis2017 masks --root data --json",
    "masks --workers 2 --baseline --boundary-iou --format markdown",
    "masks.json --sequences bear,camel --name STM --out scores --protocol sav",
    "masks --split val --resolution 480p --cross-check davis2017 --scheduler tcp://host:8786",
    "masks --name=a=b",
]
ELSE = [
    "",
    "--help",
    "masks --help",
    "masks -h",
    "masks more",
    "masks --datset davis2017",
    "masks --dataset",
    "masks --dataset --root",
    "masks --dataset a --dataset b",
    "masks --workers 0",
    "masks --workers two",
    "masks --workers -1",
    f"masks --workers {'9' * 5000}",
    "masks --baseline=1",
    "masks --name=",
    "-- masks",
    "--dataset davis2017",
]


def by_typer(words: list[str]) -> dict[str, Any]:
    """What Typer calls the command with."""
    called: dict[str, Any] = {}

    def command(**given: Any) -> None:
        called.update(given)

    hints, signature = get_type_hints(evaluate, include_extras=True), inspect.signature(evaluate)
    told = [p.replace(annotation=hints[name]) for name, p in signature.parameters.items()]
    command.__signature__ = signature.replace(parameters=told)  # type: ignore[attr-defined]
    command.__annotations__ = hints
    made = typer.Typer()
    made.command()(command)
    assert CliRunner().invoke(made, words).exit_code == 0
    return called


@pytest.mark.parametrize("line", PLAIN)
def test_a_plain_line_is_read_as_typer_reads_it(line: str) -> None:
    given = plain.arguments(evaluate, line.split())
    assert given is not None
    told = by_typer(line.split())
    assert {name: value for name, value in told.items() if name in given} == given
    left = {name: value for name, value in told.items() if name not in given}
    parameters = inspect.signature(evaluate).parameters
    assert left == {name: parameters[name].default for name in left}


@pytest.mark.parametrize("line", ELSE)
def test_any_other_line_is_left_to_typer(line: str) -> None:
    assert plain.arguments(evaluate, line.split()) is None


def test_a_command_with_more_than_single_values_is_left_to_typer() -> None:
    from vosbench.cli.run import run

    assert plain.arguments(run, ["--method", "copy-first", "--dataset", "synthetic"]) is None


def test_ctrl_c_ends_it_in_silence(tmp_path: Path) -> None:
    code = (
        "import vosbench.api, vosbench.cli, sys\n"
        "def stop(*_, **__): raise KeyboardInterrupt\n"
        "vosbench.api.evaluate = stop\n"
        "sys.argv = ['vosbench', 'evaluate', 'masks', '--dataset', 'davis2017']\n"
        "vosbench.cli.main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
