"""Films as files: .mp4 that decodes to what was added, .gif of a sane size."""

from __future__ import annotations

import errno
import os
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from vosbench.errors import MissingExtraError, UsageError
from vosbench.filming import video
from vosbench.videos import VideoFile

COLOURS = ((255, 0, 0), (0, 158, 115), (0, 0, 255), (230, 159, 0), (255, 255, 255), (24, 24, 24))


def bars(h: int, w: int, shift: int = 0) -> np.ndarray:
    """Vertical bars, one a colour."""
    places = (np.arange(w) + shift) * len(COLOURS) // w % len(COLOURS)
    return np.array(COLOURS, np.uint8)[np.broadcast_to(places, (h, w))]


def written(out: Path, pictures: list[np.ndarray], fps: float = 25) -> video.Film:
    with video.opened(out, fps=video.check_rate(fps), total=len(pictures)) as film:
        for index, picture in enumerate(pictures):
            if film.takes(index):
                film.add(picture)
    return film


def test_an_mp4_decodes_to_the_pictures_in_their_colours(tmp_path: Path) -> None:
    pictures = [bars(64, 96, shift) for shift in range(12)]
    written(tmp_path / "s.mp4", pictures)
    decoded = list(VideoFile(tmp_path / "s.mp4"))
    assert len(decoded) == 12
    for frame, picture in zip(decoded, pictures, strict=True):
        assert frame.shape == picture.shape
        off = np.abs(frame.astype(int) - picture).max(2)
        alike = (picture[:, 2:-2] == picture[:, 4:]).all(2) & (
            picture[:, 2:-2] == picture[:, :-4]
        ).all(2)  # colours are those of 2x2 pixels
        assert off[:, 2:-2][alike].max() <= 20
        assert np.median(off) <= 4
    assert VideoFile(tmp_path / "s.mp4").rate == 25


def test_an_mp4_plays_in_browsers(tmp_path: Path) -> None:
    """H.264 in yuv420p, of known colours, with its index at the start."""
    written(tmp_path / "s.mp4", [bars(64, 96)] * 3, fps=29.97)
    with av.open(str(tmp_path / "s.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert float(stream.average_rate) == pytest.approx(29.97, abs=1e-3)
        frame = next(container.decode(stream))
        assert (int(frame.colorspace), int(frame.color_range)) == (1, 1)
    content = (tmp_path / "s.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize(("h", "w"), [(33, 48), (32, 47), (17, 19)])
def test_odd_sizes_are_made_even_by_repeating_the_last_pixels(
    h: int, w: int, tmp_path: Path
) -> None:
    picture = np.full((h, w, 3), 200, np.uint8)
    written(tmp_path / "s.mp4", [picture] * 2)
    (first, _) = VideoFile(tmp_path / "s.mp4")
    assert first.shape == (h + h % 2, w + w % 2, 3)
    assert np.abs(first.astype(int) - 200).max() <= 3


def test_a_gif_has_the_pictures_in_their_colours(tmp_path: Path) -> None:
    pictures = [bars(32, 48, shift) for shift in range(6)]
    film = written(tmp_path / "s.gif", pictures, fps=10)
    assert (film.step, film.speed) == (1, 1)
    with Image.open(tmp_path / "s.gif") as gif:
        assert (gif.n_frames, gif.size, gif.info["loop"]) == (6, (48, 32), 0)
        assert gif.info["duration"] == 100
        for index, picture in enumerate(pictures):
            gif.seek(index)
            assert np.abs(np.asarray(gif.convert("RGB")).astype(int) - picture).max() <= 4


@pytest.mark.parametrize(
    ("frames", "fps", "step", "shown", "milliseconds", "speed"),
    [
        (30, 24, 2, 15, 80, 1.04),
        (30, 10, 1, 30, 100, 1.0),
        (400, 24, 5, 80, 120, 1.74),  # evenly spread, 8 a second instead of 4.8
        (90, 1, 2, 45, 1000, 2.0),  # never faster than each frame's own time
    ],
)
def test_a_gif_of_a_long_video_shows_some_frames(
    frames: int, fps: float, step: int, shown: int, milliseconds: int, speed: float, tmp_path: Path
) -> None:
    pictures = [bars(16, 120, shift) for shift in range(frames)]
    film = written(tmp_path / "s.gif", pictures, fps=fps)
    assert film.step == step
    assert film.speed == pytest.approx(speed, abs=0.01)
    with Image.open(tmp_path / "s.gif") as gif:
        assert gif.n_frames == shown
        assert gif.info["duration"] == milliseconds


@pytest.mark.parametrize("name", ["s.mp4", "s.gif"])
def test_a_film_is_whole_or_not_there(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"former")

    def fail() -> None:
        with video.opened(tmp_path / name, fps=Fraction(24), total=3) as film:
            film.add(bars(32, 48))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"former"


def test_what_a_killed_process_began_goes_an_hour_later(tmp_path: Path) -> None:
    none = 2**22 + 1  # no process has this number
    old, new, other = (
        tmp_path / f".{name}.{number}.part"
        for name, number in (("s.gif", none), ("s.gif", none + 1), ("t.gif", none))
    )
    for path in (old, new, other):
        path.touch()
    for path in (old, other):
        os.utime(path, (0, 0))
    written(tmp_path / "s.gif", [bars(32, 48)])
    assert {path.name for path in tmp_path.iterdir()} == {"s.gif", new.name, other.name}


def test_an_error_of_pyav_is_what_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def opens(*_: object, **__: object) -> None:
        raise av.error.OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(av, "open", opens)
    with pytest.raises(OSError, match="Read-only file system"):
        written(tmp_path / "s.mp4", [bars(32, 48)])


def test_without_pyav_only_a_gif_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    words = r"writing an \.mp4 needs av, which is not installed: pip install \"vosbench\[run\]\""
    with pytest.raises(MissingExtraError, match=words):
        video.check_out(tmp_path / "s.mp4", replace=False)
    video.check_out(tmp_path / "s.gif", replace=False)
    written(tmp_path / "s.gif", [bars(32, 48)])
    assert (tmp_path / "s.gif").is_file()


def test_a_place_where_no_film_may_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "there.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "link.gif").symlink_to("nowhere")
    for name, words in (
        ("s.avi", r"expected \.mp4 or \.gif at its end"),
        ("none/s.mp4", "there is no folder"),
        ("folder.mp4", "is a folder; name a file"),
        ("there.mp4", "exists; give --replace, or name another file"),
        ("link.gif", "exists; give --replace"),
    ):
        with pytest.raises(UsageError, match=words):
            video.check_out(tmp_path / name, replace=False)
    video.check_out(tmp_path / "there.mp4", replace=True)
    for fps in (0, -1, 1e-4, 1e9, float("nan")):
        with pytest.raises(UsageError, match=r"expected frames a second, from 0\.01 to 240"):
            video.check_rate(fps)
