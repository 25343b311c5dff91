"""Methods that know label maps run on prompts that overlap or have any id, and get them back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vosbench import registry
from vosbench.errors import DataError, MethodError
from vosbench.masks import FLATTENING, read_mask, write_mask
from vosbench.running.config import RunConfig
from vosbench.running.execute import compute
from vosbench.running.folder import discard, foreign
from vosbench.running.forms import Exchange
from vosbench.running.plan import plan_run
from vosbench.running.sequence import segment_sequence
from vosbench.running.whole import is_done, unfinished, were_changed
from vosbench.stored import open_stored
from vosbench.types import Frame, Layers, Mask, Masks, Sequence

NAMES = ("00000", "00001", "00002")
FRAMES = [np.zeros((2, 4, 3), np.uint8)] * 3
# object 0 has three pixels, object 7 two; they share one, which is the smaller one's
OVERLAP = Layers((0, 7), np.array([[[1, 1, 1, 0], [0] * 4], [[0, 0, 1, 1], [0] * 4]], bool))
LATE = Layers((2,), np.array([[[0] * 4, [1, 0, 0, 0]]], bool))
HIGH = np.array([[0, 3, 3, 0], [500, 0, 0, 500]], np.uint16)
PLAIN = np.array([[0, 3, 3, 0], [5, 0, 0, 5]], np.uint8)


def of(prompts: Mapping[int, Masks]) -> Sequence:
    return Sequence(
        name="cat",
        frames=FRAMES,
        frame_names=NAMES,
        prompts=prompts,
        truth={},
    )


def built(name: str) -> Any:
    plugin = registry.load("methods", name)
    return plugin.build(plugin.Options(), device="cpu", seed=0)


class CopyFirst:
    """Knows label maps alone."""

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Masks]:
        return built("copy-first").segment(frames, prompts)


class InLayers:
    """Takes prompts as they are; gives the first one's largest object alone."""

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Any]) -> Iterator[Masks]:
        raise AssertionError("it takes layers")

    def segment_layers(
        self, frames: Iterable[Frame], prompts: Mapping[int, Masks]
    ) -> Iterator[Masks]:
        first = prompts[0]
        for _ in frames:
            if isinstance(first, Layers):
                yield Layers(first.ids[:1], first.stack[:1])
            else:
                yield first


def exchanged(method: Any, prompts: Mapping[int, Masks]) -> tuple[list[Masks], str]:
    exchange = Exchange(method, of(prompts))
    kept = [exchange.kept(masks, "cat") for masks in exchange.begin(FRAMES)]
    return kept, exchange.flattened


def test_label_maps_go_and_come_as_they_are() -> None:
    kept, flattened = exchanged(CopyFirst(), {0: PLAIN})
    assert [(mask.dtype, mask.tolist()) for mask in kept] == [(np.uint8, PLAIN.tolist())] * 3
    assert flattened == ""


def test_objects_that_overlap_are_flattened_and_get_their_ids_back() -> None:
    kept, flattened = exchanged(CopyFirst(), {0: OVERLAP, 1: LATE})
    assert [masks.ids for masks in kept] == [(0, 2, 7)] * 3
    assert kept[0].stack.astype(int).tolist() == [
        [[1, 1, 0, 0], [0] * 4], [[0] * 4, [0] * 4], [[0, 0, 1, 1], [0] * 4],
    ]  # fmt: skip
    assert kept[1].stack[1].astype(int).tolist() == [[0] * 4, [1, 0, 0, 0]]
    assert flattened == FLATTENING


def test_layers_that_a_label_map_can_say_are_not_called_flattened() -> None:
    apart = Layers((1, 7), OVERLAP.stack & ~OVERLAP.stack[::-1])
    kept, flattened = exchanged(CopyFirst(), {0: apart})
    np.testing.assert_array_equal(kept[2].stack, apart.stack)
    assert flattened == ""


def test_ids_above_255_come_back_as_such() -> None:
    kept, flattened = exchanged(CopyFirst(), {0: HIGH})
    assert [(mask.dtype, mask.tolist()) for mask in kept] == [(np.uint16, HIGH.tolist())] * 3
    assert flattened == FLATTENING


def test_a_method_may_take_layers_and_leave_objects_out() -> None:
    kept, flattened = exchanged(InLayers(), {0: OVERLAP})
    assert kept[1].ids == (0, 7)
    np.testing.assert_array_equal(kept[1].stack[0], OVERLAP.stack[0])
    assert not kept[1].stack[1].any()
    assert flattened == ""
    (mask, *_), _ = exchanged(InLayers(), {0: HIGH})
    assert mask.tolist() == HIGH.tolist()


