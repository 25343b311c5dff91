"""Write frames as JPEG, once each, and masks as run lengths, one script per sequence.

A page opened from disk may neither fetch files nor read the pixels of pictures, but it may load
scripts. So masks come as text that the viewer decodes, and whatever it shows of them (fills,
outlines, errors) it draws itself.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vosbench.errors import DataError
from vosbench.masks import VOID, in_ids, resize_mask
from vosbench.toolbox.reports import stills
from vosbench.toolbox.reports.page import Page, Place, Section, ShownRun
from vosbench.types import Frame, Mask, Sequence

if TYPE_CHECKING:
    from PIL import Image


THUMB = 240  # pixels wide
QUALITY = 74  # of JPEG: 480x270 pixels of DAVIS take about 30 kB


@dataclass(frozen=True)
class Thumb:
    """A small picture of one run, or of the truth, and what it opens."""

    picture: str
    name: str
    place: Place
    J: float | None


@dataclass(frozen=True)
class Card:
    """A sequence in the gallery; without data it has no file and no pictures."""

    name: str
    file: str
    thumbs: tuple[Thumb, ...]
    size: tuple[int, int] = (0, 0)


def write(section: Section, out: Path, page: Page) -> tuple[Card, ...]:
    """Write every sequence of a section and give what the gallery shows of each."""
    cards = []
    for name in section.sequences:
        if section.open is None:
            cards.append(Card(name, "", ()))
        else:
            cards.append(_film(section, section.open(name), out, page.width))
        if page.progress:
            page.progress(name)
    return tuple(cards)


def _film(section: Section, sequence: Sequence, out: Path, width: int) -> Card:
    """Write frames, masks and thumbs of one sequence."""
    stem = _file_name(sequence.name)
    late = _late(section, sequence)
    folder = f"frames/{section.source}/{stem}"
    still = sequence.frames[late]
    w = min(still.shape[1], width)
    h = max(1, round(still.shape[0] * w / still.shape[1]))
    if not (out / folder).is_dir():  # else another section of the same source wrote them
        (out / folder).mkdir(parents=True)
        for index, frame in enumerate(sequence.frames):
            _reduced(frame, w, h).save(out / folder / f"{index:05d}.jpg", quality=QUALITY)
    fit = partial(_fit, h=h, w=w, united=section.united)
    film = {
        "size": [w, h],
        "folder": folder,
        "frames": list(sequence.frame_names),
        "truth": [encode(fit(m)) if m is not None else None for m in _truths(sequence)],
        "runs": [
            [encode(fit(m)) if m is not None else None for m in _masks(run, sequence)]
            for run in section.runs
        ],
        "scores": [_scores(run, sequence) for run in section.runs],
    }
    file = f"data/{section.name}/{stem}.js"
    (out / file).parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(film, separators=(",", ":"))
    (out / file).write_text(f'vosbench.films["{file}"] = {text};\n', encoding="utf-8")
    thumbs = _thumbs(section, sequence, late, out, f"thumbs/{section.name}/{stem}")
    return Card(sequence.name, file, thumbs, (THUMB, max(1, round(h * THUMB / w))))


def _thumbs(
    section: Section, sequence: Sequence, late: int, out: Path, stem: str
) -> tuple[Thumb, ...]:
    """One small picture of the truth and of each run that has masks, all of one frame."""
    (out / stem).parent.mkdir(parents=True, exist_ok=True)
    frame, name = sequence.frames[late], sequence.frame_names[late]
    layers: list[tuple[str, Mask | None, float | None]] = [("", _truth(sequence, late), None)]
    for run in section.runs:
        mask = _mask(run, sequence, name)
        layers.append((run.name, mask, _mean_j(run, sequence.name, name)))
    made = []
    for number, (run_name, mask, score) in enumerate(layers):
        if mask is not None:
            picture = f"{stem}-{number}.jpg"
            fitted = _fit(mask, *mask.shape, united=section.united)
            _thumb(frame, fitted).save(out / picture, quality=82)
            place = Place(sequence.name, name, run_name)
            made.append(Thumb(picture, run_name or "truth", place, score))
    return tuple(made)


def _file_name(name: str) -> str:
    """A sequence's name where it is fit for a file and an address, else what is left of it."""
    fit = re.sub(r"[^A-Za-z0-9-]+", "_", name)[:60]
    return fit if fit == name else f"{fit}-{zlib.crc32(name.encode()):08x}"


