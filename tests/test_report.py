"""A report shows what the runs' files hold, escaped, in one folder that needs no network."""

from __future__ import annotations

import base64
import csv
import importlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from conftest import make_folder_dataset
from fixtures_report import ATTACK, make_report

from vosbench import api, registry, results
from vosbench.analysis.groups import one_group
from vosbench.analysis.scores import scores
from vosbench.errors import UsageError
from vosbench.formats import render
from vosbench.masks import read_mask
from vosbench.reporting import report
from vosbench.reporting.page_tables import show
from vosbench.tables import Column, Table
from vosbench.toolbox.reports.page import Place, ShownFigure


class Page(HTMLParser):
    """Cells by table, links, and the attributes of every tag that a test asks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._rows: list[list[str]] | None = None
        self._open = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {key: value or "" for key, value in attrs}
        self.tags.append((tag, attributes))
        if tag == "table":
            name = attributes.get("data-table", "")
            self._rows = self.tables.setdefault(name, []) if name else None
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif tag in ("td", "th") and self._rows is not None:
            self._rows[-1].append("")
            self._open = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._open = False

    def handle_data(self, data: str) -> None:
        if self._open and self._rows:
            self._rows[-1][-1] += data

    def all(self, key: str) -> list[str]:
        return [attributes[key] for _, attributes in self.tags if key in attributes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_report(tmp_path_factory.mktemp("reported"))


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "index.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def runs(folder: Path) -> list[results.Result]:
    listed = json.loads((folder / report.MARK).read_text(encoding="utf-8"))["runs"]
    return [results.load(Path(run["folder"])) for run in listed]


def assigned(path: Path) -> Any:
    """What a data file of the viewer assigns, as JSON."""
    text = path.read_text(encoding="utf-8").partition(" = ")[2].removesuffix(";\n")
    return json.loads(text.replace("{films: {}, sections:", '{"films": {}, "sections":', 1))


def decode(text: str, shape: tuple[int, int]) -> np.ndarray:
    codes, code, shift = [], 0, 0
    for byte in base64.b64decode(text):
        code |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            codes.append(code)
            code, shift = 0, 0
    count, *rest = codes
    flat = np.concatenate([np.full(code // count, code % count) for code in rest])
    return flat.reshape(shape)


def test_numbers_are_those_of_the_summaries(page: Page, runs: list[results.Result]) -> None:
    header, *rows = page.tables["scores"]
    assert {row[0] for row in rows} == {"copy-first", ATTACK}
    shown = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    for run in runs:
        assert shown[run.name]["J&F"] == f"{100 * run.summary['J&F']:.1f}"
        for metric in ("J", "F"):
            of = run.summary[metric]
            assert shown[run.name][metric] == f"{100 * of['mean']:.1f}"
            assert shown[run.name][f"{metric} recall"] == f"{100 * of['recall']:.1f}"
    header, *rows = page.tables["by-sequence"]
    for run in runs:
        column = header.index(run.name)
        by_name = {row[0]: row[column] for row in rows}
        assert by_name == {
            row["sequence"]: f"{100 * row['J']['mean']:.1f}" for row in run.summary["sequences"]
        }


def test_files_hold_the_numbers_unrounded(folder: Path, runs: list[results.Result]) -> None:
    (path,) = folder.glob("tables/*/scores.json")
    rows = {row["run"]: row for row in json.loads(path.read_text(encoding="utf-8"))["rows"]}
    assert {name: row["J"] for name, row in rows.items()} == {
        run.name: run.summary["J"]["mean"] for run in runs
    }
    kinds = {file.suffix for file in path.parent.glob("scores.*")}
    assert kinds == {".csv", ".json", ".md", ".tex"}


def test_the_viewer_has_every_score_and_every_mask(
    folder: Path, runs: list[results.Result]
) -> None:
    (section,) = assigned(folder / "data" / "index.js")["sections"]
    assert [run["name"] for run in section["runs"]] == [run.name for run in runs]
    for film in section["films"]:
        data = assigned(folder / film["file"])
        w, h = data["size"]
        for number, run in enumerate(runs):
            assert run.folder is not None
            assert run.masks is not None
            means = {row["sequence"]: row["J"]["mean"] for row in run.summary["sequences"]}
            assert film["means"][number] == means[film["name"]]
            for name, text in zip(data["frames"], data["runs"][number], strict=True):
                mask = read_mask(run.masks / film["name"] / f"{name}.png")
                assert (decode(text, (h, w)) == mask).all()
            with (run.folder / "scores.csv").open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    if row["sequence"] == film["name"]:
                        at = data["frames"].index(row["frame"])
                        found = data["scores"][number][row["object"]]
                        assert found["J"][at] == pytest.approx(float(row["J"]), abs=1e-6)
                        assert found["F"][at] == pytest.approx(float(row["F"]), abs=1e-6)
        assert len(data["frames"]) == len(list((folder / data["folder"]).glob("*.jpg")))


def test_what_comes_from_outside_is_escaped(folder: Path, page: Page) -> None:
    scripts = [attributes for tag, attributes in page.tags if tag == "script"]
    assert [list(attributes) for attributes in scripts] == [["src"]] * 5
    assert "<script>document" not in (folder / "index.html").read_text(encoding="utf-8")


def test_every_format_holds_the_numbers_of_the_summaries(
    folder: Path, runs: list[results.Result]
) -> None:
    where = folder / "tables" / "folder-all-prompted"
    for run in runs:
        whole = {"J&F": run.summary["J&F"]}
        for metric in ("J", "F"):
            of = run.summary[metric]
            whole |= {metric: of["mean"], f"{metric} recall": of["recall"]}
            whole |= {f"{metric} decay": of["decay"]}
        rounded = {key: f"{100 * value + 0.0:.1f}" for key, value in whole.items()}
        exact = json.loads((where / "scores.json").read_text(encoding="utf-8"))["rows"]
        (row,) = (row for row in exact if row["run"] == run.name)
        assert {key: row[key] for key in whole} == whole
        with (where / "scores.csv").open(newline="", encoding="utf-8") as file:
            (read,) = (row for row in csv.DictReader(file) if row["run"] == run.name)
        assert {key: float(read[key]) for key in whole} == whole
        by_sequence = json.loads((where / "by-sequence.json").read_text(encoding="utf-8"))["rows"]
        means = {row["sequence"]: row["J"]["mean"] for row in run.summary["sequences"]}
        assert {row["sequence"]: row[run.name] for row in by_sequence} == means
        if run.name != "copy-first":
            continue  # its name is written in other signs by each of what follows
        as_text = {
            "scores.md": (where / "scores.md").read_text(encoding="utf-8"),
            "scores.tex": (where / "scores.tex").read_text(encoding="utf-8"),
            "analyse": render(scores(one_group(runs)), "terminal"),
        }
        for name in ("terminal", "markdown"):
            as_text[name] = render(scores(one_group([run]), intervals=False), name)
        for name, said in as_text.items():
            lines = [line for line in said.splitlines() if line.lstrip("| ").startswith(run.name)]
            cells = re.split(r"[|&\s]+", lines[0])
            assert set(rounded.values()) <= set(cells), name


def test_everything_named_is_in_the_folder(folder: Path, page: Page) -> None:
    ids = set(page.all("id"))
    assert len(ids) == len(page.all("id"))
    (section,) = assigned(folder / "data" / "index.js")["sections"]
    films = {film["name"]: assigned(folder / film["file"]) for film in section["films"]}
    views = 0
    for link in page.all("href") + page.all("src"):
        if link.startswith("#view/"):
            where, sequence, frame, run = (unquote(part) for part in link[6:].split("/"))
            assert where == section["name"]
            assert frame in ("", *films[sequence]["frames"])
            assert run in ("", *(each["name"] for each in section["runs"]))
            views += 1
        elif link.startswith("#"):
            assert link[1:] in ids
        elif not link.startswith("data:"):
            assert (folder / link).is_file(), link
    assert views > 20
    style = (folder / "assets" / "style.css").read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import", style)


def test_worst_cases_link_to_their_frames(page: Page, runs: list[results.Result]) -> None:
    header, *rows = page.tables["worst-frames"]
    at = [header.index(name) for name in ("run", "sequence", "frame")]
    links = [unquote(link) for link in page.all("href")]
    for row in rows:
        run, sequence, frame = (row[place] for place in at)
        assert any(link.endswith(f"/{sequence}/{frame}/{run}") for link in links)


def test_pictures_say_in_words_what_they_show(page: Page) -> None:
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) > 9
    assert all(attributes["alt"] and attributes["loading"] == "lazy" for attributes in pictures)
    curves = [a for tag, a in page.tags if tag == "svg" and a.get("role") == "img"]
    assert any("copy-first from" in attributes.get("aria-label", "") for attributes in curves)


def test_only_a_report_is_replaced(runs: list[results.Result], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match=r"mine is not a report \(it has no report.json of one\)"):
        report.write(runs[:1], tmp_path / "mine", title="")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    report.write(runs, tmp_path / "old", title="Old")
    assert "copy-first" in (tmp_path / "old" / "index.html").read_text(encoding="utf-8")
    report.write(runs[:1], tmp_path / "old", title="New")
    assert "New" in (tmp_path / "old" / "index.html").read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "old"]


def test_without_the_data_tables_and_curves_remain(
    runs: list[results.Result], tmp_path: Path
) -> None:
    made = report.write(runs, tmp_path / "far", title="Far", root=tmp_path / "gone")
    assert any("give its folder with --root DIR" in said for said in made.left_out)
    page = Page(made.page.read_text(encoding="utf-8"))
    assert "copy-first" in {row[0] for row in page.tables["scores"]}
    assert not [link for link in page.all("href") if link.startswith("#view/")]
    assert [a for tag, a in page.tags if tag == "path"]
    assert not (made.page.parent / "frames").exists()


def test_a_report_of_text_is_no_report_in_a_folder(
    runs: list[results.Result], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="report 'terminal' gives text, not a folder"):
        report.write(runs, tmp_path / "r", title="", style="terminal")


def test_a_shown_table_marks_the_best_and_says_what_a_row_is_about() -> None:
    columns = (
        Column("run"),
        Column("J", "%", better="higher"),
        Column("decay", "%", better="lower"),
    )
    table = Table(
        "scores",
        "T",
        columns,
        (("a", 0.5, 0.1), ("b", 0.50001, 0.2), ("c", None, 0.3), ("d", 0.4, None)),
    )
    shown = show(table)
    assert shown.rows[2] == ("c", "-", "30.0")
    assert shown.best == {(0, 1), (1, 1), (0, 2)}  # what reads the same is equally good
    assert (shown.numeric, shown.bar) == ((False, True, True), 1)
    columns = (Column("run"), Column("sequence"), Column("worst frame"))
    shown = show(Table("worst", "T", columns, (("a", "ant", "00003"),)))
    assert shown.places == (Place("ant", "00003", "a"),)
    assert shown.best == frozenset()


def test_the_command_writes_a_report(
    command: Any, runs: list[results.Result], tmp_path: Path
) -> None:
    assert runs[0].folder is not None
    shutil.copytree(runs[0].folder, tmp_path / "one")
    (tmp_path / "none").mkdir()
    done = command("report", "one", "none", "--out", "shown", "--title", "Mine")
    assert done.returncode == 0, done.stderr
    assert "report: shown/index.html" in done.stdout
    assert "skipped: none holds no scores" in done.stderr
    assert "<h1>Mine</h1>" in (tmp_path / "shown" / "index.html").read_text(encoding="utf-8")


def test_a_run_has_one_colour_on_the_page_and_in_its_figures(folder: Path) -> None:
    index = (folder / "data" / "index.js").read_text(encoding="utf-8")
    colours = re.findall(r'"colour": "(#\w+)"', index)
    assert len(set(colours)) == 2
    page = (folder / "index.html").read_text(encoding="utf-8")
    for figure in ("over-time", "over-time-sequences"):
        (svg,) = folder.glob(f"figures/*/{figure}.svg")
        drawn = svg.read_text(encoding="utf-8").upper()
        assert all(f"STROKE: {colour.upper()}" in drawn for colour in colours)
    assert all(f'stroke="{colour}"' in page for colour in colours)


def test_the_place_is_checked_before_anything_is_computed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    report.check(tmp_path / "mine")
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match=r"mine is not a report \(it has no report.json of one\)"):
        report.check(tmp_path / "mine")
    with pytest.raises(UsageError, match="report 'terminal' "):
        report.check(tmp_path / "new", "terminal")


def test_masks_that_are_gone_or_damaged_cost_their_pictures_only(tmp_path: Path) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 6, "bee": 6, "cat": 6})
    run = api.run("copy-first", "folder", root=root, out=tmp_path / "runs")
    assert run.masks is not None
    (run.masks / "ant" / "00005.png").unlink()
    (run.masks / "bee" / "00005.png").write_bytes(b"no picture")
    assert run.folder is not None
    written = api.report([run.folder], tmp_path / "report")
    page = Page(written.read_text(encoding="utf-8"))
    (alt,) = (alt for alt in page.all("alt") if alt.startswith("Frames of "))
    assert alt == "Frames of cat with the masks of the truth and of copy-first."
    assert "NOT AS SCORED: the masks of ant, bee were" in written.read_text(encoding="utf-8")
    (data,) = (written.parent / "data").glob("*/bee.js")
    assert [mask is None for mask in assigned(data)["runs"][0]] == [False] * 5 + [True]


def test_a_width_that_shows_nothing_is_refused(runs: list[results.Result], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="width is 0, expected 64 pixels or more"):
        api.report(runs, tmp_path / "report", width=0)
    assert not (tmp_path / "report").exists()


def test_files_named_by_what_an_address_cannot_hold_are_found() -> None:
    html: Any = registry.load("reports", "html")
    environment = html._environment()
    environment.globals["size_of"] = lambda figure: None
    figure = ShownFigure("a#1", "", "figures/a#1 50%.png", "", ("figures/a?.svg",))
    text = '{% import "parts.html" as parts with context %}{{ parts.figure(figure, "x") }}'
    page = Page(environment.from_string(text).render(figure=figure))
    assert page.all("src") == ["figures/a%231%2050%25.png"]
    assert page.all("href") == ["figures/a%3F.svg"]


def test_a_thumb_of_a_very_wide_frame_has_a_row() -> None:
    films: Any = importlib.import_module("vosbench.plugins.reports.html.films")
    frame, mask = np.zeros((1, 2000, 3), np.uint8), np.zeros((1, 2000), np.uint8)
    assert films._thumb(frame, mask).size == (films.THUMB, 1)
