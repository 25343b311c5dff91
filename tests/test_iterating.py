"""RPM-Net used several times a frame: the way of matching, and the training made for it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vosbench import registry
from vosbench.errors import DataError, UsageError
from vosbench.resolve import build_method, method_options
from vosbench.toolbox.methods import weights
from vosbench.toolbox.methods.encoder_card import EncoderCard
from vosbench.toolbox.methods.frame_encoder import FrameEncoder
from vosbench.toolbox.methods.weights import shipped
from vosbench.training.settings import choose

rpmnet = registry.load("methods", "rpmnet")
cutouts, deformable, iterating, seen, sides, teacher, training, warps = (
    importlib.import_module(f"{rpmnet.__name__}.{name}")
    for name in (
        "cutouts", "deformable", "iterating", "seen", "sides", "teacher", "training", "warps",
    )
)  # fmt: skip
Seen, Sought, Way = seen.Seen, seen.Sought, seen.Way
RELEASE = {"weights": "2026-11"}


def smooth(h: int, w: int, *, batch: int = 1, seed: int = 0) -> torch.Tensor:
    """Smooth random colours (b, 3, h, w) in 0..1."""
    coarse = torch.rand(batch, 3, h // 8, w // 8, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(coarse, (h, w), mode="bicubic", align_corners=False).clamp(0, 1)


def unrolled(**settings: Any) -> Any:
    """The trainee of recipe iterated, from the former weights."""
    chosen = choose("rpmnet-conv-3-iterated", {"recipe": "iterated", **settings})
    options = method_options("rpmnet-conv-3-iterated", RELEASE)
    return rpmnet.trainee(options, chosen.training, seed=0)


def iterated(network: nn.Module, reference: Any, target: Any, way: Any) -> torch.Tensor:
    """The offsets between two embeddings."""
    near, own = (Seen(x, x[:, :0]) for x in (reference, target))
    found: torch.Tensor = iterating.iterated(Sought(network, own, way), near)
    return found


class Half(nn.Module):
    """A module that finds half of the way, in whatever cells it is asked."""

    def towards(self, target: torch.Tensor) -> Any:
        return lambda reference: self(reference, target)

    def forward(self, reference: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return 0.5 * (target - reference)


@pytest.mark.parametrize("coarsest", [1, 2, 4])
def test_each_matching_goes_on_from_the_one_before_at_any_scale(coarsest: int) -> None:
    at = deformable.positions(18, 23, like=torch.zeros(1))[None]

    class Scaled(Half):
        def forward(self, reference: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            cells = 23 / target.shape[-1]  # embeddings are positions of the finest cells
            return super().forward(reference, target) / round(cells)

    shift = torch.tensor((0.0, -4.0))[:, None, None]
    for times in (3, 4):
        found = iterated(Scaled(), at, at + shift, Way(times, coarsest))
        wanted = -4 * (1 - 0.5**times)
        inner = found[0, 1, 8:-8, 10:-8]  # what lies beyond the edge cannot be found
        torch.testing.assert_close(inner, torch.full_like(inner, wanted), atol=0.1, rtol=0)


def test_squares_of_cells_may_hang_over_the_edge() -> None:
    maps = torch.arange(15.0).reshape(1, 1, 3, 5)
    assert seen.coarser(maps, 1) is maps
    found = seen.coarser(maps, 2)
    assert found.tolist() == [[[[3.0, 5.0, 6.5], [10.5, 12.5, 14.0]]]]
    back = iterating.finer(torch.ones(1, 2, 2, 3), 2, like=maps)
    assert back.shape == (1, 2, 3, 5)
    assert (back == 2).all()


def test_a_search_finds_what_no_small_step_leads_to() -> None:
    noise = torch.randn(1, 32, 24, 24, generator=torch.Generator().manual_seed(0))
    reference = F.normalize(noise, dim=1)
    target = reference.roll(3, 3)  # noise: nothing tells which way to go
    still = torch.zeros(1, 2, 24, 24)
    found = iterating.searched(reference, target, still, 3.0)
    assert (found[0, 0, 4:-4, 4:-4] == 0).all()
    assert (found[0, 1, 4:-4, 4:-4] == -3).all()
    assert (iterating.searched(reference, reference, still, 3.0) == 0).all()


def test_a_search_is_followed_by_one_more_matching() -> None:
    asked: list[int] = []

    class Counting(Half):
        def forward(self, reference: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            asked.append(target.shape[-1])
            return torch.zeros_like(target[:, :2])

    embedding = torch.ones(1, 4, 16, 16)
    for way, sides_ in (
        (Way(), [16]),
        (Way(3, 4), [4, 8, 16]),
        (Way(2, 4), [8, 16]),
        (Way(4, 2), [8, 8, 8, 16]),
        (Way(3, 4, 4.0), [4, 8, 16, 16]),
        (Way(1, 1, 4.0), [16, 16]),
    ):
        asked.clear()
        iterated(Counting(), embedding, embedding, way)
        assert asked == sides_


def test_what_a_target_adds_is_made_once_for_all_references_and_scales() -> None:
    made: list[int] = []

    class Counted(Half):
        def towards(self, target: torch.Tensor) -> Any:
            made.append(target.shape[-1])
            return super().towards(target)

    target, *references = (Seen(torch.rand(1, 2, 16, 16), torch.rand(1, 3, 16, 16)) for _ in "0123")
    for way, sides_ in ((Way(), []), (Way(3, 4, 4.0), [4, 8, 16])):
        sought = Sought(Counted(), target, way)
        for reference in references:
            iterating.iterated(sought, reference)
        assert made == sides_
    assert target.unit is target.unit
    assert target.of_squares(2) is target.of_squares(2)


def test_ways_that_do_not_fit_are_refused() -> None:
    for values, message in (
        ({"coarsest": 3}, "1, 2, 4 or 8"),
        ({"search": -1.0}, "0 to 32 cells"),
    ):
        with pytest.raises(UsageError, match=message):
            method_options("rpmnet", values)


def test_weights_for_several_scales_are_taken_where_they_are_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    (tmp_path / "2026-11").mkdir()
    (tmp_path / "large").mkdir()
    wide = "rpmnet-conv-3-resnet18-quarter"
    for name in ("rpmnet-deformable", "rpmnet-conv-3", wide):
        (tmp_path / "2026-11" / f"{name}.safetensors").touch()
    for name in ("rpmnet-conv-3-iterated", f"large/{wide}-iterated"):
        (tmp_path / f"{name}.safetensors").touch()
    for matching, coarsest, release, wanted in (
        ("conv-3", 1, "default", "2026-11/rpmnet-conv-3"),
        ("conv-3", 4, "default", "rpmnet-conv-3-iterated"),
        ("conv-3", 4, "2026-11", "2026-11/rpmnet-conv-3"),
        ("deformable", 4, "default", "2026-11/rpmnet-deformable"),
    ):
        values = {"iterations": 3, "coarsest": coarsest, "weights": release}
        values["matching"] = matching
        found = rpmnet.files(method_options("rpmnet", values))["weights"]
        assert found == tmp_path / f"{wanted}.safetensors"
    options = {"matching": "conv-3", "backbone": "resnet18-quarter", "coarsest": 4}
    found = rpmnet.files(method_options("rpmnet", options))["weights"]
    assert found == tmp_path / "large" / f"{wide}-iterated.safetensors"
    found.unlink()  # as in the package
    found = rpmnet.files(method_options("rpmnet", options))["weights"]
    assert found == tmp_path / "2026-11" / f"{wide}.safetensors"


def test_weights_that_were_not_trained_for_several_scales_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remarks(**values: object) -> tuple[str, ...]:
        options = method_options("rpmnet", {"iterations": 3, "coarsest": 4, **values})
        return tuple(rpmnet.build(options, device="cpu", seed=0).remarks)

    said = "were trained for one iteration at one scale, not for coarsest=4; none of recipe "
    assert remarks(backbone="resnet18-quarter") == ()
    (tmp_path / "2026-11").symlink_to(weights.FOLDER / "2026-11")
    with monkeypatch.context() as package:
        package.setattr(weights, "FOLDER", tmp_path)
        (told,) = remarks(backbone="resnet18-quarter")
    assert told.startswith(f"weights rpmnet-deformable-resnet18-quarter {said}")
    assert told.endswith("repository: vosbench/weights/large)")
    (told,) = remarks(weights="2026-11")
    assert told == f"weights rpmnet-deformable {said}iterated are in release 2026-11"
    (told,) = remarks(matching="conv-1")
    assert told == f"weights rpmnet-conv-1 {said}iterated are at hand for this network"
    (told,) = remarks(iterations=1)
    several = "were trained for several iterations, of which iterations=1 makes one"
    assert told == f"weights rpmnet-deformable-iterated {several}"
    own = weights.shipped("rpmnet-deformable@2026-11")
    for quiet in ({}, {"coarsest": 1}, {"weights": "none"}, {"weights": own}):
        assert remarks(**quiet) == ()


# what leads the training


def test_a_cutout_moves_as_its_offsets_say_and_uncovers_what_has_none() -> None:
    images, seeds = smooth(96, 112, batch=4), torch.arange(4) + 3
    still = warps.Warped(images.clone(), torch.zeros(4, 2, 24, 28), torch.ones(4, 1, 24, 28))
    made = cutouts.pasted(images, still, seeds, reach=4.0)
    assert made.masks.amax((2, 3)).gt(0.9).all()
    cells = [F.avg_pool2d(x, 4) for x in (made.reference, made.made.target)]
    led = deformable.warp(cells[0], made.made.offsets, "edge")
    known = made.made.valid.expand_as(led) > 0
    assert (led - cells[1])[known].abs().mean() < 0.02
    assert (led - cells[1])[known].abs().mean() < 0.5 * (cells[0] - cells[1])[known].abs().mean()
    before, after = made.masks.unbind(1)
    uncovered = (before > 0.9) & (after < 0.02)
    assert uncovered.any()
    assert not made.made.valid[:, 0][uncovered].any()


def test_cutouts_depend_on_their_sample_alone_and_on_its_share() -> None:
    images, seeds = smooth(64, 64, batch=3), torch.arange(3)
    still = warps.Warped(images.clone(), torch.zeros(3, 2, 16, 16), torch.ones(3, 1, 16, 16))
    whole = cutouts.pasted(images, still, seeds, reach=4.0)
    part = warps.Warped(*(x[1:2] for x in still))
    alone = cutouts.pasted(images[1:2], part, seeds[1:2], reach=4.0)
    torch.testing.assert_close(whole.made.target[1:2], alone.made.target)
    torch.testing.assert_close(whole.masks[1:2], alone.masks)
    none = cutouts.pasted(images, still, seeds, reach=4.0, share=0.0)
    assert not none.masks.any()
    torch.testing.assert_close(none.reference, images)
    torch.testing.assert_close(none.made.valid, still.valid)


def test_the_teacher_finds_a_shift_and_knows_what_it_cannot_find() -> None:
    found = teacher.Teacher(shipped("colour-reconstruction"))
    wide = smooth(96, 128, seed=1)
    reference, target = wide[..., 12:108], wide[..., :96]  # 3 cells to the right
    matches = found(reference, target)
    inner = matches.offsets[0, :, 4:-4, 6:-4]
    assert (inner - torch.tensor((0.0, -3.0))[:, None, None]).norm(dim=0).median() < 0.5
    assert matches.certain[0, 0, 4:-4, 6:-4].mean() > 0.8
    noise = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    assert found(noise, target).certain.mean() < 0.5
    assert not any(p.requires_grad for p in found.parameters())
    assert not found.train().training


def test_sides_cost_nothing_on_the_right_one_and_show_the_way_from_the_wrong_one() -> None:
    mask = torch.zeros(1, 2, 16, 16)
    mask[:, :, 4:12, 4:12] = 1
    fake = teacher.Matches(
        torch.zeros(1, 2, 16, 16), torch.zeros(1, 256, dtype=torch.long),
        torch.ones(1, 1, 16, 16), torch.ones(1, 4, 256) / 2,
    )  # fmt: skip
    known = sides.regions(fake, mask, torch.tensor([1]))
    exact = sides.Regions(known.distance[:, :1], known.side[:, :1])
    still = torch.zeros(1, 2, 16, 16)
    assert sides.loss(exact, still)[0, 0, 6:10, 6:10].max() == 0
    assert sides.loss(exact, still)[0, 0, :3].max() == 0
    wrong = sides.Regions(exact.distance, -exact.side)
    deep = still.clone().requires_grad_()
    cost = sides.loss(wrong, deep)
    inside, margin = 1.5, 0.5
    assert cost[0, 0, 7, 5].item() == pytest.approx(inside + margin, abs=0.3)
    cost[0, 0, 7, 5].backward()
    assert deep.grad is not None
    assert deep.grad[0, 1, 7, 5] > 0  # less x is the way out


def test_a_training_with_a_teacher_learns_and_leaves_teacher_and_statistics_alone() -> None:
    module = unrolled()
    module.train()
    frames = (smooth(64, 72, batch=3, seed=2) * 255).byte()
    pairs = torch.stack((frames[..., 4:68], frames[..., :64]), 1)
    seeds = torch.arange(3) + 1
    before = {key: value.clone() for key, value in module.state_dict().items()}
    optimizer = torch.optim.Adam([p for p in module.parameters() if p.requires_grad], 2e-4)
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        figures = module(pairs, seeds, 0.5)
        figures["loss"].backward()
        optimizer.step()
        losses.append(figures["loss"].item())
    assert losses[-1] < 0.9 * losses[0]
    assert 0 <= figures["wrong"] <= 1
    after = module.state_dict()
    held = [key for key in after if "running" in key or key.startswith("teacher.")]
    assert held
    assert all(torch.equal(before[key], after[key]) for key in held)
    assert not any("teacher" in key for key in module.network.state_dict())
    figures = module.diagnose(pairs, seeds)
    assert np.isfinite(list(figures.values())).all()


def test_statistics_are_held_on_several_gpus_too() -> None:
    module = nn.SyncBatchNorm.convert_sync_batchnorm(unrolled(live=0.0)).train()
    module._hold_statistics()
    normalising = [each for each in module.modules() if isinstance(each, nn.SyncBatchNorm)]
    assert normalising
    assert not any(each.training for each in normalising)


@pytest.mark.parametrize("matching", ["conv-3", "dilation-3", "deformable"])
@torch.no_grad()
def test_many_pairs_are_diagnosed_as_each_alone(matching: str) -> None:
    options = method_options("rpmnet-iterated", {"matching": matching, **RELEASE})
    chosen = choose("rpmnet-iterated", {"recipe": "iterated"})
    module = rpmnet.trainee(options, chosen.training, seed=0).eval()
    frames = (smooth(64, 72, batch=3, seed=2) * 255).byte()
    pairs, seeds = torch.stack((frames[..., 4:68], frames[..., :64]), 1), torch.arange(3) + 1
    together = module.diagnose(pairs, seeds)
    alone = [module.diagnose(pairs[i : i + 1], seeds[i : i + 1]) for i in range(3)]
    for name in ("photometric", "offset", "forward_backward"):
        mean = sum(figures[name] for figures in alone) / 3
        assert together[name] == pytest.approx(mean, rel=1e-4), name


def test_a_batch_with_a_teacher_gives_the_same_gradients_in_parts() -> None:
    module = unrolled(live=0.0)
    frames = (smooth(48, 52, batch=4, seed=3) * 255).byte()
    pairs, seeds = torch.stack((frames[..., 4:], frames[..., :48]), 1), torch.arange(4) + 10
    gradients = []
    for parts in (1, 2):
        module.zero_grad()
        for some, own in zip(pairs.chunk(parts), seeds.chunk(parts), strict=True):
            (module(some, own, 0.5)["loss"] / parts).backward()
        gradients.append(module.network.encoder.stem[0].weight.grad.clone())
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-3, atol=1e-5)


def test_settings_with_a_teacher_are_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    for values, message in (
        ({"robust": 0.0}, "above 0, at most 1"),
        ({"sides": -1.0}, "0 or above"),
        ({"cutouts": 2.0}, "between 0 and 1"),
    ):
        with pytest.raises(UsageError, match=message):
            rpmnet.Training(**values)
    card = EncoderCard(builder="strided", backbone="compact", dim=64, stride=8)
    monkeypatch.setattr(teacher, "encoder_of", lambda _: FrameEncoder(card))
    with pytest.raises(UsageError, match="cells of 8 px"):
        teacher.Teacher(shipped("colour-reconstruction"))
    with pytest.raises(UsageError, match="no weights are shipped as 'nobody'"):
        rpmnet.Training(teacher="nobody").files()


def test_a_teacher_matches_with_all_digits_in_a_training_with_few() -> None:
    found = teacher.Teacher(shipped("colour-reconstruction"))
    found.encoder = torch.nn.AvgPool2d(4)  # alike in either: only the matching is compared
    wide = smooth(64, 76, seed=5)
    whole = found(wide[..., 12:], wide[..., :64])
    with torch.autocast("cpu", torch.bfloat16):
        few = found(wide[..., 12:], wide[..., :64])
    torch.testing.assert_close(few.offsets, whole.offsets, rtol=0, atol=0)
    assert few.best.equal(whole.best)


@pytest.mark.parametrize("name", ["colorization", "rpmnet-correlation"])
def test_any_encoder_of_these_cells_teaches(name: str) -> None:  # colorization's sees grey alone
    wide = smooth(64, 76, seed=5)
    found = teacher.Teacher(shipped(name))(wide[..., 12:], wide[..., :64])
    assert found.offsets.shape == (1, 2, 16, 16)
    assert found.offsets.isfinite().all()


def test_weights_that_are_not_as_their_card_says_do_not_teach(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    card = {"encoder": {"prefix": "", "backbone": "compact", "dim": 32}}
    weights.save(path, {"other": torch.zeros(1)}, method="rpmnet", options={}, card=card)
    with pytest.raises(DataError, match="are not as their card says"):
        teacher.Teacher(path)


@pytest.mark.parametrize("name", ["rpmnet-memory", "rpmnet-conv-5-memory"])
def test_the_network_of_a_memory_is_trained_as_the_iterated_one(name: str) -> None:
    assert choose(name, {}).training == choose("rpmnet-iterated", {}).training
    assert choose(name, {}).settings == choose("rpmnet-iterated", {}).settings


def test_statistics_are_not_kept_where_there_are_none() -> None:
    values = {"matching": "conv-3", "iterations": 3, "weights": "none"}
    trained = choose("rpmnet-conv-3-iterated", {"start": "colour-reconstruction"}).training
    with pytest.raises(UsageError, match="it starts with none: give start=rpmnet-conv-3"):
        rpmnet.trainee(method_options("rpmnet", values), trained, seed=0)
    wide = method_options("rpmnet", {**values, "backbone": "resnet18-quarter"})
    trained = choose("rpmnet-conv-3-iterated", {"start": "rpmnet-conv-3"}).training
    with pytest.raises(UsageError, match="give start=rpmnet-conv-3-resnet18-quarter, "):
        rpmnet.trainee(wide, trained, seed=0)
    other = choose("rpmnet-iterated", {"start": "rpmnet-conv-3@2026-11"})
    with pytest.raises(UsageError, match="it starts with none: give start=rpmnet-deformable"):
        rpmnet.trainee(other.options, other.training, seed=0)
    own = choose("rpmnet-conv-3-iterated", {"live": "0.3"}).training
    assert rpmnet.trainee(method_options("rpmnet", values), own, seed=0)


def test_the_trained_way_finds_a_moved_texture() -> None:
    method = build_method("rpmnet-iterated", {}, device="cpu", seed=0)
    wide = smooth(256, 280, seed=4)
    frames = [(wide[0, :, :, x : x + 256] * 255).byte().permute(1, 2, 0).numpy() for x in (12, 0)]
    shown = method.inspect(*frames, np.array([[32, 32]]))
    inner = shown.offsets[:, 12:-12, 12:-12]
    assert np.abs(np.median(inner[0])) < 0.3
    assert np.median(inner[1]) == pytest.approx(-3, abs=0.4)
