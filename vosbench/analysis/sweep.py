"""Show how far each option moves the score, from runs that differ in an option or two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vosbench.analysis.groups import Group, implied, options_of, real_time_of, sequence_means
from vosbench.analysis.significance import bootstrap, sample
from vosbench.errors import UsageError
from vosbench.options import as_typed
from vosbench.tables import Cell, Column, Table, with_interval

if TYPE_CHECKING:
    from vosbench.results import Result

BASE = "(base)"
_NONE = object()  # no value at all


def sweep(group: Group, *, by: str = "backbone") -> Table:
    """J and F of every setting, and their difference to those of the base run, J's with interval.

    Runs of one method, seed, prompt, rate in real time and value of the option `by` are held
    against each other. Their base is the run that differs from the others in the fewest options,
    all others together.

    Raises:
        UsageError: no two runs differ in their options only.
    """
    families: dict[tuple[str, ...], list[Result]] = {}
    for run in group.results:
        if run.manifest and run.summary["J"]["mean"] is not None:
            identity = run.manifest["identity"]
            own = identity["options"].get(by)
            key = (identity["method"], *([str(own)] if own is not None else []))
            families.setdefault((*key, *_beside(run)), []).append(run)
    swept = {key: runs for key, runs in families.items() if len(runs) > 1}
    if not swept:
        raise UsageError(f"no two runs of {group.title} are of one method, {by}, prompt and seed")
    rows: list[tuple[Cell, ...]] = []
    notes = []
    alone = [run.name for run in group.results if not any(run in runs for runs in swept.values())]
    if alone:
        notes.append(
            f"not here, with no scored run of the same method, {by}, prompt and seed beside it: "
            f"{', '.join(alone)}"
        )
    for key, runs in sorted(swept.items()):
        base = _base(runs)
        known = [name for name, value in options_of(base).items() if value is not None]
        standing = ", ".join(f"{name}={_text(base, name)}" for name in known)
        scores = [run.summary["J"]["mean"] for run in runs]
        notes.append(
            f"base of {' '.join(key)}: {standing}; over its {len(runs)} settings J lies between "
            f"{100 * min(scores):.1f} and {100 * max(scores):.1f}"
        )
        others = sorted((run for run in runs if run is not base), key=lambda r: _order(r, base))
        rows += [_row(" ".join(key), run, base) for run in (base, *others)]
    return Table(
        name="sweep",
        title=f"Settings beside their base: {group.title}",
        columns=(
            Column("method"),
            Column("setting"),
            Column("J", "%", better="higher"),
            Column("F", "%", better="higher"),
            *with_interval(Column("J to base", "%", signed=True)),
            Column("F to base", "%", signed=True),
            Column("sequences better"),
        ),
        rows=tuple(rows),
        notes=(
            *notes,
            "J to base, with its 95 % interval: paired, bootstrap over sequences",
            "sequences better: those whose J is above the base run's",
            *group.notes,
        ),
    )


def courses(group: Group, *, metric: str = "J") -> dict[str, dict[str, dict[float, float]]]:
    """Option -> method -> score by the option's value, from runs that differ in it alone.

    Only numbers are swept. Runs of one method that differ in another option too are lines of their
    own, whose labels name what tells them from the option's other lines.
    """
    methods: dict[str, list[Result]] = {}
    for run in group.results:
        if run.manifest and run.summary[metric]["mean"] is not None:
            family = " ".join([run.manifest["identity"]["method"], *_beside(run, ("prompt",))])
            methods.setdefault(family, []).append(run)
    found: dict[str, dict[str, dict[float, float]]] = {}
    for method, own in sorted(methods.items()):
        keys = sorted({key for run in own for key in options_of(run)} - {"weights"})
        varying = [k for k in keys if len({str(options_of(run).get(k)) for run in own}) > 1]
        for option in varying:
            others = [key for key in varying if key != option]
            lines: dict[tuple[str, ...], dict[float, float]] = {}
            for run in own:
                options, score = options_of(run), run.summary[metric]["mean"]
                value, at = (
                    options.get(option),
                    tuple(f"{k}={as_typed(options.get(k))}" for k in others),
                )
                if isinstance(value, int | float) and not isinstance(value, bool):
                    lines.setdefault(at, {})[value] = score
            lines = {at: line for at, line in lines.items() if len(line) > 2}  # else no course
            for at, line in lines.items():
                apart = [own for own, *rest in zip(at, *lines, strict=True) if len({*rest}) > 1]
                found.setdefault(option, {})[" ".join([method, *apart])] = dict(
                    sorted(line.items())
                )
    return found


def _beside(run: Result, keys: Sequence[str] = ("seed", "prompt")) -> list[str]:
    """Seed, prompt and real time as in a label, where they are not the default."""
    identity = run.manifest["identity"] if run.manifest else {}
    live = real_time_of(run)
    said = [f"{key}={identity[key]}" for key in keys if identity.get(key)]
    return [*said, *([f"real-time={live}"] if live else [])]


def _changes(run: Result, base: Result) -> dict[str, Any]:
    """The options in which a run differs from another, with the run's values."""
    own, other = options_of(run), options_of(base)
    return {name: own.get(name) for name in {*own, *other} if own.get(name) != other.get(name)}


def _chosen(run: Result, base: Result) -> list[str]:
    """The changed options, without those that follow from the others in both, as from a preset."""
    shown = sorted(_changes(run, base))
    same = options_of(run).keys() - set(shown)
    for name in list(shown):
        others = (*same, *(each for each in shown if each != name))
        if all(implied(one, others).get(name, _NONE) == options_of(one).get(name)
               for one in (run, base)):  # fmt: skip
            shown.remove(name)
    return shown


def _base(runs: Sequence[Result]) -> Result:
    return min(runs, key=lambda run: (sum(len(_changes(other, run)) for other in runs), run.name))


def _text(run: Result, name: str) -> str:
    value = options_of(run).get(name)
    return f"{value:g}" if isinstance(value, float) else as_typed(value)


def _order(run: Result, base: Result) -> list[tuple[str, float, str]]:
    """By the options that were changed, then by their values, numbers by size."""
    order = []
    for name, value in sorted(_changes(run, base).items()):
        try:
            order.append((name, float(value), ""))
        except (TypeError, ValueError):
            order.append((name, 0.0, str(value)))
    return order


def _row(family: str, run: Result, base: Result) -> tuple[Cell, ...]:
    setting = " ".join(f"{name}={_text(run, name)}" for name in _chosen(run, base))
    means = [run.summary[metric]["mean"] for metric in ("J", "F")]
    if run is base:
        return (family, BASE, *means, *[None] * 5)
    before = [base.summary[metric]["mean"] for metric in ("J", "F")]
    own, usual = sequence_means(run), sequence_means(base)
    better = sum((own[name] or 0.0) > (usual[name] or 0.0) for name in own)
    apart = sample(run, "J").less(sample(base, "J"))
    j, f = (a - b for a, b in zip(means, before, strict=True))
    return (family, setting, *means, j, *bootstrap(apart), f, f"{better} of {len(own)}")
