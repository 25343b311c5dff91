"""README and docs: commands that exist, links that lead somewhere, examples that run."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from graphlib import CycleError
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import typer
from PIL import Image

from vosbench import registry
from vosbench.cli import application
from vosbench.resolve import method_options
from vosbench.toolbox.methods import weights

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = (README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
OWN = ("brightest", "cells", "headline")  # the plugins that the pages add


# of vosbench.api they run whole methods: tests/test_api.py runs them
EXAMPLES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("vosbench", *registry.KINDS)
    for path in (ROOT / folder).rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8") and path.name != "api.py"
)


@pytest.mark.parametrize("file", EXAMPLES)
def test_the_examples_of_docstrings_hold(file: str) -> None:
    name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    name = name if name.startswith("vosbench") else f"vosbench.plugins.{name}"
    done = doctest.testmod(importlib.import_module(name))
    assert done.attempted
    assert done.failed == 0


def fences(page: Path) -> Iterator[tuple[str, str]]:
    """The fenced blocks of a page: what stands behind the fence, and the text."""
    yield from re.findall(r"(?ms)^```(.*?)\n(.*?)^```$", page.read_text(encoding="utf-8"))


def shell_lines(page: Path) -> list[str]:
    """Commands in fenced blocks, continued lines joined, comments off."""
    lines = []
    for about, text in fences(page):
        if about == "":
            for line in text.replace("\\\n", " ").splitlines():
                lines += re.sub(r"(^|\s)#.*", "", line).split("&&")
    return [line.strip() for line in lines if line.strip()]


def vosbench_commands() -> list[tuple[str, str]]:
    """Each `vosbench ...` shown in a block, by its page."""
    return [
        (page.name, line[line.index("vosbench ") :])
        for page in PAGES
        for line in shell_lines(page)
        if re.match(r"([A-Z_]+=\S+ )*vosbench ", line)
    ]


def parsed(line: str) -> tuple[str, dict[str, object]]:
    """A command line as the command line tool reads it; raises where it does not.

    `--install-completion` and the like belong to no command and give an empty one.
    """
    command, words = typer.main.get_command(application()), shlex.split(line)[1:]
    path = []
    while words and hasattr(command, "commands"):
        if words[0].startswith("-"):
            assert any(words[0] in option.opts for option in command.params), line
            return "", {}
        assert words[0] in command.commands, f"there is no command {words[0]!r}: {line}"
        path.append(words[0])
        command = command.commands[words.pop(0)]
    return " ".join(path), command.make_context(path[-1], words).params


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize(("page", "line"), vosbench_commands())
def test_commands_in_blocks_have_their_options(page: str, line: str) -> None:
    name, given = parsed(line)
    for kind in ("method", "dataset"):
        shown = given.get(kind) or ()
        for word in (shown,) if isinstance(shown, str) else shown:
            known = word in (*OWN, *registry.names(f"{kind}s")) or word.isupper()
            assert known, f"{page}: {line}: no {kind} is called {word!r}"
    if name == "list" and given.get("name"):
        registry.find(str(given["kind"]), str(given["name"]))
    elif name == "list":
        assert registry.names(str(given["kind"]))
    if name == "run" and given["method"] not in OWN:
        pairs = [str(pair).partition("=") for pair in given["settings"] or ()]  # type: ignore[attr-defined]
        options = {key: "." if value.isupper() else value for key, _, value in pairs}
        method_options(str(given["method"]), options)


def test_the_check_sees_what_is_wrong() -> None:
    for line, word in (
        ("vosbench run --metod x", "metod"),
        ("vosbench rum", "rum"),
        ("vosbench list animals", "animals"),
        ("vosbench list methods optical-flaw", "optical-flaw"),
        ("vosbench run --method optical-flow --dataset synthetic --set tokp=3", "tokp"),
    ):
        with pytest.raises(Exception, match=word):
            test_commands_in_blocks_have_their_options("here", line)


def test_commands_in_sentences_exist() -> None:
    """`vosbench COMMAND` and its options, within a line of text."""
    command = typer.main.get_command(application())
    for page in PAGES:
        for line in re.findall(r"`vosbench ([^`]+)`", page.read_text(encoding="utf-8")):
            words = line.split()
            if not words or words[0].startswith("-") or words[0].isupper():
                continue
            found = command
            while words and hasattr(found, "commands"):
                assert words[0] in found.commands, f"{page.name}: vosbench {line}"
                found = found.commands[words.pop(0)]
            known = {flag for option in found.params for flag in option.opts} | {"--help"}
            flags = {word for word in words if word.startswith("--")}
            assert flags <= known, f"{page.name}: vosbench {line}"


def test_other_commands_name_what_is_there() -> None:
    targets = re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = shell_lines(page) + re.findall(r"`((?:make|python) [^`\n]+)`", text)
        for words in (line.split() for line in lines):
            if words[0] == "make":
                assert words[1] in targets, (page.name, words)
            if words[0] == "python" and not words[1].startswith("-"):
                assert (ROOT / words[1]).is_file(), (page.name, words)


def test_extras_that_pages_install_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {*project["optional-dependencies"]}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for named in re.findall(r'pip install "?[\w.]+\[([\w,]+)\]', text):
            assert {*named.split(",")} <= extras, page.name
    table = re.findall(
        r"(?m)^\| `(\w+)` \|", (ROOT / "docs/install.md").read_text(encoding="utf-8")
    )
    assert {*table} == extras - {"dev", "docs"}


def test_files_that_pages_name_are_there() -> None:
    """Of this repository; the plugins that a reader writes are not."""
    place = r"`((?:vosbench|methods|datasets|reports|tests|benchmarks|docs)/[\w./-]*)`"
    for page in PAGES:
        for name in re.findall(place, page.read_text(encoding="utf-8")):
            if "my_" not in name and Path(name).stem not in OWN:
                assert (ROOT / name).exists(), f"{page.name} names {name}"


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            path, _, anchor = target.partition("#")
            if "://" in target or path == "rooms.svg":  # drawn while the site is built
                continue
            file = page.parent / path if path else page
            assert file.exists(), f"{page.name} links to {target}"
            if anchor:
                headings = re.findall(r"(?m)^#+ (.*)$", file.read_text(encoding="utf-8"))
                slugs = {re.sub(r"[^\w\- ]", "", h).lower().replace(" ", "-") for h in headings}
                assert anchor in slugs, f"{page.name} links to {target}; there are {slugs}"


def test_pages_speak_of_plugins_and_the_core() -> None:
    for page in PAGES:
        words = re.findall(r"\b(leaf|trunk|house)\b", page.read_text(encoding="utf-8"))
        assert words == [], page.name


def rows(page: Path) -> list[list[str]]:
    """The rows of all tables of a page."""
    lines = page.read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]


def test_figures_of_the_readme_are_those_of_the_methods_page() -> None:
    """Each row of its table, by method: J&F, J, F, gain J, ms/frame."""
    full = {row[0]: row for row in rows(ROOT / "docs/methods.md")[::-1] if len(row) == 12}
    short = [row for row in rows(README) if len(row) == 6][2:]
    assert len(short) == 5
    for name, *figures in short:
        row = full[name.partition(" (")[0]]
        assert figures == [row[1], row[2], row[5], row[8], row[9]], name


def test_figures_of_the_iterated_weights_are_those_of_their_cards() -> None:
    """Steps, minutes, J and error of the page on training; steps, J and F of that on methods."""
    trained, used = set(), {}
    for name in weights.names():
        if name.endswith("-iterated"):
            card = weights.card_of(weights.shipped(name))
            own, scores = card["options"], card["scores"]["davis2016"]
            wide = own["backbone"].replace("resnet", ", ResNet-").replace("compact", "")
            module, steps = own["matching"] + wide, f"{card['steps']:,}"
            j, f = scores["J"]["mean"], scores["F"]["mean"]
            minutes, error = f"{card['wall_seconds'] / 60:.0f}", card["diagnostics"]["epe_ratio"]
            trained.add((module, steps, minutes, f"{j:.3f}"[1:], f"{error:.2f}"[1:]))
            used[module, steps] = 100 * j, 100 * f
    there = [row for row in rows(ROOT / "docs/training.md") if len(row) == 7 and row[3].isdigit()]
    assert {(row[0], *row[2:5], row[6]) for row in there} == trained
    there = [row for row in rows(ROOT / "docs/methods.md") if len(row) == 10 and " / " in row[5]]
    shown = {(row[0], row[4]): (*map(float, row[5].split(" / ")),) for row in there}
    assert shown.keys() == used.keys()
    for row, figures in shown.items():
        assert figures == pytest.approx(used[row], abs=0.055), row  # cards have 4 digits


# the plugins that the pages show, run as a reader would


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A folder of plugins, as docs/plugins.md says to write them."""
    for about, text in fences(ROOT / "docs/plugins.md"):
        if title := re.search(r'title="(.+)"', about):
            assert len(list(filter(None, text.splitlines()))) <= 32, title[1]
            path = tmp_path / "plugins" / title[1]
            path.parent.mkdir(parents=True)
            path.write_text(text, encoding="utf-8")
    return tmp_path


