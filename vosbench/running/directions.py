"""Both directions of a video from its prompts: a pass over the frames each, joined on disk.

An object has the masks of the forward pass from its prompt on, and before it those of the backward
pass, in which later objects come first. Either pass is a sequence like any other to what runs it.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vosbench.files import remove
from vosbench.masks import FLATTENING, MasksDigest, ids, joined
from vosbench.running import workers
from vosbench.stored import StoredMasks, open_stored, write_masks
from vosbench.types import Masks, Sequence
from vosbench.videos import Reordered

# runs a method over a sequence into a folder: the record, and what it was told; see sequence.py
Run = Callable[..., tuple[dict[str, Any], dict[str, Any]]]
Done = Callable[[str, int, int], None]  # sequence, frames done, frames in all


def _orders(sequence: Sequence) -> tuple[range, range]:
    """The indices of the frames of each direction: from the first prompt on, from the last back."""
    prompted = sorted(sequence.prompts)
    return range(prompted[0], len(sequence.frame_names)), range(prompted[-1], -1, -1)


def both_ways(
    sequence: Sequence, partial: Path, run: Run, *, on_frame: Done | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run a method forward and backward, and leave the masks of all frames in a folder.

    Both directions lie in folders beside `partial` until they are joined, so that memory does not
    grow with the video.

    Returns:
        The record of the sequence, and what the method was told in place of masks.
    """
    if not sequence.prompts:
        return run(sequence, partial, on_frame=on_frame)  # it says that there is none
    orders = _orders(sequence)
    stem = partial.name.rpartition("-")[0]
    ways = [partial.with_name(f"{stem}-{uuid.uuid4().hex[:8]}") for _ in orders]
    records: list[dict[str, Any]] = []
    told: dict[str, Any] = {}
    try:
        for order, way in zip(orders, ways, strict=True):
            way.mkdir()
            tell = _tells(on_frame, len(sequence.frame_names), orders, len(records))
            record, told = run(_along(sequence, order), way, on_frame=tell, told=told)
            records.append(record)
        workers.end_after(None)  # what is left is ours
        sha256, overlaps = _join(sequence, orders, ways, partial)
    finally:
        for way in ways:
            remove(way, inside=partial.parent)
    return _record(sequence, orders, records, sha256, overlaps), told


def _tells(on_frame: Done | None, total: int, orders: tuple[range, range], which: int) -> Done:
    """What tells of a frame of one pass, as if the masks of both were those of the video."""
    before, whole = sum(map(len, orders[:which])), sum(map(len, orders))

    def tell(name: str, done: int, of: int) -> None:
        if on_frame:
            on_frame(name, (before + done) * total // whole, total)

    return tell


def _along(sequence: Sequence, order: range) -> Sequence:
    """A sequence in the order of a pass."""
    return dataclasses.replace(
        sequence,
        frames=Reordered(sequence.frames, order),
        frame_names=tuple(sequence.frame_names[index] for index in order),
        prompts={order.index(index): masks for index, masks in sequence.prompts.items()},
        truth={},
        whole=False,
    )


def _join(
    sequence: Sequence, orders: tuple[range, range], ways: list[Path], partial: Path
) -> tuple[str, int]:
    """Write the masks of each frame; their digest, and on how many frames two objects met."""
    begin = {
        number: index
        for index, masks in sorted(sequence.prompts.items(), reverse=True)
        for number in ids(masks)
    }
    forward, backward = (_Way(way) for way in ways)
    digest, overlaps = MasksDigest(), 0
    for index, name in enumerate(sequence.frame_names):
        if index not in orders[0]:
            masks = backward.read(name)
        elif index >= orders[1][0]:
            masks = forward.read(name)
        else:
            begun = {number for number, since in begin.items() if since <= index}
            masks, met = joined(forward.read(name), backward.read(name), begun)
            overlaps += met
        write_masks(partial, name, masks)
        digest.add(masks)
    return digest.sha256, overlaps


class _Way:
    """The masks of one direction on disk."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self._stored: StoredMasks = open_stored(folder.parent)

    def read(self, frame: str) -> Masks:
        return self._stored.read(self.name, frame)


def _record(
    sequence: Sequence,
    orders: tuple[range, range],
    records: list[dict[str, Any]],
    sha256: str,
    overlaps: int,
) -> dict[str, Any]:
    """The record of both directions: seconds by frame, and what either said."""
    seconds = [0.0] * len(sequence.frame_names)
    for order, record in zip(orders, records, strict=True):
        for index, each in zip(order, record["seconds"], strict=True):
            seconds[index] += each
    remarks = [text for record in records for text in record["remarks"]]
    if overlaps:
        remarks.append(f"objects of the two directions meet on {overlaps} frames: {FLATTENING}")
    return {
        **records[0],
        "frames": len(seconds),
        "frame_names": list(sequence.frame_names),
        "flattened": records[0]["flattened"] or records[1]["flattened"],
        "masks_sha256": sha256,
        "seconds": seconds,
        "cold": sorted({index for order in orders for index in order[:2]}),
        "peak_memory_bytes": max(record["peak_memory_bytes"] for record in records),
        "remarks": list(dict.fromkeys(remarks)),
    }
