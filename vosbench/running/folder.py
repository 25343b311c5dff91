"""A run's folder: what in it is the run's, and what makes room for a new run.

It holds run.json, timing.csv, log.txt, masks/<sequence>/<frame>.png (where objects may overlap
masks/<sequence>/<id>/<frame>.png) and sequences/<sequence>.json, the record of a finished
sequence; where the method was told by boxes or clicks, prompts/<sequence>.json has them; time.json
where the method was timed by protocol. After scoring also scores.csv and summary.json, and those of
other protocols in scores-<protocol>/. A sequence counts as finished while its masks and record are
there and the record's `data_sha256` is that of the data as they are now.

Anything else in the folder is the user's: it is never removed, and moves along when a new run
takes the place of an old one. The new one is built in `.<name>.new` beside it; while they change
places the old one stands in `.<name>.former` (see files.take_place), then in `.<name>.gone`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

from vosbench.errors import DataError, UsageError
from vosbench.files import (
    HALF_A_FILE,
    HALF_A_SEQUENCE,
    former,
    read_json,
    remove,
    replace,
    take_place,
)
from vosbench.results import load_manifest
from vosbench.running.records import PROMPTS, read_record
from vosbench.types import check_name

TIMES = "time.json"  # what --protocol-time measured
FILES = ("run.json", "timing.csv", "log.txt", "scores.csv", "summary.json", ".lock", TIMES)
COUNTED = ".counts"  # of sequences as they end, each in a folder of its own, until all are scored
COUNTS = re.compile(r"counts[a-z-]*\.(csv|json)")  # as scoring/counts.py names them
SCORES = ("summary.json", "scores.csv")
PARTS = ("masks", "sequences")
_OBJECT = re.compile(r"[0-9]{3,5}")  # the folder of an object that may overlap others
_PROTOCOL = {"protocol": {"name": str}}


def is_counts(path: Path) -> bool:
    """Whether a file is what scoring counted."""
    return COUNTS.fullmatch(path.name) is not None


def building(folder: Path) -> Path:
    """Where a new run is built until it replaces the one in `folder`."""
    return folder.with_name(f".{folder.name}.new")


def refuse_strangers(folder: Path) -> None:
    """Raise UsageError if a folder holds files that a run would overwrite, but no run.

    A run's own folder always has its run.json, written before all else.
    """
    for part in (*PARTS, PROMPTS):
        if (folder / part).is_symlink():
            raise UsageError(
                f"{folder / part} is a link, and masks are not written through links; "
                "name another --out, or make a link of the whole folder of runs"
            )
    if (folder / "run.json").exists():
        try:
            ours = "identity" in load_manifest(folder)
        except DataError:  # damaged, as by a full disk: then the rest tells
            ours = all((folder / part).is_dir() for part in PARTS)
        if not ours:
            raise UsageError(
                f"{folder}/run.json is not of a run of vosbench; move it away, or name another "
                "--out"
            )
        return
    there = [name for name in FILES[1:5] if (folder / name).exists()]
    there += [f"{part}/" for part in (*PARTS, PROMPTS) if any((folder / part).glob("[!.]*"))]
    if there:
        raise UsageError(
            f"{folder} holds {', '.join(there)} but no run.json, so whose they are is not known; "
            "move them away, or name another --out"
        )


def prepare(folder: Path, *, anew: bool) -> None:
    """Make the folder's parts; `anew` empties it of the run in it first.

    Raises:
        UsageError: it is to be emptied but holds what is not the run's.
    """
    if anew:
        if strange := foreign(folder):
            raise UsageError(
                f"{folder} cannot be begun anew: {strange[0]} in it is not the run's; move it away"
            )
        for path in folder.iterdir():
            if path.name != ".lock":
                remove(path, inside=folder)
    for part in PARTS:
        (folder / part).mkdir(exist_ok=True)


def foreign(folder: Path) -> list[Path]:
    """Files in a run's folder that are not the run's; a folder stands for all it holds."""
    names = {path.stem for path in (folder / "sequences").glob("*.json")}
    with contextlib.suppress(UsageError, DataError, KeyError, TypeError):
        names.update(load_manifest(folder)["identity"]["sequences"])
    found = []
    for path in sorted(folder.iterdir()):
        if path.name == "masks" and path.is_dir():
            for inner in sorted(path.iterdir()):
                if inner.name in names:
                    found += _not_masks(folder, inner.name)
                elif not HALF_A_SEQUENCE.fullmatch(inner.name):
                    found.append(inner)
        elif path.name in ("sequences", PROMPTS) and path.is_dir():
            found += [inner for inner in path.iterdir() if inner.suffix != ".json"]
        elif _are_scores(path):
            found += [i for i in path.iterdir() if i.name not in SCORES and not is_counts(i)]
        elif path.name not in (*FILES, COUNTED) and not is_counts(path):
            found.append(path)
    found = [path for path in found if not HALF_A_FILE.fullmatch(path.name)]
    return [path.relative_to(folder) for path in found]


def _not_masks(folder: Path, name: str) -> list[Path]:
    """What in the folder of a sequence's masks is none of them; a link holds nothing of its own."""
    where = folder / "masks" / name
    if where.is_symlink() or not where.is_dir():
        return []
    record = read_record(folder, name)
    frames = set(record["frame_names"]) if record else None
    found = []
    for path in sorted(where.iterdir()):
        of_object = path.is_dir() and not path.is_symlink() and _OBJECT.fullmatch(path.name)
        for inner in sorted(path.iterdir()) if of_object else [path]:
            if inner.suffix != ".png" or inner.is_dir() or (frames and inner.stem not in frames):
                found.append(inner)
    return found


