"""video-sam on tiny random networks of each family: the library itself runs, nothing is fetched."""

from __future__ import annotations

import importlib
import json
import shutil
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures_layouts import real, truncate

import vosbench
from vosbench import registry
from vosbench.errors import DataError, MissingExtraError, UsageError
from vosbench.files import jsonable
from vosbench.masks import ids
from vosbench.resolve import method_options
from vosbench.types import Box, HasRemarks, Layers, Points, TakesLayers, TakesMarks

pytest.importorskip("transformers", reason="transformers is not installed (extra sam)")

plugin = registry.load("methods", "video-sam")
FAMILIES = ("sam2", "sam3-tracker", "edgetam")
H, W = 45, 61  # no multiple of anything


def part(name: str) -> Any:
    return importlib.import_module(f"{plugin.__name__}.{name}")


def video(length: int, *, seed: int = 0) -> list[np.ndarray]:
    """A bright and a dark square that move over a still ground."""
    ground = np.random.default_rng(seed).integers(60, 200, (H, W, 3)).astype(np.uint8)
    frames = []
    for t in range(length):
        frame = ground.copy()
        for number, grey in ((1, 255), (2, 0)):
            frame[square(number, t)] = grey
        frames.append(frame)
    return frames


def square(number: int, t: int) -> tuple[slice, slice]:
    top, left = (3, 4 + t % 20) if number == 1 else (25, 30 - t % 20)
    return slice(top, top + 14), slice(left, left + 16)


def mask_of(number: int, t: int = 0, *, value: int | None = None) -> np.ndarray:
    mask = np.zeros((H, W), np.uint8)
    mask[square(number, t)] = number if value is None else value
    return mask


def both(t: int = 0) -> np.ndarray:
    return mask_of(1, t) + mask_of(2, t)


def built(model: str = "sam2", *, seed: int = 0, **options: Any) -> Any:
    options = {"weights": "random"} | options
    return plugin.build(plugin.Options(model=model, **options), device="cpu", seed=seed)


def masks_of(method: Any, frames: Iterable[np.ndarray], prompts: Mapping[int, Any]) -> list[Any]:
    return list(method.segment(iter(frames), prompts))


def tracker(method: Any, prompts: Mapping[int, Any], *, pruned: bool = True) -> Any:
    reach = method.reach if pruned else None
    return part("tracking").Tracker(method.network, prompts, reach=reach)


def logits_of(
    method: Any, frames: Iterable[np.ndarray], prompts: Mapping[int, Any], *, pruned: bool = True
) -> Iterator[dict[int, np.ndarray]]:
    session = tracker(method, prompts, pruned=pruned)
    for index, frame in enumerate(frames):
        found = session.step(index, frame)
        yield {number: logits.numpy() for number, logits in found.items()}


# what comes out


@pytest.mark.parametrize("model", FAMILIES)
def test_two_objects_and_a_late_one_are_tracked(model: str) -> None:
    prompts = {1: both(), 4: mask_of(1, 4, value=9)}
    masks = masks_of(built(model), video(8), prompts)
    assert [mask.shape for mask in masks] == [(H, W)] * 8
    assert {mask.dtype for mask in masks} == {np.dtype(np.uint8)}
    assert not masks[0].any()
    assert set(ids(masks[1])) == {1, 2}
    assert 9 in ids(masks[4])
    for mask in masks[2:]:
        assert mask.any()
        assert set(ids(mask)) <= {1, 2, 9}


@pytest.mark.parametrize("model", FAMILIES)
def test_on_the_frame_of_a_mask_it_comes_back_at_a_quarter_of_the_resolution(model: str) -> None:
    (mask,) = masks_of(built(model), video(1), {0: both()})
    for number in (1, 2):
        shared = (mask == number) & (both() == number)
        assert shared.sum() / ((mask == number) | (both() == number)).sum() > 0.7


