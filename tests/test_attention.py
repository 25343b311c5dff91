"""The attention of label propagation: what it chooses, and its peak of memory at papers' sizes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from methods.label_propagation.presets import PRESETS
from vosbench.toolbox.methods.label_propagation.attention import candidates
from vosbench.toolbox.methods.label_propagation.tiles import Compared

ROOT = Path(__file__).parents[1]
SHORT = {"light": 256, "dinov3": 960}  # px of the short side; else 480

CODE = """
import sys
from pathlib import Path
import torch
from methods.label_propagation.presets import PRESETS
from vosbench.toolbox.methods.label_propagation.attention import Reference, attend
preset, short = PRESETS[sys.argv[1]], int(sys.argv[2])
settings, stride = preset.settings, preset.stride or (16 if short == 960 else 8)
torch.set_num_threads(1)
h, w = -(-short // stride), -(-854 * short // 480 // stride)
unit = lambda: torch.nn.functional.normalize(torch.randn(h, w, 384), dim=-1)
count = len(settings.frames()) or settings.last + settings.first
windowed = [settings.window_first or i > 0 for i in range(count)]
context = [Reference(unit(), torch.rand(h, w, 3), each) for each in windowed]
def peak():  # MB; ru_maxrss would begin at the peak of whoever started this process
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
before = peak()
with torch.inference_mode():
    attend(unit(), context, settings)
print(before, peak(), 4 * count * (h * w) ** 2 / 2**20)
"""


@pytest.mark.parametrize("preset", PRESETS)
def test_a_frame_at_480p_stays_under_1_5_gb(preset: str) -> None:
    """Features of 384 channels (ViT-S) and a full context; vfs's dense affinity would be 3.5 GB."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, preset, str(SHORT.get(preset, 480))],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    before, peak, dense = (float(value) for value in done.stdout.split())
    assert peak < 1500
    assert peak - before < max(100, dense / 5)


@pytest.mark.parametrize("values", ["real", "few"])
@pytest.mark.parametrize(("groups", "each"), [(5, 1), (3, 40), (130, 8), (700, 1)])
def test_the_strongest_are_among_the_candidates(values: str, groups: int, each: int) -> None:
    draw = torch.Generator().manual_seed(groups)
    similar = torch.randn(groups, each, 40, generator=draw)
    outside = torch.zeros(groups, 40)
    outside[1:, 3:5] = -torch.inf  # fewer groups inside than are asked for
    if values == "few":  # many equals
        similar = similar.round()
    places, steps = torch.arange(groups) * 2, torch.arange(each) * 2 * groups
    compared = Compared(similar, outside, places, steps)
    whole, cells = compared.whole(slice(None))  # (m, 40), (m,)
    found = candidates([compared], 5)
    strongest = whole.topk(5, dim=0).values
    assert torch.equal(found.similar.topk(5, dim=1).values.T, strongest)
    order = cells.argsort()
    at = order[torch.searchsorted(cells[order], found.cells)].T
    assert torch.equal(whole.gather(0, at), found.similar.T)
    assert (whole.scatter(0, at, -torch.inf).amax(0) <= found.others).all()
    assert all(len(set(row)) == len(row) for row in found.cells.tolist())
