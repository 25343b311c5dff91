"""Label propagation: one mask per frame, from the features of each frame and the prompts.

A cell of the new frame looks for similar cells in a context of earlier frames, within a window
around its own place; the strongest few vote with their labels. This is how self-supervised
features are judged on video object segmentation (Jabri et al., NeurIPS 2020, section 4; Caron et
al., ICCV 2021, section 4.2.2). What papers do differently is an option in settings.py. The
arithmetic of one frame is in attention.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vosbench.masks import ids, lay_prompt, resize_mask
from vosbench.toolbox.methods.label_propagation.settings import Propagation
from vosbench.toolbox.methods.labels import labels_of, winner
from vosbench.types import Frame, Mask

if TYPE_CHECKING:
    from torch import Tensor


class Shot(NamedTuple):
    """A frame in memory: features (h, w, c) and labels (h, w, 1 + objects), per cell."""

    features: Tensor
    labels: Tensor


def propagate(
    encode: Callable[[Frame], Tensor],
    frames: Iterable[Frame],
    prompts: Mapping[int, Mask],
    settings: Propagation,
    *,
    stride: int = 1,
) -> Iterator[Mask]:
    """Carry the prompts' objects through a video, online; memory does not grow with its length.

    A later prompt's frame becomes a further first frame: it is kept as the first one is, with the
    prompt laid over what was propagated to it. Frames before it have no say about its objects:
    they may show them, as background (so does dense-ulearn-vos).

    Args:
        encode: one frame -> its features (c, h, w), all frames of a video on one grid of cells;
            called once for each frame from the first prompt on.
        frames: uint8 (H, W, 3) RGB.
        prompts: frame index -> mask of the objects that start there.
        settings: the protocol.
        stride: pixels of the encoder's input per cell, used by `up_to="cells"` only.

    Yields:
        One mask (H, W) per frame; all background before the first prompt.
    """
    import torch

    objects: list[int] = []  # the id of each label channel but the first, the background's
    born: list[int] = []  # for each object, the memory's index of the frame that first gave it
    memory = _Memory(settings)
    for index, frame in enumerate(frames):
        mask: Mask = np.zeros(frame.shape[:2], np.uint8)
        prompt = prompts.get(index)
        if prompt is None and memory.empty:
            yield mask
            continue
        with torch.inference_mode():
            features = _cells(encode(frame), settings)
            labels = features.new_zeros((*features.shape[:2], 1 + len(objects)))
            labels[..., 0] = 1
            if not memory.empty:
                labels = _propagated(features, memory, born, settings)
                mask = _decode(labels, objects, settings, frame.shape[:2], stride)
            if prompt is not None:
                objects += [i for i in ids(prompt) if i not in objects]
                born += [memory.next] * (len(objects) - len(born))
                mask = lay_prompt(mask, prompt)
                given = labels_of(prompt, objects, labels.shape[:2], settings.down, labels.device)
                covered = given[..., 1:].sum(-1, keepdim=True)
                labels = _widen(labels, len(objects)) * (1 - covered)
                labels[..., 1:] += given[..., 1:]
            if settings.labels == "hard":
                labels = labels_of(mask, objects, labels.shape[:2], settings.down, labels.device)
            memory.add(Shot(features, labels), prompted=prompt is not None)
        yield mask


def _propagated(
    features: Tensor, memory: _Memory, born: list[int], settings: Propagation
) -> Tensor:
    """The labels (h, w, 1 + objects) of a frame, each object's from the frames that know it."""
    import torch

    from vosbench.toolbox.methods.label_propagation.attention import Reference, attend

    votes = {
        since: attend(
            features,
            [
                Reference(shot.features, _widen(shot.labels, len(born)), windowed)
                for shot, windowed in memory.context(since)
            ],
            settings,
        )
        for since in sorted({0, *born})
    }
    if len(votes) == 1:
        return votes[0]
    # what no object holds is background; objects that claim more than there is share it
    total = votes[0].sum(-1, keepdim=True)
    claims = torch.stack([votes[since][..., 1 + i] for i, since in enumerate(born)], dim=-1)
    claims *= (total / claims.sum(-1, keepdim=True).clamp(min=1e-12)).clamp(max=1)
    return torch.cat((total - claims.sum(-1, keepdim=True), claims), dim=-1)


