"""Read, write and resize mask files. A mask is (h, w) uint8, its values are object ids.

What the values of a file mean is decided here, by looking: colours, lossy files, soft maps and
palettes whose background is not index 0 are refused, for a guess would change scores in silence.
"""

from __future__ import annotations

import functools
import hashlib
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from vosbench import png
from vosbench.errors import DataError
from vosbench.files import irregular, write_bytes
from vosbench.types import Layers, Mask, Masks

if TYPE_CHECKING:
    from PIL import Image


Colours: TypeAlias = npt.NDArray[np.uint8]  # (n, 3), a palette
LabelMap: TypeAlias = Mask | npt.NDArray[np.uint16]  # (h, w), uint16 if an id is above 255

VOID = 255  # in a truth of ids: background, as in the official tool
# Pillow's names of the formats that are opened; others can start programs, as PostScript does
FORMATS = ("PNG", "JPEG", "BMP", "PPM", "TIFF", "WEBP", "GIF")
_LOSSY = ("jpeg", "tiff_jpeg", "webp")  # compressions within a TIFF
_LOW = 32  # values up to this one are ids, those of masks with a higher one are looked at


def read_mask(path: Path) -> LabelMap:
    """Read the object ids from one mask file.

    They are the indices of a palette image, the values of a grey one (of one stored as r=g=b,
    too), the grey channel of grey+alpha, 0 and 1 of a 1-bit image. Colours are never converted to
    ids, but see `read_colours`. Of 16 bits, ids above 255 come as uint16, others as uint8.

    Raises:
        DataError: the file is missing, damaged, lossy, a soft map or a colour image, or its
            palette shows an object at index 0.
    """
    return decode_mask(read_bytes(path), path)


def decode_mask(
    data: bytes, path: Path | str, *, colours: bool = False, as_ids: bool = False
) -> LabelMap:
    """The object ids in the bytes of a mask file, as `read_mask`.

    Args:
        data: the content of the file.
        path: for messages.
        colours: also read colours as ids, where they are those of DAVIS masks.
        as_ids: take the values as ids, even where they look like a soft map.
    """
    mask = _values(path, data, colours=colours)
    palette_of = _palette_of(data)
    _check_background(path, palette_of, mask)
    if not as_ids and (fault := soft_fault(mask, f"mask {path}", palette_of)):
        raise DataError(fault)
    return mask


def _values(path: Path | str, data: bytes, *, colours: bool) -> LabelMap:
    """The values of a mask file, before what they mean is checked."""
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
        if image.format in ("JPEG", "WEBP") or image.info.get("compression") in _LOSSY:
            raise DataError(
                f"mask {path} is a {image.format} picture, whose values change when it is saved; "
                "masks must be lossless: write PNG from the source, do not convert this file"
            )
        if image.mode in ("P", "L"):
            return np.array(image)
        if image.mode == "1":
            return np.array(image).astype(np.uint8)
        if image.mode == "LA":
            return np.ascontiguousarray(np.array(image)[..., 0])
        if image.mode in ("RGB", "RGBA"):
            rgb = np.array(image)[..., :3]
            if (rgb == rgb[..., :1]).all():
                return np.ascontiguousarray(rgb[..., 0])
            if (found := _davis_ids(rgb)) is not None:
                if colours:
                    return found
                raise DataError(
                    f"mask {path} has mode {image.mode}, expected a palette (P) or grey (L) image; "
                    f"its colours are those of DAVIS masks, {_mapping(ids(found))}: "
                    "`vosbench convert IN OUT` writes them as such ids"
                )
        mode = image.mode
        if mode.startswith("I"):  # 16 bits, of which older Pillow makes 32
            deep = np.array(image)
            if (deep >> 16 == 0).all():
                return small(deep.astype(np.uint16))
    limit = ", at most 65535" if mode.startswith("I") else ""
    raise DataError(
        f"mask {path} has mode {mode}, expected a palette (P) or grey (L) image whose values are "
        f"object ids{limit}; convert it to indices first"
    )


def read_colours(path: Path) -> Mask:
    """Read a mask that was saved in the colours of DAVIS masks, (128, 0, 0) as 1 and so on.

    Raises:
        DataError: the file is missing or damaged, or has another colour.
    """
    with _open(path, read_bytes(path)) as image:
        mask = _davis_ids(np.array(image.convert("RGB")))
    if mask is None:
        raise DataError(f"mask {path} has colours that DAVIS masks have not; write object ids")
    return mask


