"""colorization: its loss is a likelihood, its attention follows, its weights carry the colours."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vosbench import registry
from vosbench.errors import DataError, UsageError
from vosbench.toolbox.methods.weights import save, shipped

plugin = registry.load("methods", "colorization")
PAPER = registry.find("methods", "colorization-paper").defaults
SMALL: dict[str, Any] = {"size": 64, "stride": 8, "width": 16, "dim": 16, "weights": "none"}
SEEDS = torch.arange(2)


def options(**changes: object) -> Any:
    return plugin.Options(**{**SMALL, **changes})


def build(**changes: object) -> Any:
    return plugin.build(options(**changes), device="cpu", seed=0)


def trainee(*, balance: float = 1.0, **changes: object) -> Any:
    return plugin.trainee(options(**changes), plugin.Training(balance=balance), seed=0)


def clip(count: int = 4, step: int = 8) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """A bright reddish box that moves a cell a frame over dark bluish ground, and its mask."""
    rng = np.random.default_rng(3)
    ground = rng.integers(0, 60, (64, 64, 1)) + np.array([0, 10, 60])
    skin = rng.integers(0, 60, (24, 24, 1)) + np.array([180, 90, 60])
    frames, masks = [], []
    for t in range(count):
        frame, mask = ground.astype(np.uint8), np.zeros((64, 64), np.uint8)
        place = (slice(16, 40), slice(8 + step * t, 32 + step * t))
        frame[place], mask[place] = skin, 1
        frames.append(frame)
        masks.append(mask)
    return frames, masks


def emptied() -> np.ndarray:
    """The clip's ground without the box."""
    frames, masks = clip()
    return np.where(masks[0][..., None] > 0, frames[3], frames[0]).astype(np.uint8)


def batch(frames: list[np.ndarray], copies: int = 2) -> torch.Tensor:
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)[None].repeat(copies, 1, 1, 1, 1)


def run(method: Any, frames: list[np.ndarray], prompts: Mapping[int, np.ndarray]) -> list:  # type: ignore[type-arg]
    return list(method.segment(iter(frames), prompts))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max(1, (a | b).sum()))


@pytest.fixture(scope="module")
def learned() -> Any:
    """A small network that has seen one clip for some steps."""
    frames = [*clip()[0], emptied()]
    # as inference meets them
    orders = ((0, 0, 0, 0), (0, 0, 0, 1), (0, 0, 1, 2), (0, 1, 2, 3), (0, 0, 1, 4))
    seen = torch.cat([batch([frames[i] for i in order], 1) for order in orders])
    made = trainee()
    optimizer = torch.optim.Adam(made.parameters(), 3e-3)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = made(seen, torch.arange(5), 0.0)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    made.losses = losses
    return made.eval()


def with_weights_of(made: Any, **changes: object) -> Any:
    method = build(**{"temperature": 0.2, **changes})  # sharp: it has learned for seconds only
    method.network.load_state_dict(made.network.state_dict())
    return method


