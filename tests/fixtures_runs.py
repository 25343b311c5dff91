"""Scored runs as folders, made from chosen scores: what the analyses read, without a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vosbench.files import fingerprint, write_json
from vosbench.masks import write_mask
from vosbench.metrics.statistics import over_frames
from vosbench.protocols import DAVIS2017
from vosbench.results import Result, load
from vosbench.scoring.evaluation import Evaluation
from vosbench.scoring.summarise import Score, Unit, averages

Scores = Mapping[tuple[str, int], Sequence[float]]
TIMING = {
    "what": "method only", "frames": 4, "mean_seconds_of_all": 0.25, "median_seconds": 0.2,
    "p95_seconds": 0.3,
}  # fmt: skip


def write_run(
    folder: Path,
    j: Scores,
    f: Scores | None = None,
    *,
    method: str = "",
    options: Mapping[str, Any] | None = None,
    files: Mapping[str, str] | None = None,
    dataset: str = "davis2017",
    truth: str = "0",
    groups: Mapping[Any, str] | None = None,  # of a sequence, or of (sequence, object)
    average: str = "objects",
    card_sequences: int = 30,
) -> Result:
    """A run's folder with these J (and F) of each sequence's object; frame 0 holds the prompt."""
    rows = tuple(
        Score(name, number, f"{frame:05d}", value, (f or j)[name, number][frame - 1])
        for (name, number), values in j.items()
        for frame, value in enumerate(values, start=1)
    )
    names = tuple(dict.fromkeys(name for name, _ in j))
    protocol = {**vars(DAVIS2017), "average": average, "headline": ["J", "F"]}
    units: dict[str, list[Unit]] = {name: [] for name in names}
    for (name, number), values in j.items():
        group = {name: "", **(groups or {})}
        labels = {"sequence": name, "object": number}
        labels["group"] = group.get((name, number), group[name])
        scores = over_frames(values), over_frames((f or j)[name, number])
        units[name].append(Unit({**labels, "frames": len(values)}, *scores, {}))
    by_sequence = [
        (
            {
                "sequence": name, "group": (groups or {}).get(name, ""),
                "frames": max(unit.labels["frames"] for unit in of),
            },
            of,
        )
        for name, of in units.items()
    ]  # fmt: skip
    chosen = type(DAVIS2017)(**{**vars(DAVIS2017), "average": average})
    summary = {
        "protocol": protocol,
        "dataset": {
            "name": dataset, "split": "val", "sequences": len(names),
            "card_sequences": card_sequences, "truth_crc32": truth,
            "list_sha256": "+".join(names),
        },
        **averages(by_sequence, chosen),
        "copy_first": None,
        "unscored": [],
    }  # fmt: skip
    identity = {
        "method": method, "options": dict(options or {}), "files": dict(files or {}),
        "dataset": dataset, "split": "val", "resolution": "480p", "device": "cpu",
        "seed": 0, "sequences": list(names),
    }  # fmt: skip
    run = {"identity_sha256": fingerprint(identity)} if method else None
    Evaluation(rows, summary).write(folder, scored=run)
    if method:
        write_json(
            folder / "run.json",
            {
                "label": method, "root": None, "timing": TIMING, "failed": {}, "made_by": ["x"],
                "method_source": "a paper", "identity_sha256": fingerprint(identity),
                "peak_memory_bytes": 5_000_000, "protocol": protocol,
                "environment": {"cores": 2, "processor": "x86_64", "versions": {"torch": "2"}},
                "identity": identity,
            },
        )  # fmt: skip
        for name in names:
            (folder / "masks" / name).mkdir(parents=True, exist_ok=True)
            length = max(len(values) for (of, _), values in j.items() if of == name)
            for frame in range(length + 1):
                write_mask(folder / "masks" / name / f"{frame:05d}.png", np.zeros((4, 6), np.uint8))
    return load(folder)


def steady(means: Mapping[str, float], frames: int = 4) -> Scores:
    """One object a sequence with the same score on every frame."""
    return {(name, 1): [mean] * frames for name, mean in means.items()}
