"""Masks as they are stored -> the masks of a frame: folders, zip archives and JSON files.

A sequence is one label map a frame, `<sequence>/<frame>.png`, or one binary picture an object,
`<sequence>/<object>/<frame>.png`, as SA-V stores it: objects may overlap, 000 is one of them. An
archive is read without unpacking it; its one top folder, such as Annotations/, may be left out.
Run lengths in JSON are read by rle.py.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vosbench.errors import DataError, NoMasksError, nearest
from vosbench.files import in_words, irregular, member_parts, safe_members
from vosbench.masks import LabelMap, decode_mask, no_folder, read_bytes, sole_id, write_mask
from vosbench.rle import RunLengths
from vosbench.types import Layers, Masks

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

_OBJECT = re.compile(r"[0-9]{1,5}")  # the folder of an object: 0, 7, 000
_LITTER = ("Thumbs.db", "desktop.ini")  # of Windows
_LARGEST = 1 << 28  # bytes of a picture in an archive; 8192 x 8192 pixels take 64 MiB


class StoredMasks(Protocol):
    """The masks of many sequences in one place, read frame by frame when asked for."""

    @property
    def path(self) -> Path:
        """What the user named."""
        ...

    def sequences(self) -> tuple[str, ...]:
        """The names of all that may be sequences, in order; nothing is read for it."""
        ...

    def frames(self, sequence: str) -> Collection[str]:
        """The names of the frames that have masks, in order.

        Raises:
            NoMasksError: there is no such sequence, or nothing of it is a mask; says what is there.
            DataError: nobody can tell which of its files are the masks.
        """
        ...

    def objects(self, sequence: str) -> Mapping[int, Collection[str]]:
        """The objects that are stored by themselves -> their frames; {} for label maps.

        Raises:
            DataError: as `frames`.
        """
        ...

    def read(self, sequence: str, frame: str, numbers: Collection[int] = ()) -> Masks:
        """The masks of one frame: a label map, or Layers of the objects stored for it.

        Args:
            sequence: one of `sequences`.
            frame: one of `frames`.
            numbers: read only these objects, where each is stored by itself; all by default. One
                that the frame lacks is not among the ids of what comes back.

        Raises:
            DataError: it is missing or damaged, or is no mask; names the file.
        """
        ...

    def place(self, sequence: str, frame: str = "") -> str:
        """Where the masks of a frame are, or all, for messages: `x.zip: cat/00000.png`."""
        ...

    def strangers(self, sequence: str, frame_names: Sequence[str]) -> list[str]:
        """What lies with a sequence's masks and is not read, a line for each cause."""
        ...

    def stamp(self, sequence: str) -> str:
        """A hash that changes when a file of the sequence does; no file is read for it."""
        ...


def can_be_opened(path: Path) -> bool:
    """Whether a path is something that `open_stored` may open."""
    return path.is_dir() or (path.suffix.lower() in (".zip", ".json") and path.is_file())


def open_stored(
    path: Path, *, colours: bool = False, as_ids: bool = False, top: str | None = None
) -> StoredMasks:
    """Open a folder or a .zip of masks, or a .json of run lengths (rle.py says in which layout).

    Args:
        path: what to open.
        colours: read pictures in the colours of DAVIS masks, too.
        as_ids: take the values of pictures as ids, even where they look like a soft map.
        top: the folder in an archive in which the sequences lie, "" for none; None to look for it.

    Raises:
        DataError: it is none of them, or damaged, or an unsafe archive.
    """
    if path.is_dir():
        return _Pictures(_Folder(path), colours=colours, as_ids=as_ids)
    if can_be_opened(path):
        json = path.suffix.lower() == ".json"
        if json:
            return RunLengths(path)
        return _Pictures(_Zip(path, top), colours=colours, as_ids=as_ids)
    raise DataError(f"{no_folder(path)}; expected masks as {path}/<sequence>/<frame>.png")


def opened(path: Path | None) -> StoredMasks | None:
    """What lies at a path, where it is still there."""
    return open_stored(path) if path is not None and can_be_opened(path) else None


def write_masks(folder: Path, frame: str, masks: Masks) -> None:
    """Write the masks of a frame as SA-V's tools read them: folder/frame.png, a palette PNG.

    Of Layers each object goes to folder/<id, three digits>/frame.png as 0 and 1, an empty mask
    too; so give every object of the sequence in every frame.
    """
    if not isinstance(masks, Layers):
        write_mask(folder / f"{frame}.png", masks)
        return
    for number, layer in zip(masks.ids, masks.stack, strict=True):
        own = folder / f"{number:03d}"
        own.mkdir(exist_ok=True)
        write_mask(own / f"{frame}.png", layer.view(np.uint8))


