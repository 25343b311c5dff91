"""DAVIS-2017 with the unsupervised annotations of 2019: a method is to find the objects itself.

The masks lie in Annotations_unsupervised/<resolution>/<sequence>/; 255 is a void region. A method
may propose up to 20 objects a video. Those that need a start are given the objects of the first
annotation; their scores are no scores of the unsupervised task.
"""

from __future__ import annotations

from pathlib import Path

from vosbench.protocols import DAVIS2017_UNSUPERVISED
from vosbench.toolbox.datasets import davis
from vosbench.toolbox.datasets.layout import choose_resolution, choose_split
from vosbench.toolbox.datasets.video_folders import fitting
from vosbench.types import Dataset, DatasetCard

SOURCE = "https://davischallenge.org/challenge2019/index.html"

MASKS = "Annotations_unsupervised"

SPLITS = {key: names for key, names in davis.splits(2017).items() if key != davis.WITHHELD}

CARD = DatasetCard(
    name="davis2017-unsupervised",
    title="DAVIS-2017, unsupervised",
    url="https://davischallenge.org/davis2017/code.html",
    licence="CC BY-NC 4.0 (the archive's README)",
    citation="""@article{Caelles_arXiv_2019,
  author  = {Sergi Caelles and Jordi Pont-Tuset and Federico Perazzi and Alberto Montes and
             Kevis-Kokitsi Maninis and Luc {Van Gool}},
  title   = {The 2019 DAVIS Challenge on VOS: Unsupervised Multi-Object Segmentation},
  journal = {arXiv},
  year    = {2019}
}""",
    folder="DAVIS-2017",
    splits=SPLITS,
    resolutions=("480p", "Full-Resolution"),
    protocols=fitting(DAVIS2017_UNSUPERVISED),
    frames={name: davis.frame_counts(2017)[name] for name in SPLITS["trainval"]},
    attributes=davis.attributes(),
    registration="https://davischallenge.org/davis2017/code.html (the unsupervised archive of "
    "trainval), unpacked so that DAVIS-2017/Annotations_unsupervised exists",
    layout="""DAVIS-2017/ImageSets/2017/{train,val}.txt   (a list of sequences)
DAVIS-2017/JPEGImages/480p/<sequence>/00000.jpg ...
DAVIS-2017/Annotations_unsupervised/480p/<sequence>/00000.png ...   (palette; 255 is void)""",
    frame_rate="not stated; annotated in every frame",
    prompts="none in the task itself; methods that need one get the first annotation without void",
    scored="all frames, void left out; each object by the proposal that fits it best",
    server="none needed: the truth of train and val is public",
)


def load(root: Path | None, *, split: str, resolution: str) -> Dataset:
    """Open ROOT/ImageSets/2017/<split>.txt; "" stands for the card's default.

    Raises:
        UsageError: an unknown split or resolution.
        DataError: the folder is not a DAVIS archive's, or lacks the list.
    """
    split = choose_split(CARD, split)
    resolution = choose_resolution(CARD, resolution)
    root = davis.open_root(CARD, root, resolution, MASKS)
    names = davis.names_of(CARD, root, split)
    return davis.Davis(
        card=CARD,
        split=split,
        names=tuple(dict.fromkeys(names)),
        root=root,
        resolution=resolution,
        annotations=MASKS,
    )
