"""Conformal sets: the guarantee by simulation (overall, by group, of clustered pictures), and the threshold by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_subjects import card, examined_by, rows, scored, shuffled, subject
from scipy.stats import binom

from vlmeval.examine.use.conformal import ALPHA, GLOBAL, examine_conformal
from vlmeval.examine.use.conformal_sets import nonconformity, of_truth, smallest_calibration, threshold

ROUNDS = 400


def coverage_over_choices(task: str, units: int, images: bool, group: int | None = None) -> float:
    """Mean coverage of one new unit (a random picture of it), over many choices of validation units."""
    rng = np.random.default_rng(7)
    world = scored(task, units=6000, seed=1, images=images)
    first = np.unique(world.units, return_inverse=True)[1]
    by_class = nonconformity(np.log(world.scores / (1 - world.scores)), single=task == "single-label")
    truth, has = of_truth(by_class, world.y_true), world.y_true.any(axis=1)
    use = has if group is None else has & (world.groups["tone"] == group)
    eligible = np.unique(first[use])
    count = np.bincount(first[use], minlength=first.max() + 1)
    hits = []
    for _ in range(ROUNDS):
        chosen = rng.choice(eligible, size=units + 20, replace=False)
        inside = use & np.isin(first, chosen[:units])
        t = threshold(truth[inside], 1.0 / count[first[inside]], ALPHA)
        assert t is not None
        new = use & np.isin(first, chosen[units:])
        weight = 1.0 / count[first[new]]
        hits.append(np.average(truth[new] <= t, weights=weight))
    return float(np.mean(hits))


@pytest.mark.parametrize(
    ("task", "units", "images", "group"),
    [
        ("single-label", 25, False, None),
        ("single-label", 100, True, None),
        ("multi-label", 60, False, None),
        ("multi-label", 60, True, None),
        ("single-label", 40, False, 2),
    ],
)
def test_new_units_are_covered_as_promised(task: str, units: int, images: bool, group: int | None) -> None:
    found = coverage_over_choices(task, units, images, group)
    # The coverage of one choice varies by about sqrt(.09 / units), that of its 20 new units by sqrt(.09 / 20).
    noise = 3 * math.sqrt((0.09 / units + 0.09 / 20) / ROUNDS)
    assert 1 - ALPHA - noise <= found <= 1 - ALPHA + 1 / (units + 1) + noise


@settings(deadline=None, max_examples=50)
@given(n=st.integers(10, 200), seed=st.integers(0, 1000), alpha=st.sampled_from([0.05, 0.1, 0.2]))
def test_the_threshold_is_the_order_statistic(n: int, seed: int, alpha: float) -> None:
    scores = np.random.default_rng(seed).normal(size=n)
    rank = math.ceil((n + 1) * (1 - alpha) - 1e-9)
    found = threshold(scores, np.ones(n), alpha)
    if rank > n:
        assert found is None
    else:
        assert found == np.sort(scores)[rank - 1]


def test_the_smallest_calibration_is_where_the_order_statistic_first_exists() -> None:
    for alpha in (0.05, 0.1, 0.2, 0.5):
        n = smallest_calibration(alpha)
        assert math.ceil((n + 1) * (1 - alpha) - 1e-9) <= n
        assert math.ceil(n * (1 - alpha) - 1e-9) > n - 1
    assert smallest_calibration(0.1) == 9


def test_pictures_of_one_unit_share_its_weight() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=60)
    copies = rng.integers(1, 5, size=60)
    repeated = np.repeat(scores, copies)
    assert threshold(repeated, 1 / np.repeat(copies, copies), 0.1) == threshold(scores, np.ones(60), 0.1)


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_rows_are_those_of_brute_force(task: str) -> None:
    benchmark = card(task)
    evaluated, validation = scored(task, seed=1, units=400), scored(task, seed=2, units=200, name="v")
    part = examined_by(examine_conformal, subject([evaluated], [validation], benchmark, draws=50))

    def fits(p: object) -> np.ndarray:
        logits = np.log(p.scores) if task == "single-label" else np.log(p.scores) - np.log1p(-p.scores)  # type: ignore[attr-defined]
        if task == "multi-label":
            return -logits
        e = np.exp(logits)
        return 1 - e / e.sum(axis=1, keepdims=True)

    worst = np.array([max(f[y], default=-np.inf) for f, y in zip(fits(validation), validation.y_true, strict=True)])
    worst = np.sort(worst[validation.y_true.any(axis=1)])
    t = worst[math.ceil(0.9 * (len(worst) + 1)) - 1]
    sets = fits(evaluated) <= t + 1e-12
    has = evaluated.y_true.any(axis=1)
    covered = (sets | ~evaluated.y_true).all(axis=1)
    for level, rows_ in ((None, has), ("dark", has & (evaluated.groups["tone"] == 2))):
        found = {r.metric: r for r in part.rows if (r.variant, r.group_level, r.class_id) == (GLOBAL, level, None)}
        assert found["conformal-coverage"].value == pytest.approx(covered[rows_].mean())
        assert found["conformal-size"].value == pytest.approx(sets[rows_].sum(axis=1).mean())
        assert found["conformal-empty"].value == pytest.approx((~sets[rows_].any(axis=1)).mean())
        assert found["conformal-size"].n == rows_.sum()
    by_class = {r.class_id: r for r in part.rows if r.class_id is not None}
    assert set(by_class) == (set(benchmark.class_ids) if task == "single-label" else set())
    for k, class_id in enumerate(by_class):
        assert by_class[class_id].value == pytest.approx(covered[evaluated.y_true[:, k]].mean())


def test_a_threshold_of_its_own_mends_a_level_that_one_threshold_fails() -> None:
    """Dark skin gets the scores of other people: one threshold fails it, its own keeps the promise."""
    rng = np.random.default_rng(0)

    def harder(seed: int, units: int, name: str) -> object:
        p = scored(seed=seed, units=units, name=name)
        dark = p.groups["tone"] == 2
        scores = p.scores.copy()
        scores[dark] = rng.permutation(scores[dark])
        return replace(p, scores=scores)

    part = examined_by(
        examine_conformal,
        subject([harder(1, 3000, "u")], [harder(2, 1500, "v")], card(), draws=20),  # type: ignore[list-item]
    )
    found = {(r.variant, r.group_level): r for r in part.rows if r.metric == "conformal-coverage" and r.group == "tone"}
    one, own = found[GLOBAL, "dark"], found["conformal:by-tone", "dark"]
    assert one.value is not None
    assert own.value is not None
    assert one.value < 0.87
    # About 300 validation and 600 evaluated units of that level: noise of both.
    assert own.value >= 0.9 - 3 * math.sqrt(0.09 / 300 + 0.09 / own.n)
    for level in ("light", "medium", "not-answered"):
        r = found["conformal:by-tone", level]
        assert r.value is not None
        noise = 3 * math.sqrt(0.09 / 150 + 0.09 / r.n)
        assert r.value >= 0.9 - noise
        assert binom.cdf(round(r.value * r.n), r.n, 0.9 - noise) > 0.001


def test_evaluated_rows_never_change_a_threshold_and_row_order_nothing() -> None:
    validation = scored(seed=2, name="v", images=True)
    parts = [
        examined_by(examine_conformal, subject([e], [v], card(), draws=20))
        for e, v in (
            (scored(seed=1, images=True), validation),
            (scored(seed=8, images=True), validation),
            (shuffled(scored(seed=1, images=True)), shuffled(validation)),
            (scored(seed=1, images=True), scored(seed=3, name="v", images=True)),
        )
    ]
    chosen = [[v.parameters for v in p.variants] for p in parts]
    assert chosen[0] == chosen[1] == chosen[2] != chosen[3]
    assert parts[0].rows == parts[2].rows
    assert parts[0].rows != parts[1].rows


def test_levels_with_too_few_validation_units_have_a_reason_and_take_no_part() -> None:
    evaluated, validation = scored(seed=1), scored(seed=2, name="v", units=200)
    dark = np.flatnonzero(validation.groups["tone"] == 2)
    validation = rows(validation, np.setdiff1d(np.arange(200), dark[7:]))
    part = examined_by(examine_conformal, subject([evaluated], [validation], card(), draws=20))
    own = [r for r in part.rows if (r.variant, r.group_level) == ("conformal:by-tone", "dark")]
    assert len(own) == 3
    assert all(r.value is None and "too few validation units for a threshold (7;" in (r.reason or "") for r in own)
    whole = next(r for r in part.rows if r.variant == "conformal:by-tone" and r.group is None)
    assert whole.n == (evaluated.groups["tone"] != 2).sum()
    variant = next(v for v in part.variants if v.id == "conformal:by-tone")
    assert set(variant.parameters["m"]) == {"light", "medium", "not-answered"}


def test_no_validation_rows_and_three_units_have_reasons() -> None:
    for validation, words in (([], "no validation units"), ([rows(scored(name="v"), np.arange(3))], "too few")):
        part = examined_by(examine_conformal, subject([scored(seed=1)], validation, card(), draws=10))
        assert part.rows == []
        assert words in part.missing["conformal:m"]


def test_all_equal_scores_give_sets_of_everything() -> None:
    equal = [replace(p, scores=np.full_like(p.scores, 0.25)) for p in (scored(seed=1), scored(seed=2, name="v"))]
    part = examined_by(examine_conformal, subject([equal[0]], [equal[1]], card(), draws=10))
    found = {r.metric: r.value for r in part.rows if r.variant == GLOBAL and r.group is None and r.class_id is None}
    assert found == {"conformal-coverage": 1, "conformal-size": 4, "conformal-empty": 0}


def test_every_validation_unit_counts_once_however_many_pictures_it_has() -> None:
    evaluated, validation = scored(seed=1, images=True), scored(seed=2, name="v", images=True)
    copies = np.random.default_rng(0).integers(1, 4, size=len(np.unique(validation.units)))
    again = np.repeat(np.arange(len(validation)), copies[np.unique(validation.units, return_inverse=True)[1]])
    more = rows(validation, again)
    more = replace(more, ids=np.array([f"{i}-{j}" for j, i in enumerate(more.ids)]))
    parts = [examined_by(examine_conformal, subject([evaluated], [v], card(), draws=10)) for v in (validation, more)]
    assert [v.parameters for v in parts[0].variants] == [v.parameters for v in parts[1].variants]
    assert parts[0].rows == parts[1].rows


def test_a_class_without_scores_leaves_no_infinite_number_in_the_record() -> None:
    """More than a tenth of the validation units have it: only sets of every class keep the promise."""
    benchmark = card()
    missing = benchmark.class_ids[0]
    evaluated, validation = (replace(scored(seed=s, name=f"s{s}-"), unscored=(missing,)) for s in (1, 2))
    part = examined_by(examine_conformal, subject([evaluated], [validation], benchmark, draws=20))
    chosen = next(v for v in part.variants if v.id == GLOBAL).parameters
    assert [one["threshold"] for one in chosen.values()] == [None]
    found = {r.metric: r.value for r in part.rows if r.variant == GLOBAL and r.group is None and r.class_id is None}
    assert found["conformal-coverage"] == 1
    assert found["conformal-size"] == len(benchmark.class_ids)
