"""JPEGImages/<video>/ beside Annotations/<video>/ with a list: how most benchmarks are laid out.

Annotations are label maps, or one folder an object with a binary picture a frame, as SA-V has.
Lists are read when a split is opened, folders are listed when a sequence is, masks are read when
they are asked for. Where all annotations are prompts, as in splits whose truth stays with a
server, there is no truth.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vosbench.errors import DataError, UsageError
from vosbench.protocols import (
    DAVIS2017,
    MOSEV1,
    MOSEV2,
    PROMPTED,
    SAV,
    UNITED,
    VOLUMETRIC,
    VOST,
)
from vosbench.toolbox.datasets.annotations import (
    FirstMasks,
    LayerFiles,
    listed_faults,
    open_truth,
)
from vosbench.toolbox.datasets.layout import (
    ListedDataset,
    MappedFiles,
    by_stem,
    find_root,
    mask_size,
    size_fault,
)
from vosbench.types import (
    Audited,
    DatasetCard,
    Listed,
    Masks,
    ScoringProtocol,
    Sequence,
    check_name,
)
from vosbench.videos import FrameFolder

IMAGES, MASKS = "JPEGImages", "Annotations"


def fitting(*own: ScoringProtocol) -> tuple[ScoringProtocol, ...]:
    """A card's own protocols, then the others that any such data can be scored by."""
    usual = (DAVIS2017, MOSEV1, MOSEV2, SAV, VOST, VOLUMETRIC, PROMPTED)
    united = () if any(protocol.objects == "united" for protocol in own) else (UNITED,)
    return (*own, *(protocol for protocol in (*united, *usual) if protocol not in own))


def split_folder(
    card: DatasetCard, root: Path | None, name: str, needs: Collection[str] = (IMAGES, MASKS)
) -> Path:
    """ROOT/<name>, or ROOT itself where that is the split's folder.

    Raises:
        UsageError: ROOT seems to be another split's; else as of `find_root`.
        DataError: as of `find_root`.
    """
    if root is not None and (root / name).is_dir():
        return find_root(card, root / name, needs)
    if root is not None and root.name in card.splits and root.name != name:
        raise UsageError(
            f"{root} seems to be the split {root.name!r} of {card.name}, not {name!r}; "
            f"use --split {root.name}, or --root {root.parent}"
        )
    return find_root(card, root, needs)


def read_meta(path: Path, expected: str) -> dict[str, dict[str, Any]]:
    """Video -> what a meta.json says of it: `{"videos": {video: {"objects": {id: {...}}}}}`.

    Args:
        path: the file.
        expected: what it should hold, for the message.

    Raises:
        DataError: it is missing, no JSON, or of another shape.
    """
    try:
        videos = json.loads(path.read_text(encoding="utf-8-sig"))["videos"]
        for name, video in videos.items():
            check_name(name, "sequence", path)
            if fault := _ids_fault(video.get("objects", {})):
                raise DataError(f"{path}: {name} {fault}; expected {expected}")
            for number, each in video.get("objects", {}).items():
                if not (number.isascii() and number.isdecimal() and isinstance(each, dict)):
                    raise DataError(
                        f"{path}: object {number!r} of {name} is not a number with its facts in "
                        f"braces; expected {expected}"
                    )
    except FileNotFoundError:
        raise DataError(f"{path} is missing: expected {expected}") from None
    except (
        OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError,
    ) as error:  # fmt: skip
        raise DataError(
            f'{path} cannot be read as {{"videos": {{name: {{"objects": {{...}}}}}}}}: '
            f"{type(error).__name__} {error}; expected {expected}"
        ) from error
    if not videos:
        raise DataError(f"{path} lists no video: expected {expected}")
    found: dict[str, dict[str, Any]] = videos
    return found


def _ids_fault(objects: Mapping[str, Any]) -> str:
    """What is wrong with numbers as ids, or ""."""
    numbers = [int(number) for number in objects if number.isascii() and number.isdecimal()]
    if len(set(numbers)) < len(numbers):
        return "lists an object twice"
    if max(numbers, default=0) > 65535:
        return f"lists object {max(numbers)}, but ids go up to 65535"
    return ""


