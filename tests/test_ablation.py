"""Runs stand in a grid of two options, and what else differs is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures_runs import steady, write_run

from vosbench.analysis.ablation import ablation
from vosbench.analysis.groups import one_group
from vosbench.errors import UsageError
from vosbench.files import jsonable
from vosbench.resolve import method_options

RPMNET = {"matching": "deformable", "backbone": "compact", "refine": "none", "size": 256}


def test_ablation_is_a_grid(tmp_path: Path) -> None:
    runs = []
    for number, (backbone, matching, size, j) in enumerate([
        ("compact", "deformable", 256, 0.4), ("compact", "conv-3", 256, 0.3),
        ("compact", "conv-3", 256, 0.5), ("resnet18", "deformable", 256, 0.6),
    ]):  # fmt: skip
        options = {**RPMNET, "backbone": backbone, "matching": matching, "size": size,
                   "weights": f"w{number}"}  # fmt: skip
        runs.append(write_run(tmp_path / str(number), steady({"a": j}), method="rpmnet",
                              options=options))  # fmt: skip
    table = ablation(one_group([*runs, write_run(tmp_path / "t", steady({"a": 0.1}))]))
    names = [column.name for column in table.columns]
    assert [names[at] for at in (0, 1, 2, 4)] == ["backbone", "conv-3", "conv-3 low", "deformable"]
    assert [(row[0], row[1], row[4]) for row in table.rows] == [
        ("compact", 0.4, 0.4), ("resnet18", None, 0.6),
    ]  # fmt: skip
    assert table.rows[0][2] is None, "one sequence gives no interval"
    assert "compact, conv-3: mean of 2 runs, 30.0 to 50.0" in table.notes
    larger = write_run(tmp_path / "l", steady({"a": 0.7}), method="rpmnet",
                       options={**RPMNET, "size": 512})  # fmt: skip
    special = ablation(one_group([*runs, larger]))
    assert [row[0] for row in special.rows] == ["compact", "compact size=512", "resnet18"]
    assert "where a row says nothing else: size=256" in special.notes
    with pytest.raises(UsageError, match=r"no run of .* has both options, backbone and matching"):
        ablation(one_group([write_run(tmp_path / "t", steady({"a": 0.1}))]))


def test_columns_stand_in_the_order_of_the_options_choices(tmp_path: Path) -> None:
    modules = ("correlation", "deformable", "a-module-of-later", "dilation-3", "conv-1")
    runs = [
        write_run(tmp_path / name, steady({"a": 0.3}), method="rpmnet",
                  options={**RPMNET, "matching": name})
        for name in modules
    ]  # fmt: skip
    names = [column.name for column in ablation(one_group(runs)).columns[1::3]]
    assert names == ["conv-1", "dilation-3", "deformable", "correlation", "a-module-of-later"]
    unknown = [
        write_run(tmp_path / f"u{name}", steady({"a": 0.3}), method="gone",
                  options={**RPMNET, "matching": name})
        for name in modules[:3]
    ]  # fmt: skip
    names = [column.name for column in ablation(one_group(unknown)).columns[1::3]]
    assert names == sorted(modules[:3]), "a method that is not installed: by name"


def test_what_a_preset_implies_is_no_further_option(tmp_path: Path) -> None:
    runs = []
    for number, chosen in enumerate((
        {"preset": "light"}, {"preset": "crw"}, {"preset": "crw", "backbone": "random"},
        {"preset": "crw", "topk": "5"},
    )):  # fmt: skip
        options = jsonable(method_options("label-propagation", chosen))
        runs.append(write_run(tmp_path / str(number), steady({"a": number / 10}),
                              method="label-propagation", options=options))  # fmt: skip
    table = ablation(one_group(runs))
    assert [column.name for column in table.columns[1::3]] == ["crw", "light"]
    assert [(row[0], row[1], row[4]) for row in table.rows] == [
        ("random", 0.2, None), ("raw", 0.1, 0.0), ("raw topk=5", 0.3, None),
    ]  # fmt: skip
    assert "where a row says nothing else: topk=10" in table.notes
    with pytest.raises(UsageError, match=r"backbon and preset; did you mean 'backbone'\?$"):
        ablation(one_group(runs), row="backbon")


def test_the_interval_of_a_cell_is_that_of_its_mean_run(tmp_path: Path) -> None:
    options = {**RPMNET, "backbone": "compact", "matching": "conv-3"}
    runs = [
        write_run(tmp_path / str(n), steady(of), method="rpmnet", options={**options, "weights": n})
        for n, of in enumerate(({"a": 0.2, "b": 0.6}, {"a": 0.4, "b": 0.8}))
    ]
    (row,) = ablation(one_group(runs)).records()
    assert (row["conv-3"], row["conv-3 low"], row["conv-3 high"]) == pytest.approx((0.5, 0.3, 0.7))


def test_the_default_needs_no_words_even_where_it_is_rare(tmp_path: Path) -> None:
    runs = []
    names = ("rpmnet-iterated", "rpmnet-conv-3-iterated", "rpmnet")
    for number, name in enumerate(names):
        options = jsonable(method_options(name, {}))
        runs.append(write_run(tmp_path / name, steady({"a": 0.5 - number / 10, "b": 0.3}),
                              method=name, options=options))  # fmt: skip
    table = ablation(one_group(runs))
    assert [row[0] for row in table.rows] == [
        "compact", "compact coarsest=4 iterations=3 search=4.0"
    ]  # fmt: skip
    assert "where a row says nothing else: coarsest=1, iterations=1, search=0.0" in table.notes


def test_what_every_run_has_beyond_its_defaults_is_said(tmp_path: Path) -> None:
    runs = [
        write_run(
            tmp_path / name, steady({"a": 0.3}), method=name,
            options=jsonable(method_options(name, {})),
        )
        for name in ("rpmnet-iterated", "rpmnet-conv-3-iterated")
    ]  # fmt: skip
    table = ablation(one_group(runs))
    assert [row[0] for row in table.rows] == ["compact"]
    assert "in every run: coarsest=4, iterations=3, search=4.0" in table.notes
    plain = write_run(tmp_path / "p", steady({"a": 0.2}), method="rpmnet",
                      options=jsonable(method_options("rpmnet", {})))  # fmt: skip
    for group in ([plain], [*runs, plain]):
        assert not any(note.startswith("in every") for note in ablation(one_group(group)).notes)