def vosbench(folder: Path, line: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "vosbench", *line.split()],
        cwd=folder,
        env=os.environ | {"VOSBENCH_PLUGINS": "plugins", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_method_of_the_readme_is_that_of_the_plugins_page(written: Path) -> None:
    shown = [text for about, text in fences(README) if about == "python"]
    assert (written / "plugins/methods/brightest.py").read_text(encoding="utf-8") in shown


def test_the_method_and_the_report_run(written: Path) -> None:
    run = "run --method brightest --dataset synthetic --sequences plain"
    assert "brightest" in vosbench(written, run)
    vosbench(written, f"{run} --set threshold=90")
    runs = sorted(str(path.relative_to(written)) for path in (written / "runs").iterdir())
    lines = vosbench(written, f"compare {' '.join(runs)} --format headline").splitlines()
    assert [line.split()[1] for line in lines if "brightest" in line] == [
        "brightest",
        "brightest",
    ]
    assert "brightest " in vosbench(written, "list methods")


def test_the_dataset_runs(written: Path) -> None:
    for name in ("monday", "tuesday"):
        labels = written / "microscope" / name / "labels"
        labels.mkdir(parents=True)
        for t in range(3):
            mask = np.zeros((40, 60), np.uint8)
            mask[10:20, 10 + t : 30 + t] = 1
            Image.fromarray(mask * 90).convert("RGB").save(labels.parent / f"{t:03d}.png")
            Image.fromarray(mask).save(labels / f"{t:03d}.png")
    line = "run --method copy-first --dataset cells --root microscope"
    assert "2 objects in 2 sequences" in vosbench(written, line)


def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path) -> None:
    for needed in ("nbclient", "ipykernel"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed: it runs the notebook")
    import nbclient
    import nbformat

    notebook = nbformat.read(ROOT / "docs/notebooks/first-steps.ipynb", as_version=4)
    place = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=240, resources=place).execute()
    shown = [
        kind
        for cell in notebook.cells
        for out in cell.get("outputs", ())
        for kind in out.get("data", ())
    ]
    assert shown.count("image/png") == 2  # the attributes, the frame that fails
    assert len(list((tmp_path / "runs").iterdir())) == 2


