"""Kind 6: the masks of a run are held against the digest that it kept of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import make_folder_dataset

from vosbench import api
from vosbench.errors import DataError, IncompleteScoresError
from vosbench.masks import read_mask, write_mask


def edited(masks: Path) -> None:
    mask = read_mask(masks / "00002.png")
    mask[0, 0] = 2  # one pixel
    write_mask(masks / "00002.png", mask)


def exchanged(masks: Path) -> None:
    """Two masks of one size and the same ids."""
    one, other = (masks / f"{index:05d}.png" for index in (1, 2))
    write_mask(one, np.roll(read_mask(one), 1))
    write_mask(other, np.roll(read_mask(other), 2))


def unscored(masks: Path) -> None:
    """The first frame, which is not scored."""
    write_mask(masks / "00000.png", np.zeros((32, 48), np.uint8))


def of_another(masks: Path) -> None:
    shutil.copy(masks.parents[3] / "data" / "masks" / "bee" / "00005.png", masks / "00003.png")


def cut(masks: Path) -> None:
    (masks / "00003.png").write_bytes((masks / "00003.png").read_bytes()[:80])


def emptied(masks: Path) -> None:
    (masks / "00001.png").write_bytes(b"")


CHANGES: list[Callable[[Path], None]] = [edited, exchanged, unscored, of_another, cut, emptied]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_folder_dataset(tmp_path / "data", {"ant": 6, "bee": 9})


@pytest.mark.parametrize("change", CHANGES)
def test_changed_masks_are_not_scored_and_are_made_again(
    tmp_path: Path, root: Path, change: Callable[[Path], None]
) -> None:
    def run() -> api.Result:
        return api.run("copy-first", "folder", root=root, out=tmp_path / "runs")

    first = run()
    assert first.masks
    before = {path: path.read_bytes() for path in first.masks.rglob("*.png")}
    change(first.masks / "bee")
    words = r"masks/bee are not those that the run made|bee/0000\d\.png is (damaged|not a picture)"
    with pytest.raises(IncompleteScoresError, match=words) as told:
        api.evaluate(first.masks.parent)
    assert list(told.value.failed) == ["bee"]
    assert [row["sequence"] for row in told.value.scored.summary["sequences"]] == ["ant"]
    assert "failed" in api.load(first.masks.parent).summary
    ended: list[str] = []
    again = api.run(
        "copy-first", "folder", root=root, out=tmp_path / "runs",
        on_sequence=lambda name, _: ended.append(name),
    )  # fmt: skip
    assert (ended, again.summary) == (["bee"], first.summary)
    assert {path: path.read_bytes() for path in first.masks.rglob("*.png")} == before


def test_all_masks_changed_is_an_error(tmp_path: Path, root: Path) -> None:
    masks = api.run("copy-first", "folder", root=root, out=tmp_path / "runs").masks
    assert masks
    for name in ("ant", "bee"):
        edited(masks / name)
    with pytest.raises(DataError, match="give the command of the run again") as told:
        api.evaluate(masks.parent)
    assert len(told.value.faults) == 2


def test_a_mask_written_anew_with_the_same_pixels_is_the_same(tmp_path: Path, root: Path) -> None:
    first = api.run("copy-first", "folder", root=root, out=tmp_path / "runs")
    assert first.masks
    for path in first.masks.rglob("*.png"):
        path.write_bytes(path.read_bytes())
    assert api.evaluate(first.masks.parent).summary == first.summary