class _Tree(Protocol):
    """Files in folders, by names relative to a path, with / between."""

    path: Path

    def entries(self, inside: str) -> Mapping[str, bool] | None:
        """What a folder holds, name -> whether it is a folder; None where there is no folder."""
        ...

    def where(self, name: str) -> str: ...

    def read(self, name: str) -> bytes: ...

    def fault(self, name: str) -> str:
        """Why something that is listed as a file cannot be read as one, or ""."""
        ...

    def stamp(self, name: str) -> str: ...

    def tops(self) -> tuple[str, ...]:
        """The folders in which sequences may lie, each with its / at the end, or ""."""
        ...


class _Folder:
    """A folder on disk."""

    def __init__(self, path: Path) -> None:
        self.path, self._where = path, str(path)  # for the many files that are only looked at

    def entries(self, inside: str) -> Mapping[str, bool] | None:
        try:
            with os.scandir(self.path / inside) as found:
                return {each.name: _is_folder(each) for each in found}
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise DataError(f"{self.path / inside} cannot be read: {error.strerror}") from error

    def where(self, name: str) -> str:
        return str(self.path / name)

    def read(self, name: str) -> bytes:
        return read_bytes(self.path / name)

    def fault(self, name: str) -> str:
        return irregular(self.path / name)

    def stamp(self, name: str) -> str:
        try:
            found = os.stat(f"{self._where}/{name}")  # noqa: PTH116, ten times as fast
        except OSError:  # a link that leads nowhere
            return ""
        return f"{found.st_size} {found.st_mtime_ns}"

    def tops(self) -> tuple[str, ...]:
        return ("",)


class _Zip:
    """A zip archive, whose directory is read once; it is opened anew in another process."""

    def __init__(self, path: Path, top: str | None = None) -> None:
        self.path, self._top = path, top
        self._open: tuple[int, ZipFile] | None = None
        self._members: dict[str, ZipInfo] = {}
        self._folders: dict[str, dict[str, bool]] = {"": {}}
        for member in safe_members(self._archive(), path):
            name = "/".join(member_parts(member))
            if name in self._members:
                raise DataError(f"{path} holds {name} twice; pack the masks again")
            if not member.is_dir():
                self._members[name] = member
            self._add(name, folder=member.is_dir())

    def _add(self, name: str, *, folder: bool) -> None:
        above, _, last = name.rpartition("/")
        if above not in self._folders:
            self._add(above, folder=True)
        self._folders[above][last] = folder or self._folders[above].get(last, False)
        if folder:
            self._folders.setdefault(name, {})

    def __reduce__(self) -> tuple[type[_Zip], tuple[Path, str | None]]:
        return _Zip, (self.path, self._top)

    def _archive(self) -> ZipFile:
        import zipfile

        if self._open is None or self._open[0] != os.getpid():
            try:
                self._open = os.getpid(), zipfile.ZipFile(self.path)
            except zipfile.BadZipFile as error:
                raise DataError(f"{self.path} is damaged: {error}; pack the masks again") from error
        return self._open[1]

    def entries(self, inside: str) -> Mapping[str, bool] | None:
        return self._folders.get(inside)

    def where(self, name: str) -> str:
        return f"{self.path}: {name}"

    def read(self, name: str) -> bytes:
        import lzma
        import zipfile
        import zlib

        member = self._members[name]
        if member.file_size > _LARGEST:
            raise DataError(
                f"mask {self.where(name)} unpacks to {member.file_size} bytes, more than any mask "
                "needs; pack the masks again"
            )
        try:
            return self._archive().read(member)
        except (
            zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError,
        ) as error:  # fmt: skip
            raise DataError(f"mask {self.where(name)} is damaged: {error}") from error

    def fault(self, name: str) -> str:
        return ""

    def stamp(self, name: str) -> str:
        return f"{self._members[name].file_size} {self._members[name].CRC:08x}"

    def tops(self) -> tuple[str, ...]:
        """First those in which sequences seem to lie: not a folder that seems to be a sequence."""
        if self._top is not None:
            return (f"{self._top}/" if self._top else "",)
        top = self._folders[""]
        if len(top) != 1 or not all(top.values()):
            return ("",)
        (only,) = top
        inner = self._folders[only]
        is_sequence = bool(_pngs(inner)) or all(_OBJECT.fullmatch(name) for name in inner)
        return ("", f"{only}/") if is_sequence else (f"{only}/", "")


