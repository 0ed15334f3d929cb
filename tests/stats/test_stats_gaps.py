"""Gaps between levels: values against fairlearn, intervals that hold their value, stay in bounds and know chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from made_up_predictions import TONES, benchmark, find, predictions
from scipy.stats import binomtest, norm, t
from sklearn import metrics as sk

from vlmeval.records import MetricRow, Predictions
from vlmeval.records.numbers import GAPS
from vlmeval.stats import Resamples, estimate, metric_info, metrics_between_levels, summarise
from vlmeval.stats.groups.extremes import Levels, difference_limits, range_limits, ratio_limits, worst_limits
from vlmeval.stats.groups.fairness import equal_opportunity_difference, equalised_odds_difference
from vlmeval.stats.intervals import limits
from vlmeval.stats.sums import Sums

TONE = {"group": "tone", "group_level": "max-min"}


def decisions(p: Predictions, k: int) -> np.ndarray:
    if p.decision.thresholds is None:
        return p.scores.argmax(axis=1) == k
    return p.scores[:, k] >= p.decision.thresholds[k]


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_differences_of_errors_equal_fairlearn(task: str) -> None:
    from fairlearn.metrics import equal_opportunity_difference as opportunity
    from fairlearn.metrics import equalized_odds_difference as odds

    p = predictions(task, n=3000)
    rows = summarise(p, benchmark(task), Resamples.draw(p.units, 0))
    answered = p.groups["tone"] != 3
    each = {"equal-opportunity-difference": opportunity, "equalised-odds-difference": odds}
    for metric, oracle in each.items():
        values = []
        for k in range(5):
            theirs = oracle(
                p.y_true[answered, k], decisions(p, k)[answered], sensitive_features=p.groups["tone"][answered]
            )
            row = find(rows, metric, "class", class_id=f"c{k}", **TONE)
            assert row.value == pytest.approx(theirs, abs=1e-12)
            assert row.n == answered.sum()
            values.append(theirs)
        macro = find(rows, metric, "macro-common", **TONE)
        assert macro.value == pytest.approx(np.mean(values), abs=1e-12)
        assert macro.n_classes == 5
    for k in range(5):  # the same number under its two names
        a = find(rows, "equal-opportunity-difference", "class", class_id=f"c{k}", **TONE)
        b = find(rows, "sensitivity", "class", class_id=f"c{k}", **TONE)
        assert a.value == b.value


def test_ratios_equal_fairlearn() -> None:
    from fairlearn.metrics import MetricFrame

    p = predictions(n=3000)
    rows = summarise(p, benchmark(), Resamples.draw(p.units, 0))
    answered = p.groups["tone"] != 3
    true, top, tone = p.y_true.argmax(axis=1), p.scores.argmax(axis=1), np.array(TONES)[p.groups["tone"]]

    def ratio_of(oracle, y: np.ndarray, answer: np.ndarray) -> float:
        frame = MetricFrame(
            metrics=oracle, y_true=y[answered], y_pred=answer[answered], sensitive_features=tone[answered]
        )
        return frame.ratio(method="between_groups")

    where = {"group": "tone", "group_level": "ratio"}
    assert find(rows, "accuracy", **where).value == pytest.approx(ratio_of(sk.accuracy_score, true, top), abs=1e-12)
    for k in range(5):
        theirs = ratio_of(sk.recall_score, true == k, top == k)
        assert find(rows, "sensitivity", "class", class_id=f"c{k}", **where).value == pytest.approx(theirs, abs=1e-12)


def test_the_ratio_of_a_loss_is_smallest_over_largest_too() -> None:
    p = predictions("multi-label")
    rows = summarise(p, benchmark("multi-label"), Resamples.draw(p.units, 50))
    levels = [find(rows, "hamming-loss", group="tone", group_level=level).value for level in TONES[:3]]
    row = find(rows, "hamming-loss", group="tone", group_level="ratio")
    assert row.value == pytest.approx(min(levels) / max(levels))
    assert 0 < row.low < row.value < row.high <= 1


@pytest.mark.parametrize("metric", metrics_between_levels(), ids=lambda m: m.id)
def test_worked_examples(metric) -> None:
    """The ten rows of the example in turn in two levels: sums of each level in a row of its own."""
    rows = metric.example.rows
    truth, scores = np.array(rows.truth)[:, :1] == 1, np.array(rows.scores)[:, :1]
    flagged = scores >= rows.thresholds[0]
    of = [slice(i, None, 2) for i in range(2)]
    sums = Sums(
        weight=np.array([5.0, 5.0]),
        positives=np.array([truth[i].sum(axis=0) for i in of], dtype=float),
        flagged=np.array([flagged[i].sum(axis=0) for i in of], dtype=float),
        hits=np.array([(truth & flagged)[i].sum(axis=0) for i in of], dtype=float),
        wins=np.full((2, 1), np.nan),
        precision_mass=np.full((2, 1), np.nan),
        columns={},
        points={},
    )
    assert metric.formula(sums)[0] == pytest.approx(metric.example.value)
    assert metric.formula in (equal_opportunity_difference, equalised_odds_difference)


def gap_rows(rows: list[MetricRow]) -> list[MetricRow]:
    return [r for r in rows if r.group_level in GAPS and r.value is not None]


@settings(max_examples=8, deadline=None)
@given(task=st.sampled_from(["single-label", "multi-label"]), seed=st.integers(0, 1000), ties=st.booleans())
def test_every_interval_holds_its_value_and_stays_in_bounds(task: str, seed: int, ties: bool) -> None:
    p = predictions(task, n=250, k=3, seed=seed, ties=ties)
    rows = summarise(p, benchmark(task, 3), Resamples.draw(p.units, 40))
    assert gap_rows(rows)
    for r in rows:
        if r.low is None:
            continue
        assert r.low <= r.value <= r.high, r
        low, high = metric_info(r.metric, task).bounds
        if r.group_level == "last-first":
            low = low - high
        elif r.group_level in ("max-min", "ratio"):
            low, high = 0, 1 if r.group_level == "ratio" else high - low
        assert low - 1e-9 <= r.low <= r.high <= high + 1e-9, r


def test_intervals_of_the_range_hold_zero_where_a_percentile_interval_cannot() -> None:
    """Levels that are alike: the range's own draws are all above 0, its interval reaches 0 nearly always."""
    held, percentile = 0, 0
    for seed in range(40):
        p = predictions(n=400, k=2, seed=seed)
        resamples = Resamples.draw(p.units, 200, seed=seed)
        estimates = estimate([p], benchmark(k=2), resamples, metrics=["accuracy"])
        gap = next(e for e in estimates.estimates if e.level == "max-min" and e.group == "tone")
        row = find(estimates.rows(), "accuracy", **TONE)
        held += row.low == 0
        percentile += np.quantile(gap.draws[1:], 0.025) <= 0
    assert binomtest(held, 40, 0.95, alternative="less").pvalue > 1e-3
    assert percentile == 0


