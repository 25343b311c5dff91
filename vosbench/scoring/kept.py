"""Whether counts that were kept are still those of the masks and the truth that are there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vosbench.errors import DataError
from vosbench.files import fingerprint
from vosbench.protocols import USUAL
from vosbench.scoring.measure import stamp_of, truth_crc32

if TYPE_CHECKING:
    from vosbench.scoring.counts import Counts
    from vosbench.stored import StoredMasks
    from vosbench.types import Dataset


def of_dataset(dataset: Dataset) -> dict[str, str]:
    """What names the data that counts are of."""
    root = getattr(dataset, "root", None)
    told = getattr(dataset, "listed", {})  # by lists that may lie elsewhere
    lists = "" if root is None else fingerprint([_beside(Path(root)), told])[:16]
    return {
        "dataset": dataset.card.name,
        "split": dataset.split,
        "resolution": str(getattr(dataset, "resolution", "")),
        "root": "" if root is None else str(Path(root).resolve()),
        "lists": lists,
        **getattr(dataset, "at", USUAL).words,
    }


def _beside(root: Path) -> list[tuple[str, int, int]]:
    """The files directly in a dataset's folder, such as meta.json, as they are now."""
    if not root.is_dir():
        return []
    files = sorted(path for path in root.iterdir() if path.is_file())
    return [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in files]


def fresh(
    one: Counts,
    dataset: Dataset,
    stored: StoredMasks,
    made: Mapping[str, str] | None,
    *,
    hold: bool,
) -> bool:
    """Whether masks and truth are as they were when they were counted; reads no mask."""
    if hold and one.held is None:
        return False
    try:
        if stored.stamp(one.sequence) != one.stamps["masks"]:
            return False
        if not made and one.masks != str(stored.path / one.sequence):
            return False  # those of a run, whose hash is known, may have moved with it
        if made is not None and made.get(one.sequence, "") != one.stamps.get("made", ""):
            return False
        if one.truth_folders:
            return stamp_of(one.truth_folders) == one.stamps["truth"]
        places = sorted(one.places[place] for place in {*one.rows["place"].tolist()})
        return f"{truth_crc32(dataset.sequence(one.sequence), places):08x}" == one.truth_crc32
    except (OSError, DataError, KeyError):
        return False
