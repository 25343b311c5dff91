"""A figure with its name, caption and alternative text, drawn now or kept on disk."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import matplotlib.figure

from vosbench.drawing import style

SUFFIXES = (".png", ".svg")


@dataclass(frozen=True)
class Figure:
    """A figure under a name fit for a file; alt says in words what there is to see.

    drawing: as matplotlib has it, or where its files lie: STEM, without .png and .svg. pictures: it
    holds frames, so that its SVG is the larger file.
    """

    name: str
    caption: str
    alt: str
    drawing: matplotlib.figure.Figure | Path
    pictures: bool = False

    def save(self, folder: Path) -> tuple[Path, Path]:
        """Write FOLDER/<name>.png and .svg."""
        folder.mkdir(parents=True, exist_ok=True)
        png, svg = (folder / f"{self.name}{suffix}" for suffix in SUFFIXES)
        for path in (png, svg):
            if isinstance(self.drawing, Path):
                shutil.copy(self.drawing.with_name(self.drawing.name + path.suffix), path)
            else:
                style.write(self.drawing, path)
        return png, svg
