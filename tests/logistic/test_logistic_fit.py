"""Certified fits against scikit-learn at tol 1e-10 and scipy on the explicit objective."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from vlmeval.logistic import Fit, Problem, fit_logistic

CS = (1e-4, 1e-2, 1.0, 100.0, 1e4)
KINDS = ("random", "separable", "collinear", "constant", "one-class-missing", "heavy-tailed", "duplicates")


def made(kind: str, n: int, d: int, k: int, seed: int) -> Problem:
    """A multinomial problem of that kind; every class that should be there is."""
    rng = np.random.default_rng(seed)
    present = k - 1 if kind == "one-class-missing" else k
    y = np.concatenate([np.arange(present), rng.integers(0, present, max(0, n - present))])[: max(n, present)]
    x = rng.normal(size=(len(y), d))
    if kind == "separable":
        x += 6 * rng.normal(size=(k, d))[y]
    elif kind == "collinear":
        x[:, d // 2 :] = x[:, : d - d // 2] @ rng.normal(size=(d - d // 2, d - d // 2))
    elif kind == "constant":
        x[:, ::2] = 3.0
    elif kind == "heavy-tailed":
        x = rng.standard_t(1.5, size=x.shape)
    elif kind == "duplicates":
        x, y = np.concatenate([x, x[: n // 2]]), np.concatenate([y, y[: n // 2]])
    return Problem(x, y, k)


def objective(problem: Problem, coef: np.ndarray, intercept: np.ndarray, c: float) -> float:
    """The explicit objective, over the classes seen."""
    keep = np.unique(problem.y) if problem.intercept else np.arange(problem.classes)
    z = problem.x @ coef[keep].T + intercept[keep]
    if problem.offset is not None:
        z = z + problem.offset[:, keep]
    true = np.searchsorted(keep, problem.y)
    against = z - z[np.arange(len(z)), true][:, None]
    against[np.arange(len(z)), true] = -np.inf
    # log(1 + sum of exp of the others): exact for tiny losses, which a difference is not.
    loss = np.logaddexp(0, np.logaddexp.reduce(against, axis=1))
    weight = np.ones(len(z)) if problem.weight is None else problem.weight
    return float(0.5 * (coef**2).sum() + c * (weight * loss).sum())


def by_sklearn(problem: Problem, c: float) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients [K, d] and intercepts of the classes seen, and zeros, by scikit-learn's most exact solver."""
    # Newton's method with Cholesky where it can: lbfgs stops at 1e-10 far from it on ill-conditioned data.
    model = LogisticRegression(
        C=c, tol=1e-10, max_iter=10_000, solver="newton-cholesky", fit_intercept=problem.intercept
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of a line search that can find nothing better
        model.fit(problem.x, problem.y, sample_weight=problem.weight)
    coef, intercept = np.zeros((problem.classes, problem.x.shape[1])), np.zeros(problem.classes)
    coef[model.classes_], intercept[model.classes_] = model.coef_, model.intercept_
    return coef, intercept


def assert_optimal(problem: Problem, fit: Fit, coef: np.ndarray, intercept: np.ndarray) -> None:
    """Objective, coefficients and probabilities as near the reference as the certificate says, and it says near."""
    assert fit.converged
    assert fit.gap <= 1e-8
    reference = objective(problem, coef, intercept, fit.c)
    assert fit.objective == pytest.approx(objective(problem, fit.coef, fit.intercept, fit.c), rel=1e-10)
    rounding = 1e-12 * fit.objective
    assert fit.objective - reference <= fit.gap * fit.objective + rounding
    # |W - W*| <= sqrt(2 gap f), and the reference has its own distance, of which only its objective is known.
    apart = np.sqrt(2 * fit.gap * fit.objective) + np.sqrt(2 * max(0.0, reference - fit.objective) + 2 * rounding)
    assert np.linalg.norm(fit.coef - coef) <= apart + np.sqrt(2 * fit.gap * fit.objective)
    seen = [k for k in range(problem.classes) if k not in fit.missing]
    logits = problem.x @ coef[seen].T + intercept[seen]
    expected = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    np.testing.assert_allclose(fit.probabilities(problem.x, None, "softmax")[:, seen], expected, atol=2e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "d"), [(40, 6), (20, 30), (9, 1)])
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(3, 5))
def test_multinomial_is_scikit_learns_optimum(kind: str, n: int, d: int, k: int, seed: int) -> None:
    problem = made(kind, n, d, max(k, 4) if kind == "one-class-missing" else k, seed)
    for fit in fit_logistic([problem], CS)[0]:
        assert fit.missing == ((problem.classes - 1,) if kind == "one-class-missing" else ())
        assert_optimal(problem, fit, *by_sklearn(problem, fit.c))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), intercept=st.booleans())
