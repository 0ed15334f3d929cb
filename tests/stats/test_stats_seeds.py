"""Several seeds: the two-level bootstrap equals the loop it replaces; what is undefined, unscored or inconsistent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_predictions import TONES, benchmark, find, predictions, score_interval, supporting_units
from scipy.stats import norm
from scipy.stats import t as student
from sklearn import metrics as sk

from vlmeval.errors import DataError, UnknownNameError
from vlmeval.records import Decision, MetricRow, Predictions
from vlmeval.stats import Resamples, estimate, summarise
from vlmeval.stats.pairs import MOST_POSITIVES, pair_sums
from vlmeval.stats.ranking import rank_sums
from vlmeval.stats.seeds import seed_counts

pytestmark = pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")
NUMBERS = ("value", "low", "high", "undefined_draws")


def seeds_of(task: str = "single-label", count: int = 3, **options) -> list[Predictions]:
    """The same rows, scored anew by each seed."""
    first = predictions(task, **options)
    rng = np.random.default_rng(99)
    out = []
    for s in range(count):
        scores = first.scores * np.exp(rng.normal(scale=0.8, size=first.scores.shape))
        scores = scores / scores.sum(axis=1, keepdims=True) if task == "single-label" else scores / (0.5 + scores)
        if options.get("ties"):
            scores = np.round(scores, 1)
        out.append(replace(first, scores=scores, seed=s))
    return out


def same_numbers(a: list[MetricRow], b: list[MetricRow], tolerance: float) -> None:
    assert len(a) == len(b)
    facts = {"seeds": None, "seed_sd": None, **dict.fromkeys(NUMBERS, 0.0)}
    for x, y in zip(a, b, strict=True):
        for name in NUMBERS:
            assert getattr(x, name) == pytest.approx(getattr(y, name), abs=tolerance), (name, x, y)
        assert x.model_copy(update=facts) == y.model_copy(update=facts)


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_draws_equal_a_loop_over_draws_and_seeds(task: str) -> None:
    many = seeds_of(task, n=250, k=4, ties=True)
    first, draws = many[0], 30
    resamples = Resamples.draw(first.units, draws, seed=3)
    estimates = estimate(many, benchmark(task, 4), resamples)
    rows = estimates.rows()
    counts = seed_counts(3, 3, draws)

    def check(row: MetricRow, statistic, inside: np.ndarray) -> None:
        """Draw 0 is the sample; in others the drawn units' rows are repeated, and so are the drawn seeds."""
        values = []
        for b in range(draws + 1):
            times = dict(zip(resamples.units.tolist(), resamples.counts[:, b].tolist(), strict=True))
            i = np.repeat(np.arange(len(first)), [times[u] for u in first.units.tolist()])
            i = i[inside[i]]
            values.append(sum(counts[s, b] * statistic(many[s], i) for s in np.flatnonzero(counts[:, b])) / 3)
        assert row.value == pytest.approx(values[0], abs=1e-12)
        np.testing.assert_allclose(
            [row.low, row.high], score_interval(np.array(values), supporting_units(row, first, inside)), atol=1e-9
        )
        by_seed = [statistic(p, np.flatnonzero(inside)) for p in many]
        assert (row.seeds, row.seed_sd) == (3, pytest.approx(np.std(by_seed, ddof=1), abs=1e-12))

    def auroc(p: Predictions, i: np.ndarray, k: int) -> float:
        return sk.roc_auc_score(p.y_true[i, k], p.scores[i, k])

    def macro_ap(p: Predictions, i: np.ndarray) -> float:
        return np.mean([sk.average_precision_score(p.y_true[i, k], p.scores[i, k]) for k in range(4)])

    everyone = np.ones(len(first), dtype=bool)
    for k in range(4):
        check(find(rows, "auroc", "class", class_id=f"c{k}"), lambda p, i, k=k: auroc(p, i, k), everyone)
    check(find(rows, "average-precision", "macro"), macro_ap, everyone)
    light = first.groups["tone"] == 0
    where = {"group": "tone", "group_level": TONES[0]}
    check(find(rows, "auroc", "class", class_id="c3", **where), lambda p, i: auroc(p, i, 3), light)
    if task == "single-label":

        def balanced(p: Predictions, i: np.ndarray) -> float:
            return sk.balanced_accuracy_score(p.y_true[i].argmax(axis=1), p.scores[i].argmax(axis=1))

        check(find(rows, "balanced-accuracy"), balanced, everyone)
        check(find(rows, "balanced-accuracy", **where), balanced, light)


