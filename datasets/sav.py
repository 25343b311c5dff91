"""SA-V: parts and wholes, small and hidden objects at 24 fps; objects may overlap, 000 is one.

ROOT/sav_{val,test}/ hold the list sav_{val,test}.txt, JPEGImages_24fps/<video>/00000.jpg and
Annotations_6fps/<video>/<object>/00000.png, one binary picture an object in every fourth frame;
ROOT may be one of the two. A method runs on all frames, the annotated ones are scored.

ROOT/sav_train/ holds <video>.mp4 and <video>_manual.json in any folders: run lengths of the
masklets that people made, by annotated frame, then by object. <video>_auto.json is not used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vosbench.errors import DataError
from vosbench.protocols import MOSEV1, MOSEV2, PROMPTED, SAV, SECVOS, VOLUMETRIC
from vosbench.stored import open_stored
from vosbench.toolbox.datasets.annotations import FirstMasks
from vosbench.toolbox.datasets.layout import (
    ListedDataset,
    choose_resolution,
    choose_split,
    read_names,
    shape,
    size_fault,
)
from vosbench.toolbox.datasets.video_folders import VideoFolders, split_folder
from vosbench.types import Audited, Dataset, DatasetCard, Masks, Sequence, Submission, check_name
from vosbench.videos import VideoFile

SOURCE = "https://github.com/facebookresearch/sam2/tree/main/sav_dataset"
IMAGES, MASKS = "JPEGImages_24fps", "Annotations_6fps"
MANUAL = "_manual.json"

CARD = DatasetCard(
    name="sav",
    title="SA-V",
    url="https://ai.meta.com/datasets/segment-anything-video/",
    licence="CC BY 4.0",
    citation="""@article{ravi2024sam2,
  title   = {SAM 2: Segment Anything in Images and Videos},
  author  = {Ravi, Nikhila and Gabeur, Valentin and Hu, Yuan-Ting and Hu, Ronghang and Ryali,
             Chaitanya and Ma, Tengyu and Khedr, Haitham and R{\\"a}dle, Roman and Rolland, Chloe
             and Gustafson, Laura and Mintun, Eric and Pan, Junting and Alwala, Kalyan Vasudev and
             Carion, Nicolas and Wu, Chao-Yuan and Girshick, Ross and Doll{\\'a}r, Piotr and
             Feichtenhofer, Christoph},
  journal = {arXiv preprint arXiv:2408.00714},
  year    = {2024}
}""",
    folder="SA-V",
    splits={"val": (), "test": (), "train": ()},
    counts={"val": 155, "test": 150, "train": 50_583},
    protocols=(SAV, SECVOS, MOSEV1, MOSEV2, VOLUMETRIC, PROMPTED),
    registration="https://ai.meta.com/datasets/segment-anything-video-downloads/ (accept the "
    "licence; val, test, and train if wanted), unpacked so that SA-V/sav_val/sav_val.txt exists",
    layout="""SA-V/sav_{val,test}/sav_{val,test}.txt   (a list of videos)
SA-V/sav_{val,test}/JPEGImages_24fps/<video>/00000.jpg 00001.jpg ...
SA-V/sav_{val,test}/Annotations_6fps/<video>/<object, from 000>/00000.png 00004.png ...
SA-V/sav_train/.../<video>.mp4, <video>_manual.json   (run lengths)""",
    frame_rate="24 fps; annotated at 6 fps, every fourth frame",
    prompts="each object in the first annotation that shows it, which may be a late one",
    scored="annotated frames less an object's first and last, from the first on where truth or "
    "prediction shows it",
    server="none needed: the truth is public",
    submissions=(
        Submission(
            name="sav",
            splits=("val", "test"),
            form="objects",
            frames="annotated",
            note="No server takes it: unpack it for sav_evaluator.py.",
            source="github.com/facebookresearch/sam2 (2b90b9f), sav_dataset/sav_evaluator.py",
        ),
    ),
)


def load(root: Path | None, *, split: str, resolution: str) -> Dataset:
    """Open ROOT/sav_<split> or ROOT by its list, train by its files; "" is the card's default.

    Raises:
        UsageError: an unknown split, or any resolution.
        DataError: the folder lacks a part or the list.
    """
    split = choose_split(CARD, split)
    choose_resolution(CARD, resolution)
    if split == "train":
        folder = split_folder(CARD, root, "sav_train", ())
        files = _videos(folder)
        return Train(card=CARD, split=split, names=tuple(files), root=folder, files=files)
    folder = split_folder(CARD, root, f"sav_{split}", (IMAGES, MASKS))
    return VideoFolders(
        card=CARD,
        split=split,
        names=read_names(folder / f"sav_{split}.txt", "one name of a video a line"),
        root=folder,
        images=folder / IMAGES,
        masks=folder / MASKS,
        public=True,
    )


def _videos(folder: Path) -> dict[str, Path]:
    """Video -> its JSON file, in the order of names; DataError if there is none."""
    found = sorted(folder.rglob(f"*{MANUAL}"), key=lambda path: path.name)
    files = {check_name(p.name.removesuffix(MANUAL), "sequence", p.parent): p for p in found}
    if not files:
        raise DataError(f"{folder} holds no <video>{MANUAL}; see {CARD.url}")
    return files


def _frame_count(path: Path) -> int:
    """How many frames a JSON file says that its video has, which need not be decoded then; or 0.

    A number of more digits, whose names would fill the memory, is not believed.
    """
    found = re.search(rb'"video_frame_count": *([0-9]{1,6})(?![0-9])', path.read_bytes())
    return int(found[1]) if found else 0


class Masklets(Mapping[int, Masks]):
    """Frame index -> the masklets of a JSON file; decoded when asked for."""

    def __init__(self, path: Path, name: str) -> None:
        """Read the file; DataError if it is damaged, or of another video."""
        self.path, self._name = path, name
        self._masks = open_stored(path)
        self._frames = {int(frame): frame for frame in self._masks.frames(name)}

    def __getitem__(self, index: int) -> Masks:
        return self._masks.read(self._name, self._frames[index])

    def __contains__(self, index: object) -> bool:
        return index in self._frames  # Mapping's own would decode

    def __iter__(self) -> Iterator[int]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)


@dataclass(kw_only=True)
class Train(ListedDataset):
    """The training set; files: video -> its JSON file, beside which the video lies."""

    files: Mapping[str, Path]

    def audit(self, name: str) -> Audited:
        """Read the masklets and compare the first one's size with the video's."""
        path, where = self.files[name], f"{self.card.name}/{name}"
        video = VideoFile(path.with_name(f"{name}.mp4"))
        try:
            truth = Masklets(path, name)
            names = tuple(f"{index:05d}" for index in range(_frame_count(path) or len(video)))
            faults = size_fault(path, shape(truth[0]), video.path, video.size, where)
        except DataError as error:
            return Audited(None, error.faults)
        if beyond := [index for index in truth if index >= len(names)]:
            faults.append(
                f"{path} has masks of frame {beyond[-1]}, but {video.path} has {len(names)} frames"
            )
        sequence = Sequence(
            name=name,
            frames=video,
            frame_names=names,
            prompts=FirstMasks(truth),
            truth=truth,
        )
        return Audited(sequence, tuple(faults))
