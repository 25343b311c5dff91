"""Kind 18: what libraries say on stderr is put away; the command says it in its own words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import make_folder_dataset

av = pytest.importorskip("av")

DRAW = """
from pathlib import Path
from vosbench.drawing import charts, style
figure = charts.line_panels(
    {"\\u65e5\\u672c": {"a": charts.Curve([1, 2], [0.1, 0.2])}}, xlabel="x", ylabel="y"
)
style.write(figure, Path("figure.png"))
"""
DECODE = """
import sys
from pathlib import Path
from vosbench import videos
from vosbench.errors import DataError
for read in (videos._by_opencv, lambda path: iter(videos.VideoFile(path))):
    try:
        print(sum(1 for _ in read(Path(sys.argv[1]))))
    except DataError as error:
        print(error)
"""


def python(code: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=dict(os.environ) | environment, capture_output=True, text=True, check=True, timeout=120,
        cwd=environment.get("HOME"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(8):
            noise = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
        container.mux(stream.encode())
    return path


def flipped(data: bytearray) -> None:
    for place in range(200, len(data) - 2000, 97):
        data[place] ^= 0xFF


def cut(data: bytearray) -> None:
    del data[-3000:]


def emptied(data: bytearray) -> None:
    data[300:2000] = bytes(1700)


@pytest.mark.parametrize("harm", [flipped, cut, emptied])
def test_ffmpeg_says_nothing(harm, video: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    content = bytearray(video.read_bytes())
    harm(content)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)
    ran = python(DECODE, damaged)
    assert ran.stderr == ""
    assert len(ran.stdout.splitlines()) == 2


@pytest.mark.parametrize("config", ["/proc/none", "/dev/null", ""])
def test_matplotlib_says_nothing(config: str, tmp_path: Path) -> None:
    """Neither of its folder, which may be read only, nor of fonts that lack a sign."""
    ran = python(DRAW, HOME=str(tmp_path), MPLCONFIGDIR=config)
    assert ran.stderr == ""
    assert (tmp_path / "figure.png").is_file()


def test_a_damaged_video_is_one_sentence(video: Path, tmp_path: Path) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 3})
    content = bytearray(video.read_bytes())
    flipped(content)
    (root / "images" / "clip.mp4").write_bytes(content)
    (root / "masks" / "clip").mkdir()
    ran = subprocess.run(
        [sys.executable, "-m", "vosbench", "data", "check", "folder", "--root", root],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.stderr == ""
    assert ran.stdout.count("clip.mp4 is damaged at frame 0") == 1
