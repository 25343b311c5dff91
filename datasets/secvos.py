"""SeCVOS: 160 videos with many cuts between scenes, in which an object is to be known again.

ROOT/video_id.txt lists the videos; JPEGImages/<video>/ and Annotations/<video>/ are matched by
stem. scene_info.json, which gives the scenes for a test by scene, is not used.
"""

from __future__ import annotations

from pathlib import Path

from vosbench.protocols import SECVOS
from vosbench.toolbox.datasets.layout import (
    choose_resolution,
    choose_split,
    find_root,
    read_names,
)
from vosbench.toolbox.datasets.video_folders import IMAGES, MASKS, VideoFolders, fitting
from vosbench.types import Dataset, DatasetCard

SOURCE = "https://github.com/OpenIXCLab/SeC"

CARD = DatasetCard(
    name="secvos",
    title="SeCVOS",
    url="https://huggingface.co/datasets/OpenIXCLab/SeCVOS",
    licence="annotations CC BY-NC-SA 4.0 (the dataset's card)",
    citation="""@article{zhang2025sec,
  title   = {SeC: Advancing Complex Video Object Segmentation via Progressive Concept Construction},
  author  = {Zhixiong Zhang and Shuangrui Ding and Xiaoyi Dong and Songxin He and Jianfan Lin and
             Junsong Tang and Yuhang Zang and Yuhang Cao and Dahua Lin and Jiaqi Wang},
  journal = {arXiv preprint arXiv:2507.15852},
  year    = {2025}
}""",
    folder="SeCVOS",
    splits={"test": ()},
    counts={"test": 160},
    default_split="test",
    protocols=fitting(SECVOS),
    registration="https://huggingface.co/datasets/OpenIXCLab/SeCVOS (JPEGImages.zip, "
    "Annotations.zip, video_id.txt), unpacked into SeCVOS/",
    layout="""SeCVOS/video_id.txt   (a list of videos)
SeCVOS/JPEGImages/<video>/<frame>.jpg ...
SeCVOS/Annotations/<video>/<frame>.png ...""",
    frame_rate="not known",
    prompts="each object in the first annotation that shows it, which may be a late one",
    scored="by the rule of SA-V: annotated frames less the first and last, from the first on where "
    "truth or prediction shows the object",
    server="none needed: the truth is public",
)


def load(root: Path | None, *, split: str, resolution: str) -> Dataset:
    """Open ROOT/video_id.txt; "" stands for the card's default.

    Raises:
        UsageError: an unknown split, or any resolution.
        DataError: the folder lacks a part or the list.
    """
    split = choose_split(CARD, split)
    choose_resolution(CARD, resolution)
    root = find_root(CARD, root, (IMAGES, MASKS))
    return VideoFolders(
        card=CARD,
        split=split,
        names=read_names(root / "video_id.txt", "one name of a video a line"),
        root=root,
        public=True,
    )
