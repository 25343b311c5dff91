"""Cosines over receptive fields: equal to the slow twin, regions, fields, tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from reference import receptive_field as slow

from vosbench.errors import UsageError
from vosbench.inspection import receptive_field as fast
from vosbench.inspection.cells import chosen_cells, regions_of, target_frames
from vosbench.types import Frame, Inspection, Sequence


def inspection(
    samples: np.ndarray, *, seed: int = 0, size: tuple[int, int] = (5, 7), c: int = 4
) -> Inspection:
    generator = np.random.default_rng(seed)
    both = generator.normal(size=(2, c, *size)).astype(np.float32)
    return Inspection(both[0], both[1], (4.0, 4.0), None, samples.astype(np.float32))


def lattice(cells: np.ndarray, reach: int, step: int) -> np.ndarray:
    around = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 2, indexing="ij"), -1)
    return (cells[:, None] + step * around.reshape(1, -1, 2)).astype(np.float32)


@pytest.mark.parametrize("seed", range(4))
def test_cosines_equal_the_twin_inside_and_outside_the_frame(seed: int) -> None:
    generator = np.random.default_rng(seed)
    cells = chosen_cells((5, 7), 6, seed=seed)
    samples = generator.uniform(-2, 8, (6, 9, 2))
    samples[0, :5] = [[0, 0], [4, 6], [-0.5, 6.5], [-0.51, 0], [2, 6.51]]  # corners and just beyond
    shown = inspection(samples, seed=seed)
    found = fast.cell_means(fast.cosines(shown, cells))
    expected = [
        slow.mean_cosine(shown.reference, shown.target, places, cell)
        for places, cell in zip(shown.samples, cells, strict=True)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.isnan(fast.cosines(shown, cells)[0, 3:5]).all()


def test_cosines_do_not_hang_on_how_many_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = chosen_cells((5, 7), 0, seed=0)
    shown = inspection(lattice(cells, 2, 1))
    whole = fast.cosines(shown, cells)
    monkeypatch.setattr(fast, "_BUDGET", 250)
    np.testing.assert_array_equal(whole, fast.cosines(shown, cells))


def test_anywhere_is_the_mean_over_all_cells_of_the_reference() -> None:
    cells = chosen_cells((5, 7), 6, seed=1)
    shown = inspection(np.broadcast_to(np.indices((5, 7)).reshape(2, -1).T, (6, 35, 2)))
    assert fast.anywhere(shown, cells) == pytest.approx(fast.cosines(shown, cells).mean(), abs=1e-6)
    shown.reference[:] = 0
    assert math.isnan(fast.anywhere(shown, cells))


def test_a_zero_embedding_has_no_cosine() -> None:
    cells = np.array([[2, 2], [0, 0]])
    shown = inspection(lattice(cells, 0, 1))
    shown.target[:, 2, 2] = 0
    found = fast.likeness(shown, cells, None)
    assert found.left_out == 0.5
    assert not math.isnan(found.cosine["all"])
    assert math.isnan(found.cosine["inside"])


@pytest.mark.parametrize("grid", [(4, 6), (3, 5), (1, 1)])
def test_regions_equal_the_twin(grid: tuple[int, int]) -> None:
    mask = np.zeros((12, 18), np.uint8)
    mask[2:10, 3:14] = 1
    mask[5:12, 10:18] = 2
    found = regions_of(mask, grid)
    assert found.shape == grid
    for cell in np.ndindex(grid):
        assert found[cell] == slow.region(mask, grid, cell)


def test_two_objects_that_touch_have_a_boundary_and_small_frames_have_regions() -> None:
    mask = np.array([[1, 1, 1, 2, 2, 2]] * 6, np.uint8)
    found = regions_of(mask, (2, 3))
    assert found.tolist() == [["inside", "boundary", "inside"]] * 2
    assert regions_of(np.array([[0, 1]], np.uint8), (4, 8)).shape == (4, 8)


@pytest.mark.parametrize(("reach", "step", "side"), [(1, 1, 3), (3, 1, 7), (5, 1, 11), (3, 9, 55)])
def test_the_field_of_a_lattice_is_its_side(reach: int, step: int, side: int) -> None:
    cells = np.array([[0, 0], [3, 5]])
    assert fast.field_of(lattice(cells, reach, step), cells) == (side, True, (2 * reach + 1) ** 2)


def test_learned_positions_have_an_extent_and_no_field() -> None:
    cells = np.array([[0, 0], [3, 5], [1, 1]])
    samples = lattice(cells, 1, 1)
    samples[1, 0] -= 1.5
    assert fast.field_of(samples, cells) == (3.0, False, 9)
    everywhere = np.broadcast_to(lattice(np.array([[2, 2]]), 2, 1), (3, 25, 2))
    assert fast.field_of(everywhere, cells).fixed


def test_cells_are_all_or_a_seeded_subset() -> None:
    every = chosen_cells((3, 4), 0, seed=0)
    assert every.shape == (12, 2)
    assert every[5].tolist() == [1, 1]
    some = chosen_cells((3, 4), 5, seed=1)
    assert some.tolist() == chosen_cells((3, 4), 5, seed=1).tolist()
    assert len({tuple(cell) for cell in some.tolist()}) == 5
    assert len(chosen_cells((3, 4), 99, seed=0)) == 12


class Squares:
    """An Inspectable whose embedding is the frame itself on cells of 4 px, read in 3x3 windows."""

    def grid(self, height: int, width: int) -> tuple[int, int]:
        return height // 4, width // 4

    def inspect(self, reference: Frame, target: Frame, cells: np.ndarray) -> Inspection:
        first, second = (
            np.moveaxis(frame[2::4, 2::4].astype(np.float32) / 255, -1, 0) + 0.1
            for frame in (reference, target)
        )
        return Inspection(first, second, (4.0, 4.0), np.zeros_like(first[:2]), lattice(cells, 1, 1))


def sequence(name: str = "square", *, truth: bool = True) -> Sequence:
    frames, masks = [], []
    for index in range(6):
        frame, mask = np.full((32, 48, 3), (30, 60, 200), np.uint8), np.zeros((32, 48), np.uint8)
        frame[8:22, 6 + index : 26 + index] = (220, 40, 30)
        mask[8:22, 6 + index : 26 + index] = 1
        frames.append(frame)
        masks.append(mask)
    return Sequence(
        name=name,
        frames=frames,
        frame_names=tuple(f"{index:05d}" for index in range(6)),
        prompts={0: masks[0]},
        truth=dict(enumerate(masks)) if truth else {},
    )


def test_a_method_is_most_alike_inside_and_least_at_the_boundary() -> None:
    measured = fast.measure(
        "squares", Squares(), [sequence("a"), sequence("b")], cells=0, score=0.5
    )
    assert (measured.field.side, measured.field.fixed, measured.field.samples) == (3, True, 9)
    found = measured.sequences["a"].cosine
    assert 0 < found["boundary"] < found["inside"]
    assert found["boundary"] < found["outside"]
    assert 0 < measured.sequences["a"].left_out < 0.2  # the windows of cells at the frame's edge

    table = fast.table([measured])
    (row,) = table.records()
    assert (row["method"], row["field"], row["J"]) == ("squares", 3, 0.5)
    assert row["cosine"] == pytest.approx(found["all"])
    assert row["cosine low"] == row["cosine high"] == pytest.approx(found["all"])  # two the same
    assert any("4.0 x 4.0 px" in note for note in table.notes)
    assert [row[1] for row in fast.sequence_table([measured]).rows] == ["a", "b"]


def test_without_truth_only_all_cells_count() -> None:
    measured = fast.measure("squares", Squares(), [sequence(truth=False)], pairs=2, cells=20)
    (row,) = fast.table([measured]).records()
    assert row["inside"] is None
    assert row["cosine low"] is None  # one sequence has no interval
    assert isinstance(row["cosine"], float)


def test_frames_are_spread_and_a_sequence_too_short_is_refused() -> None:
    assert target_frames(sequence(), 1) == [3]
    assert target_frames(sequence(), 99) == [1, 2, 3, 4, 5]
    with pytest.raises(UsageError, match="square has no frame 9 after its prompt"):
        target_frames(sequence(), 4, gap=9)
