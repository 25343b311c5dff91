"""Suites: what is read and refused, what is done once, what is skipped and said."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from vosbench import registry
from vosbench.cli import application
from vosbench.errors import DataError, UsageError, VosbenchError
from vosbench.suites import execute, trainings
from vosbench.toolbox.methods import weights
from vosbench.training.mean import mean as weights_mean

RUNS = """
[[run]]
method = "copy-first"
datasets = ["synthetic"]
sequences = ["plain"]

[[run]]
method = "copy-first"
datasets = ["folder", "davis2016"]
sequences = ["ant", "bee"]
root = "data"
seed = 1
"""
TRAIN = """
[[train]]
name = "tiny"
method = "tiny-trainable"
set = { width = 3, steps = 3, noise = 0.5 }
score = ["folder"]
"""

Suite = Callable[..., Result]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def suite(
    folder_root: Path, monkeypatch: pytest.MonkeyPatch, test_plugins: None
) -> Iterator[Suite]:
    """Run `vosbench suite` in this process, in a folder with data/ and without VOSBENCH_DATA."""
    import torch

    home = folder_root.parent
    monkeypatch.chdir(home)
    monkeypatch.delenv("VOSBENCH_DATA", raising=False)
    monkeypatch.setenv("VOSBENCH_CACHE", str(home / "cache"))
    threads = torch.get_num_threads()

    def run(text: str, *arguments: str) -> Result:
        write(home / "mine.toml", text)
        result = CliRunner().invoke(application(), ["suite", "mine.toml", *arguments])
        if isinstance(result.exception, VosbenchError):
            return result
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    yield run
    torch.set_num_threads(threads)


@pytest.fixture
def folder_has_a_home(folder_root: Path, suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """VOSBENCH_DATA/data is the dataset `folder`, so that a training can be scored on it."""
    module = registry.load("datasets", "folder")
    monkeypatch.setattr(module, "CARD", dataclasses.replace(module.CARD, folder="data"))
    monkeypatch.setenv("VOSBENCH_DATA", str(folder_root.parent))


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Two clips of noise that slides by."""
    for number in range(2):
        noise = np.random.default_rng(number).integers(0, 255, (24, 50, 3), dtype=np.uint8)
        folder = tmp_path / "clips" / f"clip{number}"
        folder.mkdir(parents=True)
        for i in range(8):
            Image.fromarray(noise[:, 2 * i : 2 * i + 32]).save(folder / f"{i}.png")
    return tmp_path / "clips"


def changes(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (".lock", "run.json")  # written by every plan
    }


def test_a_suite_is_read(tmp_path: Path, test_plugins: None) -> None:
    read = execute.read(
        str(write(tmp_path / "mine.toml", f'datasets = ["synthetic"]{RUNS}{TRAIN}'))
    )
    assert read.title == "mine"
    assert [run.datasets for run in read.runs] == [("synthetic",), ("folder", "davis2016")]
    assert [run.seed for run in read.runs] == [0, 1]
    assert read.trainings == (
        execute.Training(
            name="tiny", method="tiny-trainable", set={"width": 3, "steps": 3, "noise": 0.5},
            score=("folder",),
        ),
    )  # fmt: skip
    (plain,) = execute.read(
        str(write(tmp_path / "b.toml", 'datasets = ["synthetic"]\n[[run]]\nmethod = "copy-first"'))
    ).runs
    assert plain.datasets == ("synthetic",)


def test_a_grid_is_a_run_for_each_combination(tmp_path: Path) -> None:
    text = """
    datasets = ["synthetic"]
    [[run]]
    method = "label-propagation"
    set = { last = 3 }
    grid = { preset = ["crw", "dino"], topk = [5, 10, 20] }
    seed = 2
    """
    read = execute.read(str(write(tmp_path / "mine.toml", text)))
    assert [(run.set["preset"], run.set["topk"]) for run in read.runs] == [
        ("crw", 5), ("crw", 10), ("crw", 20), ("dino", 5), ("dino", 10), ("dino", 20),
    ]  # fmt: skip
    rest = {(run.method, run.datasets, run.seed, run.set["last"]) for run in read.runs}
    assert rest == {("label-propagation", ("synthetic",), 2, 3)}


