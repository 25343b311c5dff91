"""Your own data: images/ and masks/ side by side, or a video file with one mask.

ROOT is one of
- a folder with images/<sequence>/*.jpg (or .png ...) or videos in images/ or videos/, and for each
  masks/<sequence>/*.png, or masks/<sequence>.png for the first frame alone;
- a folder with images/*.jpg and masks/*.png: one sequence, named like the folder;
- a video clip.mp4, with the mask of its first frame beside it in clip.png.
JPEGImages/ and Annotations/ may stand for images/ and masks/, or JPEGImages_24fps/ and
Annotations_6fps/ as in SA-V. Masks are matched with frames by stem; a video's frames count 00000,
00001, ... A meta.json beside them, as YouTube-VOS, MOSE and LVOS have it, lists the objects.

A mask's values are object ids, any from 1 to 254. An id starts at the first annotated frame that
shows it. 255 is void and becomes background, unless it is the only id in all masks of a sequence:
then it is its one object, id 1; beside ids above 255 in 16-bit masks it is an object. Or each
object has its own masks/<sequence>/<id>/*.png, of 0 and another value; these may overlap. A
sequence whose masks are all prompts (a single one; or each shows only objects that none before it
has) has no truth; else every annotated frame after the first is scored.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from vosbench.errors import DataError, UsageError
from vosbench.masks import VOID, MaskFiles, OneObjectFiles, WideIdFiles, ids
from vosbench.protocols import (
    DAVIS2016,
    DAVIS2017,
    LVOS,
    MOSEV1,
    MOSEV2,
    PROMPTED,
    SAV,
    UNITED,
    VOLUMETRIC,
    VOST,
)
from vosbench.toolbox.datasets.annotations import (
    LayerFiles,
    first_masks,
    listed_faults,
    open_truth,
    shown,
)
from vosbench.toolbox.datasets.layout import (
    ListedDataset,
    MappedFiles,
    by_stem,
    choose_resolution,
    choose_split,
    find_root,
    mask_size,
    size_fault,
    without_void,
)
from vosbench.toolbox.datasets.lvos import ranges
from vosbench.toolbox.datasets.video_folders import read_meta
from vosbench.types import Audited, Dataset, DatasetCard, Listed, Masks, Sequence, check_name
from vosbench.videos import VIDEOS, FrameFolder, VideoFile, list_files, list_images, natural_key

SOURCE = "your own folder or video"

# the names of frames' and masks' folders, side by side
LAYOUTS = (
    ("images", "masks"),
    ("JPEGImages", "Annotations"),
    ("JPEGImages_24fps", "Annotations_6fps"),
)

CARD = DatasetCard(
    name="folder",
    title="Own data",
    url="README.md, your own data",
    licence="your own",
    citation="your own data",
    folder="",
    splits={"all": ()},
    default_split="all",
    protocols=(
        PROMPTED,
        *(DAVIS2017, DAVIS2016, UNITED, MOSEV1, MOSEV2, LVOS, SAV, VOST, VOLUMETRIC),
    ),
    layout="""DIR/images/<sequence>/00000.jpg ..., or videos in DIR/videos/   (or DIR/JPEGImages/)
DIR/masks/<sequence>/00000.png ...   (or DIR/Annotations/)
   or an object a folder: DIR/masks/<sequence>/<id>/00000.png
