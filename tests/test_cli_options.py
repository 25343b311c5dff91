"""An option means one thing on every command, and the help names what there is."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from conftest import Vosbench

from vosbench.analysis.catalogue import ANALYSES
from vosbench.cli import application
from vosbench.cli.options import split_list
from vosbench.errors import UsageError
from vosbench.registry import KINDS
from vosbench.reporting.figures import PLOTS
from vosbench.running.config import OVERWRITE
from vosbench.scoring.crosscheck import SCORERS


def commands() -> dict[str, Any]:
    """Every command by what a person types, `data check` among them."""

    def walk(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from walk(command, f"{prefix}{name} ")
            else:
                yield f"{prefix}{name}", command

    return dict(walk(typer.main.get_command(application()), ""))


def help_of(command: str, option: str) -> str:
    (found,) = [p for p in commands()[command].params if option in (p.name, *p.opts)]
    return str(found.help)


def test_an_option_has_one_help_text_on_every_command() -> None:
    texts = defaultdict(set)
    for command in commands().values():
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--"):
                    texts[option].add(parameter.help)
    assert {option: text for option, text in texts.items() if len(text) > 1} == {}
    assert {"--root", "--device", "--set", "--sequences", "--seed", "--out"} <= set(texts)


def test_every_option_and_every_command_says_what_it_is() -> None:
    for name, command in commands().items():
        assert command.help.partition("\n")[0].endswith("."), name
        for parameter in command.params:
            assert parameter.help, (name, parameter.name)
            assert "[" not in parameter.help, (name, parameter.name)  # rich takes it for markup


def test_names_in_the_help_are_those_there_are() -> None:
    assert re.findall(r"(\w+) = ", help_of("run", "--overwrite")) == ["missing", "never", "always"]
    assert set(OVERWRITE) == {"missing", "never", "always"}
    assert all(scorer in help_of("evaluate", "--cross-check") for scorer in SCORERS)
    assert all(kind in help_of("list", "kind") for kind in KINDS)
    assert all(what in help_of("compare", "--plot") for what in PLOTS)
    listed = re.findall(r"[\w-]+", commands()["analyse"].help.partition("\n\n")[2])
    assert [word for word in listed if word in ANALYSES] == list(ANALYSES)


def test_a_list_is_split_at_commas_and_names_something() -> None:
    assert split_list("a, b,,c ", "--what") == ("a", "b", "c")
    assert split_list(None, "--what") == split_list("", "--what") == ()
    with pytest.raises(UsageError, match=r"--what ' , ' names nothing; write --what a,b,c"):
        split_list(" , ", "--what")


def test_inspect_takes_a_list_with_blanks_and_refuses_one_of_nothing(
    folder_root: Path, command: Vosbench
) -> None:
    arguments = ("inspect", "--out", "o", "--method", "copy-first", "--dataset", "folder",
                 "--root", folder_root, "--sequences")  # fmt: skip
    blanks = command(*arguments, "ant, bee")
    assert "unknown sequence" not in blanks.stderr
    unknown = command(*arguments, "ant, wasp")
    assert "error: unknown sequence 'wasp'" in unknown.stderr
    nothing = command(*arguments, ",")
    assert "error: --sequences ',' names nothing" in nothing.stderr


def test_a_wrong_choice_is_one_sentence_that_names_the_choices(command: Vosbench) -> None:
    kind = command("list", "method")
    assert kind.returncode == 1
    assert "unknown kind 'method'; did you mean 'methods'? known: datasets, methods" in kind.stderr
    run = command("run", "--method", "copy-first", "--dataset", "synthetic", "--overwrite", "yes")
    assert run.returncode == 1
    assert "overwrite=yes: expected one of never, missing, always" in run.stderr


def test_options_are_listed_as_a_person_types_them(command: Vosbench) -> None:
    listed = command("list", "methods", "label-propagation").stdout
    assert not re.search(r"=(True|False|None|\()", listed)
    wrong = command("run", "--method", "rpmnet", "--dataset", "synthetic", "--set", "x=1")
    assert not re.search(r"=(True|False|None|\()", wrong.stderr)