def test_a_grid_may_hold_seeds(tmp_path: Path) -> None:
    text = """
    datasets = ["synthetic"]
    [[run]]
    method = "label-propagation"
    grid = { backbone = ["random"], seed = [0, 3] }
    """
    read = execute.read(str(write(tmp_path / "mine.toml", text)))
    assert [(dict(run.set), run.seed) for run in read.runs] == [
        ({"backbone": "random"}, 0),
        ({"backbone": "random"}, 3),
    ]
    assert [run.words().partition(" ")[2] for run in read.runs] == [
        "backbone=random",
        "backbone=random seed=3",
    ]


def test_a_grid_is_run(suite: Suite) -> None:
    text = RUNS.partition("\n\n")[0].replace('"copy-first"', '"optical-flow"')
    grid = 'grid = { label = ["soft", "hard"], size = [64] }'
    done = suite(f"{text}\n{grid}", "--format", "markdown")
    assert done.exit_code == 0, done.stderr
    assert "optical-flow label=soft size=64" in done.stdout
    assert len(re.findall(r"^\| optical-flow ", done.stdout, re.MULTILINE)) == 2


def test_what_vosbench_brings_along_can_be_read() -> None:
    assert "weights" in execute.names()
    for name in execute.names():
        read = execute.read(name)
        assert read.title
        assert read.runs or read.trainings, name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = ", "is not TOML"),
        ('title = "x"', "holds no work: expected [[train]] or [[run]] entries"),
        ('[[run]]\nmethod = "empty"', "empty is on no dataset: write datasets = "),
        ('[[run]]\nmethod = "empty"\nsequences = []', "sequences = []: expected one name or more"),
        ('report = "papers"', "report = 'papers'; did you mean 'paper'"),
        ('titel = "x"', "unknown key 'titel'; did you mean 'title'"),
        ('[[run]]\nmethod = "copy-first"\nsets = {}', "unknown key 'sets'; did you mean 'set'"),
        ('[[run]]\nmethod = "copy-frist"', "unknown method 'copy-frist'; did you mean"),
        ('[[train]]\nmethod = "rpmnet"', "a [[train]] has no name"),
        ('[[run]]\nmethod = "copy-first"\ndatasets = ["davis"]', "unknown dataset 'davis'"),
        ('[[train]]\nname = "a"\nmethod = "rpmnet"\nscore = ["dav"]', "unknown dataset 'dav'"),
        ('datasets = "synthetic"', "datasets = 'synthetic': expected a list of names"),
        ('[run]\nmethod = "copy-first"', "expected entries [[run]]"),
        ("run = [1]", "run = [1]: expected entries [[run]]"),
        ('[[run]]\nmethod = "copy-first"\nset = "a=1"', "expected a table, { key = value }"),
        ("[[run]]\nset = { a = 1 }", "a [[run]] has no method"),
        (
            '[[run]]\nmethod = "optical-flow"\ngrid = { label = ["hard", "sfot"] }',
            "optical-flow label=sfot: ",
        ),
        (
            '[[run]]\nmethod = "copy-first"\nset = { seed = 1 }',
            "has no option 'seed'; valid options: none; in a [[run]], write seed beside set",
        ),
        (
            '[[run]]\nmethod = "copy-first"\ngrid = { root = ["a", "b"] }',
            "in a [[run]], write root beside set",
        ),
        ('[[run]]\nmethod = "copy-first"\ngird = {}', "unknown key 'gird'; did you mean 'grid'"),
        ('[[run]]\nmethod = "copy-first"\ngrid = [1]', "expected a table of lists"),
        ('[[run]]\nmethod = "copy-first"\ngrid = { a = 1 }', "grid: a = 1: expected a list of v"),
        ('[[run]]\nmethod = "copy-first"\ngrid = { a = [] }', "grid: a = []: expected a list of"),
        (
            '[[run]]\nmethod = "copy-first"\nset = { a = 1 }\ngrid = { a = [1, 2] }',
            "a is both in the grid of a [[run]] and outside of it",
        ),
        (
            '[[run]]\nmethod = "copy-first"\nseed = 1\ngrid = { seed = [1, 2] }',
            "seed is both in the grid of a [[run]] and outside of it",
        ),
        (
            '[[run]]\nmethod = "copy-first"\ngrid = { seed = ["1"] }',
            "seed = '1': expected a whole number",
        ),
        ('[[run]]\nmethod = "copy-first"\nseed = "1"', "seed = '1': expected a whole number"),
        ('[[run]]\nmethod = "copy-first"\nseed = true', "seed = True: expected a whole number"),
        ("[[run]]\nmethod = 3", "method = 3: expected text"),
        ('[[train]]\nname = "../a"\nmethod = "rpmnet"', "name '../a' must be a valid file name"),
        (
            2 * '[[train]]\nname = "a"\nmethod = "rpmnet"\n',
            "name 'a' must be a valid file name, and of",
        ),
        (
            "".join(f'[[train]]\nname = "{name}"\nmethod = "rpmnet"\n' for name in "aA"),
            "name 'a' must be a valid file name, and of",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        execute.read(str(write(tmp_path / "mine.toml", text)))
    assert message in str(refused.value)
    assert "mine.toml" in str(refused.value) or message.startswith("unknown ")


def test_a_suite_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no suite weihgts; did you mean 'weights'"):
        execute.read("weihgts")
    with pytest.raises(UsageError, match=r"no suite .*none\.toml; give a name or a \.toml file"):
        execute.read(str(tmp_path / "none.toml"))


def test_runs_are_done_once_and_a_missing_dataset_is_left_out(
    suite: Suite, folder_root: Path
) -> None:
    first = suite(RUNS, "--format", "markdown")
    assert first.exit_code == 1
    assert "\nskipped: davis2016 (1 run): " in first.stderr
    assert "davis2016 expects JPEGImages/" in first.stderr
    assert "**Scores: vosbench synthetic val, 1 of 21 sequences, protocol" in first.stdout
    assert "**Scores: Own data all, " in first.stdout
    runs = folder_root.parent / "suites" / "mine" / "runs"
    summaries = [json.loads(path.read_text()) for path in sorted(runs.glob("*/summary.json"))]
    assert [[s["sequence"] for s in each["sequences"]] for each in summaries] == [
        ["ant", "bee"],
        ["plain"],
    ]
    before = changes(runs)
    told = [path.read_text() for path in sorted(runs.glob("*/run.json"))]
    assert [json.loads(each)["status"] for each in told] == ["complete", "complete"]
    second = suite(RUNS.replace(', "davis2016"', ""), "--format", "markdown")
    assert (second.exit_code, second.stdout) == (0, first.stdout)
    assert changes(runs) == before
    assert [path.read_text() for path in sorted(runs.glob("*/run.json"))] == told


def test_a_dataset_that_is_not_at_hand_is_no_failure(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = RUNS.partition("\n\n")[0].replace('["synthetic"]', '["synthetic", "davis2017"]')
    done = suite(text)
    assert done.exit_code == 0, done.stderr
    assert "skipped: davis2017 (1 run): where is davis2017?" in done.stderr
    assert "synthetic" in done.stdout
    (tmp_path / "data" / "DAVIS-2017").mkdir(parents=True)
    monkeypatch.setenv("VOSBENCH_DATA", str(tmp_path / "data"))
    damaged = suite(text)
    assert damaged.exit_code == 1, "it is there and not as it should be"
    assert "skipped: davis2017 (1 run): " in damaged.stderr
    monkeypatch.setenv("VOSBENCH_DATA", str(tmp_path / "elsewhere"))
    assert suite(text).exit_code == 0
    nothing = suite(text.replace('"synthetic", ', "").replace('sequences = ["plain"]', ""))
    assert (nothing.exit_code, nothing.stdout) == (1, "")


def test_a_run_of_which_a_sequence_fails_is_left_out_until_it_is_mended(
    suite: Suite, folder_root: Path
) -> None:
    text = '[[run]]\nmethod = "copy-first"\ndatasets = ["folder"]\nroot = "data"\n'
    mask = folder_root / "masks" / "bee" / "00000.png"
    whole = mask.read_bytes()
    mask.write_bytes(whole[:40])
    failed = suite(text)
    assert failed.exit_code == 1
    assert "skipped: copy-first root=data on folder:" in failed.stderr
    assert "bee" in failed.stderr
    assert failed.stdout == ""  # a table would compare it with runs that are whole
    mask.write_bytes(whole)
    mended = suite(text)
    assert mended.exit_code == 0
    assert "3 sequences" in mended.stdout


def test_a_suite_ends_in_its_report_and_can_be_reported_elsewhere(
    suite: Suite, folder_root: Path, tmp_path: Path
) -> None:
    text = 'title = "Mine & yours"\nreport = "page"\n[[run]]\nmethod = "copy-first"\n'
    text += 'datasets = ["folder"]\nroot = "data"\n'
    done = suite(text)
    assert done.exit_code == 0, done.stderr
    assert "report: suites/mine/report/index.html" in done.stderr
    page = (tmp_path / "suites/mine/report/index.html").read_text(encoding="utf-8")
    assert "<h1>Mine &amp; yours</h1>" in page
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "suites" / "mine").rename(tmp_path / "elsewhere" / "mine")
    folder_root.rename(tmp_path / "elsewhere" / "data")
    runs = [str(path) for path in (tmp_path / "elsewhere" / "mine" / "runs").iterdir()]
    arguments = ["report", *runs, "--out", "again", "--title", "Mine & yours"]
    lost = CliRunner().invoke(application(), arguments)
    assert lost.exit_code == 0
    assert "frames and masks: the dataset is not in" in lost.stderr
    assert "give its folder with --root DIR" in lost.stderr
    found = CliRunner().invoke(application(), [*arguments, "--root", "elsewhere/data"])
    assert found.exit_code == 0
    assert "frames and masks" not in found.stderr

    def without_places(said: str) -> str:
        return re.sub(r"frames/folder-all-[0-9a-f]{6}", "", said)

    again = (tmp_path / "again" / "index.html").read_text(encoding="utf-8")
    assert without_places(again) == without_places(page)


def test_the_suite_of_the_paper_names_its_methods() -> None:
    paper = execute.read("paper")
    assert paper.report == "paper"
    assert {dataset for run in paper.runs for dataset in run.datasets} == {"synthetic", "davis2016"}
    methods = {run.method for run in paper.runs}
    assert {"copy-first", "optical-flow", "colorization", "colour-reconstruction", "rpmnet-r",
            "label-propagation", "rpmnet-correlation", "rpmnet"} <= methods  # fmt: skip
    assert {"rpmnet-memory", "rpmnet-conv-3-memory", "rpmnet-conv-5-memory"} <= methods
    modules = [f"conv-{k}" for k in (1, 3, 5)] + [f"dilation-{k}" for k in (3, 6, 9)]
    assert {f"rpmnet-{module}" for module in modules} <= methods
    # that of deformable has the shortest name; conv-1 cannot compare two embeddings
    assert {f"rpmnet-{module}-iterated" for module in modules if module != "conv-1"} <= methods
    backbones = {run.set["backbone"] for run in paper.runs if run.method.startswith("rpmnet")
                 and "backbone" in run.set}  # fmt: skip
    assert backbones == {"resnet18-quarter", "resnet34-quarter"}


def test_the_format_is_checked_before_the_work(suite: Suite, tmp_path: Path) -> None:
    refused = suite(RUNS, "--format", "latx")
    assert "unknown report 'latx'" in str(refused.exception)
    assert not (tmp_path / "suites").exists()


@pytest.mark.usefixtures("folder_has_a_home")
def test_a_training_is_made_scored_and_not_repeated(
    suite: Suite, clips: Path, tmp_path: Path
) -> None:
    assert "unlabelled clips: give --videos DIR" in suite(TRAIN).stderr
    done = suite(TRAIN, "--videos", str(clips))
    assert done.exit_code == 0, done.stderr
    path = tmp_path / "suites" / "mine" / "weights" / "tiny.safetensors"
    assert weights.header_of(path) == ("tiny-trainable", {"width": 3})
    card = weights.card_of(path)
    assert card["steps"] == 3
    scores = card["scores"]["folder"]
    assert (scores["sequences"], scores["protocol"]) == (3, "prompted")
    assert set(scores["per_sequence"]) == {"ant", "bee", "cat"}
    assert 0 < scores["J"]["mean"] < 1
    assert str(tmp_path) not in path.with_suffix(".json").read_text()
    (run,) = (tmp_path / "suites" / "mine" / "runs").glob("*/run.json")
    assert json.loads(run.read_text())["identity"]["options"]["weights"] == str(path)
    before = changes(tmp_path / "suites")
    again = suite(TRAIN)
    assert again.exit_code == 0, again.stderr
    assert changes(tmp_path / "suites") == before


def test_an_edited_training_is_not_taken_for_the_one_that_was_made(
    suite: Suite, clips: Path, tmp_path: Path
) -> None:
    plain = TRAIN.replace('score = ["folder"]\n', "")
    assert suite(plain, "--videos", str(clips)).exit_code == 0
    other = suite(plain.replace("steps = 3", "steps = 4"), "--videos", str(clips))
    assert other.exit_code == 1
    assert "tiny.safetensors is of another training (method, seed, set): " in other.stderr
    assert "steps=3" in other.stderr
    assert "the suite says tiny-trainable 0 noise=0.5 steps=4 width=3" in other.stderr
    assert "seed, set): tiny-trainable 0" in suite(plain + "seed = 2\n").stderr
    path = tmp_path / "suites" / "mine" / "weights" / "tiny.json"
    card = json.loads(path.read_text())
    path.write_text(json.dumps(card | {"command": "vosbench train 'of"}))
    assert "tiny.safetensors is of another training" in suite(plain).stderr
    (tmp_path / "suites" / "mine" / "weights" / "tiny.json").unlink()
    assert "tiny.safetensors has no card beside it; copy it there, or" in suite(plain).stderr


def test_the_mean_of_trainings_is_made_once_and_tells_what_it_is_of(
    suite: Suite, clips: Path, tmp_path: Path
) -> None:
    one = TRAIN.replace('score = ["folder"]\n', "")
    other = one.replace('"tiny"', '"other"') + "seed = 1\n"
    both = """
[[train]]
name = "both"
method = "tiny-trainable"
mean = ["tiny", "other"]
"""
    done = suite(one + other + both, "--videos", str(clips))
    assert done.exit_code == 0, done.stderr
    home = tmp_path / "suites" / "mine" / "weights"
    paths = [home / f"{name}.safetensors" for name in ("tiny", "other", "both")]
    *members, mean = (weights.state_of(path) for path in paths)
    assert mean.keys() == members[0].keys()
    assert not all(torch.equal(members[0][key], members[1][key]) for key in mean)
    for key, value in mean.items():
        wanted = ((members[0][key] + members[1][key]) / 2).half().float()
        assert torch.equal(value, wanted), key
    *cards, card = (weights.card_of(path) for path in paths)
    assert [each["sha256"] for each in card["mean_of"]] == [each["sha256"] for each in cards]
    assert [each["seed"] for each in card["mean_of"]] == [0, 1]
    assert "curve" not in card
    before = changes(home)
    assert suite(one + other + both).exit_code == 0
    assert changes(home) == before
    swapped = suite(one + other + both.replace('"tiny", "other"', '"other", "tiny"'))
    assert "both.safetensors is of another training" in swapped.stderr
    paths[0].with_suffix(".json").rename(home / "aside")
    said = "  skipped: suites/mine/weights/tiny.safetensors has no card beside it; copy it there"
    assert suite(one + other + both).stderr.count(said) == 2  # for the training and for the mean
    (home / "aside").rename(paths[0].with_suffix(".json"))
    paths[0].rename(home / "aside")
    assert "skipped: weights suites/mine/weights/tiny.safetensors are missing" in (
        suite(one + other + both).stderr
    )
    (home / "aside").rename(paths[0])
    longer = one + other.replace("steps = 3", "steps = 4")
    paths[1].unlink()
    paths[2].unlink()
    refused = suite(longer + both, "--videos", str(clips))
    assert refused.exit_code == 1
    assert "'both' is a mean of 'tiny' and 'other', whose set differ" in str(refused.exception)
    assert not paths[1].exists()  # it was not trained for nothing
    assert suite(longer, "--videos", str(clips)).exit_code == 0
    with pytest.raises(DataError, match="differ in settings, so that a mean of them is no network"):
        weights_mean(paths[:2], paths[2])
    assert not paths[2].exists()


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ('mean = ["tiny", "othr"]', "'othr', and no training of that name stands above it"),
        ('mean = ["tiny", "both"]', "'both', and no training of that name stands above it"),
        ('mean = ["tiny"]', "expected two or more different trainings"),
        ('mean = ["tiny", "tiny"]', "expected two or more different trainings"),
        ('mean = ["tiny", "rpm"]', "is a mean of 'rpm', which is of rpmnet"),
        ('mean = ["tiny", "other"]\nseed = 1', "is a mean of others: set and seed are theirs"),
        ('mean = "tiny"', "expected a list of names"),
        ("mean = []", "mean = []: expected one name or more, or no mean"),
        (
            'mean = ["tiny", "other"]\n[[train]]\nname = "all"\nmethod = "tiny-trainable"\n'
            'mean = ["both", "tiny"]',
            "'all' is a mean of 'both', a mean itself; name its trainings: tiny, other",
        ),
    ],
)
def test_a_mean_of_what_does_not_go_together_is_refused(suite: Suite, edit: str, said: str) -> None:
    other = TRAIN.replace('"tiny"', '"other"')
    rpm = '[[train]]\nname = "rpm"\nmethod = "rpmnet"\n'
    mean = f'[[train]]\nname = "both"\nmethod = "tiny-trainable"\n{edit}\n'
    refused = suite(TRAIN + other + rpm + mean)
    assert refused.exit_code == 1
    assert said in str(refused.exception) + refused.stderr


