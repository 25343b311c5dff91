"""The DAVIS layout, which both editions share, and the facts of their sequences.

JPEGImages/<resolution>/<sequence>/*.jpg and Annotations/<resolution>/<sequence>/*.png, matched by
stem. davis_sequences.csv holds edition, split, number of frames and attributes of all sequences.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from vosbench.errors import DataError
from vosbench.masks import LabelMap, OneObjectFiles, one_object, read_mask
from vosbench.toolbox.datasets.layout import (
    ListedDataset,
    MappedFiles,
    by_stem,
    find_root,
    read_names,
    shape,
    size_fault,
    without_void,
)
from vosbench.types import Audited, DatasetCard, Sequence
from vosbench.videos import FrameFolder

WITHHELD = "test-dev"  # the split whose truth is not public: only first annotations


class Fact(NamedTuple):
    """One row of davis_sequences.csv; `attributes` is () for 2017's own, which were not tagged."""

    sequence: str
    year: int
    split: str
    frames: int
    attributes: tuple[str, ...]


@cache
def facts() -> tuple[Fact, ...]:
    """All 120 sequences of both editions, in alphabetical order."""
    table = Path(__file__).with_name("davis_sequences.csv")
    with table.open(encoding="utf-8", newline="") as rows:
        return tuple(
            Fact(
                row["sequence"],
                int(row["year"]),
                row["split"],
                int(row["frames"]),
                tuple(row["attributes"].split()),
            )
            for row in csv.DictReader(rows)
        )


def splits(year: int) -> dict[str, tuple[str, ...]]:
    """The official lists of an edition; that of 2017 contains the sequences of 2016."""
    known = [fact for fact in facts() if fact.year <= year]
    lists = {
        split: tuple(fact.sequence for fact in known if fact.split == split)
        for split in ("train", "val", WITHHELD)
    }
    lists["trainval"] = tuple(sorted(lists["train"] + lists["val"]))
    return {split: names for split, names in lists.items() if names}


def frame_counts(year: int) -> dict[str, int]:
    """Sequence -> official number of frames, for an edition."""
    return {fact.sequence: fact.frames for fact in facts() if fact.year <= year}


def attributes() -> dict[str, tuple[str, ...]]:
    """Sequence -> attributes, for the 50 sequences of 2016; blackswan has none."""
    return {fact.sequence: fact.attributes for fact in facts() if fact.year == 2016}


def names_of(card: DatasetCard, root: Path, split: str) -> list[str]:
    """The names in ImageSets/2017/<split>.txt; `trainval` is both lists together."""
    names: list[str] = []
    for part in ("train", "val") if split == "trainval" else (split,):
        expected = f"one sequence name a line (it comes with the {part} archive of {card.url})"
        names += read_names(root / "ImageSets" / "2017" / f"{part}.txt", expected)
    return names


def open_root(
    card: DatasetCard, root: Path | None, resolution: str, annotations: str = "Annotations"
) -> Path:
    """The folder of a DAVIS archive; DataError if it lacks this resolution."""
    root = find_root(card, root, ("JPEGImages", annotations, "ImageSets"))
    for part in ("JPEGImages", annotations):
        if not (root / part / resolution).is_dir():
            there = sorted(p.name for p in (root / part).iterdir() if p.is_dir())
            raise DataError(
                f"{root / part / resolution} is missing: expected one folder per sequence; "
                f"{part}/ holds {', '.join(there) or 'nothing'}"
            )
    return root


@dataclass(kw_only=True)
class Davis(ListedDataset):
    """A split in the DAVIS layout.

    united: all ids are one object, id 1 (2016 stores it as 255).
    stems: frames that a list of 2016 promises per sequence; others are not held against a list.
    annotations: the folder of the masks.

    The truth of test-dev is not public; it is scored where annotations of all frames lie.
    """

    resolution: str
    united: bool = False
    stems: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    annotations: str = "Annotations"

    def audit(self, name: str) -> Audited:
        """Pair frames with annotations by stem and compare the first pair's sizes."""
        where = f"{self.card.name}/{name}"
        faults: list[str] = []
        images = self.root / "JPEGImages" / self.resolution / name
        frames = by_stem(images, faults)
        folder = self.root / self.annotations / self.resolution / name
        masks = by_stem(folder, faults, (".png",))
        if not frames or not masks:
            return Audited(None, tuple(faults))
        withheld = self.split == WITHHELD and len(masks) == 1
        needed = list(frames)[:1] if withheld else list(frames)
        faults += [
            f"annotation {folder / stem}.png is missing: its frame is {frames[stem].name} ({where})"
            for stem in needed
            if stem not in masks
        ]
        faults += [
            f"annotation {path} has no frame {stem}.jpg ({where})"
            for stem, path in masks.items()
            if stem not in frames
        ]
        faults += [
            f"frame {images / stem}.jpg is missing: {self.split}.txt lists it ({where})"
            for stem in self.stems.get(name, ())
            if stem not in frames
        ]
        pictures = FrameFolder(frames.values())
        paths = {i: masks[stem] for i, stem in enumerate(frames) if stem in masks}
        prompts: dict[int, LabelMap] = {}
        change = one_object if self.united else without_void
        if 0 in paths:
            try:
                prompts[0] = change(read_mask(paths[0]))
                faults += size_fault(
                    paths[0], shape(prompts[0]), pictures.paths[0], pictures.size, where
                )
                if not prompts[0].any():
                    faults.append(f"annotation {paths[0]} holds no object to start from ({where})")
            except DataError as error:
                faults += error.faults
        truth = OneObjectFiles(paths) if self.united else MappedFiles(paths, without_void)
        sequence = Sequence(
            name=name,
            frames=pictures,
            frame_names=tuple(frames),
            prompts=prompts,
            truth={} if withheld else truth,
            attributes=self.card.attributes.get(name, ()),
        )
        return Audited(sequence, tuple(faults))
