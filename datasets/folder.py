"""Your own data: images/ and masks/ side by side, or a video file with one mask.

ROOT is one of
- a folder with images/<sequence>/*.jpg (or .png ...) or videos in images/ or videos/, and for each
  masks/<sequence>/*.png, or masks/<sequence>.png for the first frame alone;
- a folder with images/*.jpg and masks/*.png: one sequence, named like the folder;
- a video clip.mp4, with the mask of its first frame beside it in clip.png.
Masks are matched with frames by stem; a video's frames count 00000, 00001, ...

A mask's values are object ids, any from 1 to 254. An id starts at the first annotated frame that
shows it. 255 is void and becomes background, unless it is the only id in all masks of a sequence:
then it is its one object, id 1. A sequence with a single mask has a prompt and no truth; with
more, every annotated frame after the first is scored.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from vosbench.errors import DataError, UsageError
from vosbench.masks import VOID, MaskFiles, OneObjectFiles, ids
from vosbench.protocols import DAVIS2016, DAVIS2017, PROMPTED, UNITED
from vosbench.toolbox.datasets.annotations import first_masks
from vosbench.toolbox.datasets.layout import (
    ListedDataset,
    MappedFiles,
    by_stem,
    choose_resolution,
    choose_split,
    find_root,
    shape,
    size_fault,
    without_void,
)
from vosbench.types import Audited, Dataset, DatasetCard, Masks, Sequence, check_name
from vosbench.videos import VIDEOS, FrameFolder, VideoFile, list_files, list_images, natural_key

SOURCE = "your own folder or video"

CARD = DatasetCard(
    name="folder",
    title="Own data",
    url="README.md, your own data",
    licence="your own",
    citation="your own data",
    folder="",
    splits={"all": ()},
    default_split="all",
    protocols=(PROMPTED, DAVIS2017, DAVIS2016, UNITED),
)


class Clip(NamedTuple):
    """The frames (a folder or a video) and the masks (a folder or the first mask) of a sequence.

    fault: why it cannot be run, where its own name is the reason.
    """

    frames: Path
    masks: Path
    fault: str = ""


def load(root: Path | None, *, split: str, resolution: str) -> Dataset:
    """List the sequences under a folder, or the one video; "" stands for the card's default.

    Raises:
        UsageError: no root, an unknown split, or any resolution.
        DataError: the folder holds none of the layouts above.
    """
    split = choose_split(CARD, split)
    choose_resolution(CARD, resolution)
    if root is None:
        raise UsageError(
            "where are your data? give --root DIR (holding images/ and masks/) or --root clip.mp4"
        )
    clips = _video(root) if root.is_file() else _clips(find_root(CARD, root, ("masks",)))
    names = tuple(sorted(clips, key=natural_key))
    return Folder(card=CARD, split=split, names=names, root=root, clips=clips)


def _video(path: Path) -> dict[str, Clip]:
    """The one sequence of a video file."""
    if path.suffix.lower() not in VIDEOS:
        raise DataError(f"{path} is no video: expected one of {', '.join(VIDEOS)}, or a folder")
    return {path.stem: Clip(path, path.with_suffix(".png"))}


def _clips(root: Path) -> dict[str, Clip]:
    """The sequences of a folder that holds masks/ and images/ or videos/."""
    images, videos, masks = root / "images", root / "videos", root / "masks"
    if images.is_dir() and list_images(images):
        return {root.resolve().name: Clip(images, masks)}
    sources: list[Path] = []
    if images.is_dir():
        sources += [p for p in images.iterdir() if p.is_dir() and not p.name.startswith(".")]
    for place in (images, videos):
        sources += list_files(place, VIDEOS) if place.is_dir() else []
    clips: dict[str, Clip] = {}
    for source in sources:
        name, fault = source.name if source.is_dir() else source.stem, ""
        try:
            check_name(name, "sequence", source.parent)
        except DataError as error:  # costs this one, under a name that can be written down
            fault, name = str(error), _writable(name)
        if name in clips:
            raise DataError(
                f"{source} and {clips[name].frames} are both named {name!r}; rename one"
            )
        single = masks / f"{name}.png"
        alone = os.path.lexists(single) and not (masks / name).is_dir()
        clips[name] = Clip(source, single if alone else masks / name, fault)
    if not clips:
        raise DataError(
            f"{root} holds no sequence: expected images/<sequence>/*.jpg, images/*.jpg or "
            "videos/*.mp4 beside masks/"
        )
    return clips


def _writable(name: str) -> str:
    """A name that stands for one that no file of ours may have: 60 characters, `_` for others."""
    kept = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in name[:60])
    return kept.strip().lstrip(".") or "_"


@dataclass(kw_only=True)
class Folder(ListedDataset):
    """A user's sequences by name."""

    clips: Mapping[str, Clip]

    def audit(self, name: str) -> Audited:
        """Match masks with frames by stem, find the ids, compare the first pair's sizes."""
        clip, where = self.clips[name], f"{self.card.name}/{name}"
        if clip.fault:
            return Audited(None, (clip.fault,))
        faults: list[str] = []
        frames, stems = _frames(clip.frames, faults)
        if not frames:
            return Audited(None, tuple(faults))
        if clip.masks.suffix == ".png":
            masks = {stems[0]: clip.masks}
        else:
            masks = by_stem(clip.masks, faults, (".png",))
        position = {stem: index for index, stem in enumerate(stems)}
        faults += [
            f"mask {path} has no frame {stem} in {clip.frames} ({where}); frames are named "
            f"{stems[0]} to {stems[-1]}"
            for stem, path in masks.items()
            if stem not in position
        ]
        paths = {position[stem]: path for stem, path in masks.items() if stem in position}
        truth, found = _truth(paths, faults)
        if getattr(truth, "change", None) is without_void:
            note = f"{where}: 255 is void and counts as background"
            self.notes = tuple(dict.fromkeys((*self.notes, note)))
        prompts: dict[int, Masks] = {}
        try:
            prompts = first_masks(truth, found)
            for index in list(prompts)[:1]:
                file = frames.paths[index] if isinstance(frames, FrameFolder) else frames.path
                faults += size_fault(paths[index], shape(prompts[index]), file, frames.size, where)
            if len(truth) == len(paths) > 0 and not prompts:
                faults.append(f"masks {clip.masks} hold no object to start from ({where})")
        except DataError as error:
            faults += error.faults
        sequence = Sequence(
            name=name,
            frames=frames,
            frame_names=stems,
            prompts=prompts,
            truth=truth if len(paths) > 1 else {},
        )
        return Audited(sequence, tuple(faults))


