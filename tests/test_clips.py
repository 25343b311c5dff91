"""Clips: what is found, decoded once, skipped or refused, and how samples are drawn."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from vosbench.errors import DataError
from vosbench.training import clips
from vosbench.training.clips import Clip, Sampling
from vosbench.videos import VideoFile

PLAIN = Sampling(
    frames=3, gap_min=1, gap_max=4, crop=16, resize=0, reverse=False, flip=False, skip_static=0.0
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VOSBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "clips"


def write_video(path: Path, *, frames: int = 20, h: int = 48, w: int = 64) -> Path:
    """A grey ramp that brightens by 4 a frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = w, h, "yuv420p"
        for i in range(frames):
            pixels = np.full((h, w, 3), 4 * i + 16, np.uint8)
            pixels[:, : w // 2] += 60
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_frames(folder: Path, *, frames: int = 20, h: int = 48, w: int = 64) -> Path:
    folder.mkdir(parents=True)
    generator = np.random.default_rng(len(folder.name))
    for i in range(frames):
        pixels = generator.integers(0, 255, (h, w, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03d}.png")
    return folder


def counting_clip(tmp_path: Path, *, frames: int = 30, h: int = 24, w: int = 40) -> Clip:
    """Frame t has value t at the top, and the column's number below."""
    pixels = np.empty((frames, h, w, 3), np.uint8)
    pixels[:] = np.arange(w)[:, None]
    pixels[:, : h // 2] = np.arange(frames)[:, None, None, None]
    np.save(tmp_path / "counting.npy", pixels)
    return Clip("counting", "0" * 64, tmp_path / "counting.npy", pixels.shape)


def test_videos_and_frame_folders_are_decoded_once(tmp_path: Path, cache: Path) -> None:
    write_video(tmp_path / "in" / "a.mp4")
    write_frames(tmp_path / "in" / "deep" / "b")
    (tmp_path / "in" / "notes.txt").write_text("no clip")
    told: list[str] = []
    found = clips.prepare(tmp_path / "in", short_side=24, progress=told.append)
    assert [clip.name for clip in found.usable] == ["a.mp4", "deep/b"]
    assert Counter(told) == {"a.mp4": 2, "deep/b": 2}
    assert [clip.shape for clip in found.usable] == [(20, 24, 32, 3)] * 2
    folder = found.usable[1].frames
    originals = [
        np.array(Image.open(p)) for p in sorted((tmp_path / "in" / "deep" / "b").iterdir())
    ]
    means = np.stack(originals).reshape(20, 24, 2, 32, 2, 3).mean((2, 4))
    assert np.abs(folder - means).max() <= 0.5  # averaged over areas
    files = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    assert len(files) == 2
    (tmp_path / "in" / "a.mp4").rename(tmp_path / "in" / "renamed.mp4")
    again = clips.prepare(tmp_path / "in", short_side=24)
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == files
    assert {c.sha256 for c in again.usable} == {c.sha256 for c in found.usable}
    clips.prepare(tmp_path / "in", short_side=0)
    assert len(list(cache.iterdir())) == 4  # another size is another file


def test_what_cannot_be_used_is_named(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(DataError, match=r"--videos .*nowhere is not a folder"):
        clips.prepare(tmp_path / "nowhere", short_side=24)
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match="holds no clips: expected video files"):
        clips.prepare(tmp_path / "in", short_side=24)
    write_video(tmp_path / "in" / "short.mp4", frames=5)
    (tmp_path / "in" / "broken.mp4").write_bytes(b"no video at all")
    with pytest.raises(DataError) as caught:
        clips.prepare(tmp_path / "in", short_side=24, shortest=9)
    text = str(caught.value)
    assert "none of the 2 clips" in text
    assert "short.mp4: 5 frames, at least 9 are needed" in text
    assert "broken.mp4: video" in text
    write_video(tmp_path / "in" / "long.mp4", frames=12)
    found = clips.prepare(tmp_path / "in", short_side=24, shortest=9)
    assert [clip.name for clip in found.usable] == ["long.mp4"]
    assert set(found.skipped) == {"short.mp4", "broken.mp4"}
    assert not list(cache.glob(".*"))  # nothing half written is left


def test_a_clip_that_is_there_twice_is_used_once(tmp_path: Path) -> None:
    write_frames(tmp_path / "in" / "a")
    shutil.copytree(tmp_path / "in" / "a", tmp_path / "in" / "b")  # else held out and trained on
    found = clips.prepare(tmp_path / "in", short_side=24)
    assert [clip.name for clip in found.usable] == ["a"]
    assert found.skipped == {"b": "the same frames as a"}


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc/self/fd here")
def test_linked_folders_are_entered_once(tmp_path: Path) -> None:
    write_frames(tmp_path / "elsewhere" / "a")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "second").symlink_to(tmp_path / "elsewhere" / "a")
    assert list(clips.find(tmp_path / "in")) == ["linked/a"]


@pytest.mark.parametrize("left", [0, 100, 5000])
def test_a_cached_clip_that_was_cut_off_is_decoded_anew(
    left: int, tmp_path: Path, cache: Path
) -> None:
    write_frames(tmp_path / "in" / "a")
    (whole,) = clips.prepare(tmp_path / "in", short_side=24).usable
    expected = whole.path.read_bytes()
    whole.path.write_bytes(expected[:left])
    (again,) = clips.prepare(tmp_path / "in", short_side=24).usable
    assert again == whole
    assert again.path.read_bytes() == expected


def test_clips_hold_no_open_files(tmp_path: Path) -> None:
    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before, clip = opened(), counting_clip(tmp_path)
    samples = [clips.sample(clip, PLAIN, np.random.default_rng(i)) for i in range(3)]
    assert opened() == before
    assert all(isinstance(each, np.ndarray) for each in samples)


def test_room_is_checked_before_decoding(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(tmp_path / "in" / "a.mp4")
    monkeypatch.setattr(clips, "_SPARE", 2**60)
    with pytest.raises(OSError, match=r"need 0 MiB but only \d+ MiB are free .* VOSBENCH_CACHE"):
        clips.prepare(tmp_path / "in", short_side=24)
    assert not list(cache.iterdir())
    assert clips._bytes(VideoFile(tmp_path / "in" / "a.mp4"), 24) == 20 * 24 * 32 * 3


def test_a_narrow_clip_is_not_enlarged(tmp_path: Path) -> None:
    for name, h in (("thin", 3), ("wide", 24)):
        write_frames(tmp_path / "data" / name, frames=2, h=h, w=97)
    made = clips.prepare(tmp_path / "data", short_side=32)
    assert [clip.name for clip in made.usable] == ["wide"]
    said = "frames of 3x97 (height x width) are too narrow to be enlarged to a short side of 32 px"
    assert made.skipped == {"thin": said}
    assert len(clips.prepare(tmp_path / "data", short_side=0).usable) == 2


def test_opencv_reads_videos_where_pyav_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", frames=6)
    (tmp_path / "b.mp4").write_bytes(b"no video at all")
    by_av = np.stack([*iter(VideoFile(path))]).astype(int)
    monkeypatch.setitem(sys.modules, "av", None)
    by_opencv = np.stack([*iter(VideoFile(path))])
    assert by_opencv.shape == by_av.shape
    assert np.abs(by_opencv - by_av).max() <= 2
    with pytest.raises(DataError, match=r"b\.mp4 cannot be read: OpenCV"):
        next(iter(VideoFile(tmp_path / "b.mp4")))


def test_gaps_lie_in_their_range_and_the_target_is_last(tmp_path: Path) -> None:
    clip, seen = counting_clip(tmp_path), set()
    for number in range(200):
        frames = clips.sample(clip, PLAIN, np.random.default_rng(number))
        assert frames.shape == (3, 3, 16, 16)
        assert frames.dtype == np.uint8
        if (top := frames[:, 0, 0, 0].astype(int))[0] != frames[0, 0, 0, 1]:
            continue  # the crop holds nothing of the upper half, which tells the time
        gaps = np.diff(top)
        assert np.all((gaps >= 1) & (gaps <= 4))
        seen.update(gaps.tolist())
    assert seen == {1, 2, 3, 4}


def test_time_and_sides_are_turned_in_half_of_the_samples(tmp_path: Path) -> None:
    clip = counting_clip(tmp_path)
    turned = dataclasses.replace(PLAIN, crop=0, reverse=True, flip=True)
    outcomes = Counter()
    for number in range(400):
        frames = clips.sample(clip, turned, np.random.default_rng(number)).astype(int)
        backwards = bool(frames[0, 0, 0, 0] > frames[-1, 0, 0, 0])
        mirrored = bool(frames[0, 0, -1, 0] > frames[0, 0, -1, -1])
        outcomes[backwards, mirrored] += 1
    assert len(outcomes) == 4
    assert min(outcomes.values()) > 70


def test_static_crops_are_drawn_again_and_a_still_clip_is_used(tmp_path: Path) -> None:
    pixels = np.zeros((10, 24, 24, 3), np.uint8)
    pixels[9] = 90  # only the last frame differs
    np.save(tmp_path / "still.npy", pixels)
    clip = Clip("still", "", tmp_path / "still.npy", pixels.shape)
    pair = dataclasses.replace(PLAIN, frames=2, gap_max=1, crop=0)
    picky = dataclasses.replace(pair, skip_static=5.0)

    def moving(sampling: Sampling) -> int:
        drawn = [clips.sample(clip, sampling, np.random.default_rng(i)) for i in range(200)]
        return sum(bool(frames[-1].any()) for frames in drawn)

    assert moving(pair) < 50
    assert 90 < moving(picky) < 200


def test_whole_frames_are_squashed(tmp_path: Path) -> None:
    squashed = dataclasses.replace(PLAIN, crop=0, resize=32)
    assert clips.sample(
        counting_clip(tmp_path), squashed, np.random.default_rng(0)
    ).shape == (3, 3, 32, 32)  # fmt: skip


def test_every_clip_comes_once_an_epoch_in_a_new_order() -> None:
    made = [Clip(str(i), "", Path(), (9, 9, 9, 3)) for i in range(7)]
    epochs = [[clips.choose_clip(made, 7 * e + i, seed=3).name for i in range(7)] for e in range(3)]
    assert all(sorted(epoch) == sorted(clip.name for clip in made) for epoch in epochs)
    assert epochs[0] != epochs[1]
