"""Seconds per frame of every run, with device, size and what counts (Table 4 of RPM-Net)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vosbench.analysis.groups import Group, told_apart
from vosbench.errors import DataError, UsageError
from vosbench.stored import opened
from vosbench.tables import Cell, Column, Table

if TYPE_CHECKING:
    from vosbench.results import Result


def runtime(*groups: Group) -> Table:
    """The times in run.json; runs on several datasets and machines can share the table.

    Raises:
        UsageError: no run was timed.
    """
    of_dataset: dict[str, list[Result]] = {}
    for group in groups:
        name = group.results[0].summary["dataset"]["name"]
        of_dataset.setdefault(name, []).extend(group.results)
    every = [run for runs in of_dataset.values() for run in told_apart(runs)]
    timed = [  # a column tells datasets apart
        (run, run.manifest) for run in every if run.manifest and not _untimed(run)
    ]
    left = dict.fromkeys(f"{run.name}: no times: {why}" for run in every if (why := _untimed(run)))
    if not timed:
        raise UsageError(f"none of these runs has times ({'; '.join(left)})")
    timed.sort(key=lambda pair: _usual(pair[1]["timing"]))
    rows: list[tuple[Cell, ...]] = []
    for run, manifest in timed:
        timing, identity = manifest["timing"], manifest["identity"]
        machine, size = manifest["environment"], identity["options"].get("size")
        peak = manifest["peak_memory_bytes"]
        rows.append((
            run.name, identity["dataset"], timing["median_seconds"], timing["p95_seconds"],
            timing.get("mean_seconds_of_all"), timing["frames"] or None, frame_size(run),
            str(size) if size else None, None if peak is None else peak / 1e6, identity["device"],
            f"{machine['cores']} cores, {machine['processor']}",
            _version(manifest),
        ))  # fmt: skip
    whats = dict.fromkeys(manifest["timing"]["what"] for _, manifest in timed)
    return Table(
        name="runtime",
        title="Time a frame",
        columns=(
            Column("run"),
            Column("dataset"),
            Column("median", "s/frame", digits=4, better="lower"),
            Column("p95", "s/frame", digits=4, better="lower"),
            Column("mean of all", "s/frame", digits=4, better="lower"),
            Column("frames timed"),
            Column("frame size"),
            Column("size option"),
            Column("peak memory", "MB", digits=0, better="lower"),
            Column("device"),
            Column("machine"),
            Column("versions"),
        ),
        rows=tuple(rows),
        notes=(
            *(f"counted: {what}" for what in whats),
            *left,
            "frame size: height x width of the masks, that of most sequences; size option: what "
            "the method was told to make of it; times of different machines, or of machines that "
            "did other work meanwhile, do not compare",
        ),
    )


def _version(manifest: Mapping[str, Any]) -> str:
    """Of what computed: of torch, or of the program that ran beside it."""
    if manifest.get("program"):
        return str(manifest["program"].get("version") or "not known")
    return f"torch {manifest['environment']['versions'].get('torch', '?')}"


def _usual(timing: Mapping[str, Any]) -> float:
    """What runs are ordered by: the median of a frame, of programs the mean."""
    median = timing["median_seconds"]
    return float(timing["mean_seconds_of_all"] if median is None else median)


def _untimed(run: Result) -> str:
    """Why a run has no times; "" where it has."""
    if run.manifest is None:
        return "masks of another tool come without"
    if run.manifest["timing"]["frames"] or run.manifest.get("program"):
        return ""
    return run.manifest.get("untimed") or "no frame was timed"


def frame_size(run: Result) -> str | None:
    """The most frequent height x width of a run's masks; None without masks."""
    sizes: Counter[str] = Counter()
    stored = opened(run.masks)
    if stored is None:
        return None
    for name in stored.sequences():
        try:
            h, w = stored.read(name, next(iter(stored.frames(name)))).shape
        except DataError:
            continue  # what is wrong with a mask, scoring says
        sizes[f"{h}x{w}"] += 1
    if not sizes:
        return None
    ((most, _),) = sizes.most_common(1)
    return most if len(sizes) == 1 else f"{most} and others"
