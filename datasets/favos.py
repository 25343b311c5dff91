"""FaVOS: 200 videos whose objects are seen in a fifth or two fifths of the frames.

ROOT/favos-20.txt and favos-40.txt list the videos; JPEGImages/<video>/ and Annotations/<video>/
are matched by stem. The first annotated frame is the prompt, all others are scored. The authors'
program was not to be had: `volumetric` is our reading of what they say of it.
"""

from __future__ import annotations

from pathlib import Path

from vosbench.protocols import VOLUMETRIC
from vosbench.toolbox.datasets.layout import (
    choose_resolution,
    choose_split,
    find_root,
    read_names,
)
from vosbench.toolbox.datasets.video_folders import IMAGES, MASKS, VideoFolders, fitting
from vosbench.types import Dataset, DatasetCard

SOURCE = "https://huggingface.co/datasets/snu-aidas/FaVOS"

LISTS = {"favos-20": ("favos-20",), "favos-40": ("favos-40",), "all": ("favos-20", "favos-40")}

CARD = DatasetCard(
    name="favos",
    title="FaVOS",
    url=SOURCE,
    licence="annotations and 67 videos CC BY-NC 4.0; 133 videos of YFCC100M keep their own (the "
    "dataset's card)",
    citation="""@inproceedings{hong2026favos,
  title  = {When Predicting Nothing Beats SAM 3: Revisiting Evaluation in Video Object
            Segmentation},
  author = {Hong, Jihwan and Park, Woohyeon and Kim, Jaeik and Do, Jaeyoung},
  year   = {2026}
}""",
    folder="FaVOS",
    splits=dict.fromkeys(LISTS, ()),
    counts={"favos-20": 100, "favos-40": 100, "all": 200},
    default_split="all",
    protocols=fitting(VOLUMETRIC),
    registration="https://huggingface.co/datasets/snu-aidas/FaVOS (JPEGImages.zip, "
    "Annotations.zip, favos-20.txt, favos-40.txt), unpacked into FaVOS/",
    layout="""FaVOS/favos-20.txt, FaVOS/favos-40.txt   (a list of videos each)
FaVOS/JPEGImages/<video>/<frame>.jpg ...
FaVOS/Annotations/<video>/<frame>.png ...""",
    frame_rate="not known",
    prompts="the objects of the first annotated frame",
    scored="all annotated frames after the prompt, as volumes over the video (our reading)",
    server="none needed: the truth is public",
)


def load(root: Path | None, *, split: str, resolution: str) -> Dataset:
    """Open ROOT/favos-20.txt, favos-40.txt or both; "" stands for the card's default.

    Raises:
        UsageError: an unknown split, or any resolution.
        DataError: the folder lacks a part or a list.
    """
    split = choose_split(CARD, split)
    choose_resolution(CARD, resolution)
    root = find_root(CARD, root, (IMAGES, MASKS))
    names: dict[str, None] = {}
    for part in LISTS[split]:
        found = read_names(root / f"{part}.txt", "one name of a video a line")
        names |= dict.fromkeys(found)
    return VideoFolders(
        card=CARD,
        split=split,
        names=tuple(names),
        root=root,
        late=False,
        public=True,
    )