def _late(section: Section, sequence: Sequence) -> int:
    """A frame late in those that were scored."""
    objects = section.runs[0].scores.get(sequence.name, {}).values()
    scored = {frame for scores in objects for frame in scores.J}
    places = list(range(len(sequence.frame_names)))
    return stills.late([at for at in places if sequence.frame_names[at] in scored] or places)


def _truths(sequence: Sequence) -> Iterator[Mask | None]:
    """The truth of every frame, None where there is none."""
    return (_truth(sequence, index) for index in range(len(sequence.frame_names)))


def _truth(sequence: Sequence, index: int) -> Mask | None:
    if index not in sequence.truth:
        return None
    return stills.drawn(sequence.truth[index], sequence)


def _masks(run: ShownRun, sequence: Sequence) -> Iterator[Mask | None]:
    """A run's mask of every frame, None where there is none."""
    return (_mask(run, sequence, name) for name in sequence.frame_names)


def _mask(run: ShownRun, sequence: Sequence, frame: str) -> Mask | None:
    try:
        if run.masks is None or frame not in run.masks.frames(sequence.name):
            return None
        masks = in_ids(run.masks.read(sequence.name, frame), sequence.truth)
    except DataError:  # there is nothing of this sequence, or it was damaged since it was scored
        return None
    return stills.drawn(masks, sequence)


def _fit(mask: Mask, h: int, w: int, *, united: bool) -> Mask:
    """At the viewer's size; all ids are one where the protocol has it so, else void is none."""
    mask = resize_mask(mask, h=h, w=w)
    if united:
        return (mask > 0).astype(np.uint8)
    return np.where(mask == VOID, 0, mask).astype(np.uint8)


def encode(mask: Mask) -> str:
    """Run lengths row by row, as base64 of varints, low bits first.

    The first is the count of ids, `n` = highest + 1; then `length * n + id` of every run.

    >>> encode(np.array([[0, 0, 1], [1, 1, 0]], np.uint8))
    'AgQHAg=='
    """
    flat = mask.ravel().astype(np.int64)
    count = flat.max() + 1
    starts = np.flatnonzero(np.diff(flat, prepend=-1))
    lengths = np.diff(starts, append=flat.size)
    codes = np.append(count, lengths * count + flat[starts])[:, None] >> (7 * np.arange(6))
    used = codes > 0  # (runs, bytes)
    more = np.zeros_like(used)
    more[:, :-1] = used[:, 1:]
    return base64.b64encode(((codes & 127) | (more << 7))[used].astype(np.uint8).tobytes()).decode()


def _scores(run: ShownRun, sequence: Sequence) -> dict[int, dict[str, list[float | None]]]:
    """Object -> J and F by frame, null where it was not scored."""
    return {
        number: {
            "J": [_rounded(scores.J.get(name)) for name in sequence.frame_names],
            "F": [_rounded(scores.F.get(name)) for name in sequence.frame_names],
        }
        for number, scores in run.scores.get(sequence.name, {}).items()
    }


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 6)


def _mean_j(run: ShownRun, sequence: str, frame: str) -> float | None:
    """Mean over the objects scored in one frame."""
    objects = run.scores.get(sequence, {}).values()
    values = [scores.J[frame] for scores in objects if frame in scores.J]
    return sum(values) / len(values) if values else None


def _reduced(frame: Frame, w: int, h: int) -> Image.Image:
    from PIL import Image

    picture = Image.fromarray(frame)
    return picture if picture.size == (w, h) else picture.resize((w, h), Image.Resampling.BOX)


def _thumb(frame: Frame, mask: Mask) -> Image.Image:
    """The frame, small, with its objects as the viewer shows them."""
    h, w = max(1, round(frame.shape[0] * THUMB / frame.shape[1])), THUMB
    small = np.array(_reduced(frame, w, h))
    return _reduced(stills.overlay(small, resize_mask(mask, h=h, w=w)), w, h)
