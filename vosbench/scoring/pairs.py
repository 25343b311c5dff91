"""Pair each mask with the truth of its frame, and check both.

A first look needs only the names of files; then `read_pairs` reads each file once, and what comes
of it is scored. Faults are collected, so that a user sees all of them at once; a sequence that has
one is not scored, the others are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vosbench.errors import DataError, TruthWithheldError
from vosbench.masks import (
    VOID,
    MasksDigest,
    elsewhere,
    ids,
    in_ids,
    label_map,
    lay_prompt,
    mask_files,
    no_folder,
    no_masks,
    read_mask,
    shift_fault,
    soft_fault,
)
from vosbench.protocols import check_numbered, or_use

if TYPE_CHECKING:
    from vosbench.types import Dataset, DatasetCard, Mask, ScoringProtocol, Sequence


@dataclass(frozen=True, kw_only=True)
class Task:
    """What to score in one sequence.

    frames: indices to score. since: object id -> frame after which it is scored; the id is None
    if all ids count as one object.
    """

    sequence: Sequence
    protocol: ScoringProtocol
    card: DatasetCard
    frames: tuple[int, ...]
    since: Mapping[int | None, int]


class Pair(NamedTuple):
    """One frame's masks, read and checked; held: the mask of copy-first, if asked for."""

    frame: int
    truth: Mask
    prediction: Mask
    held: Mask | None


class Tasks(NamedTuple):
    """What to score: the task of each sequence that can be.

    empty: sequences without a frame to score. failed: sequences that cannot be scored, with their
    faults.
    """

    of: dict[str, Task]
    empty: tuple[str, ...]
    failed: dict[str, tuple[str, ...]]


def find_tasks(
    dataset: Dataset, names: tuple[str, ...], masks: Path, protocol: ScoringProtocol
) -> Tasks:
    """The task of each sequence, as far as it shows without reading the masks.

    Raises:
        TruthWithheldError: no sequence has an annotation to score against.
        DataError: no sequence can be scored, for files are missing or ids do not fit; lists all
            faults.
    """
    if not masks.is_dir():
        raise DataError(f"{no_folder(masks)}; expected masks as {masks}/<sequence>/<frame>.png")
    tasks: dict[str, Task] = {}
    empty: list[str] = []
    failed: dict[str, tuple[str, ...]] = {}
    annotated = False
    for name in names:
        try:
            sequence = dataset.sequence(name)
            annotated |= len(sequence.truth) > 1  # one is no more than the prompt
            task = _task(sequence, protocol, dataset.card)
        except DataError as error:
            failed[name] = error.faults
            continue
        if not task.frames:
            empty.append(name)
        elif faults := _missing(task, masks / name):
            failed[name] = tuple(faults)
        else:
            tasks[name] = task
    where = f"{dataset.card.name} ({dataset.split})"
    if not annotated and not failed:
        raise TruthWithheldError(
            f"{where} has no truth to score against: only its prompts are annotated; annotate "
            "more frames of your own data, or score the masks where the truth is (a server)"
        )
    if failed and not tasks:
        raise DataError([fault for faults in failed.values() for fault in faults])
    if not tasks:
        raise DataError(f"{where}: no sequence has a frame that protocol {protocol.name} scores")
    return Tasks(tasks, tuple(empty), failed)


def _task(sequence: Sequence, protocol: ScoringProtocol, card: DatasetCard) -> Task:
    """The frames and objects to score in one sequence; DataError if its ids do not fit."""
    start = min(sequence.prompts, default=0)  # frames before the first prompt are not scored
    annotated = [index for index in sorted(sequence.truth) if index >= start]
    frames = annotated[protocol.drop_first : len(annotated) - protocol.drop_last]
    since: dict[int | None, int] = {}
    if protocol.objects == "united":
        since[None] = -1
    elif protocol.objects == "prompted":
        for index, prompt in sequence.prompts.items():
            for number in ids(prompt):
                if number != VOID:
                    since[number] = min(index, since.get(number, index))
    elif frames:
        first = annotated[0]
        numbers = [number for number in ids(sequence.truth[first]) if number != VOID]
        check_numbered(
            numbers, f"{sequence.name}, annotation {sequence.frame_names[first]}", card, protocol
        )
        since = dict.fromkeys(numbers, -1)
    earliest = min(since.values(), default=len(sequence.frame_names))
    return Task(
        sequence=sequence,
        protocol=protocol,
        card=card,
        frames=tuple(index for index in frames if index > earliest),
        since=since,
    )


