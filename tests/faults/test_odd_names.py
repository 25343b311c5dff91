"""Kind 15: names with `$`, in other encodings, too long or with invisible signs; marks in lists."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from conftest import Vosbench, make_folder_dataset

from vosbench import api
from vosbench.errors import DataError
from vosbench.toolbox.datasets.layout import read_lines

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
    [b"\xef\xbb\xbfant\nbee\n", b"ant\r\nbee\r\n", b"\xef\xbb\xbf\r\nant\r\n\r\nbee", b"ant\rbee"],
)
def test_marks_and_line_ends_of_lists(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "val.txt").write_bytes(content)
    assert read_lines(tmp_path / "val.txt", "names") == ("ant", "bee")


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
