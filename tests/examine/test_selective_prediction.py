"""Risk-coverage curves against brute force, and one confidence threshold chosen on validation rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_subjects import card, examined_by, rows, scored, shuffled, subject

from vlmeval.examine.use.selective import AT, GRID, confidence_of, examine_selective, threshold_at
from vlmeval.examine.use.selective_curve import risk_coverage
from vlmeval.records import Predictions


def brute(confidence: np.ndarray, risk: np.ndarray) -> tuple[list[float], float, float]:
    """Risk at each coverage, area and best area, row by row; equal confidence is answered together."""
    n = len(risk)
    answered = [confidence >= t for t in confidence]
    area = float(np.mean([risk[rows].mean() for rows in answered]))
    cuts = sorted(set(confidence.tolist()), reverse=True)
    at = [next(risk[confidence >= t].mean() for t in cuts if (confidence >= t).mean() >= c - 1e-9) for c in GRID]
    ordered = np.sort(risk)
    best = float(np.mean([ordered[: i + 1].mean() for i in range(n)]))
    return at, area, best


@settings(deadline=None, max_examples=60)
@given(data=st.data(), n=st.integers(1, 40), tied=st.booleans())
def test_the_curve_is_that_of_brute_force_in_the_sample_and_in_draws(data: st.DataObject, n: int, tied: bool) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    confidence = np.round(rng.random(n), 1) if tied else rng.random(n)
    risk = rng.integers(0, 2, n).astype(float) if data.draw(st.booleans()) else rng.random(n)
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=3).T.astype(np.uint8)
    counts = np.column_stack([np.ones(n, dtype=np.uint8), drawn])
    found = risk_coverage(confidence, risk, counts, GRID)
    for d in range(counts.shape[1]):
        again = np.repeat(np.arange(n), counts[:, d])
        at, area, best = brute(confidence[again], risk[again])
        np.testing.assert_allclose(found.at[d], at)
        assert found.area[d] == pytest.approx(area)
        assert found.best[d] == pytest.approx(best)
        assert found.area[d] >= found.best[d] - 1e-12


def test_at_full_coverage_the_risk_is_the_error_and_a_perfect_order_has_no_excess() -> None:
    rng = np.random.default_rng(0)
    risk = rng.integers(0, 2, 200).astype(float)
    counts = np.ones((200, 1), dtype=np.uint8)
    found = risk_coverage(rng.random(200), risk, counts, GRID)
    assert found.at[0, -1] == pytest.approx(risk.mean())
    perfect = risk_coverage(-risk + 1e-6 * rng.random(200), risk, counts, GRID)
    assert perfect.area[0] == pytest.approx(perfect.best[0])
    assert (np.diff(perfect.at[0]) >= -1e-12).all()
    blind = risk_coverage(np.zeros(200), risk, counts, GRID)
    assert np.ptp(blind.at[0]) < 1e-12
    assert blind.area[0] == pytest.approx(risk.mean())


def test_a_draw_without_rows_has_no_curve() -> None:
    found = risk_coverage(np.array([0.3, 0.4]), np.array([1.0, 0.0]), np.zeros((2, 1), dtype=np.uint8), GRID)
    assert np.isnan(found.at).all()
    assert np.isnan(found.area).all()


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_who_is_answered_at_the_one_threshold(task: str) -> None:
    benchmark = card(task)
    evaluated, validation = scored(task, seed=1, units=500), scored(task, seed=2, units=500, name="v")
    part = examined_by(examine_selective, subject([evaluated], [validation], benchmark, draws=50))
    found = {(r.metric, r.group_level): r for r in part.rows if r.variant == AT}
    share = found["coverage-at-threshold", None]
    assert share.value == pytest.approx(0.8, abs=0.06)
    levels = ("light", "medium", "dark", "not-answered")
    by_level = [found["coverage-at-threshold", level] for level in levels]
    assert sum(r.value * r.n for r in by_level if r.value is not None) == pytest.approx(share.value * share.n)
    risk = [found["risk-at-threshold", level] for level in levels]
    whole = found["risk-at-threshold", None]
    assert sum(r.n for r in risk) == whole.n == round(share.value * share.n)
    assert sum(r.value * r.n for r in risk if r.value is not None) == pytest.approx((whole.value or 0) * whole.n)
    for r in part.rows:
        assert r.low is None or r.value is None or r.low <= r.value <= (r.high or 0)


def test_evaluated_rows_never_change_the_threshold_and_row_order_nothing() -> None:
    benchmark, validation = card(), scored(seed=2, name="v")
    parts = [
        examined_by(examine_selective, subject([e], [v], benchmark, draws=20))
        for e, v in (
            (scored(seed=1), validation),
            (scored(seed=9), validation),
            (shuffled(scored(seed=1)), shuffled(validation)),
            (scored(seed=1), scored(seed=3, name="v")),
        )
    ]
    thresholds = [next(v for v in p.variants if v.id == AT).parameters for p in parts]
    assert thresholds[0] == thresholds[1] == thresholds[2] != thresholds[3]
    assert parts[0].rows == parts[2].rows
    assert parts[0].curves == parts[2].curves
    assert parts[0].rows != parts[1].rows


def test_the_threshold_answers_at_least_the_share_and_units_count_once() -> None:
    rng = np.random.default_rng(0)
    confidence = np.round(rng.random(200), 2)
    t = threshold_at(confidence, np.ones(200), 0.8)
    assert (confidence >= t).mean() >= 0.8
    assert (confidence > t).mean() < 0.8
    weight = rng.uniform(0.2, 1, 200)
    t = threshold_at(confidence, weight, 0.8)
    assert weight[confidence >= t].sum() >= 0.8 * weight.sum() - 1e-9
    assert weight[confidence > t].sum() < 0.8 * weight.sum()


def test_confidence_of_several_labels_is_0_at_the_thresholds_and_1_at_the_ends() -> None:
    like = scored("multi-label", k=2, units=3)
    like = replace(like, decision=replace(like.decision, thresholds=(0.2, 0.5)))
    scores = np.array([[0.2, 0.5], [1.0, 0.0], [0.1, 0.75]])
    found = confidence_of(scores, np.zeros(2, dtype=bool), like)
    np.testing.assert_allclose(found, [0, 1, 0.5], atol=1e-8)


def test_without_validation_rows_the_curve_stays_and_the_referral_has_a_reason() -> None:
    part = examined_by(examine_selective, subject([scored(seed=1)], [], card(), draws=20))
    assert {c.variant for c in part.curves} == {None}
    assert "no validation units" in part.missing["referral:m"]
    assert {r.metric for r in part.rows} == {"aurc", "excess-aurc", "risk-at-80-coverage"}
    cosines = subject([scored("multi-label", kind="cosine", seed=1)], [], card("multi-label"), draws=20)
    assert "common measure" in examined_by(examine_selective, cosines).missing["selective:m"]


def test_small_levels_and_all_equal_scores_are_no_obstacle() -> None:
    evaluated, validation = scored(seed=1), scored(seed=2, name="v")
    few = rows(evaluated, np.flatnonzero(evaluated.groups["tone"] != 2))
    part = examined_by(examine_selective, subject([few], [validation], card(), draws=20))
    dark = [r for r in part.rows if r.group_level == "dark"]
    assert dark
    assert all(r.value is None and r.reason == "no rows" for r in dark)
    assert next(c for c in part.curves if c.group_level == "dark").reason == "no rows"
    equal = [replace(p, scores=np.full_like(p.scores, 0.25)) for p in (evaluated, validation)]
    part = examined_by(examine_selective, subject([equal[0]], [equal[1]], card(), draws=20))
    share = next(r for r in part.rows if r.metric == "coverage-at-threshold" and r.group is None)
    assert share.value == 1


def test_no_point_of_a_curve_rests_on_fewer_units_than_are_reported_of() -> None:
    few = scored(seed=1, units=12)
    part = examined_by(examine_selective, subject([few], [], card(), draws=20))
    whole = next(c for c in part.curves if c.group is None)
    assert min(whole.x) * 12 >= 10
    assert whole.x[-1] == 1
    assert len(whole.x) == len(whole.y) == len(whole.low) == len(whole.high)
    aside = next(r for r in part.rows if r.metric == "risk-at-80-coverage" and r.group is None)
    assert (aside.value, aside.low) == (None, None)
    assert "fewer than 10 answered" in str(aside.reason)


def test_the_difference_between_the_ends_of_the_scale_has_an_interval_that_finds_it_and_only_then() -> None:
    """People with dark skin get scores that say little: they are referred; without that the interval holds 0."""

    def unsure(p: Predictions) -> Predictions:
        dark = p.groups["tone"] == 2
        scores = p.scores.copy()
        scores[dark] = 0.2 * scores[dark] + 0.8 / scores.shape[1]
        return replace(p, scores=scores)

    evaluated, validation = scored(seed=1, units=900), scored(seed=2, units=500, name="v")
    for change, found in ((unsure, True), (lambda p: p, False)):
        part = examined_by(examine_selective, subject([change(evaluated)], [change(validation)], card(), draws=200))
        at = {(r.metric, r.group_level): r for r in part.rows if r.variant == AT}
        gap = at["coverage-at-threshold", "last-first"]
        first, last = (at["coverage-at-threshold", level] for level in ("light", "dark"))
        assert gap.value == pytest.approx((last.value or 0) - (first.value or 0))
        assert gap.low is not None
        assert gap.high is not None
        assert (gap.high < 0) == found
        assert gap.low < gap.value < gap.high
        assert gap.n == first.n + last.n
    few = rows(evaluated, np.flatnonzero(evaluated.groups["tone"] != 2))
    part = examined_by(examine_selective, subject([few], [validation], card(), draws=20))
    gap = next(r for r in part.rows if r.group_level == "last-first")
    assert gap.value is None
    assert gap.reason == "no value for level dark"


def test_every_validation_unit_counts_once_however_many_pictures_it_has() -> None:
    evaluated, validation = scored(seed=1, images=True), scored(seed=2, name="v", images=True)
    copies = np.random.default_rng(0).integers(1, 4, size=len(np.unique(validation.units)))
    again = np.repeat(np.arange(len(validation)), copies[np.unique(validation.units, return_inverse=True)[1]])
    more = rows(validation, again)
    more = replace(more, ids=np.array([f"{i}-{j}" for j, i in enumerate(more.ids)]))
    parts = [examined_by(examine_selective, subject([evaluated], [v], card(), draws=10)) for v in (validation, more)]
    chosen = [next(v for v in p.variants if v.id == AT).parameters["m"]["threshold"][0] for p in parts]
    assert chosen[0] == pytest.approx(chosen[1], rel=1e-5)
