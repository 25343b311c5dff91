"""Read unlabelled clips, videos or folders of frames, into a cache of small frames.

Each clip is decoded once into one `.npy` file, uint8 (n, h, w, 3), whose short side is as asked.
The file's name is the sha256 of the clip's content and of the rule by which it was reduced, so that
a renamed clip is found again and a changed one is not. Training reads it through a memory map.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vosbench.errors import DataError
from vosbench.files import remove, replace
from vosbench.videos import (
    IMAGES,
    VIDEOS,
    FrameFolder,
    VideoFile,
    content,
    list_images,
    natural_key,
    opencv_video,
)

if TYPE_CHECKING:
    from vosbench.types import Frame

_RULE = "1 area"  # version of the cached format and of the reduction; part of every key
_SPARE = 200 * 2**20  # bytes left free on the disk


@dataclass(frozen=True)
class Clip:
    """A decoded clip.

    name: its path below the folder of clips. sha256: of the files it was decoded from.
    path: the cached frames. shape: (n, h, w, 3).
    """

    name: str
    sha256: str
    path: Path
    shape: tuple[int, ...]

    @property
    def frames(self) -> npt.NDArray[np.uint8]:
        """The frames (n, h, w, 3), read from the disk where they are touched.

        Mapped anew each time: a map holds an open file, and a training has thousands of clips.
        """
        return np.load(self.path, mmap_mode="r")  # type: ignore[no-any-return]


class Clips(NamedTuple):
    """The clips of a folder that can be used, and why the others cannot: name -> reason."""

    usable: tuple[Clip, ...]
    skipped: dict[str, str]


def cache_folder() -> Path:
    """Where decoded clips are kept: VOSBENCH_CACHE, else the user's cache folder, + clips."""
    own = os.environ.get("VOSBENCH_CACHE")
    if own:
        return Path(own).expanduser() / "clips"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "vosbench" / "clips"


def find(folder: Path) -> dict[str, FrameFolder | VideoFile]:
    """Every clip below a folder by its relative path, in natural order, unread.

    A video file is a clip, and so is a folder that holds pictures. Linked folders are entered, each
    once.

    Raises:
        DataError: there is no such folder, or it holds neither.
    """
    if not folder.is_dir():
        raise DataError(f"--videos {folder} is not a folder; expected videos or folders of frames")
    found: dict[str, FrameFolder | VideoFile] = {}
    entered: set[Path] = set()
    for where, folders, files in os.walk(folder, followlinks=True):
        here = Path(where)
        if here.resolve() in entered:  # a link to a folder above, or a second one to this
            folders.clear()
            continue
        entered.add(here.resolve())
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if Path(name).suffix.lower() in VIDEOS and not name.startswith("."):
                found[(here / name).relative_to(folder).as_posix()] = VideoFile(here / name)
        if pictures := list_images(here):
            found[here.relative_to(folder).as_posix()] = FrameFolder(pictures)
    if not found:
        raise DataError(
            f"--videos {folder} holds no clips: expected video files ({', '.join(VIDEOS)}) or "
            f"folders of pictures ({', '.join(IMAGES)}), at any depth"
        )
    return {name: found[name] for name in sorted(found, key=natural_key)}


def prepare(
    folder: Path,
    *,
    short_side: int,
    shortest: int = 1,
    progress: Callable[[str], None] = lambda name: None,
) -> Clips:
    """Decode the clips of a folder that are not in the cache yet.

    Args:
        folder: see `find`.
        short_side: of the cached frames, in pixels; 0 keeps their size.
        shortest: a clip with fewer frames is skipped, and so is one that is there twice: else
            a clip that is held out could be trained on under its other name.
        progress: called with each clip's name twice, when it is hashed and when it is decoded.

    Raises:
        DataError: the folder is missing or nothing in it can be used.
        OSError: the disk is too full for the decoded clips.
    """
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    skipped: dict[str, str] = {}
    keyed: dict[str, tuple[FrameFolder | VideoFile, str, Path]] = {}
    for name, source in find(folder).items():
        with _skipping(name, skipped):
            sha256 = _sha256(source)
            key = hashlib.sha256(f"{sha256} {_RULE} {short_side}".encode()).hexdigest()
            keyed[name] = (source, sha256, cache / f"{key[:32]}.npy")
        progress(name)
    missing = {path: source for source, _, path in keyed.values() if not path.is_file()}
    _check_room(cache, sum(_bytes(source, short_side) for source in missing.values()))
    usable: dict[Path, Clip] = {}
    for name, (source, sha256, path) in keyed.items():
        with _skipping(name, skipped):
            if path in usable:
                raise DataError(f"the same frames as {usable[path].name}")
            if not _is_whole(path):
                _decode(source, path, short_side)
            clip = Clip(name, sha256, path, np.load(path, mmap_mode="r").shape)
            if clip.shape[0] < shortest:
                raise DataError(f"{clip.shape[0]} frames, at least {shortest} are needed")
            usable[path] = clip
        progress(name)
    if not usable:
        reasons = [f"{name}: {reason}" for name, reason in skipped.items()]
        raise DataError([f"none of the {len(skipped)} clips in {folder} can be used:", *reasons])
    return Clips(tuple(usable.values()), skipped)


@contextmanager
def _skipping(name: str, skipped: dict[str, str]) -> Iterator[None]:
    """Note why a clip is skipped."""
    try:
        yield
    except DataError as error:
        skipped[name] = str(error)


def _sha256(source: FrameFolder | VideoFile) -> str:
    digest = hashlib.sha256()
    for piece in content(source):
        digest.update(piece)
    return digest.hexdigest()


