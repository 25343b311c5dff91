"""Open the dataset behind a group of runs where it is now, or say why that fails."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vosbench.analysis.groups import Group, dataset_of, sequences_of
from vosbench.errors import DataError, UsageError
from vosbench.files import fingerprint
from vosbench.results import Data

if TYPE_CHECKING:
    from vosbench.types import Dataset


class Opened(NamedTuple):
    """The dataset of a group, what tells its frames from others, or why it is not at hand."""

    dataset: Dataset | None
    source: str = ""
    absent: str = ""


def opened(group: Group, root: Path | None) -> Opened:
    """The dataset of a group; root: its folder, or the one that holds all, where it was moved."""
    run = next((result for result in group.results if result.data), group.results[0])
    try:
        dataset = dataset_of(run, root=root)
    except (UsageError, DataError) as error:
        return Opened(None, absent=str(error))
    missing = [name for name in sequences_of(group.results[0]) if name not in dataset.names]
    if missing:
        absent = f"{dataset.card.name} has no sequence {missing[0]!r} where it was looked for"
        return Opened(None, absent=f"{absent}; --root DIR names where the data lie now")
    recorded, resolution, at = run.data or Data(None, "")
    source = fingerprint([str(root or recorded), resolution, *at.words.values()])[:6]
    return Opened(dataset, source)
