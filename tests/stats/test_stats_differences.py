"""Differences are paired and say what does not compare; and from how many shots on a curve beats another method."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_up_predictions import benchmark, predictions
from scipy.stats import norm, t
from sklearn import metrics as sk

from vlmeval.records import Difference, Predictions, Shots
from vlmeval.stats import Resamples, estimate, shots_needed
from vlmeval.stats.seeds import seed_counts


def rescored(p: Predictions, method: str, seed: int, number: int | None = None) -> Predictions:
    rng = np.random.default_rng(seed)
    scores = p.scores * np.exp(rng.normal(size=p.scores.shape))
    return replace(p, method=method, seed=number, scores=scores / scores.sum(axis=1, keepdims=True))


def one(differences: list[Difference], metric: str, averaging: str = "overall", **where: str) -> Difference:
    wanted = {"class_id": None, "group": None, "group_level": None} | where
    found = [
        d
        for d in differences
        if (d.metric, d.averaging) == (metric, averaging) and all(getattr(d, k) == v for k, v in wanted.items())
    ]
    assert len(found) == 1
    return found[0]


def test_differences_equal_a_loop_over_the_same_draws() -> None:
    p = predictions(n=200, k=3)
    draws = 40
    resamples = Resamples.draw(p.units, draws, seed=6)
    many = [rescored(p, "few-shot", s, s) for s in range(3)]
    ours, theirs = estimate(many, benchmark(k=3), resamples), estimate([p], benchmark(k=3), resamples)
    found = ours.minus(theirs, "zero-shot")
    counts = seed_counts(6, 3, draws)
    true = p.y_true.argmax(axis=1)

    def check(d: Difference, statistic, inside: np.ndarray, support: int) -> None:
        values = []
        for b in range(draws + 1):
            times = dict(zip(resamples.units.tolist(), resamples.counts[:, b].tolist(), strict=True))
            i = np.repeat(np.arange(len(p)), [times[u] for u in p.units.tolist()])
            i = i[inside[i]]
            mean = np.mean([statistic(many[s], i) for s in np.repeat(np.arange(3), counts[:, b])])
            values.append(mean - statistic(p, i))
        wider = np.sqrt(support / (support - 1)) * t.ppf(0.975, support - 1) / norm.ppf(0.975)
        interval = values[0] + (np.quantile(values[1:], [0.025, 0.975]) - values[0]) * wider
        np.testing.assert_allclose([d.value, d.low, d.high], [values[0], *interval], atol=1e-12)
        assert (d.method, d.versus, d.level, d.n) == ("few-shot", "zero-shot", "image", inside.sum())

    def accuracy(x: Predictions, i: np.ndarray) -> float:
        return sk.accuracy_score(true[i], x.scores[i].argmax(axis=1))

    everyone, dark = np.ones(len(p), dtype=bool), p.groups["tone"] == 2

    def units(inside: np.ndarray) -> int:
        return len(np.unique(p.units[inside]))

    check(one(found, "accuracy"), accuracy, everyone, units(everyone))
    check(one(found, "accuracy", group="tone", group_level="fst-5-6"), accuracy, dark, units(dark))
    check(
        one(found, "auroc", "class", class_id="c1"),
        lambda x, i: sk.roc_auc_score(true[i] == 1, x.scores[i, 1]),
        everyone,
        min(units(true == 1), units(true != 1)),
    )


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_a_method_minus_itself_is_exactly_nothing(task: str) -> None:
    p = predictions(task, n=300)
    resamples = Resamples.draw(p.units, 50)
    alone = estimate([p], benchmark(task), resamples)
    alike = estimate([replace(p, method="again", seed=s) for s in range(3)], benchmark(task), resamples)
    rows = alone.rows()
    for other in (alone, alike):
        found = alone.minus(other)
        assert [d.value for d in found] == [None if r.value is None else 0.0 for r in rows]
        assert [d.reason for d in found] == [r.reason for r in rows]
        assert {(d.low, d.high) for d in found if d.value is not None} <= {(0.0, 0.0), (None, None)}
        # No interval of a row, none of the difference.
        assert [d.low is None for d in found] == [r.low is None for r in rows]


def test_the_other_way_round_is_the_opposite() -> None:
    p = predictions(n=300)
    resamples = Resamples.draw(p.units, 50)
    a, b = (estimate([rescored(p, m, s)], benchmark(), resamples) for s, m in enumerate("ab"))
    forth, back = a.minus(b), b.minus(a)
    assert {(d.method, d.versus) for d in forth} == {("a", "b")}
    shown = 0
    for x, y in zip(forth, back, strict=True):
        if x.value is None or x.low is None:
            assert (x.value is None) == (y.value is None)
            continue
        assert [x.value, x.low, x.high] == pytest.approx([-y.value, -y.high, -y.low], abs=1e-12)
        shown += x.value != 0
    assert shown > 50


def test_pairing_is_narrower_than_two_intervals() -> None:
    p = predictions(n=600)
    resamples = Resamples.draw(p.units, 300)
    scores = p.scores.copy()
    scores[:10] = np.roll(scores[:10], 1, axis=1)  # differs in ten rows only
    a, b = (estimate([x], benchmark(), resamples, groups="none") for x in (p, replace(p, method="b", scores=scores)))
    d = one(a.minus(b), "accuracy")
    row = next(r for r in a.rows() if r.metric == "accuracy")
    assert 0 < d.high - d.low < 0.5 * (row.high - row.low)


def test_no_interval_of_a_difference_goes_beyond_what_the_metric_allows() -> None:
    p = predictions(n=60)
    right, wrong = p.y_true.astype(float), np.roll(p.y_true, 1, axis=1).astype(float)
    right[:3] = wrong[:3]
    resamples = Resamples.draw(p.units, 300)
    good, bad = (
        estimate([replace(p, method=m, scores=x)], benchmark(), resamples) for m, x in (("good", right), ("bad", wrong))
    )
    assert one(good.minus(bad), "accuracy").high == 1
    assert one(bad.minus(good), "accuracy").low == -1
    for d in good.minus(bad):
        if d.metric in ("accuracy", "sensitivity", "auroc") and d.group_level != "last-first" and d.low is not None:
            assert -1 <= d.low <= d.value <= d.high <= 1


def test_methods_of_equally_many_seeds_are_paired_by_seed() -> None:
    p = predictions(n=200)
    resamples = Resamples.draw(p.units, 200)
    good, bad = p.y_true.astype(float), np.roll(p.y_true, 1, axis=1).astype(float)
    first = [replace(p, method="a", seed=s, scores=good if s % 2 else bad) for s in range(6)]
    second = [replace(x, method="b") for x in first]
    a, b = (estimate(x, benchmark(), resamples, groups="none") for x in (first, second))
    row = next(r for r in a.rows() if r.metric == "accuracy")
    assert row.high - row.low > 0.3
    d = one(a.minus(b), "accuracy")
    assert (d.value, d.low, d.high) == (0, 0, 0)


def test_what_one_side_does_not_have_has_a_reason() -> None:
    p = predictions("multi-label", n=400)
    undecided = replace(p, method="undecided", decision=replace(p.decision, thresholds=None))
    card, resamples = benchmark("multi-label"), Resamples.draw(p.units, 20)
    a, b = (estimate([x], card, resamples, groups="averages") for x in (p, undecided))
    d = one(a.minus(b, "the other"), "hamming-loss")
    assert d.value is None
    assert d.low is None
    assert d.reason.startswith("the other: no decision thresholds were chosen")
    assert one(b.minus(a), "hamming-loss").reason.startswith("undecided: no decision thresholds")
    assert one(a.minus(b), "auroc", "macro").value == 0


def test_averages_over_different_classes_are_not_compared() -> None:
    p = predictions(n=900)
    without = replace(p, method="without", unscored=("c3",))
    resamples = Resamples.draw(p.units, 20)
    a, b = (estimate([x], benchmark(), resamples) for x in (without, p))
    found = a.minus(b)
    macro = one(found, "auroc", "macro")
    assert (macro.value, macro.reason) == (None, "the two average over different classes")
    assert one(found, "auroc", "class", class_id="c2").value == 0
    assert one(found, "auroc", "class", class_id="c3").reason == (
        "without: no score: the method was fitted without this class"
    )
    assert one(found, "prevalence", "macro").value == 0
    # All rows and all classes present count in both.
    assert one(found, "accuracy").value < 0
    assert one(found, "balanced-accuracy").value < 0


def test_other_rows_are_not_compared_and_other_draws_are_refused() -> None:
    p = predictions(n=300)
    resamples = Resamples.draw(p.units, 20)
    keep = np.arange(300) != 7
    fewer = replace(
        p, ids=p.ids[keep], units=p.units[keep], y_true=p.y_true[keep], scores=p.scores[keep],
        groups={g: c[keep] for g, c in p.groups.items()},
    )  # fmt: skip
    renamed = replace(p, ids=np.array([f"j{i}" for i in range(300)]))
    whole = estimate([p], benchmark(), resamples)
    for other in (fewer, renamed):
        found = whole.minus(estimate([other], benchmark(), resamples))
        assert {d.value for d in found} == {None}
        assert one(found, "accuracy").reason == "the two are not on the same rows"
    again = Resamples.draw(p.units, 20)
    assert one(whole.minus(estimate([p], benchmark(), again)), "accuracy").value == 0
    with pytest.raises(ValueError, match="different resamples"):
        whole.minus(estimate([p], benchmark(), Resamples.draw(p.units, 20, seed=1)))
    with pytest.raises(ValueError, match="levels differ"):
        whole.minus(estimate([replace(p, level="unit")], benchmark(), resamples))


def test_only_what_both_have_is_compared() -> None:
    p = predictions(n=200)
    resamples = Resamples.draw(p.units, 10)
    some = estimate([p], benchmark(), resamples, metrics=["auroc"], groups="none")
    whole = estimate([p], benchmark(), resamples)
    assert len(whole.minus(some)) == len(some.minus(whole)) == len(some.rows())


def point(value: float | None, low: float | None = None, high: float | None = None, **changes: str) -> Difference:
    facts = {"metric": "auroc", "averaging": "macro", "versus": "zero-shot"} | changes
    reason = "why" if value is None else None
    return Difference(method="x", level="unit", value=value, low=low, high=high, n=9, n_units=9, reason=reason, **facts)


CURVES: list[tuple[str, dict[Shots, Difference | None], Shots | None, Shots | None]] = [
    ("never", {1: point(-0.1, -0.2, -0.05), 2: point(0, -0.1, 0.1)}, None, None),
    ("from the start", {1: point(0.1, 0.05, 0.2), 2: point(0.2, 0.1, 0.3)}, 1, 1),
    ("surely later", {1: point(-0.1, -0.2, 0.1), 2: point(0.1, -0.1, 0.2), 4: point(0.2, 0.1, 0.3)}, 2, 4),
    ("falls back", {1: point(0.1, 0.05, 0.2), 2: point(-0.01, -0.1, 0.1), 4: point(0.1, 0.05, 0.2)}, 4, 4),
    ("lost at the end", {1: point(0.1, 0.05, 0.2), 2: point(-0.1, -0.2, -0.05)}, None, None),
    ("equal is not better", {1: point(0, 0, 0), 2: point(0.1, 0, 0.2)}, 2, None),
    ("no interval", {1: point(0.1), 2: point(0.2, 0.1, 0.3)}, 1, 2),
    ("no value", {1: point(0.1, 0.05, 0.2), 2: point(None), 4: point(0.2, 0.1, 0.3)}, 4, 4),
    ("no row", {1: point(0.1, 0.05, 0.2), 2: None, 4: point(0.2, 0.1, 0.3)}, 4, 4),
    ("all comes last", {"all": point(0.1, 0.05, 0.2), 8: point(-0.1, -0.2, 0.1)}, "all", "all"),
    ("all breaks it", {"all": point(-0.1, -0.2, 0.1), 8: point(0.1, 0.05, 0.2)}, None, None),
]


@pytest.mark.parametrize(("name", "curve", "on_average", "surely"), CURVES, ids=[c[0] for c in CURVES])
@pytest.mark.parametrize("metric", ["auroc", "hamming-loss"])
def test_shots_needed(name: str, curve: dict, on_average: Shots | None, surely: Shots | None, metric: str) -> None:
    def turned(d: Difference) -> Difference:
        """Less is better: the same curve upside down."""
        if metric == "auroc":
            return d
        low, high = (None if x is None else -x for x in (d.high, d.low))
        value = None if d.value is None else -d.value
        return d.model_copy(update={"metric": metric, "value": value, "low": low, "high": high})

    others = [
        point(9, 9, 9, metric="accuracy", averaging="overall"),
        point(9, 9, 9, metric=metric, versus="knn"),
        point(9, 9, 9, metric=metric, averaging="class", class_id="a"),
        point(9, 9, 9, metric=metric, group="tone", group_level="worst"),
        point(9, 9, 9, metric=metric, averaging="weighted"),
    ]
    points = [(shots, [*others, *([turned(d)] if d else [])]) for shots, d in curve.items()]
    (found,) = shots_needed(points, "few-shot:logistic:balanced", "zero-shot", [metric])
    assert (found.curve, found.versus, found.metric) == ("few-shot:logistic:balanced", "zero-shot", metric)
    assert (found.on_average, found.surely) == (on_average, surely), name


def test_shots_needed_of_unclear_points_is_refused_and_of_descriptions_is_none() -> None:
    better = point(0.1, 0.05, 0.2)
    with pytest.raises(ValueError, match="twice"):
        shots_needed([(1, [better]), (1, [better])], "c", "zero-shot", ["auroc"])
    with pytest.raises(ValueError, match="2 differences of auroc"):
        shots_needed([(1, [better, better.model_copy(update={"level": "image"})])], "c", "zero-shot", ["auroc"])
    (found,) = shots_needed(
        [(1, [better.model_copy(update={"metric": "prevalence"})])], "c", "zero-shot", ["prevalence"]
    )
    assert (found.on_average, found.surely) == (None, None)
    assert shots_needed([(1, [better])], "c", "zero-shot", []) == ()


def test_what_no_point_has_a_value_of_is_not_never() -> None:
    hidden = point(0.1, 0.05, 0.2).model_copy(update={"value": None, "low": None, "high": None, "reason": "suppressed"})
    assert shots_needed([(1, [hidden]), (2, [])], "c", "zero-shot", ["auroc"]) == ()


def calibrated_and_overconfident(n: int, seed: int) -> tuple[Predictions, Predictions]:
    """Labels drawn from the first one's probabilities; the second one has twice their logits."""
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.normal(size=(n, 3))
    p, q = (np.exp(x) / np.exp(x).sum(axis=1, keepdims=True) for x in (logits, 2 * logits))
    true = (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    base = predictions(n=n, k=3)
    base = replace(base, units=base.ids, y_true=np.eye(3, dtype=bool)[true], groups={}, scores=p)
    return base, replace(base, method="overconfident", scores=q)


@pytest.mark.parametrize("metric", ["ece", "ece-equal-mass"])
def test_differences_of_calibration_errors_hold_the_true_one_whichever_way_they_are_taken(metric: str) -> None:
    """Of quantiles of the draws fewer than a quarter do: the calibrated method's error is biased, the other's not."""
    card = benchmark(k=3, groups=[])

    def difference(n: int, seed: int, draws: int, *, turned: bool) -> Difference:
        pair = calibrated_and_overconfident(n, seed)
        resamples = Resamples.draw(pair[0].units, draws, seed)
        ours, theirs = (estimate([p], card, resamples, metrics=[metric], groups="none") for p in pair)
        return one((theirs.minus(ours) if turned else ours.minus(theirs)), metric)

    for turned in (False, True):
        true = difference(100_000, 0, 0, turned=turned).value or 0.0
        found = [difference(150, seed, 200, turned=turned) for seed in range(1, 41)]
        assert np.mean([d.low <= true <= d.high for d in found]) >= 0.85
        assert all(d.low <= d.value <= d.high for d in found)
        assert any(d.high < 0 or d.low > 0 for d in found)  # and still say something


def test_differences_of_gaps_hold_the_true_one() -> None:
    """One method is right equally often in every level, the other not: only the first one's ratio is biased."""
    card, right = benchmark(k=2), np.array([0.9, 0.75, 0.6])

    def ratio(seed: int, n: int = 600) -> Difference:
        rng = np.random.default_rng(seed)
        level, true = rng.integers(0, 3, n), rng.integers(0, 2, n)
        base = predictions(n=n, k=2)
        base = replace(base, units=base.ids, y_true=np.eye(2, dtype=bool)[true])
        base = replace(base, groups={"tone": np.zeros(n, dtype=np.int16), "site": level.astype(np.int16)})
        said = [np.where(rng.random(n) < p, true, 1 - true) for p in (0.75, right[level])]
        resamples = Resamples.draw(base.units, 200, seed)
        fair, unfair = (
            estimate([replace(base, scores=0.3 + 0.4 * np.eye(2)[s])], card, resamples, metrics=["accuracy"])
            for s in said
        )
        return one(fair.minus(unfair, "unfair"), "accuracy", group="site", group_level="ratio")

    found = [ratio(seed) for seed in range(60)]
    assert np.mean([d.low <= 1 - 0.6 / 0.9 <= d.high for d in found]) >= 0.8  # 0.7 of quantiles of draws
    assert all(d.low <= d.value <= d.high for d in found)
