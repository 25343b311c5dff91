"""What somebody points at -> prompts: mask files, boxes and clicks, checked against the frame.

On the command line a box is `x,y,w,h`, as COCO has it, and a click `x,y`, in pixels from the upper
left one, 0,0; `2:` before them says which object they are of.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from vosbench.errors import DataError, UsageError
from vosbench.masks import VOID, ids, one_object, pixels, read_mask, sole_id
from vosbench.types import Box, Layers, Mark, Masks, Points

LARGEST = 2**16 - 1  # id that a PNG can hold
MOST = VOID - 1  # objects that a label map holds
_GIVEN = re.compile(r"(?:([0-9]+):)?([^:]+)")


def marks_of(
    boxes: Sequence[str], points: Sequence[str], outside: Sequence[str]
) -> dict[int, Mark]:
    """The marks that are written on a command line, by object.

    Boxes without a number are of objects 1, 2, ...; clicks without one are of object 1.

    Args:
        boxes: such as "120,80,200,150" or "2:120,80,200,150".
        points: clicks on objects, such as "200,140" or "2:200,140".
        outside: clicks on what is not the object, in the same form.

    Raises:
        UsageError: one is written otherwise, or they do not fit together.

    >>> marks_of(["10,20,30,40"], ["2:5,6"], [])[1]
    Box(left=10.0, top=20.0, right=39.0, bottom=59.0)
    """
    marks: dict[int, Mark] = {}
    for text in boxes:
        number, (x, y, w, h) = _read(text, 4, "--box", "x,y,w,h", "120,80,200,150")
        number = max(marks, default=0) + 1 if number is None else number
        if number in marks:
            raise UsageError(f"--box {text}: object {number} has a box already; number it anew")
        if w < 1 or h < 1:
            raise UsageError(f"--box {text} is {w:g} wide and {h:g} high; expected 1 or more")
        marks[number] = Box(x, y, x + w - 1, y + h - 1)
    clicks: dict[int, list[tuple[float, float, bool]]] = {}
    for given, option, inside in ((points, "--point", True), (outside, "--not", False)):
        for text in given:
            number, (x, y) = _read(text, 2, option, "x,y", "200,140")
            clicks.setdefault(1 if number is None else number, []).append((x, y, inside))
    for number, of in clicks.items():
        if number in marks:
            raise UsageError(f"object {number} has a box and clicks; give it one of the two")
        positions = np.array([(x, y) for x, y, _ in of], np.float32)
        marks[number] = Points(positions, np.array([inside for *_, inside in of], np.bool_))
    return marks


def _read(
    text: str, count: int, option: str, form: str, example: str
) -> tuple[int | None, list[float]]:
    """The object's number, where it is given, and so many numbers."""
    found = _GIVEN.fullmatch(text.strip())
    try:
        numbers = [float(each) for each in found[2].split(",")] if found else []
    except ValueError:
        numbers = []
    if not found or len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise UsageError(
            f"{option} {text!r}: expected {form} in pixels, such as {example}, or 2:{example} for "
            "object 2"
        )
    return int(found[1]) if found[1] else None, numbers


def check_marks(marks: Mapping[int, Mark], size: tuple[int, int]) -> None:
    """Raise UsageError for marks of impossible objects, without a click inside, or off the frame.

    size: (h, w) of the frame.
    """
    h, w = size
    for number, mark in marks.items():
        if not isinstance(number, (int, np.integer)) or not 1 <= number <= MOST:
            raise UsageError(f"object {number}: expected a number from 1 to {MOST}")
        if not isinstance(mark, (Box, Points)):
            raise UsageError(f"object {number}: expected a Box or Points, got {mark!r}")
        if isinstance(mark, Box):
            low, high = np.array([mark[:2], mark[2:]])
            sides = (mark.left, mark.top, mark.right - mark.left + 1, mark.bottom - mark.top + 1)
            what = "box " + ",".join(f"{side:g}" for side in sides)
            if (low > high).any():
                raise UsageError(f"{what} of object {number} ends before it begins")
        else:
            if mark.positions.shape != (len(mark.inside), 2) or mark.inside.dtype != np.bool_:
                raise UsageError(
                    f"object {number}: clicks are positions (k, 2) and inside (k,) bool, got "
                    f"{mark.positions.shape} and {mark.inside.shape} {mark.inside.dtype}"
                )
            if not mark.inside.any():
                raise UsageError(
                    f"object {number} has no click on it; --not says what does not belong to it"
                )
            low, high = mark.positions.min(axis=0), mark.positions.max(axis=0)
            off = ~((mark.positions >= 0) & (mark.positions <= (w - 1, h - 1))).all(axis=1)
            at = mark.positions[off][:1].ravel().tolist()
            what = "click " + ",".join(f"{each:g}" for each in at)
        if not ((low >= 0).all() and (high <= (w - 1, h - 1)).all()):  # not a number is outside
            raise UsageError(
                f"{what} of object {number} lies outside the frames, which are {w}x{h}: x is 0 to "
                f"{w - 1}, y 0 to {h - 1}"
            )


