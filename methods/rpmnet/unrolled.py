"""One training step of an RPM-Net that is used several times a frame: a loss at each iteration.

Ours, beyond the paper (recipe `iterated`). Synthetic warps and cut-outs have exact offsets; real
pairs are led by a frozen encoder's matches, and within a cell of them by colours. Offsets are
detached between iterations: each learns to mend what is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vosbench.errors import UsageError

from . import sides
from .iterating import iterated, iterations
from .network import Network
from .seen import Seen, Sought, Way
from .sides import Regions, regions
from .teacher import TEMPERATURE, Matches, Teacher, beyond
from .training import STILL, Batch, Trainee, mean_of_share, mean_of_valid

if TYPE_CHECKING:
    from pathlib import Path

    from .options import Options, Training

QUERIES = 256  # target cells of a pair whose likeness is compared: all of them would cost the most
UNCERTAIN = 0.3  # weight of matches that the way back does not confirm


class _Wanted(NamedTuple):
    """What leads the offsets of a batch."""

    matches: Matches
    regions: Regions


class Unrolled(Trainee):
    """Learns from exact offsets, a teacher's matches, sides of borders, and colours."""

    def __init__(
        self, network: Network, options: Options, settings: Training, teacher: Path
    ) -> None:
        super().__init__(network, options, settings)
        _check_statistics(network, options, settings)
        self.way = Way(options.iterations, options.coarsest)  # a search learns nothing
        self.teacher = Teacher(teacher)

    def forward(self, frames: Tensor, seeds: Tensor, progress: float) -> dict[str, Tensor]:
        """The loss of the target and the frame before it; see types.Trainee for the arguments.

        `epe` and `photometric` as in `Trainee`, of the last iteration; `wrong`: share of a sample's
        cells that it leads to the wrong side of a border.
        """
        settings = self.settings
        if progress >= settings.live:
            self._hold_statistics()
        share = 1.0 if progress < settings.warps else settings.mix
        batch = self._pairs(frames, seeds, share=share)
        matches = self.teacher(*batch.images.unbind(1))
        wanted = _Wanted(matches, regions(matches, batch.masks, seeds))
        both = torch.cat((batch.reference * batch.shown, batch.target * batch.shown))
        reference, target = self.network.embed(both).float().chunk(2)
        with torch.autocast(target.device.type, enabled=False):  # offsets need all their digits
            found = list(iterations(*self._pair(reference, target), self.way.times))
        fading = [settings.fade ** (len(found) - 1 - i) for i in range(len(found))]
        losses = [w * self._loss(batch, wanted, o) for w, o in zip(fading, found, strict=True)]
        loss = torch.stack(losses).sum() / sum(fading)
        if settings.likeness:
            loss = loss + settings.likeness * self._likeness(reference, target, matches, seeds)
        return {"loss": loss, **self._figures(batch, wanted, found[-1].detach(), share)}

    def _loss(self, batch: Batch, wanted: _Wanted, offsets: Tensor) -> Tensor:
        """What one iteration's offsets (b, 2, h, w) cost."""
        settings, matches = self.settings, wanted.matches
        exact = self._robust(offsets - batch.offsets) * batch.valid
        weight = UNCERTAIN + (1 - UNCERTAIN) * matches.certain
        led = self._robust(offsets - matches.offsets, settings.slack) * weight * (1 - batch.valid)
        photometric = (1 - batch.share) * self._photometric(batch, offsets)
        cost: Tensor = exact.mean() + led.mean() + settings.photometric * photometric.mean()
        return cost + settings.sides * sides.loss(wanted.regions, offsets).mean()

    def _robust(self, error: Tensor, slack: float = 0.0) -> Tensor:
        """The length of errors (b, 2, h, w) beyond the slack, to a power (b, 1, h, w)."""
        length = error.square().sum(1, keepdim=True).add(1e-4).sqrt()
        robust: Tensor = (length - slack).clamp(min=0).add(0.1) ** self.settings.robust
        return robust

    def _likeness(
        self, reference: Tensor, target: Tensor, matches: Matches, seeds: Tensor
    ) -> Tensor:
        """How unlike embeddings (b, c, h, w) of matching cells are, among all that are near.

        The negative logarithm of a softmax over cosines: what a memory chooses its frames by.
        """
        h, w = target.shape[-2:]
        draws = [torch.Generator().manual_seed(seed) for seed in seeds.tolist()]
        asked = torch.stack([torch.randperm(h * w, generator=d)[:QUERIES] for d in draws])
        asked = asked.to(target.device)  # (b, q)
        known, own = (F.normalize(x, dim=1).flatten(2) for x in (reference, target))
        queries = own.gather(2, asked[:, None].expand(-1, own.shape[1], -1))
        like = queries.transpose(1, 2) @ known / TEMPERATURE
        like = like.masked_fill(beyond(h, w, like)[asked], -1e4)
        return F.cross_entropy(like.flatten(0, 1), matches.best.gather(1, asked).flatten())

    @torch.no_grad()
    def _figures(
        self, batch: Batch, wanted: _Wanted, offsets: Tensor, share: float
    ) -> dict[str, Tensor]:
        """What the log tells of the last iteration."""
        error = (offsets - batch.offsets).norm(dim=1, keepdim=True)
        photometric = self._photometric(batch, offsets)
        deep = sides.loss(wanted.regions, offsets) > sides.MARGIN
        asked = wanted.regions.side.abs().flatten(1).sum(1)
        return {
            "epe": mean_of_share(mean_of_valid(error, batch), batch.share, share),
            "photometric": mean_of_share(photometric, 1 - batch.share, 1 - share),
            "still": (offsets.norm(dim=1) < STILL).float().mean(),
            "wrong": (deep.flatten(1).sum(1) / asked.clamp(min=1)).mean(),
        }

    def _found(self, reference: Tensor, target: Tensor) -> Tensor:
        return iterated(*self._pair(reference, target))

    def _pair(self, reference: Tensor, target: Tensor) -> tuple[Sought, Seen]:
        """Embeddings, without colours, as they are matched."""
        own, near = (Seen(embedding, embedding[:, :0]) for embedding in (target, reference))
        return Sought(self.network, own, self.way), near

    def _hold_statistics(self) -> None:
        """Let batch normalisation use the statistics that it has."""
        for module in _normalising(self.network):
            module.eval()


def _check_statistics(network: Network, options: Options, settings: Training) -> None:
    """UsageError where batch normalisation would keep the statistics of nothing."""
    untrained = [n for n in _normalising(network) if not n.num_batches_tracked]
    if settings.live == 0 and untrained:
        raise UsageError(
            "live=0 keeps the statistics of batch normalisation that the network starts with, and "
            f"here it starts with none: give start={options.shipped_as}, other weights of such a "
            "network by PATH, or live=0.3"
        )


def _normalising(module: nn.Module) -> list[nn.BatchNorm2d | nn.SyncBatchNorm]:
    """Its batch normalisation, which several processes on GPUs do together."""
    kinds = (nn.BatchNorm2d, nn.SyncBatchNorm)
    return [each for each in module.modules() if isinstance(each, kinds)]