@pytest.mark.parametrize("model", FAMILIES)
@pytest.mark.parametrize("shape", [(1, 1), (7, 200), (131, 64), (64, 64)])
def test_frames_of_any_size(model: str, shape: tuple[int, int]) -> None:
    frames = [
        np.random.default_rng(t).integers(0, 256, (*shape, 3)).astype(np.uint8) for t in (0, 1)
    ]
    masks = masks_of(built(model), frames, {0: np.ones(shape, np.uint8)})
    assert [mask.shape for mask in masks] == [shape, shape]
    assert (masks[0] == 1).all()


def test_an_object_is_tracked_as_if_it_were_alone() -> None:
    for model in FAMILIES:
        method, frames = built(model), video(10)
        late = {0: both(), 3: mask_of(1, 3, value=7)}
        together = list(logits_of(method, frames, late))
        alone = list(logits_of(method, frames, {0: mask_of(1)}))
        for t, (many, one) in enumerate(zip(together, alone, strict=True)):
            # memories of one session are made in one batch, which rounds otherwise, and kept as
            # bfloat16; in one session with the late object they differ by 4e-2
            np.testing.assert_allclose(many[1], one[1], rtol=0, atol=1e-3, err_msg=f"{model} {t}")
        late_alone = list(logits_of(method, frames[3:], {0: mask_of(1, 3, value=7)}))
        for t in range(7):
            np.testing.assert_array_equal(together[3 + t][7], late_alone[t][7])


def test_ids_with_gaps_above_255_and_0() -> None:
    method, frames = built(), video(3)
    wide = {0: (both() == 1) * np.uint16(3) + (both() == 2) * np.uint16(700)}
    assert isinstance(method, TakesLayers)
    masks = list(method.segment_layers(iter(frames), wide))
    assert {mask.dtype for mask in masks} == {np.dtype(np.uint16)}
    assert set(ids(masks[0])) == {3, 700}
    plain = masks_of(method, frames, {0: both()})
    for mask, usual in zip(masks, plain, strict=True):
        np.testing.assert_array_equal(mask == 700, usual == 2)
    zero = Layers((0, 5), np.stack([both() == 1, both() == 2]))
    for layers, usual in zip(method.segment_layers(iter(frames), {0: zero}), plain, strict=True):
        assert layers.ids == (0, 5)
        assert not (usual == 1)[~layers.stack[0]].any()


def test_objects_overlap_where_the_prompts_are_layers_or_it_is_asked_for() -> None:
    pair = np.stack([np.ones((H, W), bool), both() == 1])
    prompts, frames = {0: Layers((1, 2), pair)}, video(4)
    kept = list(built().segment_layers(iter(frames), prompts))
    assert all(isinstance(masks, Layers) and masks.ids == (1, 2) for masks in kept)
    assert (kept[0].stack.sum(axis=0) > 1).any()
    flat = list(built(overlap="largest-logit").segment_layers(iter(frames), prompts))
    logits = list(logits_of(built(), frames, prompts))
    for mask, masks, each in zip(flat, kept, logits, strict=True):
        assert isinstance(mask, np.ndarray)
        np.testing.assert_array_equal(mask > 0, masks.stack.any(axis=0))
        ahead = part("answers").layers({0: _tensor(each[2] - each[1])}, (H, W)).stack[0]
        assert ((mask == 2) != (ahead & (mask > 0))).mean() < 0.001  # but for rounding
    asked = masks_of(built(overlap="keep"), frames, {0: both()})
    assert all(isinstance(masks, Layers) for masks in asked)


