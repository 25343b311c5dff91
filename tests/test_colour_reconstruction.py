"""Colour reconstruction: its attention, what it hides, that it learns, how it carries masks."""

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
from vosbench.toolbox.methods.images import lab
from vosbench.toolbox.methods.weights import header_of, save, shipped
from vosbench.types import Frame, Mask

plugin = registry.load("methods", "colour-reconstruction")
SMALL: dict[str, Any] = {"dim": 16, "size": 0, "weights": "none"}


def options(**changes: object) -> Any:
    return plugin.Options(**{**SMALL, **changes})


def build(**changes: object) -> Any:
    return plugin.build(options(**changes), device="cpu", seed=0)


def trainee(*, drop: float = 0.75) -> Any:
    return plugin.trainee(options(), plugin.Training(drop=drop), seed=0)


def network() -> Any:
    """The module methods/colour_reconstruction/network.py."""
    import importlib

    trainee()
    return importlib.import_module(f"{plugin.__name__}.network")


def training() -> Any:
    """The module methods/colour_reconstruction/training.py."""
    import importlib

    trainee()
    return importlib.import_module(f"{plugin.__name__}.training")


def video(count: int = 5, *, step: int = 4, seed: int = 0) -> tuple[list[Frame], list[Mask]]:
    """A textured box that moves `step` pixels a frame over textured ground, and its mask."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 120, (16, 24, 3)).repeat(4, 0).repeat(4, 1)
    box = rng.integers(120, 256, (6, 6, 3)).repeat(4, 0).repeat(4, 1)
    frames, masks = [], []
    for t in range(count):
        frame, mask = small.astype(np.uint8), np.zeros((64, 96), np.uint8)
        place = (slice(20, 44), slice(12 + step * t, 36 + step * t))
        frame[place], mask[place] = box, 1
        frames.append(frame)
        masks.append(mask)
    return frames, masks


def batch(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """So many samples of three frames of 32x32 that slide, uint8 (b, 3, 3, 32, 32), and seeds."""
    rng = np.random.default_rng(seed)
    samples = []
    for _ in range(count):
        noise = rng.integers(0, 256, (12, 14, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
        samples.append([noise[:32, 4 * t : 4 * t + 32] for t in range(3)])
    frames = torch.from_numpy(np.array(samples)).permute(0, 1, 4, 2, 3)
    return frames, torch.arange(count) + 1000 * seed


def run(method: Any, frames: list[Frame], prompts: Mapping[int, Mask]) -> list[Mask]:
    return list(method.segment(iter(frames), prompts))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max(1, (a | b).sum()))


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a small network that has seen other noise slide for some steps."""
    made = trainee()
    optimizer = torch.optim.Adam(made.parameters(), 3e-3)
    for step in range(60):
        optimizer.zero_grad()
        made(*batch(4, seed=step), 0.0)["loss"].backward()
        optimizer.step()
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save(path, made.network.state_dict(), method="colour-reconstruction", options={}, card={})
    return path


def test_copying_equals_a_plain_loop() -> None:
    torch.manual_seed(0)
    b, r, c, h, w, radius, temperature = 2, 2, 5, 3, 5, 2.3, 0.2
    target, references = torch.randn(b, c, h, w), torch.randn(b, r, c, h, w)
    colours = torch.rand(b, r, 3, h, w)
    found = network().copy(target, references, colours, radius=radius, temperature=temperature)
    assert found.shape == (b, h * w, 3)
    for sample in range(b):
        for y in range(h):
            for x in range(w):
                near = [
                    (k, v, u) for k in range(r) for v in range(h) for u in range(w)
                    if (v - y) ** 2 + (u - x) ** 2 <= radius**2
                ]  # fmt: skip
                similar = [
                    references[sample, k, :, v, u] @ target[sample, :, y, x] for k, v, u in near
                ]
                shares = (torch.stack(similar) / temperature).softmax(0)
                expected = sum(
                    share * colours[sample, k, :, v, u]
                    for share, (k, v, u) in zip(shares, near, strict=True)
                )
                torch.testing.assert_close(found[sample, y * w + x], expected)


