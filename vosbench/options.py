"""Options: `key=value` text to the fields of a frozen dataclass, and back."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from vosbench.errors import UsageError


def parse_settings(settings: typing.Iterable[str]) -> dict[str, str]:
    """Read `["key=value", ...]` into a dictionary.

    Raises:
        UsageError: a setting without `=` or without a key, or a key that is given twice.
    """
    parsed: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {setting!r} is not of the form key=value")
        if key.strip() in parsed:
            raise UsageError(f"--set {key.strip()} is given twice")
        parsed[key.strip()] = value.strip()
    return parsed


def as_typed(value: object) -> str:
    """An option's value as a person types it after `--set key=`.

    >>> as_typed(True), as_typed(None), as_typed((1, 2)), as_typed(0.5)
    ('true', 'none', '1,2', '0.5')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return ",".join(map(as_typed, value))
    return str(value)


def filled(kind: type, values: Mapping[str, Any], *, what: str) -> Any:
    """Make a dataclass of this kind; strings are converted to each field's type.

    values: by field name; every name must be a field.
    what: the start of an error message, e.g. "rpmnet option".

    Raises:
        UsageError: a value of the wrong type.
    """
    hints = typing.get_type_hints(kind)
    converted = {}
    for key, value in values.items():
        try:
            converted[key] = typed_as(value, hints[key])
        except ValueError as error:
            raise UsageError(f"{what} {key}={value}: {error}") from None
    return kind(**converted)


def choices_of(kind: type, name: str) -> tuple[str, ...]:
    """The words that a dataclass's field may be, as they are declared; () where it may be any.

    >>> Size = dataclasses.make_dataclass("Size", [("unit", Literal["px", "cells"]), ("side", int)])
    >>> choices_of(Size, "unit"), choices_of(Size, "side")
    (('px', 'cells'), ())
    """
    hint = typing.get_type_hints(kind).get(name)
    parts = [part for part in (hint, *typing.get_args(hint)) if typing.get_origin(part) is Literal]
    return tuple(str(choice) for part in parts for choice in typing.get_args(part))


def default_of(field: dataclasses.Field[Any]) -> Any:
    """The default of a dataclass's field; a factory is called for a new one."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def paths_of(options: Any) -> dict[str, Path]:
    """The files that an options' dataclass names, by field."""
    values = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    return {name: value for name, value in values.items() if isinstance(value, Path)}


def typed_as(value: Any, hint: Any) -> Any:
    """A value from a flag or TOML as the type of an option; ValueError if it cannot be.

    >>> typed_as("1,2", tuple[int, ...]), typed_as("none", Path | None), typed_as("yes", bool)
    ((1, 2), None, True)
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        for choice in arguments:
            if value == choice or value == str(choice):
                return choice
        raise ValueError(f"expected one of {', '.join(map(str, arguments))}")
    if origin in (typing.Union, types.UnionType):
        if value is None or (isinstance(value, str) and value.lower() == "none"):
            if value is not None and any("none" in typing.get_args(each) for each in arguments):
                return "none"  # a choice of that name, not the lack of one
            if type(None) in arguments:
                return None
            raise ValueError("expected a value, got none")
        faults = []
        for argument in arguments:
            if argument is not type(None):
                try:
                    return typed_as(value, argument)
                except ValueError as error:
                    faults.append(str(error))
        raise ValueError("; or ".join(faults))
    if origin is tuple:
        parts = value.strip("()[]").rstrip(",").split(",") if isinstance(value, str) else value
        if not isinstance(parts, (list, tuple)):
            raise ValueError("expected a list")
        return tuple(typed_as(part, arguments[0]) for part in parts)
    if hint is bool:
        if isinstance(value, bool):
            return value
        if str(value).lower() in ("true", "1", "yes", "on"):
            return True
        if str(value).lower() in ("false", "0", "no", "off"):
            return False
        raise ValueError("expected true or false")
    if hint in (int, float):
        try:
            number = hint(value)
            whole = hint is float or isinstance(value, str) or number == value
            if isinstance(value, bool) or not whole or not math.isfinite(number):
                raise ValueError
            return number
        except (TypeError, ValueError, OverflowError):
            kind = "a whole number" if hint is int else "a finite number"
            raise ValueError(f"expected {kind}") from None
    if hint is str and isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # size = 384 in TOML
    if hint in (str, Path) and not isinstance(value, (str, Path)):
        raise ValueError("expected text")
    if hint is Path:
        if not str(value) or "\0" in str(value):
            raise ValueError("expected a path")
        return Path(value).expanduser().absolute()  # a worker may stand in another folder
    return hint(value)
