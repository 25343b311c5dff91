"""A method that gives no mask for long is told of, once a frame, and only it."""

from __future__ import annotations

import time

import pytest

from vosbench.running import silence


def test_only_what_is_silent_is_told_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(silence, "SILENCE", 0.4)
    while silence._at_work:  # what watched for another test, which did not see the shorter time
        time.sleep(0.05)
    quick: list[float] = []
    with silence.watching("slow", 9, [0.1, 0.1]), silence.watching("quick", 50, quick):
        for _ in range(20):
            time.sleep(0.1)
            quick.append(0.1)
    with silence.watching("short", 1, []):
        pass
    said = capsys.readouterr().err
    assert said.splitlines() == [
        "slow: no mask for 0 s or more, 2 of 9 are done; after Ctrl-C the same command goes on"
    ]
