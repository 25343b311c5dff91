"""Scoring protocols that several datasets share, and whether object ids fit one."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import NamedTuple

from vosbench.errors import DataError, UsageError, did_you_mean
from vosbench.types import DatasetCard, ScoringProtocol


class PromptAt(NamedTuple):
    """Where the objects of a video are prompted, and which ways their masks are carried.

    frame: "first" = where the dataset prompts each of them; "mid" = the middle annotated frame;
        else a frame's name or its number, counted from 0.
    direction: "forward", or "both" ways from each object's prompt.
    """

    frame: str = "first"
    direction: str = "forward"

    @property
    def words(self) -> dict[str, str]:
        """What is not as usual, as in a run's identity: {} where the dataset's prompts are used."""
        usual = PromptAt()
        named = {"prompt_at": self.frame, "direction": self.direction}
        return {k: v for (k, v), of in zip(named.items(), usual, strict=True) if v != of}


USUAL = PromptAt()
DIRECTIONS = ("forward", "both")


def moved(protocol: ScoringProtocol, at: PromptAt) -> ScoringProtocol:
    """What becomes of a protocol where prompts are moved; itself where they are not.

    Every annotated frame counts that the masks are carried to, but for that of the prompt, and
    every object that is prompted. How frames are scored and averaged stays. Its name says so, and
    ends in -local.

    Raises:
        UsageError: the protocol scores what nobody prompts.
    """
    if at == USUAL:
        return protocol
    if protocol.objects == "proposals":
        raise UsageError(
            f"protocol {protocol.name} scores objects that nobody prompts; --prompt-at and "
            "--direction need another --protocol"
        )
    both = at.direction == "both"
    parts = [f"prompt-at-{at.frame}"] * (at.frame != USUAL.frame) + ["both"] * both
    where = {"first": "where the dataset has it", "mid": "on the middle annotated frame"}
    what = "but its prompt's" if both else "after it"
    return dataclasses.replace(
        protocol,
        name="-".join([protocol.name.removesuffix("-local"), *parts, "local"]),
        objects="united" if protocol.objects == "united" else "prompted",
        drop_first=False,
        drop_last=False,
        frames="but-prompt" if both else "after-prompt",
        missing="refused",
        description=f"NOT as published: each object is prompted "
        f"{where.get(at.frame, f'on frame {at.frame}')} and scored on every annotated frame {what}"
        f"; the rest as {protocol.name}",
        source="vosbench",
    )


def choose_protocol(card: DatasetCard, name: str) -> ScoringProtocol:
    """The card's protocol of this name; for "", its first one."""
    if not name:
        return card.protocols[0]
    known = {protocol.name: protocol for protocol in card.protocols}
    if name not in known:
        raise UsageError(f"{card.name} has no protocol {name!r}; {did_you_mean(name, known)}")
    return known[name]


def ranked_by(protocol: ScoringProtocol) -> str:
    """The figure that a benchmark ranks by: its own, or J&F, or the only one there is."""
    if protocol.figures:
        return protocol.figures[0]
    return "J&F" if len(protocol.headline) > 1 else protocol.headline[0]


def check_numbered(
    found: Collection[int], what: str, card: DatasetCard, protocol: ScoringProtocol
) -> None:
    """Raise DataError if a protocol counts objects 1, 2, 3, ... and the ids leave a gap."""
    top = max(found, default=0)
    if phantoms := sorted(set(range(1, top)) - set(found)):
        raise DataError(
            f"{what} has the ids {sorted(found)}, but protocol {protocol.name} expects 1..{top} "
            f"without gaps: the official tool would count {phantoms} as objects too and give them "
            f"1.0; renumber the ids{or_use(card, 'prompted')}"
        )


def or_use(card: DatasetCard, objects: str) -> str:
    """`, or use --protocol NAME`, if the card has a protocol that counts objects this way."""
    names = [p.name for p in card.protocols if p.objects == objects and p.over == "frames"]
    return f", or use --protocol {names[-1]}" if names else ""


