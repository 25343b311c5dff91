"""Flow as other tools leave it on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vosbench.types import Flow


def write_flo(path: Path, flow: Flow) -> None:
    """Write flow (h, w, 2) as a Middlebury .flo file."""
    h, w = flow.shape[:2]
    head = np.array(202021.25, "<f4").tobytes() + np.array([w, h], "<i4").tobytes()
    path.write_bytes(head + flow.astype("<f4").tobytes())
