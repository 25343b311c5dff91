"""Which of a run's sequences are whole: their records against the masks on disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vosbench.errors import DataError
from vosbench.masks import MasksDigest
from vosbench.running.records import read_record, record_of
from vosbench.stored import open_stored


def finished(folder: Path) -> set[str]:
    """The sequences that a run's folder holds whole."""
    names = {path.stem for path in (folder / "sequences").glob("[!.]*.json")}
    return {name for name in names if is_done(folder, name)}


def is_done(folder: Path, name: str) -> bool:
    """Whether a run's folder holds the whole sequence: its record, and every mask it tells of."""
    return not unfinished(folder, name)


def unfinished(folder: Path, name: str) -> str:
    """Why a sequence does not count as finished, in one sentence; "" where it does."""
    again = "give the command of the run again"
    try:
        record = record_of(folder, name)
    except FileNotFoundError:
        return f"{folder} has not finished {name}; {again}"
    except DataError as error:
        return str(error)
    return _missing(folder / "masks", name, record, again)


def _missing(masks: Path, name: str, record: Mapping[str, Any], again: str) -> str:
    """What is to be said of the first mask that is not there, or ""."""
    stored = open_stored(masks)
    try:
        of_objects = stored.objects(name)
        frames = stored.frames(name)
    except DataError:
        of_objects, frames = {}, ()
    if of_objects:
        for number in record.get("objects", ()):
            for frame in record["frame_names"]:
                if frame not in of_objects.get(number, ()):
                    return f"{masks / name / f'{number:03d}' / frame}.png is missing; {again}"
    missing = (frame for frame in record["frame_names"] if frame not in frames)
    return next((f"{masks / name / frame}.png is missing; {again}" for frame in missing), "")


def damaged(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The sequences among these whose records are damaged, and what is wrong with each."""
    there = [name for name in names if (folder / "sequences" / f"{name}.json").exists()]
    return {
        name: why
        for name in there
        if read_record(folder, name) is None and (why := unfinished(folder, name))
    }


def were_changed(folder: Path, name: str) -> bool:
    """Whether masks of a finished sequence are damaged or not those that the run made.

    Decodes every mask: about 2 ms for one of 480x854.
    """
    record = read_record(folder, name)
    if record is None:
        return False
    digest = MasksDigest()
    try:
        stored = open_stored(folder / "masks")
        for frame in record["frame_names"]:
            digest.add(stored.read(name, frame))
    except DataError:
        return True
    return bool(digest.sha256 != record["masks_sha256"])
