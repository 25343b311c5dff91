"""Masks -> the zip archive that is handed in to a benchmark; and such an archive checked.

What is asked for stands on the dataset's card (`types.Submission`). An archive is written whole or
not at all, and of the same masks it has the same bytes.
"""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vosbench.errors import DataError, UsageError, one_a_cause
from vosbench.files import written_whole
from vosbench.masks import encode_mask
from vosbench.scoring.required import Required, Unfit, fitting, required
from vosbench.stored import open_stored
from vosbench.types import Layers

if TYPE_CHECKING:
    from vosbench.resolve import ChosenDataset
    from vosbench.stored import StoredMasks
    from vosbench.types import Dataset, DatasetCard, Masks, Submission

Progress = Callable[[str], None]  # called with the sequence that was just read

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first time that a zip archive can hold
_PALETTE = 3  # the kind of colour in the 26th byte of a PNG
_FORMS = {
    "label-maps": "<sequence>/<frame>.png, palette PNGs whose indices are object ids",
    "objects": "<sequence>/<object>/<frame>.png, a binary PNG for each object",
}
_FRAMES = {
    "all": "all frames of each video",
    "listed": "of each video the frames that the dataset lists for its objects",
    "annotated": "the annotated frames of each object",
}


def asked_for(submission: Submission) -> str:
    """What an archive holds, in words."""
    top = f"{submission.top}/" if submission.top else ""
    return f"{top}{_FORMS[submission.form]}; {_FRAMES[submission.frames]}"


@dataclass(frozen=True, kw_only=True)
class Packed:
    """An archive that was written or checked.

    sequences, masks: how many it should hold, those of the split. faults: what is wrong with it.
    notes: what is worth knowing.
    """

    path: Path
    submission: Submission
    card: DatasetCard
    split: str
    sequences: int
    masks: int
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

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
        note = [self.submission.note] if self.submission.note else []
        faults = [f"fault: {fault}" for fault in one_a_cause(self.faults)]
        return "\n".join(
            [
                f"{self.path}: {self.card.name} {self.split}, {self.sequences} sequences, "
                f"{self.masks} masks, {self.path.stat().st_size / 1e6:.1f} MB",
                f"{self.submission.name} takes {asked_for(self.submission)}",
                *(f"note: {note}" for note in (*note, *one_a_cause(self.notes))),
                f"known from: {self.submission.source}",
                f"server: {self.card.server or 'not known'}",
                *faults,
                f"{len(self.faults)} faults" if faults else "no fault found",
            ]
        )


def pack(
    chosen: ChosenDataset,
    submission: Submission,
    masks: Path,
    out: Path,
    *,
    made: Mapping[str, str] | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> Packed:
    """Write the archive of masks on disk that a benchmark asks for.

    Args:
        chosen: the dataset, of a split that the submission takes.
        submission: one of its card's.
        masks: what `open_stored` takes.
        out: the .zip to write.
        made: sequence -> `masks_sha256` of the run that made the masks, to be held against them.
        replace: whether a file of that name may be replaced.
        progress: called with each sequence that is packed.

    Raises:
        UsageError: `out` is no .zip, or exists.
        DataError: masks are missing or do not fit; lists every fault, and nothing is written.
    """
    _refuse_place(out, masks, replace=replace)
    dataset, stored = chosen.open(), open_stored(masks)
    unfit = Unfit([], _others(dataset, stored))
    absent: dict[str, str] = {}
    written = 0
    with written_whole(out) as partial:
        with zipfile.ZipFile(partial, "w") as archive:
            archive.comment = _about(chosen, submission)
            for name in sorted(dataset.names):
                files = _packed(dataset, name, stored, submission, unfit, absent, (made or {}))
                for file, content in sorted(files.items()) if not unfit.faults else ():
                    archive.writestr(_entry(file), content)
                    written += 1
                if progress:
                    progress(name)
        if faults := [*_absent(absent, dataset, masks), *unfit.faults]:
            raise DataError(faults)
        _refuse_place(out, masks, replace=replace)
    return Packed(
        path=out,
        submission=submission,
        card=dataset.card,
        split=dataset.split,
        sequences=len(dataset.names),
        masks=written,
        notes=tuple(unfit.notes),
    )


def _refuse_place(out: Path, masks: Path, *, replace: bool) -> None:
    """UsageError where the archive may not be written."""
    if out.suffix.lower() != ".zip":
        raise UsageError(f"--out {out} is no name of an archive: write --out {out.name}.zip")
    if not out.parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.parent}; make it first")
    if out.is_dir():
        raise UsageError(f"--out {out} is a folder; name a file")
    if out.exists() and masks.exists() and out.samefile(masks):
        raise UsageError(f"--out {out} holds the masks themselves; name another file")
    if (out.exists() or out.is_symlink()) and not replace:
        raise UsageError(f"--out {out} exists; give --replace, or name another file")