def _are_scores(path: Path) -> bool:
    """Whether a folder holds the run's scores under another protocol, by what its summary says."""
    try:
        summary = read_json(path / "summary.json", _PROTOCOL, what="of scores", remedy="")
    except (OSError, DataError):
        return False
    return not path.is_symlink() and path.name == f"scores-{summary['protocol']['name']}"


def change_places(new: Path, folder: Path) -> None:
    """Put a new run in the place of an old one; what in the old folder is not the run's moves in.

    A kill at any moment leaves both, and `settle` goes on.
    """
    take_place(new, folder)
    settle(folder)


def settle(folder: Path) -> None:
    """Let go of the run whose place was taken, after moving what is not the run's to the new one.

    Does nothing where no place was taken; it finishes what a killed process began.
    """
    old, gone = former(folder), folder.with_name(f".{folder.name}.gone")
    remove(gone, inside=folder.parent)
    if not old.is_dir():
        return
    for path in foreign(old):
        to = folder / path
        to.parent.mkdir(parents=True, exist_ok=True)
        while to.exists() or to.is_symlink():
            to = to.with_name(f"{to.name}~")
        replace(old / path, to, inside=folder.parent)
    replace(old, gone, inside=folder.parent)
    remove(gone, inside=folder.parent)


def discard(folder: Path, name: str) -> None:
    """Take a sequence that is not finished out of a run's folder, its record first.

    Raises:
        DataError: with its masks lies what is none of them; nothing is removed.
    """
    check_name(name, "sequence", folder)
    if strange := _not_masks(folder, name):
        raise DataError(
            f"{strange[0]} is not of the run, whose masks of {name} are to be made again; "
            "move it away, then give the same command again"
        )
    records = [folder / part / f"{name}.json" for part in ("sequences", PROMPTS)]
    for path in (*records, folder / "masks" / name):
        if os.path.lexists(path):
            remove(path, inside=folder)


def forget_scores(folder: Path) -> None:
    """Remove the scores of masks that are about to change."""
    remove(folder / COUNTED, inside=folder)
    for where in (folder, *filter(_are_scores, folder.glob("scores-*"))):
        for name in SCORES:
            remove(where / name, inside=folder)
        for path in filter(is_counts, where.iterdir()):
            remove(path, inside=folder)


@contextlib.contextmanager
def log_of(folder: Path) -> Iterator[logging.Logger]:
    """A logger that adds to the run's log.txt."""
    log = logging.getLogger(f"vosbench.run.{folder.name}")
    log.setLevel(logging.INFO)
    log.propagate = False
    path = folder / "log.txt"
    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    # Where it cannot be written, as on a full disk, a traceback for each line would be printed.
    handler.handleError = lambda record: None  # type: ignore[method-assign]
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    try:
        yield log
    finally:
        log.removeHandler(handler)
        with contextlib.suppress(OSError):  # what could not be written before, cannot now
            handler.close()
