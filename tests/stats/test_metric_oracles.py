"""Every registered metric against an implementation that is not ours, under random weights, overall and by group.

`ORACLES` names one for each metric and task: scikit-learn, isic-challenge-scoring, or the definition written out as a
loop where no library has it. A metric without an entry fails the first test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from isic_challenge_scoring import metrics as isic
from made_up_predictions import MALIGNANT, TONES, benchmark, predictions
from real_weights import weighted_draws, weights_of
from sklearn import metrics as sk

from vlmeval.records import Predictions
from vlmeval.stats import all_metrics

pytestmark = pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")
K = 5


@dataclass
class Case:
    """Rows with a weight each, [n, K] and [n]; ``all_scores`` are of every row, for bins fixed by the sample."""

    y: np.ndarray
    s: np.ndarray
    d: np.ndarray
    w: np.ndarray
    all_scores: np.ndarray

    @property
    def true(self) -> np.ndarray:
        return self.y.argmax(axis=1)

    @property
    def top(self) -> np.ndarray:
        return self.s.argmax(axis=1)

    @property
    def prevalence(self) -> np.ndarray:
        return np.average(self.y, axis=0, weights=self.w)

    def malignant(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        known = np.isin(self.true, list(MALIGNANT))
        ours = [k for k, flag in MALIGNANT.items() if flag]
        return np.isin(self.true, ours)[known], self.s[:, ours].sum(axis=1)[known], self.w[known]


Oracle = Callable[[Case], float]
OfClass = Callable[[Case, int], float]


def on_scores(oracle: Callable[..., float], **options: object) -> OfClass:
    return lambda c, k: oracle(c.y[:, k], c.s[:, k], sample_weight=c.w, **options)


def on_decisions(oracle: Callable[..., float], **options: object) -> OfClass:
    return lambda c, k: oracle(c.y[:, k], c.d[:, k], sample_weight=c.w, **options)


def on_labels(oracle: Callable[..., float]) -> Oracle:
    return lambda c: oracle(c.true, c.top, sample_weight=c.w)


def on_matrices(oracle: Callable[..., float]) -> Oracle:
    return lambda c: oracle(c.y, c.d, sample_weight=c.w)


def on_malignant(oracle: Callable[..., float]) -> Oracle:
    def value(c: Case) -> float:
        y, s, w = c.malignant()
        return oracle(y, s, sample_weight=w)

    return value


def sensitivity_at(percent: int) -> Callable[..., float]:
    def value(y: np.ndarray, s: np.ndarray, sample_weight: np.ndarray) -> float:
        fpr, tpr, _ = sk.roc_curve(y, s, sample_weight=sample_weight, drop_intermediate=False)
        return tpr[1 - fpr >= percent / 100 - 1e-12].max()

    return value


def specificity_at(percent: int) -> Callable[..., float]:
    def value(y: np.ndarray, s: np.ndarray, sample_weight: np.ndarray) -> float:
        fpr, tpr, _ = sk.roc_curve(y, s, sample_weight=sample_weight, drop_intermediate=False)
        return 1 - fpr[tpr >= percent / 100 - 1e-12].min()

    return value


def isic_partial(c: Case, k: int) -> float:
    series = (pd.Series(x) for x in (c.y[:, k].astype(float), c.s[:, k], c.w))
    return isic.auc_above_sensitivity(*series, 0.8)


def binned_gap(right: np.ndarray, confidence: np.ndarray, w: np.ndarray, bins: np.ndarray) -> float:
    """Calibration error as its definition reads."""
    total = 0.0
    for b in np.unique(bins[w > 0]):
        inside = (bins == b) & (w > 0)
        gap = np.average(confidence[inside], weights=w[inside]) - np.average(right[inside], weights=w[inside])
        total += w[inside].sum() / w.sum() * abs(gap)
    return total


def wide(p: np.ndarray) -> np.ndarray:
    return np.minimum(np.searchsorted(np.arange(1, 15) / 15, p, side="right"), 14)


def massive(p: np.ndarray, of_all: np.ndarray) -> np.ndarray:
    """Number of the bin: rows of the whole sample with less, in fifteenths."""
    return np.array([int((of_all < one).sum()) * 15 // len(of_all) for one in p])


def part(name: str) -> OfClass:
    """The parts of the Brier score, bin by bin."""

    def value(c: Case, k: int) -> float:
        p, y, w = c.s[:, k], c.y[:, k].astype(float), c.w
        base, total = np.average(y, weights=w), 0.0
        for b in range(15):
            inside = (wide(p) == b) & (w > 0)
            if not inside.any():
                continue
            share = w[inside].sum() / w.sum()
            mean, observed = (np.average(x[inside], weights=w[inside]) for x in (p, y))
            spread = np.average((p[inside] - mean) ** 2, weights=w[inside])
            together = np.average((p[inside] - mean) * (y[inside] - observed), weights=w[inside])
            total += share * {
                "reliability": (mean - observed) ** 2,
                "resolution": (observed - base) ** 2,
                "within": spread - 2 * together,
            }.get(name, 0.0)
        return base * (1 - base) if name == "uncertainty" else total

    return value


def summed(of_class: OfClass) -> Oracle:
    return lambda c: sum(of_class(c, k) for k in range(K))


def multiclass_brier(c: Case, scores: np.ndarray | None = None) -> float:
    p = c.s if scores is None else scores
    return sk.brier_score_loss(c.true, p, sample_weight=c.w, labels=range(K), scale_by_half=False)


def of_prevalence(c: Case) -> np.ndarray:
    return np.tile(c.prevalence, (len(c.y), 1))


def top_3(c: Case) -> float:
    # Of equal scores scikit-learn takes the class listed last, so the classes go in backwards.
    backwards = K - 1 - c.true, c.s[:, ::-1]
    return sk.top_k_accuracy_score(*backwards, k=3, sample_weight=c.w, labels=range(K))


def hamming_majority(c: Case) -> float:
    majority = np.broadcast_to(c.y.mean(axis=0) > 0.5, c.y.shape)
    return sk.hamming_loss(c.y, majority, sample_weight=c.w)


BY_CLASS: dict[str, OfClass] = {
    "auroc": on_scores(sk.roc_auc_score),
    "average-precision": on_scores(sk.average_precision_score),
    "sensitivity": on_decisions(sk.recall_score),
    "specificity": on_decisions(sk.recall_score, pos_label=0),
    "precision": on_decisions(sk.precision_score, zero_division=np.nan),
    "f1": on_decisions(sk.f1_score),
    "prevalence": lambda c, k: float(c.prevalence[k]),
    **{f"sensitivity-at-specificity-{p}": on_scores(sensitivity_at(p)) for p in (80, 90, 95)},
    **{f"specificity-at-sensitivity-{p}": on_scores(specificity_at(p)) for p in (80, 90, 95)},
    "pauc-specificity-80": on_scores(sk.roc_auc_score, max_fpr=0.2),
    "pauc-sensitivity-80": isic_partial,
}
MULTI_LABEL_BY_CLASS: dict[str, OfClass] = {
    **BY_CLASS,
    "balanced-accuracy": on_decisions(sk.balanced_accuracy_score),
    "ece": lambda c, k: binned_gap(c.y[:, k], c.s[:, k], c.w, wide(c.s[:, k])),
    "ece-equal-mass": lambda c, k: binned_gap(c.y[:, k], c.s[:, k], c.w, massive(c.s[:, k], c.all_scores[:, k])),
    "brier": on_scores(sk.brier_score_loss),
    "brier-skill": lambda c, k: 1 - (
        sk.brier_score_loss(c.y[:, k], c.s[:, k], sample_weight=c.w)
        / sk.brier_score_loss(c.y[:, k], of_prevalence(c)[:, k], sample_weight=c.w)
    ),
    "brier-reliability": part("reliability"),
    "brier-resolution": part("resolution"),
    "brier-uncertainty": part("uncertainty"),
    "brier-within-bins": part("within"),
    "log-loss": on_scores(sk.log_loss, labels=[False, True]),
}  # fmt: skip
OVERALL: dict[str, dict[str, Oracle]] = {
    "single-label": {
        "balanced-accuracy": on_labels(sk.balanced_accuracy_score),
        "balanced-accuracy-chance": lambda _: 1 / K,
        "accuracy": on_labels(sk.accuracy_score),
        "accuracy-chance": lambda _: 1 / K,
        "accuracy-majority": lambda c: float(c.prevalence[np.bincount(c.true).argmax()]),
        "top-3-accuracy": top_3,
        "cohen-kappa": on_labels(sk.cohen_kappa_score),
        "mcc": on_labels(sk.matthews_corrcoef),
        "ece": lambda c: binned_gap(c.top == c.true, c.s.max(axis=1), c.w, wide(c.s.max(axis=1))),
        "ece-equal-mass": lambda c: binned_gap(
            c.top == c.true, c.s.max(axis=1), c.w, massive(c.s.max(axis=1), c.all_scores.max(axis=1))
        ),
        "brier": multiclass_brier,
        "brier-skill": lambda c: 1 - multiclass_brier(c) / multiclass_brier(c, of_prevalence(c)),
        "brier-reliability": summed(part("reliability")),
        "brier-resolution": summed(part("resolution")),
        "brier-uncertainty": summed(part("uncertainty")),
        "brier-within-bins": summed(part("within")),
        "log-loss": lambda c: sk.log_loss(c.true, c.s, sample_weight=c.w, labels=range(K)),
        "malignant-auroc": on_malignant(sk.roc_auc_score),
        "malignant-average-precision": on_malignant(sk.average_precision_score),
        "malignant-sensitivity-at-specificity-90": on_malignant(sensitivity_at(90)),
        "malignant-specificity-at-sensitivity-90": on_malignant(specificity_at(90)),
    },
    "multi-label": {
        "hamming-loss": on_matrices(sk.hamming_loss),
        "hamming-majority": hamming_majority,
        "subset-accuracy": on_matrices(sk.accuracy_score),
        "ranking-loss": lambda c: sk.label_ranking_loss(c.y, c.s, sample_weight=c.w),
    },
}
ORACLES: dict[str, dict[str, OfClass]] = {"single-label": BY_CLASS, "multi-label": MULTI_LABEL_BY_CLASS}


def decided(p: Predictions) -> np.ndarray:
    if p.decision.thresholds is None:
        return np.eye(K, dtype=bool)[p.scores.argmax(axis=1)]
    return p.scores >= np.array(p.decision.thresholds)


def test_every_metric_has_an_oracle() -> None:
    for task in ("single-label", "multi-label"):
        assert {m.id for m in all_metrics(task)} == set(ORACLES[task]) | set(OVERALL[task])


@pytest.mark.parametrize("ties", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_every_metric_equals_its_oracle_overall_and_by_group(task: str, ties: bool) -> None:
    p = predictions(task, n=500, ties=ties)
    weights = weights_of(len(p), draws=1)
    found = weighted_draws(p, benchmark(task), weights)
    groups = {(None, None): np.ones(len(p), dtype=bool)}
    groups |= {("tone", level): p.groups["tone"] == i for i, level in enumerate(TONES[:1])}
    compared = set()
    for where, inside in groups.items():
        for b in range(weights.shape[1]):
            # A row without weight is not there: some libraries would still see its class or its score.
            rows = inside & (weights[:, b] > 0)
            case = Case(p.y_true[rows], p.scores[rows], decided(p)[rows], weights[rows, b], p.scores)
            for metric, overall in OVERALL[task].items():
                if (draws := found.get((metric, "overall", None, *where))) is not None and not of_sample(metric, where):
                    assert draws[b] == pytest.approx(overall(case), abs=1e-10), (metric, where, b)
                    compared.add((metric, *where))
            for metric, of_class in ORACLES[task].items():
                for k in range(K):
                    if (draws := found.get((metric, "class", f"c{k}", *where))) is not None:
                        assert draws[b] == pytest.approx(of_class(case, k), abs=1e-10, nan_ok=True), (metric, k, where)
                        compared.add((metric, *where))
                if (draws := found.get((metric, "macro", None, *where))) is not None:
                    each = [k for k in range(K) if (metric, "class", f"c{k}", *where) in found]
                    each = each or [k for k in range(K) if ("auroc", "class", f"c{k}", *where) in found]
                    assert draws[b] == pytest.approx(np.nanmean([of_class(case, k) for k in each]), abs=1e-10), metric
                    compared.add((metric, *where))
    for where in groups:
        of_sample_only = {m for m in OVERALL[task] if of_sample(m, where)}
        assert {m for m, *at in compared if tuple(at) == where} | of_sample_only == {m.id for m in all_metrics(task)}


def of_sample(metric: str, where: tuple[str | None, str | None]) -> bool:
    """Majority answers are found in the rows of the group as they are, not in those that have weight."""
    return metric in ("accuracy-majority", "hamming-majority") and where != (None, None)


def test_group_values_equal_fairlearn_for_every_metric_of_one_class() -> None:
    from fairlearn.metrics import MetricFrame

    p = predictions("multi-label", n=900)
    found = weighted_draws(p, benchmark("multi-label"), weights_of(len(p), draws=1))
    tone = np.array(TONES)[p.groups["tone"]]
    oracles = {
        "auroc": (sk.roc_auc_score, p.scores),
        "average-precision": (sk.average_precision_score, p.scores),
        "brier": (sk.brier_score_loss, p.scores),
        "log-loss": (sk.log_loss, p.scores),
        "sensitivity": (sk.recall_score, decided(p)),
        "balanced-accuracy": (sk.balanced_accuracy_score, decided(p)),
        "pauc-specificity-80": (lambda y, s: sk.roc_auc_score(y, s, max_fpr=0.2), p.scores),
        "sensitivity-at-specificity-90": (lambda y, s: sensitivity_at(90)(y, s, None), p.scores),
    }
    for metric, (oracle, answers) in oracles.items():
        for k in range(K):
            frame = MetricFrame(metrics=oracle, y_true=p.y_true[:, k], y_pred=answers[:, k], sensitive_features=tone)
            for level in TONES:
                draws = found.get((metric, "class", f"c{k}", "tone", level))
                if draws is not None:
                    assert draws[0] == pytest.approx(frame.by_group[level], abs=1e-12), (metric, k, level)
        assert any(key[0] == metric and key[3] == "tone" for key in found)


def test_the_parts_of_the_brier_score_add_up() -> None:
    for task, averaging in (("single-label", "overall"), ("multi-label", "macro")):
        p = predictions(task, n=500)
        found = weighted_draws(p, benchmark(task), weights_of(len(p)))
        brier, rel, res, unc, within = (
            found[metric, averaging, None, None, None]
            for metric in (
                "brier",
                *(f"brier-{x}" for x in ("reliability", "resolution", "uncertainty", "within-bins")),
            )
        )
        np.testing.assert_allclose(rel - res + unc + within, brier, rtol=0, atol=1e-14)
        assert np.abs(within).min() > 1e-6, "the data leave a remainder to account for"