def _others(dataset: Dataset, stored: StoredMasks) -> list[str]:
    """What is to be told of folders that are no sequence of the split."""
    others = [name for name in stored.sequences() if name not in set(dataset.names)]
    if not others:
        return []
    return [
        f"{stored.path} also holds {len(others)} folder{'s' * (len(others) > 1)} of no sequence of "
        f"{dataset.card.name} {dataset.split}, not packed: {_some(others)}"
    ]


def _packed(
    dataset: Dataset,
    name: str,
    stored: StoredMasks,
    submission: Submission,
    unfit: Unfit,
    absent: dict[str, str],
    made: Mapping[str, str],
) -> dict[str, bytes]:
    """The files of one sequence by their names in the archive; faults are added to `unfit`.

    absent: sequence -> why there is nothing of it; is added to.
    """
    files: dict[str, bytes] = {}
    wanted = _required(dataset, name, submission, unfit)
    if wanted is None:
        return files
    try:
        unfit.notes.extend(stored.strangers(name, wanted.names))
        for frame, masks in fitting(wanted, stored, submission, unfit, made=made.get(name, "")):
            for file, content in _contents(masks).items():
                files[_named(submission, name, frame, file)] = content
    except DataError as error:
        if name in stored.sequences():
            unfit.faults.extend(error.faults)
        else:
            absent[name] = str(error)
    return files


def _required(dataset: Dataset, name: str, submission: Submission, unfit: Unfit) -> Required | None:
    """What is asked for of a sequence; None where the dataset itself has a fault."""
    try:
        return required(dataset.sequence(name), submission)
    except DataError as error:
        unfit.faults.extend(error.faults)
        return None


def _contents(masks: Masks) -> dict[int | None, bytes]:
    """The PNG of a frame, or of each object."""
    if not isinstance(masks, Layers):
        return {None: encode_mask(masks)}
    pictures = (encode_mask(layer.view(np.uint8)) for layer in masks.stack)
    return dict(zip(masks.ids, pictures, strict=True))


def _named(submission: Submission, sequence: str, frame: str, number: int | None) -> str:
    """The name of a mask in an archive."""
    folders = [submission.top] if submission.top else []
    folders += [sequence] if number is None else [sequence, f"{number:03d}"]
    return "/".join([*folders, f"{frame}.png"])


def _files(wanted: Required, submission: Submission) -> dict[str, str]:
    """The names of the masks of a sequence in an archive -> their frames."""
    return {
        _named(submission, wanted.sequence, frame, number): frame
        for frame, numbers in wanted.frames.items()
        for number in (numbers if submission.form == "objects" else (None,))
    }


def _entry(file: str) -> zipfile.ZipInfo:
    """A member that is the same whenever it is written; PNGs are compressed already."""
    entry = zipfile.ZipInfo(file, _LONG_AGO)
    entry.create_system, entry.external_attr = 3, 0o644 << 16
    return entry


def _absent(absent: Mapping[str, str], dataset: Dataset, masks: Path) -> Iterator[str]:
    """What is to be said of sequences of which there is nothing, in one line."""
    if not absent:
        return
    if len(absent) == 1:
        yield from absent.values()
        return
    yield (
        f"{len(absent)} of {len(dataset.names)} sequences of {dataset.card.name} {dataset.split} "
        f"are missing in {masks}: {_some(absent)}; {next(iter(absent.values()))}"
    )


def _some(names: Collection[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:5]) + (", ..." if len(listed) > 5 else "")


