"""Dense CRF: soft masks (k, h, w) that follow the edges of their frame.

Krähenbühl and Koltun, NeurIPS 2011, as RPM-Net_R (WACV 2020) uses it with two iterations. Mean
field: Q = softmax(log p + sum of compat * K Q) over a Gaussian kernel of position and a bilateral
one of position and colour, each divided by the roots of its sums on both sides. The filtering is
pydensecrf's permutohedral lattice, which approximates the kernels.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vosbench.errors import UsageError, needing
from vosbench.types import Frame

Probabilities = npt.NDArray[np.float32]  # (k, h, w), background first, sums to 1 over k

_LEAST = 1e-5  # probability below which a label is as good as absent; log(0) is not finite


@dataclass(frozen=True, kw_only=True)
class CrfSettings:
    """The two kernels; the paper gives none, so these are pydensecrf's own example's.

    gaussian_sxy, bilateral_sxy: standard deviations of position, in pixels.
    bilateral_srgb: standard deviation of colour, of 0 to 255.
    gaussian_compat, bilateral_compat: weights of the kernels.
    """

    iterations: int = 2
    gaussian_sxy: float = 3.0
    gaussian_compat: float = 3.0
    bilateral_sxy: float = 80.0
    bilateral_srgb: float = 13.0
    bilateral_compat: float = 10.0

    def __post_init__(self) -> None:
        for key, value in dataclasses.asdict(self).items():
            least = "0 or more" if key.endswith("compat") else "more than 0"
            if value < 0 or (value == 0 and not key.endswith("compat")):
                raise UsageError(f"dense CRF: {key}={value}, expected {least}")


def refine(frame: Frame, probabilities: Probabilities, settings: CrfSettings) -> Probabilities:
    """The labels' probabilities (k, h, w) after some iterations of mean field.

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
    if k == 1:  # background alone
        return np.ones((k, h, w), np.float32)
    field = make(w, h, k)
    unary = -np.log(np.clip(probabilities, _LEAST, 1.0))
    field.setUnaryEnergy(np.ascontiguousarray(unary.reshape(k, h * w), np.float32))
    field.addPairwiseGaussian(sxy=settings.gaussian_sxy, compat=settings.gaussian_compat)
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
