"""Count sequences in other processes, which get only names."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vosbench.protocols import USUAL, PromptAt
from vosbench.resolve import open_dataset
from vosbench.scoring.measure import measure
from vosbench.stored import open_stored

if TYPE_CHECKING:
    from vosbench.scoring.counts import Counts, What
    from vosbench.stored import StoredMasks
    from vosbench.types import Dataset


class Source(NamedTuple):
    """The names of a dataset, and of masks that are to be counted against it."""

    dataset: str
    root: Path | None
    split: str
    resolution: str
    masks: Path
    at: PromptAt = USUAL


def count(source: Source, what: What, hold: bool, made: Mapping[str, str], name: str) -> Counts:
    """Count one sequence; `hold` and `made` as in `measure`."""
    dataset, stored = _opened(source)
    return measure(dataset.sequence(name), stored, what, hold=hold, made=made.get(name, ""))


@functools.lru_cache(maxsize=1)  # a process counts many sequences of one source
def _opened(source: Source) -> tuple[Dataset, StoredMasks]:
    dataset = open_dataset(
        source.dataset,
        root=source.root,
        split=source.split,
        resolution=source.resolution,
        at=source.at,
    )
    return dataset, open_stored(source.masks)
