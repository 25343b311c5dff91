"""What trainings of the paper's size cost on this device: seconds a step, and hours in all.

python benchmarks/gpu.py [--device cuda] [--steps 20] prints one row per network: the networks of
`rpmnet-paper`, the smaller ResNets and the compact recipes, on random frames at each recipe's size
and batch. Loading of clips is not counted: `vosbench train` draws them in threads beside the steps.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import torch

from vosbench.training.settings import choose

PAPER_VIDEOS = 3501  # unlabelled videos of RPM-Net's training, an epoch is one sample of each
ROWS: list[tuple[str, dict[str, str]]] = [
    ("rpmnet-paper", {"recipe": "paper"}),
    ("rpmnet", {"recipe": "paper", "backbone": "resnet50"}),
    ("rpmnet", {"recipe": "paper", "backbone": "resnet34"}),
    ("rpmnet", {"recipe": "paper", "backbone": "resnet18"}),
    ("colorization-paper", {"recipe": "paper"}),
    ("rpmnet", {"start": "none"}),
    ("colour-reconstruction", {}),
    ("colorization", {}),
]


def seconds_a_step(method: str, values: dict[str, str], device: str, steps: int) -> Any:
    """Mean seconds of a whole step after two to warm up, and the settings that it had."""
    from vosbench import registry

    chosen = choose(method, values)
    settings = chosen.settings
    trainee = registry.load("methods", method).trainee(chosen.options, chosen.training, seed=0)
    trainee.to(device).train()
    optimizer = torch.optim.SGD(trainee.parameters(), 1e-5)
    side = settings.resize or settings.crop or 256
    shape = (settings.batch, settings.frames, 3, side, side)
    frames = torch.randint(0, 256, shape, dtype=torch.uint8, device=device)
    seeds = torch.arange(settings.batch, device=device)
    for step in range(steps + 2):
        if step == 2:
            _wait(device)
            began = time.perf_counter()
        loss = trainee(frames, seeds, 0.9)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    _wait(device)
    return (time.perf_counter() - began) / steps, settings, side


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--only", default="", help="rows whose name holds this")
    given = parser.parse_args()
    name = torch.cuda.get_device_name() if given.device.startswith("cuda") else "cpu"
    print(f"torch {torch.__version__} on {name}; hours: the recipe's steps, or its epochs over")
    print(f"{PAPER_VIDEOS} videos\n")
    print("| method | batch x frames x side | ms a step | images/s | steps | hours |")
    print("|---|---|---:|---:|---:|---:|")
    for method, values in ROWS:
        label = " ".join([method, *(f"{k}={v}" for k, v in values.items())])
        if given.only not in label:
            continue
        seconds, s, side = seconds_a_step(method, values, given.device, given.steps)
        total = s.total_steps(PAPER_VIDEOS)
        print(
            f"| {label} | {s.batch} x {s.frames} x {side} | {1000 * seconds:.0f} | "
            f"{s.batch * s.frames / seconds:.0f} | {total} | {seconds * total / 3600:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