def test_a_stopped_training_ends_the_suite_and_goes_on(
    suite: Suite, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = TRAIN.replace('score = ["folder"]\n', "") + RUNS
    monkeypatch.setenv("TINY_FAULT", f"SIGTERM:{1 / 3}")
    stopped = suite(text, "--videos", str(clips))
    assert stopped.exit_code == 130
    assert "stopped; give the same command again to continue suites/mine" in stopped.stderr
    assert not (tmp_path / "suites" / "mine" / "runs").exists()
    monkeypatch.delenv("TINY_FAULT")
    assert suite(TRAIN.replace('score = ["folder"]\n', ""), "--videos", str(clips)).exit_code == 0
    (log,) = (tmp_path / "suites" / "mine" / "trainings" / "tiny").glob("*/log.csv")
    assert log.read_text().splitlines()[-1].startswith("3,")


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "does not read the weights 'rpmnet-conv-3-iterated'"),
        ({"backbone": "resnet50"}, "no weights are shipped as 'rpmnet-conv-1-resnet50'"),
    ],
    ids=["others", "none"],
)
def test_what_the_method_would_not_read_is_taken_back(
    there: bool,
    options: dict[str, str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, shipped = weights.FOLDER / "2026-11" / "rpmnet-conv-1.safetensors", tmp_path / "shipped"
    monkeypatch.setattr(weights, "FOLDER", shipped)
    kept = tmp_path / "kept" / "rpmnet-conv-3-iterated.safetensors"
    trainings._copy(source, kept)
    trainings._copy(source, shipped / "rpmnet-conv-1.safetensors")
    if there:  # weights of another method
        trainings._copy(source.with_name("colorization.safetensors"), shipped / kept.name)
    before = {path.name: path.read_bytes() for path in shipped.iterdir()}
    training = trainings.Training(name=kept.stem, method="rpmnet-conv-1", install=True)
    with pytest.raises(UsageError, match=said):
        trainings.install(training, options, kept)
    assert {path.name: path.read_bytes() for path in shipped.iterdir()} == before


@pytest.mark.usefixtures("folder_has_a_home")
def test_what_is_to_be_installed_is_put_among_the_shipped_ones(
    suite: Suite, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "shipped"
    monkeypatch.setattr(weights, "FOLDER", shipped)
    text = TRAIN.replace("width = 3", "width = 4") + "install = true\n"  # its default
    done = suite(text, "--videos", str(clips))
    assert done.exit_code == 0, done.stderr
    assert weights.shipped("tiny") == shipped / "tiny.safetensors"
    assert "folder" in weights.card_of(shipped / "tiny.safetensors")["scores"]
    assert sorted(path.name for path in shipped.iterdir()) == ["tiny.json", "tiny.safetensors"]
    # trained anew, the run of the former weights is no longer the one asked for
    home = tmp_path / "suites" / "mine"
    (home / "weights" / "tiny.safetensors").unlink()
    text = text.replace("steps = 3", "steps = 4")
    done = suite(text, "--videos", str(clips))
    assert done.exit_code == 0, done.stderr
    card = weights.card_of(shipped / "tiny.safetensors")
    assert (card["steps"], list(card["scores"])) == (4, ["folder"])
    (run,) = (home / "runs").glob("*/run.json")
    assert json.loads(run.read_text())["identity"]["files"] == {"weights": card["sha256"]}
    # and grown beyond what the package holds, it moves
    monkeypatch.setattr(weights, "_SMALL", 1)
    training = trainings.Training(name="tiny", method="tiny-trainable", install=True)
    trainings.install(training, {}, home / "weights" / "tiny.safetensors")
    assert weights.shipped("tiny") == shipped / "large" / "tiny.safetensors"
    assert [path.name for path in shipped.iterdir()] == ["large"]
    misnamed = suite(text.replace('name = "tiny"', 'name = "teeny"'), "--videos", str(clips))
    assert misnamed.exit_code == 1
    assert "tiny-trainable with these options does not read the weights 'teeny'" in misnamed.stderr
    assert "but 'tiny'; give the training that name" in misnamed.stderr


def test_from_a_script(suite: Suite, tmp_path: Path) -> None:
    told: list[str] = []

    @contextlib.contextmanager
    def bar(planned: Any) -> Iterator[Any]:
        yield None, None

    done = execute.execute(
        execute.read(str(write(tmp_path / "mine.toml", RUNS))), tmp_path / "out",
        tell=told.append, running_bar=bar, training_bar=bar,  # type: ignore[arg-type]
    )  # fmt: skip
    assert [folder.parent for folder in done.folders] == [tmp_path / "out" / "runs"] * 2
    assert list(done.missing) == ["davis2016 (1 run)"]
    assert told[0].startswith("skipped: davis2016: ")
    assert told[1:] == ["copy-first on synthetic", "copy-first seed=1 root=data on folder"]
