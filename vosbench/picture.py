"""Scored runs -> one PNG: prompt, truth and every run's masks on a few frames, with their J."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence as Seq
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vosbench.errors import UsageError
from vosbench.files import write_bytes
from vosbench.masks import palette, read_mask
from vosbench.resolve import open_dataset
from vosbench.results import Result
from vosbench.types import Frame, Mask, Sequence

if TYPE_CHECKING:
    from PIL import Image


TILE_WIDTH = 320  # pixels
HEAD = 22  # pixels of caption above a tile


def draw(results: Seq[Result], path: Path, *, sequences: tuple[str, ...] = ()) -> None:
    """Draw one row per sequence: first frame with its prompt, then truth and runs late in it.

    sequences: which ones; by default those with the highest, the median and the lowest J over all
        runs, so that nothing is picked by hand.

    Raises:
        UsageError: no result is a run of this tool, or runs of different data are mixed.
    """
    from PIL import Image

    if path.suffix.lower() != ".png":
        raise UsageError(f"a picture is written as .png, got {path}")
    path.parent.mkdir(parents=True, exist_ok=True)
    manifests = [r.manifest["identity"] for r in results if r.manifest]
    if not manifests or len(manifests) < len(results):
        raise UsageError("a picture needs runs of `vosbench run`, which know their dataset")
    data = {(m["dataset"], m["split"], m["resolution"]) for m in manifests}
    if len(data) > 1:
        found = ", ".join(sorted(" ".join(filter(None, each)) for each in data))
        raise UsageError(f"a picture needs runs of one dataset, got {found}; name those of one")
    (name, split, resolution) = data.pop()
    root = results[0].manifest["root"] if results[0].manifest else None
    dataset = open_dataset(
        name, root=Path(root) if root else None, split=split, resolution=resolution
    )
    rows = [
        _row(dataset.sequence(sequence), results)
        for sequence in sequences or _best_median_worst(results)
    ]
    width, height = max(row.width for row in rows), sum(row.height for row in rows)
    sheet = Image.new("RGB", (width, height), "white")
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    content = io.BytesIO()
    sheet.save(content, format="PNG", optimize=True)
    write_bytes(path, content.getvalue())


def overlay(frame: Frame, mask: Mask) -> Frame:
    """The frame with every object tinted in its palette colour and outlined in white.

    Shapes: frame (h, w, 3), mask (h, w) -> (h, w, 3).
    """
    colours = np.array(palette(), np.float32).reshape(256, 3)
    inside = mask > 0
    picture = frame.astype(np.float32)
    picture[inside] = 0.45 * picture[inside] + 0.55 * colours[mask[inside]]
    edge = np.zeros_like(inside)
    edge[:, 1:] |= mask[:, 1:] != mask[:, :-1]
    edge[1:] |= mask[1:] != mask[:-1]
    picture[edge] = 255
    return picture.astype(np.uint8)


def _row(sequence: Sequence, results: Seq[Result]) -> Image.Image:
    """Prompt at its frame; truth and each run three quarters into the annotated frames."""
    from PIL import Image

    first = min(sequence.prompts)
    annotated = [index for index in sequence.truth if index > first]
    if not annotated:
        raise UsageError(f"{sequence.name} has no truth after its prompt; nothing to draw")
    index = annotated[3 * len(annotated) // 4]
    frame, stem = sequence.frames[index], sequence.frame_names[index]
    tiles = [
        _tile(sequence.frames[first], sequence.prompts[first], f"{sequence.name}: prompt"),
        _tile(frame, sequence.truth[index], f"truth, frame {stem}"),
    ]
    for result in results:
        if result.masks is None:
            raise UsageError(f"{result.name} has no masks to draw")
        mask = read_mask(result.masks / sequence.name / f"{stem}.png")
        score = _score(result, sequence.name, stem)
        label = result.name if score is None else f"{result.name}: J {100 * score:.0f}"
        tiles.append(_tile(frame, mask, label))
    row = Image.new("RGB", (sum(t.width + 4 for t in tiles), tiles[0].height), "white")
    left = 0
    for tile in tiles:
        row.paste(tile, (left, 0))
        left += tile.width + 4
    return row


def _tile(frame: Frame, mask: Mask, label: str) -> Image.Image:
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.fromarray(overlay(frame, mask))
    size = (TILE_WIDTH, round(TILE_WIDTH * picture.height / picture.width))
    tile = Image.new("RGB", (size[0], size[1] + HEAD), "white")
    tile.paste(picture.resize(size, Image.Resampling.LANCZOS), (0, HEAD))
    ImageDraw.Draw(tile).text((2, 3), label, fill="black", font=ImageFont.load_default(14))
    return tile


def _score(result: Result, sequence: str, frame: str) -> float | None:
    """Mean J over the objects of one frame, None where it was not scored."""
    values = [
        float(row["J"])
        for row in _scores(result)
        if (row["sequence"], row["frame"]) == (sequence, frame)
    ]
    return sum(values) / len(values) if values else None


def _scores(result: Result) -> list[dict[str, Any]]:
    if result.folder is None:
        return []
    with (result.folder / "scores.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _best_median_worst(results: Seq[Result]) -> list[str]:
    totals: dict[str, npt.NDArray[np.float64]] = {}
    for number, result in enumerate(results):
        for row in result.summary["sequences"]:
            scores = totals.setdefault(row["sequence"], np.full(len(results), np.nan))
            scores[number] = row["J"]["mean"]
    shared = {name: float(s.mean()) for name, s in totals.items() if not np.isnan(s).any()}
    if not shared:
        raise UsageError("the runs share no scored sequence; nothing to draw")
    ranked = sorted(shared, key=lambda name: -shared[name])
    return list(dict.fromkeys([ranked[0], ranked[len(ranked) // 2], ranked[-1]]))
