"""Live runs: which frames a method is shown, by VOT's rule; a clock of the test's own drives it."""

from __future__ import annotations

import json
import queue
import threading
import time
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Vosbench, make_folder_dataset
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vosbench import api
from vosbench.errors import MethodError, UsageError
from vosbench.masks import read_mask, write_mask
from vosbench.running import live, measured, pipeline, sequence
from vosbench.running.config import RealTime, RunConfig
from vosbench.running.live import Clock, Live
from vosbench.running.resolved import resolve
from vosbench.types import Frame, Mask

FAST, SLOW = 0.05, 0.35  # seconds; a frame comes every 0.1


def shown(real_time: RealTime, seconds: list[float]) -> list[bool]:
    """For each frame whether it is shown, where the shown ones take these seconds, in order."""
    clock, left, found = Clock(real_time), iter(seconds), []
    for _ in range(len(seconds)):
        found.append(not clock.misses())
        if found[-1]:
            clock.took(next(left))
    return found


class Twin:
    """VOT's runtime as one reads it there, slowly: the state after each call."""

    def __init__(self, real_time: RealTime) -> None:
        self.interval, self.countdown, self.time = 1 / real_time.fps, real_time.grace, 0.0

    def update(self, seconds: float) -> bool:
        if self.time > self.interval:
            self.time = self.time - self.interval
            return False
        self.time = 0
        if seconds > self.interval:
            if self.countdown > 0:
                self.countdown = self.countdown - 1
                self.time = 0
            else:
                self.time = seconds - self.interval
        return True


@given(
    st.integers(0, 4),
    st.sampled_from([1.0, 20.0, 30.0]),
    st.lists(st.floats(0, 3), min_size=1, max_size=40),
)
def test_the_clock_is_that_of_vot(grace: int, fps: float, seconds: list[float]) -> None:
    real_time = RealTime(fps, grace)
    twin, left, found = Twin(real_time), list(seconds), []
    for _ in seconds:
        found.append(twin.update(left[0]))
        if found[-1]:
            left.pop(0)
    assert shown(real_time, seconds) == found


def test_by_hand() -> None:
    slow = [SLOW] * 9
    every_third = [True, False, False] * 3
    assert shown(RealTime(10, 0), slow) == every_third
    assert shown(RealTime(10, 2), slow) == [True, True, *every_third[:7]]
    assert shown(RealTime(10, 0), [0.1] * 5) == [True] * 5
    assert (
        shown(RealTime(10, 0), [0.19] * 5) == [True] * 5
    )  # the next is the newest when it is free
    assert shown(RealTime(2, 0), slow) == [True] * 9


