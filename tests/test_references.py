"""Shares of references by region, likeness where offsets point, and frames that are too early."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from vosbench.inspection import references
from vosbench.types import Frame, Inspection, Mask, Recalled, Sequence

GRID = (4, 6)  # cells of 2x2 px
OBJECT = np.zeros((8, 12), np.uint8)
OBJECT[2:6, 4:8] = 3


def shown(turn: float, offset: tuple[float, float]) -> Inspection:
    """Embeddings of two channels whose angle grows by `turn` a cell to the right."""
    angle = np.broadcast_to(turn * np.arange(GRID[1], dtype=np.float32), GRID)
    both = np.stack((np.cos(angle), np.sin(angle)))
    offsets = np.broadcast_to(np.array(offset, np.float32)[:, None, None], (2, *GRID))
    return Inspection(both, both, (2.0, 2.0), offsets, np.zeros((0, 9, 2), np.float32))


class Two:
    """Inside the object it takes all from two frames before, elsewhere a quarter."""

    references = ("t-1", "t-2")

    def __init__(self) -> None:
        self.seen: list[tuple[int, Mapping[int, Mask]]] = []

    def recall(
        self, frames: Iterable[Frame], prompts: Mapping[int, Mask], asked: Mapping[int, Any]
    ) -> Iterator[list[Recalled]]:
        share = np.full(GRID, 0.25, np.float32)
        share[1:3, 2:4] = 1
        for index, _ in enumerate(frames):
            self.seen.append((index, prompts))
            one = Recalled("t-1", index - 1, shown(0.1, (0.0, 1.0)), 1 - share)
            two = Recalled("t-2", index - 2, shown(0.1, (0.0, 2.0)), share)
            whole = one._replace(share=np.ones(GRID, np.float32))
            if index in asked:
                yield [[], [whole], [one, two]][min(index, 2)]


def clip(length: int, first: int = 0) -> Sequence:
    frames = [np.zeros((8, 12, 3), np.uint8)] * length
    return Sequence(
        name="clip", frames=frames, frame_names=tuple(f"{i:05d}" for i in range(length)),
        prompts={first: OBJECT}, truth=dict.fromkeys(range(first, length), OBJECT),
    )  # fmt: skip


def test_shares_are_told_by_region() -> None:
    means, told = references.watch(Two(), clip(3), np.empty((0, 2), np.int64), pairs=1, kept=2)
    assert [each.name for each in told] == ["t-1", "t-2"]
    assert means["t-2"].share == {
        "all": pytest.approx((4 + 20 / 4) / 24),
        "inside": 1.0,
        "boundary": pytest.approx(float("nan"), nan_ok=True),  # the object fills whole cells
        "outside": 0.25,
    }
    assert means["t-1"].share["all"] + means["t-2"].share["all"] == pytest.approx(1)
    assert means["t-1"].likeness == pytest.approx(np.cos(0.1), abs=1e-6)
    assert means["t-2"].length == pytest.approx(2)
    at = references.likeness_at(shown(0.1, (0.0, 2.0)))
    np.testing.assert_allclose(at[:, :4], np.cos(0.2), atol=1e-6)
    assert np.isnan(at[:, 4:]).all(), "that is outside the frame"


def test_a_frame_that_is_too_early_for_a_reference_gets_nothing_from_it() -> None:
    means, _ = references.watch(Two(), clip(3), np.empty((0, 2), np.int64), pairs=2, kept=1)
    assert means["t-2"].share["inside"] == 0.5
    assert means["t-1"].share["inside"] == 0.5
    assert means["t-2"].length == pytest.approx(2), "where it was read"


def test_the_method_begins_at_the_first_prompt_and_frames_count_in_the_video() -> None:
    method = Two()
    ((index, told),) = references.look(method, clip(8, first=3), {6: np.empty((0, 2), np.int64)})
    assert index == 6
    assert [each.frame for each in told] == [5, 4]
    assert [number for number, _ in method.seen] == [0, 1, 2, 3]
    assert list(method.seen[0][1]) == [0]


def test_references_of_one_name_are_added() -> None:
    half = np.full(GRID, 0.5, np.float32)
    several = [Recalled("first", frame, shown(0.1, (0.0, 0.0)), half) for frame in (0, 5)]
    found = references.given(several, None)
    assert found["first"].share["all"] == pytest.approx(1)
    assert np.isnan(found["first"].share["inside"])


def test_tables_have_a_row_for_each_reference() -> None:
    means, _ = references.watch(Two(), clip(3), np.empty((0, 2), np.int64), pairs=1, kept=2)
    measured = [references.Remembered("two", {"a": means, "b": means})]
    rows = list(references.table(measured).records())
    assert [(row["method"], row["reference"]) for row in rows] == [("two", "t-1"), ("two", "t-2")]
    assert (rows[1]["inside"], rows[1]["boundary"]) == (1.0, None)
    assert len(references.sequence_table(measured).rows) == 4
