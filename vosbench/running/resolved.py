"""A run's configuration -> what its names stand for, each looked up once and handed on."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from vosbench.errors import DataError
from vosbench.protocols import choose_protocol
from vosbench.resolve import ChosenMethod, choose_dataset, choose_method, choose_sequences

if TYPE_CHECKING:
    from vosbench.running.config import RunConfig
    from vosbench.types import Dataset, ScoringProtocol


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resolved:
    """A run's configuration and what it names.

    config: with the dataset's folder, split and resolution as they are used, so that another
        process opens the same.
    """

    config: RunConfig
    method: ChosenMethod
    dataset: Dataset
    protocol: ScoringProtocol
    sequences: tuple[str, ...]


def resolve(config: RunConfig) -> Resolved:
    """Look up the method, its options, the dataset, the protocol and the sequences of a run.

    Raises:
        UsageError: a name or an option is unknown.
        DataError: the dataset is not there, or has no sequences.
    """
    place = choose_dataset(
        config.dataset, root=config.root, split=config.split, resolution=config.resolution
    )
    protocol = choose_protocol(place.card, config.protocol)
    method = choose_method(config.method, config.options)
    root = place.root.expanduser().absolute() if place.root else None
    dataset = dataclasses.replace(place, root=root).open()
    sequences = choose_sequences(dataset.names, config.sequences)
    if not sequences:
        raise DataError(f"{config.dataset} has no sequences in split {place.split!r}")
    return Resolved(
        config=dataclasses.replace(
            config, root=root, split=place.split, resolution=place.resolution
        ),
        method=method,
        dataset=dataset,
        protocol=protocol,
        sequences=sequences,
    )
