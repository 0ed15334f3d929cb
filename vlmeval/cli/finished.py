"""A finished run on the terminal and as data: its headline, its other methods, its warnings, where its report lies.

Comes in: an Outcome. Goes out: tables on stdout, or one dict for ``--json``.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from vlmeval.cli import console

if TYPE_CHECKING:
    from vlmeval.evaluate import Outcome
    from vlmeval.records import MethodUsed, MetricRow, RunRecord, Shots


def described(outcome: Outcome) -> dict[str, Any]:
    """Return a run as data: where it lies, its headline, and the headline metrics of every method at that level."""
    from vlmeval.store import REPORT

    record = outcome.record
    rows = _rows(record)
    return {
        "benchmark": record.benchmark.id,
        "model": record.plan.model,
        "digest": record.digest,
        "folder": str(outcome.folder),
        "report": str(outcome.folder / REPORT),
        "found": outcome.found,
        "headline": [dict(row) for row in record.headline_rows()],
        "methods": [
            {"id": method.id, "title": method.title, "rows": [dict(row) for row in rows[method.id]]}
            for method in _level(record)
        ],
        "findings": [finding.model_dump(mode="json") for finding in record.findings],
        "badges": [badge.model_dump(mode="json") for badge in record.badges],
        "contamination": None if record.contamination is None else record.contamination.model_dump(mode="json"),
        "timings": record.timings,
    }


def show(outcome: Outcome) -> None:
    """Print a run's headline, its other methods, badges, warnings and the path of its report."""
    from vlmeval.report import contamination_view
    from vlmeval.store import REPORT

    record = outcome.record
    out = console.out()
    title = record.model.title if record.model is not None else record.plan.model
    out.print(f"\n[bold]{console.plain(title)}[/] on [bold]{console.plain(record.benchmark.title)}[/]"
              + (" (finished before; nothing was computed)" if outcome.found else ""))  # fmt: skip
    for badge in record.badges:
        out.print(f"[bold yellow]{badge.kind}[/] {console.plain(badge.text)}")
    known = contamination_view(record)
    if known is not None and known["status"] != "in-training":  # what was in training has its badge
        out.print(console.plain(known["text"]))
    rows = [
        (_name(r), r.group or "all", r.group_level or "", _value(r.value), _interval(r), r.n_units)
        for r in record.headline_rows()
    ]
    console.table(None, ["metric", "group", "level", "value", "95 % interval", record.benchmark.unit.name + "s"], rows)
    _show_methods(record)
    for finding in record.findings:
        if finding.severity != "info":
            named = [example for example in finding.examples if example not in finding.message]
            which = f" ({'; '.join(named)})" if named else ""
            out.print(f"[yellow]{finding.severity}[/] {console.plain(finding.message + which)}")
    out.print(f"report: {console.plain(str(outcome.folder / REPORT))}")


def _show_methods(record: RunRecord) -> None:
    """Print every method's headline metrics, where there are several kinds; of a curve its first and last point."""
    methods = _level(record)
    if len({method.kind for method in methods}) < 2:
        return
    names = record.benchmark.headline_metrics
    ends = {id_ for curve in _curves(methods).values() for id_ in (curve[0].id, curve[-1].id)}
    rows, lines = _rows(record), []
    for method in methods:
        if method.curve is not None and method.id not in ends:
            continue
        by_metric = {row.metric: row for row in rows[method.id]}
        cells = [f"{_value(r.value)}  {_interval(r)}" if (r := by_metric.get(name)) else "-" for name in names]
        lines.append((method.title, *cells))
    console.table(None, ["method", *names], lines)
    # Without draws there are no intervals, and nothing can be said to be clear.
    needed = record.few_shot.needed if record.few_shot is not None and record.plan.draws else ()
    for one in needed:
        if one.metric == names[0]:
            console.out().print(f"{one.curve}: clearly better than zero-shot by {one.metric} {_from(one.surely)}")


def _from(shots: Shots | None) -> str:
    if shots is None:
        return "with no number of shots"
    if shots == "all":
        return "only with all training units"
    return f"from {shots} shot{'' if shots == 1 else 's'} on"


def _curves(methods: list[MethodUsed]) -> dict[str, list[MethodUsed]]:
    curves: dict[str, list[MethodUsed]] = {}
    for method in methods:
        if method.curve is not None:
            curves.setdefault(method.curve, []).append(method)
    return curves


def _level(record: RunRecord) -> list[MethodUsed]:
    """Return the methods at the level of the headline."""
    return [method for method in record.methods if method.level == record.headline_method.level]


def _rows(record: RunRecord) -> dict[str, list[MetricRow]]:
    """Return the headline metrics of every method over all samples, at the level of the headline, by method id."""
    level, found = record.headline_method.level, defaultdict[str, "list[MetricRow]"](list)
    for row in record.rows:
        whole = row.class_id is None and row.group is None and row.averaging in ("macro", "overall")
        if whole and row.level == level and row.metric in record.benchmark.headline_metrics:
            found[row.method].append(row)
    return found


def _name(row: MetricRow) -> str:
    """Return the metric, and over how many classes it compares where that is not all of them."""
    if row.averaging != "macro-common":
        return row.metric
    return f"{row.metric} ({row.n_classes} shared class{'' if row.n_classes == 1 else 'es'})"


def _value(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(row: MetricRow) -> str:
    """Return the interval, or why there is no value."""
    if row.value is None:
        return row.reason or ""
    return "" if row.low is None or row.high is None else f"{row.low:.3f} to {row.high:.3f}"
