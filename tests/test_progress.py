"""What a run says of itself while it goes on, where stderr is no terminal."""

from __future__ import annotations

import pytest

from vosbench.cli import progress


def said(
    seconds: float, frames: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """What stderr gets over 20 frames of two sequences that take so long each."""
    clock = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    forecast = progress._Forecast(frames)
    for index in range(20):
        clock[0] += 50 if index == 0 else seconds  # what is set up once is no frame's
        forecast("ab"[index % 2], index // 2 + 1, frames)
    return capsys.readouterr().err


def test_a_long_run_says_once_what_it_will_take(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(2.0, 3004, monkeypatch, capsys)
    assert told == (
        "about 100 min for the 3,000 frames that are left; Ctrl-C keeps the sequences that are "
        "done\n"
    )


def test_a_run_of_less_than_ten_minutes_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(0.19, 3004, monkeypatch, capsys) == ""


def test_stages_are_told_as_they_begin_and_where_they_are_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    with progress.of_stages() as on_frame:
        for stage, seconds in (("segmenting", 3.0), ("drawing", 0.01)):
            for done in range(1, 6):
                clock[0] += seconds
                on_frame(stage, done, 1204)
    assert capsys.readouterr().err == (
        "segmenting 1,204 frames\n"
        "about 60 min for the 1,200 frames that are left; Ctrl-C leaves nothing\n"
        "drawing 1,204 frames\n"
    )
