"""A run's identity changes with the method's source and with what of the toolbox it uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from vosbench import registry
from vosbench.resolve import open_dataset
from vosbench.running import manifest
from vosbench.running.config import RunConfig


def test_the_source_of_a_plugin_holds_the_toolbox_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toolbox = tmp_path / "toolbox"
    toolbox.mkdir()
    for name in ("flow", "warp", "lab"):
        (toolbox / f"{name}.py").write_text(f'"""{name}"""\n', encoding="utf-8")
    (toolbox / "flow.py").write_text(
        "def f():\n    from vosbench.toolbox.warp import warp\n", encoding="utf-8"
    )
    plugin = tmp_path / "plugin.py"
    plugin.write_text("from vosbench.toolbox import flow\n", encoding="utf-8")
    monkeypatch.setattr(manifest, "_TOOLBOX", toolbox)
    before = manifest._source_sha256(plugin)
    (toolbox / "warp.py").write_text('"""Other words."""\n# and more\n', encoding="utf-8")
    assert manifest._source_sha256(plugin) == before, "words decide nothing"
    (toolbox / "lab.py").write_text("changed = 1\n", encoding="utf-8")
    assert manifest._source_sha256(plugin) == before, "the plugin does not use lab"
    (toolbox / "warp.py").write_text("changed = 1\n", encoding="utf-8")
    assert manifest._source_sha256(plugin) != before, "the plugin uses warp through flow"


def test_weights_of_a_training_are_labelled_by_its_folder(tmp_path: Path) -> None:
    dataset = open_dataset("synthetic")
    labels = []
    for name in ("one/weights.safetensors", "two/weights.safetensors", "own.safetensors"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        config = RunConfig(method="rpmnet", dataset="synthetic", options={"weights": str(path)})
        labels.append(manifest.describe(config, dataset, dataset.names)["label"])
    assert labels == [
        "rpmnet weights=one/weights.safetensors", "rpmnet weights=two/weights.safetensors",
        "rpmnet weights=own.safetensors",
    ]  # fmt: skip


def test_every_plugin_has_a_source() -> None:
    found = {
        name: manifest._source_sha256(registry.find("methods", name).path)
        for name in registry.names("methods")
    }
    assert found["rpmnet"] == found["rpmnet-conv-3"] != found["copy-first"]
