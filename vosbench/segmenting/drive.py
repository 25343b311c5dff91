"""A method through one clip, by the runner of runs, which checks and writes its masks.

Where the method is told by boxes or clicks, the runner knows the objects as empty layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vosbench.running.prompting import check_takes
from vosbench.running.records import record_of
from vosbench.running.sequence import segment_sequence
from vosbench.types import Box, DatasetCard, TakesMarks

if TYPE_CHECKING:
    from vosbench.running.config import RunConfig
    from vosbench.types import Frame, Mark, Mask, Masks, Method, PerSequence, Sequence

_CARD = DatasetCard(
    name="clip", title="a clip", url="", licence="", citation="", folder="", splits={}, protocols=()
)


@dataclass(frozen=True)
class _OneClip:
    """A dataset of one sequence, as the runner asks for it."""

    clip: Sequence
    card: DatasetCard = _CARD
    split: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.clip.name,)

    def sequence(self, name: str) -> Sequence:
        assert name == self.clip.name, "there is one"
        return self.clip


@dataclass(frozen=True)
class ByMarks:
    """A method that is told by marks, on the frame of whatever prompt comes with the frames."""

    method: TakesMarks
    marks: Mapping[int, Mark]

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Masks]:
        """Yield the masks of each frame."""
        return self.segment_layers(frames, prompts)

    def segment_layers(
        self, frames: Iterable[Frame], prompts: Mapping[int, Masks]
    ) -> Iterator[Masks]:
        """The same; the runner asks for it, as the prompts are layers."""
        return self.method.segment_marks(frames, dict.fromkeys(prompts, self.marks))


def by_marks(method: Method | PerSequence, name: str, marks: Mapping[int, Mark]) -> ByMarks:
    """The method, told by these marks.

    Raises:
        UsageError: it does not take them; names methods that do.
    """
    for mark in marks.values():
        check_takes(method, name, "box" if isinstance(mark, Box) else f"points:{len(mark.inside)}")
    assert isinstance(method, TakesMarks)
    return ByMarks(method, marks)


def run(
    config: RunConfig,
    method: Method | PerSequence,
    clip: Sequence,
    folder: Path,
    on_frame: Callable[[str, int, int], None],
) -> dict[str, Any]:
    """Run the method; its masks are in folder/masks/<clip> afterwards.

    Returns:
        The record of the sequence: seconds of each frame, memory, remarks.

    Raises:
        MethodError: it failed, or gave wrong masks. DataError: a frame cannot be read.
    """
    for part in ("masks", "sequences"):
        (folder / part).mkdir(parents=True)
    segment_sequence(config, method, _OneClip(clip), folder, clip.name, on_frame=on_frame)
    return record_of(folder, clip.name)
