"""Kind 8: position embeddings of another grid are interpolated, or refused where it is unknown."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from vosbench import registry
from vosbench.errors import DataError

pytest.importorskip("timm")
from timm.models.vision_transformer import VisionTransformer

plugin = registry.load("methods", "label-propagation")
networks = import_module(plugin.__name__ + ".networks")


def transformer(size: tuple[int, int], *, width: int = 16, **more: Any) -> Any:
    torch.manual_seed(sum(size))
    made = VisionTransformer(
        img_size=size, patch_size=8, embed_dim=width, depth=2, num_heads=2, num_classes=0,
        dynamic_img_size=True, **more,
    )  # fmt: skip
    return made.eval()


def load(network: Any, path: Path) -> list[str]:
    said: list[str] = networks.load(networks.Tapped(network, ""), path, network.modules())
    return said


@pytest.mark.parametrize("more", [{}, {"reg_tokens": 4}, {"no_embed_class": True}], ids=str)
@pytest.mark.parametrize(
    ("size", "told"),
    [
        ((192, 192), ""),
        ((32, 32), ""),
        ((64, 88), "its 88 position embeddings are taken as a grid 8 cells high and 11 wide"),
        ((32, 64), "its 32 position embeddings are taken as a grid 4 cells high and 8 wide"),
    ],
)
def test_they_are_interpolated_from_the_grid_of_the_file(
    size: tuple[int, int], told: str, more: dict[str, Any], tmp_path: Path
) -> None:
    there, here = transformer(size, **more), transformer((112, 112), **more)
    torch.save({"model": there.state_dict()}, tmp_path / "w.pth")
    said = [each for each in load(here, tmp_path / "w.pth") if "position" in each]
    assert [told in each for each in said] == [True] * bool(told)
    images = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        assert torch.equal(here.forward_features(images), there.forward_features(images))


@pytest.mark.parametrize("count", [196, 198, 14, 1 + 37 * 11, 1])
def test_a_number_that_is_no_grid_is_refused(count: int, tmp_path: Path) -> None:
    network = transformer((112, 112))
    state = network.state_dict() | {"pos_embed": torch.zeros(1, count, 16)}
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(DataError, match=rf"have {count} position .*which are no grid of cells"):
        load(network, tmp_path / "w.pth")


def test_another_width_is_another_network(tmp_path: Path) -> None:
    network = transformer((112, 112))
    state = network.state_dict() | {"pos_embed": torch.zeros(1, 197, 32)}
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(DataError, match="has pos_embed of another shape"):
        load(network, tmp_path / "w.pth")
