"""The folder that `segment` writes: masks, films, boxes, run lengths, and what made them.

masks/<frame>.png   palette PNGs of ids; masks/<id>/<frame>.png where objects overlap
masks.json          the same as COCO's run lengths, in the layout of YouTube-VIS
boxes.csv           x, y, w, h and area of each object in each frame, in pixels
overlay.mp4, .gif   the masks over the clip
segment.json        method, options, prompt, version, seconds
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vosbench.errors import UsageError
from vosbench.files import (
    contents,
    read_json,
    refuse_foreign,
    remove,
    replace,
    write_json,
    written_whole,
)
from vosbench.filming import video
from vosbench.filming.sheet import Within, fitting, scaled, scaled_mask
from vosbench.filming.show import FULL_HD, ON_A_PAGE
from vosbench.masks import ids, painted, pixels
from vosbench.rle import as_youtube_vis
from vosbench.stored import StoredMasks, open_stored, write_masks
from vosbench.toolbox.reports import stills
from vosbench.types import Layers

if TYPE_CHECKING:
    from vosbench.types import Frame, Sequence

MASKS, RECORD, BOXES, RUN_LENGTHS = "masks", "segment.json", "boxes.csv", "masks.json"
FILMS = ("overlay.mp4", "overlay.gif")
HEADER = ("frame", "object", "x", "y", "w", "h", "area")
OnFrame = Callable[[int, int], None]  # frames done, frames in all
_SHAPE = {"frame_names": [str], "objects": [int], "overlap": bool}


def check_place(folder: Path, *, replace: bool) -> None:
    """Refuse a folder that holds anything, unless all of it is ours and `replace` is said.

    Raises:
        UsageError: it may not be written. DataError: its segment.json is damaged.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"--out {folder} is a file or a link; name a folder")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not (folder / RECORD).is_file():
        raise UsageError(
            f"--out {folder} holds {contents(folder) or 'hidden files'} and no {RECORD}, so it is "
            "not replaced; name another folder"
        )
    if not replace:
        raise UsageError(f"--out {folder} exists; give --replace, or name another folder")
    refuse_foreign(folder, _own(folder), what="what `vosbench segment` wrote")


def _own(folder: Path) -> set[str]:
    """What a folder of ours holds; see files.listing."""
    again = "move it away, or name another --out"
    record = read_json(folder / RECORD, _SHAPE, what="a record of `segment`", remedy=again)
    groups = [f"{number:03d}/" for number in record["objects"]] if record["overlap"] else [""]
    within = {f"{MASKS}/{group}{name}.png" for group in groups for name in record["frame_names"]}
    within |= {f"{MASKS}/{group}".rstrip("/") for group in groups}
    return {RECORD, BOXES, RUN_LENGTHS, *FILMS, MASKS, *within}


class Found(Mapping[str, Layers]):
    """Frame -> all objects of the clip as layers; each access reads the masks of the folder."""

    def __init__(self, folder: Path, sequence: Sequence, numbers: tuple[int, ...]) -> None:
        self.stored, self.sequence, self.numbers = open_stored(folder), sequence, numbers

    def __getitem__(self, frame: str) -> Layers:
        masks = self.stored.read(MASKS, frame)
        layers = np.stack([pixels(masks, number) for number in self.numbers])
        return Layers(self.numbers, layers)

    def __iter__(self) -> Iterator[str]:
        return iter(self.sequence.frame_names)

    def __len__(self) -> int:
        return len(self.sequence.frame_names)


def keep_masks(made: Path, folder: Path, sequence: Sequence) -> bool:
    """Bring the masks of a run into the folder: label maps, or layers if objects overlap.

    made: the run's masks/, in which those of the sequence lie in either form.

    Returns:
        Whether objects overlap anywhere.
    """
    own, kept, stored = made / sequence.name, folder / MASKS, open_stored(made)
    if stored.objects(sequence.name) and not _flattened(stored, kept, sequence):
        remove(kept, inside=folder)
        replace(own, kept, inside=folder)
        return True
    if not kept.is_dir():
        replace(own, kept, inside=folder)
    return False


def _flattened(stored: StoredMasks, kept: Path, sequence: Sequence) -> bool:
    """Write layers as label maps; False as soon as two objects share a pixel."""
    kept.mkdir()
    for name in sequence.frame_names:
        masks = stored.read(sequence.name, name)
        if isinstance(masks, Layers):
            if (masks.stack.sum(axis=0) > 1).any():
                return False
            masks = painted(masks, {number: number for number in ids(masks)})
        write_masks(kept, name, masks)
    return True


def write_found(folder: Path, found: Found, rate: Fraction, on_frame: OnFrame) -> None:
    """Write the films, boxes and run lengths of the masks in the folder."""
    sequence, total = found.sequence, len(found)
    with ExitStack() as held:
        films = [
            (held.enter_context(video.opened(folder / name, fps=rate, total=total)), within)
            for name, within in zip(FILMS, (FULL_HD, ON_A_PAGE), strict=True)
        ]
        partial = held.enter_context(written_whole(folder / BOXES))
        rows = csv.writer(held.enter_context(partial.open("w", encoding="utf-8", newline="")))
        rows.writerow(HEADER)
        frames = zip(sequence.frames, found.items(), strict=True)
        for index, (frame, (name, layers)) in enumerate(frames):
            for film, within in films:
                if film.takes(index):
                    film.add(_laid(frame, layers, sequence, within))
            rows.writerows(boxes_in(name, layers))
            on_frame(index + 1, total)
    write_json(folder / RUN_LENGTHS, as_youtube_vis([(sequence.name, found.items())]))


def _laid(frame: Frame, layers: Layers, sequence: Sequence, within: Within) -> Frame:
    """The masks over the frame, at the frame's size or as large as may be."""
    h, w = frame.shape[:2]
    scale = min(1.0, fitting(h, w, within))
    h, w = max(1, round(h * scale)), max(1, round(w * scale))
    mask = stills.drawn(layers, sequence)
    return stills.overlay(scaled(frame, h, w), scaled_mask(mask, h, w))


def boxes_in(frame: str, layers: Layers) -> Iterator[tuple[Any, ...]]:
    """A row of HEADER for each object; one that is not visible has area 0 and no box.

    >>> stack = np.array([[[0, 1, 1], [0, 1, 0]], [[0, 0, 0], [0, 0, 0]]], bool)
    >>> list(boxes_in("00000", Layers((1, 2), stack)))
    [('00000', 1, 1, 0, 2, 2, 3), ('00000', 2, '', '', '', '', 0)]
    """
    for number, layer in zip(layers.ids, layers.stack, strict=True):
        rows, columns = np.flatnonzero(layer.any(axis=1)), np.flatnonzero(layer.any(axis=0))
        if not len(rows):
            yield (frame, number, "", "", "", "", 0)
            continue
        left, top = int(columns[0]), int(rows[0])
        w, h = int(columns[-1]) - left + 1, int(rows[-1]) - top + 1
        yield (frame, number, left, top, w, h, int(np.count_nonzero(layer)))
