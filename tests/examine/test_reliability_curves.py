"""Reliability curves: equal-mass bins by brute force, suppression, and how recalibration moves them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_subjects import card, examined_by, rows, scored, shuffled, subject

from vlmeval.examine.calibration.reliability import MOST_BINS, equal_mass, examine_reliability
from vlmeval.records import CurveUsed


@settings(deadline=None, max_examples=80)
@given(seed=st.integers(0, 5000), n=st.integers(1, 120), bins=st.integers(1, 12), tied=st.booleans())
def test_bins_are_in_order_never_empty_and_equal_values_share_one(seed: int, n: int, bins: int, tied: bool) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 5, n) / 4 if tied else rng.random(n)
    number = equal_mass(values, bins)
    assert set(number.tolist()) == set(range(number.max() + 1))
    assert number.max() + 1 <= bins
    order = np.argsort(values, kind="stable")
    assert (np.diff(number[order]) >= 0).all()
    for value in np.unique(values):
        assert len(set(number[values == value].tolist())) == 1
    if not tied and n >= bins:
        sizes = np.bincount(number)
        assert len(sizes) == bins
        assert sizes.max() - sizes.min() <= 1


def whole(curves: list[CurveUsed], variant: str | None, level: str | None = None) -> CurveUsed:
    found = [c for c in curves if (c.variant, c.group_level) == (variant, level)]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_points_are_means_of_bins_and_recalibration_brings_them_to_the_diagonal(task: str) -> None:
    evaluated, validation = scored(task, seed=1, units=2000), scored(task, seed=2, units=1000, name="v")
    part = examined_by(examine_reliability, subject([evaluated], [validation], card(task), draws=50))
    variant = "calibration:temperature" if task == "single-label" else "calibration:platt"
    before, after = whole(part.curves, None), whole(part.curves, variant)
    assert len(before.x) == MOST_BINS
    if task == "single-label":
        p, hit = evaluated.scores.max(axis=1), evaluated.y_true[np.arange(2000), evaluated.scores.argmax(axis=1)]
        parts = np.array_split(np.argsort(p, kind="stable"), MOST_BINS)
    else:
        p, hit = evaluated.scores.ravel(), evaluated.y_true.ravel()
        order = np.argsort(p, kind="stable")
        cuts = np.searchsorted(np.cumsum(p[order]), p.sum() * np.arange(1, MOST_BINS) / MOST_BINS)
        parts = np.split(order, cuts)
    np.testing.assert_allclose(before.x, [p[i].mean() for i in parts], atol=1e-4)
    np.testing.assert_allclose(np.array(before.y, dtype=float), [hit[i].mean() for i in parts], atol=1e-4)
    assert before.n == tuple(len(i) for i in parts)

    def away(curve: CurveUsed) -> float:
        return float(np.mean(np.abs(np.array(curve.x) - np.array(curve.y, dtype=float))))

    assert away(after) < away(before) / 2
    for low, y, high in zip(after.low, after.y, after.high, strict=True):
        assert low is not None
        assert y is not None
        assert high is not None
        assert 0 <= low <= y <= high <= 1


def test_small_levels_have_fewer_bins_or_none_and_row_order_does_not_matter() -> None:
    evaluated, validation = scored(seed=1, units=400), scored(seed=2, name="v")
    dark = np.flatnonzero(evaluated.groups["tone"] == 2)
    medium = np.flatnonzero(evaluated.groups["tone"] == 1)
    kept = rows(evaluated, np.setdiff1d(np.arange(400), np.concatenate([dark[6:], medium[45:]])))
    part = examined_by(examine_reliability, subject([kept], [validation], card(), draws=20))
    small = whole(part.curves, None, "dark")
    assert small.x == ()
    assert small.reason == "suppressed: fewer than 10 cases (6)"
    assert len(whole(part.curves, None, "medium").x) == 2
    again = examined_by(examine_reliability, subject([shuffled(kept)], [shuffled(validation)], card(), draws=20))
    assert again.curves == part.curves


def test_scores_that_are_no_probabilities_have_a_curve_only_after_the_fit() -> None:
    cosine, validation = scored(kind="cosine", seed=1), scored(kind="cosine", seed=2, name="v")
    part = examined_by(examine_reliability, subject([cosine], [validation], card(), draws=20))
    assert {c.variant for c in part.curves} == {"calibration:temperature"}
    part = examined_by(examine_reliability, subject([cosine], [], card(), draws=20))
    assert part.curves == []
    assert "no probabilities" in part.missing["reliability:m"]


def test_seeds_are_pooled_and_bands_resample_units() -> None:
    first = scored(seed=1, units=300)
    evaluated = [replace(first, seed=s, scores=scored(seed=1, sharpness=2.0 + s).scores) for s in range(2)]
    validation = [scored(seed=5, name="v", method_seed=s) for s in range(2)]
    part = examined_by(examine_reliability, subject(evaluated, validation, card(), draws=50))
    curve = whole(part.curves, None)
    assert isinstance(curve.n, tuple)
    assert sum(curve.n) == 600
    assert curve.n_units == 300


def test_classes_that_cannot_be_predicted_are_not_in_a_curve() -> None:
    evaluated, validation = (
        replace(scored("multi-label", seed=s, name=n, units=400), unscored=("c3",)) for s, n in ((1, "u"), (2, "v"))
    )
    part = examined_by(examine_reliability, subject([evaluated], [validation], card("multi-label"), draws=10))
    for variant in (None, "calibration:platt"):
        curve = whole(part.curves, variant)
        assert isinstance(curve.n, tuple)
        assert sum(curve.n) == 3 * 400