def _davis_ids(colours: npt.NDArray[np.uint8]) -> Mask | None:
    """The ids behind DAVIS colours (h, w, 3), or None if one is none of them."""
    codes = colours.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
    known = np.reshape(palette(), (-1, 3)) @ np.array([1 << 16, 1 << 8, 1])
    order = np.argsort(known)
    places = np.clip(np.searchsorted(known[order], codes), 0, 255)
    mask = order[places]
    return mask.astype(np.uint8) if (known[mask] == codes).all() else None


def _mapping(numbers: tuple[int, ...]) -> str:
    """`(128, 0, 0) is 1`, for the first three ids."""
    shown = [f"{palette()[3 * i : 3 * i + 3]} is {i}" for i in numbers[:3]]
    return ", ".join(shown) + (", ..." if len(numbers) > 3 else "")


def soft_fault(mask: LabelMap, what: str, palette_of: Colours | None = None) -> str:
    """What is to be said of a mask in which are grey levels, or ""; see `is_soft`."""
    if not is_soft(mask, palette_of):
        return ""
    return (
        f"{what} has {len(ids(mask))} different grey values: it looks like a soft map; threshold "
        "it to 0 and 255, or write object ids; if these are ids, `vosbench convert IN OUT --to "
        "objects --ids` says so"
    )


def is_soft(mask: LabelMap, palette_of: Colours | None = None) -> bool:
    """Whether grey levels, not ids, are in a mask, or nobody can tell; see metrics/soft.py.

    Values up to 32 are ids.
    """
    if int(mask.max(initial=0)) <= _LOW or sole_id(mask):
        return False
    from vosbench.metrics.soft import grey_levels  # few masks need it

    coloured = palette_of is not None and bool((palette_of != palette_of[:, :1]).any())
    return grey_levels(mask, ids(mask), coloured=coloured)


def one_object(mask: LabelMap) -> Mask:
    """Every id above 0 becomes 1."""
    united: Mask = (mask != 0).view(np.uint8)
    return united


def in_ids(masks: Masks, truth: Mapping[int, Masks]) -> Masks:
    """A result's masks with 255 as the one object, where the truth is stored as 0/255 too."""
    if isinstance(masks, Layers) or not getattr(truth, "of_one_object", False):
        return masks
    return one_object(masks) if sole_id(masks) == VOID else masks


def _palette_of(data: bytes) -> Colours:
    """The palette (n, 3) of a PNG; none of any other file."""
    start = data.find(b"PLTE", 0, 1 << 16) if data.startswith(png.SIGNATURE) else -1
    if start < 0:
        return np.zeros((0, 3), np.uint8)
    length = int.from_bytes(data[start - 4 : start]) // 3 * 3
    return np.frombuffer(data[start + 4 : start + 4 + length], np.uint8).reshape(-1, 3)


def _check_background(path: Path | str, colours: Colours, mask: LabelMap) -> None:
    """DataError where a palette shows index 0 bright and another that is used black."""
    if not colours[:1].any():
        return
    black = [i for i in ids(mask) if i < len(colours) and not colours[i].any()]
    if black:
        raise DataError(
            f"mask {path} has a palette in which 0, the background, is "
            f"{tuple(colours[0].tolist())} and {black[0]} is black: object and background seem to "
            "be swapped; write indices whose 0 is the background"
        )


def read_foreground(path: Path) -> Mask:
    """Read the mask of one object from a grey or colour picture: 1 where it is above 127, else 0.

    Raises:
        DataError: the file is missing or damaged, deeper than 8 bits, or holds palette indices.
    """
    with _open(path, read_bytes(path)) as image:
        colours = np.reshape(image.getpalette() or [], (-1, 3))
        if image.mode.startswith(("I", "F")) or (colours != colours[:, :1]).any():
            raise DataError(
                f"mask {path} has mode {image.mode}{' with colours' if len(colours) else ''}, "
                "expected a grey or colour picture of 8 bits a channel in which the object is white"
            )
        grey = np.array(image.convert("L"))
    return (grey > 127).astype(np.uint8)


def read_bytes(path: Path) -> bytes:
    """The bytes of a mask file; DataError if it cannot be read."""
    if (path.is_fifo() or path.is_symlink()) and (fault := irregular(path)):
        raise DataError(f"mask {fault}")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"mask {path} is missing") from None
    except OSError as error:
        raise DataError(f"mask {path} cannot be read: {error.strerror}") from error


