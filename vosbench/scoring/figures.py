"""Counts -> the figures of single frames: J, F and those of other benchmarks, 0-1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from vosbench.scoring.counts import Column, Rows

Values = npt.NDArray[np.float64]  # (rows,)


def region(rows: Rows, rule: str) -> Values:
    """J of each row: `iou`, or `smoothed` as MOSEv2 has it; 1 where both masks are empty."""
    both, union = rows["both"], rows["truth"] + rows["prediction"] - rows["both"]
    more = int(rule == "smoothed")
    return np.where(union == 0, 1.0, (both + more) / np.maximum(union + more, 1))


def contour(rows: Rows) -> Values:
    """F of each row as DAVIS has it."""
    return _f(rows, rows["truth_matched"], rows["prediction_matched"])


def contour_mosev2(rows: Rows) -> tuple[Values, Values]:
    """F and Ḟ of each row as MOSEv2 has them."""
    adapted = _f(rows, rows["truth_matched_mosev2"], rows["prediction_matched_mosev2"])
    side = np.ceil(0.1 * np.sqrt(rows["truth"]))
    shapes = np.stack([rows["height"], rows["width"]], 1).astype(np.float64)
    narrow = (rows["truth"] > 0) & (side < 0.008 * np.linalg.norm(shapes, axis=1))
    return np.where(narrow, contour(rows), adapted), adapted


def _f(rows: Rows, truth_matched: Column, prediction_matched: Column) -> Values:
    """The harmonic mean of precision and recall; 1 without contours, 0 with but one."""
    truth, prediction = rows["truth_contour"], rows["prediction_contour"]
    precision = prediction_matched / np.maximum(prediction, 1)
    recall = truth_matched / np.maximum(truth, 1)
    total = precision + recall
    f = np.divide(2 * precision * recall, total, out=np.zeros(len(total)), where=total > 0)
    one_empty = (truth == 0) | (prediction == 0)
    return np.where(one_empty, (truth == prediction).astype(np.float64), f)


def boundary_iou(rows: Rows) -> Values:
    """Boundary IoU of each row; 1 where both bands are empty."""
    union = rows["truth_band"] + rows["prediction_band"] - rows["both_band"]
    return np.where(union == 0, 1.0, rows["both_band"] / np.maximum(union, 1))


def volume(rows: Rows) -> tuple[float, float] | None:
    """J and F of all rows together, from summed counts; None where nothing is in either mask."""
    total = {name: np.array([column.sum()]) for name, column in rows.items()}
    if not (total["truth"] + total["prediction"]).any():
        return None
    return float(region(total, "iou")[0]), float(contour(total)[0])


def presence(rows: Rows) -> dict[str, int]:
    """On how many rows the object is tracked, missed, hallucinated or rightly empty."""
    there, shown = rows["truth"] > 0, rows["prediction"] > 0
    kinds = {
        "tracked": there & shown,
        "missed": there & ~shown,
        "hallucinated": ~there & shown,
        "rightly_empty": ~there & ~shown,
    }
    return {name: int(np.count_nonzero(where)) for name, where in kinds.items()}


def emptied(rows: Rows, kept: npt.NDArray[np.bool_]) -> Rows:
    """What counting would give if nothing were predicted, but for `kept` rows, which are right."""
    found: dict[str, Column] = dict(rows)
    for name in rows:
        truth = f"truth{name.removeprefix('prediction')}"
        if name.startswith("prediction"):
            source = "truth_contour" if name.startswith("prediction_matched") else truth
            found[name] = np.where(kept, rows[source], 0)
        elif name.startswith("both"):
            found[name] = np.where(kept, rows[f"truth{name.removeprefix('both')}"], 0)
        elif name.startswith("truth_matched"):
            found[name] = np.where(kept, rows["truth_contour"], 0)
    return found


def taken(rows: Rows, places: npt.NDArray[np.intp]) -> Rows:
    """Some of the rows, in this order."""
    return {name: column[places] for name, column in rows.items()}
