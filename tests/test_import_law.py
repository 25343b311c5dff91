"""The import law of the design, read from the source text, and what importing may cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vosbench import protocols, registry
from vosbench.types import ScoringProtocol

ROOT = Path(__file__).parents[1]
KINDS = ("methods", "datasets", "reports")
OPEN_TO_PLUGINS = (
    "types", "masks", "stored", "errors", "videos", "tables", "protocols", "toolbox",
)  # fmt: skip
HEAVY = ("torch", "torchvision", "cv2", "pandas", "numpy", "av", "PIL", "distributed", "matplotlib")


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def absolute_imports(text: str) -> Iterator[str]:
    """Every module or name imported absolutely, dotted, wherever in the file it stands."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def plugin_faults(text: str) -> list[str]:
    """The imports that a plugin, or the toolbox behind it, may not make."""
    return [
        name
        for name in absolute_imports(text)
        if name.split(".")[0] in (*KINDS, "tests", "benchmarks")
        or (name.split(".")[0] == "vosbench" and name.split(".")[1:2] not in _opened())
    ]


def _opened() -> list[list[str]]:
    return [[name] for name in OPEN_TO_PLUGINS]


def core_faults(text: str) -> list[str]:
    """The imports by which a module of the core would know a plugin."""
    by_name = ("vosbench.plugins", "importlib.import_module", "importlib.util.spec_from")
    return [
        name
        for name in absolute_imports(text)
        if name.split(".")[0] in KINDS
        or name in ("importlib", "importlib.util")
        or name.startswith(by_name)
    ]


def climbs(path: Path, folder: Path) -> list[str]:
    """Relative imports of a plugin's file that leave the plugin."""
    depth = len(path.relative_to(folder).parts) - 1  # folders between the file and `folder`
    return [
        "." * node.level + (node.module or "")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level > depth
    ]


@pytest.mark.parametrize("folder", KINDS)
def test_a_plugin_imports_what_is_open_to_plugins(folder: str) -> None:
    assert sources(folder)
    for path in sources(folder):
        assert plugin_faults(path.read_text(encoding="utf-8")) == [], path
        assert climbs(path, ROOT / folder) == [], path


def test_the_toolbox_imports_little_more_than_a_plugin() -> None:
    for path in sources("vosbench/toolbox"):
        faults = plugin_faults(path.read_text(encoding="utf-8"))
        assert [f for f in faults if not f.startswith("vosbench.files.")] == [], path


def test_the_core_knows_no_plugin() -> None:
    for path in sources("vosbench"):
        by_name = ("vosbench/registry.py", "vosbench/cli/__init__.py")  # plugins, own commands
        if path.relative_to(ROOT).as_posix() not in by_name:
            assert core_faults(path.read_text(encoding="utf-8")) == [], path


def shelved() -> dict[str, set[str]]:
    """Who uses each module or package on a shelf of the toolbox: plugins by name, or the core."""
    users: dict[str, set[str]] = {
        f"vosbench.toolbox.{shelf}.{path.stem}": set()
        for shelf in KINDS
        for path in (ROOT / "vosbench" / "toolbox" / shelf).iterdir()
        if path.stem not in ("__init__", "__pycache__") and (path.is_dir() or path.suffix == ".py")
    }
    for path in (path for folder in (*KINDS, "vosbench") for path in sources(folder)):
        top, *inside = path.relative_to(ROOT).with_suffix("").parts
        if inside[0] == "toolbox":
            continue
        user = "core" if top == "vosbench" else f"{top}/{inside[0]}"
        for name in absolute_imports(path.read_text(encoding="utf-8")):
            for module in users:
                if f"{name}.".startswith(f"{module}."):
                    users[module].add(user)
    return users


def test_what_lies_in_the_toolbox_has_two_users() -> None:
    """What one plugin wants lives with it; what the core alone wants is the core's."""
    users = shelved()
    assert users
    assert {module: sorted(by) for module, by in users.items() if len(by) < 2} == {}


# Options that one plugin or one family of plugins has, and prefixes of their tensors. `weights`,
# `preset` and `label` are none of them: types.MethodPlugin gives them a meaning for every method.
OPTIONS_OF_PLUGINS = {
    "matching", "refine", "crf_in_loop", "warp_res", "embed_dim", "propagate", "border", "topk",
    "backbone", "estimator", "encoder.", "trunk.",
}  # fmt: skip
# The ablation of the paper's Fig. 6 and 8 by default: --by names any other two options.
# And a library that is called as the method that it brings.
DEFAULTS_OF_ANALYSES = {
    "vosbench/errors.py": {"cutie"},
    "vosbench/analysis/ablation.py": {"backbone", "matching"},
    "vosbench/analysis/published.py": {"backbone"},
    "vosbench/analysis/sweep.py": {"backbone"},
}


