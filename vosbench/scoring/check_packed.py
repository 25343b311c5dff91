"""A zip archive of masks -> what is wrong with it, held against what a benchmark asks for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vosbench.errors import DataError
from vosbench.scoring.archive import Packed, asked_for, member, members, open_archive
from vosbench.scoring.required import Required, Unfit, fitting, required_of, some
from vosbench.stored import open_stored
from vosbench.types import Layers

if TYPE_CHECKING:
    import zipfile

    from vosbench.resolve import ChosenDataset
    from vosbench.stored import StoredMasks
    from vosbench.types import Dataset, Submission

_PALETTE = 3  # the kind of colour in the 26th byte of a PNG


def check_packed(
    path: Path,
    chosen: ChosenDataset,
    submission: Submission,
    *,
    progress: Callable[[str], None] | None = None,
) -> Packed:
    """Check an archive, by `pack` or any other tool, against what a benchmark asks for.

    Raises:
        DataError: it is missing, no zip archive or an unsafe one, or the dataset is not there.
    """
    dataset = chosen.open()
    with open_archive(path) as archive:
        there = {each.filename for each in archive.infolist() if not each.is_dir()}
        unfit = Unfit([], [], {})
        wanted = {
            name: found
            for name in sorted(dataset.names)
            if (found := required_of(dataset, name, submission, unfit)) is not None
        }
        files = {name: members(each, submission) for name, each in wanted.items()}
        asked = {file for of in files.values() for file in of}
        if there & asked:
            stored = open_stored(path, top=submission.top)
            absent = [name for name in wanted if not there & files[name].keys()]
            faults = list(_missing_in(path, absent, dataset))
            for name, each in wanted.items():
                if name not in absent:
                    _check_sequence(archive, each, stored, submission, unfit)
                if progress:
                    progress(name)
            faults += [*unfit.faults, *_not_asked_for(path, there - asked)]
        else:
            faults = [*unfit.faults, _no_root(path, there, asked, submission)]
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
                file = member(submission, wanted.sequence, frame, None)
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
            f"{some(absent)}"
        )


def _not_asked_for(path: Path, strange: Collection[str]) -> Iterator[str]:
    """What is to be said of files that nobody asked for: masks, and others."""
    masks = sorted(file for file in strange if file.lower().endswith(".png"))
    for files, what in ((masks, "masks"), (sorted({*strange} - {*masks}), "files")):
        if files:
            yield (
                f"{path} holds {what} that are not asked for, {len(files)} in number: "
                f"{some(files)}; pack it anew without them"
            )


def _no_root(
    path: Path, there: Collection[str], asked: Collection[str], submission: Submission
) -> str:
    """What is to be said of an archive that has no mask in the place where it is asked for."""
    top = f"{submission.top}/" if submission.top else ""
    expected = f"in {top}" if top else "at the top"
    within = {each.removeprefix(top) for each in asked}
    for file in sorted(there):
        parts = file.split("/")
        for depth in range(len(parts)):
            if "/".join(parts[depth:]) in within:
                found = "/".join(parts[:depth])
                place = f"in {found}/" if found else "at the top"
                return (
                    f"{path}: the folders of the sequences lie {place}, expected {expected}; pack "
                    "it anew"
                )
    holds = f"holds {len(there)} files, such as {min(there)}" if there else "is empty"
    return f"{path} {holds}; expected {asked_for(submission)}, such as {min(asked, default='')}"