@pytest.mark.parametrize("stride", [4, 8, 16])
@pytest.mark.parametrize("backbone", ["compact", "resnet18"])
def test_shapes(backbone: str, stride: int) -> None:
    network = build(backbone=backbone, stride=stride, norm="batch").network
    codes = network.encode(torch.rand(4, 1, 64, 64))
    assert codes.shape == (4, 16, 64 // stride, 64 // stride)
    embedded = network.embed(codes[None])
    assert embedded.shape == (1, 4, 16, 64 // stride, 64 // stride)


def test_the_paper_has_the_paper_s_shapes() -> None:
    chosen = plugin.Options(**PAPER, weights="none")
    method = plugin.build(chosen, device="cpu", seed=0)
    network = method.network
    codes = network.encode(torch.rand(4, 1, 256, 256))
    assert codes.shape == (4, 256, 32, 32)
    assert network.embed(codes[None]).shape == (1, 4, 64, 32, 32)
    spatial = [block.space for block in network.blocks]
    assert [conv.dilation for conv in spatial] == [(d, d) for d in (1, 2, 4, 8, 16)]
    assert [conv.in_channels for conv in spatial] == [258, 256, 256, 256, 256]  # x and y are added
    kinds = {type(module) for module in network.modules()}
    assert torch.nn.BatchNorm2d in kinds
    assert torch.nn.GroupNorm not in kinds
    trunk = sum(p.numel() for p in network.trunk.parameters())
    assert trunk == 2_782_784  # ResNet-18 to its third layer: 11,689,512 - 8,393,728 - 513,000
    blocks = sum(3 * 3 * c * 256 + 3 * 256 * 256 + 4 * 256 for c in (258, 256, 256, 256, 256))
    head = 256 * 64 + 64
    assert sum(p.numel() for p in network.parameters()) == trunk + blocks + head
    assert method.grid(480, 854) == (32, 32)


def test_a_block_mixes_frames_as_a_3d_convolution_does() -> None:
    network = build(norm="batch", shortcuts=False).network
    block = network.blocks[1].eval()
    flat = torch.nn.Conv3d(16, 16, (1, 3, 3), padding=(0, 2, 2), dilation=(1, 2, 2), bias=False)
    deep = torch.nn.Conv3d(16, 16, (3, 1, 1), padding=(1, 0, 0), bias=False)
    codes = torch.rand(2, 4, 16, 6, 6)
    with torch.no_grad():
        flat.weight.copy_(block.space.weight[:, :, None])
        taps = block.time.weight.view(3, 16, 16)  # what a frame gives to the next, itself, the last
        deep.weight.copy_(taps.permute(1, 2, 0)[..., None, None])
        scale = (1 + block.space_norm.eps) ** -0.5  # batch normalisation that has seen nothing
        expected = torch.relu(deep(torch.relu(flat(codes.transpose(1, 2)) * scale)) * scale)
        torch.testing.assert_close(block(codes), expected.transpose(1, 2), atol=1e-5, rtol=1e-4)


def test_the_default_fits_three_megabytes(tmp_path: Path) -> None:
    network = plugin.build(plugin.Options(weights="none"), device="cpu", seed=0).network
    save(tmp_path / "w.safetensors", network.state_dict(), method="colorization", options={},
         card={})  # fmt: skip
    assert (tmp_path / "w.safetensors").stat().st_size < 3e6


def test_attention_sums_to_one_and_copies_what_is_alike() -> None:
    from methods.colorization.network import attention

    torch.manual_seed(0)
    references = 9 * torch.eye(24).reshape(1, 24, 2, 3, 4).transpose(1, 2)  # 24 cells, each its own
    target = references[:, 1].flatten(2)
    shares = attention(target, references, temperature=1.0)
    assert shares.shape == (1, 12, 24)
    torch.testing.assert_close(shares.sum(-1), torch.ones(1, 12))
    assert (shares[0].argmax(-1) == torch.arange(12, 24)).all()
    sharp = attention(target, references, temperature=0.5)
    assert sharp.amax() >= shares.amax()


def test_the_loss_is_a_likelihood() -> None:
    from methods.colorization.training import FLOOR, nll

    torch.manual_seed(0)
    made = torch.rand(2, 5, 16).softmax(-1)
    every = torch.arange(16).expand(2, 5, 16)
    chances = torch.stack([torch.exp(-nll(made, every[..., k])) for k in range(16)])
    torch.testing.assert_close(chances.sum(0), torch.ones(2, 5))
    perfect = nll(torch.eye(16) * (1 + 1e-6), torch.arange(16))  # rounding above 1
    assert (perfect >= 0).all()
    assert perfect.max() < 2 * FLOOR
    impossible = nll(1 - torch.eye(16), torch.arange(16))
    assert torch.isfinite(impossible).all()
    torch.testing.assert_close(nll(torch.full((16,), 1 / 16), torch.tensor(3)).exp().item(), 16.0)


def test_the_loss_is_the_mixture_s_and_no_second_softmax() -> None:
    made = trainee(balance=0.0)  # 64 cells, all of them asked for
    frames = batch(clip()[0])
    loss = made(frames, SEEDS, 0.0)["loss"].item()
    made.eval()
    found = made.diagnose(frames, SEEDS)
    assert found["nll"] == pytest.approx(loss, abs=1e-5)


def test_a_batch_s_gradients_are_the_mean_of_its_samples() -> None:
    made = trainee()
    frames = torch.randint(0, 256, (2, 4, 3, 64, 64), dtype=torch.uint8)
    made(frames, SEEDS, 0.0)
    made.eval()  # the palette stays as it is

    def gradient(part: slice) -> torch.Tensor:
        made.zero_grad()
        made(frames[part], SEEDS[part], 0.5)["loss"].backward()
        return made.network.head.weight.grad.clone()  # type: ignore[no-any-return]

    apart = (gradient(slice(0, 1)) + gradient(slice(1, 2))) / 2
    torch.testing.assert_close(gradient(slice(0, 2)), apart, atol=1e-6, rtol=1e-3)


def test_the_cells_asked_for_follow_from_each_sample_s_seed() -> None:
    from methods.colorization.training import _drawn

    both = _drawn(torch.tensor([4, 9]), (16, 64))
    assert both.shape == (2, 16)
    assert (both[1:] == _drawn(torch.tensor([9]), (16, 64))).all()
    assert len(set(both[0].tolist())) == 16
    assert both.max() < 64


def test_rare_colours_weigh_more_and_the_mean_weight_is_one() -> None:
    made = trainee()
    made.network.palette.seen += torch.tensor([900, 90, 10, *[0] * 13])
    weights, shares = made._weights(), made.network.palette.shares()
    assert weights[0] < weights[1] < weights[2]
    assert (weights * shares).sum().item() == pytest.approx(1)
    assert (trainee(balance=0.0)._weights() == 1).all()


def test_it_learns_one_clip(learned: Any) -> None:
    assert learned.losses[-1] < learned.losses[0] / 4
    found = learned.diagnose(batch(clip()[0], 1), SEEDS[:1])
    assert found["accuracy"] > 0.95 > found["still_accuracy"]
    assert found["ratio"] < 0.3
    assert learned.complaints(found) == []


def test_an_even_attention_is_complained_of() -> None:
    made = trainee()
    torch.nn.init.zeros_(made.network.head.weight)
    frames = batch(clip()[0])
    found = made.eval().diagnose(frames, SEEDS)
    assert found["ratio"] == pytest.approx(1, abs=1e-3)
    assert "has not learned to match" in made.complaints(found)[0]


def test_its_picture_has_the_target_in_copied_colours(learned: Any) -> None:
    frames, masks = clip()
    named = dict(learned.picture(batch(frames), SEEDS))
    assert list(named) == ["reference", "target", "colourised target"]
    assert {picture.shape for picture in named.values()} == {(64, 64, 3)}
    assert (named["target"] == frames[-1]).all()
    made = named["colourised target"].astype(int)
    red = (made[..., 0] > made[..., 2]).astype(np.uint8)
    assert iou(red > 0, masks[-1] > 0) > 0.6


def test_it_follows_what_it_learned_to_colour(learned: Any) -> None:
    frames, masks = clip()
    found = run(with_weights_of(learned), frames, {0: masks[0]})
    held = iou(masks[0] > 0, masks[-1] > 0)
    assert iou(found[-1] > 0, masks[-1] > 0) > held + 0.3


@pytest.mark.parametrize("propagate", ["soft", "hard"])
def test_a_clip_that_stands_still_keeps_its_mask(learned: Any, propagate: str) -> None:
    frames, masks = clip(6, step=0)
    found = run(with_weights_of(learned, propagate=propagate), frames, {0: masks[0]})
    assert iou(found[-1] > 0, masks[0] > 0) > 0.7


def test_permuted_ids_give_permuted_masks(learned: Any) -> None:
    frames, masks = clip()
    prompt = masks[0].copy()
    prompt[44:60, 30:60] = 2
    names = np.array([0, 7, 3], np.uint8)
    straight = run(with_weights_of(learned), frames, {0: prompt})
    renamed = run(with_weights_of(learned), frames, {0: names[prompt]})
    assert all((names[a] == b).all() for a, b in zip(straight, renamed, strict=True))


def test_an_object_that_leaves_is_gone_and_nothing_breaks(learned: Any) -> None:
    frames, masks = clip()
    found = run(with_weights_of(learned), [*frames[:2], *[emptied()] * 6], {0: masks[0]})
    assert (found[-1] > 0).sum() < 0.2 * (masks[0] > 0).sum()
    nothing = run(with_weights_of(learned), frames, {0: np.zeros_like(masks[0])})
    assert not any(mask.any() for mask in nothing)


def test_late_prompts_are_laid_over_and_not_outvoted_by_earlier_frames(learned: Any) -> None:
    frames, masks = clip(8, step=0)
    ground = np.zeros_like(masks[0])
    ground[44:, :] = 5
    late = np.where(masks[0] > 0, 3, 0).astype(np.uint8)
    found = run(with_weights_of(learned), frames, {1: ground, 4: late})
    assert not found[0].any()
    assert (found[1] == ground).all()
    assert 3 not in np.stack(found[:4])
    assert (found[4][late > 0] == 3).all()
    assert iou(found[5] == 3, late > 0) > 0.7


def test_each_frame_is_encoded_once_and_only_a_few_are_kept() -> None:
    method, seen = build(references=2), []
    encode = method.network.encode
    method.network.encode = lambda images: seen.append(len(images)) or encode(images)
    frames, masks = clip(5)
    run(method, frames, {1: masks[1]})
    assert seen == [1] * 4  # not before the first prompt


def test_inspection_shows_embeddings_and_that_all_cells_are_compared() -> None:
    frames, _ = clip()
    method = build()
    shown = method.inspect(frames[0], frames[1], np.array([[0, 0], [3, 5]]))
    assert shown.reference.shape == shown.target.shape == (16, 8, 8)
    assert method.grid(96, 80) == (8, 8)
    assert shown.cell == (8.0, 8.0)
    assert shown.offsets is None
    assert shown.samples.shape == (2, 64, 2)
    assert shown.samples[1, 10].tolist() == [1, 2]


def test_the_palette_is_a_k_means_of_the_colours_seen() -> None:
    from methods.colorization.palette import ENOUGH, Palette

    torch.manual_seed(0)
    middles = torch.tensor([[0.0, 0.0], [0.6, 0.3], [-0.5, 0.4], [0.1, -0.8]])
    cells = middles[torch.arange(4000) % 4] + 0.02 * torch.randn(4000, 2)
    made, again = Palette(16), Palette(16)
    for part in cells.split(500):
        made.learn(part)
        again.learn(part[torch.randperm(len(part))])  # the order within a batch is nothing
    torch.testing.assert_close(made.centres, again.centres)
    assert made.seen.sum() == 4000
    nearest = torch.cdist(cells, made.centres).amin(1)
    assert nearest.square().mean() < 0.01
    made.seen[0] += ENOUGH
    before = made.centres.clone()
    made.learn(cells)
    assert (made.centres == before).all()


def test_weights_keep_the_palette_and_say_what_they_fit(learned: Any, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    shape = {name: getattr(options(), name) for name in plugin.SHAPE}
    save(path, learned.network.state_dict(), method="colorization", options=shape, card={})
    method = build(weights=path)
    assert plugin.files(options(weights=path)) == {"weights": path}
    palette = method.network.palette
    assert (palette.seen == learned.network.palette.seen).all()
    torch.testing.assert_close(
        palette.centres, learned.network.palette.centres, atol=1e-3, rtol=1e-3
    )
    with pytest.raises(DataError, match="--set width=16"):
        build(weights=path, width=32)
    again = trainee(weights=path)
    assert (again.network.palette.seen == palette.seen).all()


def test_weights_of_another_method_are_refused() -> None:
    with pytest.raises(DataError, match=r"trained by rpmnet-conv-3, colorization cannot use them"):
        plugin.build(plugin.Options(weights=shipped("rpmnet-conv-3")), device="cpu", seed=0)


def test_without_shipped_weights_it_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="weights=none"):
        build(weights="default", backbone="resnet34")


@pytest.mark.parametrize(
    ("key", "value"), [("size", 100), ("references", 0), ("temperature", 0), ("colours", 1)]
)
def test_options_that_make_no_sense_are_refused(key: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"{key}={value}"):
        options(**{key: value})


@pytest.mark.parametrize("recipe", plugin.RECIPES)
def test_recipes_are_settings_of_the_loop_or_of_the_method(recipe: str) -> None:
    from vosbench.training.settings import choose

    chosen = choose("colorization", {"recipe": recipe})
    assert chosen.settings.frames == chosen.options.references + 1
    side = chosen.settings.resize or chosen.settings.crop
    assert side % chosen.options.stride == 0


@pytest.mark.parametrize("name", ["colorization", "colorization-paper"])
def test_every_variant_runs_and_its_options_come_back(
    name: str, folder_root: Path, tmp_path: Path
) -> None:
    from vosbench.resolve import method_options
    from vosbench.running.config import RunConfig
    from vosbench.running.execute import compute
    from vosbench.running.plan import plan_run

    given = {"weights": "none", "size": "64"}
    config = RunConfig(
        method=name, dataset="folder", root=folder_root, sequences=("ant",), options=given,
        out=tmp_path / "runs",
    )  # fmt: skip
    done = compute(plan_run(config))
    assert not done.failed
    stored = json.loads((done.folder / "run.json").read_text(encoding="utf-8"))
    assert method_options(name, stored["identity"]["options"]) == method_options(name, given)


@pytest.mark.skipif("VOSBENCH_DATA" not in os.environ, reason="VOSBENCH_DATA is not set")
def test_shipped_weights_beat_a_held_mask_on_a_real_sequence() -> None:
    dataset = registry.load("datasets", "davis2016").load(
        Path(os.environ["VOSBENCH_DATA"]) / "DAVIS-2016", split="val", resolution="480p"
    )
    sequence = dataset.sequence(dataset.names[0])
    frames = [sequence.frames[i] for i in range(12)]
    found = run(plugin.build(plugin.Options(), device="cpu", seed=0), frames, sequence.prompts)
    truth = sequence.truth[11] > 0
    assert iou(found[-1] > 0, truth) > iou(sequence.prompts[0] > 0, truth)
