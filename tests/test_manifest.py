"""A run's identity changes with the method's source and with what of the toolbox it uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from vosbench import manifest, registry


def test_the_source_of_a_leaf_holds_the_toolbox_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toolbox = tmp_path / "toolbox"
    toolbox.mkdir()
    for name in ("flow", "warp", "lab"):
        (toolbox / f"{name}.py").write_text(f'"""{name}"""\n', encoding="utf-8")
    (toolbox / "flow.py").write_text(
        "def f():\n    from vosbench.toolbox.warp import warp\n", encoding="utf-8"
    )
    leaf = tmp_path / "leaf.py"
    leaf.write_text("from vosbench.toolbox import flow\n", encoding="utf-8")
    monkeypatch.setattr(manifest, "_TOOLBOX", toolbox)
    before = manifest._source_sha256(leaf)
    (toolbox / "lab.py").write_text("changed = 1\n", encoding="utf-8")
    assert manifest._source_sha256(leaf) == before, "the leaf does not use lab"
    (toolbox / "warp.py").write_text("changed = 1\n", encoding="utf-8")
    assert manifest._source_sha256(leaf) != before, "the leaf uses warp through flow"


def test_every_leaf_has_a_source() -> None:
    found = {
        name: manifest._source_sha256(registry.find("methods", name).path)
        for name in registry.names("methods")
    }
    assert found["rpmnet"] == found["rpmnet-conv-3"] != found["copy-first"]
