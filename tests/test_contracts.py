"""What every registered plugin must keep, checked on each of them."""

from __future__ import annotations

import dataclasses
import os
import shlex
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest

from vosbench import registry
from vosbench.data.info import describe
from vosbench.errors import DataError, UsageError
from vosbench.files import jsonable
from vosbench.masks import ids, write_mask
from vosbench.resolve import build_method, method_options
from vosbench.types import Mask, Method, PerSequence, RunsProgram

ROOT = Path(__file__).parents[1]
FOLDER = "FolderReportPlugin"
METHODS = registry.names("methods")
DATASETS = registry.names("datasets")
TAGS = {
    "AC", "BC", "CS", "DB", "DEF", "EA", "FM", "HO",
    "IO", "LR", "MB", "OCC", "OV", "ROT", "SC", "SV",
}  # fmt: skip

LENGTH, H, W = 24, 40, 56
AHEAD = 2  # frames that a method may have read beyond the mask it yields
ALIVE = 8  # frames that it may hold at any time; the video is three times as long


class Clip(NamedTuple):
    """A tiny video and its prompts, the second object's prompt coming late."""

    frames: list[np.ndarray]
    prompts: dict[int, Mask]


def clip() -> Clip:
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 256, (H, W, 3)).astype(np.uint8)
    frames, prompts = [], {}
    for t in range(LENGTH):
        frame, mask = ground.copy(), np.zeros((H, W), np.uint8)
        for i in (1, 2):
            place = (slice(18 * i - 14, 18 * i), slice(4 + t, 20 + t))
            frame[place], mask[place] = frame[place] // 4 + 90 * i, i
        frames.append(frame)
        if t in (0, 3):
            prompts[t] = np.where(mask == (1 if t == 0 else 2), mask, 0).astype(np.uint8)
    return Clip(frames, prompts)


def built(name: str, folder: Path) -> Method:
    """The method with its defaults, given what it cannot do without; networks see small frames."""
    options: dict[str, Any] = {}
    files = getattr(registry.load("methods", name), "files", None)
    if files and name != "command":
        options["size"] = "64"
        try:
            files(method_options(name, options))
        except UsageError:  # no weights are shipped for these defaults
            options["weights"] = "none"
    if name == "video-sam":
        options["weights"] = "random"
    if name == "precomputed":
        options["folder"] = folder
        (folder / "tiny").mkdir(parents=True, exist_ok=True)
        for t in range(LENGTH):
            write_mask(folder / "tiny" / f"{t:05d}.png", clip().prompts[0 if t < 3 else 3])
    if name == "cutie":
        options |= {"weights": "random", "model": "small"}
    if name == "command":
        program = ROOT / "tests" / "programs" / "follow.py"
        line = shlex.join((sys.executable, str(program)))
        options["run"] = line + " --frames {frames} --masks {masks} --out {out}"
    method = build_method(name, options, device="cpu", seed=0)
    if isinstance(method, PerSequence):
        return method.for_sequence("tiny", tuple(f"{t:05d}" for t in range(LENGTH)))
    return method


@pytest.mark.parametrize("name", METHODS)
def test_masks_fit_their_frames_and_prompts(name: str, tmp_path: Path) -> None:
    video = clip()
    masks = list(built(name, tmp_path).segment(iter(video.frames), video.prompts))
    assert len(masks) == LENGTH
    assert {mask.shape for mask in masks} == {(H, W)}
    assert {mask.dtype for mask in masks} == {np.dtype(np.uint8)}
    for t, mask in enumerate(masks):
        assert set(ids(mask)) <= ({1} if t < 3 else {1, 2}), f"frame {t}"
    assert 2 in ids(masks[3])


@pytest.mark.parametrize("name", METHODS)
def test_the_same_video_gives_the_same_masks(name: str, tmp_path: Path) -> None:
    video = clip()
    method = built(name, tmp_path)
    runs = [
        np.stack(list(each.segment(iter(video.frames), video.prompts)))
        for each in (method, method, built(name, tmp_path))
    ]
    assert (runs[0] == runs[1]).all(), "a method carries something from one video to the next"
    assert (runs[0] == runs[2]).all()


@pytest.mark.parametrize("name", METHODS)
def test_frames_are_read_as_masks_are_given(name: str, tmp_path: Path) -> None:
    video = clip()
    read, held = [], []

    def watched() -> Iterator[np.ndarray]:
        for t, frame in enumerate(video.frames):
            fresh = frame.copy()
            held.append(weakref.ref(fresh))
            read.append(t)
            yield fresh
            del fresh

    method = built(name, tmp_path)
    for t, _ in enumerate(method.segment(watched(), video.prompts)):
        if not isinstance(method, RunsProgram):  # which is given files of all frames
            assert len(read) <= t + 1 + AHEAD, f"{len(read)} frames read for mask {t}"
        alive = sum(ref() is not None for ref in held)
        assert alive <= ALIVE, f"{alive} frames held at mask {t}"


@pytest.mark.parametrize("name", METHODS)
def test_what_is_given_is_neither_changed_nor_given_back(name: str, tmp_path: Path) -> None:
    video, before = clip(), clip()
    for mask in built(name, tmp_path).segment(iter(video.frames), video.prompts):
        assert not any(np.shares_memory(mask, prompt) for prompt in video.prompts.values())
    assert all((a == b).all() for a, b in zip(video.frames, before.frames, strict=True))
    assert all((video.prompts[t] == before.prompts[t]).all() for t in before.prompts)


