"""Names of plugins without importing them, and the import of the one that is asked for.

A plugin is a module or package directly in methods/, datasets/ or reports/. Its name is its file's,
with `-` for `_`. A literal `VARIANTS = {"name": {"option": value}}` in it adds names that stand
for the same plugin with other defaults. All of this is read from the source text, so that listing
imports nothing.
"""

from __future__ import annotations

import ast
import functools
import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import vosbench.plugins
from vosbench.errors import PluginError, UsageError, did_you_mean

# what a plugin of each kind must define, any one of them
OFFERS = {"methods": ("build",), "datasets": ("load",), "reports": ("render", "write")}
KINDS = tuple(OFFERS)


@dataclass(frozen=True)
class Plugin:
    """One registered name: where it lives and what its source text says about it."""

    kind: str
    name: str
    path: Path
    module: str
    summary: str
    source: str
    defaults: dict[str, Any]


def plugins(kind: str) -> dict[str, Plugin]:
    """Every plugin of a kind by name, sorted; a duplicate name raises PluginError."""
    if kind not in KINDS:
        raise UsageError(f"unknown kind {kind!r}; {did_you_mean(kind, KINDS)}")
    for folder in filter(None, os.environ.get("VOSBENCH_PLUGINS", "").split(os.pathsep)):
        if not Path(folder).is_dir():
            raise PluginError(f"VOSBENCH_PLUGINS names {folder}, which is no folder")
    found: dict[str, Plugin] = {}
    for root in _roots():
        for path in sorted((root / kind).glob("*")):
            source = path / "__init__.py" if path.is_dir() else path
            if path.name.startswith(("_", ".")) or source.suffix != ".py" or not source.is_file():
                continue
            for plugin in _read(kind, path.stem, source, source.read_bytes()):
                if plugin.name in found and found[plugin.name].path != plugin.path:
                    raise PluginError(
                        f"two {kind} are named {plugin.name!r}: {found[plugin.name].path} and "
                        f"{plugin.path}; rename one"
                    )
                found[plugin.name] = plugin
    return dict(sorted(found.items()))


def data_files(kind: str, pattern: str) -> tuple[Path, ...]:
    """The files beside the plugins of a kind that match, sorted within each root."""
    return tuple(path for root in _roots() for path in sorted((root / kind).glob(pattern)))


def _roots() -> tuple[Path, ...]:
    """The folders that hold methods/, datasets/, reports/, each once."""
    return tuple(dict.fromkeys(Path(p).resolve() for p in vosbench.plugins.__path__))


def names(kind: str) -> tuple[str, ...]:
    """The names of a kind, sorted."""
    return tuple(plugins(kind))


def find(kind: str, name: str) -> Plugin:
    """The plugin of that name; UsageError with the nearest name otherwise."""
    known = plugins(kind)
    if name not in known:
        raise UsageError(f"unknown {kind[:-1]} {name!r}; {did_you_mean(name, known)}")
    return known[name]


def load(kind: str, name: str) -> ModuleType:
    """Import the plugin of that name; PluginError names the file when its import fails."""
    plugin = find(kind, name)
    try:
        module = importlib.import_module(plugin.module)
    except Exception as error:
        raise PluginError(f"{plugin.path}: cannot be imported: {error!r}") from error
    if not any(callable(getattr(module, what, None)) for what in OFFERS[kind]):
        needed = "() or ".join(OFFERS[kind])
        raise PluginError(f"{plugin.path}: a plugin in {kind}/ must define {needed}()")
    return module


@functools.lru_cache(maxsize=256)  # every name that is looked up asks for every file
def _read(kind: str, stem: str, path: Path, code: bytes) -> tuple[Plugin, ...]:
    """The names that one source file declares by its code, without running it."""
    try:
        tree = ast.parse(code.decode("utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        name, module = stem.replace("_", "-"), f"vosbench.plugins.{kind}.{stem}"
        return (Plugin(kind, name, path, module, f"BROKEN, {path}: {error}", "", {}),)
    literals: dict[str, Any] = {}
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id in ("SOURCE", "VARIANTS"):
            try:
                literals[target.id] = ast.literal_eval(node.value)  # type: ignore[attr-defined]
            except ValueError as error:
                raise PluginError(f"{path}: {target.id} must be a literal") from error
    summary = (ast.get_docstring(tree) or "").strip().partition("\n")[0]
    source = str(literals.get("SOURCE", ""))
    module = f"vosbench.plugins.{kind}.{stem}"
    variants: dict[str, Any] = {stem.replace("_", "-"): {}} | literals.get("VARIANTS", {})
    return tuple(
        Plugin(kind, name, path, module, summary, source, dict(defaults))
        for name, defaults in variants.items()
    )
