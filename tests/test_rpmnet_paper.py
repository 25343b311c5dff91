"""The paper's tables and figures: published beside measured, what is missing, what is reused."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from conftest import make_folder_dataset
from fixtures_runs import steady, write_run

from vosbench import api, results
from vosbench.analysis.groups import groups
from vosbench.cli import application
from vosbench.errors import UsageError
from vosbench.inspection import folder
from vosbench.reporting import report
from vosbench.rpmnet_paper import exhibits, iterations, missing, readings, tables
from vosbench.tables import Table

CONV = {"matching": "conv-3", "refine": "none", "backbone": "compact", "size": 256}
RPMNET = {**CONV, "matching": "deformable"}
SMALL = {"weights": "none", "size": "32", "embed_dim": "8"}


@pytest.fixture
def runs(tmp_path: Path) -> list[results.Result]:
    """Three of DAVIS-2017 and one of DAVIS-2016, from chosen scores."""
    scores = steady({"bike": 0.4, "libby": 0.3})
    other = {"dataset": "davis2016", "card_sequences": 20}
    return [
        write_run(tmp_path / "a", steady({"bike": 0.2, "libby": 0.2}), method="copy-first"),
        write_run(tmp_path / "b", scores, method="rpmnet", options=RPMNET),
        write_run(tmp_path / "c", scores, method="rpmnet-conv-3", options=CONV),
        write_run(tmp_path / "d", scores, method="rpmnet", options=RPMNET, **other),  # type: ignore[arg-type]
    ]


def rows(table: Table) -> dict[str, dict[str, object]]:
    return {str(row["technique"]): row for row in table.records()}


def test_table_2_holds_both_figures_and_their_difference(runs: list[results.Result]) -> None:
    table = tables.scores(groups(runs))
    found = rows(table)
    own = found["RPM-Net"]
    assert (own["run"], own["J published"]) == ("rpmnet", pytest.approx(0.357))
    assert own["J measured 2 of 30"] == runs[1].summary["J"]["mean"] == pytest.approx(0.35)
    assert own["J difference"] == pytest.approx(-0.007)
    interval = [own[f"J measured 2 of 30 {end}"] for end in ("low", "high")]
    assert interval == pytest.approx([0.3, 0.4])
    assert own["J davis2016 2 of 20"] == runs[3].summary["J"]["mean"]
    assert "sequences: 2 of 30" in str(own["not as published"])
    assert "paper: ResNet-101" in str(own["not as published"])
    assert found["Copy from the initial frame"]["J davis2016 2 of 20"] is None
    supervised = found["Supervised (OSMN)"]
    assert supervised["J published"] == pytest.approx(0.525)
    assert (supervised["run"], supervised["J measured 2 of 30"]) == (None, None)
    assert any("other data than the paper's" in note for note in table.notes)


def test_other_data_are_never_set_against_published_figures(runs: list[results.Result]) -> None:
    table = tables.scores(groups(runs[3:]))
    assert "J difference" not in [column.name for column in table.columns]
    assert rows(table)["RPM-Net"]["J measured"] is None
    assert "J measured low" not in rows(table)["RPM-Net"]
    assert rows(table)["RPM-Net"]["J davis2016 2 of 20"] == pytest.approx(0.35)
    bare = rows(tables.other_datasets(groups(runs)))["RPM-Net_R"]
    assert (bare["run"], bare["J segtrackv2 published"]) == (None, pytest.approx(0.484))
    assert bare["J segtrackv2 measured"] is None


def test_table_4_says_what_was_timed(runs: list[results.Result]) -> None:
    found = [row for row in tables.runtimes(groups(runs)).records() if row["run"] == "rpmnet"]
    assert [row["data"] for row in found] == ["davis2017 2 of 30", "davis2016 2 of 20"]
    assert (found[0]["published"], found[0]["measured"]) == (0.09, 0.2)
    assert found[0]["machine"] == "2 cores, x86_64"


def test_what_is_missing_comes_with_commands_that_exist(
    runs: list[results.Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VOSBENCH_DATA", raising=False)
    found = list(missing.missing(groups(runs)).records())
    said = {str(row["what"]): str(row["command"]) for row in found}
    assert "RPM-Net on davis2017" not in said
    assert said["the data of segtrackv2"] == "vosbench data download segtrackv2 --root DIR"
    assert said["the data of youtube-objects"] == "vosbench data info youtube-objects"
    assert said["RPM-Net_R on davis2017"].startswith(
        "vosbench run --method rpmnet-r --dataset davis2017 --root DIR/DAVIS-2017 --out "
    )
    assert "--method rpmnet-dilation-3 " in said["RPM-Net w/ dilated conv on segtrackv2"]
    assert "--method rpmnet-conv-5 " in said["conv-5 on compact, davis2017"]
    import click
    import typer

    known = typer.main.get_command(application())
    for command in " && ".join(said.values()).split(" && "):
        words = shlex.split(re.sub(r"\$\([^)]*\)", "PATH", command))
        assert words[0] == "vosbench"
        of = known.commands[words[1]]  # type: ignore[attr-defined]
        arguments = words[2:]
        if isinstance(of, click.Group) or hasattr(of, "commands"):
            of, arguments = of.commands[words[2]], words[3:]
        of.make_context(words[1], list(arguments), resilient_parsing=False)


def test_commands_name_no_folder_of_this_machine(
    runs: list[results.Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data" / "DAVIS-2017"
    monkeypatch.setattr(missing, "_found", lambda groups, dataset, root: data)
    far = missing.missing(groups(runs))
    said = " ".join(str(row["command"]) for row in far.records())
    assert "/" not in said.replace("DIR/DAVIS-2017", "")
    assert "--root DIR/DAVIS-2017 --out RUNS" in said
    assert any(note.startswith("RUNS: the folder that holds the runs") for note in far.notes)
    monkeypatch.chdir(tmp_path.parent)
    near = " ".join(str(row["command"]) for row in missing.missing(groups(runs)).records())
    assert f"--root {tmp_path.name}/data/DAVIS-2017 --out {tmp_path.name}" in near


def test_a_module_without_weights_is_trained_first(tmp_path: Path) -> None:
    options = {**CONV, "backbone": "resnet50"}
    run = write_run(tmp_path / "r", steady({"a": 0.3}), method="rpmnet-conv-3", options=options)
    found = {str(r["what"]): str(r["command"]) for r in missing.missing(groups([run])).records()}
    command = found["conv-5 on resnet50, davis2017"]
    assert command.startswith("vosbench train --method rpmnet-conv-5 --set backbone=resnet50 ")
    assert "--set weights=$(echo trainings/conv-5-resnet50/*/weights.safetensors)" in command


def test_published_beside_measured_is_seen_on_the_page(
    runs: list[results.Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VOSBENCH_DATA", raising=False)
    shown = exhibits.exhibition(runs, tmp_path / "kept")
    made = report.write(runs, tmp_path / "page", title="T", exhibition=shown)
    page = made.page.read_text(encoding="utf-8")
    assert (
        f'<section id="table-2" class="exhibit">\n<h3>{tables.scores(groups(runs)).title}' in page
    )
    text = [re.sub(r"<[^>]+>|\s+", " ", row) for row in page.split("<tr>")]
    (row,) = [row.split() for row in text if row.split()[:2] == ["RPM-Net", "rpmnet"]][:1]
    assert row[2:7] == ["35.7", "35.0", "30.0", "to", "40.0"]
    assert row[7] == "-0.7"
    assert " ".join(row).count("1 iteration; t-1") == 1
    assert 'id="davis2017-val-davis2017-published"' in page  # and in the dataset's own section
    kept = json.loads((made.page.parent / "tables" / "paper" / "table-2.json").read_text())
    assert kept["rows"] == list(tables.scores(groups(runs)).records())
    assert "No run at hand allows it." in page  # Fig. 4: the data are not at hand


ITERATED = {**RPMNET, "iterations": 3, "memory": [1], "first": "none"}
MEMORY = {**ITERATED, "memory": [1, 2, 4, 8], "first": "both"}


def test_what_goes_beyond_the_paper_stands_apart_and_says_how_it_reads(
    runs: list[results.Result], tmp_path: Path
) -> None:
    scores = steady({"bike": 0.6, "libby": 0.5})
    further = [
        write_run(tmp_path / name, scores, method=f"rpmnet-{name}", options=options)
        for name, options in (("iterated", ITERATED), ("memory", MEMORY))
    ]
    own = write_run(tmp_path / "o", scores, method="rpmnet-correlation",
                    options={**CONV, "matching": "correlation"})  # fmt: skip
    found = groups([*runs[:3], *further, own])
    assert [run.name for run in tables.techniques(found)["RPM-Net"]] == ["rpmnet"]
    told = [
        (
            row["technique"],
            row["run"],
            row["reading"],
            row["J published"],
            row["J measured 2 of 30"],
        )
        for row in tables.scores(found).records()
        if row["run"]
    ]
    ours = tables.OURS
    assert told[-3:] == [
        (ours, "rpmnet-iterated", "3 iterations; t-1", None, pytest.approx(0.55)),
        (ours, "rpmnet-memory", "3 iterations; t-1, t-2, t-4, t-8, first, first chained",
         None, pytest.approx(0.55)),
        (ours, "rpmnet-correlation", "1 iteration; t-1", None, pytest.approx(0.55)),
    ]  # fmt: skip
    assert ("RPM-Net", "rpmnet", "1 iteration; t-1") in [row[:3] for row in told]
    assert ("Copy from the initial frame", "copy-first", None) in [row[:3] for row in told]
    assert any(note.startswith(f"{ours}: the same network read otherwise")
               for note in tables.scores(found).notes)  # fmt: skip
    assert "rpmnet-iterated" not in [row["run"] for row in tables.runtimes(found).records()]
    modules = exhibits.by_module(groups([*further, *runs[1:3]])[0])
    assert [run.name for run in modules] == ["rpmnet-conv-3", "rpmnet"]
    lacking = [str(row["what"]) for row in missing.missing(groups(further)).records()]
    assert "RPM-Net on davis2017" in lacking
    # others mean another thing by `memory`, a count of frames
    other = write_run(tmp_path / "p", scores, method="colour-reconstruction-previous",
                      options={"memory": 1, "backbone": "compact"})  # fmt: skip
    remembering = readings.remembering([*runs, *further, other])
    assert [run.name for run in remembering.values()] == ["rpmnet-memory"]


@pytest.mark.parametrize(
    "other", [{"memory": 3}, {"iterations": "many"}, {"matching": ["a"]}, {"first": 1}]
)
def test_a_method_that_means_else_by_the_names_of_options_is_none_of_ours(
    tmp_path: Path, other: dict[str, object]
) -> None:
    run = write_run(tmp_path, steady({"bike": 0.6}), method="other", options={**MEMORY, **other})
    found = groups([run])
    assert readings.reading(run) is None
    assert readings.iterated([run]) == readings.remembering([run]) == {}
    assert tables.techniques(found)["RPM-Net"] == []
    exhibits.exhibition([run], tmp_path / "kept")


def test_a_run_that_searches_stands_for_no_technique_of_the_paper(tmp_path: Path) -> None:
    options = {**RPMNET, "search": 4.0}
    run = write_run(tmp_path / "s", steady({"bike": 0.6}), method="rpmnet", options=options)
    assert not tables.techniques(groups([run]))["RPM-Net"]
    (row,) = [row for row in tables.scores(groups([run])).records() if row["run"]]
    assert (row["technique"], row["reading"]) == (tables.OURS, "1 iteration, a search; t-1")


def test_weights_that_learned_nothing_are_told_in_the_papers_tables(
    runs: list[results.Result],
) -> None:
    assert runs[2].manifest is not None
    runs[2].manifest["complaints"] = ["no motion found: the offsets are 0"]
    table = tables.scores(groups(runs))
    own = rows(table)["RPM-Net w/ conv (baseline)"]
    assert "rpmnet-conv-3: the training of its weights ended with: no motion found" in "".join(
        table.notes
    )
    assert "their training ended with: no motion found" in str(own["not as published"])


def test_the_claim_is_looked_at_for_each_iteration() -> None:
    def of(number: int, module: str, cosine: float, anywhere: float) -> tuple[object, ...]:
        blank = [None] * 5
        return (module, number, "run", cosine, *blank, anywhere, cosine - anywhere, 0.0)

    said = [*iterations.verdicts([
        of(1, "conv-3", 0.6, 0.5), of(1, "deformable", 0.4, 0.2), of(2, "conv-3", 0.6, 0.5),
        of(2, "deformable", 0.7, 0.5), of(3, "conv-3", 0.6, 0.5),
    ])]  # fmt: skip
    assert said == [
        "iteration 1: by cosine the claim does not hold (conv-3 0.600, deformable 0.400); above "
        "anywhere the claim holds (deformable 0.200, conv-3 0.100)",
        "iteration 2: by cosine the claim holds (deformable 0.700, conv-3 0.600); above anywhere "
        "the claim holds (deformable 0.200, conv-3 0.100)",
    ]


def test_each_iteration_and_each_reference_is_looked_into(tmp_path: Path) -> None:
    data = make_folder_dataset(tmp_path / "data", {"ant": 4, "bee": 4}, objects=1)
    names = ("rpmnet", "rpmnet-iterated", "rpmnet-conv-3-iterated", "rpmnet-memory")
    made = [
        api.run(name, "folder", root=data, options=SMALL, out=tmp_path / "runs") for name in names
    ]
    shown = exhibits.exhibition(made, tmp_path / "kept", root=data)
    found = {exhibit.name: exhibit for exhibit in shown.exhibits}
    (table,) = found["figure-9-iterations"].tables
    assert [(row["matching"], row["iteration"], row["run"]) for row in table.records()] == [
        (module, number, run.name)
        for module, run in (("conv-3", made[2]), ("deformable", made[1]))
        for number in (1, 2, 3)
    ]
    assert table.notes[0].startswith("iteration 1: by cosine the claim ")
    of_paper = found["figure-9"].tables[0].records()
    first = {str(row["method"]): row["cosine"] for row in of_paper}
    assert list(table.records())[3]["cosine"] == pytest.approx(first[made[0].name])
    assert [figure.name for figure in found["figure-9-iterations"].figures] == [
        "folder-all-prompted-cosine-by-iteration"
    ]
    (shares,) = found["references"].tables
    assert {row["method"] for row in shares.records()} == {made[3].name}
    assert "2 sequences: ant, bee" in shares.notes[0]
    assert len(found["references"].figures) == 2
    (beyond,) = found["beyond"].figures
    assert all(name in beyond.alt for name in names)
    page = report.write(made, tmp_path / "page", title="T", root=data, exhibition=shown).page
    assert 'id="figure-9-iterations"' in page.read_text(encoding="utf-8")


def test_figures_that_look_into_methods_are_made_once(tmp_path: Path) -> None:
    data = make_folder_dataset(tmp_path / "data", {"ant": 4, "bee": 4}, objects=1)
    made = [
        api.run(name, "folder", root=data, options=SMALL, out=tmp_path / "runs")
        for name in ("rpmnet-conv-1", "rpmnet")
    ]
    said: list[str] = []

    def again() -> str:
        shown = exhibits.exhibition(made, tmp_path / "kept", root=data, say=said.append)
        written = report.write(made, tmp_path / "page", title="T", root=data, exhibition=shown)
        return written.page.read_text(encoding="utf-8")

    page = again()
    assert [word for word in said if word.startswith("looking into 2 methods on 2 sequences")]
    for figure in ("figure-7", "figure-9", "figure-10", "figure-8", "figure-6"):
        part = page.partition(f'<section id="{figure}"')[2].partition("</section>")[0]
        assert "<img " in part, figure
    kept = tmp_path / "kept" / "folder-all-prompted"
    before = {path: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert again() == page
    assert len(said) == 1
    assert {path: path.stat().st_mtime_ns for path in kept.iterdir()} == before
    made = made[:1]
    again()
    assert said[1].startswith("looking into 1 methods")
    plain = report.write(
        made, tmp_path / "plain", title="T", exhibition=folder.exhibition(tmp_path / "kept")
    )
    assert "cosine-bars" in plain.page.read_text(encoding="utf-8")
    drawn = plain.page.parent / "figures" / "features"
    assert (drawn / "folder-all-prompted-cosine-bars.png").is_file()
    with pytest.raises(UsageError, match=r"holds nothing to show \(no features.json\)"):
        folder.exhibition(data)


def test_sequences_without_attributes_leave_only_fig_5_out(tmp_path: Path) -> None:
    run = api.run("copy-first", "synthetic", sequences=["plain"], out=tmp_path / "runs")
    shown = exhibits.exhibition([run], tmp_path / "kept")
    page = report.write([run], tmp_path / "page", title="T", exhibition=shown).page.read_text()
    begun = [page.partition(f'<section id="figure-{n}"')[2] for n in (4, 5)]
    parts = [each.partition("<section")[0] for each in begun]
    assert '-qualitative.png"' in parts[0]
    assert "No run at hand allows it." in parts[1]


def test_one_run_stands_for_each_module(runs: list[results.Result], tmp_path: Path) -> None:
    special = write_run(
        tmp_path / "e", steady({"bike": 0.9, "libby": 0.9}), method="rpmnet-conv-3 size=512",
        options={**CONV, "size": 512},
    )  # fmt: skip
    (group,) = groups([*runs[:3], special])
    assert [run.name for run in exhibits.by_module(group)] == ["rpmnet-conv-3", "rpmnet"]
