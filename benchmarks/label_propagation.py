"""Seconds and peak memory of one propagated frame, against a straightforward dense affinity.

480p at stride 8 (60 x 107 cells), first frame and the last 20, top 10 within fewer than 12 cells
(preset crw with the first frame windowed as well), random features, two objects. Both sides get
the same features in a process of their own and must give the same mask.

    python benchmarks/label_propagation.py [--channels 256] [--repeats 3] [--threads 1]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
GRID, FRAMES, OBJECTS = (60, 107), 21, 2

SETUP = f"""
import resource, sys, time
import numpy as np
import torch
out, channels, repeats = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(int(sys.argv[4]))
torch.manual_seed(0)
h, w = {GRID}
unit = torch.nn.functional.normalize
features = [unit(torch.randn(h, w, channels), dim=-1) for _ in range({FRAMES})]
labels = [torch.rand(h, w, {OBJECTS + 1}).softmax(-1) for _ in range({FRAMES})]
query = unit(torch.randn(h, w, channels), dim=-1)
baseline = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
"""
MEASURE = """
seconds = []
with torch.inference_mode():
    for _ in range(repeats):
        started = time.perf_counter()
        votes = propagate()
        seconds.append(time.perf_counter() - started)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
np.save(out, votes.numpy())
print(sorted(seconds)[len(seconds) // 2], peak / 1024, (peak - baseline) / 1024)
"""
TILES = """
from vosbench.toolbox.methods.label_propagation.settings import Propagation
from vosbench.toolbox.methods.label_propagation.attention import Reference, attend
settings = Propagation(last=20, topk=10, window="open-disk", radius=12)
context = [Reference(f, l, True) for f, l in zip(features, labels)]
def propagate():
    return attend(query, context, settings)
"""
# what the field's scripts do: one matrix of all similarities, a mask over it, top-k down its rows
DENSE = """
y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
at = torch.stack((y.flatten(), x.flatten()), 1).float()
outside = torch.cdist(at, at) >= 12
def propagate():
    keys = torch.stack(features).reshape(-1, channels)
    affinity = (query.reshape(-1, channels) @ keys.T).view(h * w, len(features), h * w)
    affinity.masked_fill_(outside[:, None], float("-inf"))
    values, places = affinity.view(h * w, -1).topk(10, dim=1)
    weights = torch.softmax(values / 0.05, dim=1)
    chosen = torch.stack(labels).reshape(-1, labels[0].shape[-1])[places]
    return (weights[..., None] * chosen).sum(1).view(h, w, -1)
"""


def main() -> None:
    """Run both sides and print the table."""
    import numpy as np

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--channels", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    rows, votes = {}, {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, code in (("dense affinity", DENSE), ("vosbench", TILES)):
            out = Path(scratch) / f"{name}.npy"
            rows[name] = _measure(
                SETUP + code + MEASURE,
                [out, arguments.channels, arguments.repeats, arguments.threads],
            )
            votes[name] = np.load(out)
    dense, ours = rows.values()
    same = (votes["dense affinity"].argmax(-1) == votes["vosbench"].argmax(-1)).mean()
    apart = np.abs(votes["dense affinity"] - votes["vosbench"]).max()
    print(
        f"{GRID[0]} x {GRID[1]} cells, {FRAMES} frames, {arguments.channels} channels, "
        f"{arguments.threads} thread(s), median of {arguments.repeats}"
    )
    print(f"{'':16}{'s a frame':>11}{'peak MB':>9}{'of it for propagation':>23}")
    for name, row in rows.items():
        print(f"{name:16}{row[0]:11.2f}{row[1]:9.0f}{row[2]:23.0f}")
    print(
        f"{'ratio':16}{dense[0] / ours[0]:10.1f}x{dense[1] / ours[1]:8.1f}x"
        f"{dense[2] / max(ours[2], 1):22.1f}x"
    )
    print(f"cells of the same label: {same:.2%}; labels differ by {apart:.1e} at most")


def _measure(code: str, arguments: list[object]) -> tuple[float, ...]:
    """What the code prints, as numbers."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr)
    return tuple(float(value) for value in done.stdout.split())


if __name__ == "__main__":
    main()
