"""Kind 15: names with `$`, in other encodings, too long or with invisible signs; marks in lists."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from conftest import Vosbench, make_folder_dataset

from vosbench import api
from vosbench.errors import DataError
from vosbench.toolbox.datasets.layout import read_names

ODD = {  # a folder's name -> the name that stands for it, and why
    b"caf\xe9": ("caf_", "is not UTF-8"),
    b"x" * 252: ("x" * 60, "is longer than 200 bytes"),
    "a\u200bnt".encode(): ("a_nt", r"'a\\u200bnt' .* holds an invisible sign"),
    "\ufeffant".encode(): ("_ant", r"'\\ufeffant' .* holds an invisible sign"),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_name_costs_only_its_own_sequence(
    tmp_path: Path, command: Vosbench, name: bytes
) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 3})
    for kind in ("images", "masks"):
        shutil.copytree(root / kind / "ant", root / kind / os.fsdecode(name))
    stands, words = ODD[name]
    opened = api.dataset("folder", root=root)
    assert sorted(opened.names) == sorted(["ant", stands])
    with pytest.raises(DataError, match=words) as told:
        opened.sequence(stands)
    assert str(told.value).isprintable()
    ended = command("run", "--method", "copy-first", "--dataset", "folder", "--root", root)
    assert ended.returncode == 1
    assert f"NOT COMPLETE, failed: {stands}" in " ".join(ended.stdout.split())
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfant\nbee\n", b"ant\r\nbee\r\n", b"ant\rbee",
        b"\xef\xbb\xbf\r\nant\r\n\r\nbee",
        "ant\r\nbee\r\n".encode("utf-16"), b"\xfe\xff" + "ant\nbee".encode("utf-16-be"),
    ],
)  # fmt: skip
def test_marks_and_line_ends_of_lists(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "val.txt").write_bytes(content)
    assert read_names(tmp_path / "val.txt", "names") == ("ant", "bee")


def test_a_list_in_another_encoding_and_one_with_names_twice_are_told(tmp_path: Path) -> None:
    (tmp_path / "val.txt").write_bytes("ant\nfourmi d'été".encode("latin-1"))
    assert read_names(tmp_path / "val.txt", "names") == ("ant", "fourmi d'�t�")
    (tmp_path / "val.txt").write_text("\n".join([*map(str, range(100_000)), "7", "bee", "bee"]))
    with pytest.raises(DataError, match=r"val\.txt lists 7, bee more than once"):
        read_names(tmp_path / "val.txt", "names")  # at once, too


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8", "xx_YY.nonsense"])
def test_names_are_the_same_in_any_locale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Vosbench, locale: str
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    root = make_folder_dataset(tmp_path / "data", {"mon été": 3, "熊": 4})
    arguments = ("run", "--method", "copy-first", "--dataset", "folder", "--root", root)
    for workers in (1, 2):
        ended = command(*arguments, "--workers", workers, "--out", f"{workers}")
        assert ended.returncode == 0, ended.stderr
        done = tmp_path / f"{workers}" / "copy-first-folder-data" / "masks"
        assert {path.name for path in done.iterdir()} == {"mon été", "熊"}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "name", ["p$a_b_c$", "$x^{$", r"cost in $ or $", "100%$_$", "熊 $熊_熊_熊$"]
)
def test_a_report_of_names_that_look_like_formulas(tmp_path: Path, name: str) -> None:
    root = make_folder_dataset(tmp_path / "data", {name: 12, "bee": 12})
    runs = [
        api.run("optical-flow", "folder", root=root, out=tmp_path / "runs", options=options)
        for options in ({}, {"label": "soft"})
    ]
    page = api.report(runs, tmp_path / "report")
    assert name in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cam\xe9l\xe9on".encode("latin-1"), "does not name it in UTF-8; save the list as UTF-8"),
        (b"x" * 252, "the list has a longer name than 200 bytes; rename it"),
    ],
)
def test_a_bad_name_in_a_list_costs_itself_alone(
    tmp_path: Path, command: Vosbench, line: bytes, words: str
) -> None:
    source = make_folder_dataset(tmp_path / "own", {"ant": 4})
    root = tmp_path / "DAVIS-2017"
    for ours, theirs in (("images", "JPEGImages"), ("masks", "Annotations")):
        (root / theirs).mkdir(parents=True)
        (source / ours).rename(root / theirs / "480p")
    (root / "ImageSets" / "2017").mkdir(parents=True)
    (root / "ImageSets" / "2017" / "val.txt").write_bytes(b"ant\n" + line + b"\n")
    arguments = ("run", "--method", "copy-first", "--dataset", "davis2017", "--root", root)
    ended = command(*arguments)
    assert ended.returncode == 1
    assert words in ended.stderr
    assert "NOT COMPLETE" in ended.stdout
    assert "Traceback" not in ended.stderr
    assert len(list((tmp_path / "runs").glob("*/masks/ant/*.png"))) == 4


def test_results_may_lie_in_a_folder_of_any_name(tmp_path: Path, command: Vosbench) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 3})
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    odd.mkdir()
    method = ("--method", "copy-first", "--out")
    for arguments in (
        ("run", "--dataset", "folder", "--root", root, *method, odd / "runs"),
        (
            "segment",
            root / "images/ant",
            "--mask",
            root / "masks/ant/00000.png",
            *method,
            odd / "o",
        ),
        ("show", odd / "runs/copy-first-folder-data", "--out", odd / "ant.gif"),
        ("compare", odd / "runs/copy-first-folder-data"),
        ("evaluate", odd / "runs/copy-first-folder-data", "--out", odd / "scores"),
    ):
        ended = command(*arguments)
        assert ended.returncode == 0, ended.stderr
        assert "Traceback" not in ended.stderr
    assert {path.name for path in odd.iterdir()} == {"runs", "o", "ant.gif", "scores"}
