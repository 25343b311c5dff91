"""Label propagation against its slow twin, under every preset and every option."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from reference import label_propagation as slow

from methods.label_propagation.raw_lab import raw_lab
from vosbench import registry
from vosbench.errors import UsageError
from vosbench.resolve import method_options, open_dataset
from vosbench.toolbox.methods.label_propagation import attention
from vosbench.toolbox.methods.label_propagation import propagate as label_propagation
from vosbench.toolbox.methods.label_propagation.propagate import propagate
from vosbench.toolbox.methods.label_propagation.settings import Propagation

plugin = registry.load("methods", "label-propagation")
PRESETS = plugin.PRESETS
GRID, SIZE = (10, 13), (43, 50)  # 43 and 50 px are no multiple of the cells; tiles of 8 are cut


def features_of(kind: str, count: int, seed: int = 0) -> list[np.ndarray]:
    """Random features (c, h, w); `ties`: ±1 in 4 channels, exact in floating point."""
    rng = np.random.default_rng(seed)
    if kind == "ties":
        return [rng.choice([-1.0, 1.0], (4, *GRID)).astype(np.float32) for _ in range(count)]
    return [rng.normal(size=(16, *GRID)).astype(np.float32) for _ in range(count)]


def prompt_of(*objects: int) -> np.ndarray:
    mask = np.zeros(SIZE, np.uint8)
    for place, i in enumerate(objects):
        mask[5 + 9 * place : 17 + 9 * place, 3 + 11 * place : 19 + 11 * place] = i
    return mask


def run_both(
    monkeypatch: pytest.MonkeyPatch,
    features: list[np.ndarray],
    prompts: dict[int, np.ndarray],
    settings: Propagation,
) -> list[np.ndarray]:
    """Asserts that engine and twin agree, on labels to 1e-5; gives the engine's masks."""
    voted: list[np.ndarray] = []
    decode = label_propagation._decode

    def watched(labels, *rest):  # type: ignore[no-untyped-def]
        voted.append(labels.numpy().copy())
        return decode(labels, *rest)

    monkeypatch.setattr(label_propagation, "_decode", watched)
    left = iter(features)
    frames = (np.zeros((*SIZE, 3), np.uint8) for _ in features)
    masks = list(
        propagate(lambda _: torch.from_numpy(next(left)), frames, prompts, settings, stride=4)
    )
    labels, expected = slow.propagate(features, prompts, SIZE, settings, stride=4)
    for t, (fast, twin) in enumerate(zip(voted, labels[1:], strict=True), start=1):
        assert np.abs(fast - twin).max() < 1e-5, f"frame {t}"
    for fast, twin in zip(masks, expected, strict=True):
        # pixels whose votes differ by less than float32 can tell may differ
        assert (fast != twin).mean() < 0.01
    return masks