def test_weights(seed: int, intercept: bool) -> None:
    rng = np.random.default_rng(seed)
    problem = replace(made("random", 30, 8, 3, seed), weight=rng.exponential(size=30) + 0.01, intercept=intercept)
    for fit in fit_logistic([problem], CS)[0]:
        assert_optimal(problem, fit, *by_sklearn(problem, fit.c))


def test_a_weight_is_a_repeated_row() -> None:
    problem = made("random", 30, 5, 3, 1)
    times = np.random.default_rng(0).integers(0, 4, 30)
    times[:3] = 1
    repeated = Problem(np.repeat(problem.x, times, axis=0), np.repeat(problem.y, times), 3)
    (a,), (b,) = fit_logistic([replace(problem, weight=times.astype(float)), repeated], [10.0], tolerance=1e-13)
    np.testing.assert_allclose(a.coef, b.coef, atol=1e-5)
    assert a.objective == pytest.approx(b.objective, rel=1e-12)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), intercept=st.booleans(), weighted=st.booleans())
def test_offsets_against_the_explicit_objective(seed: int, intercept: bool, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    plain = made("random", 25, 4, 3, seed)
    offset = 4 * rng.normal(size=(25, 3))
    problem = replace(plain, offset=offset, intercept=intercept, weight=rng.exponential(size=25) if weighted else None)

    def loss(v: np.ndarray) -> float:
        return objective(problem, v[:12].reshape(3, 4), v[12:] * intercept, c)

    for c in (1e-2, 1.0, 100.0):
        (fit,) = fit_logistic([problem], [c])[0]
        best = minimize(loss, np.zeros(15), method="BFGS", options={"gtol": 1e-9 * max(1, c), "maxiter": 5000})
        assert fit.converged
        assert fit.objective == pytest.approx(best.fun, rel=1e-7)
        np.testing.assert_allclose(fit.coef, best.x[:12].reshape(3, 4), atol=2e-3 * np.abs(fit.coef).max() + 1e-4)


@pytest.mark.parametrize("level", [-300.0, -60.0, 60.0, 300.0])
@pytest.mark.parametrize("c", [1e-6, 1.0, 100.0])
def test_an_intercept_makes_up_for_offsets_that_lie_far_from_zero(level: float, c: float) -> None:
    """There the loss has no curvature, and a plain Newton step in the intercept would leave for infinity."""
    rng = np.random.default_rng(0)
    x, near = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    y = rng.random((30, 2)) < 0.4
    (at,), (far,) = fit_logistic(
        [Problem(x, y, 2, offset=near), Problem(x, y, 2, offset=near + level)], [c], tolerance=1e-11
    )
    assert far.converged
    np.testing.assert_allclose(far.intercept, at.intercept - level, atol=1e-4)
    np.testing.assert_allclose(far.coef, at.coef, atol=1e-4)


def test_tiny_c_leaves_the_offset_alone() -> None:
    problem = made("random", 25, 4, 3, 0)
    offset = np.random.default_rng(1).normal(size=(25, 3))
    (fit,) = fit_logistic([replace(problem, offset=offset, intercept=False)], [1e-9])[0]
    np.testing.assert_allclose(fit.logits(problem.x, offset), offset, atol=1e-6)


@pytest.mark.parametrize(("n", "d"), [(60, 5), (20, 40)])
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), intercept=st.booleans())
def test_labels_are_binary_regressions_of_their_own(n: int, d: int, seed: int, intercept: bool) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    y = rng.random((n, 3)) < (0.1, 0.4, 0.6)
    y[0], y[1] = True, False
    for fit in fit_logistic([Problem(x, y, 3, intercept=intercept)], CS)[0]:
        assert fit.converged
        total = 0.0
        for k in range(3):
            model = LogisticRegression(
                C=fit.c, tol=1e-10, max_iter=10_000, solver="newton-cholesky", fit_intercept=intercept
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(x, y[:, k])
            z = x @ model.coef_[0] + model.intercept_
            total += 0.5 * (model.coef_**2).sum() + fit.c * np.logaddexp(0, np.where(y[:, k], -z, z)).sum()
            np.testing.assert_allclose(
                fit.probabilities(x, None, "sigmoid")[:, k], model.predict_proba(x)[:, 1], atol=2e-3
            )
        assert fit.objective == pytest.approx(total, rel=2e-8)


def test_label_with_one_value_is_missing() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), np.zeros((20, 3), dtype=bool)
    y[:, 0], y[:7, 1] = True, True
    (fit,) = fit_logistic([Problem(x, y, 3)], [1.0])[0]
    (alone,) = fit_logistic([Problem(x, y[:, [1]], 1)], [1.0])[0]
    assert fit.missing == (0, 2)
    assert not fit.coef[[0, 2]].any()
    np.testing.assert_allclose(fit.intercept[[0, 2]], [np.log(20.5 / 0.5), np.log(0.5 / 20.5)])
    np.testing.assert_allclose(fit.coef[1], alone.coef[0], atol=1e-6)
    assert fit.objective == pytest.approx(alone.objective)


