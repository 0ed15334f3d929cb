"""The paired permutation test against complete enumeration and a plain loop; and what it must not depend on."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from compare_world import card, several_seeds, two_models
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, matthews_corrcoef, roc_auc_score

from vlmeval.records import Difference, Predictions
from vlmeval.stats import Resamples
from vlmeval.stats.paired.exchange import Exchanged
from vlmeval.stats.paired.exchange_test import compare, compared_metrics
from vlmeval.stats.paired.swaps import Swaps, p_value
from vlmeval.stats.seeds import Seeds
from vlmeval.stats.summary import Asked

Loop = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def run(
    a: Any, b: Any, task: str = "single-label", *, draws: int = 0, permutations: int = 99, k: int = 3, **more: Any
) -> list[Difference]:
    ours, theirs = (x if isinstance(x, list) else [x] for x in (a, b))
    resamples = Resamples.draw(ours[0].units, draws, 0)
    swaps = Swaps.draw(resamples.units, permutations, 0)
    return list(compare(ours, theirs, card(task, k), resamples, swaps, **more).differences)


def find(found: list[Difference], metric: str, averaging: str, **where: Any) -> Difference:
    where = {"class_id": None, "group": None, "group_level": None} | where
    (one,) = [d for d in found if d.metric == metric and d.averaging == averaging
              and all(getattr(d, key) == value for key, value in where.items())]  # fmt: skip
    return one


def looped(a: Predictions, b: Predictions, swaps: Swaps, of: Loop, rows: np.ndarray | None = None) -> float:
    """p by a loop over permutations that swaps decisions and mid-ranks of whole units."""
    rows = np.ones(len(a), dtype=bool) if rows is None else rows
    unit = np.searchsorted(swaps.units, a.units[rows])
    truth = a.y_true[rows]
    answers = [p.scores[rows].argmax(axis=1) for p in (a, b)]
    ranks = [rankdata(p.scores[rows], axis=0) for p in (a, b)]
    differences = []
    for column in swaps.swapped.T:
        other = column[unit].astype(bool)
        sides = [
            (np.where(other, second, first), np.where(other[:, None], ranked[1], ranked[0]))
            for first, second, ranked in ((answers[0], answers[1], ranks), (answers[1], answers[0], ranks[::-1]))
        ]
        differences.append(of(truth, *sides[0]) - of(truth, *sides[1]))
    far = np.abs(differences) >= abs(differences[0]) - 1e-12
    return float(far.mean())


def balanced(truth: np.ndarray, answer: np.ndarray, ranks: np.ndarray) -> float:
    return float(balanced_accuracy_score(truth.argmax(axis=1), answer))


def macro_auroc(truth: np.ndarray, answer: np.ndarray, ranks: np.ndarray) -> float:
    return float(np.mean([roc_auc_score(truth[:, i], ranks[:, i]) for i in range(truth.shape[1])]))


def macro_wins(truth: np.ndarray, ranks: np.ndarray) -> float:
    """Macro AUROC by Mann and Whitney's rank sum: much faster than scikit-learn's."""
    found = []
    for i in range(truth.shape[1]):
        n, m = truth[:, i].sum(), (~truth[:, i]).sum()
        found.append((rankdata(ranks[:, i])[truth[:, i]].sum() - n * (n + 1) / 2) / (n * m))
    return float(np.mean(found))


def first_precision(truth: np.ndarray, answer: np.ndarray, ranks: np.ndarray) -> float:
    return float(average_precision_score(truth[:, 0], ranks[:, 0]))


def first_f1(truth: np.ndarray, answer: np.ndarray, ranks: np.ndarray) -> float:
    return float(f1_score(truth[:, 0], answer == 0))


def correlation(truth: np.ndarray, answer: np.ndarray, ranks: np.ndarray) -> float:
    return float(matthews_corrcoef(truth.argmax(axis=1), answer))


@pytest.mark.parametrize(
    ("metric", "averaging", "class_id", "of"),
    [
        ("balanced-accuracy", "overall", None, balanced),
        ("mcc", "overall", None, correlation),
        ("auroc", "macro", None, macro_auroc),
        ("average-precision", "class", "c0", first_precision),
        ("f1", "class", "c0", first_f1),
    ],
)
@pytest.mark.parametrize("group", [None, "light"])
def test_p_is_that_of_a_loop_over_the_same_swaps_with_scikit_learn(
    metric: str, averaging: str, class_id: str | None, of: Loop, group: str | None
) -> None:
    a, b = two_models(units=90, seed=3, better=0.15, scale=5.0)
    swaps = Swaps.draw(a.units, 50, 0)
    where = {"class_id": class_id} | ({"group": "tone", "group_level": group} if group else {})
    found = find(run(a, b, permutations=50), metric, averaging, **where)
    rows = a.groups["tone"] == 0 if group else None
    assert found.p == pytest.approx(looped(a, b, swaps, of, rows), abs=1e-12)
    assert 1 / 51 < found.p < 1


def test_with_few_units_every_way_is_tried_once() -> None:
    a, b = two_models(units=10, seed=1)
    found = find(run(a, b, permutations=2000), "accuracy", "overall")
    unit = np.unique(a.units, return_inverse=True)[1]
    right = [p.scores.argmax(axis=1) == p.y_true.argmax(axis=1) for p in (a, b)]
    gain = np.bincount(unit, weights=right[0].astype(float) - right[1])
    sums = [abs(np.dot(signs, gain)) for signs in itertools.product((1, -1), repeat=10)]
    assert found.p == np.mean(np.array(sums) >= sums[0] - 1e-9)
    assert Swaps.draw(a.units, 2000).permutations == 1023


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_nobody_swapped_is_the_observed_difference_in_every_cell_of_every_metric(task: str) -> None:
    a, b = two_models(task, units=140, seed=5, better=0.3)
    resamples = Resamples.draw(a.units, 0)
    swaps = Swaps.draw(resamples.units, 3)
    metrics = compared_metrics(card(task))
    asked = [Asked(Seeds.of([p], card(task), resamples), metrics) for p in (a, b)]
    for own, other in (asked, asked[::-1]):
        plain = own.everything(groups="full", classes=True)
        mixed = Exchanged.of(own, other, swaps).everything(groups="full", classes=True)
        assert len(plain) == len(mixed) > 100
        for x, y in zip(plain, mixed, strict=True):
            assert (x.metric, x.averaging, x.class_id, x.level, x.reason, x.n_units) == (
                y.metric, y.averaging, y.class_id, y.level, y.reason, y.n_units)  # fmt: skip
            np.testing.assert_allclose(x.draws[0], y.draws[0], atol=1e-12)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**16), st.sampled_from(["single-label", "multi-label"]))
def test_exchanging_the_models_changes_the_signs_and_nothing_else(seed: int, task: str) -> None:
    a, b = two_models(task, units=40, seed=seed)
    there, back = run(a, b, task, draws=40, permutations=40), run(b, a, task, draws=40, permutations=40)
    for x, y in zip(there, back, strict=True):
        assert (x.value is None) == (y.value is None)
        assert x.p == y.p
        assert x.detectable == pytest.approx(y.detectable)
        if x.value is not None:
            assert x.value == pytest.approx(-y.value, abs=1e-12)
        if x.low is not None:
            assert (x.low, x.high) == pytest.approx((-y.high, -y.low), abs=1e-9)


def test_equal_models_differ_by_nothing() -> None:
    a, _ = two_models(units=60)
    found = run(a, replace(a, method="twin"), draws=50, permutations=50)
    known = [d for d in found if d.value is not None]
    assert len(known) > 30
    assert all((d.value, d.low, d.high, d.p, d.detectable) == (0, 0, 0, 1, None) for d in known)
    assert all(d.p is None and d.reason for d in found if d.value is None)


def test_a_model_on_another_scale_is_the_same_model_to_metrics_of_order() -> None:
    a, b = two_models(units=80, seed=2, better=0.2)
    shrunk = replace(b, scores=b.scores / 50, kind="logit")
    for metric in ("auroc", "average-precision"):
        plain, other = (find(run(a, x, permutations=80), metric, "macro") for x in (b, shrunk))
        assert (plain.value, plain.p) == (other.value, other.p)


def test_row_order_never_matters() -> None:
    a, b = two_models(units=60, seed=4)
    order = np.random.default_rng(0).permutation(len(a))
    shuffled = replace(b, ids=b.ids[order], units=b.units[order], y_true=b.y_true[order], scores=b.scores[order],
                       groups={"tone": b.groups["tone"][order]})  # fmt: skip
    assert run(a, b, draws=30) == run(a, shuffled, draws=30)


def test_seeds_are_paired_and_one_meets_many() -> None:
    a, b = two_models(units=50, seed=6)
    logit = replace(a, kind="logit")
    many = several_seeds(b, 3)
    found = find(run(logit, many, metrics=["auroc"], permutations=39), "auroc", "macro")
    swaps = Swaps.draw(a.units, 39, 0)
    unit = np.searchsorted(swaps.units, a.units)
    differences = []
    for column in swaps.swapped.T:
        other = column[unit].astype(bool)[:, None]
        one = []
        for p in many:
            ranks = [rankdata(x.scores, axis=0) for x in (logit, p)]
            sides = [np.where(other, *pair) for pair in (ranks[::-1], ranks)]
            one.append(macro_wins(a.y_true, sides[0]) - macro_wins(a.y_true, sides[1]))
        differences.append(np.mean(one))
    assert found.value == pytest.approx(differences[0], abs=1e-12)
    assert found.p == np.mean(np.abs(differences) >= abs(differences[0]) - 1e-12)
    equal = find(run(many, several_seeds(a, 3, seed=1), metrics=["auroc"], permutations=39), "auroc", "macro")
    assert equal.p is not None
    uneven = find(run(several_seeds(a, 2), many, metrics=["auroc"], permutations=39), "auroc", "macro")
    values = [np.mean([macro_wins(a.y_true, p.scores) for p in side]) for side in (several_seeds(a, 2), many)]
    assert uneven.value == pytest.approx(values[0] - values[1], abs=1e-12)
    assert uneven.p is not None


def test_small_cells_have_neither_difference_nor_p() -> None:
    a, b = two_models(units=24, seed=7)
    found = run(a, b, draws=20)
    hidden = [d for d in found if d.value is None]
    assert any("suppressed" in str(d.reason) for d in hidden)
    assert all(d.p is None and d.detectable is None for d in hidden)


def test_no_test_without_permutations() -> None:
    a, b = two_models(units=40)
    assert {d.p for d in run(a, b, permutations=0)} == {None}


def test_more_permutations_only_add_to_those_that_are_there() -> None:
    units = np.array([f"u{i}" for i in range(50)])
    few, many = Swaps.draw(units, 300, 7), Swaps.draw(units, 900, 7)
    np.testing.assert_array_equal(few.swapped, many.swapped[:, :301])
    assert few.swapped[:, 0].sum() == 0
    assert 0.48 < many.swapped[:, 1:].mean() < 0.52
    assert not np.array_equal(few.swapped, Swaps.draw(units, 300, 8).swapped)


@given(st.lists(st.one_of(st.just(float("nan")), st.floats(-1, 1)), min_size=2, max_size=60))
def test_p_counts_itself_and_what_is_undefined(values: list[float]) -> None:
    found = p_value(np.array(values))
    if found is None:
        assert np.isnan(values[0]) or np.isnan(values[1:]).mean() > 0.05
    else:
        assert 1 / len(values) <= found <= 1


def test_a_class_that_one_model_cannot_predict_is_no_like_for_like_average_but_counts_as_wrong() -> None:
    a, b = two_models(units=90, seed=9, better=0.2)
    without = replace(b, unscored=("c0",))
    found = run(a, without, permutations=60)
    macro = find(found, "auroc", "macro")
    assert macro.value is None
    assert macro.p is None
    assert "different classes" in str(macro.reason)
    other = find(found, "auroc", "class", class_id="c1")
    assert other.value == pytest.approx(find(run(a, b), "auroc", "class", class_id="c1").value)
    accuracy = find(found, "accuracy", "overall")
    answer = without.scores[:, 1:].argmax(axis=1) + 1
    truth = a.y_true.argmax(axis=1)
    gain = (a.scores.argmax(axis=1) == truth).astype(float) - (answer == truth)
    swaps = Swaps.draw(a.units, 60, 0)
    signs = 1 - 2.0 * swaps.swapped[np.searchsorted(swaps.units, a.units)]
    differences = gain @ signs / len(gain)
    assert accuracy.value == pytest.approx(differences[0])
    assert accuracy.p == pytest.approx(np.mean(np.abs(differences) >= abs(differences[0]) - 1e-12))
