"""What must not matter: company, order of rows and of C, padding, dtype; and what certificates promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeval.errors import DataError, UsageError
from vlmeval.logistic import Fit, Problem, fit_logistic, fit_sklearn

GRID = tuple(float(c) for c in np.logspace(-4, 4, 13))


def clustered(n: int, d: int, k: int, seed: int) -> Problem:
    """Rows of length 1 around class means, all classes present, long-tailed."""
    rng = np.random.default_rng(seed)
    y = np.sort(np.concatenate([np.arange(k), (k * rng.random(n - k) ** 2).astype(int)]))
    x = rng.normal(size=(k, d))[y] + 2 * rng.normal(size=(n, d)) * np.arange(1, d + 1) ** -0.5
    return Problem(x / np.linalg.norm(x, axis=1, keepdims=True), y, k)


def same(a: Fit, b: Fit) -> None:
    """Two fits of one problem: as near each other as their certificates say."""
    apart = np.sqrt(2 * a.gap * a.objective) + np.sqrt(2 * b.gap * b.objective)
    assert np.linalg.norm(a.coef - b.coef) <= apart * (1 + 1e-9)
    assert a.objective == pytest.approx(b.objective, rel=2e-8)
    assert a.missing == b.missing


def test_batched_fits_equal_single_ones() -> None:
    problems = [clustered(n, 40, k, n) for n, k in ((7, 3), (9, 3), (60, 3), (61, 3), (70, 4), (30, 4), (7, 3))]
    problems += [replace(problems[0], intercept=False), replace(problems[2], weight=np.linspace(0, 1, 60))]
    together = fit_logistic(problems, GRID[::3])
    for problem, fits in zip(problems, together, strict=True):
        for fit, alone in zip(fits, fit_logistic([problem], GRID[::3])[0], strict=True):
            assert fit.converged
            same(fit, alone)


def test_order_of_rows_and_of_c_does_not_matter() -> None:
    problem = clustered(50, 20, 3, 0)
    order = np.random.default_rng(1).permutation(50)
    shuffled = replace(problem, x=problem.x[order], y=problem.y[order])
    cs = [GRID[i] for i in (7, 0, 12, 3, 7)]
    for c, a, b in zip(cs, fit_logistic([problem], cs)[0], fit_logistic([shuffled], cs)[0], strict=True):
        assert a.c == c
        same(a, b)
    by_c = {f.c: f for f in fit_logistic([problem], GRID)[0]}
    for fit in fit_logistic([problem], cs)[0]:
        same(fit, by_c[fit.c])


def test_the_same_call_gives_the_same_bits() -> None:
    problem = clustered(50, 20, 3, 0)
    for a, b in zip(*(fit_logistic([problem], GRID)[0] for _ in range(2)), strict=True):
        np.testing.assert_array_equal(a.coef, b.coef)


def test_float32_features_are_fitted_as_their_float64_values() -> None:
    problem = clustered(40, 10, 3, 0)
    narrow = replace(problem, x=problem.x.astype(np.float32))
    wide = replace(narrow, x=narrow.x.astype(np.float64))
    (a,), (b,) = (fit_logistic([problem], [10.0])[0] for problem in (narrow, wide))
    np.testing.assert_array_equal(a.coef, b.coef)
    assert a.coef.dtype == np.float64


def test_shifted_features_only_move_the_intercept() -> None:
    problem = clustered(40, 10, 3, 0)
    (a,), (b,) = fit_logistic([problem, replace(problem, x=problem.x + 1000.0)], [10.0], tolerance=1e-14)
    same(a, b)
    np.testing.assert_allclose(b.intercept, a.intercept - 1000 * a.coef.sum(axis=1), atol=1e-2)


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(4, 60),
    d=st.integers(1, 30),
    tolerance=st.sampled_from([1e-1, 1e-3, 1e-5]),
)
def test_the_gap_is_never_below_the_true_gap(
    labels: bool, intercept: bool, seed: int, n: int, d: int, tolerance: float
) -> None:
    problem = replace(clustered(n, d, 3, seed), intercept=intercept)
    if labels:
        problem = replace(problem, y=problem.y[:, None] == np.arange(3))
    rough = fit_logistic([problem], GRID[::4], tolerance=tolerance)[0]
    exact = fit_logistic([problem], GRID[::4], tolerance=1e-14)[0]
    for a, b in zip(rough, exact, strict=True):
        assert a.converged
        assert a.gap <= tolerance
        assert b.gap <= 1e-12
        assert (a.objective - b.objective) / a.objective <= a.gap + 1e-13
        assert (
            np.linalg.norm(a.coef - b.coef)
            <= np.sqrt(2 * a.gap * a.objective * (3 if labels else 1)) * (1 + 1e-6) + 1e-5
        )


def test_missed_tolerance_is_said() -> None:
    problem = clustered(60, 30, 3, 0)
    (fit,) = fit_logistic([problem], [1e4], max_steps=1)[0]
    (best,) = fit_logistic([problem], [1e4], tolerance=1e-12)[0]
    assert not fit.converged
    assert fit.gap > 1e-8
    assert fit.gap >= (fit.objective - best.objective) / fit.objective > 1e-8
    (beyond,) = fit_logistic([problem], [1.0], tolerance=1e-30)[0]
    assert not beyond.converged
    assert beyond.gap >= 2e-16


def test_features_beyond_float32_are_still_fitted_or_said_to_be_missed() -> None:
    problem = clustered(40, 10, 3, 0)
    for scale in (1e-20, 1e20):
        (fit,) = fit_logistic([replace(problem, x=problem.x * scale)], [1.0])[0]
        assert np.isfinite(fit.coef).all()
        assert fit.converged == (fit.gap <= 1e-8)


def test_progress_counts_problems() -> None:
    seen: list[tuple[int, int | None]] = []
    fit_logistic(
        [clustered(10, 4, 3, s) for s in range(3)],
        [1.0],
        progress=lambda _, done, total: seen.append((done, total)),
    )
    assert seen[-1] == (3, 3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_same_fits() -> None:
    problems = [clustered(n, 40, 3, n) for n in (9, 30, 60, 300)]
    problems += [replace(p, y=p.y[:, None] == np.arange(3)) for p in problems]
    for here, there in zip(fit_logistic(problems, GRID), fit_logistic(problems, GRID, device="cuda"), strict=True):
        for a, b in zip(here, there, strict=True):
            assert b.converged
            same(a, b)


X, Y = np.ones((3, 2)), np.array([0, 1, 1])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"x": np.ones((0, 2)), "y": np.zeros(0, dtype=int)}, "needs rows"),
        ({"x": np.ones(3)}, "needs rows"),
        ({"x": np.array([[1.0, np.nan], [0, 0], [0, 0]])}, "NaN or infinity"),
        ({"x": np.array([["a", "b"]] * 3)}, "not numeric"),
        ({"y": np.array([0, 1])}, "wrong shape"),
        ({"y": np.array([0, 1, 2])}, "out of range"),
        ({"y": np.array([0, -1, 1])}, "out of range"),
        ({"y": np.array([0.0, 1.0, 1.0])}, "unknown form"),
        ({"y": np.ones((3, 5), dtype=bool)}, "wrong shape"),
        ({"weight": np.array([1.0, -1.0, 1.0])}, "negative"),
        ({"weight": np.zeros(3)}, "weight 0"),
        ({"weight": np.array([1.0, np.inf, 1.0])}, "NaN or infinity"),
        ({"offset": np.zeros((3, 3))}, "wrong shape"),
    ],
)
def test_bad_input_is_refused(change: dict[str, np.ndarray], says: str) -> None:
    with pytest.raises(DataError, match=says):
        Problem(**{"x": X, "y": Y, "classes": 2, **change})  # type: ignore[arg-type]


def test_bad_c_and_features_of_another_size_are_refused() -> None:
    problem = Problem(X, Y, 2)
    for cs in ([], [0.0], [1.0, np.inf], [np.nan]):
        with pytest.raises(UsageError, match="positive"):
            fit_logistic([problem], cs)
    with pytest.raises(UsageError, match="tolerance"):
        fit_logistic([problem], [1.0], tolerance=0)
    with pytest.raises(DataError, match="another size"):
        fit_logistic([problem], [1.0])[0][0].logits(np.ones((3, 5)))


def test_scikit_learns_way_is_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.multioutput import MultiOutputClassifier

    several, two = clustered(40, 6, 3, 0), clustered(40, 6, 2, 0)
    labels = replace(several, y=several.y[:, None] == np.arange(3))
    gap = replace(several, y=np.where(several.y == 1, 3, several.y), classes=4)
    (a,), (b,), (c,), (d,) = fit_sklearn([several, two, labels, gap], [0.5], max_iter=250)
    for fit, problem in ((a, several), (b, two)):
        model = LogisticRegression(C=0.5, max_iter=250).fit(problem.x, problem.y)
        np.testing.assert_allclose(
            fit.probabilities(problem.x, None, "softmax"), model.predict_proba(problem.x), atol=1e-12
        )
        assert np.isnan(fit.gap)
        assert fit.converged
    many = MultiOutputClassifier(LogisticRegression(C=0.5, max_iter=250)).fit(labels.x, labels.y)
    expected = np.stack([p[:, 1] for p in many.predict_proba(labels.x)], axis=1)
    np.testing.assert_allclose(c.probabilities(labels.x, None, "sigmoid"), expected, atol=1e-12)
    assert d.missing == (1,)
    np.testing.assert_allclose(d.coef[[0, 3, 2]], a.coef[[0, 1, 2]], atol=1e-3)


def test_scikit_learns_way_says_what_it_cannot() -> None:
    problem = clustered(40, 6, 3, 0)
    assert not fit_sklearn([problem], [1e4], max_iter=2)[0][0].converged
    with pytest.raises(UsageError, match="offsets"):
        fit_sklearn([replace(problem, offset=np.zeros((40, 3)))], [1.0])
    weight = np.where(problem.y == 2, 0.0, 1.0)
    (fit,) = fit_sklearn([replace(problem, weight=weight)], [1.0])[0]
    assert fit.missing == (2,)
