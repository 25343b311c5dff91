"""Carries masks along optical flow: each pixel takes the label its backward flow points at.

Frames, prompts -> masks. `chained` samples the previous mask along the flow from frame t to t-1;
`direct` samples the prompt along the flow from frame t to the prompt's frame. Flow comes from
OpenCV, from RAFT with the user's weights, or from files: `folder/<sequence>/<frame name>.flo`
holds the backward flow from that frame to the one before (the first frame needs none).
The rows "Liu" and "FlowNet 2.0" of the RPM-Net paper are neither DIS nor Farnebäck: only flow
files made with those tools reproduce them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from vosbench.errors import DataError, UsageError
from vosbench.types import Flow, Frame, Mask

from . import flow as flows
from .warp import Map, decode, lay_maps, maps_of, warp

SOURCE = "optical-flow baselines of RPM-Net (WACV 2020); DIS: Kroeger et al., ECCV 2016"

BackwardFlow: TypeAlias = Callable[[int, Frame, Frame], Flow]  # index, its frame, an earlier one


@dataclass(frozen=True)
class Options:
    """How flow is found and how labels follow it."""

    # Figures: J on ten sequences of DAVIS-2016, DIS, where chained and hard give .360.
    flow: Literal["dis", "farneback", "raft", "file"] = "dis"  # five times faster than Farnebäck
    mode: Literal["chained", "direct"] = "chained"  # as RPM-Net carries masks; direct .415
    label: Literal["soft", "hard"] = "hard"  # RPM-Net's Eq. 10 read literally; soft .365
    threshold: float = 0.5  # an object alone needs more than half of a pixel
    size: int = 0  # short side in px at which flow is estimated; 0: the frames' own
    weights: Path | None = None  # flow=raft: .safetensors or .pth of torchvision's RAFT
    folder: Path | None = None  # flow=file: where the .flo files lie

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise UsageError(f"threshold={self.threshold} must lie between 0 and 1, both excluded")
        if self.size != 0 and self.size < 16:
            raise UsageError(f"size={self.size} must be 0 (the frames' own) or at least 16 px")
        if self.weights is not None and self.flow != "raft":
            raise UsageError(f"weights are for flow=raft, but flow={self.flow}")
        if self.folder is not None and self.flow != "file":
            raise UsageError(f"folder is for flow=file, but flow={self.flow}")
        if self.flow == "file":
            self._check_file()

    def _check_file(self) -> None:
        if self.mode == "direct":
            raise UsageError("flow=file holds flow to the frame before: it needs mode=chained")
        if self.size:
            raise UsageError("flow=file is used at its own size: size must stay 0")


class OpticalFlow:
    """The method; with flow=file, `backward` is known only once the sequence is."""

    def __init__(self, options: Options, backward: BackwardFlow | None) -> None:
        self.options = options
        self.backward = backward

    def for_sequence(self, name: str, frame_names: tuple[str, ...]) -> OpticalFlow:
        """This method, or with flow=file the one that reads that sequence's files.

        Raises:
            DataError: listing the .flo files that are missing.
        """
        if self.options.folder is None:
            return self
        paths = [self.options.folder / name / f"{frame}.flo" for frame in frame_names]
        if missing := [path for path in paths[1:] if not path.is_file()]:
            raise DataError(
                [f"flow {path} is missing; it leads to the frame before" for path in missing]
            )

        def stored(index: int, frame: Frame, reference: Frame) -> Flow:
            return flows.read_flo(paths[index], h=frame.shape[0], w=frame.shape[1])

        return OpticalFlow(self.options, stored)

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        """Yield one mask (h, w) per frame; holds the previous frame and the prompts' only."""
        if self.backward is None:
            raise UsageError("flow=file belongs to a sequence; call for_sequence first")
        follow = self._chained if self.options.mode == "chained" else self._direct
        return follow(frames, prompts, self.backward)

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


class _Prompt(NamedTuple):
    """A prompt that was given, and the frame it belongs to."""

    frame: Frame
    maps: dict[int, Map]


def build(options: Options, *, device: str, seed: int) -> OpticalFlow:
    """Make the method; only flow=raft uses the device, nothing uses the seed.

    Raises:
        UsageError: flow=raft without fitting weights, or flow=file without a folder.
    """
    if options.flow == "file":
        if options.folder is None or not options.folder.is_dir():
            raise UsageError(
                f"flow=file needs --set folder=DIR with DIR/<sequence>/<frame>.flo; found "
                f"folder={options.folder}"
            )
        return OpticalFlow(options, None)
    if options.flow == "raft":
        estimate = flows.raft(options.weights, device=device)
    else:
        estimate = flows.dis() if options.flow == "dis" else flows.farneback()
    if options.size:
        estimate = flows.at_size(estimate, options.size)
    return OpticalFlow(options, lambda index, frame, reference: estimate(frame, reference))
