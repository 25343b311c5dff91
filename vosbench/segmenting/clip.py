"""A video file or a folder of pictures -> the frames of a clip, with their names and rate."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vosbench.errors import DataError
from vosbench.filming.video import USUAL_RATE
from vosbench.toolbox.datasets.layout import by_stem
from vosbench.types import check_name
from vosbench.videos import VIDEOS, FrameFolder, VideoFile


@dataclass(frozen=True)
class Clip:
    """A clip. names: of its frames, under which their masks are written. rate: frames a second."""

    path: Path
    name: str
    frames: FrameFolder | VideoFile
    names: tuple[str, ...]
    rate: Fraction

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) of every frame."""
        return self.frames.size


def open_clip(path: Path) -> Clip:
    """Open a clip; a video is decoded once for it, to count its frames and find it whole.

    Raises:
        DataError: it is not there, is neither of the two, or is damaged.
    """
    if path.is_dir():
        faults: list[str] = []
        files = by_stem(path, faults)
        if faults:
            raise DataError(faults)
        name = check_name(path.resolve().name, "clip", path.resolve().parent)
        return Clip(path, name, FrameFolder(files.values()), tuple(files), USUAL_RATE)
    if not path.exists():
        raise DataError(
            f"clip {path} is missing: expected a video ({', '.join(VIDEOS)}) or a folder of "
            "pictures"
        )
    if path.suffix.lower() not in VIDEOS:
        raise DataError(
            f"clip {path} is no video: expected one of {', '.join(VIDEOS)}, or a folder of pictures"
        )
    video = VideoFile(path)
    names = tuple(f"{index:05d}" for index in range(len(video)))
    name = check_name(path.stem, "clip", path.parent)
    return Clip(path, name, video, names, video.rate or USUAL_RATE)
