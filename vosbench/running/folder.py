"""A run's folder: who may write in it, which sequences are finished, and what is swept away.

It holds run.json, timing.csv, log.txt, masks/<sequence>/<frame>.png and sequences/<sequence>.json,
the record of a finished sequence. A sequence counts as finished while its masks and record are
there and the record's `data_sha256` is that of the data as they are now.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vosbench.types import Sequence
from vosbench.videos import content


def prepare(folder: Path, *, anew: bool) -> None:
    """Make the folder's parts; `anew` empties it, the manifest last, so that a kill is seen."""
    if anew:
        for part in ("sequences", "masks"):
            shutil.rmtree(folder / part, ignore_errors=True)
        for path in folder.glob("[!.]*"):
            path.unlink()
    if not (folder / "run.json").is_file():  # records without a manifest belong to nobody
        shutil.rmtree(folder / "sequences", ignore_errors=True)
    (folder / "masks").mkdir(exist_ok=True)
    (folder / "sequences").mkdir(exist_ok=True)


def data_sha256(sequence: Sequence) -> str:
    """The hash of what a method is given: frames and their names, prompts."""
    digest = hashlib.sha256("\n".join(sequence.frame_names).encode())
    for index, prompt in sorted(sequence.prompts.items()):
        digest.update(f"{index} {prompt.shape}".encode() + prompt.tobytes())
    for piece in content(sequence.frames):
        digest.update(piece)
    return digest.hexdigest()


def is_done(folder: Path, name: str) -> bool:
    """Whether a run's folder holds the whole sequence: its record, and as many masks as it says."""
    record = read_record(folder, name)
    if record is None:
        return False
    masks = sum(1 for _ in (folder / "masks" / name).glob("*.png"))
    return masks == int(record["frames"])


def read_record(folder: Path, name: str) -> dict[str, Any] | None:
    """What is known of a finished sequence; None where there is no such record."""
    try:
        text = (folder / "sequences" / f"{name}.json").read_text(encoding="utf-8")
        record: dict[str, Any] = json.loads(text)
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return record


def discard(folder: Path, name: str) -> None:
    """Take a sequence out of a run's folder, its record first."""
    (folder / "sequences" / f"{name}.json").unlink(missing_ok=True)
    shutil.rmtree(folder / "masks" / name, ignore_errors=True)


def forget_scores(folder: Path) -> None:
    """Take away the scores of masks that are about to change."""
    for where in (folder, *folder.glob("scores-*")):
        for name in ("summary.json", "scores.csv"):
            (where / name).unlink(missing_ok=True)


@contextlib.contextmanager
def log_of(folder: Path) -> Iterator[logging.Logger]:
    """A logger that adds to the run's log.txt."""
    log = logging.getLogger(f"vosbench.run.{folder.name}")
    log.setLevel(logging.INFO)
    log.propagate = False
    handler = logging.FileHandler(folder / "log.txt", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    try:
        yield log
    finally:
        log.removeHandler(handler)
        handler.close()
