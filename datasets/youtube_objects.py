"""YouTube-Objects with the masks of Jain & Grauman: 126 shots of 10 classes, one object each.

ROOT/<class>/data/<4 digits>/shots/<3 digits>/{images,labels}/, matched by stem. Only annotated
frames (every tenth of the video) are in the archive and only they are the sequence; their stride
shows in the frame names. Labels are JPEG: > 127 is the object. Frames may have twice the label's
size and are then reduced to it by area averaging. A shot is named class_video_shot, its group is
the class. An empty first label moves the prompt to the first label that shows the object. A shot
with one annotated frame is listed and run but has nothing to score.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vosbench.errors import DataError
from vosbench.protocols import PROMPTED
from vosbench.toolbox.datasets.annotations import first_masks
from vosbench.toolbox.datasets.layout import (
    Foreground,
    ListedDataset,
    by_stem,
    choose_resolution,
    choose_split,
    find_root,
    shape,
    size_fault,
)
from vosbench.types import Audited, Dataset, DatasetCard, Masks, Sequence
from vosbench.videos import FrameFolder, is_twice

SOURCE = "http://vision.cs.utexas.edu/projects/videoseg/data_download_register.html"

# Shots with truth per class, 126 in all. cow/0019 and motorbike/0007 have one annotated frame,
# which leaves 124 to score.
SHOTS = {
    "aeroplane": 6,
    "bird": 6,
    "boat": 15,
    "car": 7,
    "cat": 16,
    "cow": 20,
    "dog": 27,
    "horse": 14,
    "motorbike": 10,
    "train": 5,
}

CARD = DatasetCard(
    name="youtube-objects",
    title="YouTube-Objects, masks of Jain & Grauman",
    url=SOURCE,
    licence="by registration with the authors; the videos belong to their uploaders",
    citation="""@inproceedings{Jain_ECCV_2014,
  author    = {Suyog Dutt Jain and Kristen Grauman},
  title     = {Supervoxel-Consistent Foreground Propagation in Video},
  booktitle = {European Conference on Computer Vision},
  year      = {2014}
}
@inproceedings{Prest_CVPR_2012,
  author    = {Alessandro Prest and Christian Leistner and Javier Civera and Cordelia Schmid and
               Vittorio Ferrari},
  title     = {Learning Object Class Detectors from Weakly Annotated Video},
  booktitle = {Computer Vision and Pattern Recognition},
  year      = {2012}
}""",
    folder="youtube_masks",
    splits={"all": ()},
    counts={"all": sum(SHOTS.values())},
    default_split="all",
    protocols=(
        replace(
            PROMPTED,
            name="youtube-objects",
            average="groups",
            headline=("J",),
            description="mean J over the annotated frames after the prompt per shot, then over the "
            "shots of a class, then over the 10 classes",
            source="vosbench, protocol A: RPM-Net (WACV 2020) says only J",
        ),
        replace(
            PROMPTED,
            name="youtube-objects-shots",
            average="sequences",
            headline=("J",),
            description="mean J over the annotated frames after the prompt per shot, then over all "
            "shots",
            source="vosbench, protocol B: RPM-Net (WACV 2020) says only J",
        ),
    ),
    layout="""youtube_masks/<class>/data/0001/shots/001/images/<frame>.*
youtube_masks/<class>/data/0001/shots/001/labels/<frame>.jpg""",
    frame_rate="not stated; every tenth frame is there, and annotated",
    prompts="the object of the first annotation that shows it",
    scored="all annotated frames after the prompt",
    server="none needed: the truth is public",
    registration=f"{SOURCE} (masks and annotated frames; full videos are at "
    "http://calvin-vision.net/datasets/youtube-objects-dataset/: take version 1, the frames of "
    "version 2 do not fit), unpacked so that youtube_masks/<class>/data exist",
)


def load(root: Path | None, *, split: str, resolution: str) -> Dataset:
    """List the shots on disk; "" stands for the card's default.

    Raises:
        UsageError: an unknown split, or any resolution.
        DataError: no class folder, or no shot in any.
    """
    split = choose_split(CARD, split)
    choose_resolution(CARD, resolution)
    here = [name for name in SHOTS if root is not None and (root / name / "data").is_dir()]
    root = find_root(CARD, root, [f"{name}/data" for name in here or list(SHOTS)[:1]])
    shots = {}
    for label in here:
        for path in sorted((root / label / "data").glob("[0-9]*/shots/[0-9]*")):
            if (path / "labels").is_dir():
                shots[f"{label}_{path.parent.parent.name}_{path.name}"] = path
    if not shots:
        raise DataError(
            f"{root} holds no shot: expected {here[0]}/data/0001/shots/001/labels/ and the like"
        )
    counts = {label: sum(name.startswith(f"{label}_") for name in shots) for label in SHOTS}
    notes = tuple(
        f"class {label}: {counts[label]} of the card's {expected} shots"
        for label, expected in SHOTS.items()
        if counts[label] != expected
    )
    return YouTubeObjects(card=CARD, split=split, names=tuple(shots), root=root, notes=notes)


class YouTubeObjects(ListedDataset):
    """The shots that have labels, by class, video and shot."""

    def audit(self, name: str) -> Audited:
        """Match labels with images by stem and compare the first pair's sizes."""
        label, video, shot = name.rsplit("_", 2)
        folder = self.root / label / "data" / video / "shots" / shot
        where = f"{self.card.name}/{name}"
        faults: list[str] = []
        images = by_stem(folder / "images", faults)
        labels = by_stem(folder / "labels", faults)
        if not images or not labels:
            return Audited(None, tuple(faults))
        faults += [
            f"frame {folder / 'images' / stem}.* is missing: its label is {path} ({where})"
            for stem, path in labels.items()
            if stem not in images
        ]
        stems = [stem for stem in labels if stem in images]
        if not stems:
            return Audited(None, tuple(faults))
        truth = Foreground({i: (labels[stem],) for i, stem in enumerate(stems)}, (1,))
        paths = [images[stem] for stem in stems]
        prompts: dict[int, Masks] = {}
        size = None
        try:
            size, stored = shape(truth[0]), FrameFolder(paths).size
            if not is_twice(stored, size):
                faults += size_fault(labels[stems[0]], size, paths[0], stored, where)
            prompts = first_masks(truth, (1,))
            if not prompts:
                faults.append(f"{folder / 'labels'}: all {len(stems)} labels are empty ({where})")
        except DataError as error:
            faults += error.faults
        sequence = Sequence(
            name=name,
            frames=FrameFolder(paths, size=size),
            frame_names=tuple(stems),
            prompts=prompts,
            truth=truth,
            group=label,
        )
        return Audited(sequence, tuple(faults))