def test_gaps_are_of_levels_averaged_over_seeds() -> None:
    many = seeds_of(n=300, k=3)
    draws = 50
    resamples = Resamples.draw(many[0].units, draws, seed=1)
    rows = estimate(many, benchmark(k=3), resamples, metrics=["accuracy"]).rows()
    counts = seed_counts(1, 3, draws)
    tone, unit = many[0].groups["tone"], resamples.index_of(many[0].units)
    right = np.array([p.scores.argmax(axis=1) == p.y_true.argmax(axis=1) for p in many])
    by_level = np.empty((3, draws + 1))
    for t in range(3):
        w = resamples.counts[unit[tone == t]].astype(float)
        by_seed = right[:, tone == t] @ w / w.sum(axis=0)
        by_level[t] = (by_seed * counts).sum(axis=0) / 3
    units = np.array([len(np.unique(unit[tone == t])) for t in range(3)])
    wider = np.sqrt(units / (units - 1)) * student.ppf(0.975, units - 1) / norm.ppf(0.975)
    now, error = by_level[:, 0], (by_level[:, 1:] - by_level[:, :1]) * wider[:, None]
    # Any level could be an extreme: 95.5 % quantiles of the largest errors. Last minus first as by Newcombe.
    apart, off = (np.quantile(x, 0.955) for x in (np.ptp(error, axis=0), np.abs(error).max(axis=0)))
    ends = [(now[t], *score_interval(by_level[t], units[t])) for t in (0, 2)]
    together = np.corrcoef(error[0], error[2])[0, 1]

    def sum_of(x: float, y: float) -> float:
        return np.sqrt(x * x + y * y - 2 * together * x * y)

    (a, a_low, a_high), (b, b_low, b_high) = ends
    expected = {
        "worst": (now.min(), now.min() - off, now.min() + off),
        "max-min": (np.ptp(now), max(0, np.ptp(now) - apart), np.ptp(now) + apart),
        "last-first": (b - a, b - a - sum_of(b - b_low, a_high - a), b - a + sum_of(b_high - b, a - a_low)),
    }
    for level, values in expected.items():
        row = find(rows, "accuracy", group="tone", group_level=level)
        np.testing.assert_allclose([row.value, row.low, row.high], values, atol=1e-9)
        # The extremes of averages are no averages: there is no spread between seeds to tell.
        assert (row.seed_sd is None) == (level != "last-first")
    each = right[:, tone == 2].mean(axis=1) - right[:, tone == 0].mean(axis=1)
    row = find(rows, "accuracy", group="tone", group_level="last-first")
    assert row.seed_sd == pytest.approx(np.std(each, ddof=1), abs=1e-12)


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_seeds_that_are_all_alike_are_one_method(task: str) -> None:
    p = predictions(task, n=400)
    resamples = Resamples.draw(p.units, 80)
    one = estimate([p], benchmark(task), resamples).rows()
    assert one == summarise(p, benchmark(task), resamples)
    alike = estimate([replace(p, seed=s) for s in (4, 1, 7, 0)], benchmark(task), resamples).rows()
    same_numbers(one, alike, 1e-12)
    assert {r.seeds for r in one} == {None}
    assert {r.seeds for r in alike if r.value is not None} == {4}
    assert max(r.seed_sd for r in alike if r.seed_sd is not None) < 1e-12


def test_one_seed_of_a_method_of_seeds_says_so() -> None:
    p = replace(predictions(n=200), seed=5)
    row = find(estimate([p], benchmark(), Resamples.draw(p.units, 20)).rows(), "accuracy")
    assert (row.seeds, row.seed_sd) == (1, None)


def test_order_of_the_seeds_is_of_no_matter() -> None:
    many = seeds_of(n=200, k=4)
    resamples = Resamples.draw(many[0].units, 40)
    forth, back = (estimate(x, benchmark(k=4), resamples).rows() for x in (many, many[::-1]))
    assert forth == back


