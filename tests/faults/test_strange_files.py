"""Kinds 4 and 14: what is no regular file is told; only pictures and videos are opened."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Vosbench, make_folder_dataset

from vosbench import api
from vosbench.data.check import check_dataset
from vosbench.errors import DataError
from vosbench.masks import read_mask
from vosbench.videos import FrameFolder, VideoFile

Make = Callable[[Path], object]


def dangling(path: Path) -> None:
    path.symlink_to("../gone")


def looping(path: Path) -> None:
    path.symlink_to(path.name)


def to_a_pipe(path: Path) -> None:
    os.mkfifo(path.with_name(".pipe"))
    path.symlink_to(".pipe")


STRANGE: dict[str, tuple[Make, str]] = {
    "dangling": (dangling, r"is a link to \.\./gone, which is not there"),
    "looping": (looping, "cannot be read: Too many levels of symbolic links"),
    "folder": (Path.mkdir, "is a folder, not a file|cannot be read: Is a directory"),
    "pipe": (os.mkfifo, "is a pipe or device, not a file"),
    "link-to-pipe": (to_a_pipe, "is a pipe or device, not a file"),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_folder_dataset(tmp_path / "data", {"ant": 5, "bee": 5})


@pytest.mark.parametrize("kind", ["images", "masks"])
@pytest.mark.parametrize("name", STRANGE)
def test_in_a_dataset(root: Path, name: str, kind: str) -> None:
    make, words = STRANGE[name]
    path = root / kind / "ant" / f"00003.{'jpg' if kind == 'images' else 'png'}"
    path.unlink()
    make(path)
    opened = api.dataset("folder", root=root)
    with pytest.raises(DataError, match=rf"00003\.\w+ ({words})"):
        opened.sequence("ant")
    opened.sequence("bee")
    report = check_dataset(opened)
    assert not report.ok
    assert path.name in str(report)


@pytest.mark.parametrize("name", STRANGE)
def test_in_results(tmp_path: Path, root: Path, name: str) -> None:
    make, words = STRANGE[name]
    results = shutil.copytree(root / "masks", tmp_path / "results")
    (results / "ant" / "00003.png").unlink()
    make(results / "ant" / "00003.png")
    with pytest.raises(DataError, match=rf"00003\.png ({words})"):
        api.evaluate(results, "folder", root=root)


@pytest.mark.parametrize("name", STRANGE)
def test_as_the_only_mask(root: Path, name: str) -> None:
    make, words = STRANGE[name]
    shutil.rmtree(root / "masks" / "ant")
    make(root / "masks" / "ant.png")
    with pytest.raises(DataError, match=rf"ant\.png ({words})"):
        api.dataset("folder", root=root).sequence("ant")


PROGRAMS = {
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 48 32\n%%EndComments\nshowpage\n",
    "dos-postscript": b"\xc5\xd0\xd3\xc6" + bytes(26) + b"%!PS-Adobe-3.0\n",
    "wmf": b"\xd7\xcd\xc6\x9a" + bytes(40),
    "pdf": b"%PDF-1.4\n",
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("end", ["jpg", "png"])
def test_a_picture_file_starts_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, end: str
) -> None:
    called = tmp_path / "called"
    (tmp_path / "bin").mkdir()
    for program in ("gs", "gswin64c"):
        script = tmp_path / "bin" / program
        script.write_text(f"#!/bin/sh\ntouch '{called}'\n")
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    path = tmp_path / f"00000.{end}"
    path.write_bytes(PROGRAMS[name])
    with pytest.raises(DataError, match=r"00000\.\w+ cannot be read: it is no picture of JPEG"):
        FrameFolder([path])[0]
    with pytest.raises(DataError, match=r"00000\.\w+ is not a picture"):
        read_mask(path)
    assert not called.exists()


LISTS = {
    "concat": "ffconcat version 1.0\nfile other.mp4\n",
    "concat-with-mark": "\ufeffffconcat version 1.0\nfile other.mp4\n",
    "hls": "#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\nother.mp4\n#EXT-X-ENDLIST\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5000 RTP/AVP 96\n",
}


@pytest.mark.parametrize("av", [True, False])
@pytest.mark.parametrize("name", LISTS)
def test_a_video_reads_no_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, av: bool
) -> None:
    writer = cv2.VideoWriter(
        str(tmp_path / "other.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (48, 32)
    )
    for _ in range(3):
        writer.write(np.zeros((32, 48, 3), np.uint8))
    writer.release()
    (tmp_path / "clip.mp4").write_text(LISTS[name], encoding="utf-8")
    if not av:
        monkeypatch.setitem(__import__("sys").modules, "av", None)
    assert sum(1 for _ in VideoFile(tmp_path / "other.mp4")) == 3
    with pytest.raises(DataError, match=r"clip\.mp4 cannot be read: it is a list of other files"):
        next(iter(VideoFile(tmp_path / "clip.mp4")))


def test_one_strange_frame_costs_one_sequence(root: Path, command: Vosbench) -> None:
    (root / "images/ant/00002.jpg").unlink()
    dangling(root / "images/ant/00002.jpg")
    ended = command("run", "--method", "copy-first", "--dataset", "folder", "--root", root)
    assert ended.returncode == 1
    assert "ant/00002.jpg is a link to ../gone, which is not there" in ended.stderr
    assert "NOT COMPLETE, failed: ant" in ended.stdout
