"""Make masks: each pixel takes its label from where the flow points in an earlier frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np

from vosbench.errors import DataError, UsageError
from vosbench.types import Flow, Frame, Mask

from .estimators import read_flo
from .options import Options
from .warp import Map, decode, lay_maps, maps_of, warp

BackwardFlow: TypeAlias = Callable[[int, Frame, Frame], Flow]  # index, its frame, an earlier one


class _Prompt(NamedTuple):
    """A prompt that was given, and the frame it belongs to."""

    frame: Frame
    maps: dict[int, Map]


class OpticalFlow:
    """The method; with flow=file, `backward` is known only once the sequence is."""

    def __init__(
        self,
        options: Options,
        backward: BackwardFlow | None,
        frame_names: tuple[str, ...] = (),
    ) -> None:
        self.options = options
        self.backward = backward
        self.frame_names = frame_names
        self.lost: dict[int, tuple[int, int]] = {}  # frame -> pixels without a flow, of how many

    def for_sequence(self, name: str, frame_names: tuple[str, ...]) -> OpticalFlow:
        """The method of one sequence; with flow=file it reads that sequence's files.

        Raises:
            DataError: listing the .flo files that are missing.
        """
        if self.options.folder is None:
            return OpticalFlow(self.options, self.backward, frame_names)
        paths = [self.options.folder / name / f"{frame}.flo" for frame in frame_names]
        if missing := [path for path in paths[1:] if not path.is_file()]:
            raise DataError(
                [f"flow {path} is missing; it leads to the frame before" for path in missing]
            )

        def stored(index: int, frame: Frame, reference: Frame) -> Flow:
            return read_flo(paths[index], h=frame.shape[0], w=frame.shape[1])

        return OpticalFlow(self.options, stored, frame_names)

    @property
    def remarks(self) -> list[str]:
        """Where flow was unknown in the sequence, so that what was there became background."""
        if not self.lost:
            return []
        first = min(self.lost)
        name = self.frame_names[first] if self.frame_names else first
        lost, whole = (sum(counts) for counts in zip(*self.lost.values(), strict=True))
        return [
            f"in {len(self.lost)} frames, first in {name}, the flow is not finite or longer than "
            f"the frame is, at {lost} of {whole} pixels: they become background"
        ]

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        """Yield one mask (h, w) per frame; holds the previous frame and the prompts' only."""
        if self.backward is None:
            raise UsageError("flow=file belongs to a sequence; call for_sequence first")
        follow = self._chained if self.options.mode == "chained" else self._direct
        self.lost = {}
        return follow(frames, prompts, self._noting(self.backward))

    def _noting(self, backward: BackwardFlow) -> BackwardFlow:
        """The same flow; where it cannot be one is counted."""

        def noted(index: int, frame: Frame, reference: Frame) -> Flow:
            flow = backward(index, frame, reference)
            longest = max(frame.shape[:2])
            if not -longest <= flow.min() <= flow.max() <= longest:  # so for NaN, too
                known = (np.abs(flow) <= longest).all(axis=2)
                self.lost[index] = (int(known.size - known.sum()), known.size)
            return flow

        return noted

    def _chained(
        self, frames: Iterable[Frame], prompts: Mapping[int, Mask], backward: BackwardFlow
    ) -> Iterator[Mask]:
        maps: dict[int, Map] = {}
        previous: Frame | None = None
        for index, frame in enumerate(frames):
            if maps and previous is not None:
                moved = backward(index, frame, previous)
                maps = {i: warp(image, moved) for i, image in maps.items()}
            mask = self._decode(maps, frame)
            if self.options.label == "hard":
                maps = maps_of(mask)
            if index in prompts:
                maps = lay_maps(maps, maps_of(prompts[index]))
                mask = self._decode(maps, frame)
            previous = frame
            yield mask

    def _direct(
        self, frames: Iterable[Frame], prompts: Mapping[int, Mask], backward: BackwardFlow
    ) -> Iterator[Mask]:
        given: list[_Prompt] = []
        for index, frame in enumerate(frames):
            maps: dict[int, Map] = {}
            for prompt in given:
                moved = backward(index, frame, prompt.frame)
                maps = lay_maps(maps, {i: warp(m, moved) for i, m in prompt.maps.items()})
            if index in prompts:
                given.append(_Prompt(frame, maps_of(prompts[index])))
                maps = lay_maps(maps, given[-1].maps)
            yield self._decode(maps, frame)

    def _decode(self, maps: Mapping[int, Map], frame: Frame) -> Mask:
        h, w = frame.shape[:2]
        return decode(maps, h=h, w=w, threshold=self.options.threshold)