def test_seeds_alone_make_an_interval_where_units_cannot() -> None:
    """Every unit alike: the bootstrap of units has no width, and that of seeds is left."""
    p = predictions(n=200)
    scores = [p.y_true.astype(float) if s < 2 else np.roll(p.y_true, 1, axis=1).astype(float) for s in range(4)]
    many = [replace(p, scores=x, seed=s) for s, x in enumerate(scores)]
    resamples = Resamples.draw(p.units, 500, seed=2)
    row = find(estimate(many, benchmark(), resamples, groups="none").rows(), "accuracy")
    share = seed_counts(2, 4, 500)[:2].sum(axis=0) / 4
    assert row.value == 0.5
    assert [row.low, row.high] == pytest.approx(score_interval(share, row.n_units), abs=1e-9)
    assert row.seed_sd == pytest.approx(np.std([1, 1, 0, 0], ddof=1))
    alone = find(estimate(many[:1], benchmark(), resamples, groups="none").rows(), "accuracy")
    # All right: as wide as so many units allow.
    z = student.ppf(0.975, alone.n_units - 1)
    assert (alone.low, alone.high) == (pytest.approx(1 / (1 + z**2 / alone.n_units), abs=1e-9), 1)


def test_seeds_are_drawn_whole_repeatably_and_alike_for_all() -> None:
    counts = seed_counts(7, 10, 2000)
    assert (counts[:, 0] == 1).all()
    assert (counts.sum(axis=0) == 10).all()
    assert counts[:, 1:].var() == pytest.approx(0.9, abs=0.02)  # multinomial: 1 - 1 / S
    assert (counts[:, :301] == seed_counts(7, 10, 300)).all()
    assert (counts != seed_counts(8, 10, 2000)).any()
    assert (seed_counts(7, 1, 50) == 1).all()
    # Not the draws of ten units by the same seed.
    assert (counts[:, 1:] != Resamples.draw(np.arange(10).astype(str), 2000, 7).counts[:, 1:]).any()


def test_a_seed_without_a_value_leaves_no_mean() -> None:
    many = seeds_of(n=900)
    scores = many[1].scores.copy()
    scores[:, 2] = 0
    many[1] = replace(many[1], scores=scores)
    rows = estimate(many, benchmark(), Resamples.draw(many[0].units, 40)).rows()
    row = find(rows, "precision", "class", class_id="c2")
    assert (row.value, row.low, row.seeds) == (None, None, None)
    assert row.reason == "undefined: never predicted (in 1 of 3 seeds)"
    macro = find(rows, "precision", "macro")
    others = [find(rows, "precision", "class", class_id=f"c{k}").value for k in (0, 1, 3, 4)]
    assert (macro.value, macro.n_classes) == (pytest.approx(np.mean(others), abs=1e-12), 4)
    assert find(rows, "sensitivity", "class", class_id="c2").value is not None


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
@pytest.mark.parametrize("count", [1, 3])
def test_classes_that_cannot_be_predicted_have_no_values_and_enter_no_average(task: str, count: int) -> None:
    many = [replace(p, unscored=("c4",), seed=p.seed if count > 1 else None) for p in seeds_of(task, count, n=900)]
    for p in many:
        p.scores[:, 4] = np.nan  # says nothing, whatever it is
    resamples = Resamples.draw(many[0].units, 40)
    rows = estimate(many, benchmark(task), resamples).rows()
    for metric in ("auroc", "average-precision", "sensitivity", "f1"):
        row = find(rows, metric, "class", class_id="c4")
        assert row.value is None
        assert row.reason == "no score: the method was fitted without this class"
        macro = find(rows, metric, "macro")
        each = [find(rows, metric, "class", class_id=f"c{k}").value for k in range(4)]
        assert (macro.n_classes, macro.value) == (4, pytest.approx(np.mean(each), abs=1e-12))
    common = find(rows, "auroc", "macro-common", group="site", group_level="arm")
    assert common.n_classes <= 4
    assert common.value is not None
    assert find(rows, "prevalence", "class", class_id="c4").value == pytest.approx(many[0].y_true[:, 4].mean())
    if task == "single-label":
        # All rows count: those of the class that cannot be predicted are wrong.
        true = many[0].y_true.argmax(axis=1)
        right = [p.scores[:, :4].argmax(axis=1) == true for p in many]
        assert find(rows, "accuracy").value == pytest.approx(np.mean(right), abs=1e-12)
        by_class = [[r[true == k].mean() for k in range(5)] for r in right]
        balanced = find(rows, "balanced-accuracy")
        assert (balanced.value, balanced.n_classes) == (pytest.approx(np.mean(by_class), abs=1e-12), 5)


