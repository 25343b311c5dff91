"""Read frames from folders of pictures and from video files, one at a time.

Both are sequences of frames (h, w, 3) uint8 RGB. Memory does not grow with their length: a frame
is decoded when it is asked for, and not kept.
"""

from __future__ import annotations

import collections.abc as cabc
import os
import re
from abc import abstractmethod
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cached_property
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np

from vosbench.errors import DataError, needing
from vosbench.files import irregular
from vosbench.types import Frame

if TYPE_CHECKING:
    import av
    import cv2
    from PIL import Image

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".tif", ".tiff", ".webp")
VIDEOS = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi")

# FFmpeg's names of what it may read, and what begins the lists that it would follow elsewhere
_ONLY = {
    "format_whitelist": "mov,matroska,avi,mpegts,mpeg,mpegvideo,m4v,asf,flv,ogg,ivf,h264,hevc,obu"
}
_LISTS = (b"ffconcat", b"#EXT", b"<", b"v=0", b"[", b"rtsp:", b"http")
_ORIENTATION = 0x0112  # the EXIF tag; values 5 to 8 swap height and width
# Pillow's names of these; it is to open nothing else, whatever a file is called: for PostScript it
# starts a program
FORMATS = ("JPEG", "PNG", "BMP", "PPM", "TIFF", "WEBP")
_SIZED = (0xC0, 0xC1, 0xC2)  # segments of a JPEG that hold its size
_SKIPPED = (0xC4, 0xDB, 0xDD, 0xE0, 0xFE)  # tables, JFIF and comments; EXIF would be 0xE1
_DEEP = ("I", "I;16", "I;16L", "I;16B", "F")  # Pillow would clip these to 8 bits


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Sort key that orders numbers by value.

    >>> sorted(["f10", "f9", "f1"], key=natural_key)
    ['f1', 'f9', 'f10']
    """
    parts = re.split(r"([0-9]+)", name)
    return tuple(int(p) if i % 2 else p for i, p in enumerate(parts)), name


def list_files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files with these suffixes (any case) in natural order, without hidden files."""
    if not folder.is_dir():
        raise DataError(f"{folder} is missing: expected a folder of {', '.join(suffixes)} files")
    return [path for path in named_so(folder, suffixes) if path.is_file()]


def named_so(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """All that is named as such a file, links that lead nowhere, folders and pipes among it."""
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes and not path.name.startswith(".")
    ]
    return sorted(found, key=lambda path: natural_key(path.name))


def list_images(folder: Path) -> list[Path]:
    """The pictures in a folder in natural order; DataError if there is no such folder."""
    return list_files(folder, IMAGES)


class _Frames(cabc.Sequence[Frame]):
    """Indexing, negative indices and slices over `_read`."""

    @abstractmethod
    def _read(self, index: int) -> Frame: ...

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> list[Frame]: ...
    def __getitem__(self, index: int | slice) -> Frame | list[Frame]:
        total = len(self)
        if isinstance(index, slice):
            return [self._read(i) for i in range(*index.indices(total))]
        if not -total <= index < total:
            raise IndexError(f"frame {index} of {total}")
        return self._read(index % total)


class Reordered(_Frames):
    """Some frames of a video in another order, such as backwards.

    Args:
        frames: all of them.
        order: the index of each frame that is given.
    """

    def __init__(self, frames: cabc.Sequence[Frame], order: range) -> None:
        self.frames, self.order = frames, order

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Frame]:
        if self.order.step == 1 and isinstance(self.frames, VideoFile):  # each would be sought
            return islice(iter(self.frames), self.order.start, self.order.stop)
        return super().__iter__()

    def _read(self, index: int) -> Frame:
        return self.frames[self.order[index]]


