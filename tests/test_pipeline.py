"""Threads that read ahead and write behind: the same masks, the same errors, nothing left over."""

from __future__ import annotations

import errno
import json
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from conftest import make_folder_dataset

from vosbench.errors import DataError, MethodError
from vosbench.masks import write_mask
from vosbench.running import driving, pipeline, sequence, workers
from vosbench.running.config import RunConfig
from vosbench.running.pipeline import Ahead, Behind, is_slow
from vosbench.running.resolved import resolve
from vosbench.types import Dataset, Frame, Layers, Mask, Masks

Segment = Callable[[Iterable[Frame], Mapping[int, Mask]], Iterator[Mask]]


class Method:
    """A method from a function."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment


def holds(frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
    """Moves the prompt along, always in one and the same buffer."""
    mask = prompts[0].copy()
    for _ in frames:
        yield mask
        mask[:] = np.roll(mask, 1, axis=1)


@pytest.fixture(params=["threads", "none"])
def begun(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With threads from the second frame on, and without."""
    monkeypatch.setattr(pipeline, "OF_LAST", 1)
    monkeypatch.setattr(pipeline, "SLOW", -1.0 if request.param == "threads" else 1e9)
    monkeypatch.setattr(workers, "cores", lambda: 8)
    return str(request.param)


class Folder:
    """A run's folder over ant, of nine frames, and the dataset."""

    def __init__(self, place: Path, *, layered: bool = False) -> None:
        root = make_folder_dataset(place / "data", {"ant": 9})
        if layered:
            for number in (0, 3):
                own = root / "masks" / "ant" / f"{number:03d}"
                own.mkdir()
                mask = np.zeros((32, 48), np.uint8)
                mask[4 : 9 + number, 5:20] = 1
                write_mask(own / "00000.png", mask)
            for path in (root / "masks" / "ant").glob("*.png"):
                path.unlink()
        self.root, self.place = root, place / "run"
        for part in ("masks", "sequences"):
            (self.place / part).mkdir(parents=True)
        config = RunConfig(method="copy-first", dataset="folder", root=root)
        resolved = resolve(config)
        self.config, self.dataset = resolved.config, resolved.dataset
        self.frames: list[int] = []

    def run(self, segment: Segment, dataset: Dataset | None = None) -> dict[str, bytes]:
        """Run a method; the files of its masks."""
        sequence.segment_sequence(
            self.config, Method(segment), dataset or self.dataset, self.place, "ant",
            on_frame=lambda _, done, of: self.frames.append(done),
        )  # fmt: skip
        return {
            path.relative_to(self.place).as_posix(): path.read_bytes()
            for path in sorted(self.place.glob("masks/**/*.png"))
        }

    def nothing_left(self) -> bool:
        """Whether no thread of ours lives on, and no half a sequence lies there."""
        ours = [t for t in threading.enumerate() if getattr(t, "_target", None) is not None]
        names = [t._target.__qualname__ for t in ours]  # type: ignore[attr-defined]
        return (
            not [name for name in names if name.startswith(("Ahead.", "Behind."))]
            and list((self.place / "masks").iterdir()) == []
            and list((self.place / "sequences").iterdir()) == []
        )


@pytest.mark.parametrize("layered", [False, True])
def test_masks_and_record_are_the_same_with_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, layered: bool
) -> None:
    found = {}
    monkeypatch.setattr(pipeline, "OF_LAST", 1)
    monkeypatch.setattr(workers, "cores", lambda: 8)
    for slow in (1e9, -1.0):
        monkeypatch.setattr(pipeline, "SLOW", slow)
        folder = Folder(tmp_path / str(slow), layered=layered)
        masks = folder.run(holds)
        record = json.loads((folder.place / "sequences" / "ant.json").read_text())
        assert len(record.pop("seconds")) == 9
        del record["peak_memory_bytes"]
        found[slow] = masks, record, folder.frames
    assert found[1e9] == found[-1.0]
    assert len(found[1e9][0]) == (18 if layered else 9)
    assert len(set(found[1e9][0].values())) == (18 if layered else 9)  # none was written over


