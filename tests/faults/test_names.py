"""Kind 1: a name from anywhere, joined to a folder, never leads out of it."""

from __future__ import annotations

import ast
import functools
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import command_environment, make_folder_dataset

from vosbench import api, files, results
from vosbench.errors import DataError, UsageError, VosbenchError
from vosbench.resolve import open_dataset
from vosbench.running.config import RunConfig
from vosbench.running.execute import compute
from vosbench.running.plan import plan_run
from vosbench.types import Sequence, check_name

ROOT = Path(__file__).parents[2]
BAD = ["..", ".", "", " ", "../x", "/etc", "a/b", "a\\b", "a\nb", "a\x1bb", "a\u2028b", ".hidden"]


@pytest.mark.parametrize("name", [*BAD, None, 3, ["a"]])
def test_a_bad_name_is_refused_and_shown(name: object) -> None:
    with pytest.raises(DataError) as refused:
        check_name(name, "sequence", "val.txt")
    assert str(refused.value).startswith(f"sequence {name!r} in val.txt ")
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("name", ["bear", "bear.mp4", "a b", "köln", "00000", "a..b", "熊", "-x"])
def test_a_good_name_is_given_back(name: str) -> None:
    assert check_name(name, "sequence", "val.txt") == name


@pytest.mark.parametrize("name", BAD)
def test_a_sequence_has_good_names(name: str) -> None:
    parts: dict[str, Any] = {"frames": (), "prompts": {}, "truth": {}}
    with pytest.raises(DataError, match="sequence"):
        Sequence(name=name, frame_names=(), **parts)
    with pytest.raises(DataError, match="in sequence 'ant'"):
        Sequence(name="ant", frame_names=("00000", name), **parts)


def davis_2017(root: Path, line: str) -> None:
    (root / "ImageSets" / "2017").mkdir(parents=True)
    (root / "ImageSets" / "2017" / "val.txt").write_text(f"{line}\n", encoding="utf-8")


def davis_2016(root: Path, line: str) -> None:
    (root / "ImageSets" / "480p").mkdir(parents=True)
    pair = f"/JPEGImages/480p/{line}/00000.jpg /Annotations/480p/{line}/00000.png\n"
    (root / "ImageSets" / "480p" / "val.txt").write_text(pair, encoding="utf-8")


def segtrack(root: Path, line: str) -> None:
    (root / "ImageSets").mkdir()
    (root / "ImageSets" / "all.txt").write_text(f"*{line}\n", encoding="utf-8")


@pytest.mark.parametrize("line", ["..", "../../precious", "x\\y", "a\x07b"])
@pytest.mark.parametrize(
    ("dataset", "write"),
    [("davis2017", davis_2017), ("davis2016", davis_2016), ("segtrackv2", segtrack)],
)
def test_a_list_that_leads_out_destroys_nothing(
    tmp_path: Path, dataset: str, write: Any, line: str
) -> None:
    for part in ("JPEGImages/480p", "Annotations/480p", "GroundTruth"):
        (tmp_path / "D" / part).mkdir(parents=True)
    write(tmp_path / "D", line)
    precious = tmp_path / "runs" / "precious"
    precious.mkdir(parents=True)
    (precious / "00000.png").write_text("years")
    config = RunConfig(
        method="copy-first", dataset=dataset, root=tmp_path / "D", out=tmp_path / "runs"
    )
    with pytest.raises(VosbenchError):  # the pairs of 2016 lose `../..` in their own check
        compute(plan_run(config))
    assert (precious / "00000.png").read_text() == "years"


