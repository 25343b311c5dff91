"""Masks as run lengths in JSON: COCO's compressed form, in the lists of YouTube-VIS and SA-V.

A mask is {"size": [h, w], "counts": TEXT}: lengths of runs of 0, 1, 0, ... down the columns, as
text of COCO's own kind (pycocotools), or a list of numbers. Two layouts hold whole videos:

- {"videos": [{"id", "file_names": ["cat/00000.jpg", ...], "height", "width", "name"?}],
  "annotations": [{"video_id", "id", "track_id"?, "segmentations": [mask or null, ...]}]}, the
  layout of YouTube-VIS; an object's id is its `track_id`, else its `id`; null is no visible object;
- {"video_id", "masklet": [[mask, ...], ...], "masklet_id": [0, ...]}, one video of SA-V's training
  set: by annotated frame, then by object; every fourth frame is annotated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from vosbench.errors import DataError, NoMasksError, nearest
from vosbench.files import misfit
from vosbench.types import Layers, check_name

_SAV_RATE = 24  # frames a second of SA-V's videos; annotated at 6 unless the file says `fps`
_MAX_PIXELS = 1 << 26
_MAX_ID = (1 << 31) - 1
_VIDEOS = {
    "videos": [{"id": int, "file_names": [str], "height": int, "width": int, "name?": str}],
    "annotations": [
        {
            "video_id": int, "id": int, "track_id?": int,
            "segmentations": [(dict, list, type(None))],
        }
    ],
}  # fmt: skip
_MASKLETS = {"video_id": str, "masklet": [[(dict, list, type(None))]], "masklet_id": [int]}
Counts = npt.NDArray[np.int64]  # lengths of runs of 0, 1, 0, ...


def encode(mask: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """One object's mask (h, w) as run lengths, the same text as that of pycocotools.

    >>> encode(np.array([[0, 1], [0, 1]], bool))
    {'size': [2, 2], 'counts': '22'}
    """
    flat = mask.T.ravel()  # down the columns
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts = np.concatenate([[0] * (1 + bool(flat[:1].any())), edges, [flat.size]])
    return {"size": list(mask.shape), "counts": _as_text(np.diff(starts))}


def decode(run_lengths: Any, where: str) -> npt.NDArray[np.bool_]:
    """The mask (h, w) of run lengths; `encode` undone.

    Raises:
        DataError: they are of another form, or do not fill the size; where: for messages.
    """
    if isinstance(run_lengths, list):
        raise DataError(f"{where} is a polygon, expected run lengths: an object with size, counts")
    if fault := misfit(run_lengths, {"size": [int], "counts": (str, list)}):
        raise DataError(f"{where} holds no run lengths: {fault}")
    size, counts = run_lengths["size"], run_lengths["counts"]
    if len(size) != 2 or min(size) < 1 or size[0] * size[1] > _MAX_PIXELS:
        raise DataError(f"{where} has the size {size}, expected [height, width]")
    try:
        lengths = _from_text(counts) if isinstance(counts, str) else _from_list(counts)
    except (ValueError, OverflowError, TypeError) as error:
        raise DataError(f"{where} has counts that are no run lengths: {error}") from error
    h, w = size
    if lengths.ndim != 1 or ((lengths < 0) | (lengths > h * w)).any() or lengths.sum() != h * w:
        total = sum(lengths.ravel().tolist())  # in Python's numbers, which do not overflow
        raise DataError(f"{where} has runs of {total} pixels, but {h}x{w} is {h * w}")
    ones = np.arange(len(lengths)) % 2 == 1
    return np.ascontiguousarray(np.repeat(ones, lengths).reshape(w, h).T)


def _as_text(counts: Counts) -> str:
    """Five bits a character, low ones first, 32 where more come; from the fourth on differences."""
    values = counts.copy()
    values[3:] -= counts[1:-2]
    columns, used, going = [], [], np.ones(len(values), np.bool_)
    while going.any():
        digit = values & 31
        values >>= 5
        more = going & (values != np.where(digit & 16, -1, 0))
        columns.append(digit + 32 * more + 48)
        used.append(going)
        going = more
    return np.stack(columns, axis=1)[np.stack(used, axis=1)].astype(np.uint8).tobytes().decode()


def _from_text(text: str) -> Counts:
    """`_as_text` undone; ValueError if it is no such text."""
    codes = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - 48
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise ValueError(f"{text[:20]!r} is not the text of COCO")
    last = np.flatnonzero(codes & 32 == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    place = np.arange(len(codes)) - np.repeat(first, last - first + 1)
    if place.max() > 9:
        raise ValueError(f"{text[:20]!r} has a number of more than 50 bits")
    counts = np.add.reduceat((codes & 31) << (5 * place), first)
    counts -= np.where(codes[last] & 16, 1 << (5 * (place[last] + 1)), 0)  # negative
    counts[1::2] = np.cumsum(counts[1::2])
    counts[2::2] = np.cumsum(counts[2::2])
    return counts


def _from_list(listed: list[Any]) -> Counts:
    """Numbers as run lengths; ValueError for others, which NumPy would round or read as one."""
    if odd := [each for each in listed if type(each) is not int]:
        raise ValueError(f"{str(odd[0])[:20]} is no whole number")
    return np.array(listed, np.int64)


@dataclass(frozen=True)
class Video:
    """One video: frames -> their place in the lists of the objects, and each object's list.

    size: (h, w).
    """

    size: tuple[int, int]
    frames: Mapping[str, int]
    objects: Mapping[int, Sequence[Any]]


class RunLengths:
    """The masks of the videos in a JSON file; see `vosbench.stored.StoredMasks`."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            DataError: it is damaged, or of neither layout.
        """
        self.path = path
        try:
            content = json.loads(path.read_bytes())  # in any of the encodings of JSON
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"{path} is damaged: {error}; write it again") from error
        is_sav = isinstance(content, dict) and "masklet" in content
        if fault := misfit(content, _MASKLETS if is_sav else _VIDEOS):
            raise DataError(
                f"{path} holds no masks of videos: {fault}; expected run lengths as YouTube-VIS "
                "(videos, annotations) or SA-V (masklet) lists them"
            )
        self._videos = _of_sav(content, path) if is_sav else _of_youtube_vis(content, path)

    def __reduce__(self) -> tuple[type[RunLengths], tuple[Path]]:
        """Another process reads the file again, which is smaller than what it became."""
        return RunLengths, (self.path,)

    def sequences(self) -> tuple[str, ...]:
        """The names of the videos."""
        return tuple(sorted(self._videos))

    def frames(self, sequence: str) -> Collection[str]:
        """The frames that are listed."""
        return self._video(sequence).frames.keys()

    def objects(self, sequence: str) -> Mapping[int, Collection[str]]:
        """Every object, each listed for all frames."""
        video = self._video(sequence)
        return dict.fromkeys(video.objects, video.frames.keys())

    def read(self, sequence: str, frame: str, numbers: Collection[int] = ()) -> Layers:
        """The objects of a frame."""
        video = self._video(sequence)
        if frame not in video.frames:
            raise DataError(f"mask {self.place(sequence, frame)} is missing")
        kept = [number for number in video.objects if not numbers or number in numbers]
        stack = np.zeros((len(kept), *video.size), np.bool_)
        for layer, number in zip(stack, kept, strict=True):
            if (found := video.objects[number][video.frames[frame]]) is not None:
                where = f"mask {self.place(sequence, frame)}, object {number}"
                mask = decode(found, where)
                if mask.shape != video.size:
                    h, w = video.size
                    raise DataError(
                        f"{where} is {mask.shape[0]}x{mask.shape[1]}, but its video is {h}x{w}"
                    )
                layer[:] = mask
        return Layers(kept, stack)

    def place(self, sequence: str, frame: str = "") -> str:
        """Such as `x.json: cat, frame 00003`."""
        return f"{self.path}: {sequence}{f', frame {frame}' if frame else ''}"

    def strangers(self, sequence: str, frame_names: Sequence[str]) -> list[str]:
        """Frames that the video lists and the dataset has not."""
        known = set(frame_names)
        strange = [frame for frame in self._video(sequence).frames if frame not in known]
        if not strange:
            return []
        some = ", ".join(strange[:3]) + (", ..." if len(strange) > 3 else "")
        return [
            f"{self.place(sequence)}: {len(strange)} masks belong to no frame: {some}; frames are "
            f"named {frame_names[0]} to {frame_names[-1]}"
        ]

    def stamp(self, sequence: str) -> str:
        """Changes when the file does."""
        found = self.path.stat()
        text = f"{sequence} {found.st_size} {found.st_mtime_ns}"
        return hashlib.sha256(text.encode()).hexdigest()

    def _video(self, sequence: str) -> Video:
        if sequence in self._videos:
            return self._videos[sequence]
        near = nearest(sequence, self._videos).rstrip()
        some = ", ".join(self.sequences()[:3]) + (", ..." if len(self._videos) > 3 else "")
        raise NoMasksError(f"{self.path} has no video {sequence}; {near or f'it has {some}'}")


def _of_youtube_vis(content: Mapping[str, Any], path: Path) -> dict[str, Video]:
    videos: dict[int, tuple[str, Video]] = {}
    lists: dict[int, dict[int, Sequence[Any]]] = {}
    for each in content["videos"]:
        files = [PurePosixPath(name) for name in each["file_names"]]
        name = each.get("name") or (files[0].parent.name if files else "") or str(each["id"])
        check_name(name, "sequence", path)
        frames = {file.stem: place for place, file in enumerate(files)}
        if len(frames) < len(files) or name in {other for other, _ in videos.values()}:
            raise DataError(f"{path}: video {name} is listed twice, or a frame of it is")
        lists[each["id"]] = {}
        size = each["height"], each["width"]
        if min(size) < 1 or size[0] * size[1] > _MAX_PIXELS:
            raise DataError(f"{path}: video {name} has the height and width {size}")
        videos[each["id"]] = name, Video(size, frames, lists[each["id"]])
    if len(videos) < len(content["videos"]):
        raise DataError(f"{path}: two videos have one id; write it again")
    for each in content["annotations"]:
        number, masks = each.get("track_id", each["id"]), each["segmentations"]
        if each["video_id"] not in videos:
            raise DataError(f"{path}: annotation {each['id']} is of no video in it")
        name, video = videos[each["video_id"]]
        _check_id(number, path)
        if len(masks) != len(video.frames) or number in video.objects:
            raise DataError(
                f"{path}: object {number} of {name} has {len(masks)} masks for "
                f"{len(video.frames)} frames, or is listed twice"
            )
        lists[each["video_id"]][number] = masks
    return {
        name: Video(video.size, video.frames, dict(sorted(video.objects.items())))
        for name, video in videos.values()
    }


def _of_sav(content: Mapping[str, Any], path: Path) -> dict[str, Video]:
    name, numbers, masks = content["video_id"], content["masklet_id"], content["masklet"]
    check_name(name, "sequence", path)
    if wrong := [place for place, row in enumerate(masks) if len(row) != len(numbers)]:
        raise DataError(
            f"{path}: entry {wrong[0]} of masklet has {len(masks[wrong[0]])} masks, but masklet_id "
            f"lists {len(numbers)} objects"
        )
    for number in numbers:
        _check_id(number, path)
    if len(set(numbers)) < len(numbers):
        raise DataError(f"{path}: masklet_id lists an object twice: {numbers}")
    step = _step(content.get("fps", 6), path)
    frames = {f"{place * step:05d}": place for place in range(len(masks))}
    objects = {number: [row[at] for row in masks] for at, number in enumerate(numbers)}
    first = next((mask for row in masks for mask in row if mask is not None), None)
    if first is None:
        raise DataError(f"{path}: masklet holds no mask at all; its size is not known")
    h, w = decode(first, f"{path}: the first mask").shape
    return {name: Video((h, w), frames, dict(sorted(objects.items())))}


def _check_id(number: int, path: Path) -> None:
    if not 0 <= number <= _MAX_ID:
        raise DataError(f"{path}: object {number}: expected an id from 0 to {_MAX_ID}")


def _step(fps: Any, path: Path) -> int:
    """How many frames of a video of SA-V there are to one that is annotated."""
    rate = fps[0] if isinstance(fps, list) and fps else fps
    if not isinstance(rate, int | float) or not 1 <= rate <= _SAV_RATE:
        raise DataError(
            f"{path}: fps is {fps!r}, expected how many of the {_SAV_RATE} frames a second are "
            "annotated, such as 6"
        )
    return _SAV_RATE // int(rate)


def as_youtube_vis(
    videos: Iterable[tuple[str, Iterable[tuple[str, Layers]]]],
) -> dict[str, Any]:
    """The layout of YouTube-VIS for videos: name, and (frame, masks) in order, one held at a time.

    An object that a frame does not show or store is null there.

    Raises:
        DataError: the frames of a video have several sizes.
    """
    listed: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for name, of_frames in videos:
        masks: dict[int, list[Any]] = {}
        frames: list[str] = []
        h = w = 0
        for frame, layers in of_frames:
            if frames and layers.shape != (h, w):
                size = f"{layers.shape[0]}x{layers.shape[1]} but {frames[-1]} is {h}x{w}"
                raise DataError(
                    f"{name}: frame {frame} is {size}, and this layout has one size for a video; "
                    "resize with nearest neighbour"
                )
            h, w = layers.shape
            for number, layer in zip(layers.ids, layers.stack, strict=True):
                of_object = masks.setdefault(number, [])
                of_object += [None] * (len(frames) - len(of_object))
                of_object.append(encode(layer) if layer.any() else None)
            frames.append(frame)
        listed.append({
            "id": len(listed) + 1, "name": name, "height": h, "width": w,
            "length": len(frames), "file_names": [f"{name}/{frame}.jpg" for frame in frames],
        })  # fmt: skip
        for number, segmentations in sorted(masks.items()):
            segmentations += [None] * (len(frames) - len(segmentations))
            annotations.append({
                "id": len(annotations) + 1, "video_id": len(listed), "track_id": number,
                "category_id": 1, "segmentations": segmentations,
            })  # fmt: skip
    return {
        "videos": listed,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "object"}],
    }
