"""SA-V: parts and wholes, small and hidden objects at 24 fps; objects may overlap, 000 is one.

ROOT/sav_{val,test}/ hold the list sav_{val,test}.txt, JPEGImages_24fps/<video>/00000.jpg and
Annotations_6fps/<video>/<object>/00000.png, one binary picture an object in every fourth frame;
ROOT may be one of the two. A method runs on all frames, the annotated ones are scored.
"""

from __future__ import annotations

from pathlib import Path

from vosbench.protocols import PROMPTED, SAV, SECVOS, VOLUMETRIC
from vosbench.toolbox.datasets.layout import choose_resolution, choose_split, read_names
from vosbench.toolbox.datasets.video_folders import VideoFolders, split_folder
from vosbench.types import Dataset, DatasetCard

SOURCE = "https://github.com/facebookresearch/sam2/tree/main/sav_dataset"
IMAGES, MASKS = "JPEGImages_24fps", "Annotations_6fps"

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
    splits={"val": (), "test": ()},
    counts={"val": 155, "test": 150},
    protocols=(SAV, SECVOS, VOLUMETRIC, PROMPTED),
    registration="https://ai.meta.com/datasets/segment-anything-video-downloads/ (accept the "
    "licence, take val and test), unpacked so that SA-V/sav_val/sav_val.txt exists",
    layout="""SA-V/sav_{val,test}/sav_{val,test}.txt   (a list of videos)
SA-V/sav_{val,test}/JPEGImages_24fps/<video>/00000.jpg 00001.jpg ...
SA-V/sav_{val,test}/Annotations_6fps/<video>/<object, from 000>/00000.png 00004.png ...""",
    frame_rate="24 fps; annotated at 6 fps, every fourth frame",
    prompts="each object in the first annotation that shows it, which may be a late one",
    scored="annotated frames less an object's first and last, from the first on where truth or "
    "prediction shows it",
    server="none needed: the truth of val and test is public",
)


def load(root: Path | None, *, split: str, resolution: str) -> Dataset:
    """Open ROOT/sav_<split> or ROOT by its list; "" stands for the card's default.

    Raises:
        UsageError: an unknown split, or any resolution.
        DataError: the folder lacks a part or the list.
    """
    split = choose_split(CARD, split)
    choose_resolution(CARD, resolution)
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