@pytest.mark.parametrize("kind", ["ties", "random"])
@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_equals_its_slow_twin(
    name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = dataclasses.replace(PRESETS[name].settings, radius=4, last=3)
    prompts = {0: prompt_of(1, 2) if kind == "random" else prompt_of(3)}
    count = 8 if settings.references else 5  # mast asks for frame 5
    masks = run_both(monkeypatch, features_of(kind, count), prompts, settings)
    assert any(mask.any() for mask in masks[1:])


@pytest.mark.parametrize(
    "changed",
    [
        {"radius": 1, "window": "square", "topk": 20},  # a window holds 4 to 9 cells
        {"radius": 0.5},
        {"radius": 3, "window": "open-disk", "window_first": False},
        {"radius": 30},
        {"topk": 0, "window": "none"},
        {"topk": 1},
        {"topk": 7, "softmax": "all"},
        {"topk": 7, "softmax": "all", "ties": "keep"},
        {"start": "repeat", "last": 4},
        {"start": "overlap", "last": 4},
        {"start": "repeat", "first": False, "last": 2},
        {"references": "0,2,-1,-3"},
        {"references": "-1", "first": False},
        {"down": "area", "up": "nearest"},
        {"down": "nearest", "up_to": "cells"},
        {"affinity": "per-frame", "topk": 3},
        {"labels": "hard", "minmax": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["ties", "random"])
def test_each_option_equals_its_slow_twin(
    kind: str, changed: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Propagation(**{"radius": 3, "last": 2, "topk": 6} | changed)  # type: ignore[arg-type]
    prompts = {0: prompt_of(1), 2: prompt_of(0, 0, 5)}
    run_both(monkeypatch, features_of(kind, 5, seed=1), prompts, settings)


def test_ties_are_resolved_as_the_settings_say() -> None:
    query = torch.ones(1, 1, 1)
    labels = torch.eye(12).view(1, 12, 12)
    features = torch.ones(1, 12, 1)
    one = [attention.Reference(features, labels, False)]
    query = query.expand(1, 12, 1)
    cut = attention.attend(query, one, Propagation(window="none", topk=4, ties="cut"))
    kept = attention.attend(query, one, Propagation(window="none", topk=4, ties="keep"))
    assert torch.allclose(cut[0, 0], torch.tensor([0.25] * 4 + [0.0] * 8))
    assert torch.allclose(kept[0, 0], torch.full((12,), 1 / 12))


@pytest.mark.parametrize("i", [0, 3])
def test_what_holds_the_whole_frame_keeps_it_when_votes_are_stretched(i: int) -> None:
    features = [torch.from_numpy(each) for each in features_of("ties", 3)]
    prompt = np.full(SIZE, i, np.uint8)
    masks = propagate(
        lambda _: features.pop(),
        [np.zeros((*SIZE, 3), np.uint8)] * 3,
        {0: prompt},
        Propagation(minmax=True, topk=1),
    )
    assert all((mask == i).all() for mask in masks)


def test_each_frame_is_embedded_once_and_only_the_context_is_kept() -> None:
    import weakref

    alive: list[weakref.ref[torch.Tensor]] = []
    still = torch.rand(8, *GRID, generator=torch.Generator().manual_seed(0))

    def encode(frame: np.ndarray) -> torch.Tensor:
        return still.clone()

    cells = label_propagation._cells

    def watched(*given):  # type: ignore[no-untyped-def]
        alive.append(weakref.ref(kept := cells(*given)))
        return kept

    frames = (np.zeros((*SIZE, 3), np.uint8) for _ in range(20))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_propagation, "_cells", watched)
        settings = Propagation(last=3, radius=2)
        for t, mask in enumerate(propagate(encode, frames, {2: prompt_of(1)}, settings)):
            assert mask.any() or t < 2
            assert len(alive) == max(0, t - 1)  # once a frame, none before the first prompt
            assert sum(ref() is not None for ref in alive) <= 5  # the context and the present one


def test_references_count_from_the_first_prompt() -> None:
    memory = label_propagation._Memory(Propagation(references="0,5,-1,-3,-5"))
    looked_at = []
    for t in range(30):
        shot = label_propagation.Shot(torch.full((1,), float(t)), torch.zeros(1))
        if t:
            looked_at.append([int(each.features) for each, _ in memory.context()])
        memory.add(shot, prompted=t == 0)
    assert looked_at[0] == [0]
    assert looked_at[5] == [0, 1, 3, 5]
    assert looked_at[19] == [0, 5, 15, 17, 19]
    assert len(memory.shots) <= 7


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"topk": -1}, r"topk=-1 must be 0 \(all\) or more"),
        ({"radius": 0}, "radius=0 must be above 0"),
        ({"temperature": 0}, "temperature=0 must be at least 1e-6"),
        ({"first": False, "last": 0}, "leave no frame to propagate from"),
        ({"references": "a"}, "separated by commas, such as 0,5"),
        ({"references": "0,-2", "first": False}, r"must hold -1 \(the frame before\)"),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Propagation(**settings)  # type: ignore[arg-type]


def test_lifted_patches_are_ordered_by_squared_distance() -> None:
    rgb = torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(0)) * 0.3 + 0.35
    lifted = raw_lab(rgb)[0].flatten(1)
    assert lifted.shape == (76, 24)
    assert torch.allclose(lifted.norm(dim=0), torch.ones(24), atol=1e-5)
    patches = lifted[:75] * 60**0.5
    distance = (patches[:, :, None] - patches[:, None]).square().sum(0)
    rest = 60 * (lifted[75, :, None] - lifted[75, None]).square()
    assert torch.allclose(distance + rest, 120 * (1 - lifted.T @ lifted), atol=2e-3)
    assert rest.mean() < 0.02 * distance.mean()


