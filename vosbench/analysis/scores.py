"""The summary table: the mean scores of every run, in a report with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from vosbench import registry
from vosbench.analysis.groups import Group, options_of
from vosbench.analysis.significance import UNKNOWN, bootstrap, sample
from vosbench.options import as_typed
from vosbench.results import figure
from vosbench.tables import Cell, Column, Table, with_interval

if TYPE_CHECKING:
    from vosbench.results import Result

MANY_RUNS = 4  # of more, object-frames are not told under the table
STATISTICS = (Column("recall", "%", better="higher"), Column("decay", "%", better="lower"))


def scores(group: Group, *, intervals: bool = True, seed: int = 0) -> Table:
    """J and F of every run as mean, recall and decay; gain, time and weights if a run has them.

    The values are those of summary.json and run.json. `intervals` adds those of the means, by
    bootstrap over sequences.
    """
    metrics = group.results[0].summary["protocol"]["headline"]
    single = [name for name in _ranked_by(group) if name not in metrics]
    columns = [Column("run")]
    for name in single:
        better: Literal["higher", "lower"] = "lower" if name == "V" else "higher"
        columns.append(Column(name, "%", better=better))
    for metric in metrics:
        mean = Column(metric, "%", better="higher")
        columns += with_interval(mean) if intervals else (mean,)
        columns += [replace(column, name=f"{metric} {column.name}") for column in STATISTICS]
    rows: list[tuple[Cell, ...]] = []
    for run in group.results:
        row: list[Cell] = [run.name, *(figure(run.summary, name) for name in single)]
        for metric in metrics:
            means = run.summary[metric]
            row.append(means["mean"])
            if intervals:
                known = means["mean"] is not None
                row += bootstrap(sample(run, metric), seed=seed) if known else UNKNOWN
            row += [means[column.name] for column in STATISTICS]
        rows.append((*row, _gain(run), _milliseconds(run), _weights(run), in_short(run)))
    columns += [
        Column("gain J", "%", better="higher", signed=True),
        Column("ms/frame", better="lower"),
        Column("weights"),
        Column("training"),
    ]
    always = len(columns) - 4
    kept = [
        place
        for place in range(len(columns))
        if place < always or any(row[place] is not None for row in rows)
    ]
    names = [columns[place].name for place in kept]
    return Table(
        name="scores",
        title=f"Scores: {group.title}",
        columns=tuple(columns[place] for place in kept),
        rows=tuple(tuple(row[place] for place in kept) for row in rows),
        notes=(*group.notes, *_notes(group, names, intervals=intervals)),
    )


def _ranked_by(group: Group) -> list[str]:
    """The figures without recall and decay, the one that the benchmark ranks by first."""
    protocol = group.results[0].summary["protocol"]
    further = protocol.get("figures", [])
    both = ["J&F"] if len(protocol["headline"]) > 1 else []
    measured = [run.summary.get("figures", {}) for run in group.results]
    more = [name for name in measured[0] if all(name in figures for figures in measured)]
    return list(dict.fromkeys([*further, *both, *more]))


def _baselines(group: Group) -> Iterator[str]:
    """What copying the prompt and predicting nothing score on the same frames."""
    ranked, headline = _ranked_by(group), group.results[0].summary["protocol"]["headline"]
    name = (ranked or headline)[0]
    words = {"copy_first": "repeating the prompt", "no_prediction": "predicting nothing"}
    told = []
    for key in words:
        found = [run.summary[key] for run in group.results if run.summary.get(key)]
        value = figure(found[0], name) if found else None
        if value is not None:
            told.append(f"{words[key]} {100 * value:.1f}")
    if told:
        yield f"baselines on the same frames, {name}: {', '.join(told)}"


def _presence(group: Group) -> Iterator[str]:
    """How often objects are there and predicted, for a few runs; `analyse` has a table."""
    for run in group.results if len(group.results) <= MANY_RUNS else ():
        if shares := run.presence:
            words = [f"{100 * share:.1f} % {k.replace('_', ' ')}" for k, share in shares.items()]
            yield _of([run], group, f"object-frames {', '.join(words)}")


def _notes(group: Group, names: Sequence[str], *, intervals: bool) -> Iterator[str]:
    """What a reader must know of the columns and of single runs."""
    summary = group.results[0].summary
    objects, sequences = (
        _counted(len(summary[f"{noun}s"]), noun) for noun in ("object", "sequence")
    )
    interval = "; interval: 95 %, bootstrap over sequences" if intervals else ""
    yield f"{objects} in {sequences}; higher is better but for decay{interval}"
    yield from _baselines(group)
    yield from _presence(group)
    if summary.get("unscored"):
        yield f"never scored: {_some(summary['unscored'])}"
    yield from dict.fromkeys(note for run in group.results for note in run.summary.get("notes", ()))
    if "gain J" in names:
        yield "gain J: J less that of copy-first on the same frames"
    if "ms/frame" in names:
        machines = {
            f"{run.manifest['identity']['device']} ({run.manifest['environment']['cores']} cores)"
            for run in group.results
            if run.manifest and run.manifest["timing"]["frames"]
        }
        yield f"ms/frame: median of the method alone on {', '.join(sorted(machines))}"
    caveats: dict[str, list[Result]] = {}
    for run in group.results:
        for text in _caveats(run):
            caveats.setdefault(text, []).append(run)
    yield from (_of(runs, group, text) for text, runs in caveats.items())
    if "weights" in names:
        yield "weights: the first digits of their sha256"
    if "training" in names:
        yield "training: what that of the weights complained of at its end; its words are above"
    yield from presets([(run.name, options_of(run)) for run in group.results])
    yield from _variants(group)


def _of(runs: Sequence[Result], group: Group, text: str) -> str:
    """What is said of some runs of a table; their names say nothing where it is of all."""
    names = "; ".join(run.name for run in runs)
    return text if len(runs) == len(group.results) else f"{names}: {text}"


def _caveats(run: Result) -> Iterator[str]:
    """What a reader must know of one run's time, origin and completeness."""
    zero = run.summary.get("zero", ())
    if unscored := [name for name in run.summary.get("failed", ()) if name not in zero]:
        yield f"NOT COMPLETE, not scored: {', '.join(unscored)}"
    if run.manifest is None:
        return
    timing, makers, failed = (run.manifest[key] for key in ("timing", "made_by", "failed"))
    median, mean = timing["median_seconds"], timing.get("mean_seconds_of_all")
    if median is not None and mean is not None and mean > 2 * median and mean > 0.005:
        yield (f"{1000 * mean:.1f} ms a frame when the first frames of each sequence count too")
    if run.manifest.get("program") and mean is not None:
        yield (
            f"its program took {1000 * mean:.1f} ms a frame in the mean, from its "
            "start to its end; frames have no times of their own"
        )
    yield from run.manifest.get("remarks", [])
    if len(makers) > 1:
        yield f"masks made by {', '.join(makers)}"
    if failed:
        yield f"NOT COMPLETE, failed: {', '.join(failed)}"


