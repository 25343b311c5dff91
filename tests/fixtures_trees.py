"""Tiny videos in the layout JPEGImages + Annotations, and the drawn data of the benchmarks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fixtures_layouts

from vosbench import registry
from vosbench.types import Dataset


def video(
    root: Path, name: str, masks: Mapping[int, Sequence[int]], *, frames: int = 6, stem: str = "05d"
) -> None:
    """Frames 0, 1, ... and annotations (frame -> ids in it) of one video."""
    for index in range(frames):
        file = f"{index:{stem}}"
        fixtures_layouts.picture(root / "JPEGImages" / name / f"{file}.jpg", seed=index)
        if index in masks:
            fixtures_layouts.mask(root / "Annotations" / name / f"{file}.png", *masks[index])


def meta(path: Path, videos: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"videos": videos}))


def gold(name: str) -> Path:
    """A benchmark's tree of drawn data; skips without VOSBENCH_DATA."""
    return fixtures_layouts.real(f"gold/seed1/{name}")


def load(name: str, root: Path, split: str = "") -> Dataset:
    dataset: Dataset = registry.load("datasets", name).load(root, split=split, resolution="")
    return dataset