def _missing(task: Task, folder: Path) -> list[str]:
    """One line for each mask file that is not there."""
    if not folder.is_dir():
        name = task.sequence.name
        return [
            f"{folder} is missing: expected a folder of masks for {name}"
            f"{elsewhere(folder.parent, name)}"
        ]
    frames = task.sequence.frame_names
    present = mask_files(folder)
    wanted = [f"{frames[index]}.png" for index in task.frames]
    missing = [name for name in wanted if name.removesuffix(".png") not in present]
    if len(missing) == len(wanted):
        which = f"{folder} holds none of the {len(wanted)} masks {wanted[0]} to {wanted[-1]} but "
        if present:
            first = next(iter(present.values())).name
            return [f"{which}{len(present)} others, such as {first}; name each mask like its frame"]
        there = no_masks(folder)
        return [f"{which}no .png at all{f', only {there}' if there else ''}"]
    if shifted := shift_fault(folder, present, frames):
        return [shifted]
    if not missing:
        return []
    some = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
    return [f"{len(missing)} of {len(wanted)} masks are missing in {folder}: {some}"]


def read_pairs(
    task: Task, folder: Path, faults: list[str], *, hold: bool, made: str = ""
) -> Iterator[Pair]:
    """Read the masks frame by frame; a frame with a fault is skipped, the fault added to `faults`.

    hold: also give the prompts so far, as copy-first would repeat them.
    made: `masks_sha256` of the run that made the masks; then all of them are read, and it is a
        fault if they are not the same.
    """
    sequence = task.sequence
    prompts = sorted(sequence.prompts) if hold else []
    held: Mask | None = None
    digest, scored, files = MasksDigest(), set(task.frames), mask_files(folder)
    for index in range(len(sequence.frame_names)) if made else task.frames:
        while prompts and prompts[0] <= index:
            prompt = sequence.prompts[prompts.pop(0)]
            held = label_map(prompt) if held is None else lay_prompt(held, label_map(prompt))
        name = sequence.frame_names[index]
        path = files.get(name, folder / f"{name}.png")
        try:
            prediction = label_map(read_mask(path))
            if made:
                digest.add(prediction)
            if index not in scored:
                continue
            truth = label_map(sequence.truth[index])
        except DataError as error:
            faults += error.faults
            continue
        if prediction.shape != truth.shape:
            h, w = truth.shape
            faults.append(
                f"mask {path} is {prediction.shape[0]}x{prediction.shape[1]} but its annotation is "
                f"{h}x{w} (height x width); resize with nearest neighbour"
            )
            continue
        if task.protocol.objects == "united":
            annotation = f"annotation {sequence.frame_names[index]} of {sequence.name}"
            fault = soft_fault(truth, annotation)
        else:
            prediction = label_map(in_ids(prediction, sequence.truth))
            fault = _wrong_ids(prediction, task, f"mask {path}")
        if fault:
            faults.append(fault)
            continue
        yield Pair(index, truth, prediction, held)
    if made and not faults and digest.sha256 != made:
        faults.append(
            f"masks {folder} are not those that the run made: one was changed since; give the "
            "command of the run again to make them anew"
        )


def _wrong_ids(mask: Mask, task: Task, what: str) -> str:
    """What is wrong with a mask's values, or ""."""
    top, protocol = int(mask.max()), task.protocol
    known = [number for number in task.since if number is not None]
    if top <= len(known) == max(known):
        return ""
    values = set(ids(mask))
    unknown = sorted(values - set(known))
    if not unknown:
        return ""
    if values == {VOID} and len(known) == 1:
        return (
            f"{what} has the values 0 and 255, but protocol {protocol.name} expects object ids: "
            f"write {known[0]} instead of 255{or_use(task.card, 'united')}"
        )
    return (
        f"{what} has the ids {unknown}, but protocol {protocol.name} scores only the objects "
        f"{sorted(known)} of {task.sequence.name}"
    )