def _bytes(source: FrameFolder | VideoFile, short_side: int) -> float:
    """The size of a clip once decoded, as far as its header tells; 0 for an unusable one."""
    from vosbench.toolbox.methods.images import too_narrow

    if isinstance(source, FrameFolder):
        try:
            count, (h, w) = len(source), source.size
        except DataError:
            return 0.0
    else:
        import cv2

        try:
            video = opencv_video(source.path)
        except DataError:
            return 0.0
        asked = (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH)
        count, h, w = (max(0, int(video.get(each))) for each in asked)
        video.release()
    if too_narrow(h, w, short_side=short_side):  # `_reduce` refuses it
        return 0.0
    scale = short_side / min(h, w) if short_side and h and w else 1.0
    return count * h * w * 3 * scale**2


def _check_room(folder: Path, needed: float) -> None:
    free = shutil.disk_usage(folder).free
    if needed and free < needed + _SPARE:
        raise OSError(
            f"the decoded clips need {needed / 2**20:.0f} MiB but only {free / 2**20:.0f} MiB are "
            f"free in {folder}; set VOSBENCH_CACHE to a folder on another disk, or a smaller "
            "short_side"
        )


def _is_whole(path: Path) -> bool:
    """Whether a cached clip is there and readable: a full or failing disk can cut it off later."""
    try:
        np.load(path, mmap_mode="r")
    except (FileNotFoundError, ValueError, EOFError):
        return False
    return True


def _decode(source: FrameFolder | VideoFile, path: Path, short_side: int) -> None:
    """Write a clip's frames, reduced, one after the other; the file is whole or not there."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    count, shape = 0, (0, 0, 0)
    try:
        with partial.open("wb") as file:
            for frame in source:
                small = _reduce(frame, short_side)
                if not count:
                    shape = small.shape
                    _write_header(file, 0, shape)
                file.write(small.tobytes())
                count += 1
            file.seek(0)
            _write_header(file, count, shape)
        replace(partial, path, inside=path.parent)
    finally:
        remove(partial, inside=path.parent)


def _write_header(file: Any, count: int, shape: tuple[int, ...]) -> None:
    """The header of a .npy file; numpy pads it so that a larger first axis takes no more room."""
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
    np.lib.format.write_array_header_1_0(file, header)


def _reduce(frame: Frame, short_side: int) -> Frame:
    """A frame with the given short side: averaged over areas, or interpolated when enlarged.

    Raises:
        DataError: it would become huge.
    """
    from vosbench.toolbox.methods.images import too_narrow

    h, w = frame.shape[:2]
    if too_narrow(h, w, short_side=short_side):
        raise DataError(
            f"frames of {h}x{w} (height x width) are too narrow to be enlarged to a short side of "
            f"{short_side} px"
        )
    scale = short_side / min(h, w) if short_side else 1.0
    if scale == 1.0:
        return frame

    return resized(frame, height=max(1, round(h * scale)), width=max(1, round(w * scale)))


def resized(frame: Frame, *, height: int, width: int) -> Frame:
    """A frame brought to a size, each axis on its own: averaged where it shrinks."""
    import cv2

    shrinks = height * width < frame.shape[0] * frame.shape[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(frame, (width, height), interpolation=way), np.uint8)


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a sample is cut out of a clip; sizes in pixels of the cached frames, gaps in frames."""

    frames: int
    gap_min: int
    gap_max: int
    crop: int
    resize: int
    reverse: bool
    flip: bool
    skip_static: float

    @property
    def shortest(self) -> int:
        """The frames that a clip must have."""
        return (self.frames - 1) * self.gap_max + 1


def choose_clip(clips: Sequence[Clip], number: int, *, seed: int) -> Clip:
    """The clip of the training's sample `number`: each comes once an epoch, in a new order."""
    epoch, place = divmod(number, len(clips))
    return clips[int(_order(len(clips), seed, epoch)[place])]


@lru_cache(maxsize=4)
def _order(number: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng((seed, 1, epoch)).permutation(number)


def sample(clip: Clip, sampling: Sampling, generator: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Frames (t, 3, h, w) in the order of their use, the target last."""
    for _ in range(8):  # a clip without any motion is used as it is
        frames = _draw(clip, sampling, generator)
        if _motion(frames) >= sampling.skip_static:
            break
    if sampling.resize:
        side = sampling.resize
        frames = np.stack([resized(frame, height=side, width=side) for frame in frames])
    return np.ascontiguousarray(frames.transpose(0, 3, 1, 2))  # (t, h, w, 3) -> (t, 3, h, w)


def _draw(clip: Clip, sampling: Sampling, generator: np.random.Generator) -> npt.NDArray[np.uint8]:
    gaps = generator.integers(sampling.gap_min, sampling.gap_max + 1, sampling.frames - 1)
    times = np.concatenate(([0], np.cumsum(gaps)))
    times += generator.integers(0, clip.shape[0] - int(times[-1]))
    if generator.random() < 0.5 and sampling.reverse:
        times = times[::-1]
    h, w = clip.shape[1:3]
    side_h, side_w = (min(h, sampling.crop), min(w, sampling.crop)) if sampling.crop else (h, w)
    top, left = generator.integers(0, (h - side_h + 1, w - side_w + 1))
    flipped = generator.random() < 0.5 and sampling.flip
    window = clip.frames[times, top : top + side_h, left : left + side_w]
    return window[:, :, ::-1] if flipped else window


def _motion(frames: npt.NDArray[np.uint8]) -> float:
    """Mean absolute difference of the target and the frame before it, of 0 to 255."""
    few = frames[-2:, ::2, ::2].astype(np.int16)
    return float(np.abs(few[-1] - few[0]).mean())
