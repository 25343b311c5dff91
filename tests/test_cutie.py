"""Cutie with random weights: rf-cutie's real network, and its own loop as the oracle."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vosbench
from vosbench import registry
from vosbench.errors import DataError, MissingExtraError, UsageError
from vosbench.masks import ids, write_mask
from vosbench.toolbox.methods.pace import Pace

plugin = registry.load("methods", "cutie")
H, W = 64, 96


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small pictures take many threads longer than one, on a machine that does other work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def build(**options: Any) -> Any:
    options = {"weights": "random", "model": "small"} | options
    return plugin.build(plugin.Options(**options), device="cpu", seed=0)


@pytest.fixture(scope="module")
def small() -> Any:
    return build()


def video(length: int, h: int = H, w: int = W) -> list[np.ndarray]:
    """A bright and a dark square that move over noise."""
    ground = np.random.default_rng(0).integers(60, 190, (h, w, 3)).astype(np.uint8)
    frames = []
    for t in range(length):
        frame = ground.copy()
        frame[8 : 8 + h // 3, 6 + t : 6 + t + h // 3] = 250
        frame[h // 2 : h - 4, w // 2 - t : w // 2 - t + h // 3] = 5
        frames.append(frame)
    return frames


def mask(*objects: int, h: int = H, w: int = W) -> np.ndarray:
    """The squares of the first frame, with these ids; 0 for none."""
    drawn = np.zeros((h, w), np.uint8)
    drawn[8 : 8 + h // 3, 6 : 6 + h // 3] = objects[0]
    if len(objects) > 1:
        drawn[h // 2 : h - 4, w // 2 : w // 2 + h // 3] = objects[1]
    return drawn


def segment(method: Any, frames: list[np.ndarray], prompts: Mapping[int, Any]) -> np.ndarray:
    return np.stack(list(method.segment(iter(frames), prompts)))


@pytest.mark.parametrize("numbers", [(3,), (1, 200)])
def test_masks_have_the_ids_of_the_prompts(small: Any, numbers: tuple[int, ...]) -> None:
    masks = segment(small, video(8), {0: mask(*numbers)})
    assert masks.dtype == np.uint8
    assert (masks[0] == mask(*numbers)).all()
    assert {number for each in masks for number in ids(each)} == set(numbers)
    assert any((each != masks[0]).any() for each in masks)


def test_a_late_object_joins_and_the_first_one_stays(small: Any) -> None:
    late = mask(0, 9)
    masks = segment(small, video(8), {2: mask(4), 5: late})
    assert not masks[:2].any()
    assert (masks[2] == mask(4)).all()
    assert all(set(ids(each)) <= {4} for each in masks[3:5])
    assert (masks[5] == 9)[late == 9].all()
    assert (masks[5] == 9).sum() == (late == 9).sum()
    alone = segment(small, video(8), {2: mask(4)})
    assert (masks[:5] == alone[:5]).all()
    assert ((masks[5] == 4) == ((alone[5] == 4) & (late == 0))).all()


def test_one_frame_and_odd_sizes(small: Any) -> None:
    assert (segment(small, video(1), {0: mask(1, 2)})[0] == mask(1, 2)).all()
    for h, w in ((33, 47), (16, 16), (65, 100)):
        masks = segment(small, video(4, h, w), {0: mask(1, h=h, w=w)})
        assert masks.shape == (4, h, w)
        assert (masks[0] == mask(1, h=h, w=w)).all()


def test_larger_frames_are_seen_smaller_and_masks_have_their_size() -> None:
    masks = segment(build(size=32), video(4, 70, 110), {0: mask(1, 2, h=70, w=110)})
    assert masks.shape == (4, 70, 110)
    there = masks[0] == mask(1, 2, h=70, w=110)
    assert 0.9 < there.mean() < 1.0  # through 32 px and back


def test_an_object_that_vanishes_at_the_networks_size_is_none() -> None:
    point = np.zeros((96, 144), np.uint8)
    point[0, 0] = 5
    masks = segment(build(size=32), video(3, 96, 144), {0: point, 1: mask(2, h=96, w=144)})
    assert not masks[0].any()
    assert set(ids(masks[1])) == {2}


def test_the_same_seed_gives_the_same_masks_and_another_does_not(small: Any) -> None:
    state = torch.random.get_rng_state()
    frames, prompts = video(5), {0: mask(1, 2)}
    first = segment(small, frames, prompts)
    assert (first == segment(small, frames, prompts)).all()
    assert (first == segment(build(), frames, prompts)).all()
    other = plugin.build(plugin.Options(weights="random", model="small"), device="cpu", seed=1)
    assert (first != segment(other, frames, prompts)).any()
    assert (state == torch.random.get_rng_state()).all()


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_weights_are_read_from_a_file(small: Any, ending: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / f"cutie.{ending}"
    state = small.network.state_dict()
    if ending == "pth":
        torch.save(state, path)
    else:
        save_file(state, path)
    frames, prompts = video(4), {0: mask(1, 2)}
    read = plugin.build(plugin.Options(weights=path, model="small"), device="cpu", seed=5)
    assert (segment(read, frames, prompts) == segment(small, frames, prompts)).all()
    assert read.remarks == []
    assert small.remarks == ["random weights: masks and scores mean nothing"]
    with pytest.raises(DataError, match=r"of another shape.*--set model= must be as the file is"):
        plugin.build(plugin.Options(weights=path, model="base"), device="cpu", seed=0)


@pytest.mark.parametrize("lacking", ["torch", "cutie"])
def test_all_that_lacks_is_one_extra(lacking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = (f"{plugin.__name__}.", "cutie.")
    for name in [name for name in sys.modules if name.startswith(ours)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, lacking, None)
    said = f"method 'cutie' needs {lacking}, .*: pip install \"vosbench\\[cutie\\]\"$"
    with pytest.raises(MissingExtraError, match=said):
        build()


def test_wrong_weights_are_one_sentence(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.mkdir, (str(tmp_path / "harm"),)

    path = tmp_path / "w.pth"
    for content, said in (
        ({"a": torch.zeros(3)}, "are not of this network"),
        ({"a": Harm()}, "no state dict that can be loaded safely"),
    ):
        torch.save(content, path)
        with pytest.raises(DataError, match=said) as told:
            build(weights=path)
        assert "\n" not in str(told.value)
        assert ("--set model=" in str(told.value)) == ("not of this network" in said)
    assert not (tmp_path / "harm").exists()
    with pytest.raises(DataError, match=r"nothing\.pth are missing"):
        build(weights=tmp_path / "nothing.pth")
    with pytest.raises(DataError, match=r"are a folder: name the file in it"):
        build(weights=tmp_path)
    with pytest.raises(UsageError, match=r"needs weights: --set weights=cutie-base-mega\.pth"):
        build(weights=None)


@pytest.mark.parametrize(
    ("option", "value"),
    [("size", 8), ("mem_every", 0), ("max_mem_frames", 1), ("top_k", 0), ("long_tokens", 9),
     ("chunk_size", 0)],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(option: str, value: int) -> None:
    with pytest.raises(UsageError, match=f"{option}={value}: expected"):
        plugin.Options(**{option: value})


def held(core: Any) -> int:
    """Bytes of all that is remembered of a video."""
    memory, store = core.memory, core.memory.work_mem
    kept = (memory.sensory, memory.obj_v, store.k, store.v, store.s)
    return sum(tensor.nbytes for tensors in kept for tensor in tensors.values())


def test_memory_is_flat_over_a_video(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cores: list[Any] = []
    make = small._core
    monkeypatch.setattr(small, "_core", lambda size: cores.append(make(size)) or cores[-1])
    frame, sizes = video(1, 48, 64)[0], []
    prompts = {0: mask(1, 2, h=48, w=64), 3: mask(0, 3, h=48, w=64)}
    for _ in small.segment((frame.copy() for _ in range(100)), prompts):
        sizes.append(held(cores[0]))
    assert len(sizes) == 100
    assert len(cores[0].image_feature_store) == 0
    assert set(sizes[40:]) == {max(sizes)}


def test_prototypes_are_bounded() -> None:
    method = build(long_term=True, mem_every=1, long_tokens=2500)
    core = method._core((H, W))
    sizes = []
    with torch.inference_mode():
        for t, frame in enumerate(video(1) * 120):
            method._step(core, frame, mask(1) if t == 0 else None, [1] if t == 0 else [], (H, W))
            if core.memory.long_mem.engaged():
                sizes.append(core.memory.long_mem.size(0))
    assert max(sizes) <= 2500
    assert len(set(sizes)) > 3


@pytest.mark.slow
def test_it_runs_over_synthetic_and_real_videos(tmp_path: Path) -> None:
    options = {"weights": "random", "model": "small", "size": 48}
    made = vosbench.run(
        "cutie", "synthetic", sequences=["late-object"], options=options,
        out=tmp_path / "runs",
    )  # fmt: skip
    run = json.loads((made.folder / "run.json").read_text())
    assert "random weights: masks and scores mean nothing" in run["remarks"]
    assert run["environment"]["versions"]["rf-cutie"] >= "1.0.1"
    root = os.environ.get("VOSBENCH_DATA")
    if not root:
        pytest.skip("VOSBENCH_DATA is not set: no DAVIS-2017")
    names = ["bmx-trees", "car-shadow"]
    made = vosbench.run(
        "cutie", "davis2017", sequences=names, options=options, out=tmp_path / "runs"
    )
    counted = [(row["sequence"], row["objects"]) for row in made.summary["sequences"]]
    assert counted == [("bmx-trees", 2), ("car-shadow", 1)]
    assert 0 <= made.summary["J"]["mean"] <= 1


@pytest.mark.parametrize(
    ("size", "options"),
    [
        (480, {}),
        (48, {}),
        (48, {"mem_every": 2, "max_mem_frames": 3, "top_k": 12, "chunk_size": 1}),
        (-1, {"long_term": True, "mem_every": 1}),
    ],
)
def test_masks_are_those_of_the_authors_own_loop(
    size: int, options: dict[str, Any], tmp_path: Path
) -> None:
    """cutie/eval_vos.py without its `.cuda()`: its reader of files, its steps, its writer."""
    from cutie.inference.data.video_reader import VideoReader
    from cutie.inference.inference_core import InferenceCore
    from cutie.inference.utils.results_utils import ResultSaver

    frames, h, w = video(14, 75, 118), 75, 118
    prompts = {0: mask(1, h=h, w=w), 4: mask(0, 3, h=h, w=w)}
    for folder in ("images", "masks", "out"):
        (tmp_path / folder).mkdir()
    for t, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / "images" / f"{t:05d}.png")
        if t in prompts:
            write_mask(tmp_path / "masks" / f"{t:05d}.png", prompts[t])
    method = build(size=None if size < 0 else size, **options)
    ours = segment(method, frames, prompts)

    core = InferenceCore(method.network, cfg=method._core((h, w)).cfg)
    if size == 48:  # fewer cells than its own configuration has figures for
        core = InferenceCore(method.network, cfg=method._core((48, 75)).cfg)
    reader = VideoReader(
        "video", str(tmp_path / "images"), str(tmp_path / "masks"), size=size, use_all_masks=True
    )
    saver = ResultSaver(
        str(tmp_path / "out"), "video", dataset="", object_manager=core.object_manager,
        use_long_id=reader.use_long_id, palette=reader.get_palette(),
    )  # fmt: skip
    with torch.inference_mode():
        for t in range(len(reader)):
            data = reader[t]
            labels, info = data.get("valid_labels"), data["info"]
            probability = core.step(
                data["rgb"], data.get("mask"), None if labels is None else labels.tolist(),
                end=t == len(reader) - 1,
            )  # fmt: skip
            saver.process(
                probability, info["frame"], resize_needed=info["resize_needed"],
                shape=info["shape"], last_frame=t == len(reader) - 1,
            )  # fmt: skip
    saver.end()
    theirs = [np.array(Image.open(path)) for path in sorted((tmp_path / "out/video").iterdir())]
    assert len(theirs) == len(ours)
    assert all((a == b).all() for a, b in zip(ours, theirs, strict=True))
    assert len({each.tobytes() for each in theirs}) > 5  # they move


def test_the_configuration_is_the_authors_for_davis() -> None:
    from importlib import resources

    from omegaconf import OmegaConf

    config = type(build())._core(build(), (480, 854)).cfg
    theirs = OmegaConf.create((resources.files("cutie") / "config/eval_config.yaml").read_text())
    same = ("max_mem_frames", "top_k", "stagger_updates", "chunk_size", "save_aux", "flip_aug",
            "max_internal_size", "long_term")  # fmt: skip
    assert {name: config[name] for name in same} == {name: theirs[name] for name in same}
    davis = theirs.datasets["d17-val"]
    assert (config.mem_every, config.use_long_term) == (davis.mem_every, davis.use_long_term)
    assert plugin.Options().size == davis["size"]


def test_a_slow_frame_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    fast, slow = (Pace("it", device="cpu", remedy="wait") for _ in range(2))
    for seconds in (9.0, 0.2, 9.0):  # the first sets up; what comes later is told by others
        fast.took(seconds, 1)
    assert capsys.readouterr().err == ""
    for seconds in (0.1, 3.0, 3.0):
        slow.took(seconds, 2)
    said = capsys.readouterr().err
    assert "it: 3.0 s for a frame with 2 objects on" in said
    assert said.endswith("about 5 min for 100; wait\n")
    assert said.count("\n") == 1