def test_a_preset_stands_with_all_its_values_and_one_changed() -> None:
    options = method_options("label-propagation", {"preset": "dino", "topk": "7"})
    assert (options.topk, options.radius, options.ties, options.size) == (7, 12, "keep", "480")
    assert options.settings() == dataclasses.replace(PRESETS["dino"].settings, topk=7)
    assert None not in [getattr(options, f.name) for f in dataclasses.fields(Propagation)]
    assert method_options("label-propagation", {}).temperature == 0.01
    learned = {"backbone": "random"}
    assert method_options("label-propagation", learned).temperature == 0.05


# last or references, first, start, topk, ties, window, radius, window_first, temperature, labels,
# down, up, up_to, minmax; then size, stride: REFERENCE, section 5, and the sources of presets.py
AS_READ = {
    "light": (7, True, "distinct", 10, "cut", "disk", 12, True, 0.05, "soft",
              "bilinear", "bilinear", "frame", False, "256", 4),
    "crw": (20, True, "repeat", 10, "cut", "open-disk", 12, False, 0.05, "soft",
            "bilinear", "bilinear", "frame", False, "native", 8),
    "dul": (20, True, "repeat", 10, "cut", "open-disk", 12, False, 0.05, "soft",
            "bilinear-corners", "bilinear-corners", "frame", False, "native", 8),
    "vfs": (20, True, "overlap", 10, "cut", "open-disk", 12, True, 0.07, "soft",
            "nearest-exact", "bilinear", "frame", True, "480", 8),
    "dino": (7, True, "distinct", 5, "keep", "square", 12, True, 0.1, "soft",
             "nearest-exact", "bilinear", "cells", True, "480", 0),
    "dinov3": (7, True, "distinct", 5, "cut", "disk", 12, True, 0.2, "soft",
               "nearest-exact", "nearest", "frame", True, "960", 0),
    "siammae": (20, True, "repeat", 7, "cut", "open-disk", 20, False, 0.7, "soft",
                "bilinear", "bilinear", "frame", False, "480x880", 0),
    "uvc": (7, True, "distinct", 5, "keep", "none", 12, True, 1, "soft",
            "nearest-exact", "bilinear", "cells", True, "480", 8),
    "mast": ("0,5,-1,-3,-5", True, "distinct", 0, "cut", "square", 12, True, 1, "hard",
             "stride", "bilinear", "frame", False, "native", 4),
    "corrflow": (1, False, "distinct", 0, "cut", "square", 6, True, 1, "hard",
                 "stride", "bilinear", "frame", False, "native", 4),
}  # fmt: skip