def said(text: str) -> set[str]:
    """The string constants of a source text, docstrings apart."""
    tree = ast.parse(text)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
    }


def names_of_plugins() -> set[str]:
    """Methods and datasets by name, but `folder` and `command`: any code may say these words.

    Protocols are called like datasets.

    A report is what a command makes where nothing else is asked for, so that the core names some.
    """
    of_protocols = {
        found.name for found in vars(protocols).values() if isinstance(found, ScoringProtocol)
    }
    names = {*registry.names("methods"), *registry.names("datasets")}
    return names - of_protocols - {"folder", "command"}


def test_the_core_says_no_plugins_name_or_option() -> None:
    forbidden = names_of_plugins() | OPTIONS_OF_PLUGINS
    for path in sources("vosbench"):
        where = path.relative_to(ROOT).as_posix()
        if where.startswith(("vosbench/rpmnet_paper/", "vosbench/toolbox/")):
            continue
        found = said(path.read_text(encoding="utf-8")) & forbidden
        assert found - DEFAULTS_OF_ANALYSES.get(where, set()) == set(), where


def test_a_name_in_code_is_found_and_one_in_prose_is_not() -> None:
    assert {"rpmnet", "copy-first", "segtrackv2"} <= names_of_plugins()
    text = '"""rpmnet"""\ndef f(x):\n    """copy-first"""\n    return x == "rpmnet-conv-3"'
    assert said(text) & names_of_plugins() == {"rpmnet-conv-3"}


def test_plugin_folders_are_no_packages() -> None:
    assert [
        folder for folder in (*KINDS, "tests") if (ROOT / folder / "__init__.py").exists()
    ] == []


@pytest.mark.parametrize(
    "line",
    [
        "import vosbench.running.plan",
        "from vosbench.scoring import evaluation",
        "from vosbench.plugins.methods import copy_first",
        "def f():\n    from vosbench.running.config import RunConfig",
        "import methods.copy_first",
        "from datasets import davis2016",
        "import vosbench",
    ],
)
def test_the_law_catches_a_plugin_that_breaks_it(line: str) -> None:
    assert plugin_faults(line)


def test_the_law_lets_a_plugin_do_what_it_may() -> None:
    assert not plugin_faults(
        "import numpy\nfrom vosbench.types import Mask\nfrom vosbench import videos\n"
        "from vosbench.toolbox.methods.labels import winner\nfrom .scene import Scene"
    )


@pytest.mark.parametrize(
    "line",
    [
        "from vosbench.plugins.methods import copy_first",
        "import vosbench.plugins",
        "import importlib",
        "from datasets.davis2016 import CARD",
    ],
)
def test_the_law_catches_a_core_that_breaks_it(line: str) -> None:
    assert core_faults(line)


def test_relative_imports_stay_in_the_plugin(tmp_path: Path) -> None:
    (tmp_path / "flat.py").write_text("from .other import x")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.py").write_text("from .b import x")
    (tmp_path / "deep" / "c.py").write_text("from ..flat import x")
    found = [climbs(tmp_path / name, tmp_path) for name in ("flat.py", "deep/a.py", "deep/c.py")]
    assert found == [[".other"], [], ["..flat"]]


def imported(code: str) -> set[str]:
    """The heavy packages that a fresh interpreter has imported after running the code."""
    report = f"{code}\nimport sys\nprint(*({HEAVY!r} & sys.modules.keys()))".replace(
        repr(HEAVY), repr(set(HEAVY))
    )
    done = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_listing_names_imports_nothing_heavy() -> None:
    assert not imported(
        "from vosbench import registry\n"
        "for kind in registry.KINDS:\n    assert registry.names(kind)"
    )


@pytest.mark.parametrize("arguments", [["--help"], ["list", "methods"], ["run", "--help"]])
def test_help_and_list_import_nothing_heavy(arguments: list[str]) -> None:
    code = (
        f"import sys\nsys.argv = ['vosbench', *{arguments!r}]\nfrom vosbench.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code"
    )
    assert not imported(code)


def test_plugins_import_without_torch_or_opencv() -> None:
    found = imported(
        "from vosbench import registry\n"
        "for kind in registry.KINDS:\n"
        "    for name in registry.names(kind):\n        registry.load(kind, name)"
    )
    assert not found & {"torch", "torchvision", "cv2", "pandas", "av"}
