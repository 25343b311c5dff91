"""Dense CRF: soft masks (k, h, w) that follow the edges of their frame.

Krähenbühl and Koltun, NeurIPS 2011, as RPM-Net_R (WACV 2020) uses it with two iterations. Mean
field: Q = softmax(log p + sum of compat * K Q) over a Gaussian kernel of position and a bilateral
one of position and colour, each divided by the roots of its sums on both sides. The filtering is
pydensecrf's permutohedral lattice, which approximates the kernels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vosbench.errors import UsageError, needing
from vosbench.toolbox.methods.images import fit
from vosbench.types import Frame

Probabilities = npt.NDArray[np.float32]  # (k, h, w), background first, sums to 1 over k

_LEAST = 1e-5  # probability below which a label is as good as absent; log(0) is not finite


@dataclass(frozen=True, kw_only=True)
class CrfSettings:
    """What is refined, and the two kernels, in pixels of the frame as the CRF sees it.

    The paper gives iterations alone; the rest is ours, see `SETTINGS`.

    short_side: frames are brought down to it, never up; 0 keeps their size.
    least: the objects' share, together, from which a pixel counts to what is refined; 0: all do.
    margin: how far around those pixels the refined box reaches, in pixels. Beyond is background.
    gaussian_sxy, bilateral_sxy: standard deviations of position, in pixels.
    bilateral_srgb: standard deviation of colour, of 0 to 255.
    gaussian_compat, bilateral_compat: weights of the kernels; 0 leaves one out.
    """

    iterations: int = 2
    short_side: int = 256
    least: float = 0.05
    margin: int = 20
    gaussian_sxy: float = 1.6
    gaussian_compat: float = 0.0
    bilateral_sxy: float = 20.0
    bilateral_srgb: float = 7.0
    bilateral_compat: float = 10.0

    def __post_init__(self) -> None:
        for key, value in dataclasses.asdict(self).items():
            zero = key.endswith("compat") or key in ("short_side", "least", "margin")
            if value < 0 or (value == 0 and not zero):
                least = "0 or more" if zero else "more than 0"
                raise UsageError(f"dense CRF: {key}={value}, expected {least}")


SETTINGS: Mapping[str, CrfSettings] = {
    # chosen by benchmarks/crf_settings.py on objects pasted into unlabelled clips
    "pasted": CrfSettings(),
    # those of pydensecrf's own example, over whole frames at their size
    "pydensecrf": CrfSettings(
        short_side=0,
        least=0.0,
        gaussian_sxy=3.0,
        gaussian_compat=3.0,
        bilateral_sxy=80.0,
        bilateral_srgb=13.0,
    ),
}


def size(h: int, w: int, settings: CrfSettings) -> tuple[int, int]:
    """The size (h, w), in pixels, at which frames of this size are refined."""
    if not 0 < settings.short_side < min(h, w):
        return h, w
    return fit(h, w, short_side=settings.short_side, multiple=1)


def refine(frame: Frame, probabilities: Probabilities, settings: CrfSettings) -> Probabilities:
    """The labels' probabilities (k, h, w) after some iterations of mean field.

    One box around all objects is refined; outside it, all is background.

    Args:
        frame: (h, w, 3) at the size of the probabilities.
        probabilities: float (k, h, w) in 0..1; zeros are allowed.

    Raises:
        MissingExtraError: pydensecrf is not installed.
        ValueError: the sizes differ.
    """
    k, h, w = probabilities.shape
    if frame.shape != (h, w, 3):
        raise ValueError(f"the frame is {frame.shape}, expected {(h, w, 3)} as the probabilities")
    make = check_installed()
    refined = np.zeros((k, h, w), np.float32)
    refined[0] = 1
    box = _box(probabilities, settings)
    if k > 1 and box is not None:
        inside = (slice(None), *box)
        refined[inside] = _mean_field(make, frame[box], probabilities[inside], settings)
    return refined


def _box(probabilities: Probabilities, settings: CrfSettings) -> tuple[slice, slice] | None:
    """The rows and columns that hold the objects, and a margin; None where nothing does."""
    if not settings.least:
        return slice(None), slice(None)
    held = probabilities[1:].sum(0) >= settings.least
    if not held.any():
        return None
    rows, columns = (np.flatnonzero(held.any(axis)) for axis in (1, 0))
    return (
        slice(max(0, int(rows[0]) - settings.margin), int(rows[-1]) + 1 + settings.margin),
        slice(max(0, int(columns[0]) - settings.margin), int(columns[-1]) + 1 + settings.margin),
    )


def _mean_field(
    make: Any, frame: Frame, probabilities: Probabilities, settings: CrfSettings
) -> Probabilities:
    k, h, w = probabilities.shape
    field = make(w, h, k)
    unary = -np.log(np.clip(probabilities, _LEAST, 1.0))
    field.setUnaryEnergy(np.ascontiguousarray(unary.reshape(k, h * w), np.float32))
    if settings.gaussian_compat:
        field.addPairwiseGaussian(sxy=settings.gaussian_sxy, compat=settings.gaussian_compat)
    if settings.bilateral_compat:
        field.addPairwiseBilateral(
            sxy=settings.bilateral_sxy,
            srgb=settings.bilateral_srgb,
            rgbim=np.require(frame, np.uint8, ["C", "W"]),  # it asks for a writable buffer
            compat=settings.bilateral_compat,
        )
    return np.array(field.inference(settings.iterations), np.float32).reshape(k, h, w)


def check_installed() -> Any:
    """Pydensecrf's class of a field; a method calls this when it is built, to fail early.

    Raises:
        MissingExtraError: saying what to install.
    """
    with needing("the dense CRF"):
        from pydensecrf.densecrf import DenseCRF2D  # type: ignore[import-untyped]
    return DenseCRF2D
