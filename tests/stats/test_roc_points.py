"""Points of the ROC curve of every draw at once against scikit-learn's curve of each draw, with any ties and blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from vlmeval.stats.ranking import rank_sums
from vlmeval.stats.roc import PERCENTS, POINTS


def totals(counts: np.ndarray, unit: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    w = counts[unit].astype(float)
    return w[y].sum(axis=0), w[~y].sum(axis=0)


def expected(y: np.ndarray, scores: np.ndarray, w: np.ndarray) -> dict[str, float]:
    fpr, tpr, _ = sk.roc_curve(y, scores, sample_weight=w, drop_intermediate=False)
    positives, negatives = w[y].sum(), w[~y].sum()
    out = {}
    for p in PERCENTS:
        out[f"reached-{p}"] = tpr[(fpr * negatives * 100).round(6) <= (100 - p) * negatives].max() * positives
        out[f"passed-{p}"] = fpr[(tpr * positives * 100).round(6) >= p * positives].min() * negatives
    # McClish's standardisation undone.
    area = (2 * sk.roc_auc_score(y, scores, sample_weight=w, max_fpr=0.2) - 1) * 0.18 + 0.02
    out["area-specific"] = area * positives * negatives
    # The curve as straight lines on a grid of its corners, cut where it reaches 0.8.
    at = int(np.searchsorted(tpr, 0.8 - 1e-12))
    cut = np.interp(0.8, tpr[at - 1 : at + 1], fpr[at - 1 : at + 1])
    x, height = np.append(fpr[:at], cut), np.append(tpr[:at], 0.8)
    out["area-before-sensitive"] = sk.auc(x, height) * positives * negatives if at else 0.0
    return out


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    n=st.one_of(st.integers(2, 12), st.integers(200, 1500)),
    levels=st.sampled_from([1, 2, 5, 40, 10_000]),
    share=st.sampled_from([0.02, 0.3, 0.9]),
    skill=st.sampled_from([-2.0, 0.0, 3.0]),
)
def test_points_equal_scikit_learns_curve(seed: int, n: int, levels: int, share: float, skill: float) -> None:
    rng = np.random.default_rng(seed)
    y = rng.random(n) < share
    y[:2] = True, False
    latent = 1 / (1 + np.exp(-(rng.normal(size=n) + skill * y)))
    scores = np.floor(latent * levels) / levels
    unit = rng.integers(0, n, n)
    counts = rng.integers(0, 4, (n, 3)).astype(np.uint8)
    order = np.argsort(-scores, kind="stable")
    found = rank_sums(counts, unit[order], scores[order], y[order], totals=totals(counts, unit, y))
    assert found.points.shape == (len(POINTS), 3)
    for b in range(3):
        w = counts[unit, b].astype(float)
        if w[y].sum() and w[~y].sum():
            drawn = w > 0
            for name, value in expected(y[drawn], scores[drawn], w[drawn]).items():
                assert found.points[POINTS.index(name), b] == pytest.approx(value, abs=1e-7), (name, b)


def test_asking_for_points_changes_no_other_sum() -> None:
    rng = np.random.default_rng(0)
    y, scores = rng.random(900) < 0.2, np.round(rng.random(900), 2)
    counts = rng.integers(0, 4, (900, 50)).astype(np.uint8)
    order = np.argsort(-scores, kind="stable")
    where = counts, order, scores[order], y[order]
    plain, more = rank_sums(*where), rank_sums(*where, totals=totals(counts, np.arange(900), y))
    np.testing.assert_array_equal(plain.wins, more.wins)
    np.testing.assert_array_equal(plain.precision_mass, more.precision_mass)
    assert plain.points.shape == (0, 50)


def test_nine_of_ten_negatives_are_90_percent() -> None:
    """0.1 x 10 is not 1 in floating point when it is 1 - 0.9; whole numbers are compared."""
    scores = np.arange(20, 0, -1).astype(float)
    y = np.array([1, 0, 1, 1] + [1, 0] * 7 + [0, 0], dtype=bool)
    assert (~y).sum() == 10
    counts, unit = np.ones((20, 1), dtype=np.uint8), np.arange(20)
    found = rank_sums(counts, unit, scores, y, totals=totals(counts, unit, y))
    # One negative of ten may pass: the positives before the second negative are four.
    assert found.points[POINTS.index("reached-90"), 0] == 4
    assert found.points[POINTS.index("reached-95"), 0] == 1
