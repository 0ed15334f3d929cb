"""The fast objective against the statistics that report it, against scikit-learn, and against brute force."""

from __future__ import annotations

import numpy as np
import pytest
import search_worlds as worlds
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from vlmeval.methods import Rule
from vlmeval.records import Decision, Predictions, Samples
from vlmeval.stats import Resamples, choose_thresholds, estimate
from vlmeval.workbench.search.candidates import Candidates, State
from vlmeval.workbench.search.figures import Judged, difference, estimate_of, figure
from vlmeval.workbench.search.greedy import values_of
from vlmeval.workbench.search.measure import Truth, auroc, decided, measure, thresholds_of
from vlmeval.workbench.search.target import Target, target_of

PARTS = ("auroc", "balanced-accuracy", "worst-tone")


def world(task: str, level: str = "unit", seed: int = 0) -> tuple[Samples, Candidates]:
    card = worlds.benchmark(4, task, level)
    rows = worlds.samples(260, card=card, seed=seed, images=2)
    chosen = worlds.pool(5, 4, names=2)
    words = worlds.texts(chosen, signal=0.4, seed=seed)
    rule = Rule("softmax", 12.0) if task == "single-label" else Rule("sigmoid", 12.0, -3.0)
    return rows, worlds.candidates(rows, worlds.vectors(rows, signal=1.5, seed=seed), chosen, words, rule)


def target(rows: Samples, known: Candidates, shares: dict[str, float]) -> Target:
    return target_of(shares, rows.benchmark, (known.labels, known.units), known.groups)


def predictions(rows: Samples, known: Candidates, scores: np.ndarray, decision: Decision) -> Predictions:
    kind = "softmax" if rows.benchmark.task == "single-label" else "sigmoid"
    ids = np.array([f"r{i}" for i in range(len(known))])
    level = rows.benchmark.headline_level
    return Predictions("m", level, ids, known.units, known.labels, scores, kind, decision, dict(known.groups))


def decision(known: Candidates, scores: np.ndarray, task: str) -> Decision:
    if task == "single-label":
        return Decision("argmax")
    return Decision("threshold", tuple(choose_thresholds(known.labels, scores).tolist()), "validation")


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
@pytest.mark.parametrize("level", ["unit", "image"])
@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_what_the_statistics_report(task: str, level: str, part: str) -> None:
    rows, known = world(task, level)
    asked = target(rows, known, {part: 1.0})
    states = [State((0,)), State((1, 3)), State((0, 2, 4)).with_word(1, "n10", False)]
    fast = values_of(known, states, asked)
    resamples = Resamples.draw(known.units, 200)
    for state, value in zip(states, fast, strict=True):
        scores = known.scores(known.cosines([state])[0])
        chosen = decision(known, scores, task)
        found = estimate([predictions(rows, known, scores, chosen)], rows.benchmark, resamples).rows()
        over = "overall" if task == "single-label" else "macro"
        where = {
            "auroc": ("auroc", "macro", None),
            "worst-tone": ("auroc", "macro-common", "worst"),
            "balanced-accuracy": ("balanced-accuracy", over, None),
        }
        metric, averaging, gap = where[part]
        own = [r for r in found if (r.metric, r.averaging, r.group_level, r.class_id) == (metric, averaging, gap, None)]
        assert len(own) == 1
        assert value == pytest.approx(own[0].value, abs=1e-12)
        thresholds = None if chosen.thresholds is None else np.array(chosen.thresholds)
        judged = Judged(scores, decided(scores, thresholds), known.labels, known.units, known.groups["tone"],
                        np.zeros(len(known), dtype=np.int8))  # fmt: skip
        shown = figure(estimate_of(judged, asked, resamples), rows.benchmark.task)
        assert (shown.value, shown.low, shown.high) == pytest.approx((own[0].value, own[0].low, own[0].high), abs=1e-12)


def test_a_mix_is_mixed_by_its_shares_in_value_and_in_every_draw() -> None:
    rows, known = world("single-label")
    mix = {"auroc": 0.5, "balanced-accuracy": 0.2, "worst-tone": 0.3}
    alone = [values_of(known, [State((1,))], target(rows, known, {part: 1.0}))[0] for part in mix]
    both = values_of(known, [State((1,))], target(rows, known, mix))[0]
    assert both == pytest.approx(np.dot(alone, list(mix.values())))
    scores = known.scores(known.cosines([State((1,))])[0])
    judged = Judged(scores, decided(scores, None), known.labels, known.units, known.groups["tone"],
                    np.zeros(len(known), dtype=np.int8))  # fmt: skip
    resamples = Resamples.draw(known.units, 50)
    draws = [estimate_of(judged, target(rows, known, {part: 1.0}), resamples).draws for part in mix]
    mixed = estimate_of(judged, target(rows, known, mix), resamples)
    np.testing.assert_allclose(mixed.draws, np.average(draws, axis=0, weights=list(mix.values())), atol=1e-12)
    assert difference(mixed, mixed, "single-label").value == 0.0


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), ties=st.booleans(), n=st.integers(4, 60))
def test_auroc_of_many_choices_is_scikit_learns(seed: int, ties: bool, n: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(3, n, 4))
    scores = np.round(scores) if ties else scores
    labels = rng.random((n, 4)) < 0.4
    found = auroc(scores, labels)
    for b in range(3):
        for k in range(4):
            if labels[:, k].all() or not labels[:, k].any():
                assert np.isnan(found[b, k])
            else:
                assert found[b, k] == pytest.approx(roc_auc_score(labels[:, k], scores[b, :, k]), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), ties=st.booleans())
def test_balanced_accuracy_at_chosen_thresholds_is_that_of_the_thresholds(seed: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.random((80, 3)) < 0.4
    scores = rng.normal(size=(80, 3)) + labels
    scores = np.round(scores) if ties else scores
    asked = Target({"balanced-accuracy": 1.0}, False, np.ones(3, dtype=bool))
    truth = Truth(labels, None)
    own = measure(scores[None], truth, asked)[0]
    thresholds = thresholds_of(scores, truth, asked)
    assert thresholds is not None
    assert measure(scores[None], truth, asked, thresholds)[0] == pytest.approx(own, abs=1e-12)
    plain = [balanced_accuracy_score(labels[:, k], scores[:, k] >= thresholds[k]) for k in range(3)]
    assert own == pytest.approx(np.mean(plain), abs=1e-12)


def test_scores_of_several_folds_are_compared_within_a_fold_only() -> None:
    rng = np.random.default_rng(5)
    n, fold = 90, np.arange(90, dtype=np.int8) % 3
    labels = np.eye(2, dtype=bool)[rng.integers(0, 2, n)]
    scores = rng.normal(size=(n, 2)) + labels + 100.0 * fold[:, None]
    units = np.array([f"u{i}" for i in range(n)])
    judged = Judged(scores, decided(scores, None), labels, units, None, fold)
    found = estimate_of(judged, Target({"auroc": 1.0}, True, np.ones(2, dtype=bool)), Resamples.draw(units, 20))
    by_class = []
    for k in range(2):
        pairs = [(i, j) for i in range(n) for j in range(n) if labels[i, k] and not labels[j, k] and fold[i] == fold[j]]
        by_class.append(np.mean([scores[i, k] > scores[j, k] for i, j in pairs]))
    assert found.draws[0] == pytest.approx(np.mean(by_class), abs=1e-12)
    assert roc_auc_score(labels[:, 0], scores[:, 0]) < found.draws[0] - 0.05
