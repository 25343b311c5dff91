"""What a method is told in place of masks, and what a run says of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import Vosbench, command_environment, make_folder_dataset
from PIL import Image

from vosbench import api, registry
from vosbench.analysis.ablation import ablation
from vosbench.analysis.groups import groups
from vosbench.analysis.sweep import sweep
from vosbench.errors import DataError, MethodError, UsageError
from vosbench.files import fingerprint
from vosbench.masks import read_mask, write_mask
from vosbench.running.config import RunConfig, from_toml, known_prompt
from vosbench.running.execute import compute
from vosbench.running.folder import discard, foreign
from vosbench.running.forms import Exchange
from vosbench.running.plan import plan_run
from vosbench.running.prompting import marks_of
from vosbench.running.sequence import segment_sequence
from vosbench.stored import open_stored
from vosbench.suites.reading import read
from vosbench.types import Box, Layers, Masks, Points, Sequence

pytestmark = pytest.mark.usefixtures("test_plugins")


def never(index: int, number: int, points: Points) -> np.ndarray:
    raise AssertionError("nobody is asked")


def of(prompts: Mapping[int, Masks], *, length: int = 3, shape: tuple[int, int] = (5, 7)) -> Any:
    frames = [np.zeros((*shape, 3), np.uint8)] * length
    names = tuple(f"{index:05d}" for index in range(length))
    return Sequence(name="cat", frames=frames, frame_names=names, prompts=prompts, truth={})


def layers(**masks: str) -> Layers:
    """`a3="..# ..#"` is object 3."""
    stack = np.array([[[c == "#" for c in row] for row in text.split()] for text in masks.values()])
    return Layers([int(name[1:]) for name in masks], stack)


def config(root: Path, **changes: Any) -> RunConfig:
    settings = {"method": "told", "dataset": "folder", "root": root, "out": root.parent / "runs"}
    return RunConfig(**{**settings, "prompt": "box", **changes})


def told_of(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / "prompts" / f"{name}.json").read_text())


def test_objects_that_touch_the_edge_are_one_pixel_or_empty() -> None:
    given = layers(a0="##..... ##..... ....... ....... .......",
                   a7="....... ....... ......# ....... .......",
                   a9="....... ....... ....... ....... .......")  # fmt: skip
    assert marks_of(of({0: given}), "box", never) == {0: {0: Box(0, 0, 1, 1), 7: Box(6, 2, 6, 2)}}
    clicked = marks_of(of({0: given}), "points:1", never)
    assert {number: points.positions.tolist() for number, points in clicked[0].items()} == {
        0: [[0, 0]], 7: [[6, 2]],
    }  # fmt: skip
    with pytest.raises(DataError, match="cat: every mask that is given is empty, so that no box"):
        marks_of(of({0: layers(a9="... ...")}), "box", never)


def test_each_object_is_asked_for_by_itself_until_the_answer_is_right() -> None:
    mask = np.zeros((5, 7), np.uint8)
    mask[1:4, 1:4], mask[0, 6] = 1, 2
    asked = []

    def answer(index: int, number: int, points: Points) -> np.ndarray:
        asked.append((index, number, points.positions.tolist(), points.inside.tolist()))
        said = mask == number
        if number == 1 and len(asked) == 1:
            said[1:4, 4:] = True  # too much
        return said

    marks = marks_of(of({1: mask}), "points:9", answer)
    assert asked == [
        (1, 1, [[2, 2]], [True]),
        (1, 1, [[2, 2], [5, 2]], [True, False]),
        (1, 2, [[6, 0]], [True]),
    ]
    assert marks[1][1].positions.dtype == np.float32
    assert marks[1][1].inside.tolist() == [True, False]
    assert len(marks[1][2].positions) == 1


def test_prompts_have_one_name_each() -> None:
    assert [known_prompt(each) for each in ("mask", "box", "click-center", "points:12")] == [
        "mask", "box", "points:1", "points:12",
    ]  # fmt: skip
    for odd in ("points", "points:0", "points:100", "points:1x", "Box", ""):
        with pytest.raises(UsageError, match=r"expected mask, box, click-center or points:N with"):
            known_prompt(odd)


def test_a_configuration_file_may_name_the_prompt(folder_root: Path, tmp_path: Path) -> None:
    (file := tmp_path / "run.toml").write_text('method = "told"\ndataset = "folder"\nprompt="box"')
    assert from_toml(file, {}).prompt == "box"
    assert from_toml(file, {"prompt": "click-center"}).prompt == "points:1"


def test_a_run_by_boxes_keeps_them_and_says_so(folder_root: Path, tmp_path: Path) -> None:
    result = api.run("told", "folder", root=folder_root, out=tmp_path / "runs", prompt="box")
    folder, manifest = result.folder, result.manifest
    assert folder is not None
    assert manifest is not None
    assert told_of(folder, "bee") == {
        "sequence": "bee",
        "prompt": "box",
        "rule": "the object's outermost pixels, inclusive: left, top, right, bottom",
        "prompts": [
            {"frame": "00000", "object": 1, "box": [3, 2, 12, 11]},
            {"frame": "00000", "object": 2, "box": [3, 16, 12, 25]},
        ],
        "not_told": [],
    }
    assert manifest["identity"]["prompt"] == "box"
    assert manifest["label"] == result.name == "told prompt=box"
    assert folder.name == f"told-folder-data-{manifest['identity_sha256'][:8]}"
    said = "each object was told by a box made from its mask, not by the mask"
    assert manifest["remarks"] == [said]
    first, last = (read_mask(folder / "masks" / "bee" / f"0000{n}.png") for n in (0, 8))
    truth = read_mask(folder_root / "masks" / "bee" / "00000.png")
    assert np.array_equal(first, truth)  # squares are their boxes
    assert np.array_equal(last, truth)
    assert foreign(folder) == []
    masked = api.run("told", "folder", root=folder_root, out=tmp_path / "runs")
    assert masked.folder == tmp_path / "runs" / "told-folder-data"
    assert not (masked.folder / "prompts").exists()
    compared = api.compare([result, masked])
    (table,) = compared.tables
    assert {row[0] for row in table.rows} == {"told", "told prompt=box"}
    assert f"told prompt=box: {said}" in table.notes


def test_runs_by_masks_are_the_same_runs_as_before(folder_root: Path, tmp_path: Path) -> None:
    described = plan_run(config(folder_root, prompt="mask", method="copy-first")).described
    assert set(described["identity"]) == {
        "method", "source_sha256", "options", "files", "dataset", "split", "resolution",
        "sequences", "device", "seed",
    }  # fmt: skip
    assert described["identity_sha256"] == fingerprint(described["identity"])
    assert described["label"] == "copy-first"
    assert described["remarks"] == []


def two_colours(root: Path) -> None:
    """The only square of `ant` gets a second colour on its right, as a stripe beside it has it."""
    for index in range(6):
        path = root / "images" / "ant" / f"{index:05d}.jpg"
        frame = np.array(Image.open(path))
        left = 3 + index
        frame[:, :] = 200
        frame[2:12, left : left + 6] = 20  # the larger part
        frame[2:12, left + 6 : left + 10] = 90
        frame[20:22, 20:40] = 90  # what the second click takes too much of
        Image.fromarray(frame).save(path, quality=100)
        write_mask(root / "masks" / "ant" / f"{index:05d}.png", _square(left))


def _square(left: int) -> np.ndarray:
    mask = np.zeros((32, 48), np.uint8)
    mask[2:12, left : left + 10] = 1
    return mask


@pytest.mark.parametrize("in_layers", [False, True])
def test_clicks_follow_the_errors_of_the_method(
    folder_root: Path, tmp_path: Path, in_layers: bool
) -> None:
    two_colours(folder_root)
    options = {"asked": tmp_path / "asked", "layers": in_layers}
    ran = compute(
        plan_run(config(folder_root, prompt="points:3", options=options, sequences=("ant",)))
    )
    assert not ran.failed
    (row,) = told_of(ran.folder, "ant")["prompts"]
    # the centre of the square, of the part that lacks, of the stripe that is too much
    assert row == {
        "frame": "00000", "object": 1, "points": [[7, 6], [10, 3], [20, 20]],
        "inside": [True, True, False],
    }  # fmt: skip
    assert len((tmp_path / "asked").read_text().splitlines()) == 2
    manifest = json.loads((ran.folder / "run.json").read_text())
    assert "each object was told by up to 3 clicks" in manifest["remarks"][0]


def test_an_answer_that_ignores_a_click_gets_it_again(folder_root: Path) -> None:
    ran = compute(plan_run(config(folder_root, prompt="points:3", options={"how": "deaf"})))
    (row, _) = told_of(ran.folder, "ant")["prompts"]
    assert row["points"] == [[7, 6]] * 3
    assert row["inside"] == [True] * 3


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raises", "ant: the method failed: RuntimeError: no answer"),
        ("two-masks", "ant, frame 00000: the method gave 2 masks for this frame alone"),
        ("wrong-size", r"ant, frame 00000: the method gave \(33, 48\) uint8"),
    ],
)
def test_what_goes_wrong_with_an_answer_is_told(folder_root: Path, how: str, said: str) -> None:
    given = config(folder_root, prompt="points:2", options={"how": how})
    plan = plan_run(given)
    (plan.folder / "masks").mkdir()
    with pytest.raises(MethodError, match=said):
        segment_sequence(given, plan.method, plan.resolved.dataset, plan.folder, "ant")
    assert not list(plan.folder.glob("masks/*"))
    assert not (plan.folder / "prompts").exists()


def test_an_answer_that_never_comes_costs_its_sequence(folder_root: Path) -> None:
    given = config(
        folder_root, prompt="points:2", options={"how": "hangs"}, timeout=2.0, sequences=("ant",)
    )
    assert compute(plan_run(given)).failed["ant"].startswith("no mask for 2 s, the --timeout (")


def test_methods_that_take_no_marks_are_refused_before_anything_runs(
    folder_root: Path, command: Vosbench
) -> None:
    others = [name for name in registry.names("methods") if name in ("told", "video-sam")]
    known = f"methods that take boxes or points: {', '.join(others)}"
    with pytest.raises(UsageError) as error:
        plan_run(config(folder_root, method="optical-flow"))
    assert str(error.value) == (
        f"method 'optical-flow' takes masks only, but the prompt is box; {known}"
    )
    with pytest.raises(UsageError, match="takes masks and points, but the prompt is box"):
        plan_run(config(folder_root, options={"takes": "points"}))
    with pytest.raises(UsageError, match="takes masks and boxes, but the prompt is points:3"):
        plan_run(config(folder_root, options={"takes": "box"}, prompt="points:3"))
    assert not (folder_root.parent / "runs").exists()
    refused = command(
        "run", "--method", "empty", "--dataset", "folder", "--root", folder_root, "--prompt", "box"
    )
    assert refused.returncode == 1
    assert refused.stderr == (
        f"error: method 'empty' takes masks only, but the prompt is box; {known}\n"
    )


def test_ids_of_any_form_come_back(tmp_path: Path) -> None:
    plugin = registry.load("methods", "told")
    built = plugin.build(plugin.Options(layers=True), device="cpu", seed=0)
    given = layers(a0="##.. ....", a500=".##. ....", a2=".... ....")
    sequence = of({0: given}, shape=(2, 4))
    exchange = Exchange(built, sequence, marked=True)
    exchange.tell(built, marks_of(sequence, "box", never))
    kept = [exchange.kept(masks, "cat") for masks in exchange.begin(sequence.frames)]
    assert kept[2].ids == (0, 2, 500)
    assert np.array_equal(kept[2].stack, given.stack)  # they overlap as the prompt does
    high = np.array([[500, 500, 0, 3]], np.uint16)
    sequence = of({0: high}, shape=(1, 4))
    exchange = Exchange(plugin.build(plugin.Options(), device="cpu", seed=0), sequence, marked=True)
    exchange.tell(built, marks_of(sequence, "box", never))
    kept = [exchange.kept(masks, "cat") for masks in exchange.begin(sequence.frames)]
    assert kept[0].dtype == np.uint16
    assert np.array_equal(kept[0], high)


def test_objects_with_an_empty_mask_are_told_of_and_keep_empty_masks(tmp_path: Path) -> None:
    for part in ("masks", "sequences"):
        (tmp_path / part).mkdir()
    given = RunConfig(method="told", dataset="folder", prompt="box")
    dataset: Any = SimpleNamespace(
        sequence=lambda name: of({0: layers(a4="##.. ....", a5=".... ....")}, shape=(2, 4))
    )
    plugin = registry.load("methods", "told")
    built = plugin.build(plugin.Options(layers=True), device="cpu", seed=0)
    segment_sequence(given, built, dataset, tmp_path, "cat")
    assert [row["object"] for row in told_of(tmp_path, "cat")["prompts"]] == [4]
    assert told_of(tmp_path, "cat")["not_told"] == [5]
    record = json.loads((tmp_path / "sequences/cat.json").read_text())
    assert record["remarks"] == [
        "object 5 was not told: its given mask is empty, and so are all of its masks"
    ]
    kept = open_stored(tmp_path / "masks").read("cat", "00002")
    assert isinstance(kept, Layers)
    assert kept.stack.sum(axis=(1, 2)).tolist() == [2, 0]
    (tmp_path / "prompts" / "notes.txt").touch()
    assert foreign(tmp_path) == [Path("prompts/notes.txt")]
    discard(tmp_path, "cat")
    assert not (tmp_path / "prompts" / "cat.json").exists()


def test_workers_and_a_second_try_give_the_same(folder_root: Path, tmp_path: Path) -> None:
    one = compute(plan_run(config(folder_root, prompt="points:3")))
    many = config(folder_root, prompt="points:3", workers=2, out=tmp_path / "many")
    two = compute(plan_run(many))
    for name in ("ant", "bee", "cat"):
        assert told_of(one.folder, name) == told_of(two.folder, name)
    manifests = [json.loads((ran.folder / "run.json").read_text()) for ran in (one, two)]
    assert manifests[0]["masks_sha256"] == manifests[1]["masks_sha256"]
    (two.folder / "sequences" / "cat.json").unlink()
    assert compute(plan_run(many)).computed == ("cat",)
    assert told_of(one.folder, "cat") == told_of(two.folder, "cat")
    again = compute(plan_run(config(folder_root, prompt="points:3", overwrite="always")))
    assert len(again.computed) == 3
    assert told_of(again.folder, "cat") == told_of(two.folder, "cat")
    assert sorted(path.name for path in again.folder.glob("[!.]*")) == [
        "log.txt", "masks", "prompts", "run.json", "sequences", "timing.csv",
    ]  # fmt: skip


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 6, "bee": 400})
    given = ["run", "--method", "told", "--dataset", "folder", "--root", str(root),
             "--prompt", "points:2", "--out", str(tmp_path / "runs")]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "vosbench", *given], env=command_environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 60
    while time.monotonic() < until and not list(tmp_path.glob("runs/*/masks/.bee-*/*.png")):
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (folder,) = (tmp_path / "runs").glob("[!.]*")
    assert not (folder / "prompts" / "bee.json").exists()
    ran = compute(plan_run(config(root, prompt="points:2")))
    assert ran.folder == folder
    assert sorted(path.name for path in (folder / "prompts").iterdir()) == ["ant.json", "bee.json"]


def test_suites_name_prompts(tmp_path: Path) -> None:
    (suite := tmp_path / "s.toml").write_text(
        'datasets = ["folder"]\n[[run]]\nmethod = "told"\nprompt = "box"\n'
        '[[run]]\nmethod = "told"\ngrid = { prompt = ["mask", "points:3"], near = [20] }\n'
    )
    assert [(run.words(), run.prompt) for run in read(str(suite)).runs] == [
        ("told prompt=box", "box"),
        ("told near=20", "mask"),
        ("told near=20 prompt=points:3", "points:3"),
    ]
    suite.write_text('datasets = ["folder"]\n[[run]]\nmethod = "told"\nprompt = "boxes"\n')
    with pytest.raises(UsageError, match=r"s\.toml: prompt is 'boxes', expected mask, box"):
        read(str(suite))


def test_tables_hold_prompts_apart(folder_root: Path, tmp_path: Path) -> None:
    runs = [
        api.run(
            "told", "folder", root=folder_root, out=tmp_path / "runs", prompt=prompt,
            options={"near": near},
        )
        for prompt in ("mask", "box")
        for near in (20, 25)
    ]  # fmt: skip
    (group,) = groups(runs)
    swept = sweep(group, by="how")
    assert [row[0] for row in swept.rows] == ["told fills"] * 2 + ["told fills prompt=box"] * 2
    crossed = ablation(group, row="near", column="prompt")
    assert [row[0] for row in crossed.rows] == ["20", "25"]
    assert [column.name for column in crossed.columns if not column.name.startswith("95")][:2] == [
        "near", "box",
    ]  # fmt: skip
    rest = ablation(group, row="near", column="how")
    odd = "mask" if "where a row says nothing else: prompt=box" in rest.notes else "box"
    assert [row[0] for row in rest.rows] == ["20", f"20 prompt={odd}", "25", f"25 prompt={odd}"]