# the site


def drawing_of_rooms() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rooms", ROOT / "docs/rooms.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_shows_every_room_and_arrows_go_down() -> None:
    drawing = drawing_of_rooms()
    rooms, ground = drawing.rooms()
    packages = {path.parent.name for path in (ROOT / "vosbench").glob("*/__init__.py")}
    assert packages - {"plugins"} <= {*rooms, *ground}
    arrows = drawing.reduced(rooms)
    rows, steps = drawing.laid_out(arrows)
    at = {name: number for number, row in enumerate(rows) for name in row}
    assert all(at[above] == at[below] + 1 for above, below in steps)
    for name, room in rooms.items():
        assert all(at[name] > at[other] for other in room.imports), name
    texts = {element.text for element in ElementTree.fromstring(drawing.svg()).iter()}
    assert rooms.keys() <= texts


def test_arrows_that_others_imply_are_left_out_and_circles_refused() -> None:
    drawing = drawing_of_rooms()

    def rooms(imports: dict[str, str]) -> dict[str, object]:
        return {name: drawing.Room(name, "", 1, frozenset(to)) for name, to in imports.items()}

    assert drawing.reduced(rooms({"a": "bc", "b": "c", "c": ""}))["a"] == {"b"}
    with pytest.raises(CycleError):
        drawing.reduced(rooms({"a": "b", "b": "a"}))


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    for needed in ("mkdocs", "material", "mkdocstrings"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed: `make docs` needs the extra docs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "region_similarity" in (tmp_path / "api.html").read_text(encoding="utf-8")
    ElementTree.parse(tmp_path / "rooms.svg")
