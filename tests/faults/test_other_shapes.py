"""Kind 11: a file of ours that parses but has another shape, or does not parse, is one sentence.

Every reading command is given every file of a run, damaged in every way: its status is not 0, the
sentence names the file, there is no traceback, and no file is lost.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import make_folder_dataset

from vosbench import api
from vosbench.cli import main
from vosbench.errors import DataError, UsageError, VosbenchError
from vosbench.files import misfit, read_json
from vosbench.inspection import folder as inspected
from vosbench.running.config import from_toml
from vosbench.suites import reading

TEXTS: dict[str, bytes] = {
    "null": b"null",
    "list": b"[]",
    "object": b"{}",
    "text": b'"run"',
    "number": b"5",
    "deep": b"[" * 100_000,
    "deep object": b'{"a":' * 50_000,
    "long number": b'{"protocol": ' + b"9" * 6000 + b"}",
    "NaN": b'{"J": NaN}',
    "utf-16": '{"J": 1}'.encode("utf-16"),
    "mark": b'\xef\xbb\xbf{"J": 1}',
    "cut": b'{"J": {"mean": 0.5',
    "empty": b"",
    "zeros": bytes(100),
    "latin": b'{"J": "\xe9"}',
}
VALUES = (None, [], {}, "x", -1, 10**4000, 1e999, [[]], True)
COMMANDS = {
    "compare": ("compare", "RUN"),
    "compare both": ("compare", "RUN", "OTHER"),
    "report": ("report", "RUN", "--out", "page"),
    "analyse": ("analyse", "RUN", "--what", "over-time"),
    "runtime": ("analyse", "RUN", "--what", "runtime,scores"),
    "evaluate": ("evaluate", "RUN"),
    "run": ("run", "--method", "copy-first", "--dataset", "folder", "--root", "DATA"),
}
# which files a command reads; one that it does not read may be anything
READS = {
    "run.json": {*COMMANDS},
    "summary.json": {*COMMANDS} - {"evaluate", "run"},
    "scores.csv": {"report", "analyse"},
    "sequences/ant.json": {"evaluate"},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and two scored runs."""
    place = tmp_path_factory.mktemp("made")
    root = make_folder_dataset(place / "data", {"ant": 5, "bee": 4})
    for seed in (0, 1):
        api.run("copy-first", "folder", root=root, out=place / "runs", seed=seed)
    return place


