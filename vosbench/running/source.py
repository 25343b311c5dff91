"""The hash of a method's source: what tells that a run was made by other code.

It is over the definitions of the plugin and of all of the toolbox that it imports, however deep,
each hashed by itself. Where a definition stands, what its file is called, imports, docstrings,
comments and layout do not count, nor does the version of Python. What else of vosbench a plugin
uses (types, masks, videos) is the same for all methods; tests hold what it gives.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vosbench.files import fingerprint

CORE = Path(__file__).parents[1]


def source_sha256(path: Path, *, core: Path = CORE) -> str:
    """The hash of the code behind a plugin; `core` is the folder of vosbench with its toolbox/.

    path: the plugin's file, or the `__init__.py` of its package, all of which counts.
    """
    todo = set(path.parent.rglob("*.py")) if path.name == "__init__.py" else {path}
    trees: dict[Path, ast.Module] = {}
    while todo:
        file = todo.pop()
        trees[file] = ast.parse(file.read_bytes())
        todo |= set(_imported(trees[file], file, core)) - trees.keys()
    statements = (part for tree in trees.values() for part in tree.body if _counts(part))
    return fingerprint(sorted({_sha256(statement) for statement in statements}))


def _sha256(statement: ast.stmt) -> str:
    return hashlib.sha256(repr(_shape(statement)).encode()).hexdigest()


def _imported(tree: ast.Module, file: Path, core: Path) -> Iterator[Path]:
    """The files that a module imports from beside it or from the toolbox, packages on the way."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = f"{node.module}." if node.module else ""
            names = [start + alias.name for alias in node.names]
        else:
            continue
        level = node.level if isinstance(node, ast.ImportFrom) else 0
        for name in names:
            if level:
                place, parts = file.parents[level - 1], name.split(".")
            elif name.startswith("vosbench.toolbox"):
                place, parts = core, name.split(".")[1:]
            else:
                continue
            for part in parts:
                place = place / part
                yield from filter(Path.is_file, (place.with_suffix(".py"), place / "__init__.py"))


def _shape(node: ast.AST) -> list[Any]:
    """A syntax tree as lists, of what counts in it.

    `ast.dump` would do, but some versions of Python write empty fields in it and some do not.
    """
    if isinstance(node, ast.Constant):
        return ["Constant", ascii(node.value)]
    fields: list[Any] = [type(node).__name__]
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            fields.append([name, _shape(value)])
        elif isinstance(value, list):
            items = [_shape(v) if isinstance(v, ast.AST) else ascii(v) for v in value if _counts(v)]
            fields += [[name, items]] if items else []
        elif value is not None:
            fields.append([name, ascii(value)])
    return fields


def _counts(part: Any) -> bool:
    """Whether a part of a tree does something; docstrings, imports and exports do not."""
    if isinstance(part, ast.If):  # as in `if TYPE_CHECKING:`
        return any(map(_counts, [*part.body, *part.orelse]))
    if isinstance(part, ast.Assign):
        return ast.unparse(part.targets[0]) != "__all__"
    if isinstance(part, ast.Expr):
        return not (isinstance(part.value, ast.Constant) and isinstance(part.value.value, str))
    return not isinstance(part, (ast.Import, ast.ImportFrom))