@pytest.mark.parametrize("name", METHODS)
def test_nothing_is_written(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("here", "home", "given"):
        (tmp_path / place).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    video, method = clip(), built(name, tmp_path / "given")
    before = sorted(tmp_path.rglob("*"))
    list(method.segment(iter(video.frames), video.prompts))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", METHODS)
def test_options_have_defaults_and_survive_text(name: str) -> None:
    options = method_options(name, {})
    assert dataclasses.is_dataclass(options)
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.anything = 1
    assert method_options(name, jsonable(options)) == options
    as_text = {key: str(value) for key, value in dataclasses.asdict(options).items()}
    assert method_options(name, as_text) == options


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in registry.KINDS for name in registry.names(kind)]
)
def test_a_plugin_says_what_it_is_and_where_it_comes_from(kind: str, name: str) -> None:
    plugin = registry.find(kind, name)
    assert plugin.summary.endswith("."), (
        f"{plugin.path}: a docstring whose first line is a sentence"
    )
    assert len(plugin.summary) <= 100
    assert plugin.source, f"{plugin.path}: SOURCE is missing"


@pytest.mark.parametrize("name", DATASETS)
def test_a_card_is_filled(name: str) -> None:
    card = registry.load("datasets", name).CARD
    assert card.name == name
    assert card.title
    assert card.licence
    assert card.protocols
    assert len({protocol.name for protocol in card.protocols}) == len(card.protocols)
    assert card.default_split in card.splits
    if card.folder:  # it is somebody else's
        assert card.url.startswith(("http://", "https://"))
        assert card.citation
        assert card.archives or card.registration
        for told in ("layout", "frame_rate", "prompts", "scored", "server"):
            assert getattr(card, told), f"{name}: {told} is empty, `data info` shows it"
        assert card.folder in card.layout
        screen = describe(card, width=100)
        assert len(screen.splitlines()) <= 60
        assert max(map(len, card.layout.splitlines())) <= 100
    for archive in card.archives:
        assert archive.url.startswith(("http://", "https://"))
        assert archive.filename == Path(archive.filename).name
        assert archive.sha256 is None or len(archive.sha256) == 64


@pytest.mark.parametrize("name", DATASETS)
def test_what_a_card_says_of_sequences_is_of_its_sequences(name: str) -> None:
    card = registry.load("datasets", name).CARD
    for split, names in card.splits.items():
        assert len(set(names)) == len(names), split
    known = {sequence for names in card.splits.values() for sequence in names}
    if all(card.splits.values()):
        assert set(card.frames) <= known
        assert set(card.attributes) <= known
    assert all(count > 0 for count in card.frames.values())
    assert {tag for tags in card.attributes.values() for tag in tags} <= TAGS


@pytest.mark.parametrize("name", DATASETS)
def test_a_folder_that_is_not_the_datasets_is_refused(name: str, tmp_path: Path) -> None:
    plugin = registry.load("datasets", name)
    with pytest.raises(UsageError, match="unknown split"):
        plugin.load(tmp_path, split="nonsense", resolution="")
    with pytest.raises(UsageError, match="resolution"):
        plugin.load(tmp_path, split=plugin.CARD.default_split, resolution="nonsense")
    if name == "synthetic":  # it needs none
        return
    for split in plugin.CARD.splits:
        with pytest.raises(DataError, match=str(tmp_path)):
            plugin.load(tmp_path, split=split, resolution="")
        with pytest.raises(DataError, match="is not a folder"):
            plugin.load(tmp_path / "nothing", split=split, resolution="")


@pytest.mark.slow
def test_every_plugin_keeps_its_protocol_as_mypy_sees_it(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed (extra dev)")
    hooks = {
        "files": "ReadsFiles", "PRESETS": "HasPresets", "trainee": "TrainablePlugin",
        "SHAPE": "Shaped", "encoder": "HasEncoder", "SUFFIX": "HasSuffix",
    }  # fmt: skip
    kept = [
        *((f"methods.{name}", "MethodPlugin") for name in modules("methods")),
        *((f"datasets.{name}", "DatasetPlugin") for name in modules("datasets")),
        *(
            (f"reports.{name}", "ReportPlugin" if hasattr(module, "render") else FOLDER)
            for name, module in modules("reports").items()
        ),
        *(
            (f"{kind}.{name}", protocol)
            for kind in ("methods", "reports")
            for name, module in modules(kind).items()
            for hook, protocol in hooks.items()
            if hasattr(module, hook)
        ),
    ]
    assert len(kept) > len(hooks)
    lines = ["from vosbench import types"]
    for number, (module, protocol) in enumerate(kept):
        lines += [f"import {module}", f"kept_{number}: types.{protocol} = {module}"]
    (tmp_path / "kept.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", str(tmp_path / "kept.py")],
        cwd=ROOT, env=os.environ | {"MYPYPATH": str(ROOT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def modules(kind: str) -> dict[str, ModuleType]:
    """The project's own plugins of a kind by the names of their modules."""
    return {
        plugin.module.rpartition(".")[2]: registry.load(kind, plugin.name)
        for plugin in registry.plugins(kind).values()
        if plugin.path.is_relative_to(ROOT)
    }
