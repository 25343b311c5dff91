"""Read, write and resize mask files. A mask is (h, w) uint8, its values are object ids."""

from __future__ import annotations

import functools
import hashlib
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
    """Read the object ids from one mask file.

    They are the indices of a palette image, the values of a grey one, the grey channel of
    grey+alpha, 0 and 1 of a 1-bit image. Colours are never converted to ids.

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
            "be read reliably; save it with 8 bits or as a palette image"
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
    """Read the mask of one object from a grey or colour picture: 1 where it is above 127, else 0.

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
    """The bytes of a file; DataError if it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"mask {path} is missing") from None
    except OSError as error:
        raise DataError(f"mask {path} cannot be read: {error.strerror}") from error


@contextmanager
def _open(path: Path, data: bytes) -> Iterator[Image.Image]:
    """Open a picture with Pillow; anything wrong with it, now or when used, is a DataError."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            yield image
    except UnidentifiedImageError:
        size = f"{len(data)} bytes of something else" if data else "it is empty"
        raise DataError(f"mask {path} is not a picture: {size}; write it again") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"mask {path} cannot be read: {error}; it may be damaged") from error


def write_mask(path: Path, mask: Mask) -> None:
    """Write a mask as a palette PNG with the DAVIS colours, first under a temporary name."""
    from PIL import Image

    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise ValueError(f"a mask is (h, w) uint8, got {mask.shape} {mask.dtype}")
    image = Image.fromarray(np.ascontiguousarray(mask), mode="P")
    image.putpalette(palette())
    content = io.BytesIO()
    image.save(content, format="PNG")
    write_bytes(path, content.getvalue())


def resize_mask(mask: Mask, *, h: int, w: int) -> Mask:
    """Resize to (h, w) with nearest neighbour at pixel centres, so that no new id appears."""
    rows = ((np.arange(h) + 0.5) * mask.shape[0] / h).astype(np.intp)
    columns = ((np.arange(w) + 0.5) * mask.shape[1] / w).astype(np.intp)
    resized: Mask = mask[rows[:, None], columns[None, :]]
    return resized


class MasksDigest:
    """The sha256 of the masks of a sequence, added in the order of its frames: `masks_sha256`."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, mask: Mask) -> None:
        """Add the next frame's mask."""
        self._digest.update(mask.tobytes())

    @property
    def sha256(self) -> str:
        """The digest of the masks so far, as 64 digits."""
        return self._digest.hexdigest()


def lay_prompt(mask: Mask, prompt: Mask) -> Mask:
    """Put the prompt's objects over the mask; where both show an object, the prompt wins."""
    return np.where(prompt > 0, prompt, mask).astype(np.uint8)


def ids(mask: Mask) -> tuple[int, ...]:
    """The object ids in a mask, ascending, without the background."""
    counts = np.bincount(mask.ravel(), minlength=256)
    return tuple(int(i) for i in np.flatnonzero(counts) if i)


@functools.cache  # every mask that is written asks for it
def palette() -> tuple[int, ...]:
    """The 256 colours of DAVIS masks (the PASCAL VOC colour map): r, g, b, r, g, b, ..."""
    colours: list[int] = []
    for index in range(256):
        rgb = [0, 0, 0]
        for bit in range(8):
            for channel in range(3):
                rgb[channel] |= ((index >> (3 * bit + channel)) & 1) << (7 - bit)
        colours += rgb
    return tuple(colours)


class MaskFiles(Mapping[int, Mask]):
    """Frame index -> mask; each access reads the file."""

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
