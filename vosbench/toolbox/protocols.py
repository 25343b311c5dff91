"""The scoring protocols that more than one dataset offers."""

from vosbench.types import ScoringProtocol

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
