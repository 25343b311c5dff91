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

from vosbench.errors import UsageError


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