def presets(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """Lines with every option of the runs, names and options, whose preset stands for many.

    First what the runs of a preset share, then what a run has otherwise and its name does not say.

    >>> presets([("k=5", {"preset": "x", "n": 1, "k": 5}), ("b", {"preset": "x", "n": 1, "k": 2})])
    ['preset=x: n=1', 'b: k=2']
    """
    by_preset: dict[str, list[tuple[str, list[str]]]] = {}
    for name, given in runs:
        if "preset" in given:
            texts = [f"{k}={v}" for k, v in given.items() if v not in (None, "") and k != "preset"]
            by_preset.setdefault(str(given["preset"]), []).append((name, texts))
    lines = []
    for preset, members in by_preset.items():
        first, *others = (texts for _, texts in members)
        shared = [text for text in first if all(text in texts for texts in others)]
        lines.append(f"preset={preset}: {', '.join(shared)}")
        for name, texts in members:
            special = [text for text in texts if text not in (*shared, *name.split())]
            lines += [f"{name}: {', '.join(special)}"] if special else []
    return lines


def _variants(group: Group) -> Iterator[str]:
    """What the names of methods stand for that are another one with other defaults."""
    known, found = registry.plugins("methods"), dict[str, dict[str, str]]()
    for run in group.results:
        plugin = known.get(run.manifest["identity"]["method"]) if run.manifest else None
        if plugin and plugin.defaults and plugin.name != plugin.base:
            words = (f"{key}={as_typed(value)}" for key, value in plugin.defaults.items())
            found.setdefault(plugin.base, {})[plugin.name] = " ".join(words)
    for base, of in found.items():
        yield f"{base} by other names: {'; '.join(f'{name} has {of[name]}' for name in of)}"


def _some(names: Sequence[str]) -> str:
    """The first ten, and how many more there are."""
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _gain(run: Result) -> float | None:
    """J less that of copy-first; None if copy-first was not scored."""
    still = run.summary.get("copy_first")
    j, repeated = run.summary["J"]["mean"], still["J"]["mean"] if still else None
    return None if j is None or repeated is None else j - repeated


def _milliseconds(run: Result) -> float | None:
    """The median of a frame; None if none was timed."""
    median = run.manifest["timing"]["median_seconds"] if run.manifest else None
    return None if median is None else 1000 * median


def _weights(run: Result) -> str | None:
    """The first digits of the sha256 of the weights that a run read; None for none."""
    files = run.manifest["identity"]["files"] if run.manifest else {}
    return str(files["weights"])[:8] if files.get("weights") else None


def in_short(run: Result) -> str | None:
    """What the training of a run's weights complained of, in a few words; None for nothing."""
    return "; ".join(said.partition(":")[0] for said in run.complaints) or None
