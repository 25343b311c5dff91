"""The dense CRF against a dense mean field, on a disc whose edge it must find."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from reference import dense_crf as slow

from methods.rpmnet.dense_crf import CrfSettings, check_installed, refine
from vosbench.errors import UsageError

SHARPER = CrfSettings(iterations=5, bilateral_sxy=40.0, bilateral_srgb=5.0)


def disc(h: int, w: int, blur: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A frame with a bright disc, the disc (h, w), and probabilities (2, h, w) that blur it."""
    import cv2

    y, x = np.mgrid[:h, :w]
    true = (y - h / 2) ** 2 + (x - w / 2) ** 2 < (0.3 * h) ** 2
    frame = np.where(true[..., None], (220, 180, 60), (30, 60, 110)).astype(np.uint8)
    noise = np.random.default_rng(0).integers(-6, 7, frame.shape)
    soft = cv2.GaussianBlur(true.astype(np.float32), (0, 0), blur)
    return (frame + noise).astype(np.uint8), true, np.stack([1 - soft, soft])


def unlike(probabilities: np.ndarray, true: np.ndarray) -> int:
    return int(((probabilities[1] > 0.5) != true).sum())


@pytest.fixture(autouse=True)
def _installed() -> None:
    pytest.importorskip("pydensecrf", reason="pydensecrf is not installed (extra `crf`)")


@pytest.mark.parametrize("settings", [CrfSettings(), SHARPER])
def test_a_blurred_and_shifted_disc_is_brought_to_its_edge(settings: CrfSettings) -> None:
    frame, true, soft = disc(64, 80, blur=4)
    shifted = np.roll(soft, 3, axis=2)
    refined = refine(frame, shifted, settings)
    assert unlike(refined, true) < unlike(shifted, true) / 4
    doubt = [np.abs(p[1] - true).mean() for p in (shifted, refined)]
    assert doubt[1] < doubt[0] / 2


def test_probabilities_sum_to_one_and_zeros_are_allowed() -> None:
    frame, true, _ = disc(32, 40, blur=2)
    hard = np.stack([~true, true, np.zeros_like(true)]).astype(np.float32)
    refined = refine(frame, hard, CrfSettings())
    assert refined.shape == hard.shape
    assert refined.dtype == np.float32
    assert np.isfinite(refined).all()
    np.testing.assert_allclose(refined.sum(0), 1, atol=1e-5)
    assert refined[2].max() < 1e-3  # what is nowhere does not appear


@pytest.mark.parametrize("iterations", [1, 2, 5])
def test_agrees_with_dense_mean_field(iterations: int) -> None:
    frame, _, soft = disc(20, 24, blur=3)
    settings = CrfSettings(
        iterations=iterations, bilateral_sxy=8, bilateral_srgb=30, bilateral_compat=4
    )
    fast, dense = refine(frame, soft, settings), slow.refine(frame, soft, settings)
    moved = np.abs(dense - soft).mean()
    apart = np.abs(fast - dense)
    # the lattice's filter is no exact Gaussian: .0008-.0033 in the mean, at most .044
    assert apart.mean() < 0.01 < moved / 5
    assert apart.max() < 0.1


def test_neither_order_nor_memory_layout_matters() -> None:
    frame, _, soft = disc(24, 32, blur=3)
    given = frame.copy()
    given.setflags(write=False)
    straight = refine(given, soft, CrfSettings())
    swapped = refine(np.asfortranarray(frame), soft[::-1], CrfSettings())[::-1]
    np.testing.assert_allclose(straight, swapped, atol=1e-4)
    assert (given == frame).all()


def test_background_alone_stays() -> None:
    frame, _, soft = disc(16, 16, blur=1)
    assert (refine(frame, soft[:1], CrfSettings()) == 1).all()


def test_sizes_must_agree() -> None:
    frame, _, soft = disc(16, 20, blur=1)
    with pytest.raises(ValueError, match=r"frame is \(15, 20, 3\), expected \(16, 20, 3\)"):
        refine(frame[1:], soft, CrfSettings())


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pydensecrf", "pydensecrf.densecrf"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=r'pip install "vosbench\[crf\]".*C\+\+ compiler'):
        check_installed()


@pytest.mark.parametrize(
    ("key", "value"), [("iterations", 0), ("bilateral_srgb", 0), ("gaussian_compat", -1)]
)
def test_settings_that_make_no_sense_are_refused(key: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"{key}={value}, expected"):
        CrfSettings(**{key: value})  # type: ignore[arg-type]
