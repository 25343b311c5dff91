"""MOSEv2: crowded scenes, objects that vanish and come back, shots that change; ids have gaps.

ROOT/{train,valid}/ hold JPEGImages/<video>/00000.jpg, Annotations/<video>/00000.png (palette) and
meta.json, whose `videos` name the objects of each video; ROOT may be one of the two. The objects
of meta.json count, seen or not. valid comes with the first frame's masks only: it can be run, not
scored, unless annotations of more frames lie there.
"""

from __future__ import annotations

from pathlib import Path

from vosbench.protocols import MOSEV2
from vosbench.toolbox.datasets.layout import choose_resolution, choose_split
from vosbench.toolbox.datasets.video_folders import (
    VideoFolders,
    fitting,
    listed_lengths,
    listed_objects,
    read_meta,
    split_folder,
)
from vosbench.types import Dataset, DatasetCard, Submission

SOURCE = "https://github.com/henghuiding/MOSE-api"

CARD = DatasetCard(
    name="mosev2",
    title="MOSEv2",
    url="https://mose.video",
    licence="CC BY-NC-SA 4.0 (the dataset's README)",
    citation="""@article{MOSEv2,
  title   = {{MOSEv2}: A More Challenging Dataset for Video Object Segmentation in Complex Scenes},
  author  = {Ding, Henghui and Ying, Kaining and Liu, Chang and He, Shuting and Jiang, Xudong and
             Jiang, Yu-Gang and Torr, Philip HS and Bai, Song},
  journal = {arXiv preprint arXiv:2508.05630},
  year    = {2025}
}""",
    folder="MOSEv2",
    splits={"train": (), "valid": ()},
    default_split="valid",
    protocols=fitting(MOSEV2),
    registration="https://huggingface.co/datasets/FudanCVL/MOSEv2 (train and valid archives; other "
    "mirrors at https://github.com/henghuiding/MOSE-api), unpacked into MOSEv2/",
    layout="""MOSEv2/{train,valid}/meta.json
MOSEv2/{train,valid}/JPEGImages/<video>/00000.jpg ...
MOSEv2/{train,valid}/Annotations/<video>/00000.png ...   (palette; valid: the first frame only)""",
    frame_rate="not known; train is annotated in every frame",
    prompts="each object of meta.json in the first annotation that shows it; for valid, in frame 0",
    scored="all frames of a video less the first and the last",
    server="https://www.codabench.org/competitions/10062/ scores valid; whether it lives is not "
    "known (2026-11), its authors named it in September 2025 (MOSE-api issue 18)",
    submissions=(
        Submission(
            name="mosev2",
            splits=("valid",),
            note="Its scorer takes the frames from the masks' names, and descends into a lone "
            "folder: with a single video all scores are 0.",
            source="github.com/henghuiding/MOSE-api (241977a), score.py reads such folders; that "
            "the server takes them packed as MOSEv1's is our reading",
        ),
    ),
)


def load(root: Path | None, *, split: str, resolution: str) -> Dataset:
    """Open ROOT/<split>/meta.json or ROOT/meta.json; "" stands for the card's default.

    Raises:
        UsageError: an unknown split, or any resolution.
        DataError: the folder lacks a part, or meta.json is not as expected.
    """
    split = choose_split(CARD, split)
    choose_resolution(CARD, resolution)
    folder = split_folder(CARD, root, split)
    meta = read_meta(folder / "meta.json", "the videos of the split with the ids of their objects")
    return VideoFolders(
        card=CARD,
        split=split,
        names=tuple(sorted(meta)),
        root=folder,
        listed=listed_objects(meta),
        lengths=listed_lengths(meta),
    )
