"""SegTrack-v2: 14 short videos, 24 objects, soft truth pictures, several quirks of layout.

ImageSets/all.txt names the sequences, some after a `*`. ImageSets/<sequence>.txt opens with a path
prefix (`girl/`) and goes on with stems, which need not start at 0. Under that prefix JPEGImages/
holds .png or .bmp frames and GroundTruth/ the truth of any extension: flat for one object, in
folders numbered by object for several. Truth is a colour picture with soft edges: > 127 is the
object. Where objects overlap, the later number wins. An object starts at its first frame that is
not empty. What no list names, such as JPEGImages/CSI_NY.jpg, is ignored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from vosbench.errors import DataError
from vosbench.masks import ids
from vosbench.protocols import PROMPTED, UNITED
from vosbench.toolbox.datasets.annotations import first_masks
from vosbench.toolbox.datasets.layout import (
    Foreground,
    ListedDataset,
    by_stem,
    choose_resolution,
    choose_split,
    find_root,
    read_lines,
    shape,
    size_fault,
)
from vosbench.types import Archive, Audited, Dataset, DatasetCard, Masks, Sequence, check_name
from vosbench.videos import FrameFolder

SOURCE = "https://web.engr.oregonstate.edu/~lif/SegTrack2/dataset.html"

# Objects per sequence, 24 in all.
OBJECTS = {
    "bird_of_paradise": 1,
    "birdfall": 1,
    "bmx": 2,
    "cheetah": 2,
    "drift": 2,
    "frog": 1,
    "girl": 1,
    "hummingbird": 2,
    "monkey": 1,
    "monkeydog": 2,
    "parachute": 1,
    "penguin": 6,
    "soldier": 1,
    "worm": 1,
}

CARD = DatasetCard(
    name="segtrackv2",
    title="SegTrack-v2",
    url=SOURCE,
    licence="none stated that we know of; used for research, cite the paper",
    citation="""@inproceedings{Li_ICCV_2013,
  author    = {Fuxin Li and Taeyoung Kim and Ahmad Humayun and David Tsai and James M. Rehg},
  title     = {Video Segmentation by Tracking Many Figure-Ground Segments},
  booktitle = {International Conference on Computer Vision},
  year      = {2013}
}""",
    folder="SegTrackv2",
    splits={"all": tuple(OBJECTS)},
    default_split="all",
    protocols=(
        replace(
            PROMPTED,
            name="segtrackv2",
            headline=("J",),
            description="mean J over frames per object, the prompted frame left out and the last "
            "one kept, then over all objects (24 in the full set)",
            source="vosbench: RPM-Net (WACV 2020) says only J",
        ),
        replace(
            PROMPTED,
            name="segtrackv2-sequences",
            average="sequences",
            headline=("J",),
            description="mean J over frames per object, the prompted frame left out and the last "
            "one kept, then over the objects of a sequence, then over the sequences (14 in full)",
            source="vosbench: RPM-Net (WACV 2020) says only J",
        ),
        replace(
            UNITED,
            name="segtrackv2-union",
            headline=("J",),
            description="all objects of a sequence are one; mean J over frames, the first left out "
            "and the last one kept, then over the sequences (14 in the full set)",
            source="vosbench: RPM-Net (WACV 2020) says only J",
        ),
    ),
    layout="""SegTrackv2/ImageSets/all.txt and <sequence>.txt   (lists of sequences and of frames)
