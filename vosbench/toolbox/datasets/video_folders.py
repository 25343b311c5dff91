"""JPEGImages/<video>/ beside Annotations/<video>/ with a list: how most benchmarks are laid out.

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

from vosbench.errors import DataError
from vosbench.protocols import DAVIS2017, MOSEV1, PROMPTED, SAV, UNITED, VOLUMETRIC, VOST
from vosbench.toolbox.datasets.layout import (
    ListedDataset,
    MappedFiles,
    by_stem,
    find_root,
    mask_size,
    size_fault,
    without_frames,
    without_void,
)
from vosbench.toolbox.datasets.prompts import FirstMasks
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
    usual = (DAVIS2017, MOSEV1, SAV, VOST, UNITED, VOLUMETRIC, PROMPTED)
    return (*own, *(protocol for protocol in usual if protocol not in own))


def split_folder(
    card: DatasetCard, root: Path | None, name: str, needs: Collection[str] = (IMAGES, MASKS)
) -> Path:
    """ROOT/<name>, or ROOT itself where that is the split's folder; errors as of `find_root`."""
    if root is not None and (root / name).is_dir():
        return find_root(card, root / name, needs)
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
            for number, each in video.get("objects", {}).items():
                if not (number.isascii() and number.isdecimal() and isinstance(each, dict)):
                    raise DataError(
                        f"{path}: object {number!r} of {name} is not a number with its facts in "
                        f"braces; expected {expected}"
                    )
    except FileNotFoundError:
        raise DataError(f"{path} is missing: expected {expected}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f'{path} cannot be read as {{"videos": {{name: {{"objects": {{...}}}}}}}}: '
            f"{type(error).__name__} {error}; expected {expected}"
        ) from error
    if not videos:
        raise DataError(f"{path} lists no video: expected {expected}")
    found: dict[str, dict[str, Any]] = videos
    return found


@dataclass(kw_only=True)
class VideoFolders(ListedDataset):
    """Videos whose frames and label maps lie in a folder each.

    images, masks: the folders that hold them.
    listed: sequence -> object id -> what the dataset's lists say of it.
    starts: sequence -> object id -> the frame in which the lists say that it starts.
    late: whether objects that the first annotation lacks are prompted where they appear.
    """

    images: Path
    masks: Path
    listed: Mapping[str, Mapping[int, Listed]] = field(default_factory=dict)
    starts: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    late: bool = True

    def audit(self, name: str) -> Audited:
        """Pair frames with annotations by stem and compare the first pair's sizes."""
        where = f"{self.card.name}/{name}"
        faults: list[str] = []
        frames = by_stem(self.images / name, faults)
        masks = by_stem(self.masks / name, faults, (".png",))
        if not frames or not masks:
            return Audited(None, tuple(faults))
        position = {stem: index for index, stem in enumerate(frames)}
        faults += without_frames(masks, frames, where)
        paths = {position[stem]: path for stem, path in masks.items() if stem in position}
        pictures = FrameFolder(frames.values())
        truth = MappedFiles(paths, without_void)
        prompts: Mapping[int, Masks] = {}
        withheld = False
        try:
            for index in list(truth)[:1]:
                file, size = pictures.paths[index], pictures.stored_size(index)
                faults += size_fault(paths[index], mask_size(paths[index]), file, size, where)
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
        self, name: str, truth: MappedFiles, position: Mapping[str, int]
    ) -> Mapping[int, Masks]:
        """The first mask of each object, to be looked for when asked for."""
        if not self.late:
            first = dict(list(truth.paths.items())[:1])
            return FirstMasks(MappedFiles(first, without_void))
        starts = {
            number: position[stem]
            for number, stem in self.starts.get(name, {}).items()
            if stem in position
        }
        return FirstMasks(truth, self.listed.get(name), starts)

    def _withheld(
        self,
        name: str,
        truth: Mapping[int, Masks],
        prompts: Mapping[int, Masks],
        position: Mapping[str, int],
    ) -> bool:
        """Whether every annotation is a prompt; masks are read only where no list tells."""
        if len(truth) <= 1 or len(truth) == len(position) or not self.late:
            return len(truth) <= 1
        starts = {position.get(stem) for stem in self.starts.get(name, {}).values()}
        return set(truth) <= (starts or set(prompts))
