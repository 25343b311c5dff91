from __future__ import annotations

import pickle
import struct
from pathlib import Path

import av
import fixtures_layouts
import numpy as np
import pytest
from PIL import Image

from vosbench.errors import DataError
from vosbench.videos import FrameFolder, Reordered, VideoFile, list_images, natural_key


def write_video(path: Path, *, frames: int = 30, h: int = 32, w: int = 48, gop: int = 8) -> Path:
    """Frame i is grey of value 8 i, its left half darker by 4."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "1", "g": str(gop)})
        stream.width, stream.height, stream.pix_fmt = w, h, "yuv420p"
        for i in range(frames):
            pixels = np.full((h, w, 3), 8 * i + 4, np.uint8)
            pixels[:, : w // 2] -= 4
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


def value(frame: np.ndarray) -> float:
    return float(frame.mean())


def test_natural_order_reads_numbers() -> None:
    names = ["f10.png", "f9.png", "f1.png", "10", "9", "a", ""]
    assert sorted(names, key=natural_key) == ["", "9", "10", "a", "f1.png", "f9.png", "f10.png"]


def test_list_images_takes_pictures_only_in_natural_order(tmp_path: Path) -> None:
    for name in ("2.jpg", "10.PNG", "1.bmp", ".hidden.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.jpg").mkdir()
    assert [p.name for p in list_images(tmp_path)] == ["1.bmp", "2.jpg", "10.PNG"]
    with pytest.raises(DataError, match="nothing is missing: expected a folder of"):
        list_images(tmp_path / "nothing")


def test_folder_is_a_sequence(tmp_path: Path) -> None:
    paths = [fixtures_layouts.picture(tmp_path / f"{i}.png", seed=i) for i in range(3)]
    frames = FrameFolder(paths)
    assert len(frames) == 3
    assert frames.size == (fixtures_layouts.H, fixtures_layouts.W)
    for i, frame in enumerate(frames):
        assert frame.dtype == np.uint8
        assert np.array_equal(frame, fixtures_layouts.noise(i))
    assert np.array_equal(frames[-1], fixtures_layouts.noise(2))
    assert len(frames[1:]) == 2
    with pytest.raises(IndexError):
        frames[3]
    frames[0][:] = 0  # what is handed out may be written to


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_every_eight_bit_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.fromarray(fixtures_layouts.noise()).convert(mode).save(path)
    assert FrameFolder([path])[0].shape == (fixtures_layouts.H, fixtures_layouts.W, 3)


def test_sixteen_bit_frames_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((4, 4), 40000, np.uint16)).save(path)
    with pytest.raises(DataError, match=r"deep\.png has mode I;16, expected 8 bits"):
        FrameFolder([path])[0]


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, 16:] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise for display
    Image.fromarray(pixels).save(path, exif=exif, quality=95)
    frames = FrameFolder([path])
    assert frames.size == (32, 16)
    assert frames[0].shape == (32, 16, 3)
    assert frames[0][:12].mean() < 5
    assert frames[0][20:].mean() > 250


def test_damaged_missing_and_other_sized_frames_are_named(tmp_path: Path) -> None:
    paths = [
        fixtures_layouts.picture(tmp_path / f"{i}.jpg", fixtures_layouts.noise(i, 64, 64))
        for i in range(3)
    ]
    fixtures_layouts.truncate(paths[1])
    fixtures_layouts.picture(paths[2], fixtures_layouts.noise(0, 32, 64))
    (tmp_path / "3.jpg").write_bytes(b"")
    frames = FrameFolder([*paths, tmp_path / "3.jpg", tmp_path / "4.jpg"])
    assert frames[0].shape == (64, 64, 3)
    with pytest.raises(DataError, match=r"1\.jpg cannot be read.*truncated.*damaged"):
        frames[1]
    with pytest.raises(DataError, match=r"2\.jpg is 32x64 but the first frame 0\.jpg is 64x64"):
        frames[2]
    with pytest.raises(DataError, match=r"3\.jpg cannot be read"):
        frames[3]
    with pytest.raises(DataError, match=r"4\.jpg is missing"):
        frames[4]


def test_frames_of_twice_the_size_are_averaged(tmp_path: Path) -> None:
    pixels = np.kron(fixtures_layouts.noise(1, 6, 10), np.ones((2, 2, 1))).astype(np.uint8)
    pixels[0, 0], pixels[0, 1], pixels[1, 0], pixels[1, 1] = 0, 100, 100, 200
    path = fixtures_layouts.picture(tmp_path / "a.png", pixels)
    reduced = FrameFolder([path], size=(6, 10))[0]
    assert reduced[0, 0].tolist() == [100, 100, 100]
    assert np.array_equal(reduced[1:], fixtures_layouts.noise(1, 6, 10)[1:])
    odd = fixtures_layouts.picture(tmp_path / "odd.png", fixtures_layouts.noise(0, 13, 21))
    assert FrameFolder([odd], size=(6, 10))[0].shape == (6, 10, 3)
    with pytest.raises(DataError, match=r"a\.png is 12x20 but its mask is 4x7"):
        FrameFolder([path], size=(4, 7))[0]


def test_video_is_a_sequence(tmp_path: Path) -> None:
    video = VideoFile(write_video(tmp_path / "a.mp4"))
    assert len(video) == 30
    assert video.size == (32, 48)
    streamed = [value(frame) for frame in video]
    assert streamed == pytest.approx([8 * i + 2 for i in range(30)], abs=2)
    for index in (0, 1, 7, 8, 9, 23, 29, -1, -30):
        assert value(video[index]) == streamed[index]
    assert [value(f) for f in video[10:13]] == streamed[10:13]
    with pytest.raises(IndexError):
        video[30]
    frame = video[5]
    assert frame.shape == (32, 48, 3)
    assert frame.dtype == np.uint8
    assert frame[:, :20].mean() < frame[:, 28:].mean()


def test_a_video_tells_its_frames_a_second(tmp_path: Path) -> None:
    assert VideoFile(write_video(tmp_path / "ten.mp4", frames=3)).rate == 10
    with pytest.raises(DataError, match="is missing"):
        _ = VideoFile(tmp_path / "none.mp4").rate
    fixtures_layouts.truncate(tmp_path / "ten.mp4")
    with pytest.raises(DataError, match=r"cannot be read.*may be damaged or cut off"):
        _ = VideoFile(tmp_path / "ten.mp4").rate


def test_a_part_of_a_video_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = VideoFile(write_video(tmp_path / "v.mp4"))
    _ = video.size, len(video)
    part, back = Reordered(video, range(12, 30)), Reordered(video, range(12, -1, -1))
    begun, decode = [], VideoFile._decode
    monkeypatch.setattr(
        VideoFile, "_decode", lambda self, start=None: begun.append(start) or decode(self, start)
    )
    given = list(part)
    assert begun == [None]
    for frame, index in zip(given, part.order, strict=True):
        np.testing.assert_array_equal(frame, video[index])
    for frame, index in zip(back, back.order, strict=True):
        np.testing.assert_array_equal(frame, video[index])


def test_video_goes_to_a_worker(tmp_path: Path) -> None:
    video = VideoFile(write_video(tmp_path / "a.mp4", frames=4))
    assert len(video) == 4
    assert len(pickle.loads(pickle.dumps(video))) == 4


def test_indexing_opens_no_more_than_a_group_of_pictures(tmp_path: Path) -> None:
    video = VideoFile(write_video(tmp_path / "a.mp4"))
    times = video._times
    decoded = [frame.pts for frame in video._decode(start=times[25])]
    assert decoded[0] >= times[16]


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".h264"])
def test_length_is_counted_where_the_container_does_not_say(tmp_path: Path, suffix: str) -> None:
    video = VideoFile(write_video(tmp_path / f"a{suffix}", frames=11))
    assert len(video) == 11 == len(list(video))
    assert value(video[9]) == pytest.approx(8 * 9 + 2, abs=2)


@pytest.mark.parametrize(
    ("matrix", "turns"),
    [((0, 1, -1, 0), 3), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)],
    ids=["clockwise", "upside down", "counterclockwise"],
)
def test_rotation_metadata_are_applied(
    tmp_path: Path, matrix: tuple[int, int, int, int], turns: int
) -> None:
    path = write_video(tmp_path / "phone.mp4", frames=3)
    upright = VideoFile(path)[0]
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 4 + 20 + 8 + 8  # version, times and ids, reserved, layer
    a, b, c, d = (number << 16 for number in matrix)
    data[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    video = VideoFile(path)
    assert video[0].shape[:2] == video.size == ((48, 32) if turns % 2 else (32, 48))
    assert np.array_equal(video[0], np.rot90(upright, turns))


def test_unreadable_videos_are_named(tmp_path: Path) -> None:
    cut = write_video(tmp_path / "cut.mp4")
    fixtures_layouts.truncate(cut)
    with pytest.raises(DataError, match=r"cut\.mp4 cannot be read: .*cut off"):
        len(VideoFile(cut))
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(DataError, match=r"text\.mp4 cannot be read"):
        next(iter(VideoFile(tmp_path / "text.mp4")))
    with pytest.raises(DataError, match=r"gone\.mp4 is missing"):
        len(VideoFile(tmp_path / "gone.mp4"))


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(DataError, match=r"sound\.mp4 holds no video stream"):
        len(VideoFile(path))


@pytest.mark.parametrize(
    "how", [{}, {"progressive": True}, {"optimize": True}, {"comment": b"\xff\xc0" * 9}]
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_the_size_of_a_jpeg_is_that_of_pillow(
    tmp_path: Path, mode: str, how: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.JPG"
    Image.new(mode, (70, 33)).save(path, **how, format="JPEG")
    frames = FrameFolder([path])
    by_header = mode != "CMYK"  # what Adobe's segment says is Pillow's to read
    with monkeypatch.context() as without:
        without.setattr(Image, "open", None if by_header else Image.open)
        assert frames.stored_size(0) == (33, 70)


@pytest.mark.parametrize("keep", [1, 3, 20, 150])
def test_a_jpeg_that_is_cut_in_its_header_is_damaged(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (70, 33)).save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"a\.jpg cannot be read"):
        FrameFolder([path]).stored_size(0)
