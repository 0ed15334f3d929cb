"""McNemar against scipy, Holm against closed testing, what a study could find against its definition, p in words."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from compare_world import card, two_models
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, false_discovery_control, norm, t
from sklearn.metrics import roc_auc_score

from vlmeval.compare.pair import tested_units as counted_units
from vlmeval.compare.verdicts import p_text
from vlmeval.stats import Resamples
from vlmeval.stats.multiplicity import adjusted, holm
from vlmeval.stats.paired.detectable import detectable
from vlmeval.stats.paired.exchange_test import compare
from vlmeval.stats.paired.mcnemar import mcnemar
from vlmeval.stats.paired.swaps import Swaps

P_VALUES = st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=6)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=300))
def test_mcnemar_is_the_binomial_test_on_the_discordant(rows: list[tuple[bool, bool]]) -> None:
    ours, theirs = (np.array(side) for side in zip(*rows, strict=True))
    found = mcnemar(ours, theirs, np.arange(len(rows)))
    counts = [sum(pair == want for pair in rows) for want in itertools.product((True, False), repeat=2)]
    assert [found.both, found.only_ours, found.only_theirs, found.neither] == counts
    n = found.only_ours + found.only_theirs
    assert found.p == pytest.approx(binomtest(found.only_ours, n, 0.5).pvalue if n else 1.0, rel=1e-9)


def test_mcnemar_of_many_units_neither_overflows_nor_becomes_zero() -> None:
    ours = np.repeat([True, False], [2600, 1400])
    found = mcnemar(ours, ~ours, np.arange(4000))
    assert found.p == pytest.approx(binomtest(2600, 4000, 0.5).pvalue, rel=1e-6)
    assert found.p > 0


def test_images_of_one_lesion_count_once_by_the_majority() -> None:
    units = np.array(["x", "x", "x", "y", "y", "z"])
    ours = np.array([True, True, False, True, False, True])
    found = mcnemar(ours, ~ours, units)
    # y: one of two images is not more than half, for either.
    assert (found.both, found.only_ours, found.only_theirs, found.neither) == (0, 2, 0, 1)


def test_mcnemar_of_fewer_than_ten_units_is_suppressed_as_every_other_number_is() -> None:
    ours, theirs = two_models(units=9)
    found = counted_units([ours], [theirs], card(), Resamples.draw(ours.units, 0))
    assert (found.both, found.only_a, found.only_b, found.neither, found.p) == (None,) * 5
    assert "fewer than 10" in str(found.reason)


@given(P_VALUES)
def test_holm_is_the_closed_test_of_bonferroni(p: list[float]) -> None:
    subsets = [s for size in range(1, len(p) + 1) for s in itertools.combinations(range(len(p)), size)]
    by_closure = [
        max(min(1.0, len(s) * min(p[i] for i in s)) for s in subsets if mine in s) for mine in range(len(p))
    ]  # fmt: skip
    assert holm(p) == pytest.approx(by_closure)


@given(P_VALUES)
def test_corrections_never_lower_p_and_leave_gaps_alone(p: list[float]) -> None:
    for correct in (holm, adjusted):
        found = correct([None, *p, None])
        assert found[0] is None
        assert found[-1] is None
        assert all(after >= before - 1e-15 for before, after in zip(p, found[1:-1], strict=True))
    assert adjusted(p) == pytest.approx(false_discovery_control(p))


def test_what_could_be_found_is_so_many_standard_errors() -> None:
    draws = np.random.default_rng(0).normal(0.02, 0.01, size=500)
    factor = norm.ppf(0.975) + norm.ppf(0.8)
    assert detectable(draws) == pytest.approx(factor * draws.std(ddof=1))
    assert detectable(np.append(draws, np.nan)) == pytest.approx(factor * draws.std(ddof=1))
    assert detectable(np.append(draws, [np.nan] * 60)) is None
    assert detectable(np.zeros(500)) is None
    assert detectable(draws[:1]) is None


def test_the_interval_is_that_of_a_plain_loop_over_resampled_lesions() -> None:
    a, b = two_models(units=70, seed=8, better=0.3)
    resamples = Resamples.draw(a.units, 80, 3)
    found = compare([a], [b], card(), resamples, Swaps.draw(a.units, 0), metrics=["auroc"])
    (macro,) = [d for d in found.differences if d.averaging == "macro" and d.group is None]
    rows_of = {unit: np.flatnonzero(a.units == unit) for unit in resamples.units}
    differences = []
    for counts in resamples.counts[:, 1:].T:
        drawn = np.concatenate([np.tile(rows_of[u], c) for u, c in zip(resamples.units, counts, strict=True)])
        each = [np.mean([roc_auc_score(p.y_true[drawn, k], p.scores[drawn, k]) for k in range(3)]) for p in (a, b)]
        differences.append(each[0] - each[1])
    # As far from the value as a sample of so few lesions (of the scarcest class) makes it uncertain.
    units, truth = np.array(list(rows_of.values()), dtype=object), a.y_true
    least = min(min(sum(truth[r, k].any() for r in units), sum((~truth[r, k]).any() for r in units)) for k in range(3))
    wider = np.sqrt(least / (least - 1)) * t.ppf(0.975, least - 1) / norm.ppf(0.975)
    low, high = np.quantile(differences, (0.025, 0.975))
    value = float(macro.value or 0)
    assert 1 < wider < 1.2
    assert macro.low == pytest.approx(value + (low - value) * wider, abs=1e-9)
    assert macro.high == pytest.approx(value + (high - value) * wider, abs=1e-9)
    assert macro.detectable == pytest.approx((norm.ppf(0.975) + norm.ppf(0.8)) * np.std(differences, ddof=1))


@pytest.mark.parametrize(
    ("p", "said"),
    [
        (0.0004, "p < 0.001"),
        (0.0021, "p = 0.002"),
        (0.0499, "p = 0.0499"),
        (0.05, "p = 0.050"),
        (0.214, "p = 0.21"),
        (1.0, "p = 1.00"),
    ],
)
def test_p_in_words_never_crosses_the_line_by_rounding(p: float, said: str) -> None:
    assert p_text(p) == said