DIR/meta.json   (optional: the objects, as YouTube-VOS, MOSE and LVOS have it)
or one video, clip.mp4, with the mask of its first frame in clip.png""",
    frame_rate="any; every frame or some are annotated",
    prompts="each object in the first annotation that shows it",
    scored="all annotated frames after an object's prompt",
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
    facts: dict[str, Facts] = {}
    notes: tuple[str, ...] = ()
    if root.is_file():
        clips = _video(root)
    else:
        clips = _clips(root, *_places(root))
        try:
            facts = _facts(root / "meta.json")
        except DataError as error:
            notes = (f"meta.json is left out: {error}",)
    names = tuple(sorted(clips, key=natural_key))
    return Folder(
        card=CARD, split=split, names=names, root=root, clips=clips, facts=facts, notes=notes
    )


def _video(path: Path) -> dict[str, Clip]:
    """The one sequence of a video file."""
    if path.suffix.lower() not in VIDEOS:
        raise DataError(f"{path} is no video: expected one of {', '.join(VIDEOS)}, or a folder")
    return {path.stem: Clip(path, path.with_suffix(".png"))}


def _places(root: Path) -> tuple[Path, Path]:
    """The folders of frames and of masks.

    Raises:
        DataError: there are none; names the folder near it that has them.
    """
    for images, masks in LAYOUTS:
        if (root / masks).is_dir():
            return root / images, root / masks
    if root.is_dir():
        inside = [(path, masks) for path in sorted(root.iterdir()) for _, masks in LAYOUTS]
        if near := [path for path, masks in inside if (path / masks).is_dir()]:
            raise DataError(
                f"{root} does not hold masks/ beside images/, or Annotations/ beside JPEGImages/; "
                f"did you mean {near[0]}?"
            )
    find_root(CARD, root, ("masks",))
    return root / "images", root / "masks"


def _clips(root: Path, images: Path, masks: Path) -> dict[str, Clip]:
    """The sequences of a folder that holds masks, and frames or videos/."""
    videos = root / "videos"
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
            f"videos/*.mp4 beside {masks.name}/ (JPEGImages/ stands for images/)"
        )
    return clips


def _writable(name: str) -> str:
    """A name that stands for one that no file of ours may have: 60 characters, `_` for others."""
    kept = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in name[:60])
    return kept.strip().lstrip(".") or "_"


class Facts(NamedTuple):
    """What a meta.json says of a sequence: its objects, and their ranges of frames if it has."""

    objects: tuple[int, ...]
    ranges: Mapping[int, tuple[tuple[str, ...], int]]


def _facts(path: Path) -> dict[str, Facts]:
    """Sequence -> its facts; empty without a meta.json; DataError if it is of another form."""
    if not path.is_file():
        return {}
    facts = {}
    for name, video in read_meta(path, "videos with their objects").items():
        objects: dict[str, Any] = video.get("objects", {})
        ranged = any("frame_range" in each for each in objects.values())
        facts[name] = Facts(tuple(map(int, objects)), ranges(path, name, video) if ranged else {})
    return facts


@dataclass(kw_only=True)
class Folder(ListedDataset):
    """A user's sequences by name."""

    clips: Mapping[str, Clip]
    facts: Mapping[str, Facts]
    void: list[str] = field(default_factory=list)

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
            stored: MaskFiles | LayerFiles = MaskFiles({0: clip.masks})
        else:
            stored = open_truth(clip.masks, stems, where, faults)
        truth, found = _with_ids(stored, faults)
        named = self.facts.get(name, Facts((), {})).objects
        faults += listed_faults({*named} - found, truth, where)
        if getattr(truth, "change", None) is without_void:
            self._note_void(name)
        prompts: dict[int, Masks] = {}
        try:
            for index in list(truth)[:1]:
                paths = truth.paths[index]
                mask = paths if isinstance(paths, Path) else paths[0]
                file = frames.paths[index] if isinstance(frames, FrameFolder) else frames.path
                faults += size_fault(mask, mask_size(mask), file, frames.size, where)
            prompts = first_masks(truth, found)
            if truth and not prompts and not faults:
                faults.append(f"masks {clip.masks} hold no object to start from ({where})")
        except DataError as error:
            faults += error.faults
        sequence = Sequence(
            name=name,
            frames=frames,
            frame_names=stems,
            prompts=prompts,
            truth={} if _all_prompts(truth, prompts) else truth,
            objects=self._listed(name, stems, truth, prompts),
        )
        return Audited(sequence, tuple(faults))

    def _note_void(self, name: str) -> None:
        """One note for all sequences that have void."""
        if name not in self.void:
            self.void.append(name)
        said = "255 is void and counts as background"
        kept = [note for note in self.notes if not note.startswith(said)]
        many = f"{len(self.void)} sequences, such as " if len(self.void) > 1 else ""
        self.notes = (*kept, f"{said} in {many}{self.void[0]}")

    def _listed(
        self,
        name: str,
        stems: tuple[str, ...],
        truth: Mapping[int, Masks],
        prompts: Mapping[int, Masks],
    ) -> dict[int, Listed]:
        """The objects of meta.json or of the prompts; without a list, from the first sight on."""
        facts = self.facts.get(name, Facts((), {}))
        since = {number: index for index in prompts for number in ids(prompts[index])}
        listed = {}
        for number in facts.objects or since:
            if number in facts.ranges:
                listed[number] = Listed("", *facts.ranges[number])
                continue
            names = tuple(stems[i] for i in truth if i >= since.get(number, len(stems)))
            listed[number] = Listed("", names, len(names)) if names else Listed()
        return dict(sorted(listed.items()))


def _all_prompts(truth: Mapping[int, Masks], prompts: Mapping[int, Masks]) -> bool:
    """Whether each annotation shows only what starts there, as a benchmark's prompts do."""
    if len(truth) < 2 or set(truth) != set(prompts):
        return len(truth) < 2
    return all(shown(truth[index]) == set(ids(prompts[index])) for index in truth)


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


def _with_ids(
    stored: MaskFiles | LayerFiles, faults: list[str]
) -> tuple[MaskFiles | LayerFiles, set[int]]:
    """The masks with 255 resolved, and the ids in them; unreadable masks are faults."""
    if isinstance(stored, LayerFiles):
        return stored, {number for numbers in stored.numbers.values() for number in numbers}
    found: set[int] = set()
    readable: dict[int, Path] = {}
    masks = MaskFiles(stored.paths)
    for index, path in masks.paths.items():
        try:
            found.update(ids(masks[index]))
            readable[index] = path
        except DataError as error:
            faults += error.faults
    if found == {VOID}:
        return OneObjectFiles(readable), {1}
    if VOID not in found or max(found) > VOID:
        return (WideIdFiles if VOID in found else MaskFiles)(readable), found
    if VOID - 1 in found:
        faults.append(
            f"masks {next(iter(readable.values())).parent} have ids up to {VOID}, which is "
            f"void, not an object; number the objects from 1 to {VOID - 1}"
        )
    return MappedFiles(readable, without_void), found - {VOID}
