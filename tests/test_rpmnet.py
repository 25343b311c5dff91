"""RPM-Net: its network, how it carries masks, and what it learns."""

from __future__ import annotations

import hashlib
import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from vosbench import registry
from vosbench.errors import DataError, UsageError
from vosbench.files import jsonable
from vosbench.masks import ids
from vosbench.metrics.region import region_similarity
from vosbench.provenance import hashed
from vosbench.resolve import build_method, method_options
from vosbench.toolbox.methods import weights
from vosbench.training import plan, record
from vosbench.training.settings import choose
from vosbench.types import Frame, Inspectable, Mask

rpmnet = registry.load("methods", "rpmnet")
deformable = importlib.import_module(f"{rpmnet.__name__}.deformable")
memory = importlib.import_module(f"{rpmnet.__name__}.memory")
network = importlib.import_module(f"{rpmnet.__name__}.network")
training = importlib.import_module(f"{rpmnet.__name__}.training")
warps = importlib.import_module(f"{rpmnet.__name__}.warps")

VARIANTS = [name for name in registry.names("methods") if name.startswith("rpmnet")]
FIELDS = {
    "conv-1": 3, "conv-3": 7, "conv-5": 11, "dilation-3": 19, "dilation-6": 37, "dilation-9": 55,
}  # fmt: skip
PLAIN = {"weights": "none", "size": 0}  # what is seen is what is given


