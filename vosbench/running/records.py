"""The records of a run's finished sequences: how they were made, and of which data they are."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vosbench.errors import DataError
from vosbench.files import fingerprint, read_json, write_json
from vosbench.types import ProgramRun, Sequence, check_name
from vosbench.videos import content

PROMPTS = "prompts"  # only where the method was told by boxes or clicks
RECORD = {
    "sequence": str, "frames": int, "frame_names": [str], "seconds": [(int, float)],
    "masks_sha256": str, "data_sha256": str, "made_by": str, "peak_memory_bytes": int,
    "remarks?": [str], "cold?": [int], "skipped?": [int], "program?": dict,
    "objects?": [int], "flattened?": str,
}  # fmt: skip


def data_sha256(sequence: Sequence) -> str:
    """The hash of what a method is given: frames and their names, prompts."""
    digest = hashlib.sha256("\n".join(sequence.frame_names).encode())
    for index, prompt in sorted(sequence.prompts.items()):
        form = "" if isinstance(prompt, np.ndarray) else f" {prompt.ids}"
        pixels = prompt if isinstance(prompt, np.ndarray) else prompt.stack
        digest.update(f"{index} {prompt.shape}{form}".encode() + pixels.tobytes())
    for piece in content(sequence.frames):
        digest.update(piece)
    return digest.hexdigest()


def of_program(ran: ProgramRun, record: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in a record otherwise where a program made the masks.

    Its seconds are spread evenly over the frames, none of which has a time of its own: what reads
    them as such leaves out records with `program`.
    """
    return {
        "seconds": [ran.seconds / record["frames"]] * record["frames"],
        "peak_memory_bytes": ran.peak_memory_bytes,
        "program": dict(ran.facts),
    }


def has_changed(folder: Path, sequence: Sequence) -> bool:
    """Whether a finished sequence was made of other data than it has now."""
    record = read_record(folder, sequence.name)
    return record is not None and record["data_sha256"] != data_sha256(sequence)


def masks_sha256(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The digest of the masks of finished sequences, as it was when they were made."""
    records = {name: read_record(folder, name) for name in names}
    return {name: str(record["masks_sha256"]) for name, record in records.items() if record}


def refuse_swapped(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raise DataError where run.json is whole, as the records are, but tells of other masks."""
    there = {path.stem for path in (folder / "sequences").glob("[!.]*.json")}
    if manifest.get("status") != "complete" or not there >= set(manifest.get("done", ())):
        return  # under way, or with records missing: what is finished is scored, the rest named
    kept = masks_sha256(folder, there)
    if kept.keys() == there and fingerprint(kept) != manifest.get("masks_sha256"):
        raise DataError(
            f"{folder / 'run.json'} is not of the masks in {folder}: one of the two is another "
            "run's; put the right run.json back, or run again with --overwrite always"
        )


def write_told(folder: Path, told: Mapping[str, Any]) -> None:
    """Write prompts/<sequence>.json into a run's folder, for whoever wants to give the same."""
    (folder / PROMPTS).mkdir(exist_ok=True)
    write_json(folder / PROMPTS / f"{told['sequence']}.json", dict(told))


def read_record(folder: Path, name: str) -> dict[str, Any] | None:
    """What is known of a finished sequence; None where there is no such record, or a damaged one.

    Raises:
        DataError: it has a name that no file of ours may have.
    """
    check_name(name, "sequence", folder)
    try:
        record = record_of(folder, name)
    except (FileNotFoundError, DataError):
        return None
    for frame in record["frame_names"]:
        check_name(frame, "frame", folder / "sequences" / f"{name}.json")
    return record


def record_of(folder: Path, name: str) -> dict[str, Any]:
    """The record of a sequence; FileNotFoundError where there is none, DataError for a damaged."""
    path = folder / "sequences" / f"{name}.json"
    try:
        there = path.stat()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    return _parsed(path, name, there.st_ino, there.st_mtime_ns, there.st_size)


@functools.lru_cache(maxsize=2048)  # it is asked for up to eight times
def _parsed(path: Path, name: str, *_: int) -> dict[str, Any]:
    """The record in a file that has this inode, time and size."""
    again = "give the command of the run again"
    record = read_json(path, RECORD, what="the record of a finished sequence", remedy=again)
    lengths = {record["frames"], len(record["frame_names"]), len(record["seconds"])}
    if len(lengths) > 1 or record["sequence"] != name:
        raise DataError(f"{path} is damaged: it is not of {name}, or of other frames; {again}")
    return record
