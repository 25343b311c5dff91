"""A figure with its name, caption and alternative text, drawn now or kept on disk."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from vosbench.drawing.style import save


@dataclass(frozen=True)
class KeptFigure:
    """A figure on disk, FOLDER/<file>.png and .svg; it is saved as Drawn is."""

    name: str
    caption: str
    alt: str
    folder: Path
    file: str
    pictures: bool

    def save(self, folder: Path) -> tuple[Path, Path]:
        """Copy it to FOLDER/<name>.png and .svg."""
        folder.mkdir(parents=True, exist_ok=True)
        png, svg = (folder / f"{self.name}{suffix}" for suffix in (".png", ".svg"))
        for path in (png, svg):
            shutil.copy(self.folder / f"{self.file}{path.suffix}", path)
        return png, svg


@dataclass(frozen=True)
class Drawn:
    """A figure under a name fit for a file; alt says in words what there is to see.

    pictures: it holds frames, so that its SVG is the larger file.
    """

    name: str
    caption: str
    alt: str
    figure: Figure
    pictures: bool = False

    def save(self, folder: Path) -> tuple[Path, Path]:
        """Write FOLDER/<name>.png and .svg."""
        return save(self.figure, folder / self.name)