@contextmanager
def _open(path: Path | str, data: bytes) -> Iterator[Image.Image]:
    """Open a picture with Pillow; anything wrong with it, now or when used, is a DataError."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            yield image
    except UnidentifiedImageError:
        size = f"{len(data)} bytes of something else" if data else "it is empty"
        raise DataError(f"mask {path} is not a picture: {size}; write it again") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"mask {path} cannot be read: {error}; it may be damaged") from error


def write_mask(path: Path, mask: LabelMap) -> None:
    """Write a label map as `encode_mask` has it, first under a temporary name."""
    write_bytes(path, encode_mask(mask))


def encode_mask(mask: LabelMap) -> bytes:
    """A label map as a palette PNG with the DAVIS colours, one with ids above 255 as grey.

    A palette has 256 colours, grey 65,536 values.
    """
    from PIL import Image

    if mask.ndim != 2 or mask.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"a mask is (h, w) uint8 or uint16, got {mask.shape} {mask.dtype}")
    image = Image.fromarray(np.ascontiguousarray(small(mask)))
    if image.mode == "L":
        image.putpalette(palette())
    content = io.BytesIO()
    image.save(content, format="PNG")
    return content.getvalue()


def small(mask: LabelMap) -> LabelMap:
    """A label map as uint8 where its ids allow it; the form in which masks are kept."""
    if mask.dtype == np.uint16 and not mask.max(initial=0) >> 8:
        return mask.astype(np.uint8)
    return mask


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

    def add(self, masks: Masks) -> None:
        """Add the next frame's masks; a label map counts as it is kept, see `small`."""
        if isinstance(masks, Layers):
            self._digest.update(f"{masks.ids}".encode() + np.packbits(masks.stack).tobytes())
        else:
            self._digest.update(small(masks).tobytes())

    @property
    def sha256(self) -> str:
        """The digest of the masks so far, as 64 digits."""
        return self._digest.hexdigest()


def lay_prompt(mask: Mask, prompt: Mask) -> Mask:
    """Put the prompt's objects over the mask; where both show an object, the prompt wins."""
    return np.where(prompt > 0, prompt, mask).astype(np.uint8)


def lay_masks(masks: Masks, prompt: Masks) -> Masks:
    """The same for masks of any form: objects that may overlap cover no other."""
    if not isinstance(masks, Layers) and not isinstance(prompt, Layers):
        return small(np.where(prompt > 0, prompt, masks).astype(np.uint16))
    layers = {number: pixels(masks, number) for number in ids(masks)}
    layers |= {number: pixels(prompt, number) for number in ids(prompt)}
    return Layers(layers, np.stack(list(layers.values())) if layers else _no_layers(masks.shape))


def joined(some: Masks, others: Masks, numbers: Collection[int]) -> tuple[Masks, bool]:
    """These objects of one frame from `some`, all others from `others`; whether a pixel is of two.

    Where two are on one pixel of label maps, see FLATTENING; Layers hold both.
    """
    taken = {number: pixels(some, number) for number in ids(some) if number in numbers}
    taken |= {number: pixels(others, number) for number in ids(others) if number not in numbers}
    stack = np.stack(list(taken.values())) if taken else _no_layers(some.shape)
    both = Layers(taken, stack)
    if isinstance(some, Layers) or isinstance(others, Layers):
        return both, False
    flat = painted(both, {number: number for number in taken})
    return small(flat), bool((stack.sum(axis=0) > 1).any())


