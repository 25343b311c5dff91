"""A plain command line -> the arguments of its command, without what Typer loads to parse it.

Typer asks pydantic about each option, which takes a quarter of the start-up of `evaluate`. A plain
line has known options, each once, with values of text, paths or whole numbers. Any other line is
Typer's: what asks for help, what is wrong, what begins with a dash where a value should stand.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from typer.models import ArgumentInfo, OptionInfo

DIGITS = 10  # of a number; one of thousands is none to Python, as Typer says


class _Declared(NamedTuple):
    """A parameter of a command: the type of its value, its option or "", the least number."""

    name: str
    kind: type
    option: str
    least: float | None
    required: bool


def arguments(command: Callable[..., None], words: Iterable[str]) -> dict[str, Any] | None:
    """What to call a command with; None where Typer must read the line.

    >>> import typer
    >>> from typing import Annotated
    >>> def score(masks: Annotated[Path, typer.Argument()], out: Annotated[str, typer.Option()]):
    ...     pass
    >>> arguments(score, ["masks", "--out=scores"])
    {'out': 'scores', 'masks': PosixPath('masks')}
    >>> arguments(score, ["masks", "--help"])
    """
    declared = _declared(command)
    options = {each.option: each for each in declared or () if each.option}
    places = [each for each in declared or () if not each.option]
    given: dict[str, Any] = {}
    free: list[str] = []
    left = iter(words)
    for word in left:
        name, assigned, value = word.partition("=")
        if not word.startswith("-"):
            free.append(word)
            continue
        if name not in options or options[name].name in given:
            return None
        one = options[name]
        if one.kind is bool and not assigned:
            given[one.name] = True
        elif (
            one.kind is bool or (read := _read(one, value if assigned else next(left, ""))) is None
        ):
            return None
        else:
            given[one.name] = read
    if declared is None or len(free) != len(places):
        return None
    for one, word in zip(places, free, strict=True):
        given[one.name] = _read(one, word)
    needed = {each.name for each in declared if each.required}
    whole = needed <= given.keys() and None not in given.values()
    return given if whole else None


def _declared(command: Callable[..., None]) -> list[_Declared] | None:
    """The parameters of a command; None where one is more than a plain line can hold."""
    hints = typing.get_type_hints(command, include_extras=True)
    found = []
    for name, parameter in inspect.signature(command).parameters.items():
        annotation, *more = typing.get_args(hints[name])
        info = more[0] if more else None
        kinds = [annotation]
        if isinstance(annotation, types.UnionType):
            kinds = [kind for kind in typing.get_args(annotation) if kind is not types.NoneType]
        if len(kinds) != 1 or kinds[0] not in (str, Path, int, bool):
            return None
        required = parameter.default is parameter.empty
        if isinstance(info, ArgumentInfo) and required:
            found.append(_Declared(name, kinds[0], "", None, required))
        elif isinstance(info, OptionInfo) and len(named := _named(info)) < 2:
            (option,) = named or [f"--{name.replace('_', '-')}"]
            found.append(_Declared(name, kinds[0], option, info.min, required))
        else:
            return None
    return found


def _named(info: OptionInfo) -> list[str]:
    """The names that an option is given; in `Annotated`, the first stands in place of a default."""
    return [each for each in (info.default, *(info.param_decls or ())) if isinstance(each, str)]


def _read(one: _Declared, word: str) -> str | Path | int | None:
    """A value; None where Typer should say what is wrong with it."""
    if not word or word.startswith("-"):
        return None
    if one.kind is not int:
        return Path(word) if one.kind is Path else word
    if not (word.isascii() and word.isdecimal() and len(word) < DIGITS) or (
        one.least is not None and int(word) < one.least
    ):
        return None
    return int(word)
