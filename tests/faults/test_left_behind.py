"""Kind 16: what a killed process or a full disk leaves behind goes, and nothing else does."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from vosbench import files
from vosbench.drawing.exhibit import Exhibit
from vosbench.inspection import folder as inspected

NOBODY = 2**22 + 1  # above the largest number of a process on Linux


def test_half_a_file_goes_when_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run.json").write_text("before")

    def full(path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            file.write(content[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    for write in (files.write_bytes, lambda path, _: files.write_json(path, {"a": 1})):
        with pytest.raises(OSError, match=r"No space left on device: '.*/run\.json'"):
            write(tmp_path / "run.json", b"after")
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    assert (tmp_path / "run.json").read_text() == "before"


@pytest.mark.parametrize(
    ("name", "hours", "stays"),
    [
        (f".page.{NOBODY}.part", 2, False),
        (".page.{own}.part", 0, False),
        (f".page.{NOBODY}.part", 0, True),  # of another machine, perhaps
        (".page.1.part", 2, True),  # at work
        (f".page.v2.{NOBODY}.part", 2, True),
        (".page.mine.part", 2, True),
        (f"page.{NOBODY}.part", 2, True),
    ],
)
def test_what_a_killed_process_was_building_goes(
    tmp_path: Path, name: str, hours: int, *, stays: bool
) -> None:
    name = name.format(own=os.getpid())  # another in each process of pytest-xdist
    (tmp_path / name).mkdir()
    (tmp_path / name / "index.html").write_text("half")
    when = (tmp_path / name).stat().st_mtime - 3600 * hours - 1
    os.utime(tmp_path / name, (when, when))
    inspected.write([Exhibit("none", "None", (), ())], tmp_path / "page")
    there = {path.name for path in tmp_path.iterdir()}
    assert there == {"page", name} if stays else {"page"}


def test_a_run_leaves_alone_what_another_process_is_writing(tmp_path: Path) -> None:
    left, written = tmp_path / f".scores.csv.{NOBODY}.part", tmp_path / ".scores.csv.1.part"
    for path in (left, written):
        path.write_text("half")
    with files.alone_in(tmp_path):
        assert not left.exists()
    assert written.read_text() == "half", "process 1 is always there"


@pytest.mark.parametrize("killed", ["before the new one", "after it"])
def test_a_folder_is_replaced_after_a_kill_while_two_changed_places(
    tmp_path: Path, killed: str
) -> None:
    exhibits = [Exhibit("none", "None", (), ())]
    inspected.write(exhibits, tmp_path / "page")
    if killed == "after it":
        shutil.copytree(tmp_path / "page", files.former(tmp_path / "page"))
    else:
        (tmp_path / "page").rename(files.former(tmp_path / "page"))
    inspected.write(exhibits, tmp_path / "page")
    assert [path.name for path in tmp_path.iterdir()] == ["page"]
