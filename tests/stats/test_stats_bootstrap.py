"""The bootstrap equals the loop it replaces, and its intervals cover."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from made_up_predictions import TONES, benchmark, find, predictions, score_interval, supporting_units
from sklearn import metrics as sk

from vlmeval.errors import DataError
from vlmeval.records import Decision, Predictions
from vlmeval.stats import Resamples, summarise
from vlmeval.stats.ranking import rank_sums

pytestmark = pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")


def replicated(p: Predictions, resamples: Resamples, b: int) -> np.ndarray:
    """Row numbers of draw b, each row as often as its unit was drawn."""
    times = dict(zip(resamples.units.tolist(), resamples.counts[:, b].tolist(), strict=True))
    return np.repeat(np.arange(len(p)), [times[u] for u in p.units.tolist()])


def test_intervals_equal_a_loop_that_replicates_rows() -> None:
    p = predictions(n=250, k=4, ties=True)
    resamples = Resamples.draw(p.units, 60, seed=3)
    rows = summarise(p, benchmark(k=4), resamples)
    true, top = p.y_true.argmax(axis=1), p.scores.argmax(axis=1)

    def expected(row, draws: np.ndarray, units: int) -> list[float]:
        if row.metric == "mcc":  # from -1 to 1
            return [2 * x - 1 for x in score_interval((draws + 1) / 2, units)]
        return score_interval(draws, units)

    def check(row, statistic, inside) -> None:
        # Whole-unit draws, then the group's rows of them.
        draws = [statistic(i[inside[i]]) for i in (replicated(p, resamples, b) for b in range(61))]
        assert row.value == pytest.approx(statistic(np.flatnonzero(inside)), abs=1e-12)
        np.testing.assert_allclose(
            [row.low, row.high], expected(row, np.array(draws), supporting_units(row, p, inside)), atol=1e-9
        )

    everyone = np.ones(len(p), dtype=bool)
    check(find(rows, "accuracy"), lambda i: sk.accuracy_score(true[i], top[i]), everyone)
    check(find(rows, "mcc"), lambda i: sk.matthews_corrcoef(true[i], top[i]), everyone)
    for level in ("fst-1-2", "not-answered"):
        inside = p.groups["tone"] == TONES.index(level)
        where = {"group": "tone", "group_level": level}
        check(find(rows, "accuracy", **where), lambda i: sk.accuracy_score(true[i], top[i]), inside)
        check(find(rows, "balanced-accuracy", **where), lambda i: sk.balanced_accuracy_score(true[i], top[i]), inside)
    for k in range(4):
        row = find(rows, "auroc", "class", class_id=f"c{k}")
        check(row, lambda i, k=k: sk.roc_auc_score(true[i] == k, p.scores[i, k]), everyone)
        row = find(rows, "average-precision", "class", class_id=f"c{k}")
        check(row, lambda i, k=k: sk.average_precision_score(true[i] == k, p.scores[i, k]), everyone)


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    n=st.integers(2, 700),
    levels=st.sampled_from([1, 2, 7, 10_000]),
    share=st.sampled_from([0.02, 0.3, 0.9]),
)
def test_rank_sums_equal_scikit_learn_with_any_ties(data, n: int, levels: int, share: float) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    y = rng.random(n) < share
    y[:2] = True, False
    scores = rng.integers(0, levels, n) / levels
    counts = data.draw(hnp.arrays(np.uint8, (n, 3), elements=st.integers(0, 3)))
    order = np.argsort(-scores, kind="stable")
    found = rank_sums(counts, order, scores[order], y[order])
    for b in range(3):
        w = counts[:, b].astype(float)
        positives, negatives = w[y].sum(), w[~y].sum()
        if positives and negatives:
            auroc = sk.roc_auc_score(y, scores, sample_weight=w)
            assert found.wins[b] / (positives * negatives) == pytest.approx(auroc, abs=1e-12)
            ap = sk.average_precision_score(y, scores, sample_weight=w)
            assert found.precision_mass[b] / positives == pytest.approx(ap, abs=1e-12)


def test_rank_sums_stay_exact_where_float32_would_not() -> None:
    rng = np.random.default_rng(0)
    n = 4000
    y, scores = rng.random(n) < 0.5, np.zeros(n)  # one tie of everything: half of 2000 x 2000 x 200 x 200 pairs
    counts = np.full((n, 2), 200, dtype=np.uint8)
    counts[:, 1] = rng.integers(0, 256, n)
    found = rank_sums(counts, np.arange(n), scores, y)
    w = counts.astype(np.int64)
    assert (found.wins == w[y].sum(axis=0) * w[~y].sum(axis=0) / 2).all()


def test_resamples_are_whole_shared_and_repeatable() -> None:
    units = np.array(["b", "a", "c", "a", "b"])
    first, again = Resamples.draw(units, 300, seed=1), Resamples.draw(np.array(["c", "b", "a"]), 300, seed=1)
    assert first.units.tolist() == ["a", "b", "c"]
    assert (first.counts == again.counts).all()
    assert (first.counts[:, 0] == 1).all()
    assert (first.counts.sum(axis=0) == 3).all()
    assert (first.counts != Resamples.draw(units, 300, seed=2).counts).any()
    # Multinomial: mean 1 and variance 1 - 1/U.
    many = Resamples.draw(np.arange(50).astype(str), 2000, seed=0).counts[:, 1:]
    assert many.mean() == 1
    assert many.var() == pytest.approx(1 - 1 / 50, abs=0.02)


def test_more_draws_only_add_draws() -> None:
    units = np.arange(40).astype(str)
    few, many = Resamples.draw(units, 300, seed=4), Resamples.draw(units, 700, seed=4)
    assert (few.counts == many.counts[:, :301]).all()


def test_image_and_unit_level_use_the_same_draws() -> None:
    p = predictions(n=300)
    first = np.unique(p.units, return_index=True)[1]
    groups = {g: c[first] for g, c in p.groups.items()}
    by_unit = replace(
        p, level="unit", ids=p.units[first], units=p.units[first], y_true=p.y_true[first], scores=p.scores[first],
        groups=groups,
    )  # fmt: skip
    twice = {name: np.concatenate([getattr(by_unit, name)] * 2) for name in ("units", "y_true", "scores")}
    ids, both = np.arange(2 * len(by_unit)).astype(str), {g: np.concatenate([c, c]) for g, c in groups.items()}
    doubled = replace(by_unit, ids=ids, groups=both, **twice)
    resamples = Resamples.draw(p.units, 100)
    a, b = (find(summarise(x, benchmark(), resamples), "auroc", "macro") for x in (by_unit, doubled))
    assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high), abs=1e-12)
    assert (a.n_units, 2 * a.n) == (b.n_units, b.n)


def test_units_may_be_missing_but_not_unknown() -> None:
    p = predictions(n=300)
    resamples = Resamples.draw(p.units, 20)
    keep = np.arange(len(p)) > 10
    fewer = replace(
        p, ids=p.ids[keep], units=p.units[keep], y_true=p.y_true[keep], scores=p.scores[keep],
        groups={g: c[keep] for g, c in p.groups.items()},
    )  # fmt: skip
    assert find(summarise(fewer, benchmark(), resamples), "accuracy").n == keep.sum()
    with pytest.raises(DataError, match="unit that the resamples do not"):
        summarise(replace(p, units=np.array([f"x{i}" for i in range(300)])), benchmark(), resamples)


def test_no_draws_gives_values_without_intervals() -> None:
    p = predictions(n=300)
    rows = summarise(p, benchmark(), Resamples.draw(p.units, 0))
    assert all(r.low is None and r.high is None and r.undefined_draws is None for r in rows)
    assert find(rows, "accuracy").value is not None


def covered(by_row: bool) -> float:
    """Share of 250 simulated data sets whose accuracy interval holds the true value; rows of a unit agree fully."""
    card, hits, truth = benchmark(k=2), 0, 0.7
    rng = np.random.default_rng(11)
    for _ in range(250):
        size = rng.integers(1, 5, 120)
        owner = np.repeat(np.arange(120), size)
        right = (rng.random(120) < truth)[owner]
        y = np.eye(2, dtype=bool)[rng.integers(0, 2, len(owner))]
        units = np.array([f"u{i}" for i in (range(len(owner)) if by_row else owner)])
        p = Predictions(
            "m", "image", np.arange(len(owner)).astype(str), units, y,
            np.where(y == right[:, None], 0.9, 0.1), "probability", Decision("argmax"), {},
        )  # fmt: skip
        row = find(summarise(p, card, Resamples.draw(units, 300, seed=int(rng.integers(1000)))), "accuracy")
        hits += row.low <= truth <= row.high
    return hits / 250


def test_intervals_cover_clustered_data_where_a_bootstrap_of_rows_does_not() -> None:
    assert 0.92 <= covered(by_row=False) <= 0.98
    assert covered(by_row=True) < 0.85
