"""The table of a sweep: its base is found, every setting is named by what it changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fixtures_figures import panels, toy_run
from fixtures_runs import write_run

from vosbench.analysis.ablation import ablation
from vosbench.analysis.groups import one_group, told_as_usual
from vosbench.analysis.sweep import courses, sweep
from vosbench.drawing import from_tables
from vosbench.errors import UsageError
from vosbench.files import jsonable
from vosbench.formats import render
from vosbench.resolve import method_options
from vosbench.results import Result
from vosbench.suites import execute
from vosbench.toolbox.methods import weights

USUAL = {"backbone": "raw", "topk": 10, "radius": 12.0, "first": True, "size": "256"}


def run(where: Path, j: float, f: float = 0.5, **options: Any) -> Result:
    name = "-".join(f"{key}={value}" for key, value in options.items()) or "usual"
    scores = {("a", 1): (j, j), ("b", 1): (0.4, 0.4)}
    return write_run(
        where / name, scores, dict.fromkeys(scores, (f, f)), method="tiny",
        options=USUAL | options,
    )  # fmt: skip


@pytest.fixture
def runs(tmp_path: Path) -> list[Result]:
    return [
        run(tmp_path, 0.5, topk=20),
        run(tmp_path, 0.7, topk=5),
        run(tmp_path, 0.6),
        run(tmp_path, 0.8, f=0.7, size="384"),
        run(tmp_path, 0.2, first=False),
        run(tmp_path, 0.5, radius=24.0),
        run(tmp_path, 0.9, backbone="learned"),
        run(tmp_path, 0.7, backbone="learned", topk=5),
        run(tmp_path, 0.1, backbone="alone"),
    ]


def test_every_setting_is_held_against_its_base(runs: list[Result]) -> None:
    table = sweep(one_group(runs))
    rows = {(str(row["method"]), str(row["setting"])): row for row in table.records()}
    assert [setting for method, setting in rows if method == "tiny raw"] == [
        "(base)", "first=false", "radius=24", "size=384", "topk=5", "topk=20",
    ]  # fmt: skip
    assert rows["tiny raw", "(base)"]["J"] == pytest.approx(0.5)
    assert rows["tiny raw", "(base)"]["J to base"] is None
    larger = rows["tiny raw", "size=384"]
    assert (larger["J to base"], larger["F to base"]) == (pytest.approx(0.1), pytest.approx(0.2))
    bounds = [larger[f"J to base {end}"] for end in ("low", "high")]
    assert bounds == pytest.approx([0.0, 0.2])
    assert larger["sequences better"] == "1 of 2"
    assert rows["tiny raw", "first=false"]["sequences better"] == "0 of 2"
    assert not any(method == "tiny alone" for method, _ in rows)
    note = next(note for note in table.notes if note.startswith("base of tiny raw"))
    assert note == (
        "base of tiny raw: backbone=raw, topk=10, radius=12, first=true, size=256; over its 6 "
        "settings J lies between 30.0 and 60.0"
    )
    assert (
        "| tiny raw | size=384 | 60.0 | 70.0 | +10.0 | +0.0 to +20.0 | +20.0 | 1 of 2 |"
        in render(table, "markdown")
    )


def test_a_preset_stands_for_the_options_that_it_implies(tmp_path: Path) -> None:
    settings = ({}, {"topk": "5"}, {"radius": "6"}, {"preset": "dino", "topk": "7"},
                {"preset": "crw"}, {"temperature": ".02"})  # fmt: skip
    runs = [
        write_run(tmp_path / str(number), {("a", 1): (number / 10,)}, method="label-propagation",
                  options=jsonable(method_options("label-propagation", chosen)))
        for number, chosen in enumerate(settings)
    ]  # fmt: skip
    other = jsonable(method_options("label-propagation", {"backbone": "random"}))
    runs.append(write_run(tmp_path / "o", {("a", 1): (0.5,)}, method="label-propagation",
                          options=other))  # fmt: skip
    table = sweep(one_group(runs))
    assert {str(row["setting"]) for row in table.records()} == {
        "(base)", "topk=5", "radius=6", "preset=dino topk=7", "preset=crw", "temperature=0.02",
    }  # fmt: skip
    assert any(note.startswith("not here, with no scored run of the same method")
               for note in table.notes)  # fmt: skip


def test_a_default_is_named_where_the_base_is_none(tmp_path: Path) -> None:
    def run_of(name: str, **chosen: str) -> Result:
        options = jsonable(method_options("label-propagation", chosen))
        return write_run(tmp_path / name, {("a", 1): (0.5,)}, method="label-propagation",
                         options=options)  # fmt: skip

    runs = [run_of("a", topk="5"), run_of("b"), run_of("c", topk="5", last="20"),
            run_of("d", last="20"), run_of("e", topk="5", radius="6")]  # fmt: skip
    assert [row["setting"] for row in sweep(one_group(runs)).records()] == [
        "(base)", "last=20", "last=20 topk=10", "radius=6", "topk=10",
    ]  # fmt: skip
    crw = [run_of("f", preset="crw"), run_of("g", preset="crw", last="7"), run_of("h"),
           run_of("i", preset="crw", topk="5")]  # fmt: skip
    assert {row["setting"] for row in sweep(one_group(crw)).records()} == {
        "(base)", "last=7", "preset=light", "topk=5",
    }  # fmt: skip


def test_runs_that_are_no_sweep_are_refused(runs: list[Result]) -> None:
    with pytest.raises(UsageError, match=r"no two runs of .* are of one method, backbone, prompt"):
        sweep(one_group([runs[2], runs[8]]))


def labels(suite: execute.Suite) -> list[tuple[str, Mapping[str, Any]]]:
    return [(run.method, run.set) for run in suite.runs]


def test_the_suite_changes_one_option_at_a_time_and_last_three_that_helped() -> None:
    found: dict[str, list[dict[str, Any]]] = {}
    for method, values in labels(execute.read("sweep")):
        found.setdefault(values["backbone"], []).append(vars(method_options(method, values)))
    assert {name: len(runs) for name, runs in found.items()} == {
        "raw": 14, "colour-reconstruction": 14,
    }  # fmt: skip
    for base, *others in found.values():
        *changed, several = [[k for k in base if base[k] != other[k]] for other in others]
        assert several == ["size", "last", "topk"]
        assert all(len(each) == 1 for each in changed), changed
        assert {each[0] for each in changed} >= {"topk", "radius", "temperature", "stride", "size"}


def test_every_encoder_stands_under_all_three_protocols() -> None:
    runs = execute.read("encoders").runs
    assert [(run.method, run.set) for run in runs[:2]] == [("copy-first", {}), ("optical-flow", {})]
    assert {run.method for run in runs[2:]} == {"label-propagation"}
    shipped = {name for name in weights.names() if weights.shipped(name).parent.name != "large"}
    shipped.remove("rpmnet-correlation")  # it has colour-reconstruction's encoder
    controls = {"raw", "random", "torchvision/resnet18:layer3"}
    rows = [(name, 0) for name in shipped | controls] + [("random", 1), ("random", 2)]
    expected = [(preset, *row) for preset in ("light", "crw", "dino") for row in rows]
    found = [(run.set["preset"], run.set["backbone"], run.seed) for run in runs[2:]]
    assert sorted(found) == sorted(expected)  # each once
    for run in runs:
        method_options(run.method, run.set)


def test_runs_that_differ_in_two_options_are_lines_of_their_own(tmp_path: Path) -> None:
    scores = {"ant": [0.5], "bee": [0.5]}
    made = [
        toy_run(tmp_path, f"{k}{kind}", scores, topk=k, kind=kind)
        for k in (1, 2, 5)
        for kind in "ab"
    ]  # fmt: skip
    assert list(courses(one_group(made))) == ["topk"]
    assert list(courses(one_group(made))["topk"]) == ["m kind=a", "m kind=b"]
    assert courses(one_group(made[:4])) == {}  # two points are no course
    assert courses(one_group(made))["topk"]["m kind=a"] == {1: 0.5, 2: 0.5, 5: 0.5}
    (axes,) = panels(from_tables.sweep_lines(courses(one_group(made))))
    assert axes.lines[0].get_xydata().tolist() == [[k, pytest.approx(50)] for k in (1, 2, 5)]
    assert axes.get_xlabel() == "topk"


def test_lines_of_a_sweep_are_told_apart_by_what_differs_between_them(tmp_path: Path) -> None:
    scores = {"ant": [0.5], "bee": [0.5]}
    base = {"topk": 5, "reach": 2, "kind": "a"}
    changes = ({}, {"topk": 1}, {"topk": 9}, {"reach": 1}, {"reach": 3})
    made = [
        toy_run(tmp_path, f"{kind}{n}", scores, **(base | change | {"kind": kind}))
        for kind in "ab" for n, change in enumerate(changes)
    ]  # fmt: skip
    lines = {option: list(panel) for option, panel in courses(one_group(made)).items()}
    assert lines == {option: ["m kind=a", "m kind=b"] for option in ("topk", "reach")}


def test_runs_in_real_time_stand_apart(tmp_path: Path) -> None:
    runs = []
    for live in (None, {"fps": 20, "grace": 3}):
        for near in (4, 8):
            options = {"backbone": "raw", "near": near}
            run = write_run(
                tmp_path / f"{near}-{bool(live)}", {("a", 1): (near / 10,)}, method="m",
                options=options,
            )  # fmt: skip
            assert run.manifest is not None
            if live:
                run.manifest["identity"]["real_time"] = live
            assert told_as_usual(run) == (not live)
            runs.append(run)
    group = one_group(runs)
    live_name = "m raw real-time=20 grace=3"
    assert [row[0] for row in sweep(group).rows] == ["m raw"] * 2 + [live_name] * 2
    crossed = ablation(group, row="near", column="backbone")
    apart = {str(row[0]) for row in crossed.rows}
    assert len(apart) == 4
    assert {"4", "8"} < apart
