"""MOSEv1: crowded scenes, objects that are hidden and come back; ids have gaps.

ROOT/{train,valid}/ hold JPEGImages/<video>/00000.jpg and Annotations/<video>/00000.png (palette);
ROOT may be one of the two. A meta.json there names the videos and their objects; without one, the
videos are the folders of JPEGImages/. valid comes with the first frame's masks only: it can be
run, not scored, unless annotations of more frames lie there.
"""

from __future__ import annotations

from pathlib import Path

from vosbench.protocols import MOSEV1
from vosbench.toolbox.datasets.layout import choose_resolution, choose_split
from vosbench.toolbox.datasets.servers import on_codalab
from vosbench.toolbox.datasets.video_folders import (
    IMAGES,
    VideoFolders,
    fitting,
    folder_names,
    listed_lengths,
    listed_objects,
    read_meta,
    split_folder,
)
from vosbench.types import Dataset, DatasetCard, Submission

SOURCE = "https://github.com/henghuiding/MOSE-api"

CARD = DatasetCard(
    name="mosev1",
    title="MOSEv1",
    url="https://mose.video/MOSEv1/",
    licence="CC BY-NC-SA 4.0 (the dataset's README)",
    citation="""@inproceedings{MOSE,
  title     = {{MOSE}: A New Dataset for Video Object Segmentation in Complex Scenes},
  author    = {Ding, Henghui and Liu, Chang and He, Shuting and Jiang, Xudong and Torr, Philip HS
               and Bai, Song},
  booktitle = {ICCV},
  year      = {2023}
}""",
    folder="MOSE",
    splits={"train": (), "valid": ()},
    default_split="valid",
    protocols=fitting(MOSEV1),
    registration="https://huggingface.co/datasets/FudanCVL/MOSE (train and valid archives; other "
    "mirrors at https://github.com/henghuiding/MOSE-api), unpacked into MOSE/",
    layout="""MOSE/{train,valid}/JPEGImages/<video>/00000.jpg ...
MOSE/{train,valid}/Annotations/<video>/00000.png ...   (palette; valid: the first frame only)
MOSE/{train,valid}/meta.json   (the videos with their objects; may be missing)""",
    frame_rate="not known; train is annotated in every frame",
    prompts="each object in the first annotation that shows it; for valid, in frame 0",
    scored="all frames of a video less the first and the last; objects of the first frame",
    server=on_codalab(10703, "valid"),
    submissions=(
        Submission(
            name="mosev1",
            splits=("valid",),
            source="github.com/hkchengrex/Cutie (ec5cdd4), which packs so",
        ),
    ),
)


def load(root: Path | None, *, split: str, resolution: str) -> Dataset:
    """Open ROOT/<split> or ROOT; "" stands for the card's default.

    Raises:
        UsageError: an unknown split, or any resolution.
        DataError: the folder lacks a part, or its meta.json is not as expected.
    """
    split = choose_split(CARD, split)
    choose_resolution(CARD, resolution)
    folder = split_folder(CARD, root, split)
    file = folder / "meta.json"
    meta = read_meta(file, "the videos with their objects") if file.exists() else {}
    return VideoFolders(
        card=CARD,
        split=split,
        names=tuple(sorted(meta)) or folder_names(folder / IMAGES),
        root=folder,
        listed=listed_objects(meta),
        lengths=listed_lengths(meta),
    )
