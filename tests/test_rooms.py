"""The rooms as DESIGN draws them: arrows one way, no circles, short chains, few loose files.

Imports are read from the source text, function-level ones too; those under TYPE_CHECKING run
nothing and are left out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("vosbench", "methods", "datasets", "reports")
WORKSHOPS = {"running", "scoring", "training", "data", "analysis"}  # equals: none imports another
ABOVE = {  # what is made of the workshops, the lowest first; each may import those before it
    "drawing": 0, "filming": 1, "segmenting": 2, "inspection": 3, "reporting": 4,
    "rpmnet_paper": 5, "run_and_score": 6, "api": 7, "suites": 8, "vosbench": 9, "cli": 10,
    "__main__": 11,
}  # fmt: skip
LOOSE = 20  # files that may lie directly in vosbench/
LONGEST = 11  # files in a chain of imports

Arrows = Mapping[str, set[str]]


def modules(root: Path) -> dict[str, Path]:
    """Every module of the project by its dotted name; a plugin's begins with its folder."""
    named = {}
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return named


def arrows(root: Path) -> dict[str, set[str]]:
    """Module -> the modules that it imports, wherever in it the line stands."""
    known = modules(root)
    return {
        name: {other for other in _imported(name, path, known) if other != name}
        for name, path in known.items()
    }


def _imported(name: str, path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    idle = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(tree):
        if id(node) in idle:
            continue
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                whole = f"{source}.{alias.name}"
                meant = whole if whole in known else source
                if meant in known and meant != "vosbench":
                    yield meant
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)


def longest_chain(graph: Arrows) -> list[str]:
    """The longest way along the arrows; CycleError where they go in a circle."""
    TopologicalSorter(graph).prepare()

    @cache
    def chain(name: str) -> tuple[str, ...]:
        return (name, *max(map(chain, graph[name]), key=len, default=()))

    return list(max(map(chain, graph), key=len))


def room(name: str) -> str:
    """The part of vosbench, or the folder of plugins, in which a module lies."""
    top, *rest = name.split(".")
    return rest[0] if top == "vosbench" and rest else top


def climbs(graph: Arrows) -> list[str]:
    """The arrows that lead up, or from one workshop to another."""
    return [
        f"{name} -> {other}"
        for name, others in graph.items()
        for other in sorted(others)
        if room(name) != room(other) and _floor(room(other)) >= max(1, _floor(room(name)))
    ]


def _floor(part: str) -> int:
    """0 for the ground, 1 for workshops, from 2 on for what is made of them."""
    return 1 if part in WORKSHOPS else 2 + ABOVE[part] if part in ABOVE else 0


def test_no_file_imports_itself_by_a_circle() -> None:
    try:
        TopologicalSorter(arrows(ROOT)).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_no_chain_of_imports_is_long() -> None:
    chain = longest_chain(arrows(ROOT))
    assert len(chain) <= LONGEST, " -> ".join(chain)


def test_arrows_lead_down_and_not_from_workshop_to_workshop() -> None:
    assert climbs(arrows(ROOT)) == []


def test_what_a_file_keeps_to_itself_no_other_imports() -> None:
    taken = [
        f"{name} takes {alias.name}"
        for name, path in modules(ROOT).items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.startswith("__")
    ]
    assert taken == []


def test_few_files_lie_loose_and_every_room_says_what_it_is_for() -> None:
    loose = sorted((ROOT / "vosbench").glob("*.py"))
    assert len(loose) <= LOOSE, [path.name for path in loose]
    for name, path in modules(ROOT).items():
        words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert words, f"{name} does not say what it is for"


@pytest.mark.parametrize(
    ("files", "wrong"),
    [
        ({"vosbench/running/run.py": "from vosbench.scoring import measure"}, "running"),
        ({"vosbench/masks.py": "def f():\n    import vosbench.running.run"}, "masks"),
        ({"vosbench/drawing/charts.py": "from vosbench.cli import run"}, "drawing"),
        ({"vosbench/suites/execute.py": "from vosbench.cli import run"}, "suites"),
    ],
)
def test_an_arrow_that_leads_up_is_seen(files: dict[str, str], wrong: str, tmp_path: Path) -> None:
    rest = {
        "vosbench/running/run.py": "",
        "vosbench/scoring/measure.py": "",
        "vosbench/cli/run.py": "",
    }
    for name, text in {**rest, **files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (found,) = climbs(arrows(tmp_path))
    assert room(found.partition(" ")[0]) == wrong


def test_a_circle_and_the_length_of_a_chain_are_seen(tmp_path: Path) -> None:
    texts = {
        "a": "from vosbench import b",
        "b": "from typing import TYPE_CHECKING\nfrom .c import x\n"
        "if TYPE_CHECKING:\n    from vosbench import a",
        "c": "x = 1",
    }
    (tmp_path / "vosbench").mkdir()
    for name, text in texts.items():
        (tmp_path / "vosbench" / f"{name}.py").write_text(text)
    assert longest_chain(arrows(tmp_path)) == ["vosbench.a", "vosbench.b", "vosbench.c"]
    (tmp_path / "vosbench" / "c.py").write_text("def f():\n    import vosbench.a")
    with pytest.raises(CycleError):
        longest_chain(arrows(tmp_path))


# What is tested of several modules at once, or of none: each file says in its docstring what.
SUBJECTS = {
    "benchmarks", "cli", "conformance", "contracts", "docs", "gold", "import_law", "packaging",
    "report_in_browser",
    "rooms", "shipped_weights",
}  # fmt: skip


def test_a_test_stands_under_the_name_of_what_it_tests() -> None:
    """A module, or a room with a module of it (`suites`, `inspection_folder`), or a subject."""
    parts = [name.split(".") for name in modules(ROOT)]
    names = {inner[-1] for inner in parts} | {"_".join(inner[-2:]) for inner in parts} | SUBJECTS
    tested = [path.stem.removeprefix("test_") for path in (ROOT / "tests").glob("test_*.py")]
    assert [name for name in tested if name not in names] == []
