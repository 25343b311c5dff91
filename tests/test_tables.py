"""Tables in every format: rounded for readers, exact for programs, escaped."""

from __future__ import annotations

import csv
import doctest
import io
import json

import pytest

import vosbench.tables
from vosbench.errors import UsageError
from vosbench.formats import FORMATS, SUFFIXES, render
from vosbench.tables import Column, Table, footnotes, laid_out, shown

TABLE = Table(
    name="some_table",
    title="50 % of a_b & c",
    columns=(
        Column("run"), Column("J", "%", better="higher"), Column("J low", "%"),
        Column("J high", "%"), Column("gain", "%", signed=True), Column("time", "s/frame", 3),
    ),
    rows=(
        ("my_net|x <b> \\ $5 #1 {2}", 0.34567, 0.3, 0.4, -0.0001, 0.02),
        ("two\nlines", None, None, None, 0.125, None),
    ),
    notes=("50 % & more",),
)  # fmt: skip


def test_doctests() -> None:
    assert doctest.testmod(vosbench.tables).failed == 0


def test_bounds_become_one_column_and_nothing_is_minus_zero() -> None:
    columns, rows = laid_out(TABLE)
    assert [column.name for column in columns] == ["run", "J", "95 % interval", "gain", "time"]
    assert rows[0][1:] == ("34.6", "30.0 to 40.0", "+0.0", "0.020")
    assert rows[1][1:] == ("-", "-", "+12.5", "-")
    assert shown(-0.0001, Column("J", "%")) == "0.0"


def test_text_is_aligned() -> None:
    lines = render(TABLE, "text").splitlines()
    assert lines[0] == TABLE.title
    assert lines[2].endswith("time (s/frame)")
    assert len(lines[2]) == len(lines[3])
    assert lines[-2:] == ["scores x 100", "50 % & more"]


def test_markdown_is_escaped_and_keeps_one_line_a_row() -> None:
    lines = render(TABLE, "markdown").splitlines()
    assert lines[0] == r"**50 % of a\_b & c**"
    assert lines[3] == "|---|---:|---:|---:|---:|"
    assert r"my\_net\|x \<b\> \\ $5" in lines[4]
    assert "two lines" in lines[5]


def test_latex_is_escaped() -> None:
    said = render(TABLE, "latex")
    assert r"\caption{50 \% of a\_b \& c}" in said
    assert r"my\_net\textbar{}x \textless{}b\textgreater{} \textbackslash{} \$5 \#1 \{2\}" in said
    assert r"\begin{tabular}{lrrrr}" in said
    assert said.count(r"\\" + "\n") == 3
    assert [said.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    assert r"\label{tab:some-table}" in said


def test_latex_has_minus_signs_in_numbers_and_hyphens_in_names() -> None:
    columns = (Column("run"), Column("drop", "%", signed=True), Column("drop low", "%"))
    columns += (Column("drop high", "%"),)
    said = render(Table("t", "t", columns, (("conv-3", -0.1, -0.2, 0.1),)), "latex")
    assert r"conv-3 & $-$10.0 & $-$20.0 to 10.0 \\" in said


def test_csv_and_json_hold_the_exact_values() -> None:
    rows = list(csv.DictReader(io.StringIO(render(TABLE, "csv"))))
    assert float(rows[0]["J"]) == 0.34567
    assert rows[1]["run"] == "two\nlines"
    assert rows[1]["J"] == ""
    loaded = json.loads(render(TABLE, "json"))
    assert loaded["rows"] == list(TABLE.records())
    assert loaded["columns"][1] == {
        "name": "J", "unit": "%", "digits": 1, "better": "higher", "signed": False,
    }  # fmt: skip
    assert loaded["notes"] == ["50 % & more"]


def test_formats_are_named() -> None:
    assert FORMATS.keys() == SUFFIXES.keys()
    with pytest.raises(UsageError, match="did you mean 'latex'"):
        render(TABLE, "latx")


def test_a_table_refuses_what_it_cannot_show() -> None:
    with pytest.raises(AssertionError, match="another width"):
        Table("x", "x", (Column("a"),), ((1, 2),))
    with pytest.raises(AssertionError, match="nan"):
        Table("x", "x", (Column("a"),), ((float("nan"),),))
    assert footnotes(Table("x", "x", (Column("a"),), ())) == ()