def stops(frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
    """Reads three frames and gives nine masks."""
    reading = iter(frames)
    for _ in range(3):
        next(reading)
        yield prompts[0]
    for _ in range(6):
        yield prompts[0]


def reads_all_first(frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
    for _ in list(frames):
        yield prompts[0]


def goes_away(frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
    for _ in frames:
        os.chdir("/")
        yield prompts[0]


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize("segment", [stops, reads_all_first, goes_away])
def test_methods_that_do_as_they_like_with_the_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, segment: Segment
) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(Folder(tmp_path).run(segment)) == 9
    assert Path.cwd() == tmp_path


def too_few(frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
    for index, _ in enumerate(frames):
        if index == 4:
            return
        yield prompts[0]


def wrong_size(frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
    for index, _ in enumerate(frames):
        yield prompts[0] if index < 4 else prompts[0][1:]


def fails(frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
    for index, _ in enumerate(frames):
        if index == 4:
            raise ValueError("no face")
        yield prompts[0]


def is_stopped(frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
    for index, _ in enumerate(frames):
        if index == 4:
            raise KeyboardInterrupt
        yield prompts[0]


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize(
    ("segment", "kind", "says"),
    [
        (too_few, MethodError, "ant: the method gave 4 masks for 9 frames"),
        (wrong_size, MethodError, "ant, frame 00004: the method gave .31, 48. uint8, expected"),
        (fails, MethodError, "ant: the method failed: ValueError: no face"),
        (is_stopped, KeyboardInterrupt, "^$"),
    ],
)
def test_whatever_ends_a_sequence_nothing_is_left(
    tmp_path: Path, segment: Segment, kind: type[BaseException], says: str
) -> None:
    folder = Folder(tmp_path)
    with pytest.raises(kind, match=says):
        folder.run(segment)
    assert folder.frames == [1, 2, 3, 4]
    assert folder.nothing_left()


@pytest.mark.usefixtures("begun")
def test_a_frame_that_cannot_be_read_is_told_when_the_method_comes_to_it(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    (folder.root / "images" / "ant" / "00006.jpg").write_bytes(b"no picture")
    seen = []

    def sees(frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        for index, _ in enumerate(frames):
            seen.append(index)
            yield prompts[0]

    with pytest.raises(DataError, match=r"00006\.jpg cannot be read: it is no picture"):
        folder.run(sees)
    assert seen == [0, 1, 2, 3, 4, 5]
    assert folder.frames == [1, 2, 3, 4, 5, 6]
    assert folder.nothing_left()


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize("segment", [holds, fails])
def test_a_full_disk_is_told_though_the_method_went_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, segment: Segment
) -> None:
    """The disk is full at the fourth mask; the method may fail after it, and came later."""
    write, written = driving.write_masks, []

    def full(folder: Path, frame: str, masks: Masks) -> None:
        written.append(frame)
        if len(written) == 4:
            time.sleep(0.1)  # the method goes on meanwhile
            raise OSError(errno.ENOSPC, "No space left on device", f"{frame}.png")
        write(folder, frame, masks)

    monkeypatch.setattr(driving, "write_masks", full)
    folder = Folder(tmp_path)
    with pytest.raises(OSError, match=r"No space left on device: '00003\.png'"):
        folder.run(segment)
    assert written == ["00000", "00001", "00002", "00003"]
    assert folder.nothing_left()


def test_threads_begin_beside_slow_methods_where_cores_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr(Behind, "start", lambda _: started.append("behind"))
    monkeypatch.setattr(Ahead, "start", lambda _: started.append("ahead"))
    for number, (cores, slow) in enumerate([(1, -1.0), (8, 1e9), (2, -1.0)]):
        monkeypatch.setattr(pipeline, "SLOW", slow)
        monkeypatch.setattr(workers, "cores", lambda cores=cores: cores)
        Folder(tmp_path / str(number)).run(holds)
        assert started == (["ahead", "behind"] if number == 2 else [])


def test_what_slow_is() -> None:
    assert not is_slow([])
    assert not is_slow([9.0])
    assert not is_slow([9.0, 0.001])
    assert not is_slow([9.0, 0.02])
    assert is_slow([0.0, 0.021, 0.021])


@pytest.mark.parametrize(("height", "most"), [(2, 1 + pipeline.COUNT), (6 << 20, 2)])
def test_frames_that_were_read_and_not_taken_are_few(height: int, most: int) -> None:
    """Those that wait, and one in the reader's hand; of large frames one waits."""
    read = 0

    def frames() -> Iterator[Frame]:
        nonlocal read
        for _ in range(30):
            read += 1
            yield np.zeros((height, 1, 3), np.uint8)

    ahead = Ahead(frames())
    ahead.start()
    for taken, _ in enumerate(ahead, 1):
        assert read - taken <= most
        until = time.monotonic() + 0.02
        while read - taken < min(most, 30 - taken) and time.monotonic() < until:
            time.sleep(0.001)
        assert read - taken <= most
    assert taken == read == 30
    assert next(ahead, None) is None
    ahead.close()


def test_masks_that_wait_are_few() -> None:
    written, may = [], threading.Event()

    def write(name: str, masks: Masks) -> None:
        may.wait()
        written.append((name, masks))

    given = 0
    mask = np.zeros((4, 4), np.uint8)
    layers = Layers((0, 2), np.zeros((2, 4, 4), np.bool_))

    def give(behind: Behind) -> None:
        nonlocal given
        for index in range(20):
            mask[:] = index
            behind.put(str(index), layers if index == 7 else mask, borrowed=True)
            given += 1

    with Behind(write) as behind:
        behind.start()
        giving = threading.Thread(target=give, args=(behind,))
        giving.start()
        time.sleep(0.05)
        assert given <= 1 + pipeline.COUNT
        may.set()
        giving.join()
    assert [name for name, _ in written] == [str(index) for index in range(20)]
    assert all((masks == i).all() for i, (_, masks) in enumerate(written) if i != 7)
    assert written[7][1].ids == (0, 2)


def test_a_method_may_ask_from_a_thread_of_its_own() -> None:
    frames = Ahead(np.full((1, 1, 3), i, np.uint8) for i in range(200))
    taken: list[int] = []

    def take() -> None:
        taken.extend(int(frame[0, 0, 0]) for frame in frames)

    taking = threading.Thread(target=take)
    taking.start()
    frames.start()  # at any moment
    taking.join()
    frames.close()
    assert taken == list(range(200))


def test_what_a_thread_of_the_method_reads_is_not_taken_from_its_time() -> None:
    def slow() -> Iterator[Frame]:
        for _ in range(4):
            time.sleep(0.02)
            yield np.zeros((2, 2, 3), np.uint8)

    ahead = Ahead(slow())
    reading = threading.Thread(target=lambda: [next(ahead) for _ in range(3)])
    reading.start()
    reading.join()
    assert ahead.seconds == 0.0
    next(ahead)
    assert ahead.seconds >= 0.02


def test_a_forked_child_cannot_read_on() -> None:
    frames = Ahead(np.zeros((1, 1, 3), np.uint8) for _ in range(3))
    frames.start()
    frames._process = -1  # as in a child
    with pytest.raises(RuntimeError, match="forked"):
        next(frames)
    frames.close()


class Threaded:
    """Reads its frames in a thread of its own, and gives masks as they come."""

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        read: queue.Queue[Frame | None] = queue.Queue()

        def reads() -> None:
            for frame in frames:
                read.put(frame)
            read.put(None)

        threading.Thread(target=reads, daemon=True).start()
        while read.get(timeout=20) is not None:
            time.sleep(0.025)
            yield prompts[0]


@pytest.mark.parametrize("damaged", [1, 7])
def test_a_frame_that_a_thread_of_the_method_cannot_read_is_told(
    tmp_path: Path, damaged: int
) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 9})
    path = sorted((root / "images/ant").iterdir())[damaged]
    path.write_bytes(path.read_bytes()[:40])
    for part in ("masks", "sequences"):
        (tmp_path / "run" / part).mkdir(parents=True)
    resolved = resolve(RunConfig(method="copy-first", dataset="folder", root=root))
    with pytest.raises(DataError, match=f"{path.name} cannot be read"):
        sequence.segment_sequence(
            resolved.config, Threaded(), resolved.dataset, tmp_path / "run", "ant"
        )
