"""The encoders have the shapes, the stride and the sizes that they promise."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch
from torch import nn
from torchvision.models import resnet

from vosbench.errors import UsageError
from vosbench.toolbox.methods.backbones import BACKBONES, STRIDE, encoder

FULL = ("resnet18", "resnet34", "resnet50", "resnet101")
QUARTERS = ("resnet18-quarter", "resnet34-quarter")


def count(parameters: Iterable[nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters)


@pytest.mark.parametrize("name", ["compact", "resnet18", *QUARTERS])
def test_embeddings_have_a_quarter_of_the_frame(name: str) -> None:
    made = encoder(name, dim=24).eval()
    h, w = 2 * made.multiple, 3 * made.multiple
    with torch.no_grad():
        embedded = made(torch.rand(2, 3, h, w))
    assert embedded.shape == (2, 24, h // STRIDE, w // STRIDE)
    assert torch.isfinite(embedded).all()


@pytest.mark.parametrize("name", ["compact", "resnet18-quarter"])
def test_sides_may_be_any_number_of_whole_cells(name: str) -> None:
    made = encoder(name, dim=8).eval()
    with torch.no_grad():
        assert made(torch.rand(1, 3, 36, 112)).shape == (1, 8, 9, 28)
    with pytest.raises(UsageError, match=r"images of 36x110 px have no whole cells .* set crop or"):
        made(torch.rand(1, 3, 36, 110))


@pytest.mark.parametrize("name", FULL)
def test_large_ones_have_the_same_shapes(name: str) -> None:
    with torch.device("meta"):  # shapes alone: nothing is computed
        embedded = encoder(name, dim=64)(torch.empty(1, 3, 64, 96))
    assert embedded.shape == (1, 64, 16, 24)


@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize("name", FULL)
def test_trunks_have_torchvisions_parameters(name: str, norm: str) -> None:
    with torch.device("meta"):
        made = encoder(name, dim=64, norm=norm)  # type: ignore[arg-type]
        theirs = getattr(resnet, name)()
    ours = count(made.stem.parameters()) + count(made.layers.parameters())  # type: ignore[union-attr]
    assert ours == count(theirs.parameters()) - count(theirs.fc.parameters())
    kinds = {type(module) for module in made.modules()} & {nn.BatchNorm2d, nn.GroupNorm}
    assert kinds == {nn.BatchNorm2d if norm == "batch" else nn.GroupNorm}


def test_small_ones_are_small() -> None:
    with torch.device("meta"):
        sizes = {name: count(encoder(name, dim=32).parameters()) for name in BACKBONES}
    assert sizes["compact"] < 1_000_000
    for name in QUARTERS:  # at the width that RPM-Net's two frames have
        assert sizes[name] < 1_500_000, name  # as fp16 under 3 MB
        assert sizes[name] < sizes[name.removesuffix("-quarter")] / 10


@pytest.mark.parametrize("name", ["compact", "resnet18-quarter"])
def test_what_is_seen_moves_with_the_picture(name: str) -> None:
    torch.manual_seed(0)
    made = encoder(name, dim=8).eval()
    shift = 32
    ground = torch.zeros(1, 3, 6 * shift, 6 * shift)
    ground[..., 2 * shift : 3 * shift, 2 * shift : 3 * shift] = torch.rand(3, shift, shift)
    with torch.no_grad():
        here, there = made(ground), made(ground.roll(shift, -1))
    cells = shift // STRIDE
    inner = slice(2 * cells, 4 * cells)
    moved, still = ((x - here)[..., inner, inner].abs().mean() for x in (
        there.roll(-cells, -1), there
    ))  # fmt: skip
    assert moved < 0.1 * still  # not 0: the frame's edge takes part in the normalisation


def test_gradients_reach_every_parameter() -> None:
    for name in ("compact", "resnet18-quarter"):
        made = encoder(name, dim=8)
        made(torch.rand(1, 3, 64, 64)).square().mean().backward()
        assert all(parameter.grad is not None for parameter in made.parameters()), name


def test_a_name_that_is_none() -> None:
    with pytest.raises(UsageError, match="unknown backbone 'resnet81'; did you mean 'resnet18'"):
        encoder("resnet81", dim=8)
