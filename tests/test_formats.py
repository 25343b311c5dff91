"""A table as text by every report plugin that gives text: escaped, exact where it should be."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

import vosbench.plugins
from vosbench import formats, registry
from vosbench.errors import PluginError, UsageError
from vosbench.formats import render
from vosbench.tables import Column, Table

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


def test_text_is_aligned() -> None:
    lines = render(TABLE, "terminal").splitlines()
    assert lines[0] == TABLE.title
    assert lines[2].endswith("time (s/frame)")
    assert set(lines[3]) == {"─"}
    assert len(lines[3]) == len(lines[2]) + 1 == len(lines[4]) + 1
    assert lines[5].startswith(" two lines")
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
    assert re.search(r"\\begin\{tabular\}\{(l|p\{[0-9]+pt\})rrrr\}", said)
    assert said.count(r"\\" + "\n") == 3
    assert [said.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    assert r"\label{tab:some-table}" in said


def test_latex_shows_the_notes_that_readers_of_a_paper_need_and_comments_the_others() -> None:
    notes = (
        "ONLY 2 of 30 sequences: not comparable with figures for all of them",
        "protocol davis2017: first and last frame dropped (github.com/x)",
        "baselines on the same frames, J&F: repeating the prompt 23.8",
        "a: NOT COMPLETE, failed: ant",
        "protocol prompted-prompt-at-mid-local: NOT as published: each object",
    )
    said = Table("t", "t", (Column("run"),), (("a",),), notes).to_latex()
    lines = said.partition("\\end{tabular}\n")[2].splitlines()
    assert lines == [
        rf"  \par\footnotesize {notes[0]}.",
        r"  \par\footnotesize protocol davis2017.",
        f"  % {notes[1]}",
        f"  % {notes[2]}",
        rf"  \par\footnotesize {notes[3]}.",
        rf"  \par\footnotesize {notes[4]}.",
        r"\end{table}",
    ]


def test_latex_makes_a_table_of_many_columns_narrow() -> None:
    def said(columns: int) -> str:
        names = [Column(f"{name}", "%") for name in "abcdefghijklmnop"[:columns]]
        row = ("optical-flow label=hard", *[0.5] * columns)
        return Table("t", "t", (Column("run"), *names), (row,)).to_latex()

    assert "tabcolsep" not in said(3)
    assert "{lrrr}" in said(3)
    assert "\\setlength{\\tabcolsep}{3pt}\n  \\begin{tabular}{p{" in said(6)
    assert "\\setlength{\\tabcolsep}{3pt}\n  \\footnotesize\n  \\begin{tabular}{p{" in said(7)


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


def test_formats_are_the_reports_that_give_text() -> None:
    assert {name: formats.suffix(name) for name in formats.names()} == {
        "csv": ".csv", "json": ".json", "latex": ".tex", "markdown": ".md", "terminal": ".txt",
    }  # fmt: skip
    with pytest.raises(UsageError, match="unknown report 'latx'; did you mean 'latex'"):
        render(TABLE, "latx")
    with pytest.raises(UsageError, match=r"report 'html' gives a folder, .*choose one of csv, js"):
        formats.check("html")


@pytest.mark.parametrize("name", formats.names())
def test_every_format_gives_the_same_text_twice_and_says_what_runs_are_there(name: str) -> None:
    text = render(TABLE, name)
    assert text == render(TABLE, name)
    assert text.endswith("\n")
    assert "two" in text
    empty = Table("t", "Nothing", (Column("a"),), ())
    assert render(empty, name)


def test_a_report_of_ones_own_is_a_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vosbench.plugins, "__path__", [*vosbench.plugins.__path__, str(tmp_path)])
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "rows.py").write_text("def render(table): return str(len(table.rows))")
    (tmp_path / "reports" / "nothing.py").write_text("def render(table): return None")
    assert (render(TABLE, "rows"), formats.suffix("rows")) == ("2\n", ".rows")
    assert "rows" in formats.names()
    with pytest.raises(PluginError, match=r"nothing\.py: render\(\) gave NoneType, expected a str"):
        render(TABLE, "nothing")
    assert registry.find("reports", "rows").path == (tmp_path / "reports" / "rows.py").resolve()


def test_a_terminals_table_cuts_no_number_and_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    name = "label-propagation backbone=colour-reconstruction"
    columns = tuple(Column(f"column {number}") for number in range(9))
    table = Table("t", "T", columns, ((name, *range(7), "118b6862"),), ("word " * 40 + "last",))
    lines = render(table, "terminal").splitlines()
    assert any(line.startswith(f" {name} ") and line.endswith("118b6862") for line in lines)
    assert sum(line.count("word") for line in lines) == 40
    assert lines[-1].endswith("last")
    assert all(len(line) <= 100 for line in lines[6:])


def test_the_dotted_f_of_mosev2_is_what_latex_can_set() -> None:
    table = Table("t", "t", (Column("run"), Column("J&Ḟ", "%")), (("a", 0.5),))
    assert r"J\&$\dot{F}$" in table.to_latex()
    assert "Ḟ" not in table.to_latex()


@pytest.mark.parametrize("name", ["terminal", "markdown", "latex"])
def test_a_text_of_others_does_not_steer_the_terminal(name: str) -> None:
    evil = "a\x1b[2J\x9b1A\x07"
    table = Table("x", evil, (Column("run"), Column(evil)), ((evil, evil),), notes=(evil,))
    said = render(table, name)
    assert not [sign for sign in said if sign != "\n" and (sign < " " or "\x7f" <= sign < "\xa0")]
    assert "�" in said
