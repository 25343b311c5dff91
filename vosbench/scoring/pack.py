"""Masks -> the zip archive that is handed in to a benchmark.

It is written whole or not at all, and of the same masks it has the same bytes.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vosbench.errors import DataError, UsageError
from vosbench.files import written_whole
from vosbench.masks import encode_mask
from vosbench.scoring.archive import Packed, comment, member
from vosbench.scoring.required import Unfit, fitting, required_of, some
from vosbench.stored import open_stored
from vosbench.types import Layers

if TYPE_CHECKING:
    from vosbench.resolve import ChosenDataset
    from vosbench.stored import StoredMasks
    from vosbench.types import Dataset, Masks, Submission

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first time that a zip archive can hold


def pack(
    chosen: ChosenDataset,
    submission: Submission,
    masks: Path,
    out: Path,
    *,
    made: Mapping[str, str] | None = None,
    replace: bool = False,
    progress: Callable[[str], None] | None = None,
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
    unfit = Unfit([], _others(dataset, stored), {})
    written = 0
    with written_whole(out) as partial:
        with zipfile.ZipFile(partial, "w") as archive:
            archive.comment = comment(chosen, submission)
            for name in sorted(dataset.names):
                files = _packed(dataset, name, stored, submission, unfit, made or {})
                for file, content in sorted(files.items()) if not unfit.faults else ():
                    archive.writestr(_entry(file), content)
                    written += 1
                if progress:
                    progress(name)
        if faults := [*_absent(unfit.absent, dataset, masks), *unfit.faults]:
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
        f"{dataset.card.name} {dataset.split}, not packed: {some(others)}"
    ]


def _packed(
    dataset: Dataset,
    name: str,
    stored: StoredMasks,
    submission: Submission,
    unfit: Unfit,
    made: Mapping[str, str],
) -> dict[str, bytes]:
    """The files of one sequence by their names in the archive; faults are added to `unfit`."""
    files: dict[str, bytes] = {}
    wanted = required_of(dataset, name, submission, unfit)
    if wanted is None:
        return files
    try:
        unfit.notes.extend(stored.strangers(name, wanted.names))
        for frame, masks in fitting(wanted, stored, submission, unfit, made=made.get(name, "")):
            for file, content in _contents(masks).items():
                files[member(submission, name, frame, file)] = content
    except DataError as error:
        if name in stored.sequences():
            unfit.faults.extend(error.faults)
        else:
            unfit.absent[name] = str(error)
    return files


def _contents(masks: Masks) -> dict[int | None, bytes]:
    """The PNG of a frame, or of each object."""
    if not isinstance(masks, Layers):
        return {None: encode_mask(masks)}
    pictures = (encode_mask(layer.view(np.uint8)) for layer in masks.stack)
    return dict(zip(masks.ids, pictures, strict=True))


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
        f"are missing in {masks}: {some(absent)}; {next(iter(absent.values()))}"
    )
