"""Every command as a person types it, wrong input included."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Vosbench, command_environment

import vosbench
from vosbench.results import load_summary


@pytest.fixture
def scored(folder_root: Path, tmp_path: Path, command: Vosbench) -> Path:
    """A scored run of copy-first."""
    ended = command("run", "--method", "copy-first", "--dataset", "folder", "--root", folder_root)
    assert ended.returncode == 0, ended.stderr
    return tmp_path / "runs" / "copy-first-folder-data"


def test_run_prints_the_table_with_its_protocol_and_where_things_lie(
    folder_root: Path, command: Vosbench
) -> None:
    ended = command("run", "--method", "copy-first", "--dataset", "folder", "--root", folder_root)
    assert "[3/3]" in ended.stderr
    assert "protocol prompted: every prompted id is an object" in ended.stdout
    assert "gain J" in ended.stdout
    assert re.search(
        r"time:   median [0-9.]+ ms a frame, p95 .* peak memory [0-9]+ MB", ended.stdout
    )
    assert "masks:  runs/copy-first-folder-data/masks" in ended.stdout


def test_evaluate_a_run_again_and_a_bare_folder(
    scored: Path, folder_root: Path, tmp_path: Path, command: Vosbench
) -> None:
    summary = json.loads((scored / "summary.json").read_text())
    again = command("evaluate", scored, "--json")
    assert json.loads(again.stdout) == load_summary(scored)
    bare = command(
        "evaluate", scored / "masks", "--dataset", "folder", "--root", folder_root,
        "--protocol", "davis2017", "--out", "scores",
    )  # fmt: skip
    assert bare.returncode == 0, bare.stderr
    written = json.loads((tmp_path / "scores" / "summary.json").read_text())
    assert written["protocol"]["name"] == "davis2017"
    rows = list(csv.DictReader((tmp_path / "scores" / "scores.csv").open()))
    assert len(rows) == 2 * (4 + 7 + 5)
    beside = command("evaluate", scored, "--protocol", "united")
    assert beside.returncode == 0, beside.stderr
    assert json.loads((scored / "summary.json").read_text()) == summary
    table = command("compare", scored, scored / "scores-united").stdout
    assert "protocol prompted" in table
    assert "protocol united" in table
    foreign = command(
        "evaluate", scored / "masks", "--dataset", "folder", "--root", folder_root,
        "--out", scored / "theirs",
    )  # fmt: skip
    assert foreign.returncode == 0, foreign.stderr
    named = json.loads(command("compare", scored / "theirs", "--json").stdout)
    assert [row["name"] for row in named] == ["theirs"]  # not the run it happens to lie in
    unnamed = command("evaluate", scored / "masks")
    assert unnamed.returncode == 1
    assert "so name the dataset (--dataset NAME), known: davis2016" in unnamed.stderr
    nothing = command("evaluate", scored / "masks", "--dataset", "folder", "--root", folder_root)
    assert "not written; --out DIR keeps it" in nothing.stdout
    once_more = command("evaluate", "scores", "--protocol", "united")  # what was written above
    assert once_more.returncode == 0, once_more.stderr
    others = shutil.copytree(scored / "masks", tmp_path / "others")
    data = ("--dataset", "folder", "--root", folder_root, "--out", "scores")
    replaced = command("evaluate", others, *data)
    assert f"replaced: the scores of {scored / 'masks'}, which were in scores" in replaced.stderr
    assert "replaced" not in command("evaluate", others, *data).stderr


def test_compare_as_table_markdown_json_and_picture(
    scored: Path, folder_root: Path, tmp_path: Path, command: Vosbench
) -> None:
    other = command("run", "--method", "optical-flow", "--dataset", "folder", "--root", folder_root)
    assert other.returncode == 0, other.stderr
    flow = scored.with_name("optical-flow-folder-data")
    table = command("compare", scored, flow, "--picture", "picture.png")
    assert table.returncode == 0, table.stderr
    lines = [line for line in table.stdout.splitlines() if line.startswith((" copy", " optical"))]
    assert len(lines) == 2
    assert (tmp_path / "picture.png").stat().st_size > 1000
    markdown = command("compare", scored, flow, "--format", "markdown").stdout
    assert "| run | J&F | J |" in markdown
    rows = json.loads(command("compare", scored, flow, "--json").stdout)
    assert [row["name"] for row in rows] == ["copy-first", "optical-flow"]
    mean = rows[1]["summary"]["J"]["mean"]
    assert f"{100 * mean:.1f}" in markdown


def test_list_and_info(command: Vosbench) -> None:
    methods = command("list", "methods")
    assert methods.returncode == 0
    assert "copy-first" in methods.stdout
    assert "rpmnet with matching=conv-3" in methods.stdout
    shipped = command("list", "methods", "rpmnet-conv-1").stdout
    assert re.search(r"Shipped weights: rpmnet-conv-1\S*; weights=RELEASE .*: .*2026-11", shipped)
    one = command("list", "methods", "label-propagation").stdout
    assert "  topk=10\n" in one
    assert "  dino       Caron et al., ICCV 2021" in one
    told = json.loads(command("list", "methods", "rpmnet-r", "--json").stdout)
    assert (told["options"]["refine"], told["presets"]) == ("crf", {})
    assert "did you mean 'rpmnet'" in command("list", "methods", "rpmnett").stderr
    names = [row["name"] for row in json.loads(command("list", "datasets", "--json").stdout)]
    assert {"davis2016", "davis2017", "folder", "segtrackv2", "synthetic"} <= set(names)
    info = command("data", "info", "davis2017").stdout
    assert "CC BY-NC" in info
    assert "davis2017 (default): semi-supervised" in info
    assert command("--version").stdout == f"vosbench {vosbench.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "--method", "copy-frist", "--dataset", "synthetic"), "did you mean 'copy-first'"),
        (("run", "--method", "copy-first", "--dataset", "davis"), "unknown dataset 'davis'"),
        (("run", "--method", "copy-first"), "no dataset named; use --dataset NAME"),
        (("run", "--method", "copy-first", "--dataset", "davis2016"), "where is davis2016? give"),
        (
            ("run", "--method", "copy-first", "--dataset", "synthetic", "--sequences", "plane"),
            "unknown sequence 'plane'; did you mean 'plain'",
        ),
        (
            ("run", "--method", "optical-flow", "--dataset", "synthetic", "--set", "flwo=dis"),
            "optical-flow has no option 'flwo'; did you mean 'flow'? valid options: flow=dis",
        ),
        (
            ("compare", "copy-first"),
            "copy-first does not exist; expected the folders of scored runs",
        ),
        (("data", "info", "davis2018"), "did you mean 'davis201"),
        (("data", "download", "youtube-objects", "--root", "x"), "register"),
    ],
)
def test_wrong_input_gets_one_message_and_a_status(
    command: Vosbench, arguments: tuple[str, ...], message: str
) -> None:
    ended = command(*arguments)
    assert ended.returncode == 1
    assert "error: " in ended.stderr
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_device_that_is_not_there_is_said_at_once(folder_root: Path, command: Vosbench) -> None:
    arguments = ("run", "--method", "copy-first", "--dataset", "folder", "--root", folder_root)
    ended = command(*arguments, "--device", "banana")
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: --device banana cannot be used here")


def test_a_run_can_be_scored_in_part_and_after_its_data_moved(
    scored: Path, folder_root: Path, command: Vosbench
) -> None:
    moved = folder_root.rename(folder_root.with_name("moved"))
    gone = command("evaluate", scored)
    assert gone.returncode == 1
    assert "Traceback" not in gone.stderr
    part = command(
        "evaluate", scored, "--root", moved, "--sequences", "bee", "--json", "--out", "o"
    )
    assert [row["sequence"] for row in json.loads(part.stdout)["sequences"]] == ["bee"]


def test_data_check_counts_and_finds_faults(folder_root: Path, command: Vosbench) -> None:
    clean = command("data", "check", "folder", "--root", folder_root)
    assert clean.returncode == 0, clean.stdout
    assert "3 sequences, 22 frames" in clean.stdout
    file = folder_root / "images" / "bee" / "00003.jpg"
    file.write_bytes(file.read_bytes()[:-100])
    broken = command("data", "check", "folder", "--root", folder_root, "--json")
    assert broken.returncode == 1
    assert "00003.jpg" in json.dumps(json.loads(broken.stdout)["faults"])


@pytest.mark.parametrize("arguments", [("--help",), ("list", "methods"), ("run", "--help")])
def test_light_commands_import_nothing_heavy(arguments: tuple[str, ...]) -> None:
    code = (
        "import sys; sys.argv = ['vosbench', *sys.argv[1:]]\n"
        "from vosbench.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'torch', 'cv2', 'pandas', 'numpy', 'av', 'distributed', 'PIL'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=command_environment(), capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert ended.stdout.strip().endswith("HEAVY []")


def test_evaluate_imports_no_learning_library(scored: Path, folder_root: Path) -> None:
    code = (
        "import sys; from vosbench.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'torch', 'cv2', 'pandas', 'av', 'distributed', 'pydantic'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, "evaluate", scored / "masks", "--dataset", "folder",
         "--root", folder_root],
        env=command_environment(), capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert ended.stdout.strip().endswith("HEAVY []")


def test_completion_script_is_there(command: Vosbench) -> None:
    assert "vosbench" in command("--show-completion", "bash").stdout


def test_without_truth_masks_are_made_and_the_reason_is_said(
    folder_root: Path, tmp_path: Path, command: Vosbench
) -> None:
    for mask in (folder_root / "masks").glob("*/0000[1-9].png"):
        mask.unlink()
    ended = command("run", "--method", "copy-first", "--dataset", "folder", "--root", folder_root)
    assert ended.returncode == 0, ended.stderr
    assert "not scored: folder (all) has no truth to score against" in ended.stderr
    assert len(list((tmp_path / "runs").glob("*/masks/*/*.png"))) == 22
    again = command("evaluate", tmp_path / "runs" / "copy-first-folder-data")
    assert again.returncode == 1
    assert "has no truth to score against" in again.stderr


def test_a_format_for_programs_has_stdout_for_itself(scored: Path, command: Vosbench) -> None:
    ended = command("evaluate", scored, "--format", "csv")
    assert ended.returncode == 0, ended.stderr
    header, row = csv.reader(ended.stdout.splitlines())
    assert header[:3] == ["run", "J&F", "J"]
    summary = json.loads((scored / "summary.json").read_text())
    assert [float(cell) for cell in row[1:3]] == [summary["J&F"], summary["J"]["mean"]]
    assert f"scores: {scored}" in ended.stderr
    wrong = command("evaluate", scored, "--format", "html")
    assert "report 'html' gives a folder" in wrong.stderr