def test_the_same_channels_are_hidden_in_all_frames_of_a_sample(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = training()
    seen: list[torch.Tensor] = []

    def embed(net: Any, images: torch.Tensor) -> torch.Tensor:
        seen.append(images)
        return torch.nn.functional.normalize(net(images), dim=1)

    monkeypatch.setattr(module, "embed", embed)
    frames, seeds = batch(6)
    trainee(drop=1.0)(frames, seeds, 0.0)
    assert len(seen) == 1  # every frame is embedded once
    there = seen[0].reshape(6, 3, 3, -1).abs().amax(-1) > 0  # (b, t, channels)
    assert (there == there[:, :1]).all()
    assert set(there[:, 0].sum(-1).tolist()) == {1, 2}
    images = lab(frames.float() / 255).reshape(6, 3, 3, -1)
    scale = 3 / there[:, 0].sum(-1)  # what is left is made as strong as the whole
    expected = images * there[..., None] * scale[:, None, None, None]
    torch.testing.assert_close(seen[0].reshape(6, 3, 3, -1), expected)


def test_what_is_hidden_follows_from_the_seed_alone() -> None:
    shown = training()._shown
    rows = shown(torch.arange(400), 0.75)
    assert torch.equal(rows[[3, 7]], shown(torch.tensor([3, 7]), 0.75))
    assert torch.equal(shown(torch.arange(400), 0.0), torch.ones(400, 3))
    hidden = 3 - rows.sum(1)
    assert set(hidden.tolist()) == {0, 1, 2}
    assert (hidden > 0).float().mean().item() == pytest.approx(0.75, abs=0.07)
    assert rows.mean(0).max() - rows.mean(0).min() < 0.1  # no channel is dearer than another


@pytest.mark.parametrize("drop", [1.0, 0.0])
def test_the_loss_is_of_what_was_hidden(drop: float, monkeypatch: pytest.MonkeyPatch) -> None:
    module, made = training(), trainee(drop=drop)
    frames, seeds = batch(6)
    hidden = (module._shown(seeds, drop) == 0) if drop else torch.ones(6, 3, dtype=torch.bool)
    truth = torch.rand(6, 3, 8, 8)
    wrong = torch.where(hidden[:, :, None, None], truth, truth + 9)
    monkeypatch.setattr(made, "_reconstruct", lambda *_: (wrong, truth))
    assert made(frames, seeds, 0.0)["loss"] == 0
    off = torch.where(hidden[:, :, None, None], truth + 0.5, truth)
    monkeypatch.setattr(made, "_reconstruct", lambda *_: (off, truth))
    loss = made(frames, seeds, 0.0)["loss"].item()
    assert loss == pytest.approx(0.5 - 0.1 / 2, abs=1e-4)  # smooth L1 beyond its beta of 0.1


def test_halves_of_a_batch_give_the_gradients_of_the_whole() -> None:
    frames, seeds = batch(4)

    def gradients(parts: list[slice]) -> list[torch.Tensor]:
        made = trainee()
        for part in parts:
            (made(frames[part], seeds[part], 0.0)["loss"] / len(parts)).backward()
        return [parameter.grad for parameter in made.parameters()]

    whole, halves = gradients([slice(0, 4)]), gradients([slice(0, 2), slice(2, 4)])
    assert max(gradient.abs().max().item() for gradient in whole) > 1e-3
    for one, two in zip(whole, halves, strict=True):
        assert (one - two).abs().max() < 1e-5


def test_a_few_steps_lower_the_loss() -> None:
    made, (frames, seeds) = trainee(), batch(2)
    optimizer = torch.optim.Adam(made.parameters(), 2e-3)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = made(frames, seeds, 0.0)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_figures_complaints_and_pictures() -> None:
    made, (frames, seeds) = trainee(), batch(2)
    figures = made.diagnose(frames, seeds)
    images = torch.nn.functional.avg_pool2d(lab(frames.float() / 255).flatten(0, 1), 4)
    images = images.reshape(2, 3, 3, 8, 8)
    still = (images[:, -2] - images[:, -1]).abs().mean().item()
    assert figures["identity_error"] == pytest.approx(still, rel=1e-5)
    assert figures["ratio"] == pytest.approx(figures["error"] / still, rel=1e-5)
    assert made.complaints({"ratio": 0.9}) == []
    (complaint,) = made.complaints({"ratio": 1.02})
    assert "no better than copying colours in place (error / identity error 1.02)" in complaint
    pictures = dict(made.picture(frames, seeds))
    assert list(pictures) == ["reference", "target", "reconstruction"]
    for picture in pictures.values():
        assert picture.shape == (32, 32, 3)
        assert picture.dtype == np.uint8
    np.testing.assert_array_equal(pictures["target"], frames[0, -1].permute(1, 2, 0).numpy())
    np.testing.assert_array_equal(pictures["reference"], frames[0, -2].permute(1, 2, 0).numpy())


def test_a_still_video_keeps_its_mask(learned: Path) -> None:
    frames, masks = video(1)
    found = run(build(weights=learned), frames * 4, {0: masks[0]})
    assert all(mask.shape == (64, 96) and mask.dtype == np.uint8 for mask in found)
    assert min(iou(mask > 0, masks[0] > 0) for mask in found) >= 0.9


def test_a_moving_object_is_followed(learned: Path) -> None:
    frames, masks = video(5)
    found = run(build(weights=learned), frames, {0: masks[0]})
    assert iou(found[4] > 0, masks[4] > 0) > 0.6  # 0.70 measured
    assert iou(masks[0] > 0, masks[4] > 0) < 0.25


def test_names_of_objects_do_not_matter(learned: Path) -> None:
    frames, masks = video(4)
    prompt = masks[0].copy()
    prompt[4:16, 60:80] = 2
    method = build(weights=learned)
    found = run(method, frames, {0: prompt})
    names = np.array([0, 7, 3], np.uint8)
    renamed = run(method, frames, {0: names[prompt]})
    assert set(np.unique(np.stack(found))) == {0, 1, 2}
    for one, two in zip(found, renamed, strict=True):
        assert (names[one] != two).mean() < 1e-3  # a tie goes to the lower name


def test_an_object_that_leaves_is_gone(learned: Path) -> None:
    frames, masks = video(3)
    ground = frames[0].copy()
    ground[20:44, 12:36] = ground[20:44, 60:84]
    found = run(
        build(memory=2, weights=learned), [frames[0], frames[1], *[ground] * 4], {0: masks[0]}
    )
    assert len(found) == 6
    assert (found[5] > 0).sum() < 0.35 * (masks[0] > 0).sum()


def test_a_late_object_begins_with_its_prompt(learned: Path) -> None:
    frames, masks = video(5)
    late = np.where(masks[2] > 0, 4, 0).astype(np.uint8)
    found = run(build(weights=learned), frames, {2: late})
    assert not np.stack(found[:2]).any()
    np.testing.assert_array_equal(found[2], late)
    assert iou(found[4] == 4, masks[4] > 0) > 0.65  # 0.76 measured


def test_without_weights_the_seed_decides() -> None:
    frames, masks = video(3)
    one, again = build(), build()
    torch.manual_seed(99)
    other = plugin.build(options(), device="cpu", seed=1)
    for a, b in zip(
        run(one, frames, {0: masks[0]}), run(again, frames, {0: masks[0]}), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    key = "stem.0.weight"
    assert torch.equal(one.network.state_dict()[key], again.network.state_dict()[key])
    assert not torch.equal(one.network.state_dict()[key], other.network.state_dict()[key])
    assert plugin.files(options()) == {}


@pytest.mark.parametrize("size", [0, 32])
def test_every_frame_is_embedded_once(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    frames, masks = video(5)
    method = build(size=size)
    shapes: list[tuple[int, ...]] = []
    method.network.register_forward_hook(lambda _, images, found: shapes.append(images[0].shape))
    run(method, frames, {0: masks[0]})
    assert shapes == [(1, 3, 64, 96) if size == 0 else (1, 3, 32, 48)] * 5


def test_the_variant_looks_at_the_frame_before_alone(learned: Path) -> None:
    variant = registry.find("methods", "colour-reconstruction-previous").defaults
    method = build(**variant, weights=learned)
    assert (method.options.memory, method.options.first) == (1, False)
    frames, masks = video(5)
    found = run(method, frames, {0: masks[0]})
    assert iou(found[4] > 0, masks[4] > 0) > 0.5  # 0.65 measured
    hidden = [*frames[:3], np.zeros_like(frames[0]), frames[4]]  # nothing is left to copy from
    lost = run(method, hidden, {0: masks[0]})[4]
    kept = run(build(weights=learned), hidden, {0: masks[0]})[4]
    assert iou(kept > 0, masks[4] > 0) > iou(lost > 0, masks[4] > 0) + 0.2


@pytest.mark.parametrize("name", ["colour-reconstruction", "colour-reconstruction-previous"])
def test_every_variant_runs_and_its_options_come_back(
    name: str, folder_root: Path, tmp_path: Path
) -> None:
    from vosbench.resolve import method_options
    from vosbench.running.config import RunConfig
    from vosbench.running.execute import compute
    from vosbench.running.plan import plan_run

    given = {"weights": "none", "size": "32", "dim": "8"}
    done = compute(plan_run(RunConfig(
        method=name, dataset="folder", root=folder_root, sequences=("ant",), options=given,
        out=tmp_path / "runs",
    )))  # fmt: skip
    assert not done.failed
    stored = json.loads((done.folder / "run.json").read_text(encoding="utf-8"))
    assert method_options(name, stored["identity"]["options"]) == method_options(name, given)


def test_a_trained_network_comes_back_and_another_is_refused(tmp_path: Path) -> None:
    made, path = trainee(), tmp_path / "own.safetensors"
    shape = {name: getattr(options(), name) for name in plugin.SHAPE}
    save(path, made.network.state_dict(), method="colour-reconstruction", options=shape, card={})
    method = build(weights=path)
    key = "head.weight"
    expected = made.network.state_dict()[key].half().float()
    assert torch.equal(method.network.state_dict()[key], expected)
    assert plugin.files(options(weights=path)) == {"weights": path}
    again = plugin.trainee(options(weights=path), plugin.Training(), seed=1)  # a training goes on
    assert torch.equal(again.network.state_dict()[key], expected)
    with pytest.raises(DataError, match="other options than dim=32; use --set dim=16"):
        build(weights=path, dim=32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 16}, r"size=16 must be 0 \(the frames' own\) or 32 to 4096 px"),
        ({"size": -1}, "size=-1 must be 0"),
        ({"dim": 0}, "dim=0 must be above 0"),
        ({"topk": 0}, "topk=0 must be above 0"),
        ({"temperature": 1e-300}, "temperature=1e-300 must be at least 1e-6"),
    ],
)
def test_options_that_do_not_fit(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        options(**changes)


def test_other_backbones_have_weights_of_their_own() -> None:
    with pytest.raises(UsageError, match="are shipped as 'colour-reconstruction-resnet50'"):
        plugin.files(plugin.Options(backbone="resnet50"))


@pytest.mark.skipif("VOSBENCH_DATA" not in os.environ, reason="VOSBENCH_DATA is not set")
def test_shipped_weights_carry_a_real_object() -> None:
    path = shipped("colour-reconstruction")
    assert header_of(path)[1] == {name: getattr(plugin.Options(), name) for name in plugin.SHAPE}
    dataset = registry.load("datasets", "davis2016").load(
        Path(os.environ["VOSBENCH_DATA"]) / "DAVIS-2016", split="val", resolution="480p"
    )
    sequence = dataset.sequence(dataset.names[0])
    frames = [sequence.frames[i] for i in range(6)]
    method = plugin.build(plugin.Options(), device="cpu", seed=0)
    found = run(method, frames, sequence.prompts)
    truth = sequence.truth[5] > 0
    assert iou(found[5] > 0, truth) > 0.6
    assert iou(found[5] > 0, truth) > iou(sequence.prompts[0] > 0, truth)
