"""Peak memory of each label-propagation preset on a 480p video, and whether it grows.

Each preset runs whole, with an untrained network of its paper's kind, over 480 x 854 noise with two
objects, in a process of its own: until the context is full and the first frame has been decided by
it, and then for more frames. Noise and random weights cost what frames and trained ones do.

    python benchmarks/label_propagation_memory.py [--presets crw dino] [--more 8] [--threads 1]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMIT = 1500  # MB
RESNET = "torchvision/resnet18:layer3"
NETWORKS = {
    "light": "raw",
    "dino": "timm/vit_small_patch8_224.dino",
    "dinov3": "timm/vit_small_patch16_dinov3",
    "siammae": "timm/vit_small_patch16_224",
}

CODE = """
import resource, sys, time
import numpy as np
import torch
from vosbench.resolve import build_method
preset, backbone, more, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(threads)
random = {} if backbone == "raw" else {"weights": "random"}
method = build_method(
    "label-propagation", {"preset": preset, "backbone": backbone, **random}, device="cpu", seed=0
)
settings = method.options.settings()
named = settings.frames()
context = len(named) or settings.last + settings.first
full = (max(map(abs, named)) if named else settings.last) + 1
prompt = np.zeros((480, 854), np.uint8)
prompt[100:300, 100:300], prompt[200:400, 500:800] = 1, 2
noise = np.random.default_rng(0)
frames = (noise.integers(0, 256, (480, 854, 3), np.uint8) for _ in range(full + 1 + more))
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
seconds, begun = [], time.perf_counter()
for index, mask in enumerate(method.segment(frames, {0: prompt})):
    seconds.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    if index == full:
        first = peak()
print(context, np.median(seconds[full:]), first, peak())
"""


def main() -> None:
    """Run the presets one by one; the status is 1 where a peak is above the limit."""
    sys.path.insert(0, str(ROOT))
    from methods.label_propagation.presets import PRESETS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--more", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    print(f"480 x 854, {arguments.threads} thread(s); MB of the whole process, libraries included")
    more = f"{arguments.more} frames later"
    print(f"{'preset':10}{'network':34}{'context':>8}{'s a frame':>10}{'peak MB':>9}{more:>16}")
    numbers, above = (arguments.more, arguments.threads), False
    for preset in arguments.presets:
        network = NETWORKS.get(preset, RESNET)
        done = subprocess.run(
            [sys.executable, "-c", CODE, *map(str, (preset, network, *numbers))],
            env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            sys.exit(done.stderr)
        context, seconds, first, last = (float(value) for value in done.stdout.split())
        above |= last > LIMIT
        print(
            f"{preset:10}{network:34}{context:8.0f}{seconds:10.2f}{first:9.0f}{last:16.0f}",
            flush=True,
        )
    sys.exit(f"above {LIMIT} MB" if above else 0)


if __name__ == "__main__":
    main()
