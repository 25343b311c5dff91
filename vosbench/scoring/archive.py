"""The archive that is handed in to a benchmark: names in it, its comment, what is told of it.

What is asked for stands on the dataset's card (`types.Submission`).
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vosbench.errors import DataError, one_a_cause

if TYPE_CHECKING:
    from vosbench.resolve import ChosenDataset
    from vosbench.scoring.required import Required
    from vosbench.types import DatasetCard, Submission

_FEW = 5  # notes that are shown; whole sets of results have the same in every sequence
_FORMS = {
    "label-maps": "<sequence>/<frame>.png, palette PNGs whose indices are object ids",
    "objects": "<sequence>/<object>/<frame>.png, a binary PNG for each object",
}
_FRAMES = {
    "all": "all frames of each video",
    "listed": "of each video the frames that the dataset lists for its objects",
    "annotated": "the annotated frames of each object",
}


@dataclass(frozen=True, kw_only=True)
class Packed:
    """An archive that was written or checked.

    sequences, masks: how many it should hold, those of the split. faults: what is wrong with it.
    notes: what is worth knowing. root: where the dataset of a run lies.
    """

    path: Path
    submission: Submission
    card: DatasetCard
    split: str
    sequences: int
    masks: int
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    root: Path | None = None

    def as_json(self) -> dict[str, Any]:
        """The same as plain lists and dicts, for JSON."""
        return {
            "ok": not self.faults,
            "path": str(self.path),
            "for": self.submission.name,
            "dataset": self.card.name,
            "split": self.split,
            "sequences": self.sequences,
            "masks": self.masks,
            "expects": asked_for(self.submission),
            "server": self.card.server or "not known",
            "faults": list(self.faults),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        notes = one_a_cause(self.notes)
        if len(notes) > _FEW:
            notes[_FEW:] = [f"{len(notes) - _FEW} more such; --json lists all"]
        if self.submission.note:
            notes.insert(0, self.submission.note)
        faults = [f"fault: {fault}" for fault in one_a_cause(self.faults)]
        return "\n".join(
            [
                f"{self.path}: {self.card.name} {self.split}, {self.sequences} sequences, "
                f"{self.masks} masks, {self.path.stat().st_size / 1e6:.1f} MB",
                f"{self.submission.name} takes {asked_for(self.submission)}",
                *(f"note: {note}" for note in notes),
                f"known from: {self.submission.source}",
                f"server: {self.card.server or 'not known'}",
                *faults,
                f"{len(self.faults)} faults" if faults else "no fault found",
            ]
        )


def asked_for(submission: Submission) -> str:
    """What an archive holds, in words."""
    top = f"{submission.top}/" if submission.top else ""
    return f"{top}{_FORMS[submission.form]}; {_FRAMES[submission.frames]}"


def member(submission: Submission, sequence: str, frame: str, number: int | None) -> str:
    """The name of a mask in an archive."""
    folders = [submission.top] if submission.top else []
    folders += [sequence] if number is None else [sequence, f"{number:03d}"]
    return "/".join([*folders, f"{frame}.png"])


def members(wanted: Required, submission: Submission) -> dict[str, str]:
    """The names of the masks of a sequence in an archive -> their frames."""
    return {
        member(submission, wanted.sequence, frame, number): frame
        for frame, numbers in wanted.frames.items()
        for number in (numbers if submission.form == "objects" else (None,))
    }


def comment(chosen: ChosenDataset, submission: Submission) -> bytes:
    """The comment of an archive, by which `packed_for` knows it again."""
    about = {
        "for": submission.name,
        "dataset": chosen.card.name,
        "split": chosen.split,
        "resolution": chosen.resolution,
    }
    return json.dumps({"vosbench": about}).encode()


def packed_for(path: Path) -> dict[str, str]:
    """What `pack` wrote an archive for: `for`, `dataset`, `split`, `resolution`; {} of others.

    Raises:
        DataError: it is missing or no zip archive.
    """
    with open_archive(path) as archive:
        said = archive.comment
    try:
        about = json.loads(said)["vosbench"]
        return {key: str(about[key]) for key in ("for", "dataset", "split", "resolution")}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def open_archive(path: Path) -> zipfile.ZipFile:
    """Open an archive.

    Raises:
        DataError: it is missing or no zip archive.
    """
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise DataError(f"{path} is missing") from None
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as a zip archive: {error}; pack it anew") from error
