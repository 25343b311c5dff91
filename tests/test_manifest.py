"""What run.json says of a run, and what its label shows."""

from __future__ import annotations

from pathlib import Path

from vosbench.running import manifest
from vosbench.running.config import RunConfig
from vosbench.running.resolved import resolve


def test_weights_of_a_training_are_labelled_by_its_folder(tmp_path: Path) -> None:
    labels = []
    for name in ("one/weights.safetensors", "two/weights.safetensors", "own.safetensors"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        config = RunConfig(method="rpmnet", dataset="synthetic", options={"weights": str(path)})
        labels.append(manifest.describe(resolve(config))["label"])
    assert labels == [
        "rpmnet weights=one/weights.safetensors", "rpmnet weights=two/weights.safetensors",
        "rpmnet weights=own.safetensors",
    ]  # fmt: skip