def masks_of(paths: Sequence[Path]) -> Masks:
    """The objects in a mask file; or one object a file, counted from 1, which may overlap.

    In one file the values are ids; 255 alone is an object, 1, and beside others background.

    Raises:
        UsageError: there is no file.
        DataError: one is missing, damaged, no mask or empty, or they are of different sizes.
    """
    if not paths:
        raise UsageError("no mask file is given; name one, or one an object")
    read = [read_mask(path) for path in paths]
    for path, mask in zip(paths, read, strict=True):
        if not mask.any():
            raise DataError(f"mask {path} is empty: it shows no object to start from")
        if mask.shape != read[0].shape:
            raise DataError(
                f"mask {path} is {mask.shape[0]}x{mask.shape[1]} but {paths[0]} is "
                f"{read[0].shape[0]}x{read[0].shape[1]}; they belong to one frame"
            )
    if len(read) == 1:
        (mask,) = read
        if sole_id(mask) == VOID:
            return one_object(mask)
        return np.where(mask == VOID, 0, mask).astype(np.uint8) if mask.itemsize == 1 else mask
    for path, mask in zip(paths, read, strict=True):
        if not sole_id(mask):
            raise DataError(
                f"mask {path} shows objects {', '.join(map(str, ids(mask)[:5]))}; of several masks "
                "each is of one object"
            )
    return Layers(range(1, len(read) + 1), np.stack(read) != 0)


def check_masks(masks: Masks, what: str, size: tuple[int, int], clip: Path) -> None:
    """Refuse masks that are not of the frames' size (h, w), or show nothing.

    what: how a message calls them.

    Raises:
        UsageError: an array that is no label map. DataError: any other fault.
    """
    if isinstance(masks, np.ndarray) and (
        masks.ndim != 2 or masks.dtype not in (np.uint8, np.uint16)
    ):
        raise UsageError(
            f"{what} is {masks.shape} {masks.dtype}, expected (h, w) uint8 or uint16 of ids"
        )
    if numbers := [number for number in ids(masks) if number > LARGEST]:
        raise UsageError(
            f"{what} has object {numbers[0]}; ids are stored in 16 bits, up to {LARGEST}"
        )
    if masks.shape != size:
        (h, w), (of_h, of_w) = masks.shape, size
        raise DataError(
            f"{what} is {h}x{w} but the frames of {clip} are {of_h}x{of_w} (height x width); "
            "draw it on a frame of the clip as it is"
        )
    if not any(pixels(masks, number).any() for number in ids(masks)):
        raise DataError(f"{what} is empty: it shows no object to start from")


def placeholders(marks: Mapping[int, Mark], size: tuple[int, int]) -> Layers:
    """Masks that stand for marks where only ids and size count."""
    return Layers(marks, np.zeros((len(marks), *size), np.bool_))


def described(marks: Mapping[int, Mark]) -> Iterable[dict[str, object]]:
    """Marks for a record: pixels, x then y; a box is left, top, right, bottom, inclusive."""
    for number, mark in marks.items():
        if isinstance(mark, Box):
            yield {"object": number, "box": list(mark)}
        else:
            clicks, inside = mark.positions.tolist(), mark.inside.tolist()
            yield {"object": number, "points": clicks, "inside": inside}
