"""Build the encoder alone from weights of `vosbench train`, of any method, by their card.

Frames go in as RGB of 0..1 and come out as features of cells. What else the file holds (modules
that match, mix frames or draw colours) is left out.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from vosbench.errors import DataError, UsageError
from vosbench.toolbox.methods.encoder_card import EncoderCard, encoder_card
from vosbench.toolbox.methods.images import scaled
from vosbench.toolbox.methods.weights import card_of, header_of, state_of


class FrameEncoder(nn.Module):
    """An encoder behind the colours that it is shown; its weights are random at first.

    stride: pixels per cell. multiple: what the sides of images must be multiples of, in pixels.
    """

    def __init__(self, card: EncoderCard) -> None:
        super().__init__()
        self.network, self.colours, self.stride = card.build(), card.colours, card.stride
        self.multiple = int(getattr(self.network, "multiple", card.stride))

    def forward(self, rgb: Tensor) -> Tensor:
        """(b, 3, h, w) of 0..1 -> (b, c, h/stride, w/stride)."""
        features: Tensor = self.network(scaled(rgb, self.colours).expand(-1, 3, -1, -1))
        return features


def encoder_of(path: Path) -> FrameEncoder:
    """The encoder with its weights.

    Raises:
        DataError: the file is missing or damaged, or its card is, or describes no encoder.
    """
    header_of(path)  # a file that is missing or no safetensors file says so itself
    card = encoder_card(card_of(path), path)
    state = {
        key.removeprefix(card.prefix): value
        for key, value in state_of(path).items()
        if key.startswith(card.prefix)
    }
    try:
        encoder = FrameEncoder(card)
        encoder.network.load_state_dict(state)
    except (RuntimeError, UsageError) as error:
        raise DataError(f"weights {path} are not as their card says: {error}") from None
    return encoder
