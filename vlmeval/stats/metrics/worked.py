"""Computes worked examples of metrics the way every number is computed: table, sums, formula.

In: a metric. Out: its value on the rows of its example, without small-cell rule or intervals.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from vlmeval.records import Benchmark, Decision, Predictions, Task
from vlmeval.stats.cells import whole
from vlmeval.stats.metrics.examples import Rows
from vlmeval.stats.metrics.registry import Metric
from vlmeval.stats.metrics.views import Viewed
from vlmeval.stats.resamples import Resamples
from vlmeval.stats.seeds import Seeds
from vlmeval.stats.sums import Drawn, Ranked, cell_sums


def worked_value(metric: Metric, task: Task) -> float:
    """Return the metric's value on its example, read as a benchmark of ``task``; of the first class if by class.

    For metrics between the levels of a group the rows are in turn in two levels.

    Raises
    ------
    ValueError
        The rows of the example cannot have the metric.
    """
    rows = metric.example.rows
    predictions = _predictions(rows)
    seeds = Seeds.of([predictions], _benchmark(rows, task), Resamples.draw(predictions.units, 0))
    if (reason := seeds.missing(metric)) is not None:
        raise ValueError(f"the example of {metric.id!r} cannot have it: {reason}")
    columns = {metric.columns: metric.columns(seeds.table)} if metric.columns else {}
    if metric.view is not None:
        seeds = Viewed.of(seeds, metric.view).seeds
    table = seeds.table
    if metric.scope == "levels":
        # Each level stands where a draw would.
        table = replace(table, resamples=replace(table.resamples, counts=_in_turn(len(table.unit))))
    every = np.ones(table.truth.shape[1], dtype=bool)
    asked = Ranked(every, precision=True, drawn=(Drawn.all_of(table.resamples.counts),), points=True)
    return float(metric.formula(cell_sums((table,), whole(table).rows, asked, (columns,))).flat[0])


def _in_turn(units: int) -> npt.NDArray[np.uint8]:
    """[U, 2] the first, third, fifth ... unit in one level, the others in the other."""
    counts: npt.NDArray[np.uint8] = np.eye(2, dtype=np.uint8)[np.arange(units) % 2]
    return counts


def _predictions(rows: Rows) -> Predictions:
    ids = np.array([f"row-{i}" for i in range(len(rows.truth))])
    decision = Decision("argmax") if rows.thresholds is None else Decision("threshold", rows.thresholds, "given")
    truth, scores = np.array(rows.truth, dtype=bool), np.array(rows.scores, dtype=np.float64)
    return Predictions("example", "image", ids, ids, truth, scores, rows.kind, decision, {})


def _benchmark(rows: Rows, task: Task) -> Benchmark:
    malignant = rows.malignant or (None,) * len(rows.classes)
    card: dict[str, Any] = {
        "schema": 1,
        "id": "example",
        "version": "1",
        "title": rows.title,
        "summary": "A worked example.",
        "task": task,
        "modality": "synthetic",
        "unit": {"name": "picture", "column": "picture"},
        "headline_metrics": ["auroc"],
        "data": {"adapter": "table", "home": "example"},
        "protocol": {"by": "unit"},
        "classes": [
            {"id": c, "name": c, "labels": [c], "malignant": m} for c, m in zip(rows.classes, malignant, strict=True)
        ],
        "prompts": {"default": "none"},
        "licence": {"name": "CC0"},
        "citation": "none",
        "homepage": "none",
    }
    return Benchmark.model_validate(card)
