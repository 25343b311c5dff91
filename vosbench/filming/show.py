"""Runs -> a film of one sequence: each run's masks over the frames, with truth and errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from vosbench.errors import DataError, UsageError, did_you_mean
from vosbench.filming import opened, video
from vosbench.filming.lettering import Key
from vosbench.filming.sheet import Layout, Pane, Within, laid_out, scaled, scaled_mask
from vosbench.masks import VOID, in_ids
from vosbench.results import Result
from vosbench.toolbox.reports import stills
from vosbench.videos import VideoFile

if TYPE_CHECKING:
    from vosbench.filming.opened import Scene, Take
    from vosbench.types import Frame, Mask, Masks

AnyPath: TypeAlias = Path | str
Truth: TypeAlias = Literal["", "beside", "over"]
Colours: TypeAlias = Literal["davis", "safe"]
TRUTH, COLOURS = ("beside", "over"), ("davis", "safe")
FULL_HD = Within(1920, 1080)  # of an .mp4
ON_A_PAGE, BESIDE = Within(480, 480), Within(720, 480)  # of a .gif with one pane, and with more
DASHES = Key("truth", ((255, 255, 255), (0, 0, 0)))
MISTAKES = (
    Key("right", ((200, 200, 200),)),
    Key("missed", (stills.MISSED, (60, 140, 190))),
    Key("false", (stills.FALSE,)),
    Key("wrong object", (stills.WRONG,)),
)


@dataclass(frozen=True)
class Shown:
    """A film that was written. size: (w, h) in pixels. fps: frames of the sequence a second.

    step, speed: a .gif shows every so many-th frame, so many times as fast; else 1.
    """

    path: Path
    sequence: str
    frames: int
    size: tuple[int, int]
    fps: float
    step: int = 1
    speed: float = 1.0

    def __str__(self) -> str:
        """What `vosbench show` prints."""
        w, h = self.size
        megabytes = self.path.stat().st_size / 1e6
        said = f"{self.path}: {self.sequence}, {self.frames} frames at {self.fps:.4g} a second"
        if self.step > 1:
            said += f", 1 of {self.step} shown"
        if self.speed > 1.05:
            said += f", {self.speed:.2g} times as fast"
        return f"{said}, {w}x{h}, {megabytes:.1f} MB"


def show(
    runs: Result | AnyPath | Iterable[Result | AnyPath],
    out: AnyPath,
    *,
    sequence: str = "",
    root: AnyPath | None = None,
    truth: Truth = "",
    errors: bool = False,
    colours: Colours = "davis",
    fps: float | None = None,
    scale: float | None = None,
    replace: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Shown:
    """Write a film of one sequence: the masks of one or several runs over its frames.

    Args:
        runs: scored or not; or folders that `evaluate` with a name made of other masks.
        out: the .mp4 or .gif to write.
        sequence: "" where the runs share only one.
        root: where the data lie now. Default: where the runs found them, else VOSBENCH_DATA.
        truth: "beside" gives it a pane of its own, "over" draws its outline over the masks.
        errors: show what was right, missed and false in place of the objects.
        colours: those of DAVIS, or "safe" for colour-blind people.
        fps: frames a second. Default: the video's own, 24 for pictures.
        scale: of the frames. Default: an .mp4 is at most 1920x1080, a .gif 480 pixels, 720 with
            several panes; frames under 320 pixels are enlarged.
        replace: whether a file of that name may be replaced.
        progress: is called with the number of frames done and of all.

    Raises:
        UsageError: a value that does not exist or does not fit, or `out` exists.
        DataError: masks or frames are missing, damaged, or of different sizes.
    """
    out = Path(out)
    video.check_out(out, replace=replace)
    _check(truth, TRUTH, "truth")
    _check(colours, COLOURS, "colours")
    several = runs if not isinstance(runs, (Result, str, Path)) else [runs]
    found = [run if isinstance(run, Result) else Path(run) for run in several]
    scene = opened.opened(found, sequence, None if root is None else Path(root))
    if (truth or errors) and not scene.video.truth:
        raise UsageError(
            f"{scene.video.name} has no truth here: only its prompts are annotated; leave out "
            "--truth and --errors"
        )
    rate = video.check_rate(fps) if fps is not None else rate_of(scene.video.frames)
    total = len(scene.video.frame_names)
    drawing = _Drawing(scene, truth, errors, colours == "safe")
    with video.opened(out, fps=rate, total=total) as film:
        for index, frame in enumerate(scene.video.frames):
            if index == 0:
                layout = _layout(drawing, frame, scale, gif=out.suffix.lower() == ".gif")
            if film.takes(index):
                film.add(drawing.drawn(index, frame, layout))
            if progress:
                progress(index + 1, total)
    size = layout.width, layout.height
    return Shown(out, scene.video.name, total, size, float(rate), film.step, film.speed)


def rate_of(frames: Seq[Frame]) -> Fraction:
    """Frames a second as a video file says, else as usual."""
    return (frames.rate if isinstance(frames, VideoFile) else None) or video.USUAL_RATE


def _check(value: str, known: tuple[str, ...], option: str) -> None:
    if value and value not in known:
        raise UsageError(f"unknown --{option} {value!r}; {did_you_mean(value, known)}")


def _layout(drawing: _Drawing, frame: Frame, scale: float | None, *, gif: bool) -> Layout:
    count = drawing.count
    within = FULL_HD if not gif else BESIDE if count > 1 else ON_A_PAGE
    h, w = frame.shape[:2]
    return laid_out(h, w, count, within, scale=scale, keys=drawing.keys)


@dataclass(frozen=True)
class _Drawing:
    """What each picture of a film shows; truth, errors, safe: as the user wants it."""

    scene: Scene
    truth: Truth
    errors: bool
    safe: bool

    @property
    def count(self) -> int:
        """Of panes."""
        return len(self.scene.takes) + (self.truth == "beside")

    @property
    def keys(self) -> tuple[Key, ...]:
        """The legend."""
        return (*(MISTAKES if self.errors else ()), *((DASHES,) if self.truth == "over" else ()))

    def drawn(self, index: int, frame: Frame, layout: Layout) -> Frame:
        """The picture of one moment."""
        of, name = self.scene.video, self.scene.video.frame_names[index]
        small = scaled(frame, layout.h, layout.w)
        truth = self._fit(of.truth[index], layout) if index in of.truth else None
        panes = []
        if self.truth == "beside":
            shown = small if truth is None else stills.overlay(small, truth, safe=self.safe)
            panes.append(Pane(shown, "truth", "" if truth is not None else "not annotated"))
        for take in self.scene.takes:
            panes.append(self._pane(take, name, small, truth, frame, layout))
        return layout.drawn(panes, f"{of.name}   frame {name}")

    def _pane(
        self,
        take: Take,
        name: str,
        small: Frame,
        truth: Mask | None,
        frame: Frame,
        layout: Layout,
    ) -> Pane:
        """One run's pane; small: the frame as it is shown."""
        note = f"J {100 * take.J[name]:.0f}" if name in take.J else take.remark
        if name not in take.frames:
            return Pane(small, take.name, "no mask")
        masks = in_ids(take.stored.read(self.scene.video.name, name), self.scene.video.truth)
        if masks.shape != frame.shape[:2]:
            (h, w), place = masks.shape, take.stored.place(self.scene.video.name, name)
            raise DataError(
                f"mask {place} is {h}x{w} but its frame is {frame.shape[0]}x{frame.shape[1]}; "
                "bring both to one size"
            )
        mask = self._fit(masks, layout)
        if self.errors and truth is not None:
            shown = stills.errors(small, mask, truth)
        else:
            shown = stills.overlay(small, mask, safe=self.safe)
            note = note or ("not annotated" if self.errors else "")
        if self.truth == "over" and truth is not None:
            shown = stills.outlined(shown, truth)
        return Pane(shown, take.name, note)

    def _fit(self, masks: Masks, layout: Layout) -> Mask:
        """Masks as one label map at the pane's size, without what counts as background."""
        mask = scaled_mask(stills.drawn(masks, self.scene.video), layout.h, layout.w)
        if self.scene.united:
            return (mask > 0).astype(np.uint8)
        return np.where(mask == VOID, 0, mask).astype(np.uint8)