@dataclass(frozen=True)
class _Listing:
    """The files of one sequence, by their names in the tree.

    maps: frame -> its label map. layers: id -> frame -> the mask of this object.
    """

    inside: str
    entries: Mapping[str, bool]
    maps: Mapping[str, str]
    layers: Mapping[int, Mapping[str, str]]

    @functools.cached_property
    def frames(self) -> dict[str, None]:
        """The frames that have a mask, in order."""
        of_objects = {frame for files in self.layers.values() for frame in files}
        return dict.fromkeys(self.maps or sorted(of_objects))

    def files(self) -> Iterator[str]:
        """Every file that is read for it."""
        for files in (self.maps, *self.layers.values()):
            yield from files.values()


class _Pictures:
    """The masks of a tree of .png files, in any case."""

    def __init__(self, tree: _Tree, *, colours: bool, as_ids: bool) -> None:
        self.tree, self.colours, self.as_ids = tree, colours, as_ids
        self.path = tree.path
        self._last: _Listing | None = None  # frames are asked for sequence by sequence

    def sequences(self) -> tuple[str, ...]:
        held = self.tree.entries(self.tree.tops()[0].rstrip("/")) or {}
        return tuple(sorted(name for name, folder in held.items() if folder and name[0] != "."))

    def frames(self, sequence: str) -> Collection[str]:
        return self._listing(sequence).frames.keys()

    def objects(self, sequence: str) -> Mapping[int, Collection[str]]:
        return self._listing(sequence).layers

    def read(self, sequence: str, frame: str, numbers: Collection[int] = ()) -> Masks:
        listing = self._listing(sequence)
        if frame not in listing.frames:
            raise DataError(f"mask {self.place(sequence, frame)} is missing")
        if frame in listing.maps:
            return self._decoded(listing.maps[frame])
        stored = {n: files[frame] for n, files in listing.layers.items() if frame in files}
        wanted = {n: file for n, file in stored.items() if not numbers or n in numbers}
        if not wanted:  # their size is that of the others
            shape = self._layer(next(iter(stored.values()))).shape
            return Layers((), np.zeros((0, *shape), np.bool_))
        layers = [self._layer(file) for file in wanted.values()]
        first = next(iter(wanted.values()))
        for layer, file in zip(layers, wanted.values(), strict=True):
            if layer.shape != layers[0].shape:
                raise DataError(
                    f"mask {self.tree.where(file)} is {layer.shape[0]}x{layer.shape[1]} but "
                    f"{self.tree.where(first)} is {layers[0].shape[0]}x{layers[0].shape[1]}; they "
                    "belong to one frame"
                )
        return Layers(wanted, np.stack(layers) != 0)

    def place(self, sequence: str, frame: str = "") -> str:
        listing = self._listing(sequence)
        if not frame:
            return self.tree.where(listing.inside)
        if listing.layers:
            return self.tree.where(f"{listing.inside}/<object>/{frame}.png")
        return self.tree.where(listing.maps.get(frame, f"{listing.inside}/{frame}.png"))

    def strangers(self, sequence: str, frame_names: Sequence[str]) -> list[str]:
        listing, known = self._listing(sequence), set(frame_names)
        where = self.tree.where(listing.inside)
        lines = []
        if strange := [frame for frame in listing.frames if frame not in known]:
            some = ", ".join(f"{frame}.png" for frame in strange[:3])
            many = f"{len(strange)} masks belong" if len(strange) > 1 else "1 mask belongs"
            lines.append(
                f"{where}: {many} to no frame: {some}{', ...' if len(strange) > 3 else ''}; "
                f"frames are named {frame_names[0]} to {frame_names[-1]}"
            )
        files = set(listing.files())
        lines += self._not_read(listing.inside, listing.entries, files)
        for name in _numbered(listing.entries).values() if listing.layers else ():
            folder = f"{listing.inside}/{name}"
            lines += self._not_read(folder, self.tree.entries(folder) or {}, files)
        faults = [fault for file in listing.files() if (fault := self.tree.fault(file))]
        return [*lines, *faults]

    def stamp(self, sequence: str) -> str:
        stamp = self.tree.stamp
        lines = [f"{file}\0{stamp(file)}\n" for file in self._listing(sequence).files()]
        return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()

    def _not_read(
        self, folder: str, entries: Mapping[str, bool], read: Collection[str]
    ) -> list[str]:
        """What is in a folder beside the files that are read and the folders of objects."""
        beside = {
            name: is_folder
            for name, is_folder in entries.items()
            if name not in _LITTER
            and f"{folder}/{name}" not in read
            and not any(file.startswith(f"{folder}/{name}/") for file in read)
        }
        words = in_words(beside)
        return [f"{self.tree.where(folder)} also holds {words}: not read"] if words else []

    def _decoded(self, file: str) -> LabelMap:
        where = self.tree.where(file)
        data = self.tree.read(file)
        return decode_mask(data, where, colours=self.colours, as_ids=self.as_ids)

    def _layer(self, file: str) -> LabelMap:
        mask = self._decoded(file)
        if not sole_id(mask) and mask.any():
            raise DataError(
                f"mask {self.tree.where(file)} has the values {np.unique(mask)[:5].tolist()}, "
                "expected those of one object: 0 and 1, or 0 and 255"
            )
        return mask

    def _listing(self, sequence: str) -> _Listing:
        """The files of a sequence; DataError where there are none."""
        if self._last is not None and self._last.inside.rpartition("/")[2] == sequence:
            return self._last
        for top in self.tree.tops():
            entries = self.tree.entries(top + sequence)
            if entries is not None:
                self._last = self._listed(top + sequence, entries)
                return self._last
        raise NoMasksError(self._missing(sequence))

    def _listed(self, inside: str, entries: Mapping[str, bool]) -> _Listing:
        maps = {stem: f"{inside}/{name}" for stem, name in _pngs(entries).items()}
        layers: dict[int, dict[str, str]] = {}
        try:
            numbered = _numbered(entries)
        except DataError as error:
            raise DataError(f"{self.tree.where(inside)}: {error}; keep one of them") from error
        for number, name in numbered.items():
            files = _pngs(self.tree.entries(f"{inside}/{name}") or {})
            layers[number] = {stem: f"{inside}/{name}/{file}" for stem, file in files.items()}
        where = self.tree.where(inside)
        if maps and any(layers.values()):
            raise DataError(
                f"{where} holds both label maps, such as {next(iter(maps))}.png, and folders of "
                f"objects, such as {next(iter(numbered.values()))}/; keep one of the two"
            )
        if not maps and not any(layers.values()):
            there = in_words(entries)
            held = f"holds no .png at all, only {there}" if there else "is empty"
            raise NoMasksError(f"{where} {held}; masks must be lossless PNG")
        return _Listing(inside, entries, maps, {} if maps else layers)

    def _missing(self, sequence: str) -> str:
        """What is to be said of a sequence that is not there: where it may be, what is there."""
        top = self.tree.tops()[0]
        held = self.tree.entries(top.rstrip("/")) or {}
        where = self.tree.where(f"{top}{sequence}")
        said = f"{where} is missing: expected a folder of masks for {sequence}"
        for name in sorted(held):
            if held[name] and (self.tree.entries(f"{top}{name}") or {}).get(sequence):
                return f"{said}; did you mean {self.tree.where(f'{top}{name}')}?"
        if _pngs(held) and (self.path.parent / sequence).is_dir():  # one sequence was given
            return f"{said}; did you mean {self.path.parent}?"
        if near := nearest(sequence, self.sequences()).rstrip():
            return f"{said}; {near}"
        there = in_words(held)
        flat = f": put the masks of {sequence} into {where}/" if _pngs(held) else ""
        whole = self.tree.where(top.rstrip("/")) if top else self.path
        return f"{said}; {whole} {f'holds {there}' if there else 'is empty'}{flat}"


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder that is not named like a picture; a link may lead in a circle."""
    try:
        return entry.is_dir() and entry.name[-4:].lower() != ".png"
    except OSError:
        return False


def _pngs(entries: Mapping[str, bool]) -> dict[str, str]:
    """Stem -> the .png among the names in a folder, in any case, in order; hidden ones are none."""
    found = [
        name
        for name, folder in entries.items()
        if not folder and name[-4:].lower() == ".png" and name[0] != "."
    ]
    found.sort(key=lambda name: (name[:-4], name[-4:] == ".png"))  # .png wins over .PNG
    return {name[:-4]: name for name in found}


def _numbered(entries: Mapping[str, bool]) -> dict[int, str]:
    """Object -> its folder among the names in a folder, ascending; 000 is one of them.

    Raises:
        DataError: two are of one object.
    """
    found: dict[int, str] = {}
    for name in sorted(entries):
        if entries[name] and _OBJECT.fullmatch(name):
            if (number := int(name)) in found:
                raise DataError(f"{found[number]}/ and {name}/ are both of object {number}")
            found[number] = name
    return dict(sorted(found.items()))
