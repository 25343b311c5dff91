"""Small files and folders in the datasets' layouts, and where the real data are."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

H, W = 12, 20


def noise(seed: int = 0, h: int = H, w: int = W) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)


def picture(path: Path, pixels: np.ndarray | None = None, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(seed) if pixels is None else pixels).save(path)
    return path


def mask(path: Path, *objects: int, h: int = H, w: int = W, mode: str = "P") -> Path:
    """A mask with one column of two pixels' width per object."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(labels(*objects, h=h, w=w))
    if mode == "P":
        image = image.convert("L")
        image.putpalette([i // 3 for i in range(768)])
    elif mode != "L":
        image = image.convert(mode)
    image.save(path)
    return path


def labels(*objects: int, h: int = H, w: int = W) -> np.ndarray:
    values = np.zeros((h, w), np.uint8)
    for place, number in enumerate(objects):
        values[2:6, 3 * place : 3 * place + 2] = number
    return values


def soft(path: Path, pixels: np.ndarray) -> Path:
    """A three-channel truth picture with foreground 250 where `pixels`, and edge values around."""
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = np.where(pixels, 250, 3).astype(np.uint8)
    grey[0, 0], grey[0, 1] = 127, 128
    Image.fromarray(np.repeat(grey[..., None], 3, axis=2)).save(path)
    return path


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def real(folder: str) -> Path:
    """A folder under VOSBENCH_DATA; skips, saying what is missing, without it."""
    data = os.environ.get("VOSBENCH_DATA")
    if not data:
        pytest.skip(f"VOSBENCH_DATA is not set: it should name the folder that holds {folder}/")
    if not (Path(data) / folder).is_dir():
        pytest.skip(f"{Path(data) / folder} is missing")
    return Path(data) / folder
