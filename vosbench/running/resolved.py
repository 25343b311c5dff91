"""A run's configuration -> what its names stand for, each looked up once and handed on."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

from vosbench.errors import DataError
from vosbench.protocols import choose_protocol, moved
from vosbench.resolve import (
    ChosenMethod,
    choose_dataset,
    choose_method,
    choose_sequences,
    open_dataset,
)
from vosbench.types import Layers

if TYPE_CHECKING:
    from vosbench.running.config import RunConfig
    from vosbench.types import Dataset, ScoringProtocol, Sequence


ROOM = 2**27  # bytes that built sequences may take


class Building:
    """A dataset that builds each sequence once, as far as memory allows.

    A run asks for one to check it, to segment it and to score it.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset, self._room = dataset, ROOM
        self._built: dict[str, Sequence] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)

    def sequence(self, name: str) -> Sequence:
        """Build one sequence, or give the one that was built."""
        if name in self._built:
            return self._built[name]
        sequence = self._dataset.sequence(name)
        if isinstance(sequence.prompts, dict):  # else they are read when asked for
            needs = 1000 * len(sequence.frame_names)
            for mask in sequence.prompts.values():
                needs += mask.stack.nbytes if isinstance(mask, Layers) else mask.nbytes
            if needs <= self._room:
                self._room -= needs
                self._built[name] = sequence
        return sequence


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


def dataset_of(config: RunConfig) -> Dataset:
    """The dataset of a configuration that was resolved, opened again, as in another process."""
    return open_dataset(
        config.dataset,
        root=config.root,
        split=config.split,
        resolution=config.resolution,
        at=config.at,
    )


def resolve(config: RunConfig) -> Resolved:
    """Look up the method, its options, the dataset, the protocol and the sequences of a run.

    Raises:
        UsageError: a name or an option is unknown.
        DataError: the dataset is not there, or has no sequences.
    """
    place = choose_dataset(
        config.dataset,
        root=config.root,
        split=config.split,
        resolution=config.resolution,
        at=config.at,
    )
    protocol = moved(choose_protocol(place.card, config.protocol), config.at)
    method = choose_method(config.method, config.options)
    root = place.root.expanduser().absolute() if place.root else None
    dataset = cast("Dataset", Building(dataclasses.replace(place, root=root).open()))
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