def test_no_class_left_to_average_says_why() -> None:
    p = replace(predictions(n=300), unscored=tuple(f"c{k}" for k in range(5)))
    rows = estimate([p], benchmark(), Resamples.draw(p.units, 10), groups="none").rows()
    assert find(rows, "auroc", "macro").reason.startswith("no score: the method was fitted without the classes")


def test_what_is_asked_for_is_what_comes_and_equals_the_whole() -> None:
    many = seeds_of("multi-label", n=300)
    resamples = Resamples.draw(many[0].units, 30)
    card = benchmark("multi-label")
    full = estimate(many, card, resamples).rows()
    asked = ("auroc", "hamming-loss")
    some = estimate(many, card, resamples, metrics=asked).rows()
    same_numbers(some, [r for r in full if r.metric in asked], 1e-15)
    averages = estimate(many, card, resamples, metrics=asked, groups="averages").rows()
    same_numbers(averages, [r for r in some if r.group is None or r.class_id is None], 1e-15)
    assert any(r.averaging == "macro-common" for r in averages)
    assert any(r.group_level == "max-min" for r in averages)
    plain = estimate(many, card, resamples, metrics=asked, groups="none", classes=False).rows()
    same_numbers(plain, [r for r in averages if r.group is None and r.class_id is None], 1e-15)
    with pytest.raises(UnknownNameError):
        estimate(many, card, resamples, metrics=["mcc"])


def test_predictions_that_are_not_seeds_of_one_method_are_refused() -> None:
    a, b, _ = seeds_of(n=100)
    y, units = np.roll(b.y_true, 1, axis=0), np.roll(b.units, 1)
    others = {
        "a different seed each": replace(b, seed=0),
        "same method": replace(b, method="other"),
        "same level": replace(b, level="unit"),
        "same kind": replace(b, kind="probability"),
        "same rule": replace(b, decision=Decision("threshold", (0.5,) * 5, "val")),
        "same rows": replace(b, ids=np.array([f"x{i}" for i in range(100)])),
        "same truth": replace(b, y_true=y),
        "and groups": replace(b, groups=b.groups | {"tone": np.zeros(100, dtype=np.int16)}),
        "on the|same rows": replace(b, units=units),
    }
    resamples = Resamples.draw(a.units, 5)
    for expected, other in others.items():
        with pytest.raises(DataError, match=expected):
            estimate([a, other], benchmark(), resamples)
    with pytest.raises(DataError, match="no predictions"):
        estimate([], benchmark(), resamples)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 120),
    levels=st.sampled_from([1, 3, 10_000]),
    share=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    heavy=st.booleans(),
)
def test_comparing_pairs_equals_sorting(seed: int, n: int, levels: int, share: float, heavy: bool) -> None:
    rng = np.random.default_rng(seed)
    truth, scores = rng.random((n, 7)) < share, rng.integers(0, levels, (n, 7)) / levels - 0.3
    counts = rng.integers(0, 256 if heavy else 4, (n, 5)).astype(np.uint8)  # heavy: too much for float32
    unit = rng.integers(0, n, n)
    found = pair_sums(counts, unit, scores, truth)
    only_wins = pair_sums(counts, unit, scores, truth, precision=False)
    for k in range(7):
        order = np.argsort(-scores[:, k], kind="stable")
        expected = rank_sums(counts, unit[order], scores[order, k], truth[order, k])
        assert (found[k].wins == expected.wins).all()
        assert (only_wins[k].wins == expected.wins).all()
        assert np.isnan(only_wins[k].precision_mass).all()
        np.testing.assert_allclose(found[k].precision_mass, expected.precision_mass, rtol=1e-12)


def test_many_positives_and_few_give_the_same_whichever_way() -> None:
    """The common classes go the way of sorted blocks, the rare ones that of pairs."""
    many = seeds_of("multi-label", n=1000, k=5, unit_share=1.0)
    resamples = Resamples.draw(many[0].units, 30)
    totals = many[0].y_true.sum(axis=0)
    assert totals.min() < MOST_POSITIVES < totals.max()
    rows = estimate(many, benchmark("multi-label"), resamples, metrics=["auroc"]).rows()
    for k in range(5):
        each = [sk.roc_auc_score(p.y_true[:, k], p.scores[:, k]) for p in many]
        assert find(rows, "auroc", "class", class_id=f"c{k}").value == pytest.approx(np.mean(each), abs=1e-12)
