"""DAVIS-2017: several objects a video, 60 training, 30 validation and 30 test-dev sequences.

`test-dev` comes in its own archive with the first annotations only: it can be run, not scored.
`trainval` is both lists together.
"""

from __future__ import annotations

from pathlib import Path

from vosbench.errors import DataError
from vosbench.protocols import DAVIS2016, DAVIS2017
from vosbench.toolbox.datasets import davis
from vosbench.toolbox.datasets.layout import choose_resolution, choose_split
from vosbench.toolbox.datasets.servers import on_codalab
from vosbench.toolbox.datasets.video_folders import fitting
from vosbench.types import Archive, Dataset, DatasetCard, Submission

SOURCE = "https://davischallenge.org/davis2017/code.html"

CARD = DatasetCard(
    name="davis2017",
    title="DAVIS-2017, semi-supervised",
    url=SOURCE,
    licence="CC BY-NC 4.0 (the archive's README)",
    citation="""@article{Pont-Tuset_arXiv_2017,
  author  = {Jordi Pont-Tuset and Federico Perazzi and Sergi Caelles and Pablo Arbel\\'aez and
             Alexander Sorkine-Hornung and Luc {Van Gool}},
  title   = {The 2017 DAVIS Challenge on Video Object Segmentation},
  journal = {arXiv:1704.00675},
  year    = {2017}
}""",
    folder="DAVIS-2017",
    splits=davis.splits(2017),
    resolutions=("480p", "Full-Resolution"),
    protocols=fitting(DAVIS2017, DAVIS2016),
    frames=davis.frame_counts(2017),
    attributes=davis.attributes(),
    registration=f"test-dev comes in an archive of its own: {SOURCE}",
    layout="""DAVIS-2017/ImageSets/2017/{train,val,test-dev}.txt   (a list of sequences)
DAVIS-2017/JPEGImages/480p/<sequence>/00000.jpg ...
DAVIS-2017/Annotations/480p/<sequence>/00000.png ...   (palette; test-dev: the first frame only)""",
    frame_rate="not stated; annotated in every frame",
    prompts="the objects of the first frame",
    scored="all frames less the first and the last",
    server=on_codalab(6812, "test-dev") + "; the truth of train and val is public",
    archives=(
        Archive(
            url="https://data.vision.ee.ethz.ch/csergi/share/davis/DAVIS-2017-trainval-480p.zip",
            filename="DAVIS-2017-trainval-480p.zip",
        ),
    ),
    submissions=(
        Submission(
            name="davis2017-test-dev",
            splits=("test-dev",),
            note="Masks at 480p, the first frame too.",
            source="github.com/davisvideochallenge/davis2017-evaluation reads such folders",
        ),
    ),
)


def load(root: Path | None, *, split: str, resolution: str) -> Dataset:
    """Open ROOT/ImageSets/2017/<split>.txt; "" stands for the card's default.

    Raises:
        UsageError: an unknown split or resolution.
        DataError: the folder is not a DAVIS archive's, or lacks the list.
    """
    split = choose_split(CARD, split)
    resolution = choose_resolution(CARD, resolution)
    root = davis.open_root(CARD, root, resolution)
    names = davis.names_of(CARD, root, split)
    if len(set(names)) < len(names):
        raise DataError(f"{root / 'ImageSets' / '2017'}: train.txt and val.txt share a sequence")
    return davis.Davis(card=CARD, split=split, names=tuple(names), root=root, resolution=resolution)
