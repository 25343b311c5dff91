"""Make batches of clips; a sample depends only on (seed, step, its place in the batch)."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from vosbench.training.clips import Clip, choose_clip, sample

if TYPE_CHECKING:
    from torch import Tensor

    from vosbench.training.plan import TrainingPlan


_AHEAD = 4  # batches drawn before they are asked for


def batches(
    plan: TrainingPlan, first: int, *, rank: int, processes: int
) -> Generator[tuple[Tensor, Tensor]]:
    """This process's part of each batch from step `first` on: frames (b, t, 3, h, w), seeds (b,).

    They are drawn by threads beside the training.
    """
    share = plan.chosen.settings.batch // processes
    own, seed = range(rank * share, (rank + 1) * share), plan.config.seed
    on_cpu = plan.config.device == "cpu"

    def draw_batch(step: int) -> tuple[Tensor, Tensor]:
        chosen = [
            choose_clip(plan.clips, step * plan.chosen.settings.batch + i, seed=seed) for i in own
        ]
        stacked = _stacked(plan, chosen, [(seed, 2, step, i) for i in own])
        return stacked if on_cpu else (stacked[0].pin_memory(), stacked[1].pin_memory())

    threads = 1 if on_cpu else min(8, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        ahead = max(_AHEAD, threads)
        waiting = deque(pool.submit(draw_batch, first + i) for i in range(ahead))
        for step in count(first + ahead):
            yield waiting.popleft().result()
            waiting.append(pool.submit(draw_batch, step))


def _stacked(
    plan: TrainingPlan, clips: Sequence[Clip], keys: Sequence[tuple[int, ...]]
) -> tuple[Tensor, Tensor]:
    """A sample of each clip, drawn from its key."""
    import torch

    generators = [np.random.default_rng(key) for key in keys]
    seeds = [int(generator.integers(2**62)) for generator in generators]
    sampling = plan.chosen.settings.sampling
    samples = [sample(c, sampling, g) for c, g in zip(clips, generators, strict=True)]
    return torch.from_numpy(np.stack(samples)), torch.tensor(seeds)


def held_batch(plan: TrainingPlan) -> tuple[Tensor, Tensor]:
    """The same samples of the held-out clips each time it is called."""
    held, number = plan.held, plan.chosen.settings.diagnosed
    keys = [(plan.config.seed, 4, i) for i in range(number)]
    return _stacked(plan, [held[i % len(held)] for i in range(number)], keys)
