"""PUMaVOS: parts of objects and other unusual masks, at 30 fps, annotated in every frame.

ROOT/JPEGImages/<video>/ and ROOT/Annotations/<video>/ are matched by stem; the videos are the
folders of JPEGImages/. No scorer comes with it: `prompted` is ours.
"""

from __future__ import annotations

from pathlib import Path

from vosbench.protocols import PROMPTED
from vosbench.toolbox.datasets.layout import choose_resolution, choose_split, find_root
from vosbench.toolbox.datasets.video_folders import (
    IMAGES,
    MASKS,
    VideoFolders,
    fitting,
    folder_names,
)
from vosbench.types import Dataset, DatasetCard

SOURCE = "https://github.com/max810/XMem2#pumavos-dataset"

CARD = DatasetCard(
    name="pumavos",
    title="PUMaVOS",
    url=SOURCE,
    licence="CC BY 4.0 (LICENSE_PUMaVOS of the repository)",
    citation="""@misc{bekuzarov2023xmem,
  title         = {XMem++: Production-level Video Segmentation From Few Annotated Frames},
  author        = {Maksym Bekuzarov and Ariana Bermudez and Joon-Young Lee and Hao Li},
  year          = {2023},
  eprint        = {2307.15958},
  archivePrefix = {arXiv}
}""",
    folder="PUMaVOS",
    splits={"all": ()},
    counts={"all": 24},
    default_split="all",
    protocols=fitting(PROMPTED),
    registration=f"{SOURCE} (a zip on Google Drive), unpacked into PUMaVOS/",
    layout="""PUMaVOS/JPEGImages/<video>/<frame>.jpg ...
PUMaVOS/Annotations/<video>/<frame>.png ...""",
    frame_rate="30 fps; annotated in every frame",
    prompts="each object in the first annotation that shows it",
    scored="all frames after an object's prompt (our rule; none comes with the data)",
    server="none: the truth is public",
)


def load(root: Path | None, *, split: str, resolution: str) -> Dataset:
    """List the videos of ROOT/JPEGImages; "" stands for the card's default.

    Raises:
        UsageError: an unknown split, or any resolution.
        DataError: the folder lacks a part, or holds no video.
    """
    split = choose_split(CARD, split)
    choose_resolution(CARD, resolution)
    root = find_root(CARD, root, (IMAGES, MASKS))
    return VideoFolders(
        card=CARD,
        split=split,
        names=folder_names(root / IMAGES),
        root=root,
        public=True,
    )
