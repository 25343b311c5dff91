"""Draw figures of pictures: strips of results, cosine maps, samples over PCA colours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from vosbench.drawing.style import PAGE, sheet, styled

if TYPE_CHECKING:
    from vosbench.types import Frame

POINTS = ("#E69F00", "#56B4E9", "#CC79A7", "#F0E442", "#009E73", "#D55E00")
WIDEST = 2.3  # inches of a tile; three across fill a page
POINT_MARKERS = ("o", "s", "D", "^", "v", "P")


class Tile(NamedTuple):
    """A picture (h, w, 3) with the words above it and a bold one in its corner."""

    picture: Frame
    caption: str = ""
    corner: str = ""


class Samples(NamedTuple):
    """What a method reads for chosen cells of a target frame, in pixels of the frames, x then y.

    label: the method's.
    reference, target: the frames.
    projection: PCA colours (h, w, 3), one pixel per cell.
    names: of the chosen cells.
    chosen: (p, 2), their centres in the target.
    samples: (p, n, 2), the positions that are compared, in the reference.
    matches: (p, 2), where the offsets point to in the reference, if any.
    """

    label: str
    reference: Frame
    target: Frame
    projection: Frame
    names: Sequence[str]
    chosen: npt.NDArray[np.float64]
    samples: npt.NDArray[np.float64]
    matches: npt.NDArray[np.float64] | None


class Map(NamedTuple):
    """Values per cell (h, w) of a frame (h, w, 3); NaN is not drawn."""

    label: str
    frame: Frame
    values: npt.NDArray[np.float64]


@styled
def strips(rows: Sequence[tuple[str, Sequence[Tile]]], *, width: float = PAGE) -> Figure:
    """One strip of tiles per row, its name on the left (Fig. 4, 8)."""
    assert rows, "no strips to draw"
    columns = max(len(tiles) for _, tiles in rows)
    width = min(width, 0.25 + WIDEST * columns)
    across = (width - 0.25) / columns
    heights = [
        across * max(t.picture.shape[0] / t.picture.shape[1] for t in tiles) + 0.03
        for _, tiles in rows
    ]
    rows = [
        (name, [t._replace(caption=_broken(t.caption, round(across * 18))) for t in tiles])
        for name, tiles in rows
    ]
    lines = [max(len(t.caption.splitlines()) for t in tiles) for _, tiles in rows]
    figure = sheet(sum(heights) + 0.08 + 0.13 * sum(lines), width=width)
    grid = figure.subplots(
        len(rows), columns, squeeze=False, gridspec_kw={"height_ratios": heights}
    )
    _close(figure, 0.01)
    for number, (name, tiles) in enumerate(rows):
        for axes in grid[number]:
            _bare(axes)
        for axes, tile in zip(grid[number], tiles, strict=False):
            _show(axes, tile.picture)
            axes.set_title(tile.caption, fontsize=_fitting(tile.caption, across), pad=2)
            if tile.corner:
                axes.text(
                    0.03,
                    0.04,
                    tile.corner,
                    transform=axes.transAxes,
                    fontsize=7,
                    fontweight="bold",
                    color="white",
                    bbox={"facecolor": "black", "alpha": 0.65, "pad": 1.5, "linewidth": 0},
                )
        label = _broken(name, round(heights[number] * 18))
        size = _fitting(label, heights[number])
        grid[number][0].set_ylabel(label, fontsize=size, visible=True)
    return figure


def _broken(text: str, letters: int) -> str:
    """Lines of so many letters, broken after a blank, a hyphen or an equals sign."""
    lines = [""]
    for part in re.findall(r"[^-=\s]*[-=\s]?", text):
        if lines[-1] and len(lines[-1] + part.rstrip()) > letters:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.strip() for line in lines)


def _fitting(text: str, inches: float) -> float:
    """A size of type, 7 points or smaller, at which the longest line is no longer than this."""
    longest = max((len(line) for line in text.splitlines()), default=0)
    return min(7.0, 72 * inches / (0.6 * max(longest, 1)))


@styled
def maps(rows: Sequence[Map], *, label: str, low: float, high: float, columns: int = 3) -> Figure:
    """A grid of frames under maps of one scale, such as cosines (Fig. 9)."""
    assert rows, "no maps to draw"
    columns = min(columns, len(rows))
    lines = -(-len(rows) // columns)
    ratio = max(m.frame.shape[0] / m.frame.shape[1] for m in rows)
    figure = sheet(lines * ((PAGE - 0.7) / columns * ratio + 0.2) + 0.1)
    grid = figure.subplots(lines, columns, squeeze=False)
    scale = Normalize(low, high)
    for axes in grid.flat:
        _bare(axes)
    for axes, each in zip(grid.flat, rows, strict=False):
        h, w = each.frame.shape[:2]
        _show(axes, _grey(each.frame))
        axes.imshow(
            each.values,
            cmap="cividis",
            norm=scale,
            alpha=0.8,
            extent=(-0.5, w - 0.5, h - 0.5, -0.5),
            interpolation="nearest",
        )
        axes.set_title(each.label, fontsize=7, pad=2)
    figure.colorbar(
        ScalarMappable(scale, "cividis"),
        ax=list(grid.flat),
        label=label,
        fraction=0.03,
        pad=0.01,
        extend="min",
    )
    return figure


@styled
def sampling(rows: Sequence[Samples]) -> Figure:
    """Per method: chosen cells, what is read for them over both frames and over the PCA colours.

    Fig. 10 and 1: the target with the chosen cells; both frames laid over each other, and the
    embeddings' colours, with the positions that are compared and (crosses) where the offsets point.
    """
    assert rows, "no samples to draw"
    ratio = max(r.target.shape[0] / r.target.shape[1] for r in rows)
    figure = sheet(len(rows) * ((PAGE - 0.3) / 3 * ratio + 0.03) + 0.32)
    _close(figure, 0.015)
    grid = figure.subplots(len(rows), 3, squeeze=False)
    heads = ("target", "reference and target", "PCA of the embeddings")
    for axes, head in zip(grid[0], heads, strict=True):
        axes.set_title(head, fontsize=7, pad=2)
    for line, row in zip(grid, rows, strict=True):  # one method
        h, w = row.target.shape[:2]
        both = (row.reference.astype(np.uint16) + row.target) // 2
        for axes, picture in zip(line, (row.target, both, row.projection), strict=True):
            _bare(axes)
            smooth = "nearest" if picture is row.projection else "antialiased"
            extent = (-0.5, w - 0.5, h - 0.5, -0.5)
            axes.imshow(picture, extent=extent, interpolation=smooth)
            axes.set(xlim=extent[:2], ylim=extent[2:])
        line[0].set_ylabel(row.label, fontsize=7, visible=True)
        for number, name in enumerate(row.names):
            for axes in line[1:]:
                _positions(axes, row, number)
            for axes in line:
                _chosen(axes, row.chosen[number], number, name)
            for axes in line[1:]:
                _match(axes, row, number)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def _close(figure: Figure, pad: float) -> None:
    """Bring a sheet's pictures close together: `pad` inches and nothing more between them."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    engine.set(w_pad=pad, h_pad=pad, wspace=0.0, hspace=0.0)


