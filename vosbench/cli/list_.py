"""`vosbench list`: what is registered, and all that one plugin says of itself."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from vosbench import registry
from vosbench.cli.options import AsJson
from vosbench.registry import Plugin


class Kind(StrEnum):
    """What `list` can list."""

    methods = "methods"
    datasets = "datasets"
    reports = "reports"


def list_plugins(
    kind: Annotated[Kind, typer.Argument()],
    name: Annotated[
        str, typer.Argument(help="One of them: its text, options with defaults, and presets.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List what is there: name, one line, source; of a variant what it changes."""
    if name:
        typer.echo(_in_full(registry.find(kind.value, name), as_json=as_json))
        return
    known = registry.plugins(kind.value).values()
    if as_json:
        rows = [
            {"name": n.name, "summary": n.summary, "source": n.source, "changes": n.defaults}
            for n in known
        ]
        typer.echo(json.dumps(rows, indent=1))
        return
    width = max(len(plugin.name) for plugin in known)
    plain = {plugin.path: plugin.name for plugin in known if not plugin.defaults}
    for plugin in known:
        said = f"{plugin.summary} [{plugin.source}]" if plugin.source else plugin.summary
        if plugin.defaults and plugin.path in plain:
            changes = ", ".join(f"{key}={value}" for key, value in plugin.defaults.items())
            said = f"{plain[plugin.path]} with {changes}"
        typer.echo(f"{plugin.name:<{width}}  {said}")


def _in_full(plugin: Plugin, *, as_json: bool) -> str:
    """A plugin's own text, its options as they are when nothing is set, and its presets."""
    from vosbench.files import jsonable
    from vosbench.resolve import method_options

    module = registry.load(plugin.kind, plugin.name)
    text = inspect.cleandoc(module.__doc__ or "")
    options: dict[str, Any] = {}
    if plugin.kind == "methods":
        options = jsonable(method_options(plugin.name, {}))
    presets: Mapping[str, Any] = getattr(module, "PRESETS", {})
    if as_json:
        told = {name: _preset(each) for name, each in presets.items()}
        found = {"name": plugin.name, "text": text, "source": plugin.source}
        return json.dumps({**found, "options": options, "presets": told}, indent=1)
    parts = [f"{plugin.name} [{plugin.source}]" if plugin.source else plugin.name, "", text]
    if options:
        parts += ["", "Options (--set KEY=VALUE) and what they are when left out:"]
        parts += [f"  {key}={'none' if value is None else value}" for key, value in options.items()]
    if presets:
        parts += ["", "Presets (--set preset=NAME):"]
        for name, each in presets.items():
            parts.append(f"  {name:<10} {'; '.join(filter(None, _preset(each).values()))}")
    return "\n".join(parts)


def _preset(preset: object) -> dict[str, str]:
    """What a preset says of itself, where it does."""
    return {name: str(getattr(preset, name, "")) for name in ("source", "note")}
