"""Files that are whole or not there: written under a temporary name, then renamed."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vosbench.errors import DataError, UsageError

NUMBER = (int, float, type(None))  # in JSON of ours null is what is undefined


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


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep a second process out of a run's folder, and sweep up what killed ones left behind.

    The lock goes with the process, however it ends.

    Raises:
        UsageError: another process is at work there.
    """
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another process is at work in {folder}; wait for it") from None
        try:
            _sweep(folder)
            yield
        finally:
            _sweep(folder)


def _sweep(folder: Path) -> None:
    for partial in (folder / "masks").glob(".*"):
        shutil.rmtree(partial, ignore_errors=True)  # a lost worker may still write there
    for partial in (*folder.glob(".*.part"), *(folder / "sequences").glob(".*.part")):
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file in one piece, as UTF-8 with plain line ends."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one piece, also when several processes write it at once."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    partial.write_bytes(content)
    os.replace(partial, path)


def write_json(path: Path, value: Any) -> None:
    """Write JSON in one piece; ValueError for NaN, which JSON does not have."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, shape: Mapping[str, Any], *, what: str, remedy: str) -> dict[str, Any]:
    """Read a JSON object of ours and check its shape.

    Args:
        path: the file.
        shape: key -> what stands there: a type, several types, a mapping like this one, or a list
            of one such for lists. Keys that it does not name may be there too.
        what: what the file is, such as "a summary of scores".
        remedy: what to do about a damaged one.

    Raises:
        FileNotFoundError: there is none.
        DataError: it is no JSON, or has another shape; it names the file and the place in it.
    """
    try:
        content: dict[str, Any] = json.loads(
            path.read_text(encoding="utf-8"), parse_constant=_refuse_constant
        )
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged: {error}; {remedy}") from error
    check_shape(content, shape, path, what=what, remedy=remedy)
    return content


def check_shape(
    content: Any, shape: Mapping[str, Any], path: Path, *, what: str, remedy: str
) -> None:
    """Raise DataError unless the content of a file has the shape; arguments as of `read_json`."""
    if fault := misfit(content, shape):
        raise DataError(f"{path} is not {what}: {fault}; {remedy}")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no value of JSON")


def misfit(value: Any, shape: Any, where: str = "it") -> str:
    """The first thing in a value that is not of the shape (see `read_json`), "" where all is.

    >>> misfit({"J": {"mean": "high"}}, {"J": {"mean": NUMBER}})
    "J.mean is 'high', expected a number or null"
    >>> misfit({"J": 1}, {"J": int, "F": int}), misfit([], {"J": int})
    ("it has no 'F'", 'it is [], expected an object')
    """
    if isinstance(shape, Mapping):
        if not isinstance(value, dict):
            return f"{where} is {_cut(value)}, expected an object"
        inside = "" if where == "it" else f"{where}."
        missing = (f"{where} has no {key!r}" for key in shape if key not in value)
        faults = (misfit(value[key], shape[key], f"{inside}{key}") for key in shape if key in value)
        return next(missing, "") or next(filter(None, faults), "")
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{where} is {_cut(value)}, expected a list"
        faults = (misfit(item, shape[0], f"{where}[{at}]") for at, item in enumerate(value))
        return next(filter(None, faults), "")
    types = shape if isinstance(shape, tuple) else (shape,)
    if isinstance(value, types) and (bool in types or not isinstance(value, bool)):
        return ""
    wanted = " or ".join(dict.fromkeys(_JSON[one] for one in types))
    return f"{where} is {_cut(value)}, expected {wanted}"


_JSON = {
    str: "text", bool: "true or false", int: "a number", float: "a number", dict: "an object",
    list: "a list", type(None): "null",
}  # fmt: skip


def _cut(value: Any) -> str:
    """A value as a message shows it."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
