"""What `run --protocol-time` measured, several runs side by side: speed, memory, its course."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import numpy as np

from vosbench.analysis.timed import Timed, busy, notes, timed
from vosbench.errors import UsageError
from vosbench.tables import Cell, Column, Table

if TYPE_CHECKING:
    from vosbench.analysis.groups import Group

GPU = " (GPU)"  # behind a run's name: its memory there, in the table of curves
MB = 1e6


def speed(group: Group) -> Table:
    """Milliseconds a frame, frames a second by number of objects, time to the first mask.

    Raises:
        UsageError: no run was timed by protocol.
    """
    runs, left = timed(group)
    rules = runs[0].found["rules"]
    numbers = sorted({each["objects"] for one in runs for each in one.found["of_objects"]})
    rows = []
    for one in sorted(runs, key=lambda one: statistics.median(one.warm)):
        warm, found = sorted(one.warm), one.found
        of = {e["objects"]: e["frames"] / e["seconds"] for e in found["of_objects"] if e["seconds"]}
        rows.append((
            one.run.name, 1000 * statistics.median(warm),
            1000 * warm[min(len(warm) - 1, int(0.95 * len(warm)))],
            *(of.get(number) for number in numbers),
            found["build_seconds"], found["seconds"][0], found["device"],
        ))  # fmt: skip
    return Table(
        name="protocol-time",
        title=f"Time by protocol: {group.title}",
        columns=(
            Column("run"),
            Column("median", "ms", better="lower"),
            Column("p95", "ms", better="lower"),
            *(Column(f"fps, {n}", better="higher") for n in numbers),
            Column("build", "s", digits=2, better="lower"),
            Column("first mask", "s", digits=3, better="lower"),
            Column("device"),
        ),
        rows=tuple(rows),
        notes=(
            f"median and p95 of a frame, without the first {rules['warm_up']}; counted: "
            f"{rules['counted']}",
            f"fps, N: frames a second for N objects: {rules['objects']}; build: with the libraries "
            "that it loads, before the first mask",
            *notes(runs, left),
            *busy(runs),
        ),
    )


def memory(group: Group) -> Table:
    """The peak of memory, and what it grows by while the video goes on.

    Raises:
        UsageError: no run was timed by protocol.
    """
    runs, left = timed(group)
    rules = runs[0].found["rules"]
    columns = [
        Column("run"),
        Column("peak above start", "MB", digits=0, better="lower"),
        Column("peak", "MB", digits=0, better="lower"),
        Column("growth", "MB/100 frames", digits=2, better="lower"),
    ]
    of_gpu = [
        Column("GPU peak", "MB", digits=0, better="lower"),
        Column("GPU reserved", "MB", digits=0, better="lower"),
        Column("GPU growth", "MB/100 frames", digits=2, better="lower"),
    ]
    on_gpu = any(one.found["gpu_bytes"] is not None for one in runs)
    rows: list[tuple[Cell, ...]] = []
    for one in runs:
        found, row = one.found, list[Cell]((one.run.name,))
        peak, before = found["peak_bytes"], found["before_bytes"]
        row += [None if peak is None or before is None else (peak - before) / MB, _mb(peak)]
        row += [growth(one, "resident_bytes")]
        if on_gpu:
            row += [_mb(found["gpu_peak_bytes"]), _mb(found["gpu_reserved_bytes"])]
            row += [growth(one, "gpu_bytes")]
        rows.append(tuple(row))
    rows.sort(key=lambda row: (row[1] is None, row[1]))
    return Table(
        name="protocol-memory",
        title=f"Memory by protocol: {group.title}",
        columns=(*columns, *(of_gpu if on_gpu else ())),
        rows=tuple(rows),
        notes=(
            f"memory: {rules['memory']}; growth: the slope of a line through it, after the first "
            f"{rules['warm_up']} frames{'; GPU: what torch held there' if on_gpu else ''}",
            *notes(runs, left),
        ),
    )


def _mb(size: float | None) -> float | None:
    return None if size is None else size / MB


def growth(one: Timed, what: str) -> float | None:
    """MB in 100 frames, by least squares, after the warm-up; None where it cannot be told."""
    sizes = one.found[what]
    warm = one.found["rules"]["warm_up"]
    if sizes is None or len(sizes) < warm + 2:
        return None
    frames = np.arange(warm, len(sizes))
    return float(100 * np.polyfit(frames, np.array(sizes[warm:]) / MB, 1)[0])


def memory_curve(group: Group, *, step: int = 1) -> Table:
    """Memory of each run above its start, every `step` frames: the most since the row before.

    Raises:
        UsageError: no run was timed by protocol.
    """
    runs, left = timed(group)
    curves: dict[str, list[float]] = {}
    for one in runs:
        if one.found["resident_bytes"] is not None and one.found["before_bytes"] is not None:
            start = one.found["before_bytes"]
            curves[one.run.name] = [(b - start) / MB for b in one.found["resident_bytes"]]
        if one.found["gpu_bytes"] is not None:
            curves[f"{one.run.name}{GPU}"] = [size / MB for size in one.found["gpu_bytes"]]
    if not curves:
        raise UsageError("the system that timed these runs did not tell their memory")
    longest = max(map(len, curves.values()))
    return Table(
        name="memory-curve",
        title=f"Memory over the frames: {group.title}",
        columns=(Column("frame"), *(Column(name, "MB", digits=1) for name in curves)),
        rows=tuple(
            (
                min(start + step, longest),
                *(max(part) if (part := sizes[start : start + step]) else None
                  for sizes in curves.values()),
            )
            for start in range(0, longest, step)
        ),
        notes=(f"memory: {runs[0].found['rules']['memory']}", *notes(runs, left)),
    )  # fmt: skip
