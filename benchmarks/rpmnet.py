"""Milliseconds a frame of RPM-Net's variants, beside the loop that one would write down at once.

    python benchmarks/rpmnet.py [--root DATA] [--sequence car-shadow] [--frames 20] [--only NAME]

The loop embeds both frames each time, calls torchvision's `deform_conv2d`, and goes through one
reference after the other. Both sides make the masks of one object in one process, in turn, frame by
frame; a time is the median CPU time of a frame on one thread, after the first nine, from when on
every former frame that `rpmnet-memory` reads is there. The masks must be equal but for rounding;
how many pixels differ is counted. Without --root the frames are drawn (`plain` of synthetic).
Below stand other methods' times, without a loop to compare with.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import deform_conv2d

from vosbench import api
from vosbench.errors import VosbenchError
from vosbench.resolve import build_method
from vosbench.toolbox.methods.images import fit, lab, resize, tensor_of
from vosbench.types import Frame, Mask, Sequence

BOTH = ("rpmnet", "rpmnet-conv-3", "rpmnet-iterated", "rpmnet-memory", "rpmnet-conv-3-memory")
ALONE: tuple[tuple[str, dict[str, object]], ...] = (
    ("rpmnet-correlation", {}),
    ("colour-reconstruction", {}),
    ("label-propagation", {"backbone": "raw"}),
)
FIRST = 9  # frames that are not timed


class Loop:
    """RPM-Net for one object, written plainly; all frames and maps are kept."""

    def __init__(self, method: Any) -> None:
        self.network, self.options = method.network, method.options

    def segment(self, frames: list[Frame], prompt: Mask) -> Iterator[Mask]:
        """One mask a frame; the prompt is of the first."""
        seen = [self.colours(frame) for frame in frames]
        h, w = (side // 4 for side in seen[0].shape[-2:])
        given = torch.from_numpy(prompt > 0).float()[None, None]
        maps = [F.interpolate(given, (h, w), mode="area")]
        chain = torch.zeros(1, 2, h, w)  # where the cells of the latest frame lie in the first
        yield (prompt > 0).astype(np.uint8)
        for t in range(1, len(frames)):
            found = []  # of each reference: its frame, and the offsets to it
            for back in self.options.memory:
                if back <= t:
                    found.append((t - back, self.offsets(seen[t - back], seen[t])))
            if self.options.first == "both":
                found.append((0, self.offsets(seen[0], seen[t])))
                step = found[0][1]
                chain = step + read(chain, step, "border")
                chain = self.match(seen[0], seen[t], chain)
                found.append((0, chain))
            moved = [read(maps[at], offsets, "zeros") for at, offsets in found]
            likeness = [self.alike(seen[at], seen[t], offsets) for at, offsets in found]
            shares = torch.stack(likeness).div(0.05).softmax(0)
            maps.append((shares * torch.stack(moved)).sum(0).clamp(max=1))
            large = F.interpolate(maps[-1], frames[t].shape[:2], mode="bilinear")[0, 0]
            yield (large > 1 - large).numpy().astype(np.uint8)

    def colours(self, frame: Frame) -> Tensor:
        """The frame as the network sees it (1, 3, h, w)."""
        size = fit(*frame.shape[:2], short_side=self.options.size, multiple=self.network.multiple)
        return lab(resize(tensor_of(frame), size))

    def offsets(self, reference: Tensor, target: Tensor) -> Tensor:
        """Where the target's cells lie in the reference, matched as often as the options say."""
        times, offsets = self.options.iterations, None
        for done in range(times):
            cells = min(self.options.coarsest, 2 ** (times - 1 - done))
            offsets = self.match(reference, target, offsets, cells)
        assert offsets is not None, "there is one iteration at least"
        if self.options.search:
            offsets = self.search(reference, target, offsets)
            offsets = self.match(reference, target, offsets)
        return offsets

    def match(
        self, reference: Tensor, target: Tensor, offsets: Tensor | None, cells: int = 1
    ) -> Tensor:
        """The offsets after D1 to D3 on squares of cells; both frames are embedded."""
        first, second = self.network.embed(reference), self.network.embed(target)
        h, w = second.shape[-2:]
        near, own = pooled(first, cells), pooled(second, cells)
        near = near if offsets is None else read(near, pooled(offsets, cells) / cells, "border")
        found = self.modules(torch.cat((near, own), 1))
        found = F.interpolate(found, scale_factor=cells, mode="bilinear")[..., :h, :w] * cells
        return found if offsets is None else offsets + found

    def search(self, reference: Tensor, target: Tensor, offsets: Tensor) -> Tensor:
        """The offsets, or those a search away that are more alike by .05."""
        first, second = (F.normalize(self.network.embed(x), dim=1) for x in (reference, target))
        tried = [offsets]
        for y, x in itertools.product((-1, 0, 1), repeat=2):
            step = torch.tensor((y, x))[:, None, None] * self.options.search
            tried += [offsets + step] if y or x else []
        like = [(read(first, each, "border") * second).sum(1, keepdim=True) for each in tried]
        like[0] = like[0] + 0.05
        best = torch.stack(like).argmax(0)
        return torch.stack(tried).gather(0, best[None].expand(1, -1, 2, -1, -1))[0]

    def modules(self, features: Tensor) -> Tensor:
        """D1 to D3."""
        for layer in self.network.matching.layers:
            conv, *rest = layer
            if self.network.matching.kind == "deformable":
                features = deform_conv2d(
                    features, conv.offset(features), conv.conv.weight, conv.conv.bias, padding=1
                )
            else:
                features = conv(features)
            for part in rest:
                features = part(features)
        return features

    def alike(self, reference: Tensor, target: Tensor, offsets: Tensor) -> Tensor:
        """How alike what is read is to the target (1, 1, h, w)."""
        first, second = self.network.embed(reference), self.network.embed(target)
        colours = read(F.avg_pool2d(reference, 4), offsets, "border") - F.avg_pool2d(target, 4)
        like = F.cosine_similarity(read(first, offsets, "border"), second, dim=1)
        return (like - colours.square().sum(1))[:, None]


