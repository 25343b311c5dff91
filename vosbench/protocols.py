"""Scoring protocols that several datasets share, and whether object ids fit one."""

from __future__ import annotations

from collections.abc import Collection

from vosbench.errors import DataError, UsageError, did_you_mean
from vosbench.types import DatasetCard, ScoringProtocol


def choose_protocol(card: DatasetCard, name: str) -> ScoringProtocol:
    """The card's protocol of this name; for "", its first one."""
    if not name:
        return card.protocols[0]
    known = {protocol.name: protocol for protocol in card.protocols}
    if name not in known:
        raise UsageError(f"{card.name} has no protocol {name!r}; {did_you_mean(name, known)}")
    return known[name]


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
    names = [protocol.name for protocol in card.protocols if protocol.objects == objects]
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