SegTrackv2/JPEGImages/<sequence>/<frame>.png or .bmp
SegTrackv2/GroundTruth/<sequence>/<frame>.*, or <object>/<frame>.* for several objects""",
    frame_rate="not stated; annotated in every frame",
    prompts="each object in the first frame that shows it",
    scored="all frames after an object's prompt",
    server="none needed: the truth is public",
    archives=(
        Archive(
            url="https://web.engr.oregonstate.edu/~lif/SegTrack2/SegTrackv2.zip",
            filename="SegTrackv2.zip",
        ),
    ),
)


def load(root: Path | None, *, split: str, resolution: str) -> Dataset:
    """Open ROOT/ImageSets/all.txt; "" stands for the card's default.

    Raises:
        UsageError: an unknown split, or any resolution.
        DataError: the folder is not SegTrack-v2's, or lacks the list.
    """
    split = choose_split(CARD, split)
    choose_resolution(CARD, resolution)
    root = find_root(CARD, root, ("JPEGImages", "GroundTruth", "ImageSets"))
    path = root / "ImageSets" / "all.txt"
    lines = read_lines(path, "one sequence name a line, `*` before it")
    listed = (check_name(line.lstrip("*").strip(), "sequence", path) for line in lines)
    names = tuple(dict.fromkeys(listed))
    return SegTrack(card=CARD, split=split, names=names, root=root, objects=OBJECTS)


class SegTrack(ListedDataset):
    """SegTrack-v2 by its lists."""

    def audit(self, name: str) -> Audited:
        """Match the listed stems with frames and with every object's truth."""
        where = f"{self.card.name}/{name}"
        faults: list[str] = []
        list_of_it = self.root / "ImageSets" / f"{name}.txt"
        try:
            lines = read_lines(list_of_it, "a path prefix, then one stem a line")
        except DataError as error:
            return Audited(None, error.faults)
        prefix, stems = (lines[0], lines[1:]) if lines[0].endswith("/") else (name, lines)
        for part in prefix.rstrip("/").split("/"):
            check_name(part, "folder", list_of_it)
        images, truth = self.root / "JPEGImages" / prefix, self.root / "GroundTruth" / prefix
        files = by_stem(images, faults)
        layers = _layers(truth, faults)
        if not files or not layers or faults:
            return Audited(None, tuple(faults))
        faults += _missing(stems, files, images, f"frame of {where}")
        for number, layer in layers.items():
            faults += _missing(stems, layer, truth, f"truth of object {number} of {where}")
        listed = [stem for stem in stems if stem in files]
        if not listed:
            return Audited(None, tuple(faults))
        frames = FrameFolder(files[stem] for stem in listed)
        masks = Foreground(
            {
                i: tuple(layer[stem] for layer in layers.values())
                for i, stem in enumerate(listed)
                if all(stem in layer for layer in layers.values())
            },
            tuple(layers),
        )
        prompts: dict[int, Masks] = {}
        try:
            prompts = first_masks(masks, layers)
            for index in list(prompts)[:1]:
                faults += size_fault(
                    masks.paths[index][0],
                    shape(prompts[index]),
                    frames.paths[index],
                    frames.stored_size(index),
                    where,
                )
            complete = not faults  # else the object may be seen in what is missing
            seen = {number for prompt in prompts.values() for number in ids(prompt)}
            faults += [
                f"object {number} of {where} is never seen: its {len(layer)} pictures in {truth} "
                "are empty, or later objects hide it"
                for number, layer in layers.items()
                if complete and number not in seen
            ]
        except DataError as error:
            faults += error.faults
        sequence = Sequence(
            name=name, frames=frames, frame_names=tuple(listed), prompts=prompts, truth=masks
        )
        return Audited(sequence, tuple(faults))


def _layers(folder: Path, faults: list[str]) -> dict[int, dict[str, Path]]:
    """Object number -> stem -> truth picture: numbered folders, or flat files of object 1."""
    numbered = {}
    if folder.is_dir():
        numbered = {
            int(path.name): path
            for path in folder.iterdir()
            if path.name.isdecimal() and 0 < int(path.name) < 256 and path.is_dir()
        }
    if not numbered:
        flat = by_stem(folder, faults)
        return {1: flat} if flat else {}
    return {number: by_stem(path, faults) for number, path in sorted(numbered.items())}


def _missing(stems: Iterable[str], found: dict[str, Path], folder: Path, what: str) -> list[str]:
    """A fault for every listed stem without its file."""
    return [
        f"{folder / stem}.* is missing: {what} that its list names"
        for stem in stems
        if stem not in found
    ]
