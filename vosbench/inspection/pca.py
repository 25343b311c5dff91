"""Show a method's embeddings of a clip as PCA colours (RPM-Net, WACV 2020, Fig. 10 and 1).

The embeddings of reference and target are concatenated, as the matching module sees them (64
channels in the paper). One PCA per clip, over all its pairs; three components become red, green
and blue.
"""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vosbench.errors import UsageError
from vosbench.inspection.cells import regions_of
from vosbench.tables import Column, Table

if TYPE_CHECKING:
    from vosbench.types import Frame, Inspection, Mask

Floats = npt.NDArray[np.float64]

TAILS = (2.0, 98.0)  # percentiles that become 0 and 1: single cells do not set the colours

SIGN_RULE = "signs: of each component, the channel with the largest absolute weight counts positive"


@dataclass(frozen=True)
class Projection:
    """A clip's three principal directions and the range of its cells along them.

    mean: (c,). directions: (3, c), unit length, signs fixed. low, high: (3,), robust range.
    explained: (3,), share of the variance.
    """

    mean: Floats
    directions: Floats
    low: Floats
    high: Floats
    explained: Floats

    def colours(self, features: npt.NDArray[np.float32]) -> Frame:
        """Features (c, h, w) as a picture (h, w, 3), one pixel per cell."""
        c, h, w = features.shape
        along = (features.reshape(c, -1).T - self.mean) @ self.directions.T  # (h*w, 3)
        span = np.maximum(self.high - self.low, 1e-12)
        shares = np.clip((along - self.low) / span, 0, 1)
        return np.rint(255 * shares).astype(np.uint8).reshape(h, w, 3)


def joined(inspection: Inspection) -> npt.NDArray[np.float32]:
    """Both embeddings, reference first: (2c, h, w)."""
    return np.concatenate((inspection.reference, inspection.target))


def fit(clip: Seq[npt.NDArray[np.float32]]) -> Projection:
    """The projection of a clip from the features (c, h, w) of its pairs.

    Raises:
        UsageError: there are fewer than three channels or cells.
    """
    from sklearn.decomposition import PCA

    cells = np.concatenate([f.reshape(len(f), -1).T for f in clip]).astype(np.float64)
    if min(cells.shape) < 3:
        raise UsageError(
            f"three components need three channels and cells, found {cells.shape[1]} channels and "
            f"{cells.shape[0]} cells"
        )
    with np.errstate(invalid="ignore"):  # embeddings that do not vary explain nothing
        pca = PCA(3, svd_solver="covariance_eigh").fit(cells)
    directions = fixed_signs(pca.components_)
    along = (cells - pca.mean_) @ directions.T
    low, high = np.percentile(along, TAILS, axis=0)
    return Projection(
        pca.mean_, directions, low, high, np.nan_to_num(pca.explained_variance_ratio_)
    )


def fixed_signs(directions: Floats) -> Floats:
    """Directions (k, c) turned so that their largest weight in absolute value is positive.

    >>> fixed_signs(np.array([[0.6, -0.8], [0.8, 0.6]])).tolist()
    [[-0.6, 0.8], [0.8, 0.6]]
    """
    largest = np.abs(directions).argmax(1)
    signs = np.sign(directions[np.arange(len(directions)), largest])
    turned: Floats = directions * np.where(signs == 0, 1, signs)[:, None]
    return turned


def telling_cells(mask: Mask, grid: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """Cells (y, x) to look at, found from the truth alone; without an object only `background`.

    centre: deepest inside the largest object. boundary: the rightmost boundary cell of that object
    on the rows about the centre's, or on the nearest that has one. background: farthest from
    objects and from the frame's edge.
    """
    sizes = np.bincount(mask.ravel(), minlength=2)[1:]
    own = (mask == 1 + int(sizes.argmax())).astype(np.uint8) if sizes.any() else mask
    regions = regions_of(own, grid)
    found: dict[str, tuple[int, int]] = {}
    inside = regions == "inside" if (regions == "inside").any() else regions == "boundary"
    if inside.any():
        found["centre"] = centre = _deepest(inside)
        edge = np.argwhere(regions == "boundary")
        if len(edge):
            away = np.abs(edge[:, 0] - centre[0])
            near = away <= max(1, away.min())  # a row's own edge may lie between two cells
            order = np.lexsort((away[near], -edge[near, 1]))
            y, x = edge[near][order[0]]
            found["boundary"] = (int(y), int(x))
    free = regions_of(mask, grid) == "outside"
    if free.any():
        found["background"] = _deepest(free)
    return found


def cell_at(y: float, x: float, *, cell: tuple[float, float], grid: tuple[int, int]) -> list[int]:
    """The cell [y, x] that a pixel of the frame lies in; UsageError outside the frame."""
    at = [int(y // cell[0]), int(x // cell[1])]
    if not all(0 <= a < g for a, g in zip(at, grid, strict=True)):
        raise UsageError(
            f"point {y:g},{x:g} (y,x in pixels) lies outside the frame of "
            f"{grid[0] * cell[0]:g} x {grid[1] * cell[1]:g} px"
        )
    return at


def table(found: Seq[tuple[str, str, Projection]]) -> Table:
    """The share of the variance that three components hold, per (method, sequence)."""
    return Table(
        name="embedding-pca",
        title="Share of the variance in the first three principal components of the embeddings",
        columns=(
            Column("method"),
            Column("sequence"),
            *(Column(f"component {k}", "%") for k in (1, 2, 3)),
            Column("together", "%"),
        ),
        rows=tuple(
            (
                label,
                sequence,
                *(float(e) for e in p.explained),
                float(p.explained.sum()),
            )
            for label, sequence, p in found
        ),
        notes=(
            "PCA of the concatenated embeddings of reference and target, fitted per clip",
            SIGN_RULE,
            f"colours: percentiles {TAILS[0]:g} and {TAILS[1]:g} of the clip become 0 and 1",
        ),
    )


def _deepest(region: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """The cell of a region farthest from all others; the frame's edge counts as outside."""
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(y), int(x)