def _about(chosen: ChosenDataset, submission: Submission) -> bytes:
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
    with _opened(path) as archive:
        comment = archive.comment
    try:
        about = json.loads(comment)["vosbench"]
        return {key: str(about[key]) for key in ("for", "dataset", "split", "resolution")}
    except (ValueError, KeyError, TypeError):
        return {}


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except FileNotFoundError:
        raise DataError(f"{path} is missing") from None
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as a zip archive: {error}; pack it anew") from error


def check_packed(
    path: Path,
    chosen: ChosenDataset,
    submission: Submission,
    *,
    progress: Progress | None = None,
) -> Packed:
    """Check an archive, by `pack` or any other tool, against what a benchmark asks for.

    Raises:
        DataError: it is missing, no zip archive or an unsafe one, or the dataset is not there.
    """
    dataset = chosen.open()
    with _opened(path) as archive:
        members = {member.filename for member in archive.infolist() if not member.is_dir()}
        unfit = Unfit([], [])
        wanted = {
            name: found
            for name in sorted(dataset.names)
            if (found := _required(dataset, name, submission, unfit)) is not None
        }
        files = {name: _files(each, submission) for name, each in wanted.items()}
        asked = {file for of in files.values() for file in of}
        if members & asked:
            stored = open_stored(path, top=submission.top)
            absent = [name for name in wanted if not members & files[name].keys()]
            faults = list(_missing_in(path, absent, dataset))
            for name, each in wanted.items():
                if name not in absent:
                    _check_sequence(archive, each, stored, submission, unfit)
                if progress:
                    progress(name)
            faults += [*unfit.faults, *_not_asked_for(path, members - asked)]
        else:
            faults = [*unfit.faults, _no_root(path, members, asked, submission)]
    return Packed(
        path=path,
        submission=submission,
        card=dataset.card,
        split=dataset.split,
        sequences=len(wanted),
        masks=len(asked),
        faults=tuple(faults),
        notes=tuple(unfit.notes),
    )


def _check_sequence(
    archive: zipfile.ZipFile,
    wanted: Required,
    stored: StoredMasks,
    submission: Submission,
    unfit: Unfit,
) -> None:
    """Look at every mask of a sequence; what is wrong is added to `unfit`."""
    try:
        for frame, masks in fitting(wanted, stored, submission, unfit):
            if not isinstance(masks, Layers):
                file = _named(submission, wanted.sequence, frame, None)
                with archive.open(file) as png:
                    kind = png.read(26)[-1]
                if kind != _PALETTE:
                    unfit.faults.append(
                        f"mask {stored.path}: {file} is grey, but a palette PNG is asked for; "
                        "vosbench pack writes it so"
                    )
    except DataError as error:
        unfit.faults.extend(error.faults)


def _missing_in(path: Path, absent: Collection[str], dataset: Dataset) -> Iterator[str]:
    if absent:
        yield (
            f"{path} has no masks of {len(absent)} of {len(dataset.names)} sequences: "
            f"{_some(absent)}"
        )


def _not_asked_for(path: Path, strange: Collection[str]) -> Iterator[str]:
    """What is to be said of files that nobody asked for: masks, and others."""
    masks = sorted(file for file in strange if file.lower().endswith(".png"))
    for files, what in ((masks, "masks"), (sorted({*strange} - {*masks}), "files")):
        if files:
            yield (
                f"{path} holds {what} that are not asked for, {len(files)} in number: "
                f"{_some(files)}; pack it anew without them"
            )


def _no_root(
    path: Path, members: Collection[str], asked: Collection[str], submission: Submission
) -> str:
    """What is to be said of an archive that has no mask in the place where it is asked for."""
    top = f"{submission.top}/" if submission.top else ""
    expected = f"in {top}" if top else "at the top"
    within = {file.removeprefix(top) for file in asked}
    for member in sorted(members):
        parts = member.split("/")
        for depth in range(len(parts)):
            if "/".join(parts[depth:]) in within:
                found = "/".join(parts[:depth])
                there = f"in {found}/" if found else "at the top"
                return (
                    f"{path}: the folders of the sequences lie {there}, expected {expected}; pack "
                    "it anew"
                )
    holds = f"holds {len(members)} files, such as {min(members)}" if members else "is empty"
    return f"{path} {holds}; expected {asked_for(submission)}, such as {min(asked, default='')}"