PLUGIN = """
import numpy as np
from vosbench.plugins.datasets.folder import CARD as OWN
import dataclasses
from vosbench.types import Sequence

CARD = dataclasses.replace(OWN, name={card!r})

class Data:
    card, split, names = CARD, "all", ({listed!r},)
    def sequence(self, name):
        frame, mask = np.zeros((4, 6, 3), np.uint8), np.ones((4, 6), np.uint8)
        return Sequence(name={named!r}, frames=[frame] * 2, frame_names=("0", {frame!r}),
                        prompts={{0: mask}}, truth={{0: mask, 1: mask}})

def load(root, *, split, resolution):
    return Data()
"""


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"listed": "../../precious"}, "sequence '../../precious' in dataset bad"),
        ({"named": ".."}, "sequence '..' in the dataset"),
        ({"frame": "..\\0"}, r"frame '..\\0' in sequence"),
        ({"frame": "../../../../precious/00000"}, "frame '../../../../precious/00000'"),
        ({"card": "../precious"}, "copy-first-../precious"),
    ],
)
def test_a_plugin_that_gives_bad_names_is_caught(
    tmp_path: Path, wrong: dict[str, str], message: str
) -> None:
    (tmp_path / "p" / "datasets").mkdir(parents=True)
    names = {"card": "bad", "listed": "ant", "named": "ant", "frame": "1"} | wrong
    (tmp_path / "p" / "datasets" / "bad.py").write_text(
        f'"""x"""\nSOURCE = "x"\n{PLUGIN.format(**names)}', encoding="utf-8"
    )
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "00000.png").write_text("years")
    ended = subprocess.run(
        [sys.executable, "-m", "vosbench", "run", "--method", "copy-first", "--dataset", "bad"],
        cwd=tmp_path, env=command_environment() | {"VOSBENCH_PLUGINS": str(tmp_path / "p")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
    assert (precious / "00000.png").read_text() == "years"


def test_folders_with_bad_names_are_named(tmp_path: Path) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 3})
    shutil.copytree(root / "images" / "ant", root / "images" / "a\\nt")
    with pytest.raises(DataError, match=r"sequence 'a\\\\nt' in .*images holds a path separator"):
        open_dataset("folder", root=root).sequence("a_nt")
    shutil.rmtree(root / "images" / "a\\nt")
    (root / "images" / "ant" / "00001.jpg").rename(root / "images" / "ant" / "0\n1.jpg")
    planned = plan_run(
        RunConfig(method="copy-first", dataset="folder", root=root, out=tmp_path / "runs")
    )
    assert r"frame '0\n1' in " in planned.broken["ant"]


@pytest.fixture
def scored(tmp_path: Path) -> Path:
    root = make_folder_dataset(tmp_path / "data", {"ant": 3})
    folder = api.run("copy-first", "folder", root=root, out=tmp_path / "runs").folder
    assert folder is not None
    return folder


@pytest.mark.parametrize(
    ("file", "keys"),
    [
        ("run.json", ("identity", "sequences", 0)),
        ("run.json", ("done", 0)),
        ("sequences/ant.json", ("frame_names", 1)),
        ("summary.json", ("sequences", 0, "sequence")),
        ("summary.json", ("objects", 0, "sequence")),
        ("summary.json", ("dataset", "split")),
        ("summary.json", ("protocol", "name")),
    ],
)
def test_names_in_a_runs_files_are_checked(
    scored: Path, file: str, keys: tuple[str | int, ...]
) -> None:
    whole = json.loads((scored / file).read_text())
    place = whole
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = "../../precious"
    (scored / file).write_text(json.dumps(whole))
    config = RunConfig(
        method="copy-first", dataset="folder", root=scored.parents[1] / "data", out=scored.parent
    )
    read = functools.partial(
        *((results.load_summary, scored) if file == "summary.json" else (plan_run, config))
    )
    with pytest.raises(DataError, match=rf"'../../precious' in .*{Path(file).name}"):
        read()


def test_a_flag_that_leads_out_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown sequence '\.\./x'"):
        plan_run(
            RunConfig(
                method="copy-first", dataset="synthetic", sequences=("../x",), out=tmp_path / "runs"
            )
        )


# the guard


