"""Pictures -> a file: .mp4 (H.264, plays in browsers) or .gif, written whole or not at all.

A GIF shows a part of the pictures, evenly spread, so that its size stays sane.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vosbench.errors import UsageError, needing
from vosbench.files import remove_left, written_whole

if TYPE_CHECKING:
    from vosbench.types import Frame

SUFFIXES = (".mp4", ".gif")
USUAL_RATE = Fraction(24)  # frames a second of pictures that say nothing of it: DAVIS has 24
QUALITY = "18"  # x264's crf: hardly to be told from the source
SLOWEST = 0.01  # frames a second: a .gif cannot show a picture for longer than 655 seconds
GIF_RATE = 12.5  # frames a second: half of a usual video's
GIF_FRAMES = 80  # at 480x270 about 5 MB; more is too large for a page
GIF_SLOWEST = 8  # frames a second: where longer clips lose more frames, they run faster
SAMPLED = 16  # pictures from which a GIF's colours are chosen


class Film(Protocol):
    """A file that pictures are added to.

    step: every so many-th picture is taken. speed: how many times as fast as the video it runs.
    """

    step: int
    speed: float

    def takes(self, index: int) -> bool:
        """Whether the picture of this number is one of those that are to be added."""
        ...

    def add(self, picture: Frame) -> None:
        """Add the next picture, (h, w, 3); all have one size."""
        ...


def check_out(out: Path, *, replace: bool) -> None:
    """Refuse a place where no film may be written.

    Raises:
        UsageError: it has another suffix, is a folder or in none, or exists and `replace` is not
            said; MissingExtraError: PyAV is needed for .mp4 and is not installed.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"--out {out} is no name of a film: expected {' or '.join(SUFFIXES)} at its end"
        )
    if not out.parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.parent}; make it first")
    if out.is_dir():
        raise UsageError(f"--out {out} is a folder; name a file")
    if (out.exists() or out.is_symlink()) and not replace:
        raise UsageError(f"--out {out} exists; give --replace, or name another file")
    if out.suffix.lower() != ".gif":
        check_library()


def check_library() -> None:
    """Raise MissingExtraError where there is nothing that writes an .mp4."""
    with needing("writing an .mp4"):
        import av  # noqa: F401, whether it is there counts


@contextlib.contextmanager
def opened(out: Path, *, fps: Fraction, total: int) -> Iterator[Film]:
    """A film to add pictures to; the file is there when the block ends.

    Args:
        out: its name ends in .mp4 or .gif; see `check_out`.
        fps: pictures a second.
        total: how many pictures will come; a GIF chooses among them.
    """
    remove_left(out)
    with written_whole(out) as partial:
        if out.suffix.lower() == ".gif":
            gif = _Gif(partial, fps, total)
            yield gif
            gif.write()
        else:
            with _mp4(partial, fps) as film:
                yield film


def check_rate(fps: float) -> Fraction:
    """Pictures a second as a fraction.

    Raises:
        UsageError: it is below 0.01 or above 240.
    """
    if not SLOWEST <= fps <= 240:
        raise UsageError(f"--fps {fps:g}: expected frames a second, from {SLOWEST} to 240")
    return Fraction(fps).limit_denominator(1001)


@contextlib.contextmanager
def _mp4(path: Path, fps: Fraction) -> Iterator[Film]:
    import av

    # the index at the start, so that a browser plays it while it loads
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        film = _Mp4(container, fps)
        yield film
        film.end()


class _Mp4:
    """An .mp4 that is being written."""

    step, speed = 1, 1.0

    def __init__(self, container: Any, fps: Fraction) -> None:
        self._container, self._fps = container, fps
        self._stream: Any = None

    def takes(self, index: int) -> bool:
        return True

    def add(self, picture: Frame) -> None:
        import av

        picture = _evened(picture)
        if self._stream is None:
            self._stream = self._begun(*picture.shape[:2])
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def end(self) -> None:
        for packet in self._stream.encode() if self._stream else ():
            self._container.mux(packet)

    def _begun(self, h: int, w: int) -> Any:
        quality = {"crf": QUALITY, "preset": "veryfast"}
        stream = self._container.add_stream("h264", rate=self._fps, options=quality)
        stream.height, stream.width, stream.pix_fmt = h, w, "yuv420p"
        context = stream.codec_context  # 1: BT.709, of studio range; players guess without it
        context.color_primaries = context.color_trc = context.colorspace = 1
        context.color_range = 1
        return stream


def _evened(picture: Frame) -> Frame:
    """With an even number of rows and columns, as yuv420p needs; the last ones are repeated."""
    h, w = picture.shape[:2]
    if h % 2 or w % 2:
        picture = np.pad(picture, ((0, h % 2), (0, w % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(picture)


class _Gif:
    """A .gif in the making: at most GIF_FRAMES of the pictures, kept until the last is there."""

    def __init__(self, path: Path, fps: Fraction, total: int) -> None:
        self.path = path
        self.step = max(1, math.ceil(fps / Fraction(GIF_RATE)), math.ceil(total / GIF_FRAMES))
        own = float(fps / self.step)
        rate = max(min(max(own, GIF_SLOWEST), float(fps)), SLOWEST)
        self.hundredths = max(2, round(100 / rate))  # of a second; players slow down below 2
        self.speed = 100 / self.hundredths / own
        self._pictures: list[Frame] = []

    def takes(self, index: int) -> bool:
        return index % self.step == 0

    def add(self, picture: Frame) -> None:
        self._pictures.append(picture)

    def write(self) -> None:
        """Write it in one palette, so that what stands still does not flicker."""
        from PIL import Image

        some = self._pictures[:: math.ceil(len(self._pictures) / SAMPLED)]
        sample = Image.fromarray(np.concatenate([picture[::4, ::4] for picture in some]))
        palette = sample.quantize(256, kmeans=2)
        first, *rest = (
            # dots of several colours for one would flicker, and take a third more bytes
            Image.fromarray(picture).quantize(palette=palette, dither=Image.Dither.NONE)
            for picture in self._pictures
        )
        first.save(
            self.path,
            format="GIF",
            save_all=True,
            append_images=rest,
            duration=10 * self.hundredths,
            loop=0,
        )
