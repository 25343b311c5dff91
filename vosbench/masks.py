"""Mask files: the only reader, writer and resizer. A file becomes a Mask (h, w) uint8 of ids."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vosbench import png
from vosbench.errors import DataError
from vosbench.files import write_bytes
from vosbench.types import Mask

if TYPE_CHECKING:
    from PIL import Image


def read_mask(path: Path) -> Mask:
    """Read one mask file as ids.

    Palette images give their indices, grey ones their values, grey+alpha the grey channel;
    1-bit images give 0 and 1. Never converts colours to ids.

    Raises:
        DataError: the file is missing, damaged, or a colour or 16-bit image.
    """
    data = _read(path)
    try:
        mask = png.decode(data)
    except ValueError as error:
        raise DataError(f"mask {path} is damaged: {error}; write or copy it again") from error
    if mask is not None:
        return mask
    if png.is_scaled_by_pillow(data):
        raise DataError(
            f"mask {path} is grey with 2 or 4 bits and filtered or interlaced: its values cannot "
            "be told; save it with 8 bits or as a palette image"
        )
    with _open(path, data) as image:
        if image.mode in ("P", "L"):
            return np.array(image)
        if image.mode == "1":
            return np.array(image).astype(np.uint8)
        if image.mode == "LA":
            return np.ascontiguousarray(np.array(image)[..., 0])
        mode = image.mode
    raise DataError(
        f"mask {path} has mode {mode}, expected a palette (P) or grey (L) image whose values are "
        "object ids; convert it to indices first"
    )


def read_foreground(path: Path) -> Mask:
    """Read a picture of one object, grey or colour, with soft edges: > 127 becomes 1, else 0.

    Raises:
        DataError: the file is missing or damaged, deeper than 8 bits, or holds palette indices.
    """
    with _open(path, _read(path)) as image:
        colours = np.reshape(image.getpalette() or [], (-1, 3))
        if image.mode.startswith(("I", "F")) or (colours != colours[:, :1]).any():
            raise DataError(
                f"mask {path} has mode {image.mode}{' with colours' if len(colours) else ''}, "
                "expected a grey or colour picture of 8 bits a channel in which the object is white"
            )
        grey = np.array(image.convert("L"))
    return (grey > 127).astype(np.uint8)


def _read(path: Path) -> bytes:
    """The bytes of a file; DataError when there are none to read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"mask {path} is missing") from None
    except OSError as error:
        raise DataError(f"mask {path} cannot be read: {error.strerror}") from error


@contextmanager
def _open(path: Path, data: bytes) -> Iterator[Image.Image]:
    """A picture opened by Pillow; whatever is wrong with it, also when used, is a DataError."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            yield image
    except UnidentifiedImageError:
        size = f"{len(data)} bytes of something else" if data else "empty"
        raise DataError(f"mask {path} is no picture but {size}; write it again") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"mask {path} cannot be read: {error}; it may be damaged") from error


def write_mask(path: Path, mask: Mask) -> None:
    """Write a Mask as a palette PNG with the DAVIS colours, under a temporary name first."""
    from PIL import Image

    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise ValueError(f"a mask is (h, w) uint8, got {mask.shape} {mask.dtype}")
    image = Image.fromarray(np.ascontiguousarray(mask), mode="P")
    image.putpalette(palette())
    content = io.BytesIO()
    image.save(content, format="PNG")
    write_bytes(path, content.getvalue())


def resize_mask(mask: Mask, *, h: int, w: int) -> Mask:
    """Nearest-neighbour resize at pixel centres to (h, w); no id that was not there appears."""
    rows = ((np.arange(h) + 0.5) * mask.shape[0] / h).astype(np.intp)
    columns = ((np.arange(w) + 0.5) * mask.shape[1] / w).astype(np.intp)
    resized: Mask = mask[rows[:, None], columns[None, :]]
    return resized


def lay_prompt(mask: Mask, prompt: Mask) -> Mask:
    """The mask with the prompt's objects laid over it; the prompt wins where both have one."""
    return np.where(prompt > 0, prompt, mask).astype(np.uint8)


def ids(mask: Mask) -> tuple[int, ...]:
    """The object ids in a mask, ascending, without the background."""
    counts = np.bincount(mask.ravel(), minlength=256)
    return tuple(int(i) for i in np.flatnonzero(counts) if i)


def palette() -> list[int]:
    """The 256 RGB colours of DAVIS masks (the PASCAL VOC colour map), flat."""
    colours = []
    for index in range(256):
        rgb = [0, 0, 0]
        for bit in range(8):
            for channel in range(3):
                rgb[channel] |= ((index >> (3 * bit + channel)) & 1) << (7 - bit)
        colours += rgb
    return colours


class MaskFiles(Mapping[int, Mask]):
    """Frame index -> mask, read from its file each time it is asked for."""

    def __init__(self, paths: Mapping[int, Path]) -> None:
        self.paths = dict(sorted(paths.items()))

    def __getitem__(self, index: int) -> Mask:
        return read_mask(self.paths[index])

    def __contains__(self, index: object) -> bool:
        return index in self.paths  # Mapping's own would read the file

    def __iter__(self) -> Iterator[int]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)
