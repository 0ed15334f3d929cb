"""Thresholds and curves against scikit-learn and a search by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from vlmeval.errors import DataError
from vlmeval.stats import choose_thresholds, confusion, pr_curve, reliability, roc_curve


def data(n: int, seed: int = 0, step: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.random(n) < 0.3
    scores = rng.normal(size=n) + y
    return y, np.round(scores / step) * step if step else scores


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), n=st.integers(2, 60), step=st.sampled_from([0.0, 0.5]))
def test_thresholds_are_the_best_of_all_observed_scores(seed: int, n: int, step: float) -> None:
    y, scores = data(n, seed, step)
    y[:2] = True, False
    for criterion in ("youden", "f1"):

        def worth(t: float, criterion: str = criterion) -> float:
            flagged = scores >= t
            if criterion == "f1":
                return sk.f1_score(y, flagged, zero_division=0)
            return sk.recall_score(y, flagged) + sk.recall_score(~y, ~flagged) - 1

        (found,) = choose_thresholds(y[:, None], scores[:, None], criterion)
        best = max(worth(t) for t in scores)
        assert worth(found) == pytest.approx(best, abs=1e-12)
        assert found == max(t for t in scores if worth(t) > best - 1e-9)


def test_classes_without_positives_or_negatives_have_finite_thresholds() -> None:
    scores = np.array([[0.1, 0.2], [0.7, 0.9], [0.4, 0.3]])
    y = np.array([[False, True]] * 3)
    found = choose_thresholds(y, scores)
    assert np.isfinite(found).all()
    assert ((scores >= found) == y).all()
    assert found[0] == np.nextafter(0.7, 1)


def test_thresholds_refuse_what_they_cannot_use() -> None:
    with pytest.raises(DataError, match="need validation rows"):
        choose_thresholds(np.zeros((0, 3), dtype=bool), np.zeros((0, 3)))
    with pytest.raises(DataError, match="row 1, column 0"):
        choose_thresholds(np.array([[True], [False]]), np.array([[0.1], [np.nan]]))


@pytest.mark.parametrize("step", [0.0, 0.25])
def test_short_curves_are_scikit_learns(step: float) -> None:
    y, scores = data(150, 3, step)
    fpr, tpr, thresholds = sk.roc_curve(y, scores, drop_intermediate=False)
    roc = roc_curve(y, scores)
    for ours, theirs in zip((roc.x, roc.y, roc.thresholds), (fpr, tpr, thresholds), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-15)
    precision, recall, thresholds = sk.precision_recall_curve(y, scores)
    pr = pr_curve(y, scores)
    # scikit-learn ends with an extra point (recall 0, precision 1) and goes by rising threshold.
    np.testing.assert_allclose(pr.x, recall[-2::-1], atol=1e-15)
    np.testing.assert_allclose(pr.y, precision[-2::-1], atol=1e-15)
    np.testing.assert_allclose(pr.thresholds, thresholds[::-1])


def test_long_curves_are_thinned_without_moving_a_point() -> None:
    y, scores = data(5000, 1)
    full, thin = roc_curve(y, scores, 10**9), roc_curve(y, scores)
    assert 100 < len(thin.x) <= 200
    assert {*zip(thin.x, thin.y, strict=True)} <= {*zip(full.x, full.y, strict=True)}
    assert (thin.x[0], thin.y[0], thin.x[-1], thin.y[-1]) == (0, 0, 1, 1)
    assert sk.auc(thin.x, thin.y) == pytest.approx(sk.roc_auc_score(y, scores), abs=0.002)
    pr = pr_curve(y, scores)
    assert len(pr.x) <= 200
    assert pr.x[-1] == 1
    again = roc_curve(y[::-1], scores[::-1])
    assert (again.x == thin.x).all()


def test_curves_of_one_class_only_are_none() -> None:
    scores = np.arange(4.0)
    assert roc_curve(np.ones(4, dtype=bool), scores) is None
    assert roc_curve(np.zeros(4, dtype=bool), scores) is None
    assert pr_curve(np.zeros(4, dtype=bool), scores) is None
    assert pr_curve(np.zeros(0, dtype=bool), np.zeros(0)) is None


def test_reliability_equals_scikit_learn_and_counts_rows() -> None:
    from sklearn.calibration import calibration_curve

    rng = np.random.default_rng(2)
    p = rng.beta(2, 4, 400)
    y = rng.random(400) < p
    found = reliability(y, p)
    observed, confidence = calibration_curve(y, p, n_bins=15)
    filled = found.n > 0
    np.testing.assert_allclose(found.observed[filled], observed, atol=1e-12)
    np.testing.assert_allclose(found.confidence[filled], confidence, atol=1e-12)
    assert np.isnan(found.observed[~filled]).all()
    assert found.n.sum() == 400
    assert reliability(np.array([True, False]), np.array([1.0, 0.0])).n[[0, -1]].tolist() == [1, 1]


def test_confusion_equals_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    y, scores = rng.integers(0, 4, 200), rng.integers(0, 3, (200, 4)) / 2.0
    expected = sk.confusion_matrix(y, scores.argmax(axis=1), labels=range(4))
    assert (confusion(np.eye(4, dtype=bool)[y], scores) == expected).all()
    assert confusion(np.zeros((0, 4), dtype=bool), np.zeros((0, 4))).sum() == 0
