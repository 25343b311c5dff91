"""Annotations of both forms, and what looking for prompts reads of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vosbench.masks import write_mask
from vosbench.toolbox.datasets import annotations
from vosbench.toolbox.datasets.annotations import LayerFiles, first_masks


def test_of_layers_only_those_of_objects_not_yet_seen_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[int, dict[int, Path]] = {}
    for index in range(5):
        for number, start in ((0, 0), (4, 2)):
            path = tmp_path / f"{number:03d}" / f"{index:05d}.png"
            path.parent.mkdir(exist_ok=True)
            write_mask(path, np.full((3, 4), index >= start, np.uint8))
            files.setdefault(index, {})[number] = path
    read: list[str] = []
    layer = annotations.read_layer

    def reading(path: Path) -> np.ndarray:
        read.append(f"{path.parent.name}/{path.stem}")
        return layer(path)

    monkeypatch.setattr(annotations, "read_layer", reading)
    prompts = first_masks(LayerFiles(files))
    assert {index: masks.ids for index, masks in prompts.items()} == {0: (0,), 2: (4,)}
    assert read == ["000/00000", "004/00000", "004/00001", "004/00002"]
