"""Deformable convolution equals torchvision's; the warp equals np.roll; positions compose."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torchvision.ops import deform_conv2d

from methods.rpmnet import rows
from methods.rpmnet.deformable import (
    DeformableConv,
    composed,
    deform_conv,
    positions,
    warp,
    warp_features,
    warped_around,
)


def drawn(*shape: int, scale: float = 1.0, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(*shape, generator=generator)).double().requires_grad_()


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("bias", [True, False])
def test_it_equals_torchvision_in_values_and_gradients(dilation: int, bias: bool) -> None:
    features = drawn(2, 5, 7, 9)
    offsets = drawn(2, 18, 7, 9, scale=3.0, seed=1)  # far enough to leave the frame
    weight, shift = drawn(4, 5, 3, 3, seed=2), drawn(4, seed=3) if bias else None
    inputs = [x for x in (features, offsets, weight, shift) if x is not None]
    ours = deform_conv(features, offsets, weight, shift, dilation)
    theirs = deform_conv2d(features, offsets, weight, shift, padding=dilation, dilation=dilation)
    torch.testing.assert_close(ours, theirs)
    outer = torch.randn_like(ours)
    for mine, reference in zip(
        torch.autograd.grad(ours, inputs, outer),
        torch.autograd.grad(theirs, inputs, outer),
        strict=True,
    ):
        torch.testing.assert_close(mine, reference)


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("last", [True, False], ids=["channels-last", "channels-first"])
def test_without_gradients_it_equals_torchvision_by_rows(dilation: int, last: bool) -> None:
    form = torch.channels_last if last else torch.contiguous_format
    for bias in (drawn(4, seed=3), None):
        features, offsets, weight, shift = (
            None if x is None else x.detach().float()
            for x in (drawn(3, 5, 7, 9), drawn(3, 18, 7, 9, scale=4.0), drawn(4, 5, 3, 3), bias)
        )
        given = (features.contiguous(memory_format=form), offsets.contiguous(memory_format=form))
        with torch.no_grad():
            assert rows.serve(*given)
            ours = deform_conv(*given, weight, shift, dilation)
        theirs = deform_conv2d(
            features, offsets, weight, shift, padding=dilation, dilation=dilation
        )
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_offsets_that_are_no_numbers_or_far_away_read_nothing_else() -> None:
    features, weight = torch.rand(1, 4, 6, 8), torch.rand(2, 4, 3, 3)
    offsets = torch.zeros(1, 18, 6, 8)
    offsets[0, :, 1, 1] = torch.nan
    offsets[0, :, 4, 6] = 1e20
    with torch.no_grad():
        found = deform_conv(features, offsets, weight, None)
        still = F.conv2d(features, weight, padding=1)
    assert found[0, :, 1, 1].isnan().all()
    assert found[0, :, 4, 6].tolist() == [0, 0]
    offsets[0, :, 1, 1] = offsets[0, :, 4, 6] = 0
    same = torch.ones(6, 8, dtype=torch.bool)
    same[1, 1] = same[4, 6] = False
    torch.testing.assert_close(found[..., same], still[..., same], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(7, 9), (2, 2), (1, 5)])
def test_features_are_warped_by_rows_as_by_grid_sample(size: tuple[int, int]) -> None:
    features, offsets = torch.randn(3, 20, *size), 4 * torch.randn(3, 2, *size)
    expected = warp(features, offsets, "edge")
    torch.testing.assert_close(warp_features(features, offsets), expected)  # with gradients
    with torch.no_grad():
        assert rows.serve(features, offsets) == (1 not in size)
        found = warp_features(features, offsets)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("reach", [3.0, 2.5])
def test_a_search_by_rows_reads_what_warps_read(reach: float) -> None:
    steps = reach * torch.tensor([(0, 0), (-1, -1), (-1, 1), (0, 1), (1, 0)])
    features, offsets = torch.randn(2, 20, 7, 9), 4 * torch.randn(2, 2, 7, 9)
    offsets[..., 0, :2], offsets[..., 5, 5] = -40, 40  # beyond what a step leads back from
    with torch.no_grad():
        found = list(warped_around(features, offsets, steps))
    wanted = [warp(features, offsets + step[:, None, None], "edge") for step in steps]
    torch.testing.assert_close(torch.stack(found), torch.stack(wanted), rtol=1e-4, atol=1e-5)


def test_a_new_layer_is_a_plain_convolution() -> None:
    layer = DeformableConv(6, 4, dilation=2)
    features = torch.randn(1, 6, 8, 10)
    torch.testing.assert_close(layer(features), layer.conv(features), rtol=1e-4, atol=1e-5)
    assert layer.offset.out_channels == 18


def test_offsets_are_dy_then_dx_of_each_tap() -> None:
    offsets = torch.zeros(1, 18, 5, 5)
    offsets[:, 2 * 5 + 1] = 1.0  # dx of the tap right of the centre
    features, weight = torch.arange(25.0).reshape(1, 1, 5, 5), torch.zeros(1, 1, 3, 3)
    weight[0, 0, 1, 2] = 1.0
    assert deform_conv(features, offsets, weight, None)[0, 0, 2, 1] == features[0, 0, 2, 3]


@pytest.mark.parametrize(("dy", "dx"), [(0, 0), (2, 0), (0, -3), (-1, 2)])
def test_a_warp_by_whole_cells_equals_roll(dy: int, dx: int) -> None:
    image = np.random.default_rng(0).random((3, 12, 14)).astype(np.float32)
    offsets = torch.tensor((dy, dx)).float()[None, :, None, None].expand(1, 2, 12, 14)
    found = warp(torch.from_numpy(image)[None], offsets)[0].numpy()
    rolled = np.roll(image, (-dy, -dx), (1, 2))
    inner = (slice(None), slice(3, -3), slice(3, -3))
    np.testing.assert_allclose(found[inner], rolled[inner], atol=1e-5)


def test_a_warp_by_fractions_equals_grid_sample_and_is_per_channel() -> None:
    image, (h, w) = torch.rand(2, 3, 6, 9), (6, 9)
    offsets = torch.randn(2, 2, h, w)
    at = positions(h, w, like=image) + offsets
    # the other convention of corners, as an independent way to the same positions
    grid = torch.stack((2 * at[:, 1] / (w - 1) - 1, 2 * at[:, 0] / (h - 1) - 1), dim=-1)
    expected = F.grid_sample(image, grid, align_corners=True)
    torch.testing.assert_close(warp(image, offsets), expected, rtol=1e-4, atol=1e-5)
    single = warp(image[:, 1:2], offsets)
    torch.testing.assert_close(warp(image, offsets)[:, 1:2], single)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_positions_keep_their_digits_under_half_precision(dtype: torch.dtype) -> None:
    image = torch.arange(300.0).expand(1, 1, 2, 300)
    offsets = torch.full((1, 2, 2, 300), 0.25, dtype=dtype)
    offsets[:, 0] = 0
    found = warp(image, offsets)[0, 0, 0, :299]
    assert (found - torch.arange(299.0) - 0.25).abs().max() < 0.01


def test_outside_reads_zero_or_the_edge() -> None:
    image, offsets = torch.full((1, 1, 4, 5), 2.0), torch.zeros(1, 2, 4, 5)
    offsets[:, 1] = 1.5
    assert warp(image, offsets)[0, 0, 0].tolist() == [2, 2, 2, 1, 0]
    assert warp(image, offsets, "edge")[0, 0, 0].tolist() == [2] * 5


def test_three_still_layers_read_729_positions_in_a_window_of_7() -> None:
    fields = [torch.zeros(18, 10, 12)] * 3
    at = composed(fields, torch.tensor(((5, 6), (0, 0))))
    assert at.shape == (2, 729, 2)
    reached = {(y - 5, x - 6) for y, x in at[0].int().tolist()}
    assert reached == {(y, x) for y in range(-3, 4) for x in range(-3, 4)}
    assert at[1].min() == -3  # positions may lie outside


def test_inner_offsets_are_read_where_the_outer_ones_point() -> None:
    inner, outer = torch.zeros(18, 8, 8), torch.zeros(18, 8, 8)
    inner[0::2] = torch.arange(8.0)[None, :, None]  # dy of the first layer grows with y
    outer[1::2] = 0.5  # dx of the last layer
    outer[0::2] = 0.5
    centre = composed([inner, outer], torch.tensor(((3, 3),)))[0].reshape(9, 9, 2)[4, 4]
    assert centre.tolist() == pytest.approx([3.5 + 3.5, 3.5])
