"""What run.json says of a run, and what its label shows."""

from __future__ import annotations

from pathlib import Path

from vosbench.running import manifest
from vosbench.running.config import RunConfig
from vosbench.running.resolved import resolve


def test_weights_are_labelled_with_their_folder(tmp_path: Path) -> None:
    labels = []
    for name in ("one/weights.safetensors", "two/weights.safetensors", "one/own.safetensors",
                 "two/own.safetensors"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        config = RunConfig(method="rpmnet", dataset="synthetic", options={"weights": str(path)})
        labels.append(manifest.describe(resolve(config))["label"])
    assert labels == [
        "rpmnet weights=one/weights.safetensors", "rpmnet weights=two/weights.safetensors",
        "rpmnet weights=one/own.safetensors", "rpmnet weights=two/own.safetensors",
    ]  # fmt: skip
