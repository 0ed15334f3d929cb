"""Every registered metric has a worked example that is right, and says everything a page needs to say of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vlmeval.stats import Metric, all_metrics, metrics_between_levels
from vlmeval.stats.metrics.examples import ALL
from vlmeval.stats.metrics.worked import worked_value

EVERY = [
    pytest.param(m, task, id=f"{m.id}-{task}") for m in (*all_metrics(), *metrics_between_levels()) for task in m.tasks
]


@pytest.mark.parametrize(("metric", "task"), EVERY)
def test_the_worked_example_is_right(metric: Metric, task: str) -> None:
    assert worked_value(metric, task) == pytest.approx(metric.example.value, abs=1e-12)


@pytest.mark.parametrize(("metric", "task"), EVERY)
def test_everything_is_said(metric: Metric, task: str) -> None:
    first, *_ = metric.definition.split("\n")
    assert first.endswith((".", "?")), "the first line of a definition is a sentence"
    assert len(metric.definition) > 40
    assert metric.example.working.endswith(".")
    assert any(sign.isdigit() for sign in metric.example.working)
    assert metric.source
    assert metric.bounds[0] < metric.bounds[1]
    assert metric.bounds[0] <= metric.example.value <= metric.bounds[1]
    assert metric.interval == "percentile" or np.isfinite(metric.bounds).all(), "score intervals need bounds"


def test_a_wrong_example_would_be_found() -> None:
    metric = all_metrics()[0]
    wrong = replace(metric, example=replace(metric.example, value=metric.example.value + 0.001))
    assert worked_value(wrong, metric.tasks[0]) != pytest.approx(wrong.example.value, abs=1e-12)


def test_an_example_that_cannot_have_the_metric_is_refused() -> None:
    (metric,) = (m for m in all_metrics() if m.id == "malignant-auroc")
    rows = replace(metric.example.rows, malignant=())
    with pytest.raises(ValueError, match="cannot have it: the benchmark card does not call"):
        worked_value(replace(metric, example=replace(metric.example, rows=rows)), "single-label")


def test_rows_of_examples_are_all_used_and_named_once() -> None:
    used = {m.example.rows.id for m in all_metrics()}
    assert used == {rows.id for rows in ALL}
    assert len(used) == len(ALL)
    for rows in ALL:
        assert len(rows.truth) == len(rows.scores)
        assert {len(row) for row in (*rows.truth, *rows.scores)} == {len(rows.classes)}
