"""Every metric against an implementation that is not ours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up_predictions import TONES, benchmark, find, predictions
from sklearn import metrics as sk

from vlmeval.records import Predictions
from vlmeval.stats import Resamples, all_metrics, metric_info, summarise
from vlmeval.stats.cells import whole
from vlmeval.stats.estimates import Counted, estimates_of
from vlmeval.stats.seeds import Seeds
from vlmeval.stats.sums import Drawn, Ranked, cell_sums
from vlmeval.stats.table import Table

# A class that no row of a draw or a level has: scikit-learn warns and leaves it out of balanced accuracy, as we do.
pytestmark = pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")


def weighted(p: Predictions, task: str, draws: int = 4):
    """Draws of every metric under random real-valued row weights, some of them 0: (metric, averaging, class) -> [D]."""
    card = benchmark(task, p.scores.shape[1])
    p = replace(p, units=p.ids)
    resamples = Resamples.draw(p.units, draws, 0)
    w = np.random.default_rng(5).exponential(size=(len(p), draws)) * (
        np.random.default_rng(6).random((len(p), 1)) > 0.2
    )
    counts = np.concatenate([np.ones((len(p), 1)), w], axis=1)
    table = Table.of(p, card, replace(resamples, counts=counts))
    order = np.argsort(p.ids)  # resampled units are sorted
    metrics = all_metrics(task)
    columns = {m.columns: m.columns(table) for m in metrics if m.columns}
    cell = whole(table)
    every = Ranked(np.ones(table.truth.shape[1], dtype=bool), True, (Drawn.all_of(counts),), points=True)
    sums = cell_sums((table,), cell.rows, every, (columns,))
    counted = Counted(cell, Seeds((table,), np.ones((1, 1 + draws), dtype=np.uint8)), sums)
    out = {(e.metric, e.averaging, e.class_id): e.draws for m in metrics for e in estimates_of(m, counted)}
    return out, p.y_true[order], p.scores[order], counts


def same(draws: np.ndarray, counts: np.ndarray, oracle, *arguments, **options) -> None:
    """Our draws equal the oracle's value under each of the weights."""
    theirs = [oracle(*arguments, sample_weight=w, **options) for w in counts.T]
    np.testing.assert_allclose(draws, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_class_metrics_equal_scikit_learn_under_random_weights(task: str, ties: bool) -> None:
    p = predictions(task, ties=ties)  # at least ten units of every class: all enter the averages
    out, y, s, w = weighted(p, task)
    if task == "single-label":
        decided = np.eye(5, dtype=bool)[s.argmax(axis=1)]
    else:
        decided = s >= np.array(p.decision.thresholds)
    for k in range(5):
        truth, score, answer, c = y[:, k], s[:, k], decided[:, k], f"c{k}"
        same(out["auroc", "class", c], w, sk.roc_auc_score, truth, score)
        same(out["average-precision", "class", c], w, sk.average_precision_score, truth, score)
        same(out["sensitivity", "class", c], w, sk.recall_score, truth, answer)
        same(out["specificity", "class", c], w, sk.recall_score, truth, answer, pos_label=0)
        same(out["precision", "class", c], w, sk.precision_score, truth, answer)
        same(out["f1", "class", c], w, sk.f1_score, truth, answer)
        same(out["prevalence", "class", c], w, sk.accuracy_score, truth, np.ones(len(truth), dtype=bool))
    for average in ("macro", "weighted"):
        same(out["f1", average, None], w, sk.f1_score, y, decided, average=average)
        same(out["sensitivity", average, None], w, sk.recall_score, y, decided, average=average)
        same(out["precision", average, None], w, sk.precision_score, y, decided, average=average)
        same(out["average-precision", average, None], w, sk.average_precision_score, y, s, average=average)
        same(out["auroc", average, None], w, sk.roc_auc_score, y, s, average=average)


def test_single_label_metrics_equal_scikit_learn_under_random_weights() -> None:
    out, y, s, w = weighted(predictions(n=400), "single-label")
    true, top = y.argmax(axis=1), s.argmax(axis=1)
    same(out["accuracy", "overall", None], w, sk.accuracy_score, true, top)
    same(out["balanced-accuracy", "overall", None], w, sk.balanced_accuracy_score, true, top)
    same(out["cohen-kappa", "overall", None], w, sk.cohen_kappa_score, true, top)
    same(out["mcc", "overall", None], w, sk.matthews_corrcoef, true, top)
    same(out["top-3-accuracy", "overall", None], w, sk.top_k_accuracy_score, true, s, k=3)
    majority = np.full(len(true), np.bincount(true).argmax())
    same(out["accuracy-majority", "overall", None], w, sk.accuracy_score, true, majority)
    same(out["ece", "overall", None], w, ece, top == true, s.max(axis=1))
    for chance in ("accuracy-chance", "balanced-accuracy-chance"):
        np.testing.assert_allclose(out[chance, "overall", None], 0.2, atol=1e-12)


def test_multi_label_metrics_equal_scikit_learn_under_random_weights() -> None:
    p = predictions("multi-label", n=400, ties=True)
    out, y, s, w = weighted(p, "multi-label")
    decided = s >= np.array(p.decision.thresholds)
    same(out["hamming-loss", "overall", None], w, sk.hamming_loss, y, decided)
    same(out["subset-accuracy", "overall", None], w, sk.accuracy_score, y, decided)
    same(out["ranking-loss", "overall", None], w, sk.label_ranking_loss, y, s)
    majority = np.broadcast_to(y.mean(axis=0) > 0.5, y.shape)
    same(out["hamming-majority", "overall", None], w, sk.hamming_loss, y, majority)
    for k in range(5):
        truth, answer = y[:, k], decided[:, k]
        same(out["balanced-accuracy", "class", f"c{k}"], w, sk.balanced_accuracy_score, truth, answer)
        same(out["ece", "class", f"c{k}"], w, ece, truth, s[:, k])


def ece(right: np.ndarray, confidence: np.ndarray, sample_weight: np.ndarray) -> float:
    """Expected calibration error, written as its definition reads."""
    total, w = 0.0, sample_weight
    for i in range(15):
        inside = (confidence >= i / 15) & ((confidence < (i + 1) / 15) | (i == 14))
        if w[inside].sum() > 0:
            gap = np.average(confidence[inside], weights=w[inside]) - np.average(right[inside], weights=w[inside])
            total += w[inside].sum() * abs(gap)
    return total / w.sum()


def test_group_values_equal_fairlearn() -> None:
    from fairlearn.metrics import MetricFrame

    p = predictions(n=900)
    rows = summarise(p, benchmark(), Resamples.draw(p.units, 0))
    true, top = p.y_true.argmax(axis=1), p.scores.argmax(axis=1)
    tone = np.array(TONES)[p.groups["tone"]]
    for metric, oracle in {"accuracy": sk.accuracy_score, "balanced-accuracy": sk.balanced_accuracy_score}.items():
        frame = MetricFrame(metrics=oracle, y_true=true, y_pred=top, sensitive_features=tone)
        for level in TONES:
            found = find(rows, metric, group="tone", group_level=level)
            assert found.value == pytest.approx(frame.by_group[level], abs=1e-12)
        # fairlearn's difference and minimum are over all levels; ours leave the missing one out.
        answered = tone != "not-answered"
        frame = MetricFrame(
            metrics=oracle, y_true=true[answered], y_pred=top[answered], sensitive_features=tone[answered]
        )
        assert find(rows, metric, group="tone", group_level="worst").value == pytest.approx(
            frame.group_min(), abs=1e-12
        )
        spread = find(rows, metric, group="tone", group_level="max-min")
        assert spread.value == pytest.approx(frame.difference(method="between_groups"), abs=1e-12)
    for k in range(5):
        by_class = {
            "sensitivity": (sk.recall_score, top == k),
            "auroc": (sk.roc_auc_score, p.scores[:, k]),
            "average-precision": (sk.average_precision_score, p.scores[:, k]),
        }
        for metric, (oracle, answer) in by_class.items():
            frame = MetricFrame(metrics=oracle, y_true=true == k, y_pred=answer, sensitive_features=tone)
            for level in TONES:
                found = find(rows, metric, "class", class_id=f"c{k}", group="tone", group_level=level)
                if found.value is not None:
                    assert found.value == pytest.approx(frame.by_group[level], abs=1e-12)


@pytest.mark.filterwarnings("ignore:The inplace keyword in Series.rename:Warning")
@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")
def test_values_equal_isic_challenge_scoring() -> None:
    from isic_challenge_scoring.classification import ClassificationMetric, ClassificationScore

    p = predictions(n=900)
    classes = [f"c{k}" for k in range(5)]
    truth, scores = (pd.DataFrame(x.astype(float), index=p.ids, columns=classes) for x in (p.y_true, p.scores))
    weights = pd.DataFrame({"score_weight": 1.0, "validation_weight": 0.0}, index=p.ids)
    weights.iloc[::2, 1] = 1.0
    isic = ClassificationScore(truth, scores, weights, ClassificationMetric.BALANCED_ACCURACY)
    resamples = Resamples.draw(p.units, 0)
    rows = summarise(p, benchmark(), resamples, groups=False)
    assert find(rows, "balanced-accuracy").value == pytest.approx(isic.overall, abs=1e-12)
    # It decides class by class at 0.5, whatever the task.
    halves = replace(p.decision, rule="threshold", thresholds=(0.5,) * 5)
    at_half = summarise(replace(p, decision=halves), benchmark(), resamples, groups=False)
    names = {"auroc": "auc", "average-precision": "ap", "sensitivity": "sensitivity", "specificity": "specificity"}
    for ours, theirs in names.items():
        for k in classes:
            found = find(at_half, ours, "class", class_id=k).value
            assert found == pytest.approx(isic.per_category.loc[k, theirs], abs=1e-12)
        assert find(at_half, ours, "macro").value == pytest.approx(isic.macro_average[theirs], abs=1e-12)


def test_every_metric_is_described_and_reachable_by_id() -> None:
    for m in all_metrics():
        assert metric_info(m.id, m.tasks[0]) is m
        assert len(m.definition) > 20
        assert m.source
        assert m.bounds[0] < m.bounds[1]


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_values_lie_in_their_bounds_and_intervals_hold_order(task: str) -> None:
    p = predictions(task, n=200)
    for r in summarise(p, benchmark(task), Resamples.draw(p.units, 50)):
        m = metric_info(r.metric, task)
        assert (r.value is None) == (r.reason is not None)
        if r.value is not None:
            lower = -(m.bounds[1] - m.bounds[0]) if r.group_level == "last-first" else m.bounds[0]
            assert lower <= r.value <= max(m.bounds[1], m.bounds[1] - m.bounds[0])
            assert (r.low is None) == (r.high is None)
            assert r.low is None or r.low <= r.high
