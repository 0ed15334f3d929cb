"""Criteria of tuning against scikit-learn's metrics, and the rules of choosing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from vlmeval.methods.criteria import CRITERIA, HIGHER_IS_BETTER, choose, nearest_within_error, score, shares
from vlmeval.records import Criterion, Task

RNG = np.random.default_rng(5)


def rows(task: str, seed: int, n: int = 80, k: int = 4) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    scores = rng.random((n, k)).round(2) + 0.005  # rounding makes ties
    if task == "single-label":
        return np.eye(k, dtype=bool)[rng.integers(k, size=n)], scores / scores.sum(axis=1, keepdims=True), rng.random(n)
    return rng.random((n, k)) < 0.3, scores / 1.02, rng.random(n)


def theirs(criterion: str, y: Any, p: Any, w: Any, task: str) -> float:
    columns = range(y.shape[1])
    if criterion in ("auroc", "average-precision"):
        metric = metrics.roc_auc_score if criterion == "auroc" else metrics.average_precision_score
        return float(np.mean([metric(y[:, k], p[:, k], sample_weight=w) for k in columns]))
    return float((by_class if task == "single-label" else by_label)(criterion, y, p, w))


def by_class(criterion: str, y: Any, p: Any, w: Any) -> float:
    codes, every = y.argmax(axis=1), range(y.shape[1])
    if criterion == "balanced-accuracy":
        return float(metrics.balanced_accuracy_score(codes, p.argmax(axis=1), sample_weight=w))
    parts = [np.ones(len(y), dtype=bool)] if criterion == "log-loss" else [codes == k for k in every]
    return float(np.mean([metrics.log_loss(codes[m], p[m], sample_weight=w[m], labels=every) for m in parts]))


def by_label(criterion: str, y: Any, p: Any, w: Any) -> float:
    values = []
    for truth, mine in zip(y.T, p.T, strict=True):
        if criterion == "balanced-accuracy":
            values.append(metrics.balanced_accuracy_score(truth, mine >= 0.5, sample_weight=w))
        else:
            parts = [np.ones(len(y), dtype=bool)] if criterion == "log-loss" else [truth, ~truth]
            losses = [metrics.log_loss(truth[m], mine[m], sample_weight=w[m], labels=[False, True]) for m in parts]
            values.append(np.mean(losses))
    return float(np.mean(values))


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_criterion_equals_scikit_learns_with_and_without_weights(criterion: Any, task: Any, seed: int) -> None:
    y, p, w = rows(task, seed)
    for weight in (None, w):
        expected = theirs(criterion, y, p, np.ones(len(y)) if weight is None else weight, task)
        assert score(criterion, y, p, task, weight) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_class_that_no_row_has_is_left_out_of_averages(criterion: Any) -> None:
    y, p, _ = rows("single-label", 2)
    wide_y, wide_p = np.pad(y, ((0, 0), (0, 1))), np.pad(p, ((0, 0), (0, 1)))
    assert score(criterion, wide_y, wide_p, "single-label") == pytest.approx(score(criterion, y, p, "single-label"))


def test_what_has_no_positives_or_no_negatives_is_undefined() -> None:
    y, p = np.zeros((9, 2), dtype=bool), RNG.random((9, 2))
    for criterion in ("auroc", "average-precision", "balanced-accuracy"):
        assert math.isnan(score(criterion, y, p, "multi-label"))
    assert math.isnan(score("log-loss", y, p, "single-label"))
    assert score("log-loss", y, p, "multi-label") == pytest.approx(-np.log(1 - p).mean())


def test_single_label_rows_without_a_class_are_passed_over() -> None:
    y, p, w = rows("single-label", 3)
    more_y, more_p = np.vstack([y, np.zeros((5, 4), dtype=bool)]), np.vstack([p, np.full((5, 4), 0.25)])
    for criterion in CRITERIA:
        whole = score(criterion, more_y, more_p, "single-label", np.append(w, np.ones(5)))
        assert whole == pytest.approx(score(criterion, y, p, "single-label", w))


def test_a_probability_of_zero_costs_a_finite_log_loss() -> None:
    y, p = np.array([[True, False]]), np.array([[0.0, 1.0]])
    assert score("log-loss", y, p, "single-label") == pytest.approx(metrics.log_loss([0], [[0.0, 1.0]], labels=[0, 1]))


@pytest.mark.parametrize("criterion", CRITERIA)
def test_of_equal_scores_the_smallest_value_wins(criterion: Any) -> None:
    sign = 1 if HIGHER_IS_BETTER[criterion] else -1
    scores = [sign * s for s in (0.1, 0.7, 0.7 + 1e-12, 0.7, 0.2)]
    assert choose([1, 2, 3, 4, 5], scores, criterion) == (1, False)


def test_nan_never_wins_and_ends_are_edges() -> None:
    assert choose([1, 2, 3], [math.nan, 0.2, 0.9], "auroc") == (2, True)
    assert choose([1, 2, 3], [0.9, 0.2, math.nan], "auroc") == (0, True)
    assert choose([1, 2, 3], [math.nan] * 3, "auroc") == (0, True)
    assert choose([2.0], [0.3], "log-loss") == (0, False)


@given(st.lists(st.floats(0, 1) | st.just(math.nan), min_size=1, max_size=12), st.sampled_from(CRITERIA))
@settings(max_examples=80, deadline=None)
def test_nothing_beats_what_is_chosen(scores: list[float], criterion: Any) -> None:
    best, _ = choose(range(1, len(scores) + 1), scores, criterion)
    known = [s for s in scores if not math.isnan(s)]
    if known:
        top = max(known) if HIGHER_IS_BETTER[criterion] else min(known)
        assert scores[best] == pytest.approx(top, abs=1e-8)


@pytest.mark.parametrize("criterion", ["log-loss", "balanced-log-loss"])
@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_shares_of_rows_sum_to_the_score(criterion: Criterion, task: Task) -> None:
    rng = np.random.default_rng(4)
    p = rng.dirichlet(np.ones(4), size=30)
    y = np.eye(4, dtype=bool)[rng.integers(0, 3, 30)] if task == "single-label" else rng.random((30, 4)) < 0.3
    w = rng.uniform(0.2, 2, 30)
    found = shares(criterion, y, p, task, w)
    assert found is not None
    assert found.shape == (30,)
    assert found.sum() == pytest.approx(score(criterion, y, p, task, w), abs=1e-12)


def test_ranks_have_no_shares() -> None:
    assert shares("auroc", np.eye(2, dtype=bool), np.eye(2), "single-label") is None


def test_a_candidate_is_left_only_for_what_is_clearly_better() -> None:
    rng = np.random.default_rng(0)
    simple = rng.uniform(1, 2, 40) / 40
    noise = rng.normal(size=40)
    noise -= noise.mean()
    a_little = simple + (noise - 0.05) / 40  # better by a third of its standard error
    clearly = simple + (noise - 0.5) / 40  # by three
    assert a_little.sum() < simple.sum()
    assert nearest_within_error([simple, a_little]) == 0
    assert nearest_within_error([simple, clearly]) == 1
    assert nearest_within_error([a_little, simple]) == 0
    assert nearest_within_error([simple]) == 0


def test_pictures_of_one_unit_are_one_observation() -> None:
    rng = np.random.default_rng(1)
    simple = np.ones(8) / 8
    better = simple - rng.uniform(0.1, 2.0, 8) / 8
    once = nearest_within_error([simple, better], np.array([f"u{i}" for i in range(8)]))
    assert once == nearest_within_error([simple, better]) == 1
    many = [np.repeat(one, 5) / 5 for one in (simple, better)]
    assert nearest_within_error(many, np.repeat([f"u{i}" for i in range(8)], 5)) == once
    # A single unit says nothing about its own error.
    assert nearest_within_error([simple, better], np.array(["u"] * 8)) == 0
