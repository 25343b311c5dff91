"""Folders of runs -> what a film shows of one sequence: frames, truth, and every run's masks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vosbench.analysis.as_scored import as_scored
from vosbench.analysis.groups import dataset_of, located, told_apart
from vosbench.errors import DataError, UsageError, did_you_mean
from vosbench.protocols import choose_protocol
from vosbench.resolve import card_of, open_dataset
from vosbench.results import Data, Result, home_of, load, load_unscored
from vosbench.stored import StoredMasks, can_be_opened, open_stored

if TYPE_CHECKING:
    from vosbench.types import Dataset
    from vosbench.types import Sequence as Video


@dataclass(frozen=True)
class Take:
    """One run's masks of the sequence.

    J: frame -> mean over its objects; {} if they were not scored, or were changed since, of which
        the remark tells.
    """

    name: str
    stored: StoredMasks
    frames: frozenset[str]
    J: Mapping[str, float]
    remark: str = ""


@dataclass(frozen=True)
class Scene:
    """What a film shows. united: all ids are one object, as the runs' protocol has it."""

    video: Video
    takes: tuple[Take, ...]
    united: bool


def opened(runs: Iterable[Result | Path], sequence: str, root: Path | None) -> Scene:
    """Open what is to be shown.

    Args:
        runs: scored or not; or folders that `evaluate --name` made of another tool's masks.
        sequence: "" where the runs share only one.
        root: where the data lie now.

    Raises:
        UsageError: no run, runs of several datasets, no such sequence, or several and none named.
        DataError: a run or its masks are missing or damaged.
    """
    results = told_apart([run if isinstance(run, Result) else _result(run) for run in runs])
    if not results:
        raise UsageError("no run is given; name folders of runs, such as runs/*")
    first, *others = results
    for other in others:
        if _data(other) != _data(first):
            raise UsageError(
                f"{first.name} is of {' '.join(_data(first))} and {other.name} of "
                f"{' '.join(_data(other))}; a film shows runs on the same data"
            )
    dataset = _dataset(first, root)
    stored = [_stored(result) for result in results]
    name = _chosen(sequence, stored, dataset)
    takes = [_take(result, of, name) for result, of in zip(results, stored, strict=True)]
    protocol = choose_protocol(dataset.card, _protocol(first))
    return Scene(dataset.sequence(name), tuple(takes), protocol.objects == "united")


def _result(folder: Path) -> Result:
    """A run as far as it is there; one that was not scored has an empty summary."""
    if (folder / "summary.json").is_file():
        return as_scored(load(folder))
    if home_of(folder) == folder:
        return load_unscored(folder)
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; expected that of a run, such as runs/NAME")
    for made in (folder, folder.parent):
        if (made / "segment.json").is_file():
            raise DataError(
                f"{folder} is no run: `vosbench segment` made it, and its film is "
                f"{made / 'overlay.mp4'}"
            )
    raise DataError(
        f"{folder} is no run: it holds neither run.json nor summary.json; masks of another tool "
        "become one by `vosbench evaluate MASKS --dataset D --name NAME --out DIR`"
    )


def _data(run: Result) -> tuple[str, str]:
    """The names of the dataset and the split."""
    if run.summary:
        return run.summary["dataset"]["name"], run.summary["dataset"]["split"]
    assert run.manifest, "read for what is not scored"
    return run.manifest["identity"]["dataset"], run.manifest["identity"]["split"]


def _protocol(run: Result) -> str:
    """The name of the protocol by which a run was, or will be, scored."""
    name: str = (run.summary or run.manifest or {})["protocol"]["name"]
    return name


def _dataset(run: Result, root: Path | None) -> Dataset:
    if run.summary:
        return dataset_of(run, root=root)
    (name, split), data = _data(run), run.data or Data(None, "")
    where = located(card_of(name), root, data.root)
    return open_dataset(name, root=where, split=split, resolution=data.resolution, at=data.at)


def _stored(run: Result) -> StoredMasks:
    if run.masks is None or not can_be_opened(run.masks):
        where = f"{run.masks} is not there" if run.masks else f"{run.folder} does not say where"
        raise DataError(
            f"the masks of {run.name} are not at hand: {where}; score them with `vosbench "
            "evaluate MASKS --name NAME --out DIR`, which remembers their place"
        )
    return open_stored(run.masks)


def _chosen(sequence: str, stored: Sequence[StoredMasks], dataset: Dataset) -> str:
    """The sequence to show."""
    if sequence and sequence not in dataset.names:
        near = did_you_mean(sequence, dataset.names)
        raise UsageError(f"{dataset.card.name} has no sequence {sequence!r}; {near}")
    if sequence:
        return sequence
    shared = set.intersection(*(set(each.sequences()) for each in stored))
    names = [name for name in dataset.names if name in shared]
    if len(names) != 1:
        listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        have = f"have masks of {listed}" if names else "share no sequence"
        raise UsageError(f"which sequence? the runs {have}; name it with --sequence S")
    return names[0]


def _take(run: Result, stored: StoredMasks, sequence: str) -> Take:
    frames = frozenset(stored.frames(sequence))
    if sequence in run.changed:
        return Take(run.name, stored, frames, {}, "changed since scored")
    found: dict[str, list[float]] = {}
    if run.summary and run.folder is not None:
        for (name, _), rows in run.frame_scores.items():
            for row in rows if name == sequence else ():
                found.setdefault(row.frame, []).append(row.J)
    return Take(run.name, stored, frames, {f: sum(js) / len(js) for f, js in found.items()})
