"""LVOS v2: 720 videos of about a minute; objects come late, leave and come back.

The layout, and what counts, is in vosbench/toolbox/datasets/lvos.py.
"""

from __future__ import annotations

from pathlib import Path

from vosbench.protocols import LVOS
from vosbench.toolbox.datasets import lvos
from vosbench.toolbox.datasets.video_folders import fitting
from vosbench.types import Dataset, DatasetCard

SOURCE = "https://github.com/LingyiHongfd/lvos-evaluation"

CARD = DatasetCard(
    name="lvos-v2",
    title="LVOS v2",
    url="https://lingyihongfd.github.io/lvos.github.io/",
    licence="not stated where we looked: see the dataset's page",
    citation="""@article{hong2024lvos,
  title   = {LVOS: A Benchmark for Large-scale Long-term Video Object Segmentation},
  author  = {Hong, Lingyi and Liu, Zhongying and Chen, Wenchao and Tan, Chenzhi and Feng, Yuang and
             Zhou, Xinyu and Guo, Pinxue and Li, Jinglun and Chen, Zhaoyu and Gao, Shuyong and
             others},
  journal = {arXiv preprint arXiv:2404.19326},
  year    = {2024}
}""",
    folder="LVOS-v2",
    splits={"train": (), "valid": (), "test": ()},
    counts={"train": 420, "valid": 140, "test": 160},
    default_split="valid",
    protocols=fitting(LVOS),
    registration="https://lingyihongfd.github.io/lvos.github.io/ (archives of train, valid "
    "and test), unpacked so that LVOS-v2/valid/JPEGImages exists",
    layout=lvos.LAYOUT.format(folder="LVOS-v2"),
    frame_rate=lvos.FRAME_RATE,
    prompts=lvos.PROMPTS,
    scored=lvos.SCORED,
    server="none for test, which is kept for challenges (github.com/LingyiHongfd/LVOS, issue 6, "
    "2024); whether one lives is not known (2026-11); the truth of valid is public",
    submissions=(lvos.SUBMISSION,),
)


def load(root: Path | None, *, split: str, resolution: str) -> Dataset:
    """Open a split by its meta file; errors as of `open_lvos`; "" stands for the card's default."""
    return lvos.open_lvos(CARD, root, split, resolution)
