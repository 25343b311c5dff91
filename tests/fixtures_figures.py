"""What the tests of figures share: how one is read, and runs from chosen scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib.figure
import numpy as np
from matplotlib.axes import Axes

from vosbench.masks import write_mask
from vosbench.results import Result


def panels(figure: matplotlib.figure.Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_visible()]


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def toy_run(tmp_path: Path, name: str, scores: dict[str, list[float]], **options: Any) -> Result:
    """A scored run of method `m` over `ant` and `bee`, on disk, without frames."""
    folder = tmp_path / name
    folder.mkdir()
    rows = ["sequence,object,frame,J,F"]
    for sequence, values in scores.items():
        rows += [f"{sequence},1,{k:05d},{v},{v}" for k, v in enumerate(values, 1)]
        for k in range(len(values) + 1):
            path = folder / "masks" / sequence / f"{k:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_mask(path, np.eye(8, 12, k=k, dtype=np.uint8))
    (folder / "scores.csv").write_text("\n".join(rows) + "\n")
    means = {sequence: sum(values) / len(values) for sequence, values in scores.items()}

    def three(mean: float) -> dict[str, float]:
        return {"mean": mean, "recall": mean, "decay": 0.0}

    each = [
        {"sequence": s, "objects": 1, "group": "", "J": three(m), "F": three(m), "J&F": m}
        for s, m in means.items()
    ]
    mean = sum(means.values()) / len(means)
    summary = {
        "protocol": {"name": "prompted", "average": "objects", "headline": ["J", "F"],
                     "description": "d", "source": "s"},
        "dataset": {"name": "toy", "split": "val", "sequences": 2, "card_sequences": 2,
                    "list_sha256": "0", "truth_crc32": "0"},
        "J": three(mean), "F": three(mean), "J&F": mean,
        "objects": [{**row, "object": 1, "frames": 3} for row in each],
        "sequences": each,
    }  # fmt: skip
    manifest = json.loads(json.dumps({"identity": {"method": "m", "options": options}}))
    return Result(name, folder, manifest, summary, folder / "masks")