def listed_objects(meta: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[int, Listed]]:
    """Video -> the ids of its objects in a meta.json that says no more of them."""
    return {
        name: {int(number): Listed() for number in video["objects"]}
        for name, video in meta.items()
        if "objects" in video
    }


def listed_lengths(meta: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Video -> its number of frames, where a meta.json says so."""
    lengths = {name: video.get("length") for name, video in meta.items()}
    return {name: length for name, length in lengths.items() if isinstance(length, int)}


def folder_names(folder: Path) -> tuple[str, ...]:
    """The videos of a dataset without a list: the folders in it, in order."""
    found = sorted(p.name for p in folder.iterdir() if p.is_dir() and p.name[0] != ".")
    if not found:
        raise DataError(f"{folder} holds no folder: expected one for each video")
    return tuple(found)


@dataclass(kw_only=True)
class VideoFolders(ListedDataset):
    """Videos whose frames and annotations lie in a folder each.

    images, masks: the folders that hold them, if not JPEGImages and Annotations in the root.
    listed: sequence -> object id -> what the dataset's lists say of it.
    starts: sequence -> object id -> the frame in which the lists say that it starts.
    lengths: sequence -> how many frames the lists say that it has.
    late: whether objects that the first annotation lacks are prompted where they appear.
    public: whether the split's truth is known to be public, so that no look tells.
    """

    images: Path | None = None
    masks: Path | None = None
    listed: Mapping[str, Mapping[int, Listed]] = field(default_factory=dict)
    starts: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)
    late: bool = True
    public: bool = False

    def audit(self, name: str) -> Audited:
        """Pair frames with annotations by stem and compare the first pair's sizes."""
        where = f"{self.card.name}/{name}"
        faults: list[str] = []
        images = (self.images or self.root / IMAGES) / name
        masks = (self.masks or self.root / MASKS) / name
        frames = by_stem(images, faults)
        truth = open_truth(masks, frames, where, faults)
        if not frames or not truth:
            return Audited(None, tuple(faults))
        faults += listed_faults(self.listed.get(name, ()), truth, where)
        if len(frames) != self.lengths.get(name, len(frames)):
            faults.append(
                f"{images} holds {len(frames)} frames, but the meta file lists "
                f"{self.lengths[name]} ({where}); is the archive unpacked whole?"
            )
        pictures = FrameFolder(frames.values())
        position = {stem: index for index, stem in enumerate(frames)}
        prompts: Mapping[int, Masks] = {}
        withheld = False
        try:
            first = next(iter(truth))
            mask = truth.paths[first] if isinstance(truth, MappedFiles) else truth.paths[first][0]
            file, size = pictures.paths[first], pictures.stored_size(first)
            faults += size_fault(mask, mask_size(mask), file, size, where)
            prompts = self._prompts(name, truth, position)
            withheld = self._withheld(name, truth, prompts, position)
        except DataError as error:
            faults += error.faults
        sequence = Sequence(
            name=name,
            frames=pictures,
            frame_names=tuple(frames),
            prompts=prompts,
            truth={} if withheld else truth,
            attributes=self.card.attributes.get(name, ()),
            objects=self.listed.get(name, {}),
        )
        return Audited(sequence, tuple(faults))

    def _prompts(
        self, name: str, truth: Mapping[int, Masks], position: Mapping[str, int]
    ) -> Mapping[int, Masks]:
        """The first mask of each object, to be looked for when asked for."""
        starts = {
            number: position[stem]
            for number, stem in self.starts.get(name, {}).items()
            if stem in position
        }
        return FirstMasks(truth, self.listed.get(name), starts, late=self.late)

    def _withheld(
        self,
        name: str,
        truth: MappedFiles | LayerFiles,
        prompts: Mapping[int, Masks],
        position: Mapping[str, int],
    ) -> bool:
        """Whether every annotation is a prompt; masks are read only where nothing else tells."""
        if len(truth) <= 1 or len(truth) == len(position) or self.public:
            return len(truth) <= 1
        starts = {position.get(stem) for stem in self.starts.get(name, {}).values()}
        if set(truth) <= starts:
            return True
        stored = truth.numbers.values() if isinstance(truth, LayerFiles) else ()
        objects = self.listed.get(name) or {number for numbers in stored for number in numbers}
        if 0 < len(objects) < len(truth):
            return False  # more annotations than objects, each of which starts once
        return set(truth) <= set(prompts)
