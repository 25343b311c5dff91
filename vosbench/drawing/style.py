"""What all figures share: paper widths, style, saving; looks.py has the colours.

No pyplot: nothing global is touched and nothing is left open.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vosbench.files import write_bytes

SUFFIXES = (".pdf", ".svg", ".png")  # what a figure can be written as

P = ParamSpec("P")
T = TypeVar("T")

PAGE = 6.875  # inches: both columns of a CVPR or WACV paper
COLUMN = 3.25  # inches: one column
DPI = 200

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "hatch.linewidth": 0.4,
    "text.parse_math": False,  # names hold `$`, and none of our texts is a formula
    "pdf.fonttype": 42,  # TrueType: papers may hold no Type 3
    "svg.hashsalt": "vosbench",  # the same data give the same bytes
}

_UNDATED: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """A drawing function under this project's style, whatever the caller's is."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> T:
        with mpl.rc_context(_STYLE):
            return draw(*args, **kwargs)

    return drawn


def sheet(height: float, *, width: float = PAGE) -> Figure:
    """An empty figure of this size in inches, laid out without overlaps."""
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def legend_below(figure: Figure, axes: Axes, labels: Sequence[str]) -> None:
    """One legend for the whole figure, under it; none for a single series without a name."""
    handles, names = axes.get_legend_handles_labels()
    if len(names) < 2 and not any(labels):
        return
    columns = _columns(labels, float(figure.get_size_inches()[0]))
    figure.legend(handles, names, loc="outside lower center", ncols=columns)


def legend_height(labels: Sequence[str], width: float) -> float:
    """The inches that `legend_below` will take of a figure so wide."""
    shown = [label for label in labels if label]
    return 0.08 + 0.155 * math.ceil(len(shown) / _columns(shown, width)) if shown else 0.0


def _columns(labels: Sequence[str], width: float) -> int:
    """As many as fit side by side."""
    longest = max(len(label) for label in labels)
    return max(1, min(len(labels), int(width * 18 / (longest + 7))))


@styled
def write(figure: Figure, path: Path) -> None:
    """Write a .png (200 dpi), .svg or .pdf, whole or not at all, without a date.

    The first file of a figure lays it out; others have its layout. Told to do that by itself,
    matplotlib would draw all of it once more for each file.
    """
    kind = path.suffix.removeprefix(".").lower()
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a box stands for it
        if layout := figure.get_layout_engine():
            figure.set_dpi(DPI)
            layout.execute(figure)
            figure.set_layout_engine(None)
        figure.savefig(content, format=kind, dpi=DPI, metadata=_UNDATED[kind])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content.getvalue())
