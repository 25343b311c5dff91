"""Training: settings, exact resuming, several processes, what is written and refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from conftest import PLUGINS
from PIL import Image
from safetensors.numpy import load_file
from typer.testing import CliRunner

from vosbench import registry
from vosbench.cli import application
from vosbench.errors import DataError, PluginError, UsageError, VosbenchError
from vosbench.toolbox.methods.weights import FOLDER
from vosbench.training.folder import State, add_line, cut_logs, read_table, thinned
from vosbench.training.plan import TrainConfig, plan_training
from vosbench.training.settings import Settings, choose


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Train = Callable[..., Done]


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips of noise that slides by, and one that is too short."""
    root = tmp_path_factory.mktemp("videos")
    for number, length in enumerate((9, 10, 11, 12, 13, 14, 2)):
        noise = np.random.default_rng(number).integers(0, 255, (24, 60, 3), dtype=np.uint8)
        folder = root / f"clip{number}"
        folder.mkdir()
        for i in range(length):
            Image.fromarray(noise[:, 2 * i : 2 * i + 32]).save(folder / f"{i:03d}.png")
    return root


@pytest.fixture
def train(
    tmp_path: Path, videos: Path, monkeypatch: pytest.MonkeyPatch, test_plugins: None
) -> Iterator[Train]:
    """Run `vosbench train --method tiny-trainable` in tmp_path, in this process or in its own."""
    import torch

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOSBENCH_CACHE", str(videos.parent / "cache"))
    monkeypatch.setenv("VOSBENCH_PLUGINS", str(PLUGINS))  # for processes that a training starts
    threads = torch.get_num_threads()

    def run(*arguments: str, fault: str = "none:0", apart: bool = False) -> Done:
        monkeypatch.setenv("TINY_FAULT", fault)
        words = ["train", "--method", "tiny-trainable", "--videos", str(videos), "--threads", "1"]
        if apart:
            ended = subprocess.run(
                [sys.executable, "-m", "vosbench", *words, *arguments],
                capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
            return Done(ended.returncode, ended.stdout, ended.stderr)
        result = CliRunner().invoke(application(), [*words, *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            if not isinstance(result.exception, VosbenchError):
                raise result.exception
            return Done(1, result.stdout, f"{result.stderr}error: {result.exception}")
        return Done(result.exit_code, result.stdout, result.stderr)

    yield run
    torch.set_num_threads(threads)


def folder_in(out: Path) -> Path:
    (folder,) = out.iterdir()
    return folder


def losses(folder: Path) -> list[tuple[float, ...]]:
    return [tuple(row[k] for k in ("step", "loss", "worst", "lr"))
            for row in read_table(folder / "log.csv")]  # fmt: skip


def weights(folder: Path) -> dict[str, Any]:
    tensors = load_file(folder / "checkpoint.safetensors")
    return {key: value for key, value in tensors.items() if key.startswith("module/")}


def test_a_killed_training_goes_on_exactly(train: Train, tmp_path: Path) -> None:
    often = ("--set", "checkpoint_minutes=0.0", "--set", "log_every=3")
    whole = train(*often, "--out", "whole")
    assert whole.returncode == 0, whole.stderr
    killed = train(*often, "--out", "cut", fault=f"SIGKILL:{7 / 12}", apart=True)
    assert killed.returncode == -9
    folder = folder_in(tmp_path / "cut")
    with (folder / "log.csv").open("a") as log:  # as if the kill came before the next checkpoint
        log.write("9,0.5,0.5,0.001,1.0\n12,0.5")
    assert not (folder / "weights.safetensors").exists()
    resumed = train(*often, "--out", "cut", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    expected = folder_in(tmp_path / "whole")
    assert losses(folder) == losses(expected)
    assert [row[0] for row in losses(folder)] == [3, 6, 9, 12]
    assert weights(folder).keys() == weights(expected).keys()
    for key, value in weights(expected).items():
        assert np.array_equal(weights(folder)[key], value), key
    written = [(path / "weights.safetensors").read_bytes() for path in (folder, expected)]
    assert written[0] == written[1]


def test_ctrl_c_leaves_a_checkpoint(train: Train, tmp_path: Path) -> None:
    stopped = train(fault=f"SIGTERM:{5 / 12}")
    assert stopped.returncode == 130
    assert "stopped after step 6; continue with --resume" in stopped.stdout
    refused = train()
    assert refused.returncode == 1
    assert "holds a training; --resume continues it, another --out starts" in refused.stderr
    other = train("--resume", "--threads", "2", "--seed", "0", "--precision", "bf16-mixed")
    assert other.returncode == 1
    assert "cannot be resumed, it was started with other settings:" in other.stderr
    assert "precision: 32-true -> bf16-mixed" in other.stderr
    assert "threads: 1 -> 2" in other.stderr
    assert train("--resume").returncode == 0
    assert losses(folder_in(tmp_path / "trainings"))[-1][0] == 12


def test_two_processes_give_the_gradients_of_one(train: Train, tmp_path: Path) -> None:
    plain = [f"--set={key}" for key in ("optimizer=sgd", "momentum=0", "lr=1", "warmup=0",
             "schedule=constant", "steps=1")]  # fmt: skip
    for processes in ("1", "2"):
        done = train(*plain, "--processes", processes, "--out", processes)
        assert done.returncode == 0, done.stderr
    one, two = (weights(folder_in(tmp_path / name)) for name in "12")
    plugin = registry.load("methods", "tiny-trainable")
    start = plugin.trainee(plugin.Options(), plugin.Training(), seed=0).state_dict()
    for key, value in one.items():
        before = start[key.removeprefix("module/")].numpy()
        assert np.abs(value - before).max() > 1e-4  # with this optimiser a step is its gradient
        assert np.abs(two[key] - value).max() < 1e-6, key
    assert "a batch of 4 cannot be split over 3" in train("--processes", "3").stderr
    # what one process alone meets, while the other waits for it, is told as if there were no other
    (folder_in(tmp_path / "2") / "checkpoint.safetensors").unlink()
    (folder_in(tmp_path / "2") / "log.csv").write_text("step,loss\nx,1\n")
    damaged = train(*plain, "--processes", "2", "--out", "2", "--resume")
    assert damaged.returncode == 1
    assert "log.csv is damaged: invalid literal" in damaged.stderr


def test_a_process_that_is_killed_is_told(train: Train) -> None:
    killed = train("--set", "checkpoint_minutes=0", "--processes", "2", fault=f"SIGKILL:{7 / 12}")
    assert killed.returncode == 1
    assert re.search(r"process [01] of the training was ended by SIGKILL, as a sys", killed.stderr)
    assert "the last good checkpoint is kept in" in killed.stderr


def test_a_loss_that_is_not_finite_ends_it(train: Train, tmp_path: Path) -> None:
    ended = train("--set", "checkpoint_minutes=0", fault=f"nan:{8 / 12}")
    assert ended.returncode == 1
    assert "the loss is inf, not finite, at step 9, learning rate 0.000" in ended.stderr
    assert "the last good checkpoint is kept in" in ended.stderr
    folder = folder_in(tmp_path / "trainings")
    assert all(np.isfinite(value).all() for value in weights(folder).values())


def test_what_runs_after_a_training_has_its_threads_again(train: Train) -> None:
    import torch

    torch.set_num_threads(2)
    assert train().returncode == 0
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(
    ("key", "name", "words"),
    [
        ("start", "none-there", r"none-there.safetensors are missing"),
        ("start", "colorization", r"trained by colorization; rpmnet can start from"),
        ("weights", "none-there", r"none-there.safetensors are missing"),
        ("weights", "colour-reconstruction", r"trained by colour-reconstruction, rpmnet cannot"),
    ],
)
def test_weights_to_start_from_are_read_before_anything_is_written(
    key: str, name: str, words: str, tmp_path: Path, videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOSBENCH_CACHE", str(tmp_path / "cache"))
    config = TrainConfig(
        method="rpmnet",
        videos=videos,
        values={"start": "none", key: str(FOLDER / "2026-11" / f"{name}.safetensors")},
        out=tmp_path / "out",
    )
    with pytest.raises(DataError, match=words):
        plan_training(config)
    assert list(tmp_path.iterdir()) == []


def test_what_a_training_leaves(train: Train, tmp_path: Path, videos: Path) -> None:
    done = train("--set", "width=6", "--seed", "3")
    assert done.returncode == 0, done.stderr
    assert "skipped clip6: 2 frames, at least 5 are needed" in done.stderr
    assert "12 steps on 5 clips, 1 more held out, 1 skipped" in done.stderr
    assert "warning: collapsed to grey" in done.stderr
    assert "step 12/12: loss" in done.stderr
    folder = folder_in(tmp_path / "trainings")
    assert folder.name == "tiny-trainable-seed=3-width=6"
    training = json.loads((folder / "training.json").read_text())
    assert training["identity"]["settings"]["crop"] == 16
    assert set(training["identity"]["clips"]) == {f"clip{i}" for i in range(6)}
    assert len(training["held_out"]) == 1
    assert list(folder.glob("events.out.tfevents*"))
    assert read_table(folder / "diagnostics.csv")[-1]["step"] == 12
    with Image.open(folder / "pictures" / "step-000012.png") as picture:
        assert picture.size == (16 + 4 + 16, 16 + 14)
    text = (folder / "weights.json").read_text()
    assert str(videos.parent) not in text  # a card is shown to others
    card = json.loads(text)
    assert card["command"] == (
        f"vosbench train --method tiny-trainable --videos {videos.name} --set width=6 "
        "--seed 3 --threads 1"
    )
    assert (card["options"], card["recipe"], card["steps"]) == ({"width": 6}, "quick", 12)
    assert card["complaints"] == ["collapsed to grey"]
    assert card["clips"]["count"] == 6
    assert len(card["curve"]) == 6
    assert load_file(folder / "weights.safetensors")["1.weight"].dtype == np.float16


def test_what_was_trained_is_a_backbone_of_label_propagation(train: Train, tmp_path: Path) -> None:
    import torch

    assert train("--set", "width=6", "--set", "steps=2").returncode == 0
    folder = folder_in(tmp_path / "trainings")
    path, card = folder / "weights.safetensors", folder / "weights.json"
    assert json.loads(card.read_text())["encoder"] == {
        "prefix": "0.", "builder": "encoder", "backbone": "compact", "dim": 6, "norm": "group",
        "stride": 4, "colours": "lab",
    }  # fmt: skip
    plugin = registry.load("methods", "label-propagation")
    options = plugin.Options(backbone="tiny-trainable", weights=path, size="native")

    def build() -> Any:
        return plugin.build(options, device="cpu", seed=0)

    frame = np.random.default_rng(3).integers(0, 256, (60, 84, 3)).astype(np.uint8)
    with torch.inference_mode():
        found = build().encoder(frame)
    assert tuple(found.shape) == (6, 15, 21)
    mask = np.zeros((60, 84), np.uint8)
    mask[20:40, 30:60] = 1
    first, second = build().segment([frame, frame], {0: mask})
    assert np.array_equal(first, mask)
    assert set(np.unique(second)) <= {0, 1}  # after two steps it knows nothing yet

    without = {k: v for k, v in json.loads(card.read_text()).items() if k != "encoder"}
    card.write_text(json.dumps(without))
    with pytest.raises(
        DataError, match=r"nothing of an encoder: where tiny-trainable has one, its"
    ):
        build()
    assert train("--set", "width=6", "--set", "steps=2", "--resume").returncode == 0  # as it says
    with torch.inference_mode():
        assert torch.equal(build().encoder(frame), found)
    card.unlink()
    with pytest.raises(DataError, match=r"have no card beside them: copy weights\.json there too"):
        build()


def test_nothing_says_that_clips_were_held_out_when_none_was(train: Train, tmp_path: Path) -> None:
    done = train("--set", "held_out=0", "--set", "steps=1")
    assert done.returncode == 0
    assert "step 1, training clips: " in done.stderr
    assert "held-out" not in done.stderr
    folder = folder_in(tmp_path / "trainings")
    assert json.loads((folder / "weights.json").read_text())["clips"]["held_out"] == 0
    assert json.loads((folder / "training.json").read_text())["held_out"] == []


def test_settings_come_from_recipe_and_flags(test_plugins: None) -> None:
    chosen = choose("tiny-trainable", {"lr": "0.01", "noise": "0.5", "width": "8"})
    assert (chosen.recipe, chosen.settings.steps, chosen.settings.lr) == ("quick", 12, 0.01)
    assert (chosen.options.width, chosen.training.noise) == (8, 0.5)
    assert choose("tiny-trainable", {"training.noise": "0.1"}).training.noise == 0.1
    long = choose("tiny-trainable", {"recipe": "long", "batch": "2"})
    assert (long.settings.epochs, long.settings.batch, long.training.noise) == (10, 2, 0.01)
    assert choose("tiny-trainable", {"epochs": "3", "steps": "0"}).settings.epochs == 3


def test_epochs_that_would_not_count_are_refused(test_plugins: None) -> None:
    with pytest.raises(UsageError, match=r"epochs=3 .* steps=12 where it is not set; set steps=0"):
        choose("tiny-trainable", {"settings.epochs": "3"})
    with pytest.raises(UsageError, match=r"epochs=3 counts with steps=0 only, and steps=5; set"):
        choose("tiny-trainable", {"epochs": "3", "steps": "5"})


def test_unknown_keys_list_the_known_by_group(test_plugins: None) -> None:
    with pytest.raises(UsageError) as caught:
        choose("tiny-trainable", {"widht": "3"})
    text = str(caught.value)
    assert "no option or setting 'widht'; did you mean 'width'? valid are recipe=NAME and" in text
    assert "options: width=4" in text
    assert "training: noise=0.01" in text
    assert "settings: steps=2000" in text
    with pytest.raises(UsageError, match="no recipe 'quik'; did you mean 'quick'"):
        choose("tiny-trainable", {"recipe": "quik"})
    with pytest.raises(UsageError, match="setting lr=fast: expected a finite number"):
        choose("tiny-trainable", {"lr": "fast"})
    with pytest.raises(UsageError, match="setting gap_max=2: expected 3 or more"):
        choose("tiny-trainable", {"gap_min": "3", "gap_max": "2"})
    with pytest.raises(UsageError, match="setting lr=inf: expected a finite number"):
        choose("tiny-trainable", {"lr": "inf"})
    with pytest.raises(UsageError, match="setting diagnosed=100000: expected 1024 samples at most"):
        choose("rpmnet", {"diagnosed": "100000"})
    with pytest.raises(UsageError, match="setting crop=8: expected 0 or at least 16 px"):
        choose("tiny-trainable", {"crop": "8"})
    with pytest.raises(UsageError, match=r"copy-first is not .* trained; these are: .*tiny-train"):
        choose("copy-first", {})


def test_a_name_of_two_groups_is_asked_for(
    test_plugins: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = registry.load("methods", "tiny-trainable")
    monkeypatch.setattr(plugin, "Training", plugin.Options)
    with pytest.raises(
        UsageError, match=r"'width' twice; say which: options\.width or training\.w"
    ):
        choose("tiny-trainable", {"width": "3", "recipe": "long"})
    with pytest.raises(PluginError, match="'noise' of its recipe 'quick' is of neither"):
        choose("tiny-trainable", {})


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_that_no_generator_takes_is_refused(seed: int) -> None:
    with pytest.raises(UsageError, match=f"--seed {seed}: expected 0"):
        TrainConfig(method="rpmnet", videos=Path(), seed=seed)


def test_a_full_disk_is_told_in_one_line(
    train: Train, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gfile = pytest.importorskip("tensorboard.compat.tensorflow_stub.io.gfile")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    printed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", printed.append)
    monkeypatch.setattr(gfile.LocalFileSystem, "_write", full)  # a thread of TensorBoard's writes
    with pytest.raises(OSError, match="No space left"):
        train()
    assert printed == []
    assert "Traceback" not in capsys.readouterr().err


def test_schedules() -> None:
    paper = Settings(steps=0, epochs=100, batch=8, schedule="poly", warmup=0, lr=1e-3)
    assert paper.total_steps(80) == 1000
    assert paper.rate(9, clips=80) == 1e-3  # the first epoch's last step
    assert paper.rate(10, clips=80) == pytest.approx(1e-3 * 0.99**0.9)
    assert paper.rate(999, clips=80) == pytest.approx(1e-3 * 0.01**0.9)
    cosine = Settings(steps=110, warmup=10, lr=1.0)
    assert cosine.rate(0, clips=5) == pytest.approx(0.1)
    assert cosine.rate(9, clips=5) == pytest.approx(1.0)
    assert cosine.rate(60, clips=5) == pytest.approx(0.5)
    constant = Settings(steps=10, warmup=0, schedule="constant", lr=0.2)
    assert constant.rate(9, clips=5) == 0.2


def test_logs_are_cut_and_thinned(tmp_path: Path) -> None:
    for step in range(1, 5):
        add_line(tmp_path / "log.csv", {"step": step, "loss": 1 / step})
    cut_logs(tmp_path, 2)
    assert read_table(tmp_path / "log.csv") == [{"step": 1, "loss": 1.0}, {"step": 2, "loss": 0.5}]
    cut_logs(tmp_path, 0)
    assert not (tmp_path / "log.csv").exists()
    (tmp_path / "log.csv").touch()  # what a full disk leaves
    cut_logs(tmp_path, 2)
    assert not (tmp_path / "log.csv").exists()
    rows = [{"step": float(i)} for i in range(1000)]
    assert len(thinned(rows)) == 60
    assert (thinned(rows)[0], thinned(rows)[-1]) == (rows[0], rows[-1])


def test_what_is_undefined_in_some_steps_is_averaged_over_the_others() -> None:
    state = State()
    for value in (1.0, float("nan"), 3.0):
        state.add({"loss": 1.0, "photometric": value}, seconds=0.5)
    assert state.line(0.1, images=6) == {
        "step": 3, "loss": 1.0, "photometric": 2.0, "lr": 0.1, "images_per_second": 12.0,
    }  # fmt: skip
    assert state.counted == 0


def test_help_imports_no_torch() -> None:
    code = (
        "import sys\nfrom vosbench.cli import application\n"
        "try:\n    application()(['train', '--help'])\nexcept SystemExit:\n    pass\n"
        "assert not {'torch', 'numpy', 'cv2', 'lightning_fabric'} & set(sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "recipe=NAME" in ended.stdout
