"""A report draws every figure that its runs and tables allow, each after its table."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures_figures import panels, toy_run
from fixtures_runs import steady, write_run
from matplotlib.patches import Rectangle, StepPatch

from vosbench.analysis import catalogue
from vosbench.analysis.groups import groups
from vosbench.drawing import charts
from vosbench.drawing.figure import Figure
from vosbench.reporting import figures
from vosbench.results import Result
from vosbench.tables import Table


@pytest.fixture
def runs(tmp_path: Path) -> list[Result]:
    return [
        toy_run(
            tmp_path, "good", {"ant": [0.9, 0.8, 0.7], "bee": [0.6, 0.5, 0.4]}, topk=5, kind="a"
        ),
        toy_run(
            tmp_path, "poor", {"ant": [0.5, 0.4, 0.3], "bee": [0.2, 0.1, 0.0]}, topk=10, kind="a"
        ),
    ]


def drawn_of(runs: list[Result], *analyses: str) -> dict[str, Figure]:
    """The figures of a group of runs, by name, after these tables of it."""
    (group,) = groups(runs)
    made = catalogue.tables([group], analyses)
    tables = {table.name: table for table in made if isinstance(table, Table)}
    return {each.name: each for each in figures.of_group(group, tables=tables)}


def test_every_figure_that_runs_allow_is_drawn(runs: list[Result], tmp_path: Path) -> None:
    drawn = drawn_of(runs, "over-time")
    assert list(drawn) == ["over-time", "over-time-sequences"]
    ant, _ = panels(drawn["over-time-sequences"].drawing)
    assert ant.lines[1].get_xydata().tolist() == [
        [k, pytest.approx(v)] for k, v in ((1, 50), (2, 40), (3, 30))
    ]
    assert all("good" in each.alt or "m" in each.alt for each in drawn.values())
    png, svg = drawn["over-time"].save(tmp_path / "out")
    assert png.is_file()
    assert svg.is_file()


def test_more_sequences_than_fit_go_on_further_figures(tmp_path: Path) -> None:
    names = [f"s{number:02d}" for number in range(figures.PANELS + 3)]
    drawn = drawn_of([toy_run(tmp_path, "many", {name: [0.5, 0.4] for name in names})])
    parts = [figure for name, figure in drawn.items() if name.startswith("over-time-sequences")]
    assert [figure.name for figure in parts] == ["over-time-sequences", "over-time-sequences-2"]
    titles = [[axes.get_title(loc="left") for axes in panels(each.drawing)] for each in parts]
    assert titles == [names[: figures.PANELS], names[figures.PANELS :]]
    assert "(part 2 of 2)" in parts[1].caption


def test_of_very_many_sequences_the_first_are_drawn_as_the_caption_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "PANELS", 2)
    monkeypatch.setattr(figures, "DRAWN", 4)
    for count, parts in ((4, 2), (5, 2)):
        names = [f"s{number:02d}" for number in range(count)]
        run = toy_run(tmp_path, f"of {count}", {name: [0.5, 0.4] for name in names})
        drawn = [f for name, f in drawn_of([run]).items() if name.startswith("over-time-seq")]
        assert len(drawn) == parts
        told = ["The first 4 of 5 sequences; the page has all." in f.caption for f in drawn]
        assert told == [count > 4] * parts


def heights(figure: Figure) -> list[float]:
    return [bar.get_height() for axes in panels(figure.drawing) for bar in axes.patches]


def test_a_figure_shows_the_numbers_of_the_table_of_its_name(tmp_path: Path) -> None:
    grid = {"backbone": "raw", "preset": "light"}, {"backbone": "raw", "preset": "crw"}
    scores = steady({"bike-packing": 0.4, "blackswan": 0.7, "libby": 0.3}, frames=24)
    made = [
        write_run(tmp_path / str(number), {key: [j - number / 9 for j in of]
                  for key, of in scores.items()}, method=f"m{number}", options=options)
        for number, options in enumerate(grid)
    ]  # fmt: skip
    (group,) = groups(made)
    names = [run.name for run in group.results]
    listed = catalogue.tables([group], catalogue.choose(()))
    tables = {table.name: table for table in listed if isinstance(table, Table)}
    drawn = {figure.name: figure for figure in figures.of_group(group, tables=tables)}
    assert {"attributes", "ablation-J", "over-time"} <= drawn.keys() & tables.keys()
    by_run = [[row["J"] for row in tables["attributes"].records() if row["run"] == name]
              for name in names]  # fmt: skip
    assert heights(drawn["attributes"]) == pytest.approx([100 * j for of in by_run for j in of])
    (cells,) = tables["ablation-J"].records()
    assert heights(drawn["ablation-J"]) == pytest.approx([100 * cells[s] for s in ("crw", "light")])
    axes, strip = panels(drawn["over-time"].drawing)
    assert strip.get_ylabel() == "objects left"
    for name, line in zip(names, axes.lines, strict=True):
        rows = list(tables["over-time"].records())
        assert line.get_ydata().tolist() == pytest.approx([100 * row[name] for row in rows])
        assert line.get_xdata().tolist() == [(row["from"] + row["to"]) / 2 for row in rows]


def test_curves_over_few_objects_are_pale_and_their_number_is_drawn(tmp_path: Path) -> None:
    long, short = [0.5] * 40, [0.5] * 12
    scores = {"ant": long, "bee": short, "cat": short, "dog": short}
    drawn = drawn_of([toy_run(tmp_path, "one", scores)], "over-time")["over-time"]
    axes, strip = panels(drawn.drawing)
    (counts,) = (patch for patch in strip.patches if isinstance(patch, StepPatch))
    assert counts.get_data().values.tolist() == [4, 4, 1, 1]
    assert counts.get_data().edges.tolist() == [1, 11, 21, 31, 41]
    for each in (axes, strip):
        (veil,) = (patch for patch in each.patches if isinstance(patch, Rectangle))
        assert (veil.get_x(), veil.get_facecolor()[:3]) == (21, (1, 1, 1))
    assert "pale where they are fewer than half" in drawn.caption
    assert charts.Left([1, 2, 3, 4], [4, 1, 3], "").thin_from() is None