def levels_of(values: list[float], spread: float = 0.05, draws: int = 400, units: int = 10_000) -> Levels:
    errors = np.random.default_rng(0).normal(scale=spread, size=(len(values), draws))
    return Levels(
        np.concatenate([np.array(values)[:, None], np.array(values)[:, None] + errors], axis=1), [units] * len(values)
    )


def test_two_levels_far_apart_have_the_interval_of_their_difference() -> None:
    """The extremes are not in doubt: the range is a difference, with nearly the percentile interval of it."""
    low, high = range_limits(levels_of([0.2, 0.8], draws=20_000))
    wide = norm.ppf(0.975) * 0.05 * np.sqrt(2)
    assert (low, high) == pytest.approx((0.6 - wide, 0.6 + wide), abs=0.01)


def test_a_level_that_is_no_extreme_does_not_widen_the_interval() -> None:
    between, alone = levels_of([0.1, 0.5, 0.9], draws=5000), levels_of([0.1, 0.9], draws=5000)
    draws = between.draws.copy()
    draws[1, 1:] = 0.5 + 1.5 * (draws[1, 1:] - 0.5)  # it is itself less certain
    for levels in (between, replace(between, draws=draws)):
        assert np.ptp(range_limits(levels)) == pytest.approx(np.ptp(range_limits(alone)), rel=0.06)
    draws[1, 1:] = 0.5 + 8 * (between.draws[1, 1:] - 0.5)  # so uncertain that it may be one
    assert np.ptp(range_limits(replace(between, draws=draws))) > 1.5 * np.ptp(range_limits(between))


def test_worst_of_equal_levels_allows_for_the_choice() -> None:
    one, several = worst_limits(levels_of([0.7]), largest=False), worst_limits(levels_of([0.7] * 5), largest=False)
    assert several[1] - several[0] > 1.2 * (one[1] - one[0])
    up = worst_limits(levels_of([0.3] * 5), largest=True)
    assert up == pytest.approx((1 - several[1], 1 - several[0]), abs=0.05)


def test_levels_at_the_bound_are_not_taken_for_certain() -> None:
    perfect = Levels(np.ones((2, 50)), [10, 40])
    z = t.ppf(0.975, 9)
    lowest = 1 / (1 + z**2 / 10)
    assert range_limits(perfect) == (0, pytest.approx(1 - lowest))
    assert worst_limits(perfect, largest=False) == (pytest.approx(lowest), 1)
    assert ratio_limits(perfect) == (pytest.approx(lowest), 1)


def test_a_ratio_with_an_empty_level() -> None:
    low, high = ratio_limits(levels_of([0.0, 0.6]))
    assert low == 0
    assert 0 < high < 1
    assert np.isnan(ratio_limits(levels_of([0.0, 0.0]))).all()