def _positions(axes: Axes, row: Samples, number: int) -> None:
    """The positions read for one chosen cell; many are drawn small and light."""
    places, color = row.samples[number], POINTS[number % len(POINTS)]
    many = len(places) > 150
    if not many:
        axes.scatter(places[:, 0], places[:, 1], s=7, c="black", linewidths=0)
    axes.scatter(places[:, 0], places[:, 1], s=2.2, c=color, linewidths=0, alpha=0.7 if many else 1)


def _match(axes: Axes, row: Samples, number: int) -> None:
    """A cross where the offset of one chosen cell points."""
    if row.matches is not None:
        axes.plot(*row.matches[number], "x", color="black", markersize=5, markeredgewidth=2.4)
        axes.plot(*row.matches[number], "x", color="white", markersize=4.2, markeredgewidth=1)


def _chosen(axes: Axes, at: npt.NDArray[np.float64], number: int, name: str) -> None:
    axes.plot(
        *at,
        POINT_MARKERS[number % len(POINT_MARKERS)],
        color=POINTS[number % len(POINTS)],
        markeredgecolor="black",
        markeredgewidth=0.8,
        markersize=5,
        linestyle="",
        label=name,
    )


def _bare(axes: Axes) -> None:
    """No ticks, no frame, no grid; the label beside it may stay."""
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def _show(axes: Axes, picture: Frame) -> None:
    axes.imshow(picture, interpolation="antialiased")


def _grey(frame: Frame) -> Frame:
    return np.repeat(frame.mean(2, keepdims=True), 3, axis=2).astype(np.uint8)
