"""Lab equals what OpenCV and the standard give, comes back to RGB, and can be learned through."""

from __future__ import annotations

import warnings

import cv2
import numpy as np
import pytest
import torch

from vosbench.errors import DataError
from vosbench.toolbox.methods.images import Colours, fit, lab, resize, rgb_of, scaled, tensor_of

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def plain(rgb: tuple[float, ...]) -> tuple[float, ...]:
    """L, a, b of one colour in 0..1, in their usual units."""
    lightness, a, b = lab(torch.tensor(rgb, dtype=torch.float64)[:, None, None]).flatten().tolist()
    return 50 * lightness + 50, 40 * a, 40 * b


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [  # D65, as colour scientists tabulate them
        ((0, 0, 0), (0, 0, 0)),
        ((1, 1, 1), (100, 0, 0)),
        ((1, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 1, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 1), (32.30, 79.19, -107.86)),
        ((119 / 255, 119 / 255, 119 / 255), (50.03, 0, 0)),
        ((2 / 255, 2 / 255, 2 / 255), (0.55, 0, 0)),  # below both knees
    ],
)
def test_known_colours(rgb: tuple[float, ...], expected: tuple[float, ...]) -> None:
    assert plain(rgb) == pytest.approx(expected, abs=0.02)


def test_opencv_gives_the_same_up_to_its_tables() -> None:
    ours = lab(tensor_of(PIXELS))[0].permute(1, 2, 0).numpy() * (50, 40, 40) + (50, 0, 0)
    theirs = cv2.cvtColor(PIXELS.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    assert np.abs(ours - theirs).max() < 0.4  # OpenCV interpolates tables: 0.28 measured
    assert np.abs(ours - theirs).mean() < 0.1


def test_rgb_comes_back() -> None:
    frames = tensor_of(PIXELS)
    assert (rgb_of(lab(frames)) - frames).abs().max() < 1e-4
    dark = frames / 40  # below the knees
    assert (rgb_of(lab(dark)) - dark).abs().max() < 1e-4
    video = frames.expand(2, 3, 3, 24, 32)  # any dimensions before the channels
    torch.testing.assert_close(lab(video)[1, 2], lab(frames)[0])
    torch.testing.assert_close(rgb_of(lab(video))[1, 2], rgb_of(lab(frames))[0])


def test_what_no_screen_can_show_is_cut() -> None:
    shown = rgb_of(
        torch.tensor([[1.2, -1.2, 0.0], [3.0, -3.0, 3.0], [3.0, 3.0, -3.0]]).T[..., None]
    )
    assert torch.isfinite(shown).all()
    assert shown.min() >= 0
    assert shown.max() <= 1


def test_bfloat16_around_it_does_not_coarsen_it() -> None:
    rgb = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(lab(rgb), lab(rgb.clone()))
        found = lab(rgb)
    assert found.dtype == torch.float32
    assert torch.equal(found, lab(rgb))
    assert lab(rgb.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("colours", ["lab", "grey", "rgb"])
def test_what_encoders_are_shown_lies_around_zero(colours: Colours) -> None:
    rgb = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    found = scaled(rgb, colours)
    assert found.shape == (2, 1 if colours == "grey" else 3, 8, 8)
    assert found.abs().max() < 3
    white = scaled(torch.ones(1, 3, 1, 1), colours).flatten()
    torch.testing.assert_close(white[0], torch.tensor(1.0), atol=1e-4, rtol=0)


def test_slopes_are_finite_everywhere() -> None:
    rgb = torch.tensor([0.0, 0.04045, 0.5, 1.0])[None, :, None].repeat(3, 1, 1).requires_grad_()
    lab(rgb).sum().backward()
    assert rgb.grad is not None
    assert torch.isfinite(rgb.grad).all()
    scaled = torch.tensor([-1.0, -0.9, 0.0, 1.0])[None, :, None].repeat(3, 1, 1).requires_grad_()
    rgb_of(scaled).sum().backward()
    assert scaled.grad is not None
    assert torch.isfinite(scaled.grad).all()


def test_any_frame_becomes_a_tensor_of_its_own() -> None:
    frame = PIXELS.copy()
    frame.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = tensor_of(frame[:, ::-1])
    assert made.shape == (1, 3, 24, 32)
    assert made.dtype == torch.float32
    np.testing.assert_array_equal(made[0, 2] * 255, PIXELS[:, ::-1, 2])
    made.zero_()
    assert frame.any()


@pytest.mark.parametrize(
    ("frame", "short_side", "multiple", "expected"),
    [
        ((480, 854), 256, 4, (256, 456)),
        ((854, 480), 256, 32, (448, 256)),
        ((480, 854), 0, 4, (480, 856)),
        ((480, 854), 480, 32, (480, 864)),
        ((240, 320), 480, 4, (480, 640)),
        ((3, 40), 0, 4, (4, 40)),
    ],
)
def test_fit(
    frame: tuple[int, int], short_side: int, multiple: int, expected: tuple[int, int]
) -> None:
    assert fit(*frame, short_side=short_side, multiple=multiple) == expected


def test_a_strip_is_not_enlarged_to_what_no_memory_holds() -> None:
    with pytest.raises(DataError, match=r"frames of 10x3000 .* short side of 256 px; .* size=0"):
        fit(10, 3000, short_side=256)
    assert fit(10, 3000, short_side=0) == (8, 3000)
    assert fit(10, 320, short_side=256) == (256, 8192)


def test_resizing_averages_where_it_shrinks() -> None:
    stripes = torch.arange(64).remainder(2).float().expand(1, 1, 32, 64)
    small = resize(stripes, (8, 16))
    assert small.shape == (1, 1, 8, 16)
    assert (small - 0.5).abs().max() < 0.1  # without antialiasing they would be 0 or 1
    assert resize(stripes, (32, 64)) is stripes
    ramp = torch.arange(8.0).expand(1, 1, 4, 8)
    large = resize(ramp, (8, 16))
    torch.testing.assert_close(large[0, 0, 3, 1:-1], torch.arange(1, 15) / 2 - 0.25)
