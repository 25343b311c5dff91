"""What every run reached, each mean with its interval: the summary table."""

from __future__ import annotations

from vosbench.analysis.groups import Group, options_of
from vosbench.analysis.significance import bootstrap, sample
from vosbench.tables import Cell, Column, Table, with_interval
from vosbench.toolbox.score_table import presets


def scores(group: Group, *, seed: int = 0) -> Table:
    """Mean of J and F of every run with bootstrap intervals, recall, decay, gain, time, weights.

    The figures themselves are those of summary.json and run.json.
    """
    metrics = group.results[0].summary["protocol"]["headline"]
    columns = [Column("run")]
    if len(metrics) > 1:
        columns.append(Column("J&F", "%", better="higher"))
    for metric in metrics:
        columns += [
            *with_interval(Column(metric, "%", better="higher")),
            Column(f"{metric} recall", "%", better="higher"),
            Column(f"{metric} decay", "%", better="lower"),
        ]
    columns += [
        Column("gain J", "%", better="higher", signed=True),
        Column("median", "s/frame", digits=4, better="lower"),
        Column("weights"),
    ]
    rows = []
    for run in group.results:
        summary, manifest = run.summary, run.manifest
        row: list[Cell] = [run.name]
        if len(metrics) > 1:
            row.append(summary["J&F"])
        for metric in metrics:
            of = summary[metric]
            low, high = bootstrap(sample(run, metric), seed=seed)
            row += [of["mean"], low, high, of["recall"], of["decay"]]
        still = summary.get("copy_first")
        row.append(summary["J"]["mean"] - still["J"]["mean"] if still else None)
        row.append(manifest["timing"]["median_seconds"] if manifest else None)
        weights = manifest["identity"]["files"].get("weights", "") if manifest else ""
        row.append(weights[:8] or None)
        rows.append(tuple(row))
    first = group.results[0].summary
    return Table(
        name="scores",
        title=f"Scores: {group.title}",
        columns=tuple(columns),
        rows=tuple(rows),
        notes=(
            f"{len(first['objects'])} objects in {len(first['sequences'])} sequences; higher is "
            "better but for decay; interval: 95 %, bootstrap over sequences",
            "gain J: over copy-first on the same frames; weights: first digits of their sha256",
            *presets([(run.name, options_of(run)) for run in group.results]),
            *group.notes,
        ),
    )
