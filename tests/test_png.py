"""The fast reader equals Pillow on every intact PNG, and says what is wrong with a damaged one."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vosbench import png

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def make(
    *, w: int, h: int, depth: int, colour: int, filters: list[int], seed: int = 0,
    extra: tuple[bytes, ...] = (), interlace: int = 0, pieces: int = 1, entries: int = 256,
) -> bytes:  # fmt: skip
    """Any PNG: its bytes are random, its rows carry the given filter types."""
    width = (w * depth * CHANNELS[colour] + 7) // 8
    rows = np.random.default_rng(seed).integers(0, 256, (h, 1 + width), dtype=np.uint8)
    rows[:, 0] = filters
    body = zlib.compress(rows.tobytes())
    cut = max(1, -(-len(body) // pieces))
    data = png.SIGNATURE + chunk(
        b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, interlace)
    )
    if colour == png.PALETTE:
        data += chunk(b"PLTE", bytes(3 * min(entries, 1 << depth)))
    data += b"".join(chunk(name, b"") for name in extra)
    data += b"".join(chunk(b"IDAT", body[i : i + cut]) for i in range(0, len(body), cut))
    return data + chunk(b"IEND", b"")


def by_pillow(data: bytes) -> np.ndarray:
    """The values as stored: Pillow stretches grey of 2 and 4 bits by 85 and 17."""
    stretch = {(2, 0): 85, (4, 0): 17}.get((data[24], data[25]), 1)
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image).astype(np.uint8) // stretch


@st.composite
def pngs(draw: st.DrawFn) -> bytes:
    h = draw(st.integers(1, 9))
    depth, colour = draw(st.sampled_from([*sorted(png.PLAIN), (8, 2), (8, 4), (16, 0), (8, 6)]))
    alike = st.integers(0, 4).map(lambda kind: [kind] * h)
    mixed = st.lists(st.integers(0, 4), min_size=h, max_size=h)
    return make(
        w=draw(st.integers(1, 40)),
        h=h,
        depth=depth,
        colour=colour,
        filters=draw(alike | mixed),
        seed=draw(st.integers(0, 1000)),
        extra=draw(st.sampled_from([(), (b"teXt",), (b"prVt",)])),
        pieces=draw(st.integers(1, 3)),
        entries=draw(st.integers(1, 256)),
    )


@settings(max_examples=400)
@given(pngs())
def test_what_is_decoded_equals_pillow(data):
    mask = png.decode(data)
    if mask is not None:
        assert mask.dtype == np.uint8
        assert mask.flags.writeable
        np.testing.assert_array_equal(mask, by_pillow(data))


@pytest.mark.parametrize(("depth", "colour"), sorted(png.PLAIN))
@pytest.mark.parametrize("kind", [0, 1])
def test_plain_pictures_take_the_fast_path(depth, colour, kind):
    data = make(w=21, h=4, depth=depth, colour=colour, filters=[kind] * 4)
    np.testing.assert_array_equal(png.decode(data), by_pillow(data))


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_what_pillow_writes_equals(mode):
    picture = Image.fromarray(np.tri(30, 50, 9, dtype=np.uint8) * 255).convert(mode)
    stream = io.BytesIO()
    picture.save(stream, format="PNG", optimize=True)
    mask = png.decode(stream.getvalue())
    if mode == "P":  # the other rows Pillow filters each in its own way
        assert mask is not None
    if mask is not None:
        np.testing.assert_array_equal(mask, by_pillow(stream.getvalue()))


PLAIN = make(w=9, h=3, depth=8, colour=3, filters=[0] * 3)


@pytest.mark.parametrize(
    "data",
    [
        make(w=9, h=3, depth=8, colour=3, filters=[0] * 3, extra=(b"tRNS",)),
        make(w=9, h=3, depth=8, colour=3, filters=[0] * 3, extra=(b"acTL",)),
        make(w=9, h=3, depth=8, colour=0, filters=[0] * 3, extra=(b"PLTE",)),
        make(w=9, h=3, depth=8, colour=0, filters=[0, 1, 2]),
        make(w=9, h=3, depth=8, colour=0, filters=[2] * 3),
        make(w=1, h=1, depth=8, colour=0, filters=[0], interlace=1),
        make(w=9, h=3, depth=8, colour=2, filters=[0] * 3),
        PLAIN + b"more",
        b"GIF89a",
        b"",
    ],
    ids=["tRNS", "animated", "grey with palette", "mixed filters", "up", "interlaced", "colour",
         "trailing", "no PNG", "empty"],
)  # fmt: skip
def test_any_doubt_is_left_to_pillow(data):
    assert png.decode(data) is None


def test_a_picture_that_claims_to_be_huge_is_not_inflated():
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1 << 30, 1 << 30, 8, 0, 0, 0, 0))
    data = png.SIGNATURE + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    assert png.decode(data) is None


def test_a_bomb_is_inflated_no_further_than_the_picture_needs():
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0))
    bomb = zlib.compress(bytes(1 << 24))
    data = png.SIGNATURE + header + chunk(b"IDAT", bomb) + chunk(b"IEND", b"")
    assert png.decode(data) is None


def test_a_picture_cut_short_anywhere_is_damaged():
    for kept in range(len(png.SIGNATURE), len(PLAIN)):
        with pytest.raises(ValueError, match="the file ends"):
            png.decode(PLAIN[:kept])


@pytest.mark.parametrize("position", [20, 60, -20, -6])
def test_a_flipped_bit_is_damage(position):
    data = bytearray(PLAIN)
    data[position] ^= 16
    with pytest.raises(ValueError, match=r"checksum of its chunk .* is wrong"):
        png.decode(bytes(data))


def test_pixels_that_cannot_be_inflated_are_damage():
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0))
    data = png.SIGNATURE + header + chunk(b"IDAT", b"\x00" * 9) + chunk(b"IEND", b"")
    with pytest.raises(ValueError, match="cannot be inflated"):
        png.decode(data)