class FrameFolder(_Frames):
    """Picture files as frames, upright by their EXIF orientation, as people see them.

    Args:
        paths: the files, in order.
        size: (h, w) that the frames must have. Frames of twice that size (to a pixel, for odd
            ones) are reduced to it by averaging 2x2 pixels. None: all have the first one's size.

    Raises:
        DataError: when a frame is read that is missing, damaged, 16-bit or of another size.
    """

    def __init__(self, paths: Iterable[Path], *, size: tuple[int, int] | None = None) -> None:
        self.paths = tuple(paths)
        self._target = size

    def __len__(self) -> int:
        return len(self.paths)

    @cached_property
    def size(self) -> tuple[int, int]:
        """(h, w) of every frame; from the first file's header if no size was given."""
        return self._target or self.stored_size(0)

    def stored_size(self, index: int) -> tuple[int, int]:
        """(h, w) of one file, from its header, upright, before any reduction."""
        if size := _jpeg_size(self.paths[index]):
            return size
        with _opened(self.paths[index]) as image:
            w, h = image.size
            return (w, h) if image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8) else (h, w)

    def _read(self, index: int) -> Frame:
        from PIL import ImageOps

        path = self.paths[index]
        with _opened(path) as image:
            if image.mode in _DEEP:
                raise DataError(
                    f"frame {path} has mode {image.mode}, expected 8 bits a channel; convert it"
                )
            ImageOps.exif_transpose(image, in_place=True)
            rgb = image.convert("RGB")
        found, (h, w) = (rgb.height, rgb.width), self.size
        if self._target and found != self._target and is_twice(found, self._target):
            rgb = rgb.reduce(2).crop((0, 0, w, h))  # mean of 2x2 pixels, rounded once
        elif found != (h, w):
            like = "its mask" if self._target else f"the first frame {self.paths[0].name}"
            raise DataError(
                f"frame {path} is {found[0]}x{found[1]} but {like} is {h}x{w}; "
                "extract all frames of a sequence at one size"
            )
        return np.array(rgb)


