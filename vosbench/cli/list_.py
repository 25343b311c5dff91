"""`vosbench list`: what is registered, and all that one leaf says of itself."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from vosbench import registry
from vosbench.cli.options import AsJson
from vosbench.registry import Leaf


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
    leaves = registry.leaves(kind.value).values()
    if as_json:
        rows = [
            {"name": n.name, "summary": n.summary, "source": n.source, "changes": n.defaults}
            for n in leaves
        ]
        typer.echo(json.dumps(rows, indent=1))
        return
    width = max(len(leaf.name) for leaf in leaves)
    plain = {leaf.path: leaf.name for leaf in leaves if not leaf.defaults}
    for leaf in leaves:
        said = f"{leaf.summary} [{leaf.source}]" if leaf.source else leaf.summary
        if leaf.defaults and leaf.path in plain:
            changes = ", ".join(f"{key}={value}" for key, value in leaf.defaults.items())
            said = f"{plain[leaf.path]} with {changes}"
        typer.echo(f"{leaf.name:<{width}}  {said}")


def _in_full(leaf: Leaf, *, as_json: bool) -> str:
    """A leaf's own text, its options as they are when nothing is set, and its presets."""
    from vosbench.files import jsonable
    from vosbench.resolve import method_options

    module = registry.load(leaf.kind, leaf.name)
    text = inspect.cleandoc(module.__doc__ or "")
    options: dict[str, Any] = {}
    if leaf.kind == "methods":
        options = jsonable(method_options(leaf.name, {}))
    presets: Mapping[str, Any] = getattr(module, "PRESETS", {})
    if as_json:
        told = {name: _preset(each) for name, each in presets.items()}
        found = {"name": leaf.name, "text": text, "source": leaf.source}
        return json.dumps({**found, "options": options, "presets": told}, indent=1)
    parts = [f"{leaf.name} [{leaf.source}]" if leaf.source else leaf.name, "", text]
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
