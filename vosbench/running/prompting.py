"""The given masks of a sequence -> the boxes or clicks that its method is told instead.

The rules are in prompts/clicks.py. Each object is clicked by itself, as SAM 2 and the simulators of
clicks before it do it, so that its clicks do not depend on what else is in the picture; then all
objects are told together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vosbench import registry
from vosbench.errors import DataError, MethodError, UsageError
from vosbench.masks import ids, pixels
from vosbench.options import paths_of
from vosbench.prompts.clicks import Click, box_of, next_click
from vosbench.running import workers
from vosbench.running.config import MASK, clicks_in
from vosbench.types import Box, Mark, PerSequence, Points, TakesMarks

if TYPE_CHECKING:
    from vosbench.resolve import ChosenMethod
    from vosbench.running.config import RunConfig
    from vosbench.running.forms import Exchange
    from vosbench.types import Method, Sequence

BOX_RULE = "the object's outermost pixels, inclusive: left, top, right, bottom"
CLICK_RULE = (
    "the centre of the largest circle in the object, then in the largest error of the method's own "
    "answer on that frame, each object by itself, until the answer is right"
)
# frame index, id, points -> the method's mask of an object that is told by these points alone
Answer = Callable[[int, int, Points], npt.NDArray[np.bool_]]
Calling = Callable[[], AbstractContextManager[None]]
Marks = dict[int, dict[int, Mark]]  # frame index -> id -> what tells where the object is


def check_takes(method: object, name: str, prompt: str) -> None:
    """Raise UsageError where a method does not take what `--prompt` asks for."""
    if prompt == MASK:
        return
    wanted = "points" if clicks_in(prompt) else "box"
    takes = list(method.marks) if isinstance(method, TakesMarks) else []
    if wanted in takes:
        return
    own = "masks and points" if "points" in takes else "masks and boxes" if takes else "masks only"
    others = ", ".join(_who_take_marks())
    known = f"methods that take boxes or points: {others}" if others else "no method here does more"
    raise UsageError(f"method {name!r} takes {own}, but the prompt is {prompt}; {known}")


def _who_take_marks() -> Iterator[str]:
    """The methods whose source has what takes boxes or points; nothing is imported."""
    for plugin in registry.plugins("methods").values():
        if plugin.name != plugin.base or not plugin.path.is_file():
            continue
        package = plugin.path.name == "__init__.py"
        files = plugin.path.parent.rglob("*.py") if package else [plugin.path]
        if any(b"def segment_marks(" in file.read_bytes() for file in files):
            yield plugin.name


def check_goes_back(method: object, chosen: ChosenMethod, direction: str) -> None:
    """Raise UsageError where a method cannot go backwards: it reads files of each sequence."""
    files = paths_of(chosen.options)
    if direction == "both" and isinstance(method, PerSequence) and files:
        raise UsageError(
            f"method {chosen.plugin.name!r} reads files of each sequence ({', '.join(files)}), "
            "which are of one direction, so it cannot go both ways; use --direction forward"
        )


def remarks(prompt: str) -> list[str]:
    """What a reader of the scores must know of how objects were told; [] for masks."""
    if prompt == MASK:
        return []
    clicks = clicks_in(prompt)
    some = f"up to {clicks} clicks" if clicks > 1 else "one click" if clicks else "a box"
    return [f"each object was told by {some} made from its mask, not by the mask"]


def tell(
    method: Method,
    sequence: Sequence,
    exchange: Exchange,
    config: RunConfig,
    *,
    calling: Calling,
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Tell the method by marks where the prompt is none of masks.

    before: what it was told of the same frames already, to be told again.

    Returns:
        What it is told, as `write` keeps it; {} for masks.

    Raises:
        UsageError: the method takes no such marks.
        DataError: every mask that was given is empty.
    """
    prompt = config.prompt
    if prompt == MASK:
        return {}
    with calling():
        check_takes(method, config.method, prompt)
    assert isinstance(method, TakesMarks)
    if before:
        marks = _again(sequence, before)
    else:
        asked = _Asked(method, sequence, exchange, calling, config.timeout)
        marks = marks_of(sequence, prompt, asked.answer)
    workers.end_after(config.timeout)  # the first frame has all of it
    exchange.tell(method, marks)
    return _described(sequence, prompt, marks)