def test_the_baselines_flatten_nothing() -> None:
    kept, flattened = exchanged(built("copy-first"), {0: OVERLAP, 1: LATE})
    assert [masks.ids for masks in kept] == [(0, 2, 7)] * 3
    areas = [masks.stack.sum(axis=(1, 2)).tolist() for masks in kept]
    assert areas == [[3, 0, 2], [3, 1, 2], [3, 1, 2]]
    nothing, _ = exchanged(built("empty"), {1: OVERLAP})
    assert [masks.stack.sum(axis=(1, 2)).tolist() for masks in nothing] == [[0, 0], [3, 2], [0, 0]]
    late = np.array([[7, 0, 0, 0], [0, 0, 0, 9]], np.uint16)
    kept, _ = exchanged(built("copy-first"), {0: HIGH, 2: late})
    assert kept[2].tolist() == [[7, 3, 3, 0], [500, 0, 0, 9]]
    assert flattened == ""


def test_layers_of_a_method_become_a_label_map_where_the_prompts_are_one() -> None:
    exchange = Exchange(CopyFirst(), of({0: PLAIN}))
    both = Layers((3, 5), OVERLAP.stack)
    assert exchange.kept(both, "cat").tolist() == [[3, 3, 5, 5], [0] * 4]
    assert exchange.flattened == FLATTENING


@pytest.mark.parametrize(
    ("prompt", "masks", "message"),
    [
        (PLAIN, HIGH, r"cat: the method gave \(2, 4\) uint16, expected \(2, 4\) uint8"),
        (PLAIN, OVERLAP, r"gave ids \[0, 7\] that no prompt has; the prompts' ids are \[3, 5\]"),
        (OVERLAP, PLAIN, r"gave ids \[3, 5\] that no prompt has; the prompts' ids are \[1, 2\]"),
        (PLAIN, Layers((), np.zeros((0, 1, 1), bool)), r"gave layers of \(1, 1\), expected"),
        (PLAIN, None, r"gave NoneType, expected"),
    ],
)
def test_what_does_not_fit_is_refused(prompt: Masks, masks: Any, message: str) -> None:
    with pytest.raises(MethodError, match=message):
        Exchange(CopyFirst(), of({0: prompt})).kept(masks, "cat")


def test_more_objects_than_a_label_map_holds_are_refused() -> None:
    many = Layers(range(300), np.zeros((300, 2, 4), bool))
    with pytest.raises(DataError, match=r"300 objects do not fit one label map, which holds"):
        Exchange(CopyFirst(), of({0: many}))
    exchanged(InLayers(), {0: many})


@pytest.mark.parametrize("prompt", [OVERLAP, HIGH], ids=["layers", "uint16"])
def test_a_run_keeps_them_so_that_they_read_back(tmp_path: Path, prompt: Masks) -> None:
    for part in ("masks", "sequences"):
        (tmp_path / part).mkdir()
    config = RunConfig(method="copy-first", dataset="folder")
    dataset: Any = SimpleNamespace(sequence=lambda name: of({0: prompt}))
    segment_sequence(config, CopyFirst(), dataset, tmp_path, "cat")
    assert is_done(tmp_path, "cat")
    assert not were_changed(tmp_path, "cat")
    assert foreign(tmp_path) == []
    masks = open_stored(tmp_path / "masks").read("cat", "00002")
    record = json.loads((tmp_path / "sequences/cat.json").read_text())
    assert record["flattened"] == FLATTENING
    assert record["remarks"][0].endswith(f"knows nothing else: {FLATTENING}")
    assert record["objects"] == ([0, 7] if prompt is OVERLAP else [3, 500])
    if prompt is HIGH:
        np.testing.assert_array_equal(masks, HIGH)
        return
    assert isinstance(masks, Layers)
    assert masks.ids == (0, 7)
    layer = tmp_path / "masks/cat/007/00001.png"
    np.testing.assert_array_equal(read_mask(layer), OVERLAP.stack[1])
    layer.write_bytes((tmp_path / "masks/cat/000/00001.png").read_bytes())
    assert were_changed(tmp_path, "cat")
    layer.unlink()
    assert "cat/007/00001.png is missing; give the" in unfinished(tmp_path, "cat")
    (tmp_path / "masks/cat/007/notes.txt").touch()
    with pytest.raises(DataError, match=r"007/notes\.txt is not of the run"):
        discard(tmp_path, "cat")
    (tmp_path / "masks/cat/007/notes.txt").unlink()
    discard(tmp_path, "cat")
    assert not (tmp_path / "masks/cat").exists()


@pytest.mark.usefixtures("test_plugins")
def test_the_manifest_names_the_rule_and_the_sequences(tmp_path: Path) -> None:
    for name, mask in (("cat", HIGH), ("dog", PLAIN)):
        for place in ("images", "masks"):
            (tmp_path / place / name).mkdir(parents=True)
        for frame in NAMES:
            Image.fromarray(FRAMES[0]).save(tmp_path / f"images/{name}/{frame}.png")
            write_mask(tmp_path / f"masks/{name}/{frame}.png", mask)
    config = RunConfig(
        method="misbehaving", dataset="folder", root=tmp_path, out=tmp_path / "runs",
    )  # fmt: skip
    ran = compute(plan_run(config))
    told = json.loads((ran.folder / "run.json").read_text())["flattened"]
    assert told == {"rule": FLATTENING, "sequences": ["cat"]}
