"""The dense CRF against a dense mean field, on a disc whose edge it must find."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from reference import dense_crf as slow

from methods.rpmnet.dense_crf import SETTINGS, CrfSettings, check_installed, refine, size
from vosbench.errors import UsageError

EXAMPLE = SETTINGS["pydensecrf"]  # both kernels, over whole frames
SHARPER = replace(EXAMPLE, iterations=5, bilateral_sxy=40.0, bilateral_srgb=5.0)


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


def soft(held: np.ndarray) -> np.ndarray:
    """Shares (2, h, w) of a background and an object that holds so much of each pixel (h, w)."""
    return np.stack([1 - held, held]).astype(np.float32)


def plain(h: int = 48, w: int = 64) -> np.ndarray:
    return np.random.default_rng(1).integers(60, 90, (h, w, 3)).astype(np.uint8)


@pytest.mark.parametrize("settings", [CrfSettings(), EXAMPLE, SHARPER])
def test_a_blurred_and_shifted_disc_is_brought_to_its_edge(settings: CrfSettings) -> None:
    frame, true, blurred = disc(64, 80, blur=4)
    shifted = np.roll(blurred, 3, axis=2)
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
    frame, _, blurred = disc(20, 24, blur=3)
    settings = replace(
        EXAMPLE, iterations=iterations, bilateral_sxy=8, bilateral_srgb=30, bilateral_compat=4
    )
    fast, dense = refine(frame, blurred, settings), slow.refine(frame, blurred, settings)
    moved = np.abs(dense - blurred).mean()
    apart = np.abs(fast - dense)
    # the lattice's filter is no exact Gaussian: .0008-.0033 in the mean, at most .044
    assert apart.mean() < 0.01 < moved / 5
    assert apart.max() < 0.1


def test_neither_order_nor_memory_layout_matters() -> None:
    frame, _, blurred = disc(24, 32, blur=3)
    given = frame.copy()
    given.setflags(write=False)
    straight = refine(given, blurred, EXAMPLE)
    swapped = refine(np.asfortranarray(frame), blurred[::-1], EXAMPLE)[::-1]
    np.testing.assert_allclose(straight, swapped, atol=1e-4)
    assert (given == frame).all()


def test_background_alone_stays() -> None:
    frame, _, blurred = disc(16, 16, blur=1)
    for settings in SETTINGS.values():
        assert (refine(frame, blurred[:1], settings) == 1).all()


def test_sizes_must_agree() -> None:
    frame, _, blurred = disc(16, 20, blur=1)
    with pytest.raises(ValueError, match=r"frame is \(15, 20, 3\), expected \(16, 20, 3\)"):
        refine(frame[1:], blurred, CrfSettings())


# what is refined: a box around the objects


def test_beyond_the_box_all_is_background() -> None:
    frame, held = plain(), np.zeros((48, 64))
    frame[20:28, 30:40] = (220, 200, 30)
    held[20:28, 30:40] = 0.9
    held[2, 2] = 0.04  # less than counts
    refined = refine(frame, soft(held), CrfSettings(margin=4))
    beyond = np.ones((48, 64), bool)
    beyond[16:32, 26:44] = False
    assert (refined[0][beyond] == 1).all()
    assert (refined[1][beyond] == 0).all()
    assert (refined[1][20:28, 30:40] > 0.5).all()


@pytest.mark.parametrize("rows", [slice(0, 10), slice(38, 48)])
@pytest.mark.parametrize("columns", [slice(0, 12), slice(52, 64)])
def test_an_object_at_the_border_is_refined_up_to_it(rows: slice, columns: slice) -> None:
    frame, held = plain(), np.zeros((48, 64))
    frame[rows, columns] = (220, 200, 30)
    held[rows, columns] = 0.8
    refined = refine(frame, soft(held), CrfSettings())
    assert ((refined[1] > 0.5) == (held > 0)).all()


def test_several_objects_are_refined_in_one_box() -> None:
    frame, held = plain(), np.zeros((3, 48, 64), np.float32)
    for i, place in ((1, (slice(2, 12), slice(4, 16))), (2, (slice(34, 46), slice(48, 62)))):
        frame[place] = (200, 40, 40) if i == 1 else (40, 40, 200)
        held[i][place] = 0.8
    held[0] = 1 - held[1:].sum(0)
    cropped = refine(frame, held, CrfSettings(margin=2))
    assert (cropped.argmax(0) == held.argmax(0)).all()
    box = (slice(None), slice(0, 48), slice(2, 64))
    alone = refine(frame[box[1:]], held[box], CrfSettings(least=0))
    np.testing.assert_array_equal(cropped[box], alone)


def test_a_map_without_an_object_gives_background() -> None:
    refined = refine(plain(), soft(np.full((48, 64), 0.01)), CrfSettings())
    assert (refined[0] == 1).all()
    assert (refined[1] == 0).all()


def test_an_object_of_one_pixel_is_refined() -> None:
    frame, held = plain(), np.zeros((48, 64))
    frame[47, 0] = (255, 0, 0)
    held[47, 0] = 0.9
    refined = refine(frame, soft(held), CrfSettings(margin=0))
    assert refined[1, 47, 0] > 0.5
    assert np.isfinite(refined).all()
    assert (refined[0].ravel() < 1).sum() == 1


def test_a_box_that_is_the_whole_frame_changes_nothing() -> None:
    frame, _, blurred = disc(40, 52, blur=3)
    whole = refine(frame, blurred, CrfSettings(least=0))
    np.testing.assert_array_equal(refine(frame, blurred, CrfSettings(margin=52)), whole)
    assert not (refine(frame, blurred, CrfSettings(margin=1)) == whole).all()


def test_frames_are_brought_down_but_never_up() -> None:
    assert size(480, 854, CrfSettings()) == (256, 455)
    assert size(854, 480, CrfSettings()) == (455, 256)
    assert size(256, 300, CrfSettings()) == (256, 300)
    assert size(120, 200, CrfSettings()) == (120, 200)
    assert size(480, 854, EXAMPLE) == (480, 854)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pydensecrf", "pydensecrf.densecrf"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=r'pip install "vosbench\[crf\]".*C\+\+ compiler'):
        check_installed()


@pytest.mark.parametrize(
    ("key", "value"),
    [("iterations", 0), ("bilateral_srgb", 0), ("gaussian_compat", -1), ("margin", -1)],
)
def test_settings_that_make_no_sense_are_refused(key: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"{key}={value}, expected"):
        CrfSettings(**{key: value})  # type: ignore[arg-type]
