"""Kind 2: a folder is replaced only where all in it was written by the command that replaces it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import make_folder_dataset
from test_inspection_folder import looked

from vosbench import api, files, results
from vosbench.errors import UsageError
from vosbench.inspection import folder as features_folder
from vosbench.reporting import report
from vosbench.training import plan

YEARS = "years of work"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> results.Result:
    home = tmp_path_factory.mktemp("scored")
    root = make_folder_dataset(home / "data", {"ant": 3}, objects=1)
    return api.run("copy-first", "folder", root=root, out=home / "runs")


@pytest.fixture(scope="module")
def made(run: results.Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "report"
    report.write([run], out, title="Old")
    return out


@pytest.mark.parametrize(
    "mark",
    ["{}", "[]", "null", "7", '"vosbench"', "", "{", '{"vosbench": "1"}', "[" * 9999,
     '{"vosbench": "1", "runs": []}', '{"vosbench": "1", "runs": [], "files": {}}'],
)  # fmt: skip
def test_a_file_of_that_name_is_no_mark(run: results.Result, tmp_path: Path, mark: str) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "report.json").write_text(mark)
    (out / "thesis.txt").write_text(YEARS)
    with pytest.raises(UsageError, match=r"is not replaced; give another --out|earlier version"):
        report.write([run], out, title="")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]
    assert (out / "thesis.txt").read_text() == YEARS
    assert (out / "report.json").read_text() == mark


def a_picture(out: Path) -> Path:
    return out / "figures" / "mine.png"


def a_note(out: Path) -> Path:
    return out / "notes" / "deep" / "notes.txt"


def hidden(out: Path) -> Path:
    return out / ".notes"


@pytest.mark.parametrize("place", [a_picture, a_note, hidden])
def test_a_report_with_a_file_of_the_user_is_not_replaced(
    run: results.Result, made: Path, tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    out = tmp_path / "report"
    shutil.copytree(made, out)
    mine = place(out)
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text(YEARS)
    top = mine.relative_to(out).parts[0]
    with pytest.raises(UsageError, match="in it is not part of the report; move") as refused:
        report.write([run], out, title="New")
    assert top in str(refused.value)
    assert mine.read_text() == YEARS
    assert "Old" in (out / "index.html").read_text(encoding="utf-8")
    shutil.rmtree(out / top) if mine.parent.name == "deep" else mine.unlink()
    report.write([run], out, title="New")
    assert "New" in (out / "index.html").read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report"]


def test_a_link_in_a_report_is_the_users(run: results.Result, made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "report")
    (tmp_path / "precious").mkdir()
    (tmp_path / "report" / "more").symlink_to(tmp_path / "precious")
    with pytest.raises(UsageError, match="'more' in it is not part of the report"):
        report.write([run], tmp_path / "report", title="")
    assert (tmp_path / "precious").is_dir()


def test_what_comes_while_a_report_is_made_is_kept(
    run: results.Result, made: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    shutil.copytree(made, out)
    with pytest.raises(UsageError, match=r"'late.txt' in it"):
        report.write(
            [run], out, title="", progress=lambda _: (out / "late.txt").write_text(YEARS) and None
        )
    assert (out / "late.txt").read_text() == YEARS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report"]


def test_the_folder_one_is_in_is_not_replaced(
    run: results.Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for out in (Path(), Path(".."), tmp_path):
        with pytest.raises(UsageError, match="is the folder that you are in"):
            report.write([run], out, title="")
    assert report.write([run], Path("here"), title="").page.is_file()


@pytest.mark.parametrize("when", ["first", "second", "third"])
def test_a_kill_while_places_change_loses_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    calls = iter(("first", "second", "third"))

    def killed(real: Callable[..., None]) -> Callable[..., None]:
        def act(*given: Path, **named: Path) -> None:
            if next(calls) == when:
                raise KeyboardInterrupt
            real(*given, **named)

        return act

    monkeypatch.setattr(files, "replace", killed(files.replace))
    monkeypatch.setattr(files, "remove", killed(files.remove))
    with pytest.raises(KeyboardInterrupt):
        files.replace_folder(tmp_path / "new", tmp_path / "old")
    monkeypatch.undo()
    files.give_back(tmp_path / "old")
    assert (tmp_path / "old" / "file").read_text() == ("new" if when == "third" else "old")
    if when != "third":
        assert (tmp_path / "new" / "file").read_text() == "new"
        files.replace_folder(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old" / "file").read_text() == "new"


@pytest.mark.parametrize(
    ("name", "text"),
    [("features.json", '{"type": "FeatureCollection"}'), ("features.json", "[]"),
     ("one.csv", YEARS), ("notes.txt", YEARS)],
)  # fmt: skip
def test_inspect_replaces_only_what_it_wrote(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match="is not replaced"):
        features_folder.write([looked()], tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, text)]


def test_what_was_inspected_is_replaced_unless_something_is_beside(tmp_path: Path) -> None:
    folder = tmp_path / "inspected"
    features_folder.write([looked()], folder, key="a")
    features_folder.write([looked()], folder, key="b")
    assert features_folder.read(folder, key="a") is None
    assert features_folder.read(folder, key="b") is not None
    (folder / "mine.png").write_text(YEARS)
    with pytest.raises(UsageError, match=r"'mine\.png' in it is not part of what was inspected"):
        features_folder.write([looked()], folder, key="c")
    assert (folder / "mine.png").read_text() == YEARS
    assert [path.name for path in tmp_path.iterdir()] == ["inspected"]


@pytest.mark.parametrize("keys", [("tables", 0), ("figures", 0, "name")])
def test_names_in_features_json_are_checked(tmp_path: Path, keys: tuple[str | int, ...]) -> None:
    features_folder.write([looked()], tmp_path / "kept")
    mark = tmp_path / "kept" / features_folder.MARK
    said = json.loads(mark.read_text())
    place = said
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = "../../precious"
    mark.write_text(json.dumps(said))
    with pytest.raises(Exception, match=r"'../../precious' in .*features.json"):
        features_folder.read(tmp_path / "kept")


@pytest.mark.parametrize("name", ["log.csv", "weights.safetensors", "thesis.txt"])
def test_a_training_begins_in_no_folder_of_the_user(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(YEARS)
    with pytest.raises(UsageError, match=rf"holds '{name}' but no training.json"):
        plan._refuse_existing(tmp_path, resume=False)
    assert (tmp_path / name).read_text() == YEARS