def _tensor(array: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(array)


def test_the_largest_logit_wins_and_of_equals_the_first() -> None:
    import torch

    logits = {
        4: torch.tensor([[1.0, -1, 2], [0, 5, 5]]),
        2: torch.tensor([[3.0, -2, 1], [0, 5, 6]]),
    }
    mask = part("answers").label_map(logits, (2, 3))
    assert mask.tolist() == [[2, 0, 4], [0, 4, 2]]
    layers = part("answers").layers(logits, (2, 3))
    assert layers.ids == (2, 4)
    assert layers.stack[1].tolist() == [[True, False, True], [False, True, True]]


def test_a_prompt_without_pixels_is_none_and_starts_nothing() -> None:
    empty = Layers((3, 8), np.stack([both() == 1, np.zeros((H, W), bool)]))
    later = Layers((3, 8), np.stack([np.zeros((H, W), bool), mask_of(2, 2) > 0]))
    masks = list(built().segment_layers(iter(video(4)), {0: empty, 2: later}))
    assert [each.ids for each in masks] == [(3,), (3,), (3, 8), (3, 8)]
    nothing = {0: Layers((3,), np.zeros((1, H, W), bool))}
    assert not any(masks.stack.any() for masks in built().segment_layers(iter(video(2)), nothing))


# boxes and points


@pytest.mark.parametrize("model", FAMILIES)
def test_boxes_and_points_begin_objects_too(model: str) -> None:
    method = built(model)
    assert isinstance(method, TakesMarks)
    assert tuple(method.marks) == ("box", "points")
    box = Box(4, 3, 19, 16)
    click = Points(np.array([[38, 30], [2, 2]], np.float32), np.array([True, False]))
    masks = list(method.segment_marks(iter(video(6)), {0: {5: box}, 2: {8: click}}))
    assert all(mask.shape == (H, W) and set(ids(mask)) <= {5, 8} for mask in masks)
    assert masks[0].any()
    assert all(set(ids(mask)) <= {5} for mask in masks[:2])
    kept = list(built(model, overlap="keep").segment_marks(iter(video(3)), {0: {0: box}}))
    assert [each.ids for each in kept] == [(0,)] * 3
    np.testing.assert_array_equal(kept[0].stack[0], masks[0] == 5)
    other = method.segment_marks(iter(video(6)), {0: {5: Box(30, 20, 60, 44)}})
    assert any((a != b).any() for a, b in zip(masks, other, strict=True))


# the library's own processor as an oracle


@pytest.mark.parametrize("kind", ["mask", "box", "points"])
@pytest.mark.parametrize("model", FAMILIES)
def test_the_librarys_own_processor_and_session_give_the_same(model: str, kind: str) -> None:
    import torch
    import transformers

    method, frames = built(model), video(20)  # it treats fewer than 16 frames otherwise
    size = {"height": method.network.view.size, "width": method.network.view.size}
    colours = {
        "image_mean": list(method.network.view.mean.flatten() / 255),
        "image_std": list(method.network.view.deviation.flatten() / 255),
    }
    name, images = (
        ("Sam3TrackerVideo", "Sam3") if model == "sam3-tracker" else ("Sam2Video", "Sam2")
    )
    processor = getattr(transformers, f"{name}Processor")(
        getattr(transformers, f"{images}ImageProcessor")(size=size, **colours),
        transformers.Sam2VideoVideoProcessor(size=size, **colours),
    )
    session = processor.init_video_session(video=frames)
    given: dict[str, Any] = {
        "mask": {"input_masks": [both() == 1, both() == 2]},
        "box": {"input_boxes": [[[4, 3, 19, 16], [30, 25, 45, 38]]]},
        "points": {
            "input_points": [[[[10, 8], [50, 5]], [[36, 30], [5, 40]]]],
            "input_labels": [[[1, 0], [1, 0]]],
        },
    }
    processor.add_inputs_to_inference_session(session, 0, [1, 2], **given[kind])
    ours: dict[str, Mapping[int, Any]] = {
        "mask": both(),
        "box": {1: Box(4, 3, 19, 16), 2: Box(30, 25, 45, 38)},
        "points": {
            1: Points(np.array([[10, 8], [50, 5]], np.float32), np.array([True, False])),
            2: Points(np.array([[36, 30], [5, 40]], np.float32), np.array([True, False])),
        },
    }  # type: ignore[dict-item]
    theirs = method.network.model.propagate_in_video_iterator(session, start_frame_idx=0)
    found = logits_of(method, frames, {0: ours[kind]})
    for t, (seen, logits) in enumerate(zip(theirs, found, strict=True)):
        whole = processor.post_process_masks([seen.pred_masks], [[H, W]], binarize=False)[0]
        for place, number in enumerate((1, 2)):
            np.testing.assert_allclose(
                logits[number], seen.pred_masks[place, 0], rtol=0, atol=1e-4, err_msg=f"frame {t}"
            )
            layer = part("answers").layers({number: torch.from_numpy(logits[number])}, (H, W))
            assert (layer.stack[0] == (whole[place, 0] > 0).numpy()).mean() > 0.999


# memory


@pytest.mark.parametrize("model", FAMILIES)
def test_what_is_forgotten_changes_nothing(model: str) -> None:
    method, frames = built(model), video(41)
    prompts: dict[int, Any] = {0: both(), 13: mask_of(1, 13, value=9)}
    for t in (3, 6, 9, 12, 15, 30):  # more prompts of one object than SAM 3 looks at
        prompts[t] = prompts.get(t, 0) + mask_of(2, t)
    pruned = list(logits_of(method, frames, prompts))
    whole = list(logits_of(method, frames, prompts, pruned=False))
    for t, (some, every) in enumerate(zip(pruned, whole, strict=True)):
        assert list(some) == list(every)
        for number in some:
            np.testing.assert_array_equal(some[number], every[number], f"frame {t}, {number}")
    blind = list(logits_of(built(model, memory=0), frames[:18], prompts))
    apart = [np.abs(blind[t][1] - whole[t][1]).max() for t in range(16, 18)]
    assert min(apart) > 1e-4, "memory does not matter to this network: the test shows nothing"


@pytest.mark.parametrize("model", FAMILIES)
def test_what_is_kept_does_not_grow_with_the_video(model: str) -> None:
    method, prompts = built(model), {0: both(), 5: mask_of(1, 5, value=9)}
    session, sizes, entries = tracker(method, prompts), [], []
    for t, frame in enumerate(video(32)):
        session.step(t, frame)
        held = [_held(each) for _, each in session.running]
        sizes.append(sum(sum(storages.values()) for storages in held))
        entries.append(
            sum(
                len(outputs["non_cond_frame_outputs"])
                for _, each in session.running
                for outputs in each.output_dict_per_obj.values()
            )
        )
    assert set(entries[25:]) == {3 * 15}
    assert len(set(sizes[25:])) == 1
    assert sizes[-1] < 1.5 * 2**20
    free = tracker(method, prompts, pruned=False)
    for t, frame in enumerate(video(20)):
        free.step(t, frame)
    assert sum(sum(_held(each).values()) for _, each in free.running) > 4 * sizes[-1]


def _held(session: Any) -> dict[int, int]:
    """The memory that a session's tensors take: storage -> bytes."""
    found: dict[int, int] = {}
    todo: list[Any] = [vars(session)]
    while todo:
        each = todo.pop()
        if isinstance(each, Mapping):
            todo += each.values()
        elif isinstance(each, list | tuple):
            todo += each
        elif hasattr(each, "untyped_storage"):
            found[each.untyped_storage().data_ptr()] = each.untyped_storage().nbytes()
        elif hasattr(each, "_vision_features"):
            todo.append(each._vision_features)
    return found


def test_many_prompts_of_one_object_need_no_frames_between_them() -> None:
    method, prompts = built("sam3-tracker", memory=0), {t: both(t) for t in range(7)}
    masks = masks_of(method, video(10), prompts)
    assert all(mask.any() for mask in masks)


def test_a_frame_is_embedded_once_for_all_objects() -> None:
    method, prompts = built(), {0: both(), 2: mask_of(1, 2, value=9)}
    seen: list[int] = []
    encoder = method.network.model.vision_encoder
    hook = encoder.register_forward_hook(lambda *_: seen.append(1))
    masks_of(method, video(5), prompts)
    hook.remove()
    assert len(seen) == 5


def test_a_memory_that_the_network_does_not_have_is_refused() -> None:
    assert built(memory=15).reach == built().reach
    assert built(memory=3).reach == (3, 3, None, 6)
    with pytest.raises(
        UsageError, match="memory=16 frames, but this network looks back at most 15"
    ):
        built(memory=16)
    with pytest.raises(UsageError, match="memory=-1 must be 0 or more"):
        plugin.Options(memory=-1)


# the same again


@pytest.mark.parametrize("model", FAMILIES)
def test_the_seed_draws_the_weights(model: str) -> None:
    frames, prompts = video(4), {0: both()}
    first, again, other = (
        np.stack(masks_of(built(model, seed=seed), frames, prompts)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("model", FAMILIES)
def test_shorter_types_give_nearly_the_same(model: str, dtype: str) -> None:
    frames, prompts = video(6), {0: both(), 2: mask_of(1, 2, value=9)}
    usual = np.stack(masks_of(built(model), frames, prompts))
    short = np.stack(masks_of(built(model, dtype=dtype), frames, prompts))
    logits, shorter = (
        next(logits_of(each, frames, {0: {1: Box(4, 3, 19, 16)}}))[1]
        for each in (built(model), built(model, dtype=dtype))
    )
    assert (logits != shorter).any()
    assert (usual == short).mean() > 0.9


@pytest.mark.parametrize(("model", "size"), [("sam2", 96), ("sam3-tracker", 84), ("edgetam", 96)])
def test_another_size(model: str, size: int) -> None:
    method = built(model, size=size)
    assert method.network.view.size == size
    (logits,) = logits_of(method, video(1), {0: both()})
    cell = 3.5 if model == "sam3-tracker" else 4
    assert logits[1].shape == (size / cell, size / cell)
    masks_of(method, video(3), {0: both()})


def test_a_size_that_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match=r"size=100 must be a multiple of 32 px .* 96 or 128"):
        built(size=100)
    with pytest.raises(UsageError, match=r"size=57 must be a multiple of 14 px"):
        built("sam3-tracker", size=57)
    with pytest.raises(UsageError, match="size=8 must be 16 to 4096"):
        plugin.Options(size=8)


# weights from a folder


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """A tiny network of a family in a folder, as `hf download` would make it."""

    def save(model: str, folder: str = "weights", **how: Any) -> Path:
        built(model).network.model.save_pretrained(tmp_path / folder, **how)
        return tmp_path / folder

    return save


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any connection is an error."""

    def refuse(*_: object) -> None:
        raise AssertionError("it tried to connect")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("model", FAMILIES)
def test_a_saved_network_gives_the_same_masks_offline(
    model: str, saved: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    folder = saved(model)
    capfd.readouterr()
    method = built(model, weights=folder, seed=99)
    assert capfd.readouterr() == ("", "")
    assert isinstance(method, HasRemarks)
    assert not any("random" in said for said in method.remarks)
    frames, prompts = video(5), {0: both(), 2: mask_of(1, 2, value=9)}
    for ours, again in zip(
        masks_of(built(model), frames, prompts), masks_of(method, frames, prompts), strict=True
    ):
        np.testing.assert_array_equal(ours, again)


def test_shards_and_the_folders_own_colours_are_read(saved: Callable[..., Path]) -> None:
    folder = saved("sam2", max_shard_size="1MB")
    assert len(list(folder.glob("*.safetensors"))) > 1
    (folder / "preprocessor_config.json").write_text(
        '{"image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.5, 0.25], "resample": 3}'
    )
    options = plugin.Options(weights=folder)
    named = plugin.files(options)
    assert named["weights"].name == "model.safetensors.index.json"
    assert {"config", "preprocessor_config", "weights-2", "weights-3"} <= set(named)
    view = built(weights=folder).network.view
    assert view.resample == "bicubic"
    white = view.frame(np.full((9, 9, 3), 255, np.uint8))
    np.testing.assert_allclose(white[0, :, 0, 0], [0.9 / 0.5, 0.8 / 0.5, 0.7 / 0.25], rtol=1e-5)


def test_the_tracker_of_a_whole_sam3_is_taken(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    network = built("sam3-tracker").network.model
    network.save_pretrained(tmp_path / "tracker")
    config = json.loads((tmp_path / "tracker/config.json").read_text())
    whole = {"model_type": "sam3_video", "detector_config": {}, "tracker_config": config}
    state = {}
    for name, weight in network.state_dict().items():
        rest = name.partition(".")[2]
        if name.startswith("vision_encoder.backbone."):
            name = f"detector_model.{name}"
        elif name.startswith("vision_encoder.neck."):
            name = f"tracker_neck.{rest.partition('.')[2]}"
        else:
            name = f"tracker_model.{name}"
        state[name] = weight.contiguous()
    state["detector_model.text_encoder.weight"] = state["tracker_model.no_object_pointer"].clone()
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole/config.json").write_text(json.dumps(whole))
    save_file(state, tmp_path / "whole/model.safetensors", metadata={"format": "pt"})
    frames, prompts = video(4), {0: both()}
    method = built("sam3-tracker", weights=tmp_path / "whole")
    for ours, again in zip(
        masks_of(built("sam3-tracker"), frames, prompts),
        masks_of(method, frames, prompts),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, again)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("sam2.1_hiera_tiny.pt", r"is a checkpoint of the authors' own code: .*--method command"),
        ("w/model.safetensors", r"is a file: .*; give its folder, --set weights=/.*/w$"),
        ("notes.txt", r"is a file: .*; get one with `hf download facebook/.* sam-weights`$"),
        ("facebook/sam2.1-hiera-small", r"is missing: .*weights=hub:facebook/sam2\.1-hiera-small$"),
        ("mine", r"is missing: .*--local-dir mine`, .*weights=hub:facebook/sam2\.1-hiera-tiny$"),
    ],
)
def test_what_is_no_folder_of_weights_says_what_to_give(
    typed: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "w").mkdir()
    for name in ("sam2.1_hiera_tiny.pt", "w/config.json", "w/model.safetensors", "notes.txt"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(DataError, match=said):
        plugin.files(plugin.Options(weights=tmp_path / typed))


@pytest.mark.parametrize("lacking", ["torch", "transformers"])
def test_all_that_lacks_is_one_extra(lacking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(f"{plugin.__name__}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(plugin, "weights", raising=False)  # `from . import` asks it first
    monkeypatch.setitem(sys.modules, lacking, None)
    said = f"method 'video-sam' needs {lacking}, .*: pip install \"vosbench\\[sam\\]\"$"
    with pytest.raises(MissingExtraError, match=said):
        plugin.build(plugin.Options(weights="random"), device="cpu", seed=0)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (
        shutil.rmtree,
        r"weights .*weights is missing: expected a folder with config.json",
    ),
    "no config": (
        lambda folder: (folder / "config.json").unlink(),
        r"has no config\.json: expected a folder as `hf download`",
    ),
    "config is no JSON": (
        lambda folder: (folder / "config.json").write_text("model"),
        r"config\.json is no JSON object with a model_type",
    ),
    "config is a list": (
        lambda folder: (folder / "config.json").write_text("[]"),
        r"config\.json is no JSON object with a model_type",
    ),
    "another network": (
        lambda folder: (folder / "config.json").write_text('{"model_type": "bert"}'),
        r"type 'bert', but model=sam2 is 'sam2_video'; get one with `hf download facebook/sam2",
    ),
    "another family": (
        lambda folder: (folder / "config.json").write_text('{"model_type": "edgetam_video"}'),
        r"'edgetam_video', but model=sam2 .*; use --set model=edgetam",
    ),
    "a pickle": (
        lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
        r"holds pytorch_model\.bin, a pickle, which can run code and is never loaded",
    ),
    "nothing": (
        lambda folder: (folder / "model.safetensors").unlink(),
        r"holds no model\.safetensors; get one with",
    ),
    "cut off": (
        lambda folder: truncate(folder / "model.safetensors"),
        r"model\.safetensors are not a safetensors file \(.*\): damaged",
    ),
    "damaged index": (
        lambda folder: (
            (folder / "model.safetensors").unlink(),
            (folder / "model.safetensors.index.json").write_text("{}"),
        ),
        r"model\.safetensors\.index\.json is damaged: it lists no files",
    ),
    "a missing shard": (
        lambda folder: (
            (folder / "model.safetensors").unlink(),
            (folder / "model.safetensors.index.json").write_text(
                '{"weight_map": {"a": "model-00001-of-00002.safetensors"}}'
            ),
        ),
        r"model-00001-of-00002\.safetensors are missing",
    ),
    "a tensor less": (
        lambda folder: _without(folder, "memory_encoder.projection.weight"),
        r"lack 1 tensors of the network, such as memory_encoder\.projection\.weight",
    ),
    "another width": (
        lambda folder: _changed(folder, memory_fuser_intermediate_dim=16),
        r"do not fit Sam2VideoModel of transformers",
    ),
    "a strange setting": (
        lambda folder: _changed(folder, num_maskmem="many"),
        r"do not fit Sam2VideoModel of transformers",
    ),
    "not finite": (lambda folder: _without(folder, ""), r"are damaged: .* has values not finite"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_folder_that_is_wrong_is_named_in_a_sentence(
    fault: str, saved: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    folder, (spoil, says) = saved("sam2"), BROKEN[fault]
    spoil(folder)
    capfd.readouterr()
    with pytest.raises(DataError, match=says) as caught:
        built(weights=folder)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")
    if fault in ("a tensor less", "another width", "a strange setting", "not finite"):
        return  # what is seen only when the network is filled
    with pytest.raises(DataError, match=says):
        plugin.files(plugin.Options(weights=folder))


def _without(folder: Path, tensor: str) -> None:
    """Take a tensor out of the weights; "" puts NaN into one instead."""
    from safetensors.torch import load_file, save_file

    state = load_file(folder / "model.safetensors")
    if tensor:
        del state[tensor]
    else:
        state["no_memory_embedding"][...] = float("nan")
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def _changed(folder: Path, **settings: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | settings))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("[", r"preprocessor_config\.json is damaged: .*; download the folder again, or remove"),
        ("[]", r"preprocessor_config\.json is damaged: 'list' object"),
        ('{"image_mean": "x", "image_std": null}', r"preprocessor_config\.json is damaged: could"),
        ('{"image_mean": [0, 0, 0]}', r"preprocessor_config\.json is damaged: not enough values"),
        ('{"image_mean": [1], "image_std": [1]}', r"has image_mean \[1\.0\] and .* three numbers"),
        ('{"image_mean": [0, 0, 0], "image_std": [1, 0, 1]}', r"expected .*image_std above 0"),
        ('{"image_mean": [NaN, 0, 0], "image_std": [1, 1, 1]}', r"has image_mean \[nan, "),
    ],
)
def test_colours_that_cannot_be_are_told(
    settings: str, said: str, saved: Callable[..., Path]
) -> None:
    folder = saved("sam2")
    (folder / "preprocessor_config.json").write_text(settings)
    with pytest.raises(DataError, match=said):
        built(weights=folder)
    (folder / "preprocessor_config.json").write_text('{"processor_class": "Sam2VideoProcessor"}')
    built(weights=folder)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    "asked", [{"architecture": "hf-hub:somebody/encoder"}, {"model_args": {"checkpoint_path": "x"}}]
)
def test_an_encoder_from_elsewhere_is_refused(
    saved: Callable[..., Path], asked: Mapping[str, Any]
) -> None:
    folder = saved("edgetam")
    vision = json.loads((folder / "config.json").read_text())["vision_config"]
    vision["backbone_config"] |= asked
    _changed(folder, vision_config=vision)
    with pytest.raises(DataError, match=r"asks timm for encoder .* from elsewhere; only"):
        built("edgetam", weights=folder)


def test_tensors_of_nothing_are_told(saved: Callable[..., Path]) -> None:
    from safetensors.torch import load_file, save_file

    path = saved("sam2") / "model.safetensors"
    state = load_file(path)
    save_file(state | {"head.bias": state["no_memory_embedding"] + 1}, path, {"format": "pt"})
    said = built(weights=path.parent).remarks
    assert said[0] == "1 tensors of the weights are not of the network: head.bias"


def test_a_network_without_weights_is_a_sentence_with_three_commands() -> None:
    options = plugin.Options()
    assert plugin.files(options) == {}
    with pytest.raises(UsageError) as caught:
        plugin.build(options, device="cpu", seed=0)
    for said in (
        'pip install "vosbench[sam]"', "hf download facebook/sam2.1-hiera-tiny",
        "vosbench run --method video-sam",
        "weights=hub:facebook/sam2.1-hiera-tiny", "weights=random",
    ):  # fmt: skip
        assert said in str(caught.value)


@pytest.mark.parametrize(("model", "library"), [("sam2", "transformers"), ("edgetam", "timm")])
def test_a_library_that_is_missing_says_what_to_install(
    model: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    for weights in ("random", part("options").Hub("hub:somebody/tiny")):
        with pytest.raises(
            UsageError, match=rf'needs {library}, .*: pip install "vosbench\[sam\]"'
        ):
            built(model, weights=weights)


# weights from the hub


def cached(cache: Path, saved: Path, *, revision: str = "main") -> str:
    """Lay a folder into a cache as a download would; gives the commit."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = cache / "models--somebody--tiny"
    shutil.copytree(saved, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / revision).write_text(commit)
    return commit


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("revision", ["main", "v2"])
def test_what_was_downloaded_once_is_taken_from_there(
    saved: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    hub = part("hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    commit = cached(tmp_path / "cache", saved("sam2"), revision=revision)
    name = "hub:somebody/tiny" + ("" if revision == "main" else f"@{revision}")
    options = plugin.Options(weights=part("options").Hub(name))
    assert plugin.files(options)["weights"].parent.name == commit
    method = plugin.build(options, device="cpu", seed=0)
    assert f"weights of somebody/tiny, revision {commit}" in method.remarks
    np.testing.assert_array_equal(
        masks_of(method, video(1), {0: both()})[0], masks_of(built(), video(1), {0: both()})[0]
    )


def test_a_download_that_fails_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = part("hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    options = plugin.Options(weights=part("options").Hub("hub:somebody/tiny"))
    with pytest.raises(DataError, match=r"downloaded: huggingface\.co cannot be reached; get"):
        plugin.files(options)


def test_hub_names_are_checked() -> None:
    for name in ("hub:tiny", "hub:a/b/c", "hub:a/b@", "hub:../b@x y"):
        with pytest.raises(UsageError, match=r"must be hub:OWNER/NAME or hub:OWNER/NAME@REVISION"):
            method_options("video-sam", {"weights": name})
    options = method_options("video-sam", {"weights": "hub:a/b@v1.0"})
    assert (options.weights.repository, options.weights.revision) == ("a/b", "v1.0")
    assert method_options("video-sam", jsonable(options)) == options
    assert isinstance(method_options("video-sam", {"weights": "folder"}).weights, Path)


# the whole


def test_a_slow_run_on_cpu_says_what_it_will_take(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vosbench.toolbox.methods.pace.SLOW", 0.0)
    method = built()
    for _ in range(2):
        masks_of(method, video(3), {0: both()})
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("video-sam: ")
    assert " s for a frame with 2 objects on " in said
    assert " min for 100; " in said


@pytest.mark.parametrize("model", FAMILIES)
def test_it_runs_on_two_sequences_of_davis_and_is_scored(model: str, tmp_path: Path) -> None:
    found = vosbench.run(
        "video-sam", "davis2017", root=real("DAVIS-2017"), sequences=["bmx-trees", "car-shadow"],
        options={"model": model, "weights": "random"}, out=tmp_path,
    )  # fmt: skip
    assert set(found.sequences["sequence"]) == {"bmx-trees", "car-shadow"}


@pytest.mark.slow
def test_a_run_in_processes_gives_what_one_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    checksums, before = set(), torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # sums of other threads differ in the last digit
    torch.set_num_threads(1)
    for place, how in enumerate(({}, {"workers": 2}, {"own_process": True})):
        vosbench.run(
            "video-sam", "synthetic", sequences=["plain", "late-object"],
            options={"weights": "random"}, out=tmp_path / str(place), **how,
        )  # fmt: skip
        (record,) = (tmp_path / str(place)).glob("*/run.json")
        checksums.add(json.loads(record.read_text())["masks_sha256"])
    torch.set_num_threads(before)
    assert len(checksums) == 1
