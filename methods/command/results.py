"""What a program left in its folder of results -> the masks of each frame.

Where the masks are is found by looking: in {out}, in {out}/video, or in the one folder below that
holds PNGs; else in the one .zip or .json. The number at the end of a file's name is its frame's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from vosbench.errors import DataError
from vosbench.masks import ids
from vosbench.stored import StoredMasks, open_stored
from vosbench.toolbox.methods.foreign_masks import fitted
from vosbench.types import Masks

from .layout import VIDEO

_DEPTH = 5  # of folders that are looked into; programs add a name or two of their own
_NUMBER = re.compile(r"\d+$")
_OBJECT = re.compile(r"\d{1,5}")


class Results:
    """The masks of the video, frame by frame.

    Raises:
        DataError: there are none, or it is not clear which are meant, or some are missing.
    """

    def __init__(
        self, out: Path, named: str, *, length: int, since: Mapping[int, int], size: tuple[int, ...]
    ) -> None:
        """Look for them.

        Args:
            out: the folder of results.
            named: where in it the user says that the masks are, or "".
            length: how many frames the program was given.
            since: object -> the frame of its prompt.
            size: (h, w).
        """
        self.out, self.since, self.size = out, since, size
        self.stored, self.sequence = _found(out, named)
        self.names = self._names(self.stored.frames(self.sequence), length)
        missing = [frame for frame in range(1, length) if frame not in self.names]
        if missing:
            raise DataError(
                f"the program left no mask for {_some(missing)} of {length} frames in "
                f"{self.stored.place(self.sequence)}; it must write one for each"
            )
        self._check_objects(length)

    def masks(self, frame: int) -> Masks | None:
        """The masks of a frame; None where that of the first prompt was not written again."""
        if frame not in self.names:
            return None
        name = self.names[frame]
        masks = self.stored.read(self.sequence, name)
        where = f"mask {self.stored.place(self.sequence, name)}"
        return fitted(masks, where, self.size, sorted(self.since))

    def _names(self, present: Collection[str], length: int) -> dict[int, str]:
        """Frame -> the name of its masks; the frames may be counted from 1."""
        names: dict[int, str] = {}
        for name in present:
            number = _NUMBER.search(name)
            frame = int(number[0]) if number else -1
            if frame in names:
                raise DataError(
                    f"{self.stored.place(self.sequence)} holds masks {names[frame]} and {name}, "
                    f"both of frame {frame}; expected one a frame"
                )
            names[frame] = name
        if names.keys() == set(range(1, length + 1)):
            names = {frame - 1: name for frame, name in names.items()}
        if strange := sorted(names[frame] for frame in names.keys() - set(range(length))):
            raise DataError(
                f"{self.stored.place(self.sequence)} holds {_some(strange)} of no frame; the "
                f"{length} frames are numbered from 0 or from 1"
            )
        return names

    def _check_objects(self, length: int) -> None:
        """DataError where an object that is stored by itself lacks frames after its prompt."""
        objects = self.stored.objects(self.sequence)
        for number, start in self.since.items() if objects else ():
            there = objects.get(number, ())
            lacking = [f for f in range(start + 1, length) if self.names[f] not in there]
            if lacking:
                raise DataError(
                    f"the program left no mask of object {number} for {_some(lacking)} of {length} "
                    f"frames in {self.stored.place(self.sequence)}; it must write one for each"
                )


def starts(prompts: Mapping[int, Masks]) -> dict[int, int]:
    """Object -> the frame where it is first prompted."""
    since: dict[int, int] = {}
    for index in sorted(prompts):
        for number in ids(prompts[index]):
            since.setdefault(number, index)
    return since


class _Place(NamedTuple):
    stored: StoredMasks
    sequence: str


def _found(out: Path, named: str) -> _Place:
    if not out.is_dir():
        raise DataError(f"the program removed {out}; it must leave its masks there")
    if named:
        path = out / named
        if not path.exists():
            raise DataError(f"results={named}: {path} is not there; {_held(out)}")
        return _opened(path)
    places = [path for path in _folders(out) if _holds_masks(path)]
    of_video = [path for path in places if path.name == VIDEO]
    archives = [path for end in ("zip", "json") for path in sorted(out.rglob(f"*.{end}"))]
    for found in (places, of_video, [] if places else archives):
        if len(found) == 1:
            return _opened(found[0])
    if several := of_video or places or archives:
        some = ", ".join(str(path.relative_to(out)) for path in sorted(several)[:4])
        raise DataError(f"masks may be in {some} of {out}; say where with --set results=")
    raise DataError(
        f"the program wrote no masks into {out}, which {_held(out)}; expected .png files"
    )


def _opened(path: Path) -> _Place:
    if path.is_dir():
        return _Place(open_stored(path.parent), path.name)
    stored = open_stored(path)
    names = stored.sequences()
    name = VIDEO if VIDEO in names or len(names) != 1 else names[0]
    return _Place(stored, name)


def _folders(out: Path) -> Iterator[Path]:
    """The folder and those in it, but no folders of single objects, whose names are numbers."""
    todo = [(out, 0)]
    while todo:
        folder, depth = todo.pop()
        yield folder
        inside = sorted(path for path in folder.iterdir() if path.is_dir())
        below = [(path, depth + 1) for path in inside if not _OBJECT.fullmatch(path.name)]
        todo += below if depth < _DEPTH else []


def _holds_masks(folder: Path) -> bool:
    """Whether PNGs lie in a folder, or in folders in it whose names are numbers."""
    for path in folder.iterdir():
        if path.suffix.lower() == ".png":
            return True
        if _OBJECT.fullmatch(path.name) and path.is_dir() and any(path.glob("*.[pP][nN][gG]")):
            return True
    return False


def _held(folder: Path) -> str:
    """`holds 6 .jpg files`: what a program left instead."""
    kinds = Counter(path.suffix or path.name for path in folder.rglob("*") if path.is_file())
    words = [f"{count} {kind} file{'s' * (count > 1)}" for kind, count in kinds.most_common(3)]
    return f"holds {' and '.join(words)}" if words else "is empty"


def _some(items: Collection[object]) -> str:
    """The first three of many, and how many there are."""
    listed = [f"{item:05d}" if isinstance(item, int) else str(item) for item in items]
    more = f", ... ({len(listed)} in all)" if len(listed) > 3 else ""
    return ", ".join(listed[:3]) + more
