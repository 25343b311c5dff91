"""One frozen description of a run, from TOML and flags, validated before anything is computed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vosbench import registry
from vosbench.errors import UsageError, did_you_mean, nearest
from vosbench.types import Dataset, DatasetCard, Method, ScoringProtocol, check_name

OVERWRITE = ("never", "missing", "always")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that decides what a run computes and where it lies.

    options: `key=value` strings or values for the method's Options.
    split, resolution, protocol: "" stands for the dataset card's default.
    workers: local processes; 1 runs in this one. scheduler: address of a Dask cluster.
    overwrite: `missing` goes on where a run stopped, `never` refuses an existing folder,
        `always` starts anew: the run that is there gives way when the new one is whole.
    """

    method: str
    dataset: str
    root: Path | None = None
    split: str = ""
    resolution: str = ""
    sequences: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    protocol: str = ""
    device: str = "cpu"
    seed: int = 0
    workers: int = 1
    scheduler: str = ""
    overwrite: Literal["never", "missing", "always"] = "missing"
    out: Path = Path("runs")

    def __post_init__(self) -> None:
        if self.overwrite not in OVERWRITE:
            raise UsageError(f"unknown overwrite {self.overwrite!r}; known: {', '.join(OVERWRITE)}")
        if self.workers < 1:
            raise UsageError(f"workers is {self.workers}, expected 1 or more")
        if not 0 <= self.seed < 2**63:  # what every generator of numbers takes
            raise UsageError(f"seed is {self.seed}, expected 0 to 2**63 - 1")


def from_toml(path: Path | None, flags: Mapping[str, Any]) -> RunConfig:
    """A RunConfig from a TOML file, overridden by the flags that are not None.

    Raises:
        UsageError: the file is missing or not TOML, a key is unknown, method or dataset is missing.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UsageError(f"configuration {path} is missing") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"configuration {path} is not TOML: {error}") from None
    stored = values.pop("options", {})
    if not isinstance(stored, dict):
        raise UsageError(f"{path}: options must be a table, [options], got {stored!r}")
    options = {**stored, **(flags.get("options") or {})}
    values |= {k: v for k, v in flags.items() if v is not None and k != "options"}
    known = {f.name for f in dataclasses.fields(RunConfig)}
    for key in values:
        if key not in known:
            raise UsageError(f"{path}: unknown key {key!r}; {did_you_mean(key, known)}")
    for key in ("method", "dataset"):
        if not values.get(key):
            raise UsageError(
                f"no {key} named; use --{key} NAME, known: {', '.join(registry.names(key + 's'))}"
            )
    hints = typing.get_type_hints(RunConfig)
    for key, value in values.items():
        try:
            values[key] = _convert(value, hints[key])
        except ValueError as error:
            raise UsageError(f"{path or 'run'}: {key}={value}: {error}") from None
    return RunConfig(**values, options=options)


def check_device(device: str) -> None:
    """Raise UsageError unless a tensor can be put on the device here."""
    if device == "cpu":
        return
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"--device {device} cannot be used here: {reason}; use cpu") from None


def parse_settings(settings: typing.Iterable[str]) -> dict[str, str]:
    """`["key=value", ...]` as a dictionary; UsageError for anything else or a key given twice."""
    parsed: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {setting!r} is not of the form key=value")
        if key.strip() in parsed:
            raise UsageError(f"--set {key.strip()} is given twice")
        parsed[key.strip()] = value.strip()
    return parsed


def method_options(name: str, values: Mapping[str, Any]) -> Any:
    """The method's Options from `values` (strings are converted by each field's type).

    Raises:
        UsageError: an unknown option (all valid ones are listed) or a value of the wrong type.
    """
    leaf, module = registry.find("methods", name), registry.load("methods", name)
    known = {f.name: f for f in dataclasses.fields(module.Options)}
    merged = {**leaf.defaults, **values}
    for key in merged:
        if key not in known:
            defaults = {k: leaf.defaults.get(k, default_of(f)) for k, f in known.items()}
            valid = ", ".join(f"{k}={default}" for k, default in defaults.items()) or "none"
            hint = nearest(key, known)
            raise UsageError(f"{name} has no option {key!r}; {hint}valid options: {valid}")
    return filled(module.Options, merged, what=f"{name} option")


def filled(kind: type, values: Mapping[str, Any], *, what: str) -> Any:
    """A dataclass from values of known names; strings are converted by each field's type.

    Raises:
        UsageError: a value of the wrong type; `what` opens the message.
    """
    hints = typing.get_type_hints(kind)
    converted = {}
    for key, value in values.items():
        try:
            converted[key] = _convert(value, hints[key])
        except ValueError as error:
            raise UsageError(f"{what} {key}={value}: {error}") from None
    return kind(**converted)


def default_of(field: dataclasses.Field[Any]) -> Any:
    """The default of a dataclass's field, made anew where a factory makes it."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _convert(value: Any, hint: Any) -> Any:
    """A value from a flag or TOML as the type that an option declares; ValueError otherwise."""
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
                    return _convert(value, argument)
                except ValueError as error:
                    faults.append(str(error))
        raise ValueError("; or ".join(faults))
    if origin is tuple:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, (list, tuple)):
            raise ValueError("expected a list")
        return tuple(_convert(part, arguments[0]) for part in parts)
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
            if isinstance(value, bool) or not math.isfinite(float(value)):
                raise ValueError
            if hint is int and float(value) != int(value):
                raise ValueError
            return hint(value)
        except (TypeError, ValueError, OverflowError):
            kind = "a whole number" if hint is int else "a finite number"
            raise ValueError(f"expected {kind}") from None
    if hint is str and isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # size = 384 in TOML
    if hint in (str, Path) and not isinstance(value, (str, Path)):
        raise ValueError("expected text")
    if hint is Path:
        if not str(value):
            raise ValueError("expected a path")
        return Path(value).expanduser().absolute()  # a worker may stand in another folder
    return hint(value)


