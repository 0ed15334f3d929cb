"""Each few-shot variant against a plain, slow computation of the same thing, and what they fall back to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from few_shot_world import anchor_of, ask_for, world
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logsumexp, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from vlmeval.methods import Rule, TextSide, zero_shot
from vlmeval.methods.features import Features
from vlmeval.methods.fewshot import VARIANTS, Anchor, FewShotResult, SeedPoint, few_shot
from vlmeval.methods.fewshot.anchor import as_scores
from vlmeval.methods.fewshot.rows import Rows
from vlmeval.methods.fewshot.variant import Fitting, Job
from vlmeval.records import Embeddings, FewShotOptions, Samples

BOTH = pytest.mark.parametrize("task", ["single-label", "multi-label"])
Array = np.ndarray[Any, np.dtype[Any]]


def normed(x: Array) -> Array:
    x = np.asarray(x, dtype=np.float64)
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def drawn_rows(samples: Samples, result: FewShotResult, shots: int, seed: int = 0) -> Array:
    draw = next(d for d in result.used.draws if d.seed == seed)
    return np.flatnonzero(np.isin(samples.units, draw.units[: draw.sizes[str(shots)]]))


def weights(units: Array) -> Array:
    return np.array([1 / (units == unit).sum() for unit in units])


def unit_vectors(samples: Samples, images: Embeddings, units: Array) -> Array:
    x = normed(images.vectors)
    return normed(np.stack([x[(samples.units == u)].mean(axis=0) for u in units]))


def one(result: FewShotResult, variant: str, shots: Any = 4, seed: int = 0) -> SeedPoint:
    point = next(p for p in result.points if (p.variant, p.shots) == (variant, shots))
    return next(s for s in point.seeds if s.seed == seed)


def sweep(task: str, anchor_kind: str = "softmax", **fields: Any) -> tuple[Samples, Embeddings, Anchor, FewShotResult]:
    samples, images, means = world((9, 6, 7), task)
    anchor = anchor_of(means, anchor_kind)
    options = FewShotOptions.model_validate({"shots": (4,), "seeds": 2, "tune": "fixed", **fields})
    return samples, images, anchor, few_shot(samples, images, anchor, ask_for(), options)


@BOTH
def test_logistic_equals_scikit_learn(task: str) -> None:
    samples, images, _, result = sweep(task, variants=("logistic",))
    rows = drawn_rows(samples, result, 4, seed=1)
    x, y, w = normed(images.vectors[rows]), samples.labels[rows], weights(samples.units[rows])
    got = one(result, "logistic", seed=1)
    test = unit_vectors(samples, images, got.scored.ids)
    c = got.parameters["C"]
    fit = {"C": c, "tol": 1e-10, "max_iter": 100_000}
    if task == "single-label":
        wanted = LogisticRegression(**fit).fit(x, y.argmax(1), w).predict_proba(test)
        assert got.scored.kind == "softmax"
    else:
        parts = [LogisticRegression(**fit).fit(x, y[:, k], w).predict_proba(test)[:, 1] for k in range(3)]
        wanted = np.stack(parts, axis=1)
        assert got.scored.kind == "sigmoid"
    np.testing.assert_allclose(got.scored.scores, wanted, atol=2e-4)
    np.testing.assert_array_equal(got.scored.labels, [samples.labels[samples.units == u][0] for u in got.scored.ids])


def anchored_by_hand(x: Array, y: Array, w: Array, z: Array, c: float, task: str) -> tuple[Array, Array]:
    """Minimise the objective as it is written, with a general optimiser."""
    d, k = x.shape[1], y.shape[1]
    free = task == "multi-label"

    def objective(flat: Array) -> tuple[float, Array]:
        weight, b = flat[: k * d].reshape(k, d), flat[k * d :] * free
        logits = z + x @ weight.T + b
        if task == "single-label":
            losses = logsumexp(logits, axis=1) - (logits * y).sum(axis=1)
            residual = softmax(logits, axis=1) - y
        else:
            losses = np.logaddexp(0, np.where(y, -logits, logits)).sum(axis=1)
            residual = expit(logits) - y
        residual = residual * w[:, None]
        slope = np.concatenate(
            [(weight + c * residual.T @ x).ravel(), c * residual.sum(axis=0) * (task == "multi-label")]
        )
        return float(0.5 * (weight**2).sum() + c * w @ losses), slope

    exact = {"maxiter": 10**5, "gtol": 1e-10, "ftol": 1e-16}
    found = minimize(objective, np.zeros(k * d + k), jac=True, method="L-BFGS-B", options=exact)
    return found.x[: k * d].reshape(k, d), found.x[k * d :] * free


@BOTH
def test_text_anchored_minimises_its_objective(task: str) -> None:
    samples, images, anchor, result = sweep(task, variants=("text-anchored",))
    rows = drawn_rows(samples, result, 4)
    x, y, w = normed(images.vectors[rows]), samples.labels[rows], weights(samples.units[rows])
    got = one(result, "text-anchored")
    test = unit_vectors(samples, images, got.scored.ids)

    def zero_shot_logits(v: Array) -> Array:
        z = anchor.scale * v @ anchor.text.T
        if task == "single-label":
            return z
        p = softmax(z, axis=1)
        return np.log(p) - np.log1p(-p)

    weight, b = anchored_by_hand(x, y, w, zero_shot_logits(x), got.parameters["C"], task)
    logits = zero_shot_logits(test) + test @ weight.T + b
    wanted = softmax(logits, axis=1) if task == "single-label" else expit(logits)
    np.testing.assert_allclose(got.scored.scores, wanted, atol=1e-4)
    assert np.abs(weight).max() > 0.05, "the shots have a say"


@BOTH
def test_cache_adds_votes_to_zero_shot(task: str) -> None:
    samples, images, anchor, result = sweep(task, variants=("cache",))
    rows = drawn_rows(samples, result, 4)
    x, y, w = normed(images.vectors[rows]), samples.labels[rows], weights(samples.units[rows])
    got = one(result, "cache")
    assert (got.parameters["alpha"], got.parameters["beta"]) == (1.0, 5.5)
    per_class = [w[y[:, k]].sum() for k in range(3)]
    for v, scores in zip(unit_vectors(samples, images, got.scored.ids), got.scored.scores, strict=True):
        z = anchor.scale * anchor.text @ v
        if task == "multi-label":
            z = np.log(softmax(z)) - np.log1p(-softmax(z))
        for k in range(3):
            votes = [[], []]
            for xi, yi, wi in zip(x, y[:, k], w, strict=True):
                votes[int(yi)].append(wi * np.exp(-5.5 * (1 - v @ xi)))
            if task == "single-label":
                # Balanced: P_k = m = k shots, the paper's own formula.
                z[k] += sum(votes[1])
            else:
                z[k] += np.mean(per_class) * (sum(votes[1]) / per_class[k] - sum(votes[0]) / w[~y[:, k]].sum())
        np.testing.assert_allclose(scores, softmax(z) if task == "single-label" else expit(z), atol=1e-12)


def test_cache_gives_every_class_the_same_say_in_draws_that_are_not_balanced() -> None:
    samples, images, means = world((40, 5), noise=0.1)
    anchor = Anchor(np.zeros_like(means), "softmax", 1.0)
    options = FewShotOptions(shots=("all",), tune="fixed", variants=("cache",))
    got = one(few_shot(samples, images, anchor, ask_for(), options), "cache", "all").scored
    assert (got.scores.argmax(1) == got.labels.argmax(1)).mean() == 1.0


@BOTH
def test_nearest_mean_is_the_cosine_to_the_mean(task: str) -> None:
    samples, images, _, result = sweep(task, variants=("nearest-mean",))
    rows = drawn_rows(samples, result, 4)
    x, y, w = normed(images.vectors[rows]), samples.labels[rows], weights(samples.units[rows])
    got = one(result, "nearest-mean").scored
    assert got.kind == "cosine"
    test = unit_vectors(samples, images, got.ids)
    for k in range(3):
        wanted = test @ normed(np.average(x[y[:, k]], axis=0, weights=w[y[:, k]])[None])[0]
        if task == "multi-label":
            wanted = wanted - test @ normed(np.average(x[~y[:, k]], axis=0, weights=w[~y[:, k]])[None])[0]
        np.testing.assert_allclose(got.scores[:, k], wanted, atol=1e-12)


RULES = [Rule("softmax", 20.0), Rule("sigmoid", 20.0, -4.0), Rule("cosine")]


@BOTH
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
@pytest.mark.parametrize("pooling", ["mean-embedding", "mean-score"])
@pytest.mark.parametrize("level", ["unit", "image"])
def test_text_anchored_at_tiny_c_is_zero_shot(task: str, rule: Rule, pooling: Any, level: str) -> None:
    samples, images, _ = world((9, 6, 7), task, level=level)
    rng = np.random.default_rng(5)
    prompts = [rng.normal(size=(m, 12)) for m in (1, 2, 3)]
    anchor = Anchor.of(TextSide(prompts), rule)
    options = FewShotOptions(shots=(1, 4), seeds=2, variants=("text-anchored",))
    result = few_shot(samples, images, anchor, ask_for(pooling=pooling, c_grid=(1e-12,)), options)
    wanted = zero_shot(samples, images, TextSide(prompts), rule, pooling=pooling)[level].in_split("test")  # type: ignore[index]
    got = one(result, "text-anchored", 4)
    np.testing.assert_array_equal(got.scored.ids, wanted.ids)
    if task == "single-label":
        np.testing.assert_array_equal(got.scored.scores.argmax(1), wanted.scores.argmax(1))
    if (task, rule.kind) == ("multi-label", "cosine") and pooling == "mean-score":
        return  # the mean of probabilities and the mean of cosines rank units differently
    for k in range(3):
        scale = 100.0 if rule.kind == "cosine" and task == "single-label" else 1.0
        if task == "single-label":
            np.testing.assert_allclose(got.scored.scores[:, k] / scale, wanted.scores[:, k], atol=1e-9)
        elif pooling == "mean-embedding":
            np.testing.assert_array_equal(got.scored.scores[:, k].argsort(), wanted.scores[:, k].argsort())


def job(task: str, candidates: Any, anchor: Anchor) -> Job:
    samples, images, _ = world((9, 6, 7), task)
    train, test = samples.split == "train", samples.split == "test"
    x = normed(images.vectors[train])
    offset = anchor.logits(x, single_label=task == "single-label")
    target = Rows(samples.take(test), images.vectors[test], "unit", "mean-embedding", anchor)
    weight = weights(samples.units[train])
    return Job(x, samples.labels[train], weight, offset, Features("l2"), target, np.arange(3), candidates)


@BOTH
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
@pytest.mark.parametrize(("variant", "candidate"), [("cache", (0.0, 5.5)), ("text-anchored", (0.0,))])
def test_the_grids_zero_is_zero_shot_itself(task: str, rule: Rule, variant: Any, candidate: Any) -> None:
    rng = np.random.default_rng(6)
    prompts = [rng.normal(size=(2, 12)) for _ in range(3)]
    anchor = Anchor.of(TextSide(prompts, "mean-score"), rule)
    assert anchor is not None
    assert candidate in VARIANTS[variant].grid(ask_for().options)
    asked = job(task, (candidate,), anchor)
    logits = VARIANTS[variant].solve([asked], Fitting(task == "single-label"))[0].logits[0]
    kind = anchor.score_kind(single_label=task == "single-label")
    samples, images, _ = world((9, 6, 7), task)
    wanted = zero_shot(samples, images, TextSide(prompts, "mean-score"), rule)["unit"].in_split("test").scores
    if rule.kind == "cosine":
        np.testing.assert_allclose(logits / 100, wanted, atol=1e-12)
    else:
        np.testing.assert_allclose(as_scores(logits, kind), wanted, atol=1e-12)


def test_an_anchor_that_is_not_linear_is_none() -> None:
    assert Anchor.of(TextSide([np.ones((2, 3))], "max-score"), Rule("cosine")) is None


@BOTH
def test_jobs_solved_together_or_alone_with_one_c_or_many_give_the_same(task: str) -> None:
    anchor = anchor_of(world((9, 6, 7), task)[2])
    fitting = Fitting(task == "single-label")
    for name in ("logistic", "text-anchored"):
        solve = VARIANTS[name].solve  # type: ignore[index]
        grids = (((0.5,), (3.0,)), ((3.0,),), ((7.0,),))
        together = solve([job(task, grid, anchor) for grid in grids], fitting)
        np.testing.assert_allclose(together[0].logits[1], together[1].logits[0], atol=1e-3)
        alone = solve([job(task, ((7.0,), (0.5,)), anchor)], fitting)[0]
        np.testing.assert_allclose(alone.logits[1], together[0].logits[0], atol=1e-3)
        np.testing.assert_allclose(alone.logits[0], together[2].logits[0], atol=1e-3)
        assert (together[0].gap <= 1e-8).all()


def test_balanced_class_weights_equal_scikit_learns() -> None:
    for task in ("single-label", "multi-label"):
        samples, images, _ = world((20, 5, 9), task)
        options = FewShotOptions(shots=("all",), variants=("logistic",))
        ask = ask_for(class_weight="balanced", unit_weights=False, c_grid=(2.0,))
        got = one(few_shot(samples, images, None, ask, options), "logistic", "all").scored
        train = samples.split == "train"
        x, y = normed(images.vectors[train]), samples.labels[train]
        test = unit_vectors(samples, images, got.ids)
        fit = {"C": 2.0, "tol": 1e-10, "max_iter": 100_000, "class_weight": "balanced"}
        if task == "single-label":
            wanted = LogisticRegression(**fit).fit(x, y.argmax(1)).predict_proba(test)
        else:
            parts = [LogisticRegression(**fit).fit(x, y[:, k]).predict_proba(test)[:, 1] for k in range(3)]
            wanted = np.stack(parts, axis=1)
        np.testing.assert_allclose(got.scores, wanted, atol=2e-4)


@pytest.mark.parametrize("regime", ["balanced", "natural"])
def test_classes_weigh_the_same_in_balanced_draws_of_all_units(regime: str) -> None:
    samples, images, _ = world((20, 4, 9))
    options = FewShotOptions(shots=("all",), seeds=1, variants=("logistic",), regimes=(regime,), tune="fixed")
    result = few_shot(samples, images, None, ask_for(c_grid=(10.0,)), options)
    rows = np.flatnonzero(samples.split == "train")
    x, y, w = normed(images.vectors[rows]), samples.labels[rows].argmax(1), weights(samples.units[rows])
    if regime == "balanced":
        w = w * (w.sum() / (3 * np.bincount(y, weights=w)))[y]
    got = result.points[0].seeds[0].scored
    model = LogisticRegression(C=10.0, tol=1e-10, max_iter=10**5).fit(x, y, w)
    np.testing.assert_allclose(got.scores, model.predict_proba(unit_vectors(samples, images, got.ids)), atol=2e-4)
    assert result.points[0].parameters["class_weight"] == ("balanced" if regime == "balanced" else "none")


def test_standardised_features_know_only_the_draw() -> None:
    samples, images, _ = world((9, 6, 7))
    options = FewShotOptions(shots=(4,), seeds=1, variants=("logistic",))
    result = few_shot(samples, images, None, ask_for(features="standardised", c_grid=(0.1,)), options)
    rows = drawn_rows(samples, result, 4)
    raw, w = images.vectors[rows].astype(np.float64), weights(samples.units[rows])
    mean = np.average(raw, axis=0, weights=w)
    sd = np.sqrt(np.average((raw - mean) ** 2, axis=0, weights=w))
    got = one(result, "logistic").scored
    test = np.stack([((images.vectors[samples.units == u] - mean) / sd).mean(axis=0) for u in got.ids])
    model = LogisticRegression(C=0.1, tol=1e-10, max_iter=10**5)
    model.fit((raw - mean) / sd, samples.labels[rows].argmax(1), w)
    np.testing.assert_allclose(got.scores, model.predict_proba(test), atol=2e-4)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(1.0, 200.0), k=st.integers(2, 6))
def test_multi_label_offsets_are_the_log_odds_of_softmax_scores(seed: int, scale: float, k: int) -> None:
    rng = np.random.default_rng(seed)
    x, text = normed(rng.normal(size=(20, 8))), normed(rng.normal(size=(k, 8)))
    logits = Anchor(text, "softmax", scale).logits(x, single_label=False)
    np.testing.assert_allclose(expit(logits), softmax(scale * x @ text.T, axis=1), atol=1e-12)


def test_ranking_by_text_survives_for_a_label_that_was_not_drawn() -> None:
    samples, images, means = world((9, 6, 0), "multi-label")
    samples.labels[samples.split == "train", 2] = False
    anchor = anchor_of(means, noise=0.1)
    options = FewShotOptions(shots=(2,), seeds=1, tune="fixed")
    result = few_shot(samples, images, anchor, ask_for(), options)
    auroc = {}
    for point in result.points:
        got = point.seeds[0]
        assert got.parameters["missing"] == ["c2"]
        auroc[point.variant] = roc_auc_score(got.scored.labels[:, 2], got.scored.scores[:, 2])
    assert auroc["logistic"] == auroc["nearest-mean"] == 0.5
    assert auroc["text-anchored"] == auroc["cache"] > 0.8
