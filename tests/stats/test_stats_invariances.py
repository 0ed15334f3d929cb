"""What must not change a number, over whole families of metrics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_predictions import benchmark, classes, predictions

from vlmeval.records import GAPS, MetricRow, Predictions
from vlmeval.stats import Resamples, metric_info, summarise

TASKS = st.sampled_from(["single-label", "multi-label"])
SEEDS = st.integers(0, 1000)
quick = settings(max_examples=8, deadline=None)


def summary(p: Predictions, task: str, **changes) -> list[MetricRow]:
    return summarise(p, benchmark(task, p.scores.shape[1], **changes), Resamples.draw(p.units, 25))


def rows_in(p: Predictions, order: np.ndarray) -> Predictions:
    groups = {g: c[order] for g, c in p.groups.items()}
    columns = {name: getattr(p, name)[order] for name in ("ids", "units", "y_true", "scores")}
    return replace(p, groups=groups, **columns)


def numbers(rows: list[MetricRow]) -> dict[tuple[object, ...], tuple[float | None, ...]]:
    return {
        (r.metric, r.averaging, r.class_id, r.group, r.group_level): (r.value, r.low, r.high, r.n_classes, r.reason)
        for r in rows
    }


def assert_same(a: dict, b: dict) -> None:
    assert a.keys() == b.keys()
    for key, values in a.items():
        assert values[3:] == b[key][3:], key
        for x, y in zip(values[:3], b[key][:3], strict=True):
            assert (x is None) == (y is None), key
            assert x == pytest.approx(y, abs=1e-12), key


@quick
@given(task=TASKS, seed=SEEDS, ties=st.booleans())
def test_sample_order_changes_nothing_at_all(task: str, seed: int, ties: bool) -> None:
    p = predictions(task, n=200, seed=seed, ties=ties)
    shuffled = rows_in(p, np.random.default_rng(seed).permutation(len(p)))
    assert summary(p, task) == summary(shuffled, task)


@quick
@given(task=TASKS, seed=SEEDS)
def test_class_order_only_moves_rows(task: str, seed: int) -> None:
    p = predictions(task, n=200, seed=seed)
    order = np.random.default_rng(seed).permutation(5)
    thresholds = p.decision.thresholds and tuple(p.decision.thresholds[i] for i in order)
    moved = replace(
        p,
        y_true=p.y_true[:, order],
        scores=p.scores[:, order],
        decision=replace(p.decision, thresholds=thresholds),
    )
    assert_same(numbers(summary(p, task)), numbers(summary(moved, task, classes=classes(order))))


@quick
@given(task=TASKS, seed=SEEDS)
def test_two_of_every_row_change_no_value(task: str, seed: int) -> None:
    p = predictions(task, n=200, seed=seed)
    twice = rows_in(p, np.repeat(np.arange(len(p)), 2))
    twice = replace(twice, ids=np.arange(len(twice)).astype(str))
    one, two = summary(p, task), summary(twice, task)
    assert_same(numbers(one), numbers(two))
    assert [2 * r.n for r in one] == [r.n for r in two]
    assert [r.n_units for r in one] == [r.n_units for r in two]


@quick
@given(task=TASKS, seed=SEEDS, ties=st.booleans())
def test_duplicated_units_change_no_value(task: str, seed: int, ties: bool) -> None:
    p = predictions(task, n=400, seed=seed, ties=ties)
    twice = rows_in(p, np.tile(np.arange(len(p)), 2))
    second = np.repeat(["", "-again"], len(p))
    twice = replace(twice, ids=np.char.add(twice.ids, second), units=np.char.add(twice.units, second))
    one, two = numbers(summary(p, task)), numbers(summary(twice, task))
    for key, (value, *_, reason) in one.items():
        # Twice the units may lift a suppression, and so let a class into an average.
        if value is not None and (one[key][3] == two[key][3]) and reason is None and key[4] not in GAPS:
            assert value == pytest.approx(two[key][0], abs=1e-12), key


@quick
@given(seed=SEEDS, power=st.floats(0.2, 5), ties=st.booleans())
def test_ranks_do_not_see_a_monotone_transform_of_a_class(seed: int, power: float, ties: bool) -> None:
    p = predictions("multi-label", n=200, seed=seed, ties=ties)
    changed = p.scores.copy()
    changed[:, 1] = changed[:, 1] ** power
    before, after = (numbers(summary(replace(p, scores=s), "multi-label")) for s in (p.scores, changed))
    for key, values in before.items():
        metric = metric_info(str(key[0]), "multi-label")
        if metric.ranks is not None and metric.view is None:
            assert values == after[key], key


@quick
@given(seed=SEEDS, scale=st.floats(0.5, 100), shift=st.floats(-3, 3))
def test_decisions_by_argmax_do_not_see_a_transform_of_all_scores(seed: int, scale: float, shift: float) -> None:
    p = replace(predictions(n=200, seed=seed), kind="logit")
    changed = p.scores * scale + shift
    before, after = (numbers(summary(replace(p, scores=s), "single-label")) for s in (p.scores, changed))
    for key, values in before.items():
        if metric_info(key[0], "single-label").needs == "decision":
            assert values == after[key], key


@quick
@given(task=TASKS, seed=SEEDS)
def test_level_order_only_moves_rows(task: str, seed: int) -> None:
    p = predictions(task, n=300, seed=seed)
    levels = [level.model_dump(by_alias=True) for level in benchmark().group("site").levels]
    order = np.random.default_rng(seed).permutation(3)
    site = {"id": "site", "name": "Site", "kind": "site", "column": "site", "levels": [levels[i] for i in order]}
    moved = replace(p, groups={"site": np.argsort(order)[p.groups["site"]].astype(np.int16)})
    before = {key: v for key, v in numbers(summary(p, task)).items() if key[3] != "tone"}
    assert_same(before, numbers(summary(moved, task, groups=[site])))
