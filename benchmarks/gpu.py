"""What a GPU does: the time protocol of several methods, and what trainings cost.

    python benchmarks/gpu.py [--what protocol|training] [--device cuda] [--steps 20] [--only NAME]

protocol: `vosbench run --protocol-time` for rpmnet, label-propagation and tiny models, untrained,
of the three families of video-sam, over a drawn sequence. Without a GPU it says so and runs
nothing, unless --device cpu asks for it. training: one row per network of `rpmnet-paper`, the
smaller ResNets and the compact recipes, on random frames at each recipe's size and batch: seconds a
step, and hours in all. Loading of clips is not counted: `vosbench train` draws them in threads
beside the steps.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
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
TIMED: list[tuple[str, dict[str, str]]] = [
    ("rpmnet", {}),
    ("label-propagation", {"backbone": "torchvision/resnet18:layer3", "weights": "random"}),
    ("video-sam", {"model": "sam2", "weights": "random"}),
    ("video-sam", {"model": "sam3-tracker", "weights": "random"}),
    ("video-sam", {"model": "edgetam", "weights": "random"}),
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


def protocol(device: str, only: str) -> None:
    """Print the time protocol's two tables; a method that fails is named with the reason."""
    import vosbench
    from vosbench.errors import VosbenchError

    with tempfile.TemporaryDirectory() as folder:
        runs = []
        for method, options in TIMED:
            label = " ".join([method, *(f"{k}={v}" for k, v in options.items())])
            if only not in label:
                continue
            try:
                run = vosbench.run(
                    method, "synthetic", sequences=["plain"], options=options, device=device,
                    out=folder, protocol_time=True,
                )  # fmt: skip
            except VosbenchError as error:
                print(f"{label}: {error}", file=sys.stderr)
                continue
            runs.append(run)
            print(f"{label}: done", file=sys.stderr)
        for what in ("protocol-time", "protocol-memory") if runs else ():
            print(vosbench.analyse(runs, what).to_markdown())


def training(device: str, steps: int, only: str) -> None:
    """Print the table of trainings."""
    name = torch.cuda.get_device_name() if device.startswith("cuda") else "cpu"
    print(f"torch {torch.__version__} on {name}; hours: the recipe's steps, or its epochs over")
    print(f"{PAPER_VIDEOS} videos\n")
    print("| method | batch x frames x side | ms a step | images/s | steps | hours |")
    print("|---|---|---:|---:|---:|---:|")
    for method, values in ROWS:
        label = " ".join([method, *(f"{k}={v}" for k, v in values.items())])
        if only not in label:
            continue
        seconds, s, side = seconds_a_step(method, values, device, steps)
        total = s.total_steps(PAPER_VIDEOS)
        print(
            f"| {label} | {s.batch} x {s.frames} x {side} | {1000 * seconds:.0f} | "
            f"{s.batch * s.frames / seconds:.0f} | {total} | {seconds * total / 3600:.1f} |",
            flush=True,
        )


def main() -> None:
    """Print what was asked for; all by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--what", choices=("protocol", "training"), help="only this")
    parser.add_argument("--device", help="default: cuda")
    parser.add_argument("--steps", type=int, default=20, help="of each training")
    parser.add_argument("--only", default="", help="rows whose name holds this")
    given = parser.parse_args()
    device = given.device or "cuda"
    if device.startswith("cuda") and not torch.cuda.is_available():
        sys.exit(
            "there is no GPU here (torch finds no CUDA device), so nothing was run; --device cpu "
            "runs all of it on the CPU"
        )
    if given.what != "training":
        protocol(device, given.only)
    if given.what != "protocol":
        training(device, given.steps, given.only)


if __name__ == "__main__":
    main()
