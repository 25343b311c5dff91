"""The box around a mask: what lies outside changes neither J nor F."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def around(mask: npt.NDArray[np.generic]) -> tuple[slice, slice]:
    """The rows and columns of a mask and one more on each side, within the frame.

    A cut there changes no contour: its pixels lie on the mask or just left of it or above, and
    what is cut off is as empty as the margin. For an empty mask the slices are empty.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    if not rows.size:
        return slice(0), slice(0)
    top, bottom = max(int(rows[0]) - 1, 0), int(rows[-1]) + 2
    columns = np.flatnonzero(mask[top:bottom].any(axis=0))
    return slice(top, bottom), slice(max(int(columns[0]) - 1, 0), int(columns[-1]) + 2)
