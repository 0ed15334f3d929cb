"""Runs of different benchmarks or protocols side by side: what each says of the same methods, and why they differ.

In: run records. Out: a view (plain dict) for `render_side_by_side`. No statistical comparison: the test sets differ, so
no difference between runs is computed; `differ.py` says in words what makes the numbers differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from vlmeval.errors import UsageError
from vlmeval.records import Level, MethodUsed, RunRecord, Task
from vlmeval.report import differ, headline
from vlmeval.report.command import command
from vlmeval.report.lookup import Rows, View, cell, counted, headline_method, whole_methods, zero_shot_method
from vlmeval.report.names import metric_view, references

SIDE_BY_SIDE_SCHEMA: Final = 1
CLASS_METRICS: Final = ("auroc", "average-precision", "sensitivity")
ZERO_SHOT: Final = "zero-shot"


class Side(NamedTuple):
    """One run: its record, its rows, the level it leads with, and what it is called on the page."""

    record: RunRecord
    rows: Rows
    level: Level
    label: str


def build_side_by_side(records: Sequence[RunRecord]) -> View:
    """Return everything that the page of several runs shows.

    Parameters
    ----------
    records
        Two or more finished runs, in the order of the columns.

    Raises
    ------
    UsageError
        Fewer than two runs, or runs that have no method and metric in common.
    """
    if len(records) < 2:
        raise UsageError("--side-by-side needs two or more runs", hint="name several run folders")
    sides = _sides(records)
    methods = _methods(sides)
    metrics = _shared_metrics(sides, methods, [side.level for side in sides])
    if not metrics:
        raise UsageError(
            "these runs have nothing to put side by side",
            found="; ".join(f"{s.label}: {', '.join(_kinds(s))}" for s in sides),
            expected="a method that two runs share, with a headline metric that both have",
            hint="run the same methods on each benchmark: --method zero-shot,linear-probe",
        )
    return {
        "schema": SIDE_BY_SIDE_SCHEMA,
        "kind": "side-by-side",
        "title": " and ".join(_distinct(s.record.benchmark.title for s in sides)),
        "vlmeval": records[0].environment.vlmeval,
        "banner": next((b for b in (headline.banner(r) for r in records) if b is not None), None),
        "badges": [{**b, "text": f"{s.label}: {b['text']}"} for s in sides for b in headline.badges_view(s.record)],
        "runs": [_run(side) for side in sides],
        "metrics": [metric_view(m, _task(records)) for m in metrics],
        "rows": _table(sides, methods, metrics, [side.level for side in sides]),
        "references": [[_reference(s, methods, m) for m in metrics] for s in sides],
        "per_image": _per_image(sides, methods),
        "why": differ.reasons(records, [s.label for s in sides], [s.level for s in sides]),
        "rates": differ.rates(records, [s.level for s in sides]),
        "classes": _classes(sides, methods),
    }


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _task(records: Sequence[RunRecord]) -> Task | None:
    tasks = {r.benchmark.task for r in records}
    return tasks.pop() if len(tasks) == 1 else None


def _sides(records: Sequence[RunRecord]) -> list[Side]:
    """Return the runs, called by their benchmark; by model and digest, too, where that tells them apart."""
    names = [r.benchmark.id for r in records]
    for more in ([r.plan.model for r in records], [r.digest[:8] for r in records]):
        if len(set(names)) < len(names) and len(set(more)) > 1:
            names = [f"{name}, {one}" for name, one in zip(names, more, strict=True)]
    return [
        Side(record, Rows(record.rows), headline_method(record).level, name)
        for record, name in zip(records, names, strict=True)
    ]


def _find(side: Side, method: str, level: Level) -> MethodUsed | None:
    """Return a run's method at a level; zero-shot is that of the run's headline prompt set."""
    if method == ZERO_SHOT:
        return zero_shot_method(side.record, level)
    return next((m for m in whole_methods(side.record) if m.id == method and m.level == level), None)


def _kinds(side: Side) -> list[str]:
    return _distinct(ZERO_SHOT if m.kind == ZERO_SHOT else m.id for m in whole_methods(side.record))


def _methods(sides: Sequence[Side]) -> list[str]:
    """Return the methods of all runs: those that several runs have first."""
    names = _distinct(name for side in sides for name in _kinds(side))
    return sorted(names, key=lambda name: -min(2, sum(name in _kinds(side) for side in sides)))


def _shared_metrics(sides: Sequence[Side], methods: Sequence[str], levels: Sequence[Level]) -> list[str]:
    """Return the metrics, headline ones first, that some method has a value of in at least two runs."""
    wanted = _distinct(m for s in sides for m in s.record.benchmark.headline_metrics)
    if any(s.record.benchmark.task == "multi-label" for s in sides):
        wanted = _distinct([*wanted, "hamming-loss"])

    def shared(metric: str, method: str) -> bool:
        cells = [_cell(s, method, metric, level) for s, level in zip(sides, levels, strict=True)]
        return sum(c is not None and c["value"] is not None for c in cells) >= 2

    return [metric for metric in wanted if any(shared(metric, method) for method in methods)]


def _cell(side: Side, method: str, metric: str, level: Level) -> View | None:
    found = _find(side, method, level)
    return None if found is None else cell(side.rows.average(found, metric))


def _table(
    sides: Sequence[Side], methods: Sequence[str], metrics: Sequence[str], levels: Sequence[Level]
) -> list[View]:
    """Return one row a method with a list of cells a run, in the order of the metrics."""
    lines = []
    for method in methods:
        found = [_find(side, method, level) for side, level in zip(sides, levels, strict=True)]
        known = next((m for m in found if m is not None), None)
        if known is None:
            continue
        cells = [
            [_cell(side, method, metric, level) for metric in metrics]
            for side, level in zip(sides, levels, strict=True)
        ]
        name = "Zero-shot" if method == ZERO_SHOT else known.title
        lines.append({"id": method, "name": name, "cells": cells, "seeds": [len(m.seeds) if m else 0 for m in found],
                      "prompts": [m.prompts if m else None for m in found]})  # fmt: skip
    return lines


def _per_image(sides: Sequence[Side], methods: Sequence[str]) -> View | None:
    """Return the table once more with every run per image, or None where all lead with the same level already."""
    if len({side.level for side in sides}) == 1:
        return None
    levels: list[Level] = ["image"] * len(sides)
    metrics = _shared_metrics(sides, methods, levels)
    task = _task([s.record for s in sides])
    if not metrics:
        return None
    return {"metrics": [metric_view(m, task) for m in metrics], "rows": _table(sides, methods, metrics, levels)}


def _reference(side: Side, methods: Sequence[str], metric: str) -> View | None:
    """Return what guessing reaches in a run, for the line above its methods."""
    for name in methods:
        method = _find(side, name, side.level)
        row = None if method is None else side.rows.average(method, metric)
        if method is not None and row is not None:
            found = references(side.rows, method, metric, row.averaging, side.record.benchmark.task)
            return found[-1] if found else None
    return None


def _run(side: Side) -> View:
    record, unit = side.record, side.record.benchmark.unit.name
    method = headline_method(record)
    row = next((r for m in side.rows.metrics() if (r := side.rows.average(method, m)) is not None), None)
    rows, units = (row.n, row.n_units) if row else (record.data.images, record.data.units)
    tested = counted(units, unit) if side.level == "unit" else f"{counted(rows, 'image')} of {counted(units, unit)}"
    return {
        "label": side.label,
        "benchmark": record.benchmark.title,
        "benchmark_id": record.benchmark.id,
        "model": record.model.title if record.model else "Predictions from a file",
        "level": side.level,
        "unit": unit,
        "split": record.plan.split,
        "tested": tested,
        "protocol": differ.protocol(record),
        "leaky": record.benchmark.protocol.leaky,
        "loud": any(b.kind in ("leakage", "contamination") for b in record.badges),
        "badges": headline.badges_view(record),
        "splits": [
            {"name": s, "images": n, "units": record.data.split_units.get(s)}
            for s, n in record.data.split_images.items()
        ],
        "digest": record.digest,
        "created": record.created,
        "command": command(record),
    }


def _classes(sides: Sequence[Side], methods: Sequence[str]) -> View:
    """Return one class metric per method and run, where the runs ask the same question of the same classes."""
    first = sides[0].record.benchmark
    if any((s.record.benchmark.task, s.record.benchmark.class_ids) != (first.task, first.class_ids) for s in sides):
        return {"reason": "the runs have different tasks or classes, so only averages stand side by side", "metric": None, "methods": []}  # fmt: skip # noqa: E501
    for metric in CLASS_METRICS:
        tables = [made for m in methods if (made := _class_table(sides, m, metric)) is not None]
        if tables:
            return {"reason": None, "metric": metric_view(metric, first.task), "methods": tables}
    return {"reason": "the runs have no class metric in common", "metric": None, "methods": []}


def _class_table(sides: Sequence[Side], method: str, metric: str) -> View | None:
    found = [_find(side, method, side.level) for side in sides]
    if sum(m is not None for m in found) < 2:
        return None
    lines = [
        {
            "name": c.name,
            "cells": [
                None if m is None else cell(side.rows.of_class(m, metric, c.id))
                for side, m in zip(sides, found, strict=True)
            ],
        }
        for c in sides[0].record.benchmark.classes
    ]
    if all(one is None for line in lines for one in line["cells"]):
        return None
    known = next(m for m in found if m is not None)
    return {"name": "Zero-shot" if method == ZERO_SHOT else known.title, "rows": lines}