DAVIS2017 = ScoringProtocol(
    name="davis2017",
    objects="numbered",
    drop_first=True,
    drop_last=True,
    average="objects",
    description="semi-supervised DAVIS-2017: first and last frame dropped, mean over frames per "
    "object, then over all objects; truth 255 is background",
    source="github.com/davisvideochallenge/davis2017-evaluation",
)
DAVIS2016 = ScoringProtocol(
    name="davis2016",
    objects="united",
    drop_first=True,
    drop_last=True,
    average="objects",
    description="DAVIS-2016: all ids are one object, first and last frame dropped, mean over "
    "frames per sequence, then over sequences",
    source="Perazzi et al., CVPR 2016",
)
PROMPTED = ScoringProtocol(
    name="prompted",
    objects="prompted",
    drop_first=True,
    drop_last=False,
    frames="after-prompt",
    average="objects",
    description="every prompted id is an object, scored on the annotated frames after its prompt; "
    "mean over frames per object, then over all objects",
    source="vosbench",
)
UNITED = ScoringProtocol(
    name="united",
    objects="united",
    drop_first=True,
    drop_last=False,
    average="objects",
    description="all ids are one object, scored on the annotated frames after the first prompt; "
    "mean over frames per sequence, then over sequences",
    source="vosbench",
)
MOSEV1 = ScoringProtocol(
    name="mosev1",
    objects="first",
    drop_first=True,
    drop_last=True,
    extra_ids="ignored",
    average="objects",
    description="MOSEv1: the objects of the first annotation, first and last frame dropped, mean "
    "over frames per object, then over all objects",
    source="DAVIS-like by the authors' word; the server's program is not public",
)
MOSEV2 = ScoringProtocol(
    name="mosev2",
    objects="listed",
    drop_first=True,
    drop_last=True,
    region="smoothed",
    extra_ids="ignored",
    missing="zero",
    average="objects",
    figures=("J&Ḟ", "Ḟ", "J&Ḟ_d", "J&Ḟ_r"),
    description="MOSEv2: the objects of meta.json, first and last frame dropped; J is "
    "(intersection + 1) / (union + 1), Ḟ has a tolerance of a tenth of the object's side; d and r "
    "are means over the frames in which an object is gone and over those after it came back; a "
    "video without masks counts as 0",
    source="github.com/henghuiding/MOSE-api",
)
LVOS = ScoringProtocol(
    name="lvos",
    objects="listed",
    drop_first=True,
    drop_last=True,
    frames="own-range",
    extra_ids="ignored",
    average="object-groups",
    figures=("J&F", "J_seen", "J_unseen", "F_seen", "F_unseen", "V"),
    description="LVOS: each object on its own frames of the meta file less the first and last, "
    "mean over the objects of seen and of unseen videos, then of both; V is how unsteady an "
    "object's frames are",
    source="github.com/LingyiHongfd/lvos-evaluation",
)
SAV = ScoringProtocol(
    name="sav",
    objects="annotated",
    drop_first=True,
    drop_last=True,
    frames="from-sight",
    extra_ids="ignored",
    average="objects",
    description="SA-V: every annotated object on its annotated frames less the first and last, "
    "from the first one on where truth or prediction shows it; mean over frames per object, then "
    "over all objects",
    source="github.com/facebookresearch/sam2, sav_dataset",
)
SECVOS = dataclasses.replace(
    SAV,
    name="secvos",
    description=f"SeCVOS, by the rule of SA-V: {SAV.description.removeprefix('SA-V: ')}",
    source="github.com/OpenIXCLab/SeC",
)
VOST = ScoringProtocol(
    name="vost",
    objects="numbered",
    drop_first=True,
    drop_last=True,
    extra_ids="ignored",
    average="objects",
    headline=("J",),
    figures=("J", "J_last"),
    description="VOST: objects 1 to the highest id of the first annotation, first and last frame "
    "dropped; J_last is the mean over the last quarter of an object's frames",
    source="github.com/TRI-ML/VOST",
)
DAVIS2017_UNSUPERVISED = ScoringProtocol(
    name="davis2017-unsupervised",
    objects="proposals",
    drop_first=False,
    drop_last=False,
    void="ignored",
    average="objects",
    description="unsupervised DAVIS-2017: up to 20 proposals a video, matched with the objects so "
    "that the sum of J&F is highest; all frames count, void is left out of both masks",
    source="github.com/davisvideochallenge/davis2017-evaluation, task unsupervised",
)
YOUTUBE_VOS_LOCAL = ScoringProtocol(
    name="youtube-vos-local",
    objects="prompted",
    drop_first=True,
    drop_last=False,
    frames="after-prompt",
    extra_ids="ignored",
    average="object-groups",
    figures=("G", "J_seen", "J_unseen", "F_seen", "F_unseen"),
    description="our reading of YouTube-VOS, not its server's number: every object on the "
    "annotated frames after its first, mean over the objects of seen and of unseen categories, G "
    "is the mean of the four",
    source="vosbench; the server's program is not public",
)
VOLUMETRIC = ScoringProtocol(
    name="volumetric",
    objects="prompted",
    drop_first=True,
    drop_last=False,
    frames="after-prompt",
    over="volume",
    extra_ids="ignored",
    average="objects",
    description="our reading of FaVOS: J and F of an object from its pixels and contour pixels, "
    "summed over the frames after its first; mean over all objects that are there or predicted",
    source="vosbench; the authors' program was not to be had",
)