@pytest.mark.parametrize("offset", [False, True])
def test_missing_class_has_probability_zero_and_a_finite_logit(offset: bool) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 4)), rng.choice([0, 2], 30)
    shift = 100 * rng.normal(size=(30, 3)) if offset else None
    (fit,) = fit_logistic([Problem(x, y, 3, offset=shift)], [1e4])[0]
    assert fit.missing == (1,)
    assert np.isfinite(fit.logits(x, shift)).all()
    assert fit.probabilities(x, shift, "softmax")[:, 1].max() < 1e-20


def test_one_class_or_no_label_leaves_nothing_to_fit() -> None:
    x = np.random.default_rng(0).normal(size=(5, 2))
    one, none = Problem(x, np.full(5, 2), 3), Problem(x, np.zeros((5, 2), dtype=bool), 2)
    for (fit,), probabilities in zip(fit_logistic([one, none], [1.0]), ([0, 0, 1], [0.5 / 6, 0.5 / 6]), strict=True):
        assert (fit.converged, fit.objective) == (True, 0.0)
        np.testing.assert_allclose(
            fit.probabilities(x, None, "softmax" if len(fit.intercept) == 3 else "sigmoid")[0],
            probabilities,
            atol=1e-20,
        )
    assert fit_logistic([one], [1.0])[0][0].missing == (0, 1)


def test_without_intercept_an_absent_class_is_fitted() -> None:
    problem = replace(made("one-class-missing", 30, 4, 4, 0), intercept=False)
    (fit,) = fit_logistic([problem], [1.0])[0]
    assert fit.missing == ()
    assert fit.converged
    assert not fit.intercept.any()
    assert np.abs(fit.coef[3]).max() > 0.01


def test_one_row_one_feature() -> None:
    (fit,) = fit_logistic([Problem(np.array([[2.0]]), np.array([0]), 2, intercept=False)], [1.0])[0]
    # Both gradients vanish: w0 = -w1 = 2 (1 - p), p = sigmoid(2 (w0 - w1)).
    w = fit.coef[0, 0]
    assert fit.converged
    assert w == pytest.approx(2 / (1 + np.exp(4 * w)), abs=1e-4)
    assert fit.coef[1, 0] == pytest.approx(-w, abs=1e-4)