class Constant(nn.Module):
    """A matching module that finds the same motion everywhere, in cells."""

    def __init__(self, dy: float, dx: float) -> None:
        super().__init__()
        self.motion = torch.tensor((dy, dx))[None, :, None, None]

    def forward(self, reference: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return self.motion.expand(len(target), 2, *target.shape[-2:]).to(target)


def built(name: str = "rpmnet", **options: Any) -> Any:
    return build_method(name, {**PLAIN, **options}, device="cpu", seed=0)


def moving(dy: float, dx: float, **options: Any) -> Any:
    method = built(matching="conv-1", **options)
    method.network.matching = Constant(dy, dx)
    return method


def texture(h: int, w: int, *, seed: int = 0) -> Frame:
    """Smooth random colours."""
    coarse = np.random.default_rng(seed).integers(0, 256, (h // 8 + 1, w // 8 + 1, 3))
    image = torch.from_numpy(coarse).permute(2, 0, 1)[None].float()
    fine = nn.functional.interpolate(image, (h, w), mode="bicubic").clamp(0, 255)
    return fine[0].permute(1, 2, 0).byte().numpy()


def rectangle(h: int, w: int, rows: slice, columns: slice, label: int = 1) -> Mask:
    mask = np.zeros((h, w), np.uint8)
    mask[rows, columns] = label
    return mask


def iou(prediction: Mask, truth: Mask) -> float:
    return float(region_similarity(prediction > 0, truth > 0))


def pair_of(h: int = 64, w: int = 64, *, shift: int = 4, batch: int = 2) -> torch.Tensor:
    """Frames (b, 2, 3, h, w); the second shows the first moved `shift` px to the right."""
    wide = [texture(h, w + shift, seed=seed) for seed in range(batch)]
    pairs = [np.stack((x[:, shift:], x[:, :-shift] if shift else x)) for x in wide]
    return torch.from_numpy(np.stack(pairs).transpose(0, 1, 4, 2, 3).copy())


def trainee(settings: dict[str, Any] | None = None, **options: Any) -> Any:
    chosen = method_options("rpmnet", {"weights": "none", **options})
    return rpmnet.trainee(chosen, rpmnet.Training(**(settings or {})), seed=0)


# the network


def test_the_papers_network_has_the_shapes_and_sizes_of_its_table_1() -> None:
    options = method_options("rpmnet-paper", {})
    with torch.device("meta"):
        net = network.Network(options).eval()
        embedded = net.embed(torch.empty(1, 3, 512, 512))
        offsets = net(embedded, embedded)
    assert embedded.shape == (1, 32, 128, 128)
    assert offsets.shape == (1, 2, 128, 128)
    convs = [layer[0] for layer in net.matching.layers]
    assert [tuple(conv.conv.weight.shape) for conv in convs] == [
        (32, 64, 3, 3), (16, 32, 3, 3), (2, 16, 3, 3),
    ]  # fmt: skip
    assert [tuple(conv.offset.weight.shape) for conv in convs] == [
        (18, 64, 3, 3), (18, 32, 3, 3), (18, 16, 3, 3),
    ]  # fmt: skip
    count = sum(p.numel() for p in net.matching.parameters())
    kernels = 9 * (64 * 32 + 32 * 16 + 16 * 2) + 2
    assert count == kernels + 9 * 18 * (64 + 32 + 16) + 3 * 18 + 2 * (32 + 16)
    kinds = [[type(part).__name__ for part in layer] for layer in net.matching.layers]
    assert kinds == [["DeformableConv", "BatchNorm2d", "ReLU"]] * 2 + [["DeformableConv"]]


@pytest.mark.parametrize(
    ("matching", "widths"),
    [("conv-1", [64, 2]), ("conv-3", [64, 32, 16, 2]), ("conv-5", [64, 32, 32, 16, 16, 2])],
)
def test_plain_stacks_have_the_papers_widths(matching: str, widths: list[int]) -> None:
    layers = built(matching=matching).network.matching.layers
    assert [layers[0][0].in_channels, *[layer[0].out_channels for layer in layers]] == widths


@pytest.mark.parametrize(("matching", "field"), FIELDS.items())
def test_the_receptive_field_is_what_theory_says(matching: str, field: int) -> None:
    module = built(matching=matching, norm="batch", embed_dim=8).network.matching.double()
    for parameter in module.parameters():  # no cancelling, no dead units
        parameter.abs_()
    frames = torch.rand(2, 1, 4, 61, 61, dtype=torch.double, requires_grad=True)
    module(*frames)[0, :, 30, 30].sum().backward()
    rows, columns = np.nonzero(frames.grad.abs().sum((0, 1, 2)).numpy())
    assert np.ptp(rows) + 1 == np.ptp(columns) + 1 == field


def test_gaussian_start_has_caffes_deviation_and_identity_start_is_still() -> None:
    weight = built(init="gaussian").network.encoder.stem[0].weight
    assert weight.std().item() == pytest.approx(0.01, rel=0.1)
    frame = torch.rand(1, 3, 32, 32)
    for matching in FIELDS:
        net = built(matching=matching).network
        embedded = net.embed(frame)
        assert net(embedded, embedded).abs().max() < 0.1, matching


@pytest.mark.parametrize(("dy", "dx"), [(0, 0), (3, -5), (-8, 8)])
def test_correlation_finds_where_embeddings_went(dy: int, dx: int) -> None:
    module = built("rpmnet-correlation").network.matching  # by tiles, the last one cut
    reference = torch.randn(1, 64, 40, 57, generator=torch.Generator().manual_seed(0))
    target = torch.roll(reference, (-dy, -dx), (2, 3))
    inner = module(reference, target)[0, :, 8:-8, 8:-8]
    expected = torch.tensor((dy, dx))[:, None, None]
    assert (inner - expected).abs().max() < 0.3
    halves = (target + 0.9 * torch.roll(target, (0, -6), (2, 3))) / 2  # a second place, as alike
    between = module(reference, halves)[0, :, 8:-8, 8:-8]
    assert (between - expected).abs().amax(0).median() < 0.5  # of all candidates the best, no mean
    with torch.autocast("cpu", torch.bfloat16):
        rough = module(reference, target)[0, :, 8:-8, 8:-8]
    assert (rough - inner).abs().max() < 0.02


# carrying masks


def test_a_still_clip_gives_the_prompt_back() -> None:
    frame, prompt = texture(64, 96), rectangle(64, 96, slice(13, 41), slice(22, 67))
    method = built(warp_res="full", propagate="hard")
    for mask in method.segment([frame] * 5, {0: prompt}):
        assert iou(mask, prompt) == 1.0


@pytest.mark.parametrize(("dy", "dx"), [(1.0, 0.0), (0.0, -2.0), (0.25, -0.5)])
@pytest.mark.parametrize("warp_res", ["quarter", "full"])
def test_masks_follow_motion_of_whole_cells_and_of_parts(
    dy: float, dx: float, warp_res: str
) -> None:
    h, w, steps = 96, 128, 4
    prompt = rectangle(h, w, slice(32, 64), slice(48, 88))
    moved = np.roll(prompt, (round(-4 * dy * steps), round(-4 * dx * steps)), (0, 1))
    method = moving(dy, dx, warp_res=warp_res)
    *_, last = method.segment([texture(h, w)] * (steps + 1), {0: prompt})
    assert iou(last, moved) > (0.99 if warp_res == "full" else 0.95)
    assert iou(last, prompt) < 0.9


def test_hard_recursion_rounds_slow_motion_away_and_soft_does_not() -> None:
    h, w, steps = 96, 256, 40
    prompt = rectangle(h, w, slice(20, 76), slice(40, 120))
    truth = np.roll(prompt, 64, 1)  # 0.4 cell a frame, 40 frames
    found = {}
    for propagate in ("hard", "soft"):
        method = moving(0.0, -0.4, propagate=propagate)
        *_, last = method.segment([texture(h, w)] * (steps + 1), {0: prompt})
        found[propagate] = iou(last, truth)
    assert found["hard"] == pytest.approx(0.12, abs=0.03)
    assert found["soft"] > 0.93


def test_each_frame_is_embedded_once() -> None:
    method, seen = built(matching="conv-1"), []
    method.network.encoder.register_forward_hook(lambda *given: seen.append(len(given[1][0])))
    prompts = {t: rectangle(32, 48, slice(4, 20), slice(8, 24), label=t + 1) for t in (0, 2)}
    list(method.segment([texture(32, 48)] * 6, prompts))
    assert seen == [1] * 6


@pytest.mark.parametrize("propagate", ["hard", "soft"])
def test_permuted_ids_give_the_same_masks_permuted(propagate: str) -> None:
    method = moving(0.3, -0.7, propagate=propagate)
    frames, prompt = [texture(64, 96)] * 4, np.zeros((64, 96), np.uint8)
    for label in (1, 2, 3):
        prompt[12 : 12 + 11 * label, 20 * label : 20 * label + 17] = label
    table = np.array((0, 7, 2, 5), np.uint8)
    masks = list(method.segment(frames, {0: prompt}))
    permuted = list(method.segment(frames, {0: table[prompt]}))
    assert all((table[a] == b).all() for a, b in zip(masks, permuted, strict=True))
    assert set(ids(permuted[-1])) == {2, 5, 7}


def test_an_object_that_leaves_leaves_background() -> None:
    prompts = {0: rectangle(32, 48, slice(8, 24), slice(28, 44))}
    *_, last = moving(0.0, -1.0).segment([texture(32, 48)] * 8, prompts)
    assert not last.any()
    prompts = {0: rectangle(32, 48, slice(8, 24), slice(32, 48))}
    entering = {border: moving(0.0, 1.0, border=border) for border in ("zeros", "edge")}
    *_, held = entering["edge"].segment([texture(32, 48)] * 4, prompts)
    assert (held[9:23, 21:] == 1).all()  # what it touched when it moved in goes on
    *_, gone = entering["zeros"].segment([texture(32, 48)] * 4, prompts)
    assert not gone[:, 40:].any()


def test_occluders_and_late_objects_are_carried() -> None:
    frames = [texture(32, 48, seed=t // 3) for t in range(8)]
    prompts = {
        2: rectangle(32, 48, slice(4, 20), slice(8, 32), label=4),
        5: rectangle(32, 48, slice(4, 20), slice(16, 40), label=9),
        6: np.zeros((32, 48), np.uint8),
    }
    masks = list(moving(0.0, 0.0).segment(frames, prompts))
    assert [ids(mask) for mask in masks] == [(), (), *[(4,)] * 3, *[(4, 9)] * 3]
    assert (masks[5][4:20, 16:40] == 9).all()  # the prompt itself
    assert masks[7][12, 24] == 9
    assert masks[7][12, 11] == 4


@pytest.mark.parametrize("in_loop", [True, False])
def test_the_crf_refines_what_is_given_out(in_loop: bool) -> None:
    pytest.importorskip("pydensecrf", reason="pydensecrf2 is not installed (extra crf)")
    frame = np.full((48, 64, 3), 40, np.uint8)
    truth = rectangle(48, 64, slice(12, 36), slice(16, 44))
    frame[truth > 0] = (220, 60, 30)
    prompt = np.roll(truth, 3, 1)  # off by three pixels: the frame's edges tell
    refined = moving(0.0, 0.0, refine="crf", crf_in_loop=in_loop)
    plain = moving(0.0, 0.0)
    *_, with_crf = refined.segment([frame] * 3, {0: prompt})
    *_, without = plain.segment([frame] * 3, {0: prompt})
    assert iou(with_crf, truth) > iou(without, truth) + 0.05


@pytest.mark.parametrize("crf", ["pasted", "pydensecrf"])
def test_the_crf_refines_large_frames_and_late_objects(crf: str) -> None:
    pytest.importorskip("pydensecrf", reason="pydensecrf2 is not installed (extra crf)")
    frame = np.full((300, 400, 3), 40, np.uint8)
    first = rectangle(300, 400, slice(60, 160), slice(0, 120), label=3)
    late = rectangle(300, 400, slice(200, 300), slice(240, 360), label=7)
    frame[first > 0], frame[late > 0] = (220, 60, 30), (30, 90, 220)
    refined = moving(0.0, 0.0, size=64, refine="crf", crf=crf)
    masks = list(refined.segment([frame] * 5, {1: first, 3: late}))
    assert [ids(mask) for mask in masks] == [(), (3,), (3,), (3, 7), (3, 7)]
    assert all(mask.shape == (300, 400) for mask in masks)
    for label, truth in ((3, first), (7, late)):
        assert iou(np.where(masks[-1] == label, 1, 0).astype(np.uint8), truth) > 0.97


# beyond the paper: matching again, and more frames to read


class Apart(nn.Module):
    """A matching module for embeddings that hold where each cell is in the world."""

    def __init__(self, part: float) -> None:
        super().__init__()
        self.part = part  # of the way that is left

    def forward(self, reference: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return self.part * (target - reference)[:, :2]

    def samples(self, _r: torch.Tensor, _t: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
        return network.window(cells, 1, 1)


def drifting(shifts: list[tuple[float, float]], part: float = 1.0, **options: Any) -> Any:
    """A method that sees a world which moves by so many cells (y, x) between frames."""
    method, left = built(matching="conv-1", **options), iter(np.cumsum([(0, 0), *shifts], 0))
    method.network.matching = Apart(part)

    def see(frame: Frame) -> Any:
        h, w = method.grid(*frame.shape[:2])
        shift = torch.tensor(next(left), dtype=torch.float32)[:, None, None]
        at = (deformable.positions(h, w, like=torch.zeros(1)) + shift)[None]
        return memory.Seen(at, torch.cat((at, at[:, :1]), 1) / 100)

    method._see = see
    return method


@pytest.mark.parametrize("iterations", [1, 3])
def test_iterations_go_the_rest_of_the_way(iterations: int) -> None:
    prompt = rectangle(96, 128, slice(32, 64), slice(48, 88))
    method = drifting([(0.0, -4.0)], part=0.5, iterations=iterations)
    *_, mask = method.segment([texture(96, 128)] * 2, {0: prompt})
    gone = 4 * 4 * (1 - 0.5**iterations)  # of 16 pixels
    assert iou(mask, np.roll(prompt, round(gone), 1)) > 0.95


def test_iterating_on_a_moved_texture_leads_to_the_shift() -> None:
    first, second = (texture(160, 204, seed=1)[:, x : x + 192] for x in (0, 12))  # 3 cells
    cells = np.array([(20, 20)])
    errors = []
    for iterations in (1, 2, 6):
        options = {"weights": "2026-11", "iterations": iterations}
        shown = built("rpmnet", **options).inspect(second, first, cells)
        inner = shown.offsets[:, 8:-8, 8:-8]
        errors.append(float(np.median(np.hypot(inner[0], inner[1] + 3))))
    assert errors[0] > 1 > errors[1] > 0.25 > errors[2]


def test_uncovered_background_is_not_the_object_where_an_earlier_frame_shows_it() -> None:
    ground, frames = texture(96, 128), []
    for left in (8, 48, 88):  # the object jumps: nothing finds it, all that is seen is the ground
        frame = ground.copy()
        frame[32:64, left : left + 32] = (255, 0, 0)
        frames.append(frame)
    prompts = {t: rectangle(96, 128, slice(32, 64), slice(x, x + 32)) for t, x in ((0, 8), (1, 48))}
    left = {}
    for memory_of in ((1,), (1, 2)):
        *_, mask = moving(0.0, 0.0, memory=memory_of).segment(frames, prompts)
        left[memory_of] = float((mask[36:60, 52:76] > 0).mean())  # where it was a frame before
    assert left == {(1,): 1, (1, 2): 0}


@pytest.mark.parametrize("first", ["direct", "chained", "both"])
@pytest.mark.parametrize("warp_res", ["quarter", "full"])
def test_prompted_frames_are_read_however_far_the_world_has_moved(
    first: str, warp_res: str
) -> None:
    shifts = [(-1.0, 0.0), (0.0, -2.0), (-1.0, -1.0), (0.5, -1.0)]
    prompt = rectangle(96, 160, slice(16, 48), slice(24, 64))
    method = drifting(shifts, first=first, memory=(1, 2), warp_res=warp_res)
    *_, last = method.segment([texture(96, 160)] * 5, {0: prompt})
    assert iou(last, np.roll(prompt, (6, 16), (0, 1))) > 0.95


@pytest.mark.parametrize("matching", ["conv-1", "conv-3", "dilation-3", "deformable"])
def test_one_target_for_several_references_gives_what_each_gives_alone(matching: str) -> None:
    module = built(matching=matching).network.matching
    module.apply(
        lambda part: (
            torch.nn.init.normal_(part.weight, std=0.2) if hasattr(part, "weight") else None
        )
    )
    reference, target = torch.randn(3, 32, 12, 17), torch.randn(1, 32, 12, 17)
    with torch.no_grad():
        together = module.towards(target)(reference)
        alone = torch.cat([module(each[None], target) for each in reference])
    assert alone.abs().max() > 0.1
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-4)


def test_late_objects_are_read_from_frames_that_know_them() -> None:
    prompts = {
        0: rectangle(64, 96, slice(8, 56), slice(4, 40), label=7),
        3: rectangle(64, 96, slice(8, 56), slice(52, 90), label=3),
    }
    method = drifting([(0.0, 0.0)] * 5, memory=(1, 2, 4), first="both")
    masks = list(method.segment([texture(64, 96)] * 6, prompts))
    assert [ids(mask) for mask in masks] == [*[(7,)] * 3, *[(3, 7)] * 3]
    assert iou(masks[-1] == 7, prompts[0]) > 0.95
    assert iou(masks[-1] == 3, prompts[3]) > 0.95  # though most references show ground there


def test_memory_is_flat_in_the_length_of_a_video() -> None:
    options = method_options("rpmnet-memory", {"weights": "none"})
    kept = memory.Memory(options, built(matching="conv-1").network)
    seen = memory.Seen(torch.rand(1, 32, 8, 12), torch.rand(1, 3, 8, 12))
    for index in range(40):
        kept.add(index, seen, [1], torch.rand(1, 8, 12), prompted=index in (0, 5))
    assert len(kept._recent) == max(options.memory)
    assert len(kept._first) == len(kept._chains) == 2


def test_inspection_of_iterations_shows_where_the_last_one_looks() -> None:
    shown = drifting([(0.0, -4.0)], part=0.5, iterations=2).inspect(
        texture(96, 128), texture(96, 128), np.array([(10, 20)])
    )
    np.testing.assert_allclose(shown.offsets[:, 10, 20], (0, -3), atol=1e-5)
    np.testing.assert_allclose(shown.samples[0].mean(0), (10, 18), atol=1e-5)  # half the way on


def test_recalling_shows_what_each_reference_gave_and_what_was_read() -> None:
    prompt = rectangle(96, 128, slice(32, 64), slice(48, 88))
    method = drifting([(0.0, -1.0)] * 3, iterations=2, memory=(1, 2), first="both")
    assert method.references == ("t-1", "t-2", "first", "first, chained")
    frames, cells = [texture(96, 128)] * 3, np.array([(10, 12)])
    none, first, second = method.recall(frames, {0: prompt}, dict.fromkeys(range(3), cells))
    assert none == []
    assert [(each.name, each.frame) for each in first] == [
        ("t-1", 0), ("first", 0), ("first, chained", 0),
    ]  # fmt: skip
    assert [each.frame for each in second] == [1, 0, 0, 0]
    np.testing.assert_allclose(sum(each.share for each in second), 1, atol=1e-5)
    for each, back in zip(second, (1, 2, 2, 2), strict=True):
        np.testing.assert_allclose(each.inspection.offsets[:, 10, 12], (0, -back), atol=1e-4)
        assert each.inspection.samples.shape == (1, 9, 2)
        assert each.inspection.offsets.shape == (2, 24, 32)


@pytest.mark.parametrize("iterations", [1, 3])
def test_the_papers_reading_recalls_what_inspect_shows(iterations: int) -> None:
    method = built("rpmnet", weights="2026-11", iterations=iterations, size=64)
    frames, cells = [texture(64, 96, seed=seed) for seed in (1, 2)], np.array([(5, 6), (8, 20)])
    prompt = rectangle(64, 96, slice(8, 40), slice(8, 40))
    assert method.references == ("t-1",)
    ((only,),) = method.recall(frames, {0: prompt}, {1: cells})
    for one, other in zip(only.inspection, method.inspect(*frames, cells), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert (only.share == 1).all()


# variants


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_runs_and_survives_a_runs_file(name: str) -> None:
    if name == "rpmnet-r":
        pytest.importorskip("pydensecrf", reason="pydensecrf2 is not installed (extra crf)")
    options = method_options(name, {"weights": "none", "size": 64})
    again = method_options(name, json.loads(json.dumps(jsonable(options))))
    assert again == options
    frames = [texture(36, 50, seed=t) for t in range(2)]
    prompts = {0: rectangle(36, 50, slice(8, 28), slice(10, 30))}
    methods = [rpmnet.build(each, device="cpu", seed=3) for each in (options, again)]
    first, second = (list(method.segment(frames, prompts)) for method in methods)
    assert [mask.shape for mask in first] == [(36, 50)] * 2
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(
    ("matching", "count", "reach"),
    [("conv-1", 9, 1), ("conv-5", 121, 5), ("dilation-6", 49, 18), ("deformable", 729, 3),
     ("correlation", 625, 12)],
)  # fmt: skip
def test_inspection_shows_what_is_compared(matching: str, count: int, reach: int) -> None:
    method = built(matching=matching)
    assert isinstance(method, Inspectable)
    cells = np.array(((2, 3), (7, 11)))
    shown = method.inspect(texture(40, 64), texture(40, 64, seed=1), cells)
    h, w = method.grid(40, 64)
    assert (h, w) == (10, 16)
    assert shown.cell == (4, 4)
    assert shown.reference.shape == shown.target.shape == (32, h, w)
    assert shown.offsets is not None
    assert shown.offsets.shape == (2, h, w)
    assert shown.samples.shape == (2, count, 2)
    for place, samples in zip(cells, shown.samples, strict=True):
        assert np.abs(samples - place).max() == pytest.approx(reach)


def test_options_that_do_not_fit_are_refused() -> None:
    for values, message in (
        ({"embed_dim": 6}, "multiple of 4"),
        ({"embed_dim": 100_000}, "from 4 to 4096"),  # of 180 GB
        ({"size": 8}, "32 to 4096 px"),
        ({"shape": "square", "size": 0}, "needs a size"),
        ({"crf_in_loop": True}, "crf_in_loop=true needs refine=crf"),
        ({"crf": "pydensecrf"}, "crf=pydensecrf needs refine=crf"),
    ):
        with pytest.raises(UsageError, match=message):
            method_options("rpmnet", values)


# weights


def test_weights_are_found_by_matching_and_backbone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    with pytest.raises(UsageError, match=r"rpmnet-deformable'.*weights=none"):
        build_method("rpmnet", {}, device="cpu", seed=0)
    with pytest.raises(UsageError, match="rpmnet-conv-3-resnet18-quarter"):
        build_method("rpmnet-conv-3", {"backbone": "resnet18-quarter"}, device="cpu", seed=0)
    options = method_options("rpmnet-conv-3", {})
    made = built("rpmnet-conv-3").network
    path = tmp_path / "rpmnet-conv-3.safetensors"
    shape = {key: getattr(options, key) for key in rpmnet.SHAPE}
    weights.save(path, made.state_dict(), method="rpmnet-conv-3", options=shape, card={})
    assert rpmnet.files(options) == {"weights": path}
    loaded = build_method("rpmnet-conv-3", {}, device="cpu", seed=1).network
    for key, value in made.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[key], value, rtol=1e-3, atol=1e-4)
    with pytest.raises(DataError, match="--set matching=conv-3"):
        build_method("rpmnet-conv-5", {"weights": path}, device="cpu", seed=0)


def test_training_starts_from_an_encoder_as_far_as_it_fits(tmp_path: Path) -> None:
    source = built(embed_dim=128, colour="rgb").network  # another head than ours
    path = tmp_path / "encoder.safetensors"
    state = source.encoder.state_dict()
    weights.save(path, state, method="colour-reconstruction", options={}, card={})
    own = trainee({"start": str(path)}).network.encoder
    torch.testing.assert_close(own.stem[0].weight, source.encoder.stem[0].weight, atol=1e-3, rtol=0)
    assert own.head.weight.shape[0] == 32
    with pytest.raises(UsageError, match="no weights are shipped as 'nothing'"):
        trainee({"start": "nothing"})
    with pytest.raises(DataError, match="trained by colorization; rpmnet can start from those of"):
        trainee({"start": "colorization"})


def test_an_encoder_can_be_kept_as_it_starts() -> None:
    with pytest.raises(UsageError, match="learn=matching keeps the encoder"):
        trainee({"learn": "matching"})
    module = trainee(
        {"learn": "matching", "start": "colour-reconstruction", "warps": 0.0, "mix": 0.0},
        matching="correlation",
    )
    module(pair_of(), torch.tensor((1, 2)), 0.0)["loss"].backward()
    net = module.network
    learning = {name for name, value in net.named_parameters() if value.grad is not None}
    assert learning == {
        f"matching.{name}" for name, _ in module.network.matching.named_parameters()
    }


def test_a_training_begins_from_a_release_by_name() -> None:
    former = weights.shipped("rpmnet-conv-3@2026-11")
    assert former.parent.name == "2026-11"
    assert rpmnet.Training(start="rpmnet-conv-3@2026-11").files() == {"start": former}
    stored = weights.state_of(former)
    options = method_options("rpmnet-conv-3", {"weights": "2026-11"})
    begun = rpmnet.trainee(options, rpmnet.Training(), seed=0).network.state_dict()
    assert all(torch.equal(begun[key], value) for key, value in stored.items())
    anew = method_options("rpmnet-conv-3", {})
    fresh = rpmnet.trainee(anew, rpmnet.Training(), seed=0).network.state_dict()
    assert not all(torch.equal(fresh[key], value) for key, value in stored.items())


def test_weights_of_another_method_are_refused() -> None:
    with pytest.raises(DataError, match="trained by colorization, rpmnet cannot use them"):
        built(weights=weights.shipped("colorization"))


def test_what_training_starts_from_is_known_by_its_hash_and_told_by_its_name(
    tmp_path: Path,
) -> None:
    path = tmp_path / "encoder.safetensors"
    path.write_bytes(b"weights")
    chosen = choose("rpmnet", {"start": str(path)})
    found = hashed(plan._files_of_start(chosen))
    assert found == {"start": hashlib.sha256(b"weights").hexdigest()}
    assert record._named(chosen.training)["start"] == path.name  # a card is shown to others
    assert plan._files_of_start(choose("rpmnet", {"start": "none"})) == {}


# training


@pytest.mark.parametrize(
    ("name", "recipe"),
    [("rpmnet", "compact"), ("rpmnet-correlation", "correlation"), ("rpmnet-paper", "paper")],
)
def test_a_variant_has_the_recipe_of_its_name(name: str, recipe: str) -> None:
    assert choose(name, {}).recipe == recipe
    assert choose(name, {"recipe": "compact"}).recipe == "compact"


@pytest.mark.parametrize("recipe", rpmnet.RECIPES)
def test_recipes_are_understood(recipe: str) -> None:
    chosen = choose("rpmnet-paper", {"recipe": recipe, "start": "none"})
    assert chosen.training.start == "none"
    if recipe == "paper":
        assert chosen.training.loss == "l2"
        assert chosen.training.blurs == (0.0,)
        assert chosen.settings.rate(0, clips=3501) == 1e-3


def test_warps_are_known_seeded_and_independent_of_the_batch() -> None:
    images = pair_of(96, 112, shift=0, batch=3)[:, 0].float() / 255
    seeds = torch.tensor((5, 6, 7))
    made = warps.warped(images, seeds, reach=6.0)
    alone = warps.warped(images[1:2], seeds[1:2], reach=6.0)
    assert made.offsets.shape == (3, 2, 24, 28)
    assert made.offsets.abs().max() <= 6
    assert made.offsets.norm(dim=1).max() > 1
    for part, single in zip(made, alone, strict=True):
        torch.testing.assert_close(part[1:2], single)
    cells = [nn.functional.avg_pool2d(x.mean(1, keepdim=True), 4) for x in (images, made.target)]
    found = training.warp(cells[0], made.offsets)
    for sample in range(3):  # light changes, so what counts is how alike the patterns are
        inside = made.valid[sample, 0] > 0
        true = cells[1][sample, 0][inside]
        alike = [np.corrcoef(x[sample, 0][inside], true)[0, 1].item() for x in (found, cells[0])]
        assert alike[0] > 0.97
        assert alike[0] > alike[1]


@pytest.mark.parametrize("progress", [0.0, 0.9])
def test_a_batch_gives_the_same_gradients_in_parts(progress: float) -> None:
    module = trainee({"mix": 0.5, "drop": 0.5}, matching="conv-1")
    frames, seeds = pair_of(32, 32, batch=4), torch.arange(4) + 10
    gradients = []
    for parts in (1, 2):
        module.zero_grad()
        for some, own in zip(frames.chunk(parts), seeds.chunk(parts), strict=True):
            (module(some, own, progress)["loss"] / parts).backward()
        gradients.append(module.network.encoder.stem[0].weight.grad.clone())
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-6)


def test_the_photometric_loss_is_zero_for_the_true_motion() -> None:
    module = trainee({"mix": 0.0, "warps": 0.0, "blurs": (0.0,), "smoothness": 0.0})
    frames, seeds = pair_of(shift=8), torch.arange(2)
    losses = {}
    for dx in (0.0, -2.0, 2.0):
        module.network.matching = _batched(Constant(0.0, dx))
        losses[dx] = module(frames, seeds, 0.5)["loss"].item()
    assert losses[-2.0] < 0.2 * losses[0.0]  # what is not zero is what comes in at the border
    assert losses[2.0] > losses[0.0]


def test_blur_leads_over_more_cells_than_a_single_scale() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4, 3, 32, 38), dtype=np.uint8)
    wide = torch.from_numpy(noise.repeat(4, 2).repeat(4, 3))  # every cell another colour
    frames, seeds = torch.stack((wide[..., 24:], wide[..., :-24]), 1), torch.arange(4)
    gained = {}
    for blurs in ((0.0,), (4.0,)):
        settings = {"mix": 0.0, "warps": 0.0, "blurs": blurs, "smoothness": 0.0}
        module, losses = trainee(settings, border="edge"), []
        for dx in (0.0, -3.0, -6.0):  # from the identity half the way to the truth
            module.network.matching = _batched(Constant(0.0, dx))
            losses.append(module(frames, seeds, 0.5)["loss"].item())
        gained[blurs] = (losses[0] - losses[1]) / (losses[0] - losses[2])
    assert gained[(4.0,)] > 0.2
    assert abs(gained[(0.0,)]) < 0.05


def test_a_network_overfits_one_pair() -> None:
    torch.manual_seed(0)
    module = trainee({"warps": 0.0, "mix": 0.0, "blurs": (0.0, 1.0)}, matching="deformable")
    frames, seeds = pair_of(shift=4, batch=1), torch.zeros(1, dtype=torch.long)
    optimizer = torch.optim.Adam(module.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        module(frames, seeds, 0.5)["loss"].backward()
        optimizer.step()
    figures = module.diagnose(frames, seeds)
    assert figures["ratio"] < 0.4
    assert figures["still"] < 0.2
    assert figures["offset"] == pytest.approx(1.0, abs=0.3)


def test_collapse_is_detected_and_named() -> None:
    module = trainee()
    frames, seeds = pair_of(), torch.arange(2)
    module.network.matching = _batched(Constant(0.0, 0.0))
    figures = module.diagnose(frames, seeds)
    assert figures["ratio"] == figures["epe_ratio"] == figures["still"] == 1.0
    complaints = " ".join(module.complaints(figures))
    assert "no motion found: collapsed to the identity, 100% of the offsets" in complaints
    assert "no better than the identity" in complaints
    module.network.matching = _batched(Constant(0.0, 30.0))
    assert "of the offsets leave the frame" in " ".join(
        module.complaints(module.diagnose(frames, seeds))
    )
    still = {**figures, "motion": 0.1, "epe_ratio": 0.3, "ratio": 0.8}
    assert module.complaints(still) == []


def test_the_picture_shows_four_things_and_the_wheel_is_white_where_nothing_moves() -> None:
    module = trainee(colour="rgb")
    pictures = module.picture(pair_of(), torch.arange(2))
    assert [name.partition(",")[0] for name, _ in pictures] == [
        "reference", "target", "reconstruction", "offsets",
    ]  # fmt: skip
    assert {(x.shape, x.dtype.name) for _, x in pictures} == {((64, 64, 3), "uint8")}
    offsets = torch.zeros(1, 2, 1, 3)
    offsets[0, 1] = torch.tensor((0.0, 1.0, -1.0))
    none, right, left = training.wheel(offsets)[0, :, 0].T
    assert none.tolist() == [1, 1, 1]
    assert (right - left).abs().max() > 0.5


def test_settings_are_validated() -> None:
    for values, message in (({"mix": 2.0}, "between 0 and 1"), ({"blurs": ()}, "one or more")):
        with pytest.raises(UsageError, match=message):
            rpmnet.Training(**values)


def _batched(matching: Constant) -> nn.Module:
    """The constant motion for a whole batch, with a gradient that nothing uses."""

    class Batched(nn.Module):
        def forward(self, reference: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            one = matching(reference, target)
            return one.expand(len(target), *one.shape[1:])

    return Batched()
