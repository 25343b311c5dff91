"""Finished runs -> the rows of a comparison table; one table per dataset and protocol.

A run here is the mapping `{"name", "folder", "run", "summary"}`: its label, where it lies, the
content of run.json (None for masks of another tool) and the content of summary.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

STATISTICS = ("mean", "recall", "decay")


@dataclass(frozen=True)
class ScoreTable:
    """One table: scores x 100 with one decimal, an empty cell where nothing was measured.

    Gain, time and weights have a column where a run has them.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    foot: tuple[str, ...]


def score_tables(runs: Sequence[Mapping[str, Any]]) -> list[ScoreTable]:
    """Group the runs by what they were scored on and how, best J first, and lay out each group."""
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for run in runs:
        summary = run["summary"]
        data = summary["dataset"]
        same = ("name", "split", "list_sha256", "truth_crc32")
        key = (summary["protocol"]["name"], *(data[each] for each in same))
        groups.setdefault(key, []).append(run)
    return [_table(group) for group in groups.values()]


def _table(runs: Sequence[Mapping[str, Any]]) -> ScoreTable:
    ordered = sorted(runs, key=lambda run: -(run["summary"]["J"]["mean"] or 0.0))
    summary = ordered[0]["summary"]
    objects, sequences = (
        _counted(len(summary[f"{noun}s"]), noun) for noun in ("object", "sequence")
    )
    protocol, data = summary["protocol"], summary["dataset"]
    foot = [
        f"{objects} in {sequences}; scores x 100; higher is better but for decay",
        f"protocol {protocol['name']}: {protocol['description']} ({protocol['source']})",
    ]
    title = f"{data['name']} {data['split']}{part_of(data)}"
    foot = [*warning(data), *foot]
    if summary.get("unscored"):
        foot.append(f"never scored: {', '.join(summary['unscored'])}")
    if any(run["summary"].get("copy_first") for run in ordered):
        foot.append("gain J: J mean less that of copy-first on the same frames")
    timed = [run["run"] for run in ordered if run["run"] and run["run"]["timing"]["frames"]]
    if timed:
        machines = {
            f"{t['identity']['device']} ({t['environment']['cores']} cores)": None for t in timed
        }
        foot.append(f"ms/frame: median of the method alone on {', '.join(machines)}")
    for run in ordered:
        foot += _caveats(run)
        failed = run["run"]["failed"] if run["run"] else {}
        if failed:
            foot.append(f"{run['name']}: NOT COMPLETE, failed: {', '.join(failed)}")
    metrics = protocol["headline"]
    both = ("J&F",) if len(metrics) > 1 else ()
    columns = [f"{metric} {key}" for metric in metrics for key in STATISTICS]
    header = ("method", *both, *columns)
    rows = [_row(run, metrics) for run in ordered]
    for name, cell in (("gain J", _gain), ("ms/frame", _milliseconds), ("weights", _weights)):
        cells = [cell(run) for run in ordered]
        if any(cells):
            header = (*header, name)
            rows = [(*row, each) for row, each in zip(rows, cells, strict=True)]
    if header[-1] == "weights":
        foot.append("weights: the first digits of their sha256")
    foot += presets(
        [(run["name"], run["run"]["identity"]["options"]) for run in ordered if run["run"]]
    )
    return ScoreTable(f"{title}, protocol {protocol['name']}", header, tuple(rows), tuple(foot))


def part_of(data: Mapping[str, Any]) -> str:
    """What stands behind the split where not all sequences were scored: `, 6 of 21 sequences`."""
    scored, all_of = data["sequences"], data["card_sequences"]
    return f", {scored} of {all_of} sequences" if scored < all_of else ""


def warning(data: Mapping[str, Any]) -> list[str]:
    """What a reader must know first where not all sequences were scored."""
    part = part_of(data).removeprefix(", ")
    return [f"ONLY {part}: not comparable with figures for all of them"] if part else []


def presets(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """Lines with every option of the runs, names and options, whose preset stands for many.

    First what the runs of a preset share, then what a run has otherwise and its name does not say.

    >>> presets([("k=5", {"preset": "x", "n": 1, "k": 5}), ("b", {"preset": "x", "n": 1, "k": 2})])
    ['preset=x: n=1', 'b: k=2']
    """
    groups: dict[str, list[tuple[str, list[str]]]] = {}
    for name, given in runs:
        if "preset" in given:
            texts = [f"{k}={v}" for k, v in given.items() if v not in (None, "") and k != "preset"]
            groups.setdefault(str(given["preset"]), []).append((name, texts))
    lines = []
    for preset, members in groups.items():
        first, *others = (texts for _, texts in members)
        shared = [each for each in first if all(each in texts for texts in others)]
        lines.append(f"preset={preset}: {', '.join(shared)}")
        for name, texts in members:
            own = [each for each in texts if each not in (*shared, *name.split())]
            lines += [f"{name}: {', '.join(own)}"] if own else []
    return lines


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _gain(run: Mapping[str, Any]) -> str:
    """J mean less that of copy-first, "" where that was not scored."""
    baseline, own = run["summary"].get("copy_first"), run["summary"]["J"]["mean"]
    return f"{100 * (own - baseline['J']['mean']):+.1f}" if baseline and own is not None else ""


def _milliseconds(run: Mapping[str, Any]) -> str:
    """The median of a frame, "" where none was timed."""
    median = run["run"]["timing"]["median_seconds"] if run["run"] else None
    return "" if median is None else f"{1000 * median:.1f}"


def _weights(run: Mapping[str, Any]) -> str:
    """The first digits of the sha256 of the weights that a run read, "" for none."""
    return str(run["run"]["identity"]["files"].get("weights", ""))[:8] if run["run"] else ""


def _caveats(run: Mapping[str, Any]) -> list[str]:
    """What a reader must know of one row's time and origin."""
    if not run["run"]:
        return []
    caveats, timing = [], run["run"]["timing"]
    median, mean = timing["median_seconds"], timing["mean_seconds_of_all"]
    if median is not None and mean > 2 * median and mean > 0.005:
        caveats.append(
            f"{run['name']}: {1000 * mean:.1f} ms a frame when the first frames of each sequence "
            "count too"
        )
    if len(run["run"]["made_by"]) > 1:
        caveats.append(f"{run['name']}: masks made by {', '.join(run['run']['made_by'])}")
    return caveats


def _row(run: Mapping[str, Any], metrics: Sequence[str]) -> tuple[str, ...]:
    summary = run["summary"]
    scores = [summary["J&F"]] if len(metrics) > 1 else []
    scores += [summary[metric][key] for metric in metrics for key in STATISTICS]
    return (run["name"], *(percent(score) for score in scores))


def percent(score: float | None) -> str:
    """A score of 0-1 as a percentage with one decimal; an undefined one as a dash."""
    return "-" if score is None else f"{100 * score:.1f}"