def test_without_draws_or_with_undefined_ones_there_are_no_limits() -> None:
    draws = levels_of([0.4, 0.6]).draws.copy()
    for few in (draws[:, :1], np.where(np.arange(401) % 10 == 3, np.nan, draws)):
        levels = Levels(few, [20, 20])
        found = (range_limits(levels), worst_limits(levels, largest=False), ratio_limits(levels))
        assert np.isnan(found).all()
    some = np.where(np.arange(401) % 100 == 3, np.nan, draws)
    assert np.isfinite(range_limits(Levels(some, [20, 20]))).all()


@given(a=st.floats(0.05, 0.95), b=st.floats(0.05, 0.95), n=st.integers(10, 500), m=st.integers(10, 500))
def test_differences_are_newcombes(a: float, b: float, n: int, m: int) -> None:
    """Method 10 of Newcombe 1998, from the two Wilson intervals."""
    x, y = round(a * n), round(b * m)
    first, last = (binomtest(hits, of).proportion_ci(method="wilson") for hits, of in ((x, n), (y, m)))
    p, q = x / n, y / m
    low, high = difference_limits((p, first.low, first.high), (q, last.low, last.high), 0.0)
    assert low == pytest.approx(q - p - np.hypot(q - last.low, first.high - p))
    assert high == pytest.approx(q - p + np.hypot(last.high - q, p - first.low))
    assert -1 <= low <= q - p <= high <= 1


@given(hits=st.integers(1, 199))
def test_score_intervals_of_independent_rows_are_wilsons(hits: int) -> None:
    """Draws with the variance of a proportion of 200 rows, up to the correction for 200 units."""
    p = hits / 200
    draws = np.concatenate([[p], p + np.sqrt(p * (1 - p) / 200 * 199 / 200) * np.array([-1, 1] * 50)])
    low, high, undefined = limits("score", draws[None], [200], (0, 1))
    confidence = 2 * norm.cdf(t.ppf(0.975, 199)) - 1
    theirs = binomtest(hits, 200).proportion_ci(confidence, method="wilson")
    assert (low[0], high[0], undefined[0]) == (pytest.approx(theirs.low), pytest.approx(theirs.high), 0)


@given(
    draws=hnp.arrays(float, (3, 30), elements=st.floats(0, 1)),
    kind=st.sampled_from(["percentile", "score", "symmetric", "debiased"]),
)
def test_every_kind_holds_its_value_and_stays_in_bounds(draws: np.ndarray, kind) -> None:
    low, high, undefined = limits(kind, draws, [10, 20, 30], (0.0, 1.0))
    assert (undefined == 0).all()
    assert ((low >= 0) & (low <= draws[:, 0]) & (draws[:, 0] <= high) & (high <= 1)).all()
    # On the scale of the bounds.
    wide = limits(kind, 4 * draws - 2, [10, 20, 30], (-2.0, 2.0))
    np.testing.assert_allclose(wide[0], 4 * low - 2, atol=1e-6)
    np.testing.assert_allclose(wide[1], 4 * high - 2, atol=1e-6)


def test_a_class_that_no_two_levels_have_says_so_once_a_metric() -> None:
    p = predictions(n=600)
    y = p.y_true.copy()
    rare = y[:, 4] & (np.cumsum(y[:, 4]) > 15)
    y[rare] = np.eye(5, dtype=bool)[3]
    rows = summarise(replace(p, y_true=y), benchmark(), Resamples.draw(p.units, 10))
    for metric in ("auroc", "sensitivity", "specificity", "equalised-odds-difference"):
        own = [r for r in rows if (r.metric, r.class_id, r.group) == (metric, "c4", "tone") and r.group_level in GAPS]
        assert [(r.group_level, r.value) for r in own] == [("max-min", None)]
        assert own[0].reason in (
            "fewer than two levels with a value",
            "fewer than 10 positive or negative cases of the class in some level",
        ) or own[0].reason.startswith("suppressed")


def test_a_class_without_support_in_one_level_enters_no_difference_of_errors() -> None:
    p = predictions(n=3000)
    y = p.y_true.copy()
    y[(p.groups["tone"] == 2) & y[:, 4]] = np.eye(5, dtype=bool)[3]
    rows = summarise(replace(p, y_true=y), benchmark(), Resamples.draw(p.units, 20))
    row = find(rows, "equalised-odds-difference", "class", class_id="c4", **TONE)
    assert (row.value, row.reason) == (None, "fewer than 10 positive or negative cases of the class in some level")
    macro = find(rows, "equalised-odds-difference", "macro-common", **TONE)
    own = [find(rows, "equalised-odds-difference", "class", class_id=f"c{k}", **TONE).value for k in range(4)]
    assert macro.value == pytest.approx(np.mean(own), abs=1e-12)
    assert macro.n_classes == 4
    # Its levels that have it are compared by themselves.
    assert find(rows, "sensitivity", "class", class_id="c4", **TONE).value is not None


def test_points_of_curves_have_no_gaps_of_classes() -> None:
    p = predictions(n=600)
    rows = estimate([p], benchmark(), Resamples.draw(p.units, 10), groups="averages").rows()
    assert not [r for r in rows if r.group_level in GAPS and r.class_id is not None]
    assert not [r for r in rows if r.metric == "equalised-odds-difference"]