def _frames(source: Path, faults: list[str]) -> tuple[FrameFolder | VideoFile, tuple[str, ...]]:
    """Frames and their names; without frames, no names, and the fault is added to `faults`."""
    if source.is_dir():
        files = by_stem(source, faults)
        return FrameFolder(files.values()), tuple(files)
    video = VideoFile(source)
    try:
        return video, tuple(f"{index:05d}" for index in range(len(video)))
    except DataError as error:
        faults += error.faults
        return FrameFolder(()), ()


def _truth(paths: Mapping[int, Path], faults: list[str]) -> tuple[MaskFiles, set[int]]:
    """The masks with 255 resolved, and the ids in them; unreadable masks are faults."""
    stored = MaskFiles(paths)
    found: set[int] = set()
    readable: dict[int, Path] = {}
    for index, path in stored.paths.items():
        try:
            found.update(ids(stored[index]))
            readable[index] = path
        except DataError as error:
            faults += error.faults
    if found == {VOID}:
        return OneObjectFiles(readable), {1}
    if VOID in found:
        if VOID - 1 in found:
            faults.append(
                f"masks {next(iter(readable.values())).parent} have ids up to {VOID}, which is "
                f"void, not an object; number the objects from 1 to {VOID - 1}"
            )
        return MappedFiles(readable, without_void), found - {VOID}
    return MaskFiles(readable), found
