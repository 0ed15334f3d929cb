"""What every metric must do, whatever it is: a new metric is held to all of it as soon as it is registered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_predictions import benchmark, classes, predictions
from real_weights import Key, weighted_draws, weights_of

from vlmeval.records import Predictions
from vlmeval.stats import all_metrics, metric_info
from vlmeval.stats.metrics.probabilities import WORST_LOG_LOSS

TASKS = st.sampled_from(["single-label", "multi-label"])
SEEDS = st.integers(0, 1000)
quick = settings(max_examples=8, deadline=None)

LEVELS = {None, *(level.id for group in benchmark().available_groups for level in group.levels)}
"""All samples and real levels: gaps have bounds of their own."""

# Of certain and right predictions every directed metric has its best value, but for these.
BEST = {"brier-resolution": "what the classes leave uncertain"}
# Of certain and wrong predictions every directed metric has its worst value, but for these.
WORST = {
    "average-precision": "the positives come last, and still have the precision of the whole",
    "malignant-average-precision": "the same",
    "cohen-kappa": "less than chance by as much as the marginals allow",
    "mcc": "the same",
    "brier-skill": "has no worst value",
    "brier-resolution": "wrong bins tell the classes apart as well as right ones",
    "ranking-loss": "rows with all classes or none count 0",
    "precision": "a class that is given nowhere has none",
}


def values(p: Predictions, task: str, draws: int = 1) -> dict[Key, np.ndarray]:
    return weighted_draws(p, benchmark(task), weights_of(len(p), draws))


def certain(task: str, *, right: bool) -> dict[Key, np.ndarray]:
    """Draws of predictions that give probability 1 to what is true and 0 to the rest, or the other way round.

    Single-label: of two classes, a malignant and a benign one; what is the highest of more has no one reverse. Or of
    five, where nothing depends on that.
    """
    k = 2 if task == "single-label" and not right else 5
    p = predictions(task, n=400, k=k)
    p = replace(p, scores=(p.y_true == right).astype(float))
    if task == "multi-label":
        p = replace(p, decision=replace(p.decision, thresholds=(0.5,) * 5))
    card = benchmark(task, k, classes=classes([0, 2])) if k == 2 else benchmark(task)
    found = weighted_draws(p, card, weights_of(len(p), 1))
    return {key: draws for key, draws in found.items() if key[3] is None}


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
@pytest.mark.parametrize("right", [True, False], ids=["perfect", "reversed"])
def test_perfect_and_reversed_predictions_have_the_documented_extremes(task: str, right: bool) -> None:
    found = certain(task, right=right)
    seen = set()
    for (metric, averaging, *_), draws in found.items():
        info = metric_info(metric, task)
        if info.direction == "none" or metric.endswith(("-chance", "-majority")):
            continue
        seen.add(metric)
        best = (info.direction == "higher") == right
        if metric in (BEST if right else WORST):
            continue
        assert draws == pytest.approx(info.bounds[1 if best else 0], abs=1e-9), (metric, averaging)
    references = {m.id for m in all_metrics(task) if m.id.endswith(("-chance", "-majority")) or m.direction == "none"}
    undefined = set() if right else {"precision", "top-3-accuracy"}
    assert seen | references | undefined >= {m.id for m in all_metrics(task)}
    if not right:
        average = "overall" if task == "single-label" else "macro"
        assert found["brier", average, None, None, None] == pytest.approx(2 if task == "single-label" else 1)
        assert found["log-loss", average, None, None, None] == pytest.approx(WORST_LOG_LOSS)


@quick
@given(task=TASKS, seed=SEEDS, ties=st.booleans(), sharp=st.sampled_from([0.02, 1.0, 30.0]))
def test_values_lie_within_bounds(task: str, seed: int, ties: bool, sharp: float) -> None:
    p = predictions(task, n=200, seed=seed, ties=ties)
    power = p.scores**sharp
    scores = power / power.sum(axis=1, keepdims=True) if task == "single-label" else power
    for key, draws in values(replace(p, scores=scores), task, draws=5).items():
        if key[4] not in LEVELS:
            continue
        low, high = metric_info(key[0], task).bounds
        defined = draws[~np.isnan(draws)]
        assert low - 1e-12 <= defined.min(initial=low), key
        assert defined.max(initial=high) <= high + 1e-12, key


UNCHANGED = {"average-precision", "sensitivity", "precision", "f1"}
# Equal-mass bins move, and so does the prevalence that skill and resolution are measured against.
EITHER_WAY = {"ece-equal-mass", "brier-skill", "brier-resolution"}


@quick
@given(seed=SEEDS, ties=st.booleans())
def test_an_easy_negative_changes_only_what_counts_negatives(seed: int, ties: bool) -> None:
    p = predictions("multi-label", n=200, seed=seed, ties=ties)
    far = replace(
        p,
        ids=np.append(p.ids, "far"),
        units=np.append(p.units, "far"),
        y_true=np.concatenate([p.y_true, np.zeros((1, 5), dtype=bool)]),
        scores=np.concatenate([p.scores, np.zeros((1, 5))]),
        groups={g: np.append(c, c[0]) for g, c in p.groups.items()},
    )
    before, after = values(p, "multi-label"), values(far, "multi-label")
    for key, draws in before.items():
        info = metric_info(key[0], "multi-label")
        if key[3] is not None or key[0] in EITHER_WAY or info.direction == "none":
            continue
        change = after[key][0] - draws[0]
        if key[0] in UNCHANGED:
            assert change == pytest.approx(0, abs=1e-12), key
        else:
            assert (change if info.direction == "higher" else -change) >= -1e-12, key


@quick
@given(seed=SEEDS, power=st.floats(0.2, 5), ties=st.booleans())
def test_every_rank_metric_ignores_a_strictly_monotone_transform_of_a_class(
    seed: int, power: float, ties: bool
) -> None:
    p = predictions("multi-label", n=200, seed=seed, ties=ties)
    changed = np.stack([p.scores[:, k] ** (power + k) for k in range(5)], axis=1)
    before, after = (values(replace(p, scores=s), "multi-label") for s in (p.scores, changed))
    ranked = {m.id for m in all_metrics("multi-label") if m.ranks is not None}
    assert len(ranked) >= 10
    for key, draws in before.items():
        if key[0] in ranked:
            np.testing.assert_array_equal(draws, after[key], err_msg=str(key))


@quick
@given(seed=SEEDS, scale=st.floats(0.1, 20))
def test_malignancy_ranks_logits_as_it_ranks_their_softmax(seed: int, scale: float) -> None:
    p = predictions(n=200, seed=seed)
    logits = np.log(p.scores) + np.random.default_rng(seed).normal(size=(len(p), 1)) * scale
    by_kind = [values(q, "single-label") for q in (p, replace(p, scores=logits, kind="logit"))]
    keys = [key for key in by_kind[0] if key[0].startswith("malignant")]
    assert len({key[0] for key in keys}) == 4
    for key in keys:
        np.testing.assert_allclose(by_kind[0][key], by_kind[1][key], atol=1e-12, err_msg=str(key))


@quick
@given(seed=SEEDS, scale=st.floats(0.1, 20), shift=st.floats(-3, 3))
def test_malignancy_of_cosines_ignores_scale_and_shift(seed: int, scale: float, shift: float) -> None:
    p = replace(predictions(n=200, seed=seed), kind="cosine")
    one, two = (values(q, "single-label") for q in (p, replace(p, scores=p.scores * scale + shift)))
    for key in one:
        if key[0].startswith("malignant"):
            np.testing.assert_allclose(one[key], two[key], atol=1e-12, err_msg=str(key))


def test_malignancy_is_not_available_where_nobody_said_what_is_malignant() -> None:
    p = predictions(n=200)
    plain = [{"id": f"c{i}", "name": f"Class {i}", "labels": [f"c{i}"]} for i in range(5)]
    found = weighted_draws(p, benchmark(classes=plain), weights_of(len(p)))
    assert not any(key[0].startswith("malignant") for key in found)
    unscored = weighted_draws(replace(p, unscored=("c4",)), benchmark(), weights_of(len(p)))
    assert not any(key[0].startswith("malignant") for key in unscored)
    benign = weighted_draws(replace(p, unscored=("c2",)), benchmark(), weights_of(len(p)))
    assert ("malignant-auroc", "overall", None, None, None) in benign


def test_log_loss_wants_a_distribution() -> None:
    p = predictions(n=200)
    rounded = values(replace(p, scores=np.round(p.scores, 3), kind="probability"), "single-label")
    assert ("log-loss", "overall", None, None, None) in rounded
    sigmoid = values(replace(p, scores=p.scores**0.5, kind="sigmoid"), "single-label")
    assert not any(key[0] == "log-loss" for key in sigmoid)
    assert ("brier", "overall", None, None, None) in sigmoid