def _no_layers(shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    return np.zeros((0, *shape), np.bool_)


def sole_id(mask: LabelMap) -> int:
    """The only object id in a mask, 0 where it holds none or several; much faster than `ids`."""
    top = int(mask.max(initial=0))
    if top <= 1:
        return top
    if (
        top == VOID and mask.itemsize == 1
    ):  # 0/255, the usual form: as signed numbers 0 and -1, seen without a copy
        signed = mask.view(np.int8)
        return top if signed.max() <= 0 and signed.min() == -1 else 0
    return top if np.count_nonzero(mask == top) == np.count_nonzero(mask) else 0


def ids(masks: Masks) -> tuple[int, ...]:
    """The objects' ids, ascending, without the background; of layers all that are stored."""
    if isinstance(masks, Layers):
        return masks.ids
    counts = np.bincount(masks.ravel(), minlength=256)
    return tuple(int(i) for i in np.flatnonzero(counts) if i)


def pixels(masks: Masks, number: int) -> npt.NDArray[np.bool_]:
    """Where one object is, bool (h, w); nowhere for an id that is not stored.

    In a label map 0 is the background, no object; layers may have an object 0.
    """
    if isinstance(masks, np.ndarray) and number != 0:
        where: npt.NDArray[np.bool_] = masks == number
        return where
    if isinstance(masks, Layers) and number in masks.ids:
        layer: npt.NDArray[np.bool_] = masks.stack[masks.ids.index(number)]
        return layer
    return np.zeros(masks.shape, np.bool_)


FLATTENING = "where objects overlap, the smaller one is on top; of equal ones the higher id"


def label_maps(prompts: Mapping[int, Masks]) -> dict[int, Mask]:
    """Copies of a video's prompts as label maps, in which ids are counted alike."""
    numbers = {number for masks in prompts.values() for number in ids(masks)}
    usual = all(isinstance(m, np.ndarray) and m.dtype == np.uint8 for m in prompts.values())
    return {i: label_map(masks, () if usual else numbers).copy() for i, masks in prompts.items()}


def numbering(numbers: Collection[int]) -> dict[int, int]:
    """Id -> its value in a label map: the id where all are from 1 to 254, else counted from 1.

    Raises:
        DataError: they are more than a label map can hold.
    """
    known = sorted(set(numbers))
    if not known or 0 < known[0] <= known[-1] < VOID:
        return {number: number for number in known}
    if len(known) >= VOID:
        raise DataError(
            f"{len(known)} objects do not fit one label map, which holds {VOID - 1}; methods that "
            "keep each object's mask apart run on more, and evaluate and convert take them"
        )
    return {number: value for value, number in enumerate(known, 1)}


def painted(masks: Masks, value: Mapping[int, int]) -> LabelMap:
    """A label map in which each object has its value; where objects overlap, see FLATTENING."""
    layers = {number: pixels(masks, number) for number in ids(masks)}
    areas = {number: int(np.count_nonzero(layer)) for number, layer in layers.items()}
    deep = max((value[number] for number in layers), default=0) > VOID
    flat: LabelMap = np.zeros(masks.shape, np.uint16 if deep else np.uint8)
    for number in sorted(layers, key=lambda n: (-areas[n], n)):
        flat[layers[number]] = value[number]
    return flat


def label_map(masks: Masks, numbers: Collection[int] = ()) -> Mask:
    """One label map for methods and pictures, which know no other form; see FLATTENING.

    Args:
        masks: the objects of one frame.
        numbers: all ids of the video, so that they are counted alike in each frame: `numbering`.
    """
    if isinstance(masks, np.ndarray) and masks.dtype == np.uint8 and not numbers:
        return masks.astype(np.uint8, copy=False)
    return painted(masks, numbering({*numbers, *ids(masks)})).astype(np.uint8, copy=False)


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


def shift_fault(folder: Path | str, present: Collection[str], frames: Sequence[str]) -> str:
    """What is to be said of masks whose names seem shifted against those of the frames, or "".

    They lie beyond one end of the frames, and at the other end as many frames have none.
    """
    known = set(frames)
    strange = sorted(name for name in present if name not in known)
    many = len(strange)
    if not 0 < many < len(frames):
        return ""
    at_start, at_end = frames[:many], frames[-many:]
    after = min(strange) > max(frames) and not any(name in present for name in at_start)
    before = max(strange) < min(frames) and not any(name in present for name in at_end)
    if not (after or before) or len(present) < len(frames):
        return ""
    return (
        f"masks {folder} belong to no frame: {', '.join(strange[:3])}; frames are named "
        f"{frames[0]} to {frames[-1]}, so that the names seem to be shifted by {many}"
    )


def no_folder(path: Path) -> str:
    """Why a path is not the folder of masks that it should be, for a message."""
    if path.is_file() and path.suffix.lower() in (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"):
        return f"{path} is not a folder but an archive: unzip it first"
    return f"{path} is not a folder"


class MaskFiles(Mapping[int, LabelMap]):
    """Frame index -> mask; each access reads the file."""

    def __init__(self, paths: Mapping[int, Path]) -> None:
        self.paths = dict(sorted(paths.items()))

    def __getitem__(self, index: int) -> LabelMap:
        return read_mask(self.paths[index])

    def __contains__(self, index: object) -> bool:
        return index in self.paths  # Mapping's own would read the file

    def __iter__(self) -> Iterator[int]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)


class OneObjectFiles(MaskFiles):
    """Mask files of one object, stored as any value above 0, such as 255; it is read as 1."""

    of_one_object = True

    def __getitem__(self, index: int) -> Mask:
        return one_object(super().__getitem__(index))


class WideIdFiles(MaskFiles):
    """Mask files of 16 bits with ids above 255, beside which 255 is an object, not void."""

    void_is_object = True


def void_in(masks: Masks, truth: Mapping[int, Masks]) -> int:
    """The id that is no object in masks of this truth: 255; -1 where any may be one."""
    every = isinstance(masks, Layers) or getattr(truth, "void_is_object", False)
    return -1 if every else VOID
