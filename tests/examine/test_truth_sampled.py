"""Expected metrics under sampled labels: against scikit-learn draw by draw, full enumeration, and the plain metrics."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_truth import card, differentials, predictions, resamples, samples
from sklearn.metrics import average_precision_score, roc_auc_score

from vlmeval.examine.truth.draws import blocks
from vlmeval.examine.truth.rows import Found
from vlmeval.examine.truth.sampled import sampled, sampled_metrics
from vlmeval.stats import Resamples, estimate
from vlmeval.stats.seeds import Seeds, seed_counts

METRICS = ("auroc", "average-precision", "balanced-accuracy")


def found_of(found: list[Found], metric: str, class_id: str | None = None) -> Found:
    (one,) = (f for f in found if f.metric == metric and f.class_id == class_id)
    return one


def run(
    weights: np.ndarray, task: str = "multi-label", labelings: int = 20, draws: int = 15
) -> tuple[list[Found], Seeds]:
    of = samples(weights, task=task)
    seeds = Seeds.of([predictions(of)], of.benchmark, resamples(of, draws))
    metrics = sampled_metrics(task, of.benchmark.headline_metrics)
    return sampled(seeds, weights, metrics, labelings), seeds


def test_every_draw_is_what_scikit_learn_computes() -> None:
    weights = differentials(120, 4, np.random.default_rng(1))
    found, seeds = run(weights)
    table = seeds.table
    k = 2
    auroc, ap, balanced = [], [], []
    for block in blocks(weights, table.unit, table.resamples, 20):
        for w, labels in zip(block.weights, block.labels, strict=True):
            y, s = labels == k, table.scores[:, k]
            auroc.append(roc_auc_score(y, s, sample_weight=w))
            ap.append(average_precision_score(y, s, sample_weight=w))
            flagged = s >= 0.6
            sensitivity = (w * y * flagged).sum() / (w * y).sum()
            balanced.append((sensitivity + (w * ~y * ~flagged).sum() / (w * ~y).sum()) / 2)
    for metric, expected in zip(METRICS, (auroc, ap, balanced), strict=True):
        one = found_of(found, metric, "c2")
        assert np.concatenate([one.sample, one.draws]) == pytest.approx(np.array(expected), abs=1e-12)
        assert one.value == pytest.approx(np.mean(expected[:20]), abs=1e-12)


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_certain_weights_give_the_plain_metrics(task: str) -> None:
    rng = np.random.default_rng(2)
    weights = np.eye(4)[rng.integers(0, 4, size=150)]
    found, seeds = run(weights, task)
    plain = estimate([seeds.table.predictions], seeds.table.benchmark, seeds.table.resamples, groups="none")
    compared = 0
    for one in found:
        (same,) = (
            e
            for e in plain.estimates
            if (e.metric, e.averaging, e.class_id) == (one.metric, one.averaging, one.class_id)
        )
        assert one.value == pytest.approx(same.draws[0], abs=1e-12)
        assert one.draws == pytest.approx(same.draws[1:], abs=1e-12, nan_ok=True)
        assert (one.n, one.n_units, one.n_positive, one.greyed) == (same.n, same.n_units, same.n_positive, same.greyed)
        compared += 1
    assert compared >= 12


def test_the_value_is_the_expectation_over_all_labellings() -> None:
    """Thirty certain rows and four uncertain ones: all their labellings can be gone through."""
    rng = np.random.default_rng(3)
    weights = np.zeros((34, 2))
    weights[:30] = np.eye(2)[np.arange(30) % 2]
    weights[30:] = [[0.7, 0.3], [0.2, 0.5], [0.0, 0.6], [0.9, 0.1]]
    scores = rng.normal(size=(34, 2)).round(1)
    of = samples(weights)
    known = replace(predictions(of), scores=scores, kind="cosine")
    seeds = Seeds.of([known], of.benchmark, resamples(of, 0))
    found = sampled(seeds, weights, sampled_metrics("multi-label", ("auroc",)), 20_000)
    padded = np.column_stack([weights, 1 - weights.sum(axis=1)])
    exact = {"auroc": 0.0, "average-precision": 0.0}
    for labels in itertools.product(range(3), repeat=4):
        chance = np.prod([padded[30 + row, label] for row, label in enumerate(labels)])
        if chance > 0:
            y = np.concatenate([np.arange(30) % 2, labels]) == 1
            exact["auroc"] += chance * roc_auc_score(y, scores[:, 1])
            exact["average-precision"] += chance * average_precision_score(y, scores[:, 1])
    for metric, value in exact.items():
        one = found_of(found, metric, "c1")
        assert one.value == pytest.approx(value, abs=5 * one.sample.std() / np.sqrt(20_000))


def test_labels_are_drawn_with_the_weights_as_probabilities_and_units_share_an_opinion() -> None:
    weights = np.array([[0.2, 0.3], [1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    drawn = Resamples.draw(np.array(["a", "b", "c", "d"]), 0)
    unit = np.array([0, 1, 2, 3, 0])
    labels = np.concatenate([b.labels for b in blocks(weights[unit], unit, drawn, 40_000)])
    shares = [(labels[:, 0] == k).mean() for k in range(3)]
    assert shares == pytest.approx([0.2, 0.3, 0.5], abs=0.01)
    assert (labels[:, 1] == 0).all()
    assert (labels[:, 2] == 2).all()
    assert (labels[:, 3] == 1).all()
    assert (labels[:, 4] == labels[:, 0]).all()


def test_draws_of_units_are_those_of_the_run_and_fewer_draws_are_a_beginning() -> None:
    drawn = Resamples.draw(np.array([f"u{i}" for i in range(30)]), 12, seed=4)
    few = Resamples.draw(np.array([f"u{i}" for i in range(30)]), 5, seed=4)
    unit, weights = np.arange(30), differentials(30, 3, np.random.default_rng(0))
    long = [
        np.concatenate([getattr(b, name) for b in blocks(weights, unit, drawn, 7)]) for name in ("weights", "labels")
    ]
    short = [
        np.concatenate([getattr(b, name) for b in blocks(weights, unit, few, 7)]) for name in ("weights", "labels")
    ]
    assert (long[0][:7] == 1).all()
    assert (long[0][7:] == drawn.counts[:, 1:].T).all()
    for a, b in zip(long, short, strict=True):
        assert (a[:12] == b).all()


def test_the_order_of_rows_never_matters() -> None:
    weights = differentials(90, 4, np.random.default_rng(5))
    of = samples(weights)
    one = predictions(of)
    order = np.random.default_rng(6).permutation(len(one))
    other = replace(one, ids=one.ids[order], units=one.units[order], y_true=one.y_true[order], scores=one.scores[order])
    metrics = sampled_metrics("multi-label", ("auroc",))
    drawn = resamples(of, 10)
    first, second = (sampled(Seeds.of([p], of.benchmark, drawn), weights, metrics, 10) for p in (one, other))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.sample, b.sample)
        np.testing.assert_array_equal(a.draws, b.draws)


def test_seeds_are_averaged_as_drawn_and_share_their_labels() -> None:
    weights = differentials(100, 3, np.random.default_rng(7))
    of, drawn = samples(weights), None
    drawn = resamples(of, 12)
    several = [predictions(of, seed=s, number=s) for s in (0, 1)]
    metrics = sampled_metrics("multi-label", ("auroc",))
    together = sampled(Seeds.of(several, of.benchmark, drawn), weights, metrics, 10)
    alone = [sampled(Seeds.of([p], of.benchmark, drawn), weights, metrics, 10) for p in several]
    counts = seed_counts(drawn.seed, 2, drawn.draws)
    for mean, a, b in zip(together, *alone, strict=True):
        if mean.reason is None:
            assert mean.sample == pytest.approx((a.sample + b.sample) / 2)
            assert mean.draws == pytest.approx((a.draws * counts[0, 1:] + b.draws * counts[1, 1:]) / 2)


def test_classes_with_too_few_expected_positives_are_suppressed_with_the_counts() -> None:
    weights = np.zeros((60, 3))
    weights[:, 0] = np.where(np.arange(60) < 30, 0.8, 0.1)
    weights[:18, 1] = 0.2
    found, _ = run(weights)
    shown, hidden = found_of(found, "auroc", "c0"), found_of(found, "auroc", "c1")
    assert shown.value is not None
    assert hidden.value is None
    assert "fewer than 10" in (hidden.reason or "")
    assert "3.6" in (hidden.reason or "")
    assert found_of(found, "auroc").n_classes == 1


def test_one_answer_is_wrong_where_the_opinion_is_none_of_the_conditions() -> None:
    weights = np.full((40, 2), [0.5, 0.0])
    of = samples(weights, task="single-label")
    scores = np.tile([0.9, 0.1], (40, 1))
    seeds = Seeds.of([replace(predictions(of), scores=scores)], of.benchmark, resamples(of, 0))
    found = sampled(seeds, weights, sampled_metrics("single-label", ("accuracy",)), 4000)
    assert found_of(found, "accuracy").value == pytest.approx(0.5, abs=0.005)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(12, 50), st.integers(2, 5))
def test_every_value_is_within_its_bounds(seed: int, n: int, k: int) -> None:
    weights = differentials(n, k, np.random.default_rng(seed), certain=0.3)
    found, _ = run(weights, labelings=5, draws=5)
    for one in found:
        values = np.concatenate([one.sample, one.draws])
        values = values[~np.isnan(values)]
        assert ((values >= 0) & (values <= 1)).all()
        row = one.row("m", "unit", "truth:sampled")
        assert (row.value is None) == (row.reason is not None)


def test_the_metrics_are_the_cards_first_ones_and_ranks() -> None:
    ids = [m.id for m in sampled_metrics("multi-label", card().headline_metrics)]
    assert ids == ["balanced-accuracy", "auroc", "average-precision"]
    assert "accuracy" in [m.id for m in sampled_metrics("single-label", ("auroc",))]
