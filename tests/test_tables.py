"""Tables of plain values: rounded for readers, exact for programs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vosbench.tables import Column, Table, as_json, cells, footnotes, from_json, laid_out, shown

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


def test_bounds_become_one_column_and_nothing_is_minus_zero() -> None:
    columns, rows = laid_out(TABLE)
    assert [column.name for column in columns] == ["run", "J", "95 % interval", "gain", "time"]
    assert rows[0][1:] == ("34.6", "30.0 to 40.0", "+0.0", "0.020")
    assert rows[1][1:] == ("-", "-", "+12.5", "-")
    assert shown(-0.0001, Column("J", "%")) == "0.0"


def test_a_table_refuses_what_it_cannot_show() -> None:
    with pytest.raises(AssertionError, match="another width"):
        Table("x", "x", (Column("a"),), ((1, 2),))
    with pytest.raises(AssertionError, match="nan"):
        Table("x", "x", (Column("a"),), ((float("nan"),),))
    assert footnotes(Table("x", "x", (Column("a"),), ())) == ()


def test_cells_are_one_line_and_know_numbers_from_words() -> None:
    header, rows, numeric = cells(TABLE)
    assert header == ("run", "J", "95 % interval", "gain", "time (s/frame)")
    assert rows[1] == ("two lines", "-", "-", "+12.5", "-")
    assert numeric == (False, True, True, True, True)


def test_json_is_read_back() -> None:
    assert from_json(as_json(TABLE)) == TABLE
    with pytest.raises(Exception, match="name"):
        from_json(as_json(TABLE).replace('"some_table"', '"../some_table"'))


def test_a_table_gives_itself_in_the_formats_that_papers_and_programs_want() -> None:
    assert TABLE.to_latex().startswith(r"\begin{table}")
    assert TABLE.to_markdown().startswith("**50")
    assert TABLE.to_csv().startswith("run,J,J low")
    assert json.loads(TABLE.to_text("json"))["rows"][0]["J"] == 0.34567
    frame = TABLE.to_pandas()
    assert list(frame.columns) == ["run", "J", "J low", "J high", "gain", "time"]
    assert frame["J"][0] == 0.34567
    assert frame["J"].isna().tolist() == [False, True]
    assert list(Table("t", "t", (Column("a"),), ()).to_pandas().columns) == ["a"]


ROW = next(TABLE.records())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"title": None}, "title is None, expected text"),
        ({"columns": []}, "it has no columns"),
        ({"columns": [{"name": "run"}]}, r"columns\[0\] has no 'unit'"),
        ({"notes": [5]}, r"notes\[0\] is 5, expected text"),
        ({"rows": [{**ROW, "run": []}]}, r"rows\[0\].run is \[\], expected text or a number"),
        ({"rows": [{}]}, r"rows\[0\] has no '"),
    ],
)
def test_what_is_no_table_is_told(change: dict[str, Any], said: str) -> None:
    whole = json.loads(as_json(TABLE)) | change
    with pytest.raises(ValueError, match=said):
        from_json(json.dumps(whole))
    with pytest.raises(ValueError, match=r"rows\[0\].J is nan"):
        from_json(as_json(TABLE).replace("0.34567", "NaN"))
