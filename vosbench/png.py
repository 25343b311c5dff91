"""Decode the plain PNGs of masks, several times faster than Pillow; None for any other PNG.

Plain are grey and palette images of 1 to 8 bits, not interlaced, whose
rows are all unfiltered (as DAVIS and Pillow write palettes) or all filtered by Sub (as OpenCV
writes grey). For every other picture, or in any doubt, the answer is None: let Pillow read it.
Chunks and filters: PNG specification, third edition, sections 5 and 9.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
from zlib_ng import zlib_ng

if TYPE_CHECKING:
    from vosbench.types import Mask

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PIXELS = 1 << 26  # 8192 x 8192; what claims to be larger is left to Pillow and its limits
GREY, PALETTE = 0, 3
PLAIN = {(depth, colour) for depth in (1, 2, 4, 8) for colour in (GREY, PALETTE)}
HARMLESS = {b"tIME", b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"bKGD", b"sBIT", b"tEXt"}


def decode(data: bytes) -> Mask | None:
    """Decode a plain PNG to its grey values or palette indices, (h, w) uint8, writable.

    Raises:
        ValueError: a PNG, plain or not, is cut short or a checksum of it is wrong.
    """
    if not data.startswith(SIGNATURE):
        return None
    header, names, pixels, end = _chunks(data)
    if header is None or end != len(data):
        return None
    w, h, depth, colour, compression, filtering, interlace = header
    known = HARMLESS | ({b"PLTE"} if colour == PALETTE else set())
    if (
        (depth, colour) not in PLAIN
        or (compression, filtering, interlace) != (0, 0, 0)
        or not 0 < w * h <= MAX_PIXELS
        or not names <= known
        or (colour == PALETTE and b"PLTE" not in names)
    ):
        return None
    rows = _inflate(pixels, h, (w * depth + 7) // 8)
    return None if rows is None else _unpack(rows, w, depth)


def is_scaled_by_pillow(data: bytes) -> bool:
    """Whether a PNG is grey with 2 or 4 bits, whose values Pillow stretches to 0-255."""
    return data.startswith(SIGNATURE) and data[24:26] in (bytes((2, GREY)), bytes((4, GREY)))


def _chunks(data: bytes) -> tuple[tuple[int, ...] | None, set[bytes], bytes, int]:
    """Walk the chunks: header fields, names before the pixels, the deflated pixels, the end.

    The header is None unless IHDR comes first, then any others, then one run of IDAT, then IEND.
    """
    header: tuple[int, ...] | None = None
    names: set[bytes] = set()
    parts: list[bytes] = []
    position, previous, in_order = len(SIGNATURE), b"", True
    while previous != b"IEND":
        if position + 12 > len(data):
            raise ValueError("the file ends before its last chunk")
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            raise ValueError(f"the file ends within its chunk {name!r}")
        if zlib_ng.crc32(data[position + 4 : end]) != int.from_bytes(data[end : end + 4]):
            raise ValueError(f"the checksum of its chunk {name!r} is wrong")
        if name == b"IHDR" and not previous and length == 13:
            header = struct.unpack_from(">IIBBBBB", data, position + 8)
        elif name == b"IDAT":
            in_order &= not parts or previous == b"IDAT"
            parts.append(data[position + 8 : end])
        elif name != b"IEND":
            in_order &= not parts
            names.add(name)
        position, previous = end + 4, name
    return header if in_order else None, names, b"".join(parts), position


def _inflate(pixels: bytes, h: int, width: int) -> Mask | None:
    """Inflate to h rows of `width` bytes and undo their filter; never more than expected."""
    size = h * (1 + width)
    stream = zlib_ng.decompressobj()
    try:
        raw = stream.decompress(pixels, max_length=size + 1)
    except zlib_ng.error as error:  # type: ignore[misc]  # its stub calls the class an instance
        raise ValueError(f"its pixels cannot be inflated: {error}") from error
    if len(raw) != size or not stream.eof or stream.unused_data:
        return None
    rows = np.frombuffer(raw, dtype=np.uint8).reshape(h, 1 + width)
    filters, rows = rows[:, 0], rows[:, 1:]
    if not filters.any():
        return rows.copy()
    if not (filters == 1).all():
        return None
    return _undo_sub(rows)


def _undo_sub(rows: Mask) -> Mask:
    """Sum differences to the left neighbour up; only within the box where there are any.

    By doubling steps, each a sum over the whole box: twice as fast as cumsum's byte by byte.
    """
    values = np.zeros(rows.shape, dtype=np.uint8)
    busy = np.flatnonzero(rows.any(axis=1))
    if busy.size:
        y = slice(busy[0], busy[-1] + 1)
        busy = np.flatnonzero(rows[y].any(axis=0))
        left, right = busy[0], busy[-1] + 1
        box = values[y, left:right]
        box[:] = rows[y, left:right]
        step = 1
        while step < right - left:
            box[:, step:] += box[:, :-step]
            step *= 2
        values[y, right:] = box[:, -1:]
    return values


def _unpack(rows: Mask, w: int, depth: int) -> Mask:
    """Spread packed values, the first in the highest bits, to one byte each."""
    if depth == 8:
        return rows
    if depth == 1:
        return np.unpackbits(rows, axis=1, count=w)
    shifts = np.arange(8 - depth, -1, -depth, dtype=np.uint8)
    values = (rows[:, :, None] >> shifts) & ((1 << depth) - 1)  # (h, bytes, values per byte)
    return np.ascontiguousarray(values.reshape(len(rows), -1)[:, :w])
