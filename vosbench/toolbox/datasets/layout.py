"""What all layouts on disk share: roots, splits and lists, frames paired with their masks.

A plugin in datasets/ subclasses ListedDataset and writes `audit`, which builds one sequence as
far as it can be built and lists everything that is wrong with it: `sequence` raises these faults,
`data check` collects them.
"""

from __future__ import annotations

import codecs
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from vosbench.errors import DataError, UsageError, did_you_mean
from vosbench.files import contents, irregular
from vosbench.masks import VOID, LabelMap, MaskFiles, read_foreground, read_mask
from vosbench.types import LONGEST, Audited, DatasetCard, Mask, Masks, Sequence, check_name
from vosbench.videos import IMAGES, natural_key


@dataclass(kw_only=True)
class ListedDataset(ABC):
    """A dataset whose names come from lists or folders.

    notes: remarks that `data check` shows.
    objects: official number of objects per sequence, where known.
    """

    card: DatasetCard
    split: str
    names: tuple[str, ...]
    root: Path
    notes: tuple[str, ...] = ()
    objects: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.names)  # lists may be long

    @abstractmethod
    def audit(self, name: str) -> Audited:
        """Build one sequence of `names` as far as possible and list its faults."""

    def sequence(self, name: str) -> Sequence:
        """Build one sequence.

        Raises:
            UsageError: there is no such sequence in this split.
            DataError: with every fault of its layout.
        """
        if name not in self._known:
            raise UsageError(
                f"unknown sequence {name!r} in {self.card.name} {self.split}; "
                f"{did_you_mean(name, self.names)}"
            )
        sequence, faults = self.audit(name)
        if faults or sequence is None:
            raise DataError(_misnamed(name) or faults)
        return sequence


def choose_split(card: DatasetCard, split: str) -> str:
    """The split, or the card's default for ""; UsageError names the known ones."""
    split = split or card.default_split
    if split not in card.splits:
        raise UsageError(
            f"unknown split {split!r} of {card.name}; {did_you_mean(split, card.splits)}"
        )
    return split


def choose_resolution(card: DatasetCard, resolution: str) -> str:
    """The resolution, or the card's first for ""; UsageError names the known ones."""
    if not resolution:
        return card.resolutions[0] if card.resolutions else ""
    if not card.resolutions:
        raise UsageError(f"{card.name} has only one resolution; remove {resolution!r}")
    if resolution not in card.resolutions:
        raise UsageError(
            f"unknown resolution {resolution!r} of {card.name}; "
            f"{did_you_mean(resolution, card.resolutions)}"
        )
    return resolution


def find_root(card: DatasetCard, root: Path | None, needs: Collection[str]) -> Path:
    """The dataset's folder, checked for the folders it needs.

    Raises:
        UsageError: no root was given.
        DataError: it lacks a folder; names the folder near it that has them all.
    """
    if root is None:
        raise UsageError(f"where is {card.name}? give the folder that holds {_folders(needs)}")
    missing = [need for need in needs if not (root / need).is_dir()]
    if not missing and root.is_dir():
        return root
    if not root.is_dir():
        raise DataError(
            f"{root} is not a folder; {card.name} expects one that holds "
            f"{_folders(needs) or 'its files'} (see {card.url})"
        )
    children = sorted(path for path in root.iterdir() if path.is_dir())
    near = [p for p in (*children, *root.parents[:2]) if all((p / n).is_dir() for n in needs)]
    hint = f"did you mean {near[0]}?" if near else f"see {card.url}"
    pictures = (root / "JPEGImages").glob("*/*") if (root / "Annotations").is_dir() else ()
    own = any(path.suffix.lower() in IMAGES for path in pictures)
    raise DataError(
        f"{root} does not hold {_folders(missing)}; {card.name} expects {_folders(needs)} there; "
        f"{hint}{'; --dataset folder takes it as it is' if own else ''}"
    )


def _folders(names: Collection[str]) -> str:
    return ", ".join(f"{name}/" for name in names)


def read_lines(path: Path, expected: str) -> tuple[str, ...]:
    """Read the lines of a list, without empty ones; DataError if missing or empty.

    It is UTF-8, or UTF-16 where a byte-order mark says so; other bytes become the sign �.
    """
    try:
        content = path.read_bytes()
        marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        lines = content.decode("utf-16" if marked else "utf-8-sig", errors="replace").splitlines()
    except FileNotFoundError:
        raise DataError(f"{path} is missing: expected {expected}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}; expected {expected}") from error
    stripped = tuple(line.strip() for line in lines if line.strip())
    if not stripped:
        raise DataError(f"{path} is empty: expected {expected}")
    return stripped


def read_names(path: Path, expected: str) -> tuple[str, ...]:
    """Read a list of names, one per line; DataError if missing, empty or with a name twice.

    A line that is no name, such as a path, is a DataError too. One that is too long, or not
    UTF-8, costs its own sequence alone, under a name that says so; see `ListedDataset.sequence`.
    """
    lines = (_cut(line) for line in read_lines(path, expected))
    names = tuple(check_name(line, "sequence", path) for line in lines)
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise DataError(f"{path} lists {', '.join(twice)} more than once")
    return names


_CUT = "…"  # ends a name that was longer


def _cut(name: str) -> str:
    return name if len(name.encode()) <= LONGEST else f"{name[:40]}{_CUT}"


def _misnamed(name: str) -> str:
    """Why a listed name cannot be that of a sequence, or ""."""
    if "\ufffd" in name:
        return f"sequence {name}: the list does not name it in UTF-8; save the list as UTF-8"
    if name.endswith(_CUT):
        return f"sequence {name}: the list has a longer name than {LONGEST} bytes; rename it"
    return ""