def card_of(dataset: str) -> DatasetCard:
    """The card of a registered dataset."""
    card: DatasetCard = registry.load("datasets", dataset).CARD
    return card


def resolve_root(card: DatasetCard, root: Path | None) -> Path | None:
    """Where a dataset lies: the given root, else VOSBENCH_DATA/<card.folder>, else UsageError."""
    if root is not None or not card.folder:
        return root
    data = os.environ.get("VOSBENCH_DATA")
    if data:
        return Path(data) / card.folder
    raise UsageError(
        f"where is {card.name}? give --root DIR, or set VOSBENCH_DATA to the folder that holds "
        f"{card.folder}/"
    )


def open_dataset(
    name: str, *, root: Path | None = None, split: str = "", resolution: str = ""
) -> Dataset:
    """Open a registered dataset; "" stands for the card's default split and resolution.

    Raises:
        DataError: among others, a name of a sequence that no file of ours may have.
    """
    module = registry.load("datasets", name)
    card: DatasetCard = module.CARD
    root = resolve_root(card, root)
    opened: Dataset = module.load(
        root,
        split=split or card.default_split,
        resolution=resolution or (card.resolutions[0] if card.resolutions else ""),
    )
    where = f"dataset {card.name}" + (f" at {root}" if root else "")
    for sequence in opened.names:
        check_name(sequence, "sequence", where)
    return opened


def build_method(name: str, values: Mapping[str, Any], *, device: str, seed: int) -> Method:
    """Build a registered method from its options, device and seed."""
    options = method_options(name, values)
    method: Method = registry.load("methods", name).build(options, device=device, seed=seed)
    return method


def choose_protocol(card: DatasetCard, name: str) -> ScoringProtocol:
    """The card's protocol of that name, or its first one for ""."""
    if not name:
        return card.protocols[0]
    known = {protocol.name: protocol for protocol in card.protocols}
    if name not in known:
        raise UsageError(
            f"{card.name} is not scored by a protocol {name!r}; {did_you_mean(name, known)}"
        )
    return known[name]


def choose_sequences(names: tuple[str, ...], chosen: tuple[str, ...]) -> tuple[str, ...]:
    """The chosen sequences in the dataset's order, all of them for (); UsageError if unknown."""
    for name in chosen:
        if name not in names:
            raise UsageError(f"unknown sequence {name!r}; {did_you_mean(name, names)}")
    return tuple(name for name in names if not chosen or name in chosen)


def jsonable(value: Any) -> Any:
    """Options as JSON: dataclasses and mappings as objects, paths as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: jsonable(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [jsonable(v) for v in value]
    return str(value) if isinstance(value, Path) else value


def fingerprint(value: Any) -> str:
    """The sha256 of a JSON-able value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(jsonable(value), sort_keys=True).encode()).hexdigest()
