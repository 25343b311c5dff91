"""DAVIS-2016: one object a video, 30 training and 20 validation sequences, masks 0/255.

The archive lists pairs of files in ImageSets/<resolution>/<split>.txt. The archive of 2017 lists
names in ImageSets/2016/<split>.txt and can be used instead, with its objects united; its masks
were drawn again, so its scores differ a little. In both, every id above 0 is the object, id 1.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from vosbench.errors import DataError
from vosbench.protocols import DAVIS2016, UNITED
from vosbench.toolbox.datasets import davis
from vosbench.toolbox.datasets.layout import choose_resolution, choose_split, read_lines, read_names
from vosbench.types import Archive, Dataset, DatasetCard, check_name

SOURCE = "https://davischallenge.org/davis2016/code.html"

CARD = DatasetCard(
    name="davis2016",
    title="DAVIS-2016",
    url=SOURCE,
    licence="CC BY-NC 4.0 (the archive's README)",
    citation="""@inproceedings{Perazzi_CVPR_2016,
  author    = {Federico Perazzi and Jordi Pont-Tuset and Brian McWilliams and Luc {Van Gool} and
               Markus Gross and Alexander Sorkine-Hornung},
  title     = {A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation},
  booktitle = {Computer Vision and Pattern Recognition},
  year      = {2016}
}""",
    folder="DAVIS-2016",
    splits=davis.splits(2016),
    resolutions=("480p", "1080p", "Full-Resolution"),
    protocols=(DAVIS2016, UNITED),
    frames=davis.frame_counts(2016),
    attributes=davis.attributes(),
    layout="""DAVIS-2016/ImageSets/480p/{train,val}.txt   (pairs of files, one a line)
DAVIS-2016/JPEGImages/480p/<sequence>/00000.jpg ...
DAVIS-2016/Annotations/480p/<sequence>/00000.png ...   (0/255)""",
    frame_rate="not stated; annotated in every frame",
    prompts="the object of the first frame",
    scored="all frames less the first and the last",
    server="none needed: the truth of train and val is public",
    archives=(
        Archive(
            url="https://cgl.ethz.ch/Downloads/Data/Davis/DAVIS-data.zip",
            filename="DAVIS-data.zip",
        ),
    ),
)


def load(root: Path | None, *, split: str, resolution: str) -> Dataset:
    """Open a split by its list of pairs or of names; "" stands for the card's default.

    Raises:
        UsageError: an unknown split or resolution.
        DataError: the folder is not a DAVIS archive's, or lacks the list or has a strange line.
    """
    split = choose_split(CARD, split)
    resolution = choose_resolution(CARD, resolution)
    root = davis.open_root(CARD, root, resolution)
    stems: dict[str, tuple[str, ...]] = {}
    for part in ("train", "val") if split == "trainval" else (split,):
        stems |= _listed(root / "ImageSets", resolution, part)
    return davis.Davis(
        card=CARD,
        split=split,
        names=tuple(stems),
        root=root,
        resolution=resolution,
        united=True,
        stems=stems,
    )


def _listed(lists: Path, resolution: str, split: str) -> dict[str, tuple[str, ...]]:
    """Sequence -> the frames in the list; () if the list holds names only."""
    pairs, names = lists / resolution / f"{split}.txt", lists / "2016" / f"{split}.txt"
    if not pairs.is_file() and names.is_file():
        return dict.fromkeys(read_names(names, "one sequence name a line"), ())
    expected = "a frame and its annotation a line (or a list of names in ImageSets/2016/)"
    found: dict[str, tuple[str, ...]] = {}
    for line in read_lines(pairs, expected):
        frame = PurePosixPath(line.split()[0])
        if len(frame.parts) < 3 or frame.parts[-3] != resolution:
            raise DataError(
                f"{pairs}: {line!r} is not of the form "
                f"/JPEGImages/{resolution}/<sequence>/00000.jpg /Annotations/..."
            )
        name = check_name(frame.parts[-2], "sequence", pairs)
        found[name] = (*found.get(name, ()), check_name(frame.stem, "frame", pairs))
    return found
