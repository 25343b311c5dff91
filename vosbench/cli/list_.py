"""`vosbench list`: list methods, datasets or reports, or show one in full."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from vosbench import registry
from vosbench.cli.options import AsJson, completing
from vosbench.options import as_typed
from vosbench.registry import KINDS, Plugin


def list_plugins(
    kind: Annotated[
        str,
        typer.Argument(
            help=f"{', '.join(KINDS[:-1])} or {KINDS[-1]}.",
            autocompletion=completing(lambda: KINDS),
        ),
    ],
    name: Annotated[
        str, typer.Argument(help="Show this one in full: description, options, presets.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List methods, datasets or reports, or show one in full."""
    if name:
        typer.echo(_in_full(registry.find(kind, name), as_json=as_json))
        return
    known = registry.plugins(kind).values()
    if as_json:
        rows = [
            {"name": n.name, "summary": n.summary, "source": n.source, "changes": n.defaults}
            for n in known
        ]
        typer.echo(json.dumps(rows, indent=1))
        return
    width = max(len(plugin.name) for plugin in known)
    for plugin in known:
        line = f"{plugin.summary} [{plugin.source}]" if plugin.source else plugin.summary
        if plugin.defaults and plugin.name != plugin.base:
            changes = ", ".join(
                f"{key}={as_typed(value)}" for key, value in plugin.defaults.items()
            )
            line = f"{plugin.base} with {changes}"
        typer.echo(f"{plugin.name:<{width}}  {line}")


def _in_full(plugin: Plugin, *, as_json: bool) -> str:
    """A plugin's description, its options with their defaults, and its presets."""
    from vosbench.files import jsonable
    from vosbench.resolve import method_options
    from vosbench.types import HasPresets

    module = registry.load(plugin.kind, plugin.name)
    text = inspect.cleandoc(module.__doc__ or "")
    options: dict[str, Any] = {}
    if plugin.kind == "methods":
        options = jsonable(method_options(plugin.name, {}))
    presets: Mapping[str, Any] = module.PRESETS if isinstance(module, HasPresets) else {}
    if as_json:
        record = {
            "name": plugin.name, "text": text, "source": plugin.source, "options": options,
            "presets": {name: _preset(preset) for name, preset in presets.items()},
        }  # fmt: skip
        return json.dumps(record, indent=1)
    parts = [f"{plugin.name} [{plugin.source}]" if plugin.source else plugin.name, "", text]
    if options:
        parts += ["", "Options with their defaults; change them with --set KEY=VALUE:"]
        parts += [f"  {key}={as_typed(value)}" for key, value in options.items()]
    if plugin.kind == "methods":
        parts += _shipped(plugin.name)
    if presets:
        parts += ["", "Presets (--set preset=NAME):"]
        for name, preset in presets.items():
            parts.append(f"  {name:<10} {'; '.join(filter(None, _preset(preset).values()))}")
    return "\n".join(parts)


def _shipped(method: str) -> list[str]:
    """Which shipped weights a method reads unless told otherwise, and the releases there are."""
    from vosbench.errors import UsageError
    from vosbench.resolve import choose_method
    from vosbench.toolbox.methods.weights import releases

    chosen = choose_method(method, {})
    try:
        read = chosen.shipped()
    except UsageError:  # none are shipped for its defaults
        return []
    if not read:
        return []
    return [
        "",
        f"Shipped weights: {', '.join(read)}; weights=RELEASE takes those of a release: "
        f"{', '.join(releases())}",
        *(f"Their training ended with: {said}" for said in chosen.complaints()),
    ]


def _preset(preset: object) -> dict[str, str]:
    """Source and note of a preset; "" for what it does not say."""
    return {name: str(getattr(preset, name, "")) for name in ("source", "note")}