def pooled(maps: Tensor, cells: int) -> Tensor:
    """The means of squares of cells; beyond the edge is what it holds."""
    h, w = maps.shape[-2:]
    return F.avg_pool2d(F.pad(maps, (0, -w % cells, 0, -h % cells), mode="replicate"), cells)


def read(images: Tensor, offsets: Tensor, padding: str) -> Tensor:
    """Images (1, c, h, w) at cell + offset (1, 2, h, w), y then x."""
    h, w = offsets.shape[-2:]
    y = torch.arange(h)[:, None] + offsets[:, 0]
    x = torch.arange(w) + offsets[:, 1]
    grid = torch.stack(((2 * x + 1) / w - 1, (2 * y + 1) / h - 1), dim=-1)
    return F.grid_sample(images, grid, padding_mode=padding, align_corners=False)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", type=Path, help="the folder DAVIS-2016")
    parser.add_argument("--sequence", default="car-shadow")
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--only", default="", help="a part of the names")
    given = parser.parse_args()
    if given.frames < FIRST + 2:
        parser.error(f"--frames must be {FIRST + 2} or more: the first {FIRST} are not timed")
    names = (*BOTH, *(name for name, _ in ALONE))
    if not any(given.only in name for name in names):
        parser.error(f"--only {given.only} is a part of no name: {', '.join(names)}")
    torch.set_num_threads(1)
    data = api.dataset("davis2016", root=given.root) if given.root else api.dataset("synthetic")
    sequence = data.sequence(given.sequence if given.root else "plain")
    frames = [sequence.frames[index] for index in range(min(given.frames, len(sequence.frames)))]
    print(f"{sequence.name}, {len(frames)} frames of {frames[0].shape[:2]}, one thread, CPU time\n")
    print("| method | ms a frame | the loop | ratio | pixels that differ |")
    print("|---|---:|---:|---:|---:|")
    for name in BOTH:
        if given.only in name:
            print(beside(name, sequence, frames), flush=True)
    for name, options in ALONE:
        if given.only in name:
            (ms,), _ = timed([segmented(name, options, sequence, frames)])
            print(f"| {name} | {ms:.1f} | | | |", flush=True)


def segmented(
    name: str, options: dict[str, object], sequence: Sequence, frames: list[Frame]
) -> Iterator[Mask]:
    """The masks of a method, made one by one."""
    method: Any = build_method(name, options, device="cpu", seed=0)
    masks: Iterator[Mask] = method.segment(iter(frames), {0: sequence.prompts[0]})
    return masks


def beside(name: str, sequence: Sequence, frames: list[Frame]) -> str:
    """A row: the method and the loop on the same frames."""
    method: Any = build_method(name, {}, device="cpu", seed=0)
    prompt = np.asarray(sequence.prompts[0])
    with torch.inference_mode():
        ours = method.segment(iter(frames), {0: (prompt > 0).astype(np.uint8)})
        (fast, slow), (first, second) = timed([ours, Loop(method).segment(frames, prompt)])
    unequal = sum(int((a != b).sum()) for a, b in zip(first, second, strict=True))
    pixels = sum(mask.size for mask in first)
    return (
        f"| {name} | {fast:.1f} | {slow:.1f} | {slow / fast:.2f} | "
        f"{unequal} of {pixels} ({unequal / pixels:.1e}) |"
    )


def timed(makers: list[Iterator[Mask]]) -> tuple[list[float], list[list[Mask]]]:
    """The median milliseconds of a frame of each, asked in turn, and their masks."""
    taken: list[list[float]] = [[] for _ in makers]
    masks: list[list[Mask]] = [[] for _ in makers]
    for number in itertools.count():
        for maker, times, made in zip(makers, taken, masks, strict=True):
            before = time.thread_time()
            mask = next(maker, None)
            if mask is None:
                return [1000 * statistics.median(each) for each in taken], masks
            if number >= FIRST:
                times.append(time.thread_time() - before)
            made.append(mask)
    raise AssertionError


if __name__ == "__main__":
    try:
        main()
    except VosbenchError as error:
        sys.exit(f"error: {error}")