@pytest.mark.parametrize("path", ["own", "own/..", "own/../other", "other/file", "own/link/file"])
def test_nothing_outside_is_removed_or_moved(tmp_path: Path, path: str) -> None:
    for folder in ("own", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").write_text("years")
    (tmp_path / "own" / "link").symlink_to(tmp_path / "other")
    with pytest.raises(DataError, match="nothing there is removed"):
        files.remove(tmp_path / path, inside=tmp_path / "own")
    with pytest.raises(DataError, match="nothing there is removed"):
        files.replace(tmp_path / "own" / "file", tmp_path / path, inside=tmp_path / "own")
    assert (tmp_path / "other" / "file").read_text() == "years"
    assert (tmp_path / "own" / "file").read_text() == "years"
    files.remove(tmp_path / "own" / "link", inside=tmp_path / "own")  # the link alone
    assert (tmp_path / "other" / "file").read_text() == "years"


def test_a_link_among_the_masks_goes_and_what_it_leads_to_stays(scored: Path) -> None:
    precious = scored.parents[1] / "precious"
    (scored / "masks" / "ant").rename(precious)
    (precious / "00002.png").unlink()  # not finished any more: made again
    (scored / "masks" / "ant").symlink_to(precious)
    config = RunConfig(
        method="copy-first", dataset="folder", root=scored.parents[1] / "data", out=scored.parent
    )
    assert compute(plan_run(config)).computed == ("ant",)
    assert sorted(path.name for path in precious.iterdir()) == ["00000.png", "00001.png"]
    assert not (scored / "masks" / "ant").is_symlink()
    (scored / "masks").rename(precious / "masks")
    (scored / "masks").symlink_to(precious / "masks")
    with pytest.raises(UsageError, match="masks is a link"):
        plan_run(config)


def test_a_note_among_masks_to_be_made_again_is_kept(scored: Path) -> None:
    (scored / "masks" / "ant" / "00002.png").unlink()
    (scored / "masks" / "ant" / "notes.txt").write_text("years")
    config = RunConfig(
        method="copy-first", dataset="folder", root=scored.parents[1] / "data", out=scored.parent
    )
    ran = compute(plan_run(config))
    assert "notes.txt is not of the run" in ran.failed["ant"]
    assert (scored / "masks" / "ant" / "notes.txt").read_text() == "years"
    (scored / "masks" / "ant" / "notes.txt").unlink()
    assert compute(plan_run(config)).computed == ("ant",)


def test_a_lock_that_is_a_link_empties_nothing(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "thesis.txt").write_text("years")
    (tmp_path / "run" / ".lock").symlink_to(tmp_path / "thesis.txt")
    with files.alone_in(tmp_path / "run"):
        pass
    assert (tmp_path / "thesis.txt").read_text() == "years"


REMOVERS = {"rmtree", "unlink", "remove", "removedirs", "rmdir", "rename", "renames", "move"}


def removals(text: str) -> list[str]:
    """Calls that remove, rename or replace on disk; `replace` of a text has two arguments."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of, name = ast.unparse(node.func.value), node.func.attr
            replaces = name == "replace" and (
                of == "os" or (len(node.args) == 1 and not node.keywords)
            )
            if (name in REMOVERS and (of == "os" or name != "remove")) or replaces:
                found.append(f"line {node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.ImportFrom) and node.module in ("os", "shutil"):
            found += [
                f"line {node.lineno}: from {node.module} import {alias.name}"
                for alias in node.names
                if alias.name in {*REMOVERS, "replace"}
            ]
    return found


@pytest.mark.parametrize("folder", ["vosbench", "methods", "datasets", "reports"])
def test_only_the_guard_removes(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        if path != ROOT / "vosbench" / "files.py":
            assert removals(path.read_text(encoding="utf-8")) == [], path


@pytest.mark.parametrize(
    "line",
    [
        "shutil.rmtree(x)",
        "path.unlink()",
        "os.replace(a, b)",
        "a.replace(b)",
        "from os import remove",
    ],
)
def test_the_walk_sees_what_removes(line: str) -> None:
    assert removals(line)
    assert not removals("'a'.replace('b', 'c')\nremove(a, inside=b)\nreplace(a, b, inside=c)")


def test_scores_of_a_frame_that_leads_out_are_refused(scored: Path) -> None:
    lines = (scored / "scores.csv").read_text().splitlines()
    sequence, number, _, *scores = lines[1].split(",")
    lines[1] = ",".join([sequence, number, "../../precious", *scores])
    (scored / "scores.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=r"frame '../../precious' in .*scores.csv"):
        _ = results.load(scored).frame_scores
    assert np.isfinite(results.load(scored).summary["J&F"])