def marks_of(sequence: Sequence, prompt: str, answer: Answer) -> Marks:
    """What a method is told of each object of a sequence; an empty mask gives no mark.

    Raises:
        DataError: every mask that was given is empty.
    """
    marks: Marks = {}
    for index, given in sorted(sequence.prompts.items()):
        masks = {number: pixels(given, number) for number in ids(given)}
        own = {
            number: _mark(mask, prompt, partial(answer, index, number))
            for number, mask in masks.items()
            if mask.any()
        }
        if own:
            marks[index] = own
    if not marks:
        raise DataError(
            f"{sequence.name}: every mask that is given is empty, so that no {prompt} can be made "
            "of it; leave the sequence out"
        )
    return marks


def _mark(
    mask: npt.NDArray[np.bool_], prompt: str, answer: Callable[[Points], npt.NDArray[np.bool_]]
) -> Mark:
    """What stands for one mask; a later click is where the answer to those before it is wrong."""
    if not (most := clicks_in(prompt)):
        return box_of(mask)
    clicks: list[Click] = []
    given = np.zeros_like(mask)
    while click := next_click(truth=mask, answer=given):
        clicks.append(click)
        if len(clicks) == most:
            break
        given = answer(_points(clicks))
    return _points(clicks)


def _points(clicks: Iterable[Click]) -> Points:
    """Clicks as methods take them."""
    positions = np.array([(click.x, click.y) for click in clicks], np.float32)
    return Points(positions, np.array([click.inside for click in clicks], np.bool_))


class _Asked(NamedTuple):
    """A method that is asked for its mask of one object on one frame alone."""

    method: TakesMarks
    sequence: Sequence
    exchange: Exchange
    calling: Calling
    timeout: float | None

    def answer(self, index: int, number: int, points: Points) -> npt.NDArray[np.bool_]:
        """Its mask bool (h, w) for an object that is told by these points."""
        where = f"{self.sequence.name}, frame {self.sequence.frame_names[index]}"
        frame = self.sequence.frames[index]
        self.exchange.check_size(frame, self.sequence, index)
        workers.end_after(self.timeout)
        with self.calling():
            masks = list(self.method.segment_marks(iter([frame]), {0: {number: points}}))
        if len(masks) != 1:
            raise MethodError(f"{where}: the method gave {len(masks)} masks for this frame alone")
        return pixels(self.exchange.kept(masks[0], where), number)


def _described(sequence: Sequence, prompt: str, marks: Marks) -> dict[str, Any]:
    """What prompts/<sequence>.json holds."""
    every = {number for given in sequence.prompts.values() for number in ids(given)}
    told = {number for own in marks.values() for number in own}
    return {
        "sequence": sequence.name,
        "prompt": prompt,
        "rule": CLICK_RULE if clicks_in(prompt) else BOX_RULE,
        "prompts": [
            {"frame": sequence.frame_names[index], "object": number, **_numbers(mark)}
            for index, own in marks.items()
            for number, mark in own.items()
        ],
        "not_told": sorted(every - told),
    }


def _numbers(mark: Mark) -> dict[str, Any]:
    """Whole pixels, x then y."""
    if isinstance(mark, Box):
        return {"box": [int(side) for side in mark]}
    return {"points": mark.positions.astype(int).tolist(), "inside": mark.inside.tolist()}


def _again(sequence: Sequence, told: Mapping[str, Any]) -> Marks:
    """The marks of what `_described` gave; its frames may stand in another order now."""
    marks: Marks = {}
    for row in told["prompts"]:
        if "box" in row:
            mark: Mark = Box(*row["box"])
        else:
            mark = Points(np.array(row["points"], np.float32), np.array(row["inside"], np.bool_))
        index = sequence.frame_names.index(row["frame"])
        marks.setdefault(index, {})[row["object"]] = mark
    return marks


def untold(told: dict[str, Any]) -> list[str]:
    """What is to be said of objects whose given masks are empty."""
    if not (numbers := told.get("not_told")):
        return []
    listed = ", ".join(map(str, numbers))
    return [f"object {listed} was not told: its given mask is empty, and so are all of its masks"]
