"""Make masks: the attention copies the soft masks of the last frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from vosbench.masks import ids, lay_prompt
from vosbench.toolbox.methods.images import resize, tensor_of
from vosbench.toolbox.methods.labels import labels_of, winner
from vosbench.toolbox.methods.weights import load
from vosbench.types import Frame, Inspection, Mask

from .network import Colorizer, attention, grey
from .options import Options, shape_of


class _Shot(NamedTuple):
    """What is kept of a frame: its code (width, h, w) and labels (1 + objects, h, w), per cell."""

    code: Tensor
    labels: Tensor


class Colorization:
    """The method. Its recursion sees its own predictions only: prompts count in their frame."""

    def __init__(
        self, options: Options, files: Mapping[str, Path], *, device: str, seed: int
    ) -> None:
        torch.manual_seed(seed)
        self.options, self.device = options, device
        self.network = Colorizer(options)
        if files:
            load(self.network, files["weights"], shape_of(options), method="colorization")
        self.network.eval().to(device)

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        """Yield one mask (h, w) per frame; holds the codes and labels of the last frames only.

        Where fewer frames are known than are copied from, the prompt's frame stands for those
        before it. A later prompt starts the memory anew in the same way: earlier frames, where its
        objects were background, would outvote it.
        """
        memory: deque[_Shot] = deque(maxlen=self.options.references)
        objects: list[int] = []  # the id of each label channel but the first, the background's
        for index, frame in enumerate(frames):
            mask: Mask = np.zeros(frame.shape[:2], np.uint8)
            prompt = prompts.get(index)
            if prompt is None and not memory:
                yield mask
                continue
            with torch.inference_mode():
                code = self._encode(frame)
                labels: Tensor | None = None
                if memory:
                    labels = self._copy(code, memory)
                    mask = _decode(labels, objects, frame.shape[:2])
                    if self.options.propagate == "hard":
                        labels = F.one_hot(labels.argmax(0), len(labels)).permute(2, 0, 1).float()
                if prompt is not None:
                    objects += [i for i in ids(prompt) if i not in objects]
                    mask = lay_prompt(mask, prompt)
                    labels = _lay(labels, prompt, objects, code)
                    memory.extend([_Shot(code, labels)] * self.options.references)
                elif labels is not None:
                    memory.append(_Shot(code, labels))
            yield mask

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """The cells (h, w) that frames of any size are embedded into."""
        side = self.options.size // self.options.stride
        return side, side

    @torch.inference_mode()
    def inspect(self, reference: Frame, target: Frame, cells: npt.NDArray[np.int64]) -> Inspection:
        """Embed the target with the reference in place of all references; it looks at every cell.

        The 3D convolutions mix the frames, so that an embedding tells of the others too.
        """
        codes = [self._encode(frame) for frame in (reference, target)]
        given = [codes[0]] * self.options.references + [codes[1]]
        embedded = self.network.embed(torch.stack(given)[None])[0].cpu().numpy()
        h, w = embedded.shape[-2:]
        everywhere = np.indices((h, w), np.float32).reshape(2, h * w).T
        return Inspection(
            reference=embedded[-2],
            target=embedded[-1],
            cell=(target.shape[0] / h, target.shape[1] / w),
            offsets=None,
            samples=np.broadcast_to(everywhere, (len(cells), h * w, 2)),
        )

    def _encode(self, frame: Frame) -> Tensor:
        """A frame's code (width, h, w), made once."""
        side = self.options.size
        code: Tensor = self.network.encode(
            grey(resize(tensor_of(frame, self.device), (side, side)))
        )[0]
        return code

    def _copy(self, code: Tensor, memory: Iterable[_Shot]) -> Tensor:
        """Labels (1 + objects, h, w) of a frame by its code, from the frames before it."""
        shots = tuple(memory)
        embedded = self.network.embed(torch.stack([*(shot.code for shot in shots), code])[None])
        shares = attention(
            embedded[:, -1].flatten(2), embedded[:, :-1], temperature=self.options.temperature
        )[0]
        given = torch.stack([shot.labels for shot in shots], dim=1).flatten(1)  # (l, r*h*w)
        return (given @ shares.T).view(-1, *code.shape[-2:])


def _lay(below: Tensor | None, prompt: Mask, objects: list[int], code: Tensor) -> Tensor:
    """Labels (1 + objects, h, w) with the prompt's objects over those predicted, if any were."""
    grid = code.shape[-2:]
    laid = labels_of(prompt, objects, grid, "area", code.device).permute(2, 0, 1)
    if below is not None:
        free = laid[0].clone()
        laid[0] = 0
        laid[: len(below)] += below * free
    return laid


def _decode(labels: Tensor, objects: list[int], size: tuple[int, ...]) -> Mask:
    """Labels of the cells as a mask of the frame's size."""
    large = F.interpolate(labels[None], size=tuple(size), mode="bilinear", align_corners=False)[0]
    return winner(large, objects)
