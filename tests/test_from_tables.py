"""A chart of a table shows the values of the table."""

from __future__ import annotations

from typing import Any

import pytest
from fixtures_figures import panels

from vosbench.drawing import from_tables
from vosbench.tables import Column, Table


def test_dots_of_a_sweep_stand_at_their_difference() -> None:
    names = ("method", "setting", "J to base", "J to base low", "J to base high")
    rows = (
        ("m", "(base)", None, None, None), ("m", "topk=20", -0.02, -0.03, 0.01),
        ("m", "topk=5", 0.01, None, None), ("n", "first=false", -0.1, -0.2, 0.0),
    )  # fmt: skip
    (axes,) = panels(from_tables.sweep_dots(Table("sweep", "t", tuple(map(Column, names)), rows)))
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        "first=false", "topk=5", "topk=20",
    ]  # fmt: skip
    dots = {line.get_label(): line.get_xydata() for line in axes.lines}
    assert dots["m"].tolist() == [[-2.0, pytest.approx(1.8)], [1.0, pytest.approx(0.8)]]
    assert dots["n"].tolist() == [[-10.0, pytest.approx(0.2)]]
    spans = [segment[:, 0].tolist() for each in axes.collections for segment in each.get_segments()]
    assert spans == [[-3.0, 1.0], [-20.0, 0.0]]


def test_attribute_bars_say_how_many_sequences() -> None:
    names = ("attribute", "run", "sequences", "J", "J low", "J high")
    rows = (("FM", "a", 4, 0.3, 0.2, 0.4), ("FM", "b", 4, 0.5, None, None))
    table = Table("attributes", "t", tuple(map(Column, names)), rows)
    (axes,) = panels(from_tables.attribute_bars(table))
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([30, 50])
    assert axes.get_xticklabels()[0].get_text() == "FM\nn=4"


def test_bars_by_size_are_those_of_the_runs_that_are_asked_for() -> None:
    columns = [Column("share of the image"), Column("frames"), Column("objects")]
    columns += [Column(f"{name}{end}", "%") for name in ("m", "n") for end in ("", " low", " high")]
    rows: tuple[Any, ...] = (
        ("0 to 1 %", 4, 2, 0.2, 0.1, 0.3, 0.4, None, None),
        ("1 to 3 %", 0, 0, *[None] * 6),
        ("3 to 10 %", 9, 3, 0.5, 0.4, 0.6, 0.7, None, None),
    )
    table = Table("size", "J by object size", tuple(columns), rows)
    (axes,) = panels(from_tables.condition_bars(table, runs=["n"]))
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([40, 70])
    labels = [tick.get_text() for tick in axes.get_xticklabels()]
    assert labels == ["0 to 1 %\nn=4", "3 to 10 %\nn=9"]  # an empty bin is not drawn


def test_ablation_bars_have_a_group_for_each_column() -> None:
    ends = ("", " low", " high")
    scores = [Column(f"{name}{end}", "%") for name in ("conv-3", "deformable") for end in ends]
    rows: tuple[Any, ...] = (
        ("compact", 0.3, 0.1, 0.4, *[None] * 3),
        ("resnet18", 0.2, None, None, 0.4, None, None),
    )
    table = Table("ablation-J", "J by backbone", (Column("backbone"), *scores), rows)
    (axes,) = panels(from_tables.ablation_bars(table))
    assert axes.collections[1].get_segments()[0][:, 1].tolist() == pytest.approx([10, 40])
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([30, 20, 40])
    assert axes.get_ylabel() == "J mean (%)"
