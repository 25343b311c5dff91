"""Frames show masks where they are, and what cannot be drawn is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fixtures_figures import panels, texts, toy_run
from PIL import Image

from vosbench import api
from vosbench.cli.compare import draw
from vosbench.drawing import from_masks, style
from vosbench.errors import UsageError
from vosbench.files import write_json
from vosbench.results import Result, load
from vosbench.types import Sequence


def test_strips_show_the_last_scored_frame_with_each_score(runs: list[Result]) -> None:
    masks = {k: np.eye(8, 12, k=k, dtype=np.uint8) for k in range(4)}
    ant = Sequence(
        name="ant",
        frames=[np.full((8, 12, 3), 40 * k, np.uint8) for k in range(4)],
        frame_names=tuple(f"{k:05d}" for k in range(4)),
        prompts={0: masks[0]},
        truth=masks,
    )
    figure = from_masks.qualitative([ant], runs)
    assert [texts(axes) for axes in panels(figure)] == [["frame 00003"], ["J 70"], ["J 30"]]
    late = panels(from_masks.qualitative([ant], runs, late=True, prompts=True))
    assert [texts(axes) for axes in late] == [["frame 00000"], ["frame 00002"], ["J 80"], ["J 40"]]
    with pytest.raises(UsageError, match="wasp has no scored frame"):
        from_masks.qualitative([Sequence(**{**vars(ant), "name": "wasp"})], runs)


def test_sequences_of_high_middle_and_low_scores_are_picked(tmp_path: Path) -> None:
    one = {name: [j] for name, j in zip("abcde", (0.1, 0.9, 0.5, 0.7, 0.0), strict=True)}
    runs = [toy_run(tmp_path, "one", one), toy_run(tmp_path, "two", {**one, "b": [0.2]})]
    assert from_masks.highest_median_lowest(runs) == ("d", "c", "e")
    assert from_masks.highest_median_lowest(runs[:1]) == ("b", "c", "e")
    with pytest.raises(UsageError, match="the runs share no scored sequence"):
        from_masks.highest_median_lowest([*runs, toy_run(tmp_path, "three", {"z": [0.2]})])


@pytest.fixture
def runs(tmp_path: Path) -> list[Result]:
    return [
        toy_run(tmp_path, "good", {"ant": [0.9, 0.8, 0.7], "bee": [0.6, 0.5, 0.4]}),
        toy_run(tmp_path, "poor", {"ant": [0.5, 0.4, 0.3], "bee": [0.2, 0.1, 0.0]}),
    ]


def test_one_row_per_sequence_and_one_tile_per_run(folder_root: Path, tmp_path: Path) -> None:
    made = [
        api.run(method, "folder", root=folder_root, out=tmp_path / "runs")
        for method in ("copy-first", "optical-flow")
    ]
    draw(made, tmp_path / "one.png", ("bee",))
    draw(made, tmp_path / "deep" / "all.png", ())
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "deep/all.png") as whole:
        assert one.width == whole.width == round(style.PAGE * style.DPI)
        assert 2 * one.height < whole.height < 3 * one.height  # heads stand over the first alone
    with pytest.raises(UsageError, match="unknown sequence 'wasp'"):
        draw(made, tmp_path / "no.png", ("wasp",))
    with pytest.raises(UsageError, match=r"written as .png, got .*no.jpg"):
        draw(made, tmp_path / "no.jpg", ())


def test_masks_without_a_run_and_mixed_data_are_refused(folder_root: Path, tmp_path: Path) -> None:
    run = api.run("copy-first", "folder", root=folder_root, out=tmp_path / "runs")
    assert run.masks is not None
    foreign = api.evaluate(run.masks, "folder", root=folder_root, out=tmp_path / "scores")
    summary = tmp_path / "scores" / "summary.json"
    write_json(summary, foreign.summary)  # as it was before it said what was scored
    forgotten = load(tmp_path / "scores")
    with pytest.raises(UsageError, match="where masks and truth of scores are; evaluate its masks"):
        draw([forgotten], tmp_path / "no.png", ())
    moved = replace(foreign, masks=tmp_path / "gone")
    with pytest.raises(UsageError, match=r"the masks of scores are not at .*gone any more"):
        draw([moved], tmp_path / "no.png", ())
    other = api.run("copy-first", "synthetic", sequences=["plain"], out=tmp_path / "runs")
    with pytest.raises(UsageError, match="a picture needs runs of one dataset, got folder"):
        draw([run, other], tmp_path / "no.png", ())
    with pytest.raises(UsageError, match="written"):
        _ = api.evaluate(run.masks, "folder", root=folder_root).frames