def is_twice(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether a size is twice another, give or take a pixel: odd sizes round when halved."""
    return all(abs(a - 2 * b) <= 1 for a, b in zip(size, other, strict=True))


class VideoFile(_Frames):
    """The frames of a video file, rotated as its metadata say; pixels count as square.

    Iteration streams, by OpenCV where PyAV is not installed; all else needs PyAV. The length is
    counted by decoding once, because cut and truncated files announce a wrong one. That gives the
    times of all frames (8 bytes each), by which indexing seeks to the key frame before.

    Raises:
        DataError: when read, if the file is not a video, is damaged or changes its size midway.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __len__(self) -> int:
        return len(self._times)

    def __iter__(self) -> Iterator[Frame]:
        try:
            import av  # noqa: F401, whether it is there decides
        except ModuleNotFoundError:
            return _by_opencv(self.path)
        return map(self._picture, self._decode())

    @cached_property
    def size(self) -> tuple[int, int]:
        """(h, w) of the first frame, upright."""
        for frame in self._decode():
            quarter_turn = round(frame.rotation / 90) % 2
            return (frame.width, frame.height) if quarter_turn else (frame.height, frame.width)
        raise DataError(f"video {self.path} holds no frame that can be decoded")

    @cached_property
    def rate(self) -> Fraction | None:
        """Frames a second on average, as the file announces them; None where it does not."""
        with needing(f"video {self.path}"):
            import av

        check_video(self.path)
        try:
            with av.open(str(self.path), options=_ONLY) as container:
                streams = container.streams.video
                return (streams[0].average_rate or None) if streams else None
        except av.FFmpegError as error:
            raise DataError(self._unread(error)) from error

    @cached_property
    def _times(self) -> array[int]:
        """Presentation time of every frame in the stream's unit; -1 for a frame without one."""
        times = array("q", (-1 if f.pts is None else f.pts for f in self._decode()))
        if not times:
            raise DataError(f"video {self.path} holds no frame that can be decoded")
        return times

    @cached_property
    def _seekable(self) -> bool:
        return all(a < b for a, b in pairwise(self._times))

    def _read(self, index: int) -> Frame:
        if self._seekable and index:
            wanted = self._times[index]
            for frame in self._decode(start=wanted):
                if frame.pts == wanted:
                    return self._picture(frame)
                if frame.pts is None or frame.pts > wanted:
                    break  # the container's index is wrong; decoding from the start is not
        return self._picture(next(islice(self._decode(), index, None)))

    def _decode(self, start: int | None = None) -> Iterator[av.VideoFrame]:
        with needing(f"video {self.path}"):
            import av

        check_video(self.path)
        try:
            with av.open(str(self.path), options=_ONLY) as container:
                if not container.streams.video:
                    raise DataError(f"{self.path} holds no video stream")
                stream = container.streams.video[0]
                if start is not None:
                    container.seek(start, stream=stream)
                for number, frame in enumerate(container.decode(stream)):
                    if frame.is_corrupt and start is None:
                        raise DataError(
                            f"video {self.path} is damaged at frame {number}; copy it again or "
                            "cut it before"
                        )
                    yield frame
        except av.FFmpegError as error:
            raise DataError(self._unread(error)) from error

    def _unread(self, error: av.FFmpegError) -> str:
        return f"video {self.path} cannot be read: {error.strerror}; it may be damaged or cut off"

    def _picture(self, frame: av.VideoFrame) -> Frame:
        rgb = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
        if rgb.shape[:2] != self.size:
            raise DataError(
                f"video {self.path} changes its size from {self.size[0]}x{self.size[1]} to "
                f"{rgb.shape[0]}x{rgb.shape[1]}; re-encode it at one size"
            )
        return np.ascontiguousarray(rgb, dtype=np.uint8)


def check_video(path: Path) -> None:
    """DataError unless a file begins as a video does; FFmpeg would follow lists of other files."""
    if not path.is_file():
        raise DataError(f"video {irregular(path) or f'{path} is missing'}")
    with path.open("rb") as file:
        start = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(_LISTS):
        raise DataError(
            f"video {path} cannot be read: it is a list of other files, which are not followed"
        )


def _by_opencv(path: Path) -> Iterator[Frame]:
    """The frames of a video, upright; a damaged one ends where OpenCV gives up."""
    video = opencv_video(path)
    try:
        read, bgr = video.read()
        if not read:
            raise DataError(f"video {path} cannot be read: OpenCV finds no frame in it")
        while read:
            yield np.ascontiguousarray(bgr[:, :, ::-1], dtype=np.uint8)
            read, bgr = video.read()
    finally:
        video.release()


def opencv_video(path: Path) -> cv2.VideoCapture:
    """A video as OpenCV opens it; what is wrong with it we say, not FFmpeg on stderr.

    Raises:
        DataError: it does not begin as a video does.
    """
    import cv2

    check_video(path)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # read when the first is opened
    return cv2.VideoCapture(str(path))


def _jpeg_size(path: Path) -> tuple[int, int] | None:
    """(h, w) of a JPEG, without loading Pillow; None for others, and where EXIF may turn it."""
    if path.suffix.lower() not in (".jpg", ".jpeg") or irregular(path):
        return None
    try:
        with path.open("rb") as file:
            head = file.read(1 << 16)
    except OSError:
        return None
    at = 2
    while head[:2] == b"\xff\xd8" and head[at : at + 1] == b"\xff" and len(head) >= at + 9:
        kind, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4])
        if kind in _SIZED:
            h, w = int.from_bytes(head[at + 5 : at + 7]), int.from_bytes(head[at + 7 : at + 9])
            return (h, w) if h and w else None
        if kind not in _SKIPPED:
            return None
        at += 2 + length
    return None


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture with Pillow; anything wrong with it, now or when used, is a DataError."""
    from PIL import Image, UnidentifiedImageError

    if fault := irregular(path):
        raise DataError(f"frame {fault}")
    try:
        with Image.open(path, formats=FORMATS) as image:
            yield image
    except FileNotFoundError:
        raise DataError(f"frame {path} is missing") from None
    except UnidentifiedImageError:
        raise DataError(
            f"frame {path} cannot be read: it is no picture of {', '.join(FORMATS)}; "
            "it may be damaged"
        ) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"frame {path} cannot be read: {error}; it may be damaged") from error


def content(frames: cabc.Sequence[Frame]) -> Iterator[bytes]:
    """The bytes by which we notice that frames changed: those of their files, piece by piece.

    Of frames without files, the pixels of the first, the middle and the last one.

    Raises:
        DataError: a file cannot be read.
    """
    if isinstance(frames, Reordered):
        yield from content(frames.frames)
        return
    if isinstance(frames, FrameFolder):
        paths: tuple[Path, ...] = frames.paths
    elif isinstance(frames, VideoFile):
        paths = (frames.path,)
    else:
        yield from (frames[i].tobytes() for i in sorted({0, len(frames) // 2, len(frames) - 1}))
        return
    for path in paths:
        try:
            with path.open("rb") as file:
                while piece := file.read(1 << 20):
                    yield piece
        except OSError as error:
            raise DataError(f"frame {path} cannot be read: {error}") from error
