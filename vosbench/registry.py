"""List plugins by name without importing them, and import one by its name.

A plugin is a module or package directly in methods/, datasets/ or reports/, of this project or of
a folder in VOSBENCH_PLUGINS; its name is its file's, with `-` for `_`. Or it is the module that an
installed package names as an entry point of the group vosbench.methods, vosbench.datasets or
vosbench.reports, under the entry point's name. A literal `VARIANTS = {"name": {"option": value}}`
in it adds names that stand for the same plugin with other defaults; `**NAME` in it takes in a
dictionary that stands above it. All of this is read from the source text, so that listing imports
nothing.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import vosbench.plugins
from vosbench.errors import PluginError, UsageError, did_you_mean, line_of, needing

if TYPE_CHECKING:
    from vosbench.types import DatasetPlugin, FolderReportPlugin, MethodPlugin, ReportPlugin

# what a plugin of each kind must define, any one of them
OFFERS = {"methods": ("build",), "datasets": ("load",), "reports": ("render", "write")}
KINDS = tuple(OFFERS)


@dataclass(frozen=True)
class Plugin:
    """One registered name: where it lives and what its source text says about it.

    base: the plugin's own name; that of a variant differs from it.
    package: the installed package that brought it, "" for a folder's.
    """

    kind: str
    name: str
    path: Path
    module: str
    summary: str
    source: str
    defaults: dict[str, Any]
    base: str
    package: str = ""


class _Declared(NamedTuple):
    """A module that may be a plugin, found but not read."""

    name: str
    module: str
    path: Path
    package: str = ""


def plugins(kind: str) -> dict[str, Plugin]:
    """Every plugin of a kind by name, sorted; a duplicate name raises PluginError."""
    if kind not in KINDS:
        raise UsageError(f"unknown kind {kind!r}; {did_you_mean(kind, KINDS)}")
    for folder in filter(None, os.environ.get("VOSBENCH_PLUGINS", "").split(os.pathsep)):
        if not Path(folder).is_dir():
            raise PluginError(f"VOSBENCH_PLUGINS names {folder}, which is not a folder")
    found: dict[str, Plugin] = {}
    for declared in _declared(kind):
        for plugin in _read(kind, declared, _code(declared)):
            if plugin.name in found and found[plugin.name].path != plugin.path:
                raise PluginError(
                    f"two {kind} are named {plugin.name!r}: {_where(found[plugin.name])} and "
                    f"{_where(plugin)}; rename one"
                )
            found.setdefault(plugin.name, plugin)
    return dict(sorted(found.items()))


def _declared(kind: str) -> tuple[_Declared, ...]:
    return (*_in_folders(kind), *_in_packages(kind, tuple(sys.path)))


def _code(declared: _Declared) -> bytes | None:
    return declared.path.read_bytes() if declared.path.is_file() else None


def _where(plugin: Plugin) -> str:
    return f"{plugin.path} of the package {plugin.package}" if plugin.package else str(plugin.path)


def _in_folders(kind: str) -> Iterator[_Declared]:
    """The modules and packages directly in the folders of a kind."""
    for root in _roots():
        for path in sorted((root / kind).glob("*")):
            source = path / "__init__.py" if path.is_dir() else path
            if path.name.startswith(("_", ".")) or source.suffix != ".py" or not source.is_file():
                continue
            name, module = path.stem.replace("_", "-"), f"vosbench.plugins.{kind}.{path.stem}"
            yield _Declared(name, module, source)


@functools.lru_cache  # it reads the list of what is installed, each time anew
def _entry_points(path: tuple[str, ...]) -> Any:  # their type differs from one Python to the next
    from importlib import metadata

    return metadata.entry_points()


@functools.lru_cache
def _in_packages(kind: str, path: tuple[str, ...]) -> tuple[_Declared, ...]:
    """The modules that installed packages name as entry points; `path` is sys.path."""
    return tuple(
        _Declared(
            entry.name.replace("_", "-"),
            entry.value,
            _file_of(entry.value),
            entry.dist.name if entry.dist else "",
        )
        for entry in sorted(_entry_points(path).select(group=f"vosbench.{kind}"))
    )


def _file_of(module: str) -> Path:
    """The source file of an installed module, found without importing the packages around it.

    Where there is none, the path is the module's name, which is no file.
    """
    inside: list[str] | None = None
    spec = None
    name = ""
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        try:
            if inside is None:
                spec = importlib.util.find_spec(name)
            else:
                spec = importlib.machinery.PathFinder.find_spec(name, inside)
        except (ImportError, ValueError):
            spec = None
        if spec is None:
            return Path(module)
        inside = list(spec.submodule_search_locations or ())
    return Path(spec.origin) if spec and spec.has_location and spec.origin else Path(module)


def data_files(kind: str, pattern: str) -> tuple[Path, ...]:
    """The files beside the plugins of a kind that match, sorted within each root."""
    return tuple(path for root in _roots() for path in sorted((root / kind).glob(pattern)))


def _roots() -> tuple[Path, ...]:
    """The folders that hold methods/, datasets/, reports/, each once."""
    return tuple(dict.fromkeys(Path(p).resolve() for p in vosbench.plugins.__path__))


def environment() -> dict[str, str]:
    """What another process needs in its environment to find the same plugins."""
    return {"VOSBENCH_PLUGINS": os.pathsep.join(map(str, _roots()))}


def names(kind: str) -> tuple[str, ...]:
    """The names of a kind, sorted."""
    return tuple(plugins(kind))


def find(kind: str, name: str) -> Plugin:
    """The plugin of this name; UsageError suggests the nearest name."""
    if kind != "methods":  # whose files declare variants, too; so only the one file is read
        alike = [declared for declared in _declared(kind) if declared.name == name]
        if len(alike) == 1:
            return _read(kind, alike[0], _code(alike[0]))[0]
    known = plugins(kind)
    if name not in known:
        raise UsageError(f"unknown {kind[:-1]} {name!r}; {did_you_mean(name, known)}")
    return known[name]


def load(kind: str, name: str) -> ModuleType:
    """Import the plugin of that name; PluginError names the file when its import fails.

    Raises:
        MissingExtraError: the import needs a library of an extra that is not installed.
    """
    plugin = find(kind, name)
    try:
        with contextlib.chdir(os.curdir), needing(f"{kind[:-1]} {name!r}"):
            module = importlib.import_module(plugin.module)
    except (UsageError, KeyboardInterrupt):
        raise
    except BaseException as error:
        fault = f"{error!r}{line_of(error)}"
        raise PluginError(f"{plugin.path}: cannot be imported: {fault}") from error
    if not any(callable(getattr(module, what, None)) for what in OFFERS[kind]):
        needed = "() or ".join(OFFERS[kind])
        raise PluginError(f"{plugin.path}: a plugin in {kind}/ must define {needed}()")
    return module


def load_method(name: str) -> MethodPlugin:
    """Import a method; its optional hooks are asked for with `isinstance`, see types.py."""
    return cast("MethodPlugin", load("methods", name))


def load_dataset(name: str) -> DatasetPlugin:
    """Import a dataset."""
    return cast("DatasetPlugin", load("datasets", name))


def load_report(name: str) -> ReportPlugin | FolderReportPlugin:
    """Import a report; `isinstance` tells whether it gives text or a folder."""
    return cast("ReportPlugin | FolderReportPlugin", load("reports", name))


@functools.lru_cache(maxsize=256)  # every name that is looked up asks for every file
def _read(kind: str, declared: _Declared, code: bytes | None) -> tuple[Plugin, ...]:
    """The names that one source file declares by its code, without running it."""
    name, module, path, package = declared
    broken = functools.partial(
        Plugin, kind, name, path, module, source="", defaults={}, base=name, package=package
    )
    if code is None:
        return (broken(summary=f"BROKEN, {package} names a module that is not there: {module}"),)
    try:
        tree = ast.parse(code.decode("utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        return (broken(summary=f"BROKEN, {path}: {error}"),)
    literals: dict[str, Any] = {}
    spread = _Spread()
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if not isinstance(target, ast.Name):
            continue
        value = spread.visit(node.value)
        spread.named.pop(target.id, None)
        if isinstance(value, ast.Dict):
            spread.named[target.id] = value
        if target.id in ("SOURCE", "VARIANTS"):
            try:
                literals[target.id] = ast.literal_eval(value)
            except (ValueError, TypeError, RecursionError) as error:
                raise PluginError(f"{path}: {target.id} must be a literal") from error
    summary = (ast.get_docstring(tree) or "").strip().partition("\n")[0]
    source = str(literals.get("SOURCE", ""))
    own = literals.get("VARIANTS", {})
    if fault := _misfit(own):
        raise PluginError(
            f'{path}: VARIANTS must be {{"name": {{"option": value}}, ...}}, but {fault}; mend it'
        )
    variants: dict[str, Any] = {name: {}} | own
    return tuple(
        Plugin(kind, variant, path, module, summary, source, dict(defaults), name, package)
        for variant, defaults in variants.items()
    )


def _misfit(variants: Any) -> str:
    """What in VARIANTS is no name with its options, or ""."""
    if not isinstance(variants, dict):
        return f"it is {variants!r}"
    for name, options in variants.items():
        if not isinstance(name, str):
            return f"{name!r} is no name"
        if not isinstance(options, dict) or not all(isinstance(key, str) for key in options):
            return f"{name!r} has {options!r}"
    return ""


class _Spread(ast.NodeTransformer):
    """Writes out `**NAME` in dictionaries, where the file has named a dictionary so before."""

    def __init__(self) -> None:
        self.named: dict[str, ast.Dict] = {}

    def visit_Dict(self, node: ast.Dict) -> ast.Dict:
        self.generic_visit(node)
        pairs: list[tuple[ast.expr | None, ast.expr]] = []
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None and isinstance(value, ast.Name) and value.id in self.named:
                inside = self.named[value.id]
                pairs += zip(inside.keys, inside.values, strict=True)
            else:
                pairs.append((key, value))
        keys, values = zip(*pairs, strict=True) if pairs else ((), ())
        return ast.Dict([*keys], [*values])
