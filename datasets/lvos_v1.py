"""LVOS v1: 220 videos of more than a minute; objects come late, leave and come back.

The layout, and what counts, is in vosbench/toolbox/datasets/lvos.py.
"""

from __future__ import annotations

from pathlib import Path

from vosbench.protocols import LVOS
from vosbench.toolbox.datasets import lvos
from vosbench.toolbox.datasets.servers import on_codalab
from vosbench.toolbox.datasets.video_folders import fitting
from vosbench.types import Dataset, DatasetCard

SOURCE = "https://github.com/LingyiHongfd/lvos-evaluation"

CARD = DatasetCard(
    name="lvos-v1",
    title="LVOS v1",
    url="https://lingyihongfd.github.io/lvos.github.io/",
    licence="not stated where we looked: see the dataset's page",
    citation="""@inproceedings{hong2023lvos,
  title     = {Lvos: A benchmark for long-term video object segmentation},
  author    = {Hong, Lingyi and Chen, Wenchao and Liu, Zhongying and Zhang, Wei and Guo, Pinxue and
               Chen, Zhaoyu and Zhang, Wenqiang},
  booktitle = {Proceedings of the IEEE/CVF International Conference on Computer Vision},
  pages     = {13480--13492},
  year      = {2023}
}""",
    folder="LVOS-v1",
    splits={"train": (), "valid": (), "test": ()},
    default_split="valid",
    protocols=fitting(LVOS),
    registration="https://lingyihongfd.github.io/lvos.github.io/ (archives of train, valid "
    "and test), unpacked so that LVOS-v1/valid/JPEGImages exists",
    layout=lvos.LAYOUT.format(folder="LVOS-v1"),
    frame_rate=lvos.FRAME_RATE,
    prompts=lvos.PROMPTS,
    scored=lvos.SCORED,
    server=on_codalab(8767, "test") + "; the truth of valid is public",
    submissions=(lvos.SUBMISSION,),
)


def load(root: Path | None, *, split: str, resolution: str) -> Dataset:
    """Open a split by its meta file; errors as of `open_lvos`; "" stands for the card's default."""
    return lvos.open_lvos(CARD, root, split, resolution)