def by_stem(folder: Path, faults: list[str], suffixes: tuple[str, ...] = IMAGES) -> dict[str, Path]:
    """Stem -> file, in natural order; a missing or empty folder or a stem twice is a fault."""
    try:
        with os.scandir(folder) as entries:
            named = {entry.name: entry for entry in entries if _named_so(entry.name, suffixes)}
    except (FileNotFoundError, NotADirectoryError):
        faults.append(f"{folder} is missing: expected a folder of {', '.join(suffixes)} files")
        return {}
    found: dict[str, Path] = {}
    strange: list[str] = []
    for name in _in_order(named):
        path, stem = folder / name, name.rpartition(".")[0]
        if not _is_file(named[name]):
            strange += [fault] if (fault := irregular(path)) else []
        elif stem in found:
            faults.append(f"{path} has the same stem as {found[stem].name}; remove one")
        else:
            try:
                found[check_name(stem, "frame", folder)] = path
            except DataError as error:
                strange += error.faults
    faults += strange
    if not found and not strange:
        there = contents(folder)
        what = f"holds {there}; expected" if there else "is empty: expected"
        lossless = "; masks must be lossless PNG" if there and suffixes == (".png",) else ""
        faults.append(f"{folder} {what} {', '.join(suffixes)} files{lossless}")
    return found


def _in_order(names: Collection[str]) -> list[str]:
    """The names of files in natural order; numbers of one length are in it as text is."""
    stems = {name.partition(".")[0] for name in names}
    plain = len({len(stem) for stem in stems}) == 1 and "".join(stems).isdecimal()
    return sorted(names, key=None if plain else natural_key)


def _named_so(name: str, suffixes: tuple[str, ...]) -> bool:
    return not name.startswith(".") and name.lower().endswith(suffixes)


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a file, or a link to one; asks the disk for links only."""
    try:
        return entry.is_file()
    except OSError:  # a link that leads to itself
        return False


def mask_size(path: Path) -> tuple[int, int]:
    """(h, w) of a mask file, from its header if it is a PNG; DataError if it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(24)
    except OSError:
        head = b""
    if head[:8] == b"\x89PNG\r\n\x1a\n" and head[12:16] == b"IHDR" and len(head) == 24:
        return int.from_bytes(head[20:]), int.from_bytes(head[16:20])
    return shape(read_mask(path))


def without_frames(masks: Mapping[str, Path], frames: Collection[str], where: str) -> list[str]:
    """The fault, in one line, if masks (stem -> file) belong to no frame."""
    strange = [path for stem, path in masks.items() if stem not in frames]
    if not strange:
        return []
    stems = list(frames)
    named = f"frames are named {stems[0]} to {stems[-1]}" if stems else "there are no frames"
    if len(strange) == 1:
        return [f"annotation {strange[0]} has no frame ({where}); {named}"]
    some = f"{len(strange)} annotations, {strange[0]} to {strange[-1].name}"
    return [f"{some}, have no frame ({where}); {named}"]


def size_fault(
    mask_file: object, mask: tuple[int, int], frame_file: object, frame: tuple[int, int], where: str
) -> list[str]:
    """The fault, if a mask's size (h, w) differs from its frame's."""
    if mask == frame:
        return []
    return [
        f"annotation {mask_file} is {mask[0]}x{mask[1]} but its frame {frame_file} is "
        f"{frame[0]}x{frame[1]} ({where}); bring both to one size"
    ]


def shape(mask: Masks) -> tuple[int, int]:
    """(h, w) of a mask."""
    return int(mask.shape[0]), int(mask.shape[1])


def without_void(mask: LabelMap) -> LabelMap:
    """255, the void label of DAVIS, becomes background."""
    if mask.max(initial=0) < VOID:
        return mask
    cleared = mask.copy()
    cleared[mask == VOID] = 0
    return cleared


class MappedFiles(MaskFiles):
    """Mask files whose ids are changed when read."""

    def __init__(self, paths: Mapping[int, Path], change: Callable[[LabelMap], LabelMap]) -> None:
        super().__init__(paths)
        self.change = change

    def __getitem__(self, index: int) -> LabelMap:
        return self.change(self.raw(index))

    def raw(self, index: int) -> LabelMap:
        """The mask as it is stored, with its void pixels."""
        return super().__getitem__(index)


class Foreground(Mapping[int, Mask]):
    """Frame index -> mask, put together from one soft picture (> 127) per object.

    Args:
        paths: frame index -> one file per object.
        numbers: the objects' ids, in the files' order; where two overlap, the later one wins.
    """

    def __init__(self, paths: Mapping[int, tuple[Path, ...]], numbers: tuple[int, ...]) -> None:
        self.paths = dict(sorted(paths.items()))
        self.numbers = numbers

    def __getitem__(self, index: int) -> Mask:
        files = self.paths[index]
        mask = read_foreground(files[0]) * np.uint8(self.numbers[0])
        for number, file in zip(self.numbers[1:], files[1:], strict=True):
            layer = read_foreground(file)
            if layer.shape != mask.shape:
                raise DataError(
                    f"annotation {file} is {layer.shape[0]}x{layer.shape[1]} but {files[0]} is "
                    f"{mask.shape[0]}x{mask.shape[1]}; they belong to one frame"
                )
            mask[layer > 0] = number
        return mask

    def __contains__(self, index: object) -> bool:
        return index in self.paths  # Mapping's own would read the files

    def __iter__(self) -> Iterator[int]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)