class _Memory:
    """The frames that the context can still ask for, by their index after the first prompt."""

    def __init__(self, settings: Propagation) -> None:
        self.settings = settings
        self.named = settings.frames()
        self.shots: dict[int, Shot] = {}
        self.prompted: list[int] = []
        self.next = 0  # the index of the present frame

    @property
    def empty(self) -> bool:
        return not self.shots

    def add(self, shot: Shot, *, prompted: bool) -> None:
        """Keep the present frame; forget what no later frame will ask for."""
        self.shots[self.next] = shot
        if prompted:
            self.prompted.append(self.next)
        self.next += 1
        reach = -min(self.named) if self.named else self.settings.last
        kept = {*self._firsts(), *self.named, *range(max(0, self.next - reach), self.next)}
        self.shots = {i: kept_shot for i, kept_shot in self.shots.items() if i in kept}

    def context(self, since: int = 0) -> list[tuple[Shot, bool]]:
        """The shots from `since` on that the present frame looks at; whether each is windowed."""
        s, present = self.settings, self.next
        firsts = [i for i in self._firsts() if i >= since]
        if self.named:
            asked = {i if i >= 0 else present + i for i in self.named} - set(firsts)
            recent = sorted(i for i in asked if since <= i < present)
        else:
            recent = list(range(present - s.last, present))
            if s.start == "repeat":
                recent = [max(since, i) for i in recent]
            recent = [
                i for i in recent if i >= since and (s.start != "distinct" or i not in firsts)
            ]
        return [(self.shots[i], s.window_first) for i in firsts] + [
            (self.shots[i], True) for i in recent
        ]

    def _firsts(self) -> list[int]:
        return self.prompted if self.settings.first else []


def _cells(features: Tensor, settings: Propagation) -> Tensor:
    """Features (c, h, w) as (h, w, c), of unit length where the cosine is asked for."""
    import torch

    cells = features.permute(1, 2, 0).to(
        torch.float32, memory_format=torch.contiguous_format, copy=True
    )
    if settings.similarity == "cosine":
        cells /= cells.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    return cells


def _widen(labels: Tensor, objects: int) -> Tensor:
    """Labels with a channel of zeros for each object that came later."""
    from torch.nn import functional as F

    return F.pad(labels, (0, 1 + objects - labels.shape[-1]))


def _decode(
    labels: Tensor, objects: list[int], settings: Propagation, size: tuple[int, ...], stride: int
) -> Mask:
    """Votes (h, w, 1 + objects) as a mask of the frame's size."""
    mask = winner(enlarge(labels, settings, size, stride), objects)
    return mask if mask.shape == tuple(size) else resize_mask(mask, h=size[0], w=size[1])


def enlarge(labels: Tensor, settings: Propagation, size: tuple[int, ...], stride: int) -> Tensor:
    """Votes (h, w, l) as (l, H, W): upsampled, then stretched where the settings say so."""
    import torch
    from torch.nn import functional as F

    h, w = labels.shape[:2]
    target = tuple(size) if settings.up_to == "frame" else (h * stride, w * stride)
    image = labels.permute(2, 0, 1)[None]
    if settings.up == "nearest":
        votes = F.interpolate(image, size=target, mode="nearest")[0]
    else:
        corners = settings.up == "bilinear-corners"
        votes = F.interpolate(image, size=target, mode="bilinear", align_corners=corners)[0]
    if settings.minmax:
        low, high = votes.amin((1, 2), keepdim=True), votes.amax((1, 2), keepdim=True)
        # An even channel stays as it is: rounding is nothing to stretch, and what holds the whole
        # frame would become nothing.
        even = high - low < 1e-6
        votes = torch.where(even, votes, (votes - low) / (high - low).clamp(min=1e-6))
    return votes