class Method:
    """Gives a mask with as many pixels as the number of the frame it was shown, slowly."""

    def __init__(self, wait: Callable[[float], None], took: float) -> None:
        self.wait, self.took, self.seen = wait, took, list[int]()

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        for frame in frames:
            self.seen.append(round(int(frame[0, 0, 0]) / 10))
            self.wait(self.took)
            mask = np.zeros(frame.shape[:2], np.uint8)
            mask.ravel()[: self.seen[-1] + 1] = 1
            yield mask


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Seconds pass only where the method says so."""
    now = [0.0]
    fake = types.SimpleNamespace(perf_counter=lambda: now[0])
    for module in (measured, pipeline):
        monkeypatch.setattr(module, "time", fake)

    def wait(seconds: float) -> None:
        now[0] += seconds

    return wait


def folder(place: Path, prompts: tuple[int, ...] = (0,)) -> RunConfig:
    """Twelve grey frames whose level tells their number, with prompts on some of them."""
    for part in ("images", "masks"):
        (place / "data" / part / "ant").mkdir(parents=True)
    for index in range(12):
        grey = np.full((16, 20, 3), 10 * index, np.uint8)
        Image.fromarray(grey).save(place / "data" / "images" / "ant" / f"{index:05d}.png")
    for number, index in enumerate(prompts, 1):
        mask = np.zeros((16, 20), np.uint8)
        mask[number : 2 * number, 3:9] = number
        write_mask(place / "data" / "masks" / "ant" / f"{index:05d}.png", mask)
    for part in ("masks", "sequences"):
        (place / "run" / part).mkdir(parents=True)
    return RunConfig(
        method="copy-first", dataset="folder", root=place / "data", real_time=10, grace=0
    )


def run(place: Path, config: RunConfig, method: Any) -> tuple[dict[str, Any], list[int]]:
    """The record, and the number of pixels of each mask."""
    resolved = resolve(config)
    sequence.segment_sequence(resolved.config, method, resolved.dataset, place / "run", "ant")
    record = json.loads((place / "run" / "sequences" / "ant.json").read_text())
    masks = sorted((place / "run" / "masks" / "ant").glob("*.png"))
    return record, [int(np.count_nonzero(read_mask(path))) for path in masks]


def test_frames_that_come_meanwhile_get_the_last_mask(
    tmp_path: Path, clock: Callable[[float], None]
) -> None:
    method = Method(clock, SLOW)
    record, pixels = run(tmp_path, folder(tmp_path), method)
    assert method.seen == [0, 3, 6, 9]
    assert pixels == [1, 1, 1, 4, 4, 4, 7, 7, 7, 10, 10, 10]
    assert record["skipped"] == [1, 2, 4, 5, 7, 8, 10, 11]
    assert [round(s, 9) for s in record["seconds"]] == [SLOW, 0, 0] * 4


def test_a_fast_method_is_shown_all(tmp_path: Path, clock: Callable[[float], None]) -> None:
    record, pixels = run(tmp_path, folder(tmp_path), Method(clock, FAST))
    assert pixels == list(range(1, 13))
    assert record["skipped"] == []


def test_no_frame_up_to_the_last_prompt_is_skipped(
    tmp_path: Path, clock: Callable[[float], None]
) -> None:
    method = Method(clock, SLOW)
    run(tmp_path, folder(tmp_path, (0, 5)), method)
    assert method.seen == [0, 1, 2, 3, 4, 5, 8, 11]


def test_a_method_that_stops_reading_keeps_the_order(
    tmp_path: Path, clock: Callable[[float], None]
) -> None:
    class Stops(Method):
        def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
            for number in range(3):
                if number != 1:
                    self.seen.append(round(int(next(iter(frames))[0, 0, 0]) / 10))
                self.wait(FAST)
                yield prompts[0]
            for _ in range(9):
                yield prompts[0]

    method = Stops(clock, SLOW)
    run(tmp_path, folder(tmp_path), method)
    assert method.seen == [0, 2]


def test_who_reads_ahead_cannot_be_live(tmp_path: Path, clock: Callable[[float], None]) -> None:
    class ReadsAhead(Method):
        def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
            for _ in list(frames):
                yield prompts[0]

    with pytest.raises(MethodError, match="asks for a frame before it has given the mask"):
        run(tmp_path, folder(tmp_path), ReadsAhead(clock, FAST))


def test_a_thread_that_reads_for_the_method_waits_for_each_frame(
    tmp_path: Path, clock: Callable[[float], None]
) -> None:
    class Threaded(Method):
        fails = False

        def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
            read: queue.Queue[Frame | None] = queue.Queue()

            def reads() -> None:
                for frame in frames:
                    read.put(frame)
                read.put(None)

            self.thread = threading.Thread(target=reads)  # no daemon: it has to end
            self.thread.start()
            while (frame := read.get(timeout=20)) is not None:
                self.seen.append(round(int(frame[0, 0, 0]) / 10))
                self.wait(SLOW)
                if self.fails and len(self.seen) == 2:
                    raise ValueError("no face")
                yield prompts[0]

    method = Threaded(clock, SLOW)
    record, _ = run(tmp_path, folder(tmp_path), method)
    assert method.seen == [0, 3, 6, 9]
    assert record["skipped"] == [1, 2, 4, 5, 7, 8, 10, 11]
    method.fails, method.seen = True, []
    with pytest.raises(MethodError, match="no face"):
        run(tmp_path / "again", folder(tmp_path / "again"), method)
    method.thread.join(10)
    assert not method.thread.is_alive()


def test_who_waits_for_a_thread_that_reads_all_is_told(
    tmp_path: Path, clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Waits(Method):
        def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
            with ThreadPoolExecutor() as pool:
                read = pool.submit(list, frames).result()
            for _ in read:
                yield prompts[0]

    monkeypatch.setattr(live, "PATIENCE", 0.2)
    with pytest.raises(MethodError, match="asks for a frame before it has given the mask"):
        run(tmp_path, folder(tmp_path), Waits(clock, FAST))


def test_no_frame_comes_after_the_end() -> None:
    ended = Live(iter([]), RealTime(10, 0), 0)
    ended.close()
    assert list(ended) == []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_folder_dataset(tmp_path / "data", {"ant": 8, "bee": 6})


def test_it_is_part_of_what_the_run_is(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = root.parent / "runs"
    usual = api.run("copy-first", "folder", root=root, out=out)
    monkeypatch.setattr(measured, "time", types.SimpleNamespace(perf_counter=_ticking(0.25)))
    monkeypatch.setattr(pipeline, "time", types.SimpleNamespace(perf_counter=lambda: 0.0))
    live = api.run("copy-first", "folder", root=root, out=out, real_time=10, grace=1)
    assert live.name == "copy-first real-time=10 grace=1"
    assert usual.manifest is not None
    assert live.manifest is not None
    assert usual.folder != live.folder
    assert not {"real_time"} & usual.manifest["identity"].keys()
    assert usual.manifest["skipped"] is None
    assert live.manifest["identity"]["real_time"] == {"fps": 10, "grace": 1}
    # of ant 0, 1, 3, 5, 7 are shown, of bee 0, 1, 3, 5
    assert live.manifest["skipped"] == 3 + 2
    (said,) = live.manifest["remarks"]
    assert said == (
        "in real time, 10 frames a second, the first late mask forgiven: 5 of 14 frames came "
        "while the method was busy, were not shown to it and have its last mask; another machine "
        "gives other masks"
    )
    assert said in api.compare([live]).tables[0].to_text().replace("\n  ", " ")
    assert live.manifest["timing"]["frames"] == 5  # shown, without the first two of each
    assert live.manifest["timing"]["median_seconds"] == pytest.approx(0.25)
    again = api.run("copy-first", "folder", root=root, out=out, real_time=10, grace=3)
    assert again.name == "copy-first real-time=10"


@pytest.mark.parametrize(
    ("grace", "forgiven"),
    [(0, "no late mask"), (1, "the first late mask"), (3, "the first 3 late masks of a sequence")],
)
def test_a_run_that_missed_nothing_says_so(root: Path, grace: int, forgiven: str) -> None:
    live = api.run(
        "copy-first", "folder", root=root, out=root.parent / "runs", real_time=0.1, grace=grace
    )
    assert live.manifest is not None
    assert live.manifest["remarks"] == [
        f"in real time, 0.1 frames a second, {forgiven} forgiven: the method missed none of 14 "
        "frames; on another machine it may"
    ]


def _ticking(step: float) -> Callable[[], float]:
    now = [time.perf_counter()]

    def tick() -> float:
        now[0] += step
        return now[0]

    return tick


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"workers": 2}, "--real-time times one process by itself; leave --workers away"),
        ({"scheduler": "tcp://x:1"}, "leave --scheduler away"),
        ({"real_time": 0.0}, "real-time is 0, expected frames a second above 0, up to 1000"),
        ({"real_time": float("nan")}, "real_time=nan: expected a finite number"),
        ({"grace": -1}, "grace is -1, expected 0 or more"),
        ({"real_time": None, "grace": 2}, "grace is for runs in real time; give --real-time FPS"),
    ],
)
def test_what_does_not_fit_is_refused(root: Path, more: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        api.run("copy-first", "folder", root=root, **{"real_time": 10.0, **more})


def test_methods_without_a_time_for_each_frame_are_refused(root: Path) -> None:
    with pytest.raises(UsageError, match=r"has no time of its own .*: it only reads masks"):
        api.run(
            "precomputed", "folder", root=root, real_time=10, options={"folder": root / "masks"}
        )
    with pytest.raises(UsageError, match="it reads a file for each frame; leave --real-time away"):
        api.run(
            "optical-flow", "folder", root=root, real_time=10,
            options={"flow": "file", "folder": root / "masks"},
        )  # fmt: skip
    with pytest.raises(UsageError, match="its program does a whole video at once"):
        api.run(
            "command", "folder", root=root, real_time=10,
            options={"run": "true {frames} {masks} {out}"},
        )  # fmt: skip


def test_the_command(root: Path, command: Vosbench) -> None:
    ran = command(
        "run", "--method", "copy-first", "--dataset", "folder", "--root", root,
        "--real-time", "0.5", "--grace", "0",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "real-time=0.5 grace=0" in ran.stdout
    assert "the method missed none of 14 frames" in " ".join(ran.stdout.split())
