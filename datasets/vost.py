"""VOST: objects that are cut, peeled, broken and so change their looks; filmed by who does it.

ROOT/ImageSets/{train,val,test}.txt list the videos; JPEGImages/<video>/ and Annotations/<video>/
are matched by stem, and annotated frames are scored. The objects are those of the first
annotation, 1 to its highest id; 255 is a void region and counts as background.
"""

from __future__ import annotations

from pathlib import Path

from vosbench.protocols import VOST
from vosbench.toolbox.datasets.layout import (
    choose_resolution,
    choose_split,
    find_root,
    read_names,
)
from vosbench.toolbox.datasets.video_folders import IMAGES, MASKS, VideoFolders, fitting
from vosbench.types import Dataset, DatasetCard

SOURCE = "https://github.com/TRI-ML/VOST"

CARD = DatasetCard(
    name="vost",
    title="VOST",
    url="https://www.vostdataset.org",
    licence="not stated where we looked: see the dataset's page",
    citation="""@inproceedings{tokmakov2023breaking,
  title     = {Breaking the ``Object'' in Video Object Segmentation},
  author    = {Tokmakov, Pavel and Li, Jie and Gaidon, Adrien},
  booktitle = {CVPR},
  year      = {2023}
}""",
    folder="VOST",
    splits={"train": (), "val": (), "test": ()},
    protocols=fitting(VOST),
    registration="https://www.vostdataset.org/data.html, unpacked so that VOST/ImageSets exists",
    layout="""VOST/ImageSets/{train,val,test}.txt   (a list of videos)
VOST/JPEGImages/<video>/<frame>.jpg ...
VOST/Annotations/<video>/<frame>.png ...   (palette; 255 is void)""",
    frame_rate="not known; every frame that has an annotation counts",
    prompts="the objects of the first annotation; later ones are not prompted",
    scored="annotated frames less the first and the last; J only",
    server="not known (2026-11); the truth of val is public",
)


def load(root: Path | None, *, split: str, resolution: str) -> Dataset:
    """Open ROOT/ImageSets/<split>.txt; "" stands for the card's default.

    Raises:
        UsageError: an unknown split, or any resolution.
        DataError: the folder lacks a part or the list.
    """
    split = choose_split(CARD, split)
    choose_resolution(CARD, resolution)
    root = find_root(CARD, root, (IMAGES, MASKS, "ImageSets"))
    return VideoFolders(
        card=CARD,
        split=split,
        names=read_names(root / "ImageSets" / f"{split}.txt", "one name of a video a line"),
        root=root,
        late=False,
        public=True,
    )
