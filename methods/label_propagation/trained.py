"""Weights that a method of this project trained -> its encoder alone, built from the file's header.

Frames go in as RGB of 0..1 and come out as features of cells. What else the file holds (modules
that match, mix frames or draw colours) is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from vosbench.errors import DataError
from vosbench.toolbox.methods.backbones import STRIDE, encoder, strided
from vosbench.toolbox.methods.images import Colours, scaled
from vosbench.toolbox.methods.weights import card_of, header_of, is_of, state_of


class FrameEncoder(nn.Module):
    """An encoder behind the colours that it is shown.

    stride: pixels per cell. multiple: what the sides of images must be multiples of, in pixels.
    """

    def __init__(self, network: nn.Module, colours: Colours, *, stride: int, multiple: int) -> None:
        super().__init__()
        self.network, self.colours = network, colours
        self.stride, self.multiple = stride, multiple

    def forward(self, rgb: Tensor) -> Tensor:
        """(b, 3, h, w) of 0..1 -> (b, c, h/stride, w/stride)."""
        features: Tensor = self.network(scaled(rgb, self.colours).expand(-1, 3, -1, -1))
        return features


class _Trained(NamedTuple):
    """How a method's weights hold its encoder.

    prefix: before the names of the encoder's tensors. build: the encoder of the header's options.
    """

    prefix: str
    build: Callable[[Mapping[str, Any]], FrameEncoder]


def untrained(backbone: str = "compact", *, dim: int) -> FrameEncoder:
    """A new encoder of stride 4 that is shown Lab, with random weights."""
    return _fcn(backbone, dim=dim)


def _fcn(backbone: str, *, dim: int, colours: Colours = "lab", norm: Any = "group") -> FrameEncoder:
    network = encoder(backbone, dim=dim, norm=norm)
    return FrameEncoder(network, colours, stride=STRIDE, multiple=network.multiple)


def _of_colour_reconstruction(options: Mapping[str, Any]) -> FrameEncoder:
    return _fcn(options["backbone"], dim=options["dim"])


def _of_rpmnet(options: Mapping[str, Any]) -> FrameEncoder:
    """E; `embed_dim` counts the channels of both frames together."""
    return _fcn(
        options["backbone"],
        dim=options["embed_dim"] // 2,
        colours=options["colour"],
        norm=options["norm"],
    )


def _of_colorization(options: Mapping[str, Any]) -> FrameEncoder:
    """The 2D network, which sees each frame by itself in grey.

    Not the 3D blocks behind it: they need the references too, and know the grid they were trained
    on. The first 16 frames of blackswan, car-shadow and camel under preset light: J .83 so, with
    the 3D blocks .79 on the frame alone and .76 on four copies of it.
    """
    stride = options["stride"]
    network = strided(
        options["backbone"], dim=options["width"], stride=stride, norm=options["norm"]
    )
    return FrameEncoder(network, "grey", stride=stride, multiple=stride)


_METHODS = {
    "colour-reconstruction": _Trained("", _of_colour_reconstruction),
    "rpmnet": _Trained("encoder.", _of_rpmnet),
    "colorization": _Trained("trunk.", _of_colorization),
}


def encoder_of(path: Path) -> FrameEncoder:
    """The encoder with its weights.

    Raises:
        DataError: the file is missing or damaged, not its card's, or of no method known here.
    """
    method, options = header_of(path)
    trained = next((t for name, t in _METHODS.items() if is_of(method, name)), None)
    if trained is None:
        by = f"trained by {method}" if method else "of unknown origin: their header names no method"
        raise DataError(
            f"weights {path} are {by}; an encoder can be taken from those that "
            f"{', '.join(_METHODS)} trained"
        )
    card_of(path)
    own = {
        key.removeprefix(trained.prefix): value
        for key, value in state_of(path).items()
        if key.startswith(trained.prefix)
    }
    try:
        made = trained.build(options)
        made.network.load_state_dict(own)
    except KeyError as error:
        raise DataError(f"weights {path} do not say their option {error}") from None
    except (RuntimeError, TypeError) as error:
        raise DataError(f"weights {path} are not as their header says: {error}") from None
    return made
