"""Runs side by side: values of every sequence, where they differ, a paper's table, one figure."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from conftest import Vosbench
from fixtures_runs import steady, write_run
from PIL import Image

from vosbench import api
from vosbench.analysis.comparison import verdicts
from vosbench.analysis.groups import one_group
from vosbench.analysis.side_by_side import by_sequence, metrics_of, most_different
from vosbench.errors import UsageError
from vosbench.reporting.figures import single
from vosbench.results import Result

NAMES = ("bmx-trees", "breakdance", "camel", "car-shadow", "dance-twirl", "drift-chicane",
         "kite-surf", "libby")  # fmt: skip
BASE = dict.fromkeys(NAMES, 0.5)

PLOTS = "attributes|over-time|sequences|memory"


@pytest.fixture
def two(tmp_path: Path) -> list[Result]:
    """B is better the later the sequence stands, A in libby alone."""
    more = {name: 0.5 + 0.05 * place for place, name in enumerate(NAMES)} | {"libby": 0.1}
    return [
        write_run(tmp_path / "A", steady(BASE), method="A"),
        write_run(tmp_path / "B", steady(more), method="B"),
    ]


def test_the_sequences_that_differ_most_come_first(two: list[Result]) -> None:
    (said,) = most_different(two)
    assert said.splitlines() == [
        "J differs most on 5 of 7 sequences, the largest difference first:",
        "  libby: A 50.0, B 10.0",
        "  kite-surf: B 80.0, A 50.0",
        "  drift-chicane: B 75.0, A 50.0",
        "  dance-twirl: B 70.0, A 50.0",
        "  car-shadow: B 65.0, A 50.0",
    ]


def test_of_many_runs_the_highest_and_the_lowest_are_told(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, steady(BASE | {"camel": 0.1 * place}), method=name)
        for place, name in enumerate("ABCDE")
    ]
    (said,) = most_different(runs)
    assert said.splitlines()[1:] == ["  camel: E 40.0 to A 0.0"]
    assert most_different(runs[:1]) == []
    other = write_run(tmp_path / "other", steady(BASE), method="F", truth="1")
    assert most_different([runs[0], other]) == []  # the verdict says why


def test_identical_runs_are_called_identical(tmp_path: Path, two: list[Result]) -> None:
    again = write_run(tmp_path / "C", steady(BASE), method="C")
    (said,) = verdicts([two[0], again])
    assert said == (
        "A and C are identical on 8 of 30 sequences of DAVIS-2017: every object has the same J and "
        "F on every scored frame of 8 sequences."
    )
    assert most_different([two[0], again]) == []
    close = write_run(tmp_path / "D", {**steady(BASE), ("camel", 1): [0.4, 0.6, 0.5, 0.5]})
    assert "identical" not in verdicts([two[0], close])[0]  # the means are equal, frames are not
    one = write_run(tmp_path / "E", steady({"camel": 0.5}), method="E")
    assert "on every scored frame of 1 sequence." in verdicts([two[0], one])[0]


def test_csv_has_the_values_of_every_run(
    two: list[Result], tmp_path: Path, command: Vosbench
) -> None:
    done = command("compare", "A", "B", "--format", "csv")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["sequence"] for row in rows] == list(NAMES)
    for run in two:
        for row, known in zip(rows, run.summary["sequences"], strict=True):
            assert float(row[f"{run.name} J"]) == known["J"]["mean"]
            assert float(row[f"{run.name} F"]) == known["F"]["mean"]
            assert float(row[f"{run.name} J&F"]) == known["J&F"]
    fewer = command("compare", "A", "B", "--format", "csv", "--columns", "F").stdout
    assert fewer.splitlines()[0] == "sequence,attributes,frames,objects,B F,A F"
    wrong = command("compare", "A", "--format", "csv", "--columns", "G")
    assert wrong.returncode == 1
    assert "no score 'G' of sequences; known: F, J, J&F" in wrong.stderr


def test_further_figures_of_a_protocol_are_columns_too(two: list[Result]) -> None:
    group = one_group(two)
    for run in group.results:
        for place, row in enumerate(run.summary["sequences"]):
            row["figures"] = {"V": 0.01 * place, "none": None}
    assert metrics_of(group) == ("J&F", "J", "F", "V")
    assert [row["A V"] for row in by_sequence(group, ("V",)).records()][3] == 0.03


def test_a_paper_gets_the_means_in_one_column(
    two: list[Result], tmp_path: Path, command: Vosbench
) -> None:
    done = command("compare", "A", "B", "--format", "latex")
    assert done.returncode == 0, done.stderr
    assert "    run & J\\&F & J & F \\\\\n" in done.stdout
    assert "\\begin{tabular}{lrrr}" in done.stdout
    assert f"B & \\textbf{{{100 * two[1].summary['J&F']:.1f}}} & " in done.stdout
    assert "ms/frame" not in done.stdout
    assert "is better than" not in done.stdout  # stdout is for the table
    chosen = command("compare", "A", "B", "--format", "latex", "--columns", "F,J decay").stdout
    assert "    run & F & J decay \\\\\n" in chosen
    long = write_run(tmp_path / "L", steady(BASE), method="a method with a very long name " * 3)
    wrapped = api.compare([two[0], long]).tables[0].to_latex()
    assert "\\begin{tabular}{lrrrrrrrr}" in wrapped  # the numbers alone are wider than a column
    assert long.folder is not None
    fitted = command("compare", "A", "L", "--format", "latex").stdout
    assert "\\begin{tabular}{p{129pt}rrr}" in fitted


@pytest.mark.usefixtures("two")
def test_the_tables_of_a_paper_have_labels_of_their_own(tmp_path: Path, command: Vosbench) -> None:
    write_run(tmp_path / "C", steady(BASE), dataset="sav")
    one = command("compare", "A", "B", "--format", "latex").stdout
    (label,) = re.findall(r"label{(.*)}", one)
    assert label.startswith("tab:scores-davis2017")
    each = re.findall(r"label{(.*)}", command("compare", "C", "A", "--format", "latex").stdout)
    assert label in each  # the same, whatever stands beside it
    assert len(set(each)) == 2


def test_columns_are_chosen_by_name(two: list[Result], command: Vosbench) -> None:
    table = command("compare", "A", "B", "--columns", "J recall,J").stdout.splitlines()
    assert table[2].split() == ["run", "J", "recall", "J"]
    wrong = command("compare", "A", "B", "--columns", "J,J recal")
    assert wrong.returncode == 1
    assert "unknown column 'J recal'; did you mean 'J recall'? known: " in wrong.stderr


@pytest.mark.parametrize("what", ["attributes", "over-time", "sequences"])
def test_one_figure_without_a_report(
    two: list[Result], tmp_path: Path, command: Vosbench, what: str
) -> None:
    starts = {"pdf": b"%PDF", "png": b"\x89PNG", "svg": b"<?xml"}
    for suffix, start in starts.items():
        done = command("compare", "A", "B", "--plot", what, "--out", f"figures/{what}.{suffix}")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "figures" / f"{what}.{suffix}").read_bytes().startswith(start)
        assert f"figure: figures/{what}.{suffix}\nJ " in done.stdout
    with Image.open(tmp_path / "figures" / f"{what}.png") as picture:
        assert picture.width > 600
    assert b"/Type3" not in (tmp_path / "figures" / f"{what}.pdf").read_bytes()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--plot", "sequences"), f"--out is missing: --plot {PLOTS} --out"),
        (("--out", "f.pdf"), f"--plot is missing: --plot {PLOTS} --out FILE"),
        (("--plot", "sequence", "--out", "f.pdf"), "'sequence'; did you mean 'sequences'? known"),
        (("--plot", "sequences", "--out", "f.eps"), "as one of .pdf, .svg, .png, got f.eps"),
    ],
)
def test_a_figure_that_cannot_be_is_refused_at_once(
    two: list[Result], tmp_path: Path, command: Vosbench, flags: tuple[str, ...], said: str
) -> None:
    done = command("compare", "A", "B", *flags)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stdout == ""
    assert not list(tmp_path.glob("f.*"))


def test_of_many_sequences_those_that_differ_most_are_drawn(tmp_path: Path) -> None:
    names = [f"s{number:03d}" for number in range(70)]
    flat = steady(dict.fromkeys(names, 0.5))
    rising = steady({name: 0.5 + 0.005 * place for place, name in enumerate(names)})
    runs = [write_run(tmp_path / name, of) for name, of in (("A", flat), ("B", rising))]
    figure = single(one_group(runs), "sequences")
    assert "The 60 of 70 sequences where the runs differ most." in figure.caption
    (axes,) = figure.drawing.axes  # type: ignore[union-attr]
    drawn = [label.get_text() for label in axes.get_yticklabels()]
    assert sorted(drawn) == names[10:]
    with pytest.raises(UsageError, match="unknown plot 'x'"):
        single(one_group(runs), "x")