def test_presets_are_as_they_were_read() -> None:
    found = {}
    for name, preset in PRESETS.items():
        s = preset.settings
        found[name] = (
            s.references or s.last, s.first, s.start, s.topk, s.ties, s.window, s.radius,
            s.window_first, s.temperature, s.labels, s.down, s.up, s.up_to, s.minmax,
            preset.size, preset.stride,
        )  # fmt: skip
    assert found == AS_READ
    per_frame = {name for name, p in PRESETS.items() if p.settings.affinity == "per-frame"}
    dots = {name for name, p in PRESETS.items() if p.settings.similarity == "dot"}
    over_all = {name for name, p in PRESETS.items() if p.settings.softmax == "all"}
    rounded = {name: p.rounding for name, p in PRESETS.items() if p.rounding != "nearest"}
    assert (per_frame, dots, over_all) == ({"uvc"}, {"uvc", "mast", "corrflow"}, {"uvc"})
    assert rounded == {"dino": "down", "dinov3": "up", "uvc": "down"}
    assert {name for name, p in PRESETS.items() if p.multiple == 64} == {"dino", "uvc"}


def test_no_window_may_be_asked_for_under_any_preset() -> None:
    for preset in PRESETS:
        options = method_options("label-propagation", {"preset": preset, "window": "none"})
        assert options.window == "none", preset


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_being_written_down(name: str) -> None:
    from vosbench.files import jsonable

    assert PRESETS[name].source
    options = method_options("label-propagation", {"preset": name})
    assert method_options("label-propagation", jsonable(options)) == options


def build(**options: object):  # type: ignore[no-untyped-def]
    return plugin.build(plugin.Options(**options), device="cpu", seed=0)


def overlap(prediction: np.ndarray, truth: np.ndarray, i: int) -> float:
    p, t = prediction == i, truth == i
    return float((p & t).sum() / max(1, (p | t).sum()))


def test_an_object_that_comes_late_is_followed_though_earlier_frames_show_it() -> None:
    sequence = open_dataset("synthetic").sequence("late-object")
    late = max(sequence.prompts)
    start, end = late - 6, late + 6
    frames = [sequence.frames[t] for t in range(start, end)]
    prompts = {0: np.minimum(sequence.truth[start], 1), 6: sequence.prompts[late]}
    assert set(np.unique(prompts[6])) == {0, 2}
    masks = list(build(size="100").segment(frames, prompts))
    assert not any((mask == 2).any() for mask in masks[:6])
    for i in (1, 2):
        assert overlap(masks[-1], sequence.truth[end - 1], i) > 0.8


def test_real_video_is_followed_as_measured() -> None:
    """Raw patches at 160 px on the first 12 frames of car-shadow (measured here)."""
    root = Path(os.environ.get("VOSBENCH_DATA", "")) / "DAVIS-2016"
    if not (root / "JPEGImages/480p/car-shadow").is_dir():
        pytest.skip("VOSBENCH_DATA/DAVIS-2016 with car-shadow is not there")
    from PIL import Image

    paths = sorted((root / "JPEGImages/480p/car-shadow").glob("*.jpg"))[:12]
    frames = [np.array(Image.open(path)) for path in paths]
    read: Callable[[Path], np.ndarray] = lambda p: np.array(  # noqa: E731
        Image.open(root / "Annotations/480p/car-shadow" / f"{p.stem}.png").convert("L")
    )
    truth = [(read(path) > 0).astype(np.uint8) for path in paths]
    masks = build(size="160").segment(frames, {0: truth[0]})
    scores = [overlap(m, t, 1) for m, t in zip(masks, truth, strict=True)][1:]
    assert np.mean(scores) > 0.8


def test_a_run_is_labelled_by_what_was_chosen_and_keeps_every_value() -> None:
    from vosbench.running.config import RunConfig
    from vosbench.running.manifest import describe
    from vosbench.running.resolved import resolve

    def described(**options: str):  # type: ignore[no-untyped-def]
        config = RunConfig(method="label-propagation", dataset="synthetic", options=options)
        return describe(resolve(config))

    assert described()["label"] == "label-propagation"
    chosen = described(preset="dino", topk="7", radius="12")
    assert chosen["label"] == "label-propagation preset=dino topk=7"
    assert chosen["identity"]["options"]["temperature"] == 0.1