@pytest.fixture
def copied(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def status(copied: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    runs = sorted(path.name for path in (copied / "runs").iterdir())
    named = {"RUN": f"runs/{runs[0]}", "OTHER": f"runs/{runs[1]}", "DATA": f"{made}/data"}

    def typed(command: str) -> int:
        words = [named.get(word, word) for word in COMMANDS[command]]
        monkeypatch.setattr(sys, "argv", ["vosbench", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return typed


@pytest.mark.parametrize("how", TEXTS)
@pytest.mark.parametrize(
    ("file", "command"),
    [(file, command) for file, commands in READS.items() for command in sorted(commands)],
)
def test_a_file_of_another_shape_is_one_sentence(
    copied: Path,
    status: Callable[[str], int],
    capfd: pytest.CaptureFixture[str],
    file: str,
    command: str,
    how: str,
) -> None:
    run = min((copied / "runs").iterdir())
    (run / file).write_bytes(TEXTS[how])
    before = {path for path in run.rglob("*") if path.is_file()}
    assert status(command) != 0
    said = capfd.readouterr().err
    assert file.rpartition("/")[2] in said
    assert "Traceback" not in said
    assert before <= {path for path in run.rglob("*") if path.is_file()}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a value with every key of it, the first three of a list."""
    keys = value if isinstance(value, dict) else range(min(3, len(value)))
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from places(value[key])


@pytest.mark.parametrize("command", ["compare both", "evaluate"])
@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:9])
@pytest.mark.parametrize("file", ["run.json", "summary.json", "sequences/ant.json"])
def test_one_other_value_anywhere_is_a_sentence_or_nothing(
    copied: Path, status: Callable[[str], int], file: str, value: Any, command: str
) -> None:
    """No place of a file brings a traceback; what nobody reads may be anything."""
    path = min((copied / "runs").iterdir()) / file
    good = path.read_text()
    whole = json.loads(good)
    for number, (holder, key) in enumerate(list(places(whole))):
        if number % 3 == VALUES.index(value) % 3:  # a third of the places for each value
            kept, holder[key] = holder[key], value
            path.write_text(json.dumps(whole))
            holder[key] = kept
            status(command)
    path.write_text(good)


@pytest.mark.parametrize("how", TEXTS)
def test_a_damaged_record_is_told_and_its_sequence_made_anew(
    copied: Path, status: Callable[[str], int], capfd: pytest.CaptureFixture[str], how: str
) -> None:
    run = min((copied / "runs").iterdir())
    good = (run / "sequences" / "ant.json").read_bytes()
    (run / "sequences" / "ant.json").write_bytes(TEXTS[how])
    assert status("run") == 0
    said = capfd.readouterr().err
    assert "sequences/ant.json" in said
    assert "made anew" in said
    again = json.loads((run / "sequences" / "ant.json").read_bytes())
    assert again["masks_sha256"] == json.loads(good)["masks_sha256"]


TOML = {
    "deep": "a = " + "[" * 5000,
    "long number": "seed = " + "9" * 6000,
    "infinite": "seed = inf",
    "nan": "seed = nan",
    "mark": "\ufeffseed = [1]",
    "list": "seed = [1]",
    "table": "method = {a = 1}",
    "date": "method = 2020-01-01",
    "key": "sede = 1",
    "not": "{}",
    "run": "run = 5",
    "runs": "run = [5]",
    "train": "train = {}",
    "title": "title = 5",
    "datasets": "datasets = [[1]]",
    "grid": "[[run]]\nmethod = 'copy-first'\ngrid = 5",
    "set": "[[run]]\nmethod = 'copy-first'\nset = [1]",
}


@pytest.mark.parametrize("how", TOML)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_toml_of_another_shape_names_its_file(tmp_path: Path, how: str, encoding: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(TOML[how].encode(encoding))
    with pytest.raises(VosbenchError, match=r"mine\.toml"):
        from_toml(
            path, {"dataset": "folder"} | ({"method": "copy-first"} if "seed" in TOML[how] else {})
        )
    with pytest.raises(UsageError, match=r"mine\.toml"):
        reading.read(str(path))


def test_toml_may_begin_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("\ufeffseed = 1", encoding="utf-8")
    assert from_toml(path, {"dataset": "folder", "method": "copy-first"}).seed == 1


@pytest.mark.parametrize("how", TEXTS)
def test_an_inspection_of_another_shape_names_its_file(tmp_path: Path, how: str) -> None:
    (tmp_path / inspected.MARK).write_bytes(TEXTS[how])
    with pytest.raises(DataError, match=r"features\.json"):
        inspected.read(tmp_path)
    with pytest.raises(UsageError, match=r"features\.json"):
        inspected.check_place(tmp_path)
    (tmp_path / inspected.MARK).write_text('{"key": "", "tables": ["t"], "figures": []}')
    (tmp_path / "t.json").write_bytes(TEXTS[how])
    with pytest.raises(DataError, match=r"is damaged: t\.json"):
        inspected.read(tmp_path)


@pytest.mark.parametrize("how", TEXTS)
def test_a_card_of_another_shape_names_its_file(tmp_path: Path, how: str) -> None:
    from vosbench.toolbox.methods.weights import card_of

    (tmp_path / "w.safetensors").write_bytes(b"")
    (tmp_path / "w.json").write_bytes(TEXTS[how])
    with pytest.raises(DataError, match=r"w\.json"):
        card_of(tmp_path / "w.safetensors")


def test_shapes_may_be_optional_and_one_of_several(tmp_path: Path) -> None:
    shape = {"a?": (type(None), {"b": int})}
    assert [misfit(each, shape) for each in ({}, {"a": None}, {"a": {"b": 1}})] == ["", "", ""]
    assert misfit({"a": {"b": "x"}}, shape) == "a.b is 'x', expected a number"
    assert "expected a number" in misfit({"a": {"b": 10**40}}, shape)
    (tmp_path / "x.json").write_text('{"a": {"b": 1e999}}')
    with pytest.raises(DataError, match=r"x\.json is not it: a\.b is inf"):
        read_json(tmp_path / "x.json", {"a": {"b": (int, float)}}, what="it", remedy="")


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        ("read_table", "a,b\n1,x\n"),
        ("read_table", "a,b\n1\n"),
        ("read_table", "a\n1,2\n"),
        ("cut_logs", "\x00\x00\n1,2\x00\n\n"),
        ("cut_logs", "a,b\none,2\n"),
        ("cut_logs", "a\n1.5\n"),
    ],
)
def test_a_damaged_log_of_a_training_names_its_file(tmp_path: Path, reader: str, text: str) -> None:
    from vosbench.training import folder

    log = tmp_path / "log.csv"
    log.write_text(text)
    with pytest.raises(DataError, match=r"log\.csv is damaged"):
        folder.read_table(log) if reader == "read_table" else folder.cut_logs(tmp_path, 5)
    assert log.read_text() == text


AT = (
    '{{"step": {step}, "seconds": 1, "sums": {sums}, "defined": {defined}, "counted": 1, '
    '"since": 1}}'
)


@pytest.mark.parametrize(
    "state",
    [
        "null",
        "[]",
        "{}",
        "[" * 50_000,
        '{"step": "x"}',
        '{"step": 1, "seconds": 1e999}',
        "{",
        AT.format(step=-1, sums="{}", defined="{}"),
        AT.format(step=10, sums="{}", defined="{}"),
        AT.format(step=1, sums='{"loss": "x"}', defined='{"loss": 1}'),
        AT.format(step=1, sums='{"loss": 1}', defined="{}"),
    ],
)
def test_a_checkpoint_of_another_shape_names_its_file(tmp_path: Path, state: str) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    from vosbench.training.folder import CHECKPOINT, load_checkpoint

    network = torch.nn.Linear(2, 2)
    tensors = {f"module/{key}": value for key, value in network.state_dict().items()}
    save_file(tensors, tmp_path / CHECKPOINT, metadata={"state": state})
    with pytest.raises(DataError, match=r"checkpoint\.safetensors"):
        load_checkpoint(tmp_path, network, torch.optim.SGD(network.parameters()), steps=9)
