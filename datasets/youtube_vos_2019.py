"""YouTube-VOS 2019: short clips of many categories, of which some are not in the training set.

The 2019 edition: 507 videos and 1063 objects to validate on, 26 of 91 categories unseen.
The layout is in vosbench/toolbox/datasets/youtube_vos.py.
"""

from __future__ import annotations

from pathlib import Path

from vosbench.protocols import YOUTUBE_VOS_LOCAL
from vosbench.toolbox.datasets import youtube_vos
from vosbench.toolbox.datasets.servers import on_codalab
from vosbench.toolbox.datasets.video_folders import fitting
from vosbench.types import Dataset, DatasetCard

SOURCE = "https://youtube-vos.org/dataset/vos/"

CARD = DatasetCard(
    name="youtube-vos-2019",
    title="YouTube-VOS 2019",
    url=SOURCE,
    licence="annotations CC BY 4.0; data for non-commercial research only (youtube-vos.org, terms)",
    citation="""@article{vos2018,
  author  = {Ning Xu and Linjie Yang and Yuchen Fan and Dingcheng Yue and Yuchen Liang and Jianchao
             Yang and Thomas S. Huang},
  title   = {YouTube-VOS: {A} Large-Scale Video Object Segmentation Benchmark},
  journal = {CoRR},
  volume  = {abs/1809.03327},
  year    = {2018}
}""",
    folder="YouTube-VOS-2019",
    splits={"train": (), "valid": ()},
    counts={"train": 3471, "valid": 507},
    default_split="valid",
    protocols=fitting(YOUTUBE_VOS_LOCAL),
    registration="https://youtube-vos.org/dataset/vos/ (by registration: train, valid, and "
    "valid_all_frames for all frames), unpacked so that YouTube-VOS-2019/valid/meta.json exists",
    layout=youtube_vos.LAYOUT.format(folder="YouTube-VOS-2019"),
    frame_rate=youtube_vos.FRAME_RATE,
    prompts=youtube_vos.PROMPTS,
    scored=youtube_vos.SCORED,
    server=on_codalab(6066, "valid"),
    submissions=(youtube_vos.SUBMISSION,),
)


def load(root: Path | None, *, split: str, resolution: str) -> Dataset:
    """Open a split; errors as of `open_youtube_vos`; "" stands for the card's default."""
    return youtube_vos.open_youtube_vos(CARD, root, split, resolution)
