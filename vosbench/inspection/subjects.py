"""Build the method to inspect, from a run or a method's name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vosbench import registry
from vosbench.analysis.significance import UNKNOWN, Interval, bootstrap, sample
from vosbench.errors import DataError, UsageError
from vosbench.provenance import hashed
from vosbench.resolve import choose_method
from vosbench.types import Inspectable

if TYPE_CHECKING:
    from vosbench.results import Result
    from vosbench.tables import Table


@dataclass(frozen=True)
class Subject:
    """A method that shows its embeddings.

    score, interval: J of its run, if there is one. complaints: how the training of its weights
    ended.
    """

    label: str
    method: Inspectable
    score: float | None = None
    interval: Interval = UNKNOWN
    complaints: tuple[str, ...] = ()


def warned(table: Table, subjects: Iterable[Subject]) -> Table:
    """The table, with what the trainings behind its rows complained of as notes."""
    shown = {cell for row in table.rows for cell in row}
    notes = (
        f"{subject.label}: the training of its weights ended with: {said}"
        for subject in subjects
        if subject.label in shown
        for said in subject.complaints
    )
    return replace(table, notes=(*table.notes, *notes))


def from_name(
    name: str, options: Mapping[str, Any], *, device: str = "cpu", seed: int = 0
) -> Subject:
    """Build a registered method by name; UsageError if it shows no embeddings."""
    chosen = choose_method(name, options)
    method = _inspectable(name, chosen.build(device=device, seed=seed))
    return Subject(name, method, complaints=tuple(chosen.complaints()))


def from_run(
    result: Result, *, device: str = "cpu", changed: Mapping[str, Any] | None = None
) -> Subject:
    """The method of a scored run, with the same options and weights.

    changed: options that are to be otherwise than the run's; then it has no score. The weights
        stay the run's, though with these options others would be taken.

    Raises:
        UsageError: the scores are not of a run, or its method shows nothing.
        DataError: the weights are other ones now.
    """
    if result.manifest is None:
        raise UsageError(
            f"{result.name} was not made by `vosbench run`, so its method is not known"
        )
    identity = result.manifest["identity"]
    name, options = identity["method"], identity["options"]
    chosen = choose_method(name, options)
    if hashed(chosen.files()) != identity["files"]:
        raise DataError(
            f"{result.folder}: the weights of {name} have changed since this run; run it again, "
            f"or inspect the method as it is with --method {name}"
        )
    if changed:
        kept = {key: path for key, path in chosen.own_files().items() if key in options}
        chosen = choose_method(name, {**options, **kept, **changed})
    method = chosen.build(device=device, seed=identity["seed"])
    if changed:
        return Subject(result.name, _inspectable(name, method), complaints=result.complaints)
    return Subject(
        result.name,
        _inspectable(name, method),
        result.summary["J"]["mean"],
        bootstrap(sample(result, "J")),
        result.complaints,
    )


def _inspectable(name: str, method: object) -> Inspectable:
    if isinstance(method, Inspectable):
        return method
    raise UsageError(
        f"{name} shows no embeddings (its method has no inspect()); choose one that matches by "
        f"features, known methods: {', '.join(registry.names('methods'))}"
    )
