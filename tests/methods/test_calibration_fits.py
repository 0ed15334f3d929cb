"""The fits of calibrated zero-shot against scipy, scikit-learn and brute force, and where there is no fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax
from sklearn.linear_model import LogisticRegression

from vlmeval.methods.calibration import BiasTemperature, fit_bias_temperature, match_labels, match_softmax

Array = np.ndarray


def drawn(seed: int, n: int = 300, k: int = 4, sharpness: float = 3.0) -> tuple[Array, Array, Array]:
    """Logits that are ``sharpness`` times too sharp and shifted class by class; truth; weights of units."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(scale=1.5, size=(n, k)) - np.linspace(0, 2, k)
    truth = np.eye(k, dtype=bool)[(softmax(honest, axis=1).cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)]
    return sharpness * (honest + rng.normal(size=k)), truth, rng.choice([1.0, 0.5, 1 / 3], size=n)


def log_loss(z: Array, truth: Array, weight: Array) -> float:
    return float((weight * -log_softmax(z, axis=1)[truth]).sum() / weight.sum())


@pytest.mark.parametrize("seed", range(4))
def test_bias_and_temperature_are_the_minimum_that_scipy_finds(seed: int) -> None:
    z, truth, weight = drawn(seed)
    fit = fit_bias_temperature(z, truth, weight)
    assert isinstance(fit, BiasTemperature)
    theirs = minimize(
        lambda at: log_loss(at[0] * z + at[1:], truth, weight), np.r_[1.0, np.zeros(z.shape[1])], method="BFGS",
        options={"gtol": 1e-9},
    )  # fmt: skip
    mine = log_loss(z / fit.temperature + fit.bias, truth, weight)
    assert mine <= theirs.fun + 1e-10
    assert fit.temperature == pytest.approx(1 / theirs.x[0], rel=1e-4)
    np.testing.assert_allclose(fit.bias, theirs.x[1:] - theirs.x[1:].mean(), atol=1e-3)
    np.testing.assert_allclose(fit.apply(z), softmax(z / fit.temperature + fit.bias, axis=1))


def test_two_classes_are_scikit_learns_logistic_regression() -> None:
    z, truth, weight = drawn(5, k=2)
    fit = fit_bias_temperature(z, truth, weight)
    assert isinstance(fit, BiasTemperature)
    theirs = LogisticRegression(C=np.inf, tol=1e-12, max_iter=5000)
    theirs.fit(z[:, [1]] - z[:, [0]], truth[:, 1], sample_weight=weight)
    assert 1 / fit.temperature == pytest.approx(theirs.coef_[0, 0], rel=1e-6)
    assert fit.bias[1] - fit.bias[0] == pytest.approx(theirs.intercept_[0], abs=1e-6)


def test_the_temperature_that_scores_were_made_with_comes_out() -> None:
    z, truth, _ = drawn(6, n=20_000, sharpness=2.5)
    fit = fit_bias_temperature(z, truth, np.ones(len(z)))
    assert isinstance(fit, BiasTemperature)
    assert fit.temperature == pytest.approx(2.5, rel=0.05)


def test_a_class_without_a_unit_counts_as_half_a_unit() -> None:
    z, truth, _ = drawn(7, k=4)
    keep = ~truth[:, 3]
    fit = fit_bias_temperature(z[keep], truth[keep], np.ones(keep.sum()))
    assert isinstance(fit, BiasTemperature)
    mean = fit.apply(z[keep]).mean(axis=0)
    assert mean[3] == pytest.approx(0.5 / (keep.sum() + 0.5), rel=1e-6)


def test_scores_that_allow_no_fit_say_why() -> None:
    z, truth, weight = drawn(8)
    assert "same for every" in str(fit_bias_temperature(np.ones_like(z), truth, weight))
    assert "nearly always right" in str(fit_bias_temperature(10.0 * truth, truth, weight))
    assert "say nothing" in str(fit_bias_temperature(-z, truth, weight))


PRIORS = st.lists(st.floats(0.002, 1.0), min_size=2, max_size=6)


@settings(max_examples=60, deadline=None)
@given(raw=PRIORS, seed=st.integers(0, 10_000), scale=st.sampled_from([0.01, 1.0, 10.0, 60.0]))
def test_shifted_softmax_scores_have_the_prior_as_their_mean(raw: list[float], seed: int, scale: float) -> None:
    prior = np.array(raw) / sum(raw)
    rng = np.random.default_rng(seed)
    z, weight = scale * rng.normal(size=(40, len(prior))), rng.choice([1.0, 0.5, 0.25], size=40)
    shift = match_softmax(z, prior, weight)
    np.testing.assert_allclose(np.average(softmax(z + shift, axis=1), axis=0, weights=weight), prior, rtol=1e-6)
    assert shift.sum() == pytest.approx(0, abs=1e-8)
    # The probabilities do not depend on where the classes' scores start.
    start = rng.normal(size=len(prior))
    again = match_softmax(z + start, prior, weight) + start
    np.testing.assert_allclose(softmax(z + again, axis=1), softmax(z + shift, axis=1), atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(raw=st.lists(st.floats(0.001, 0.999), min_size=1, max_size=5), seed=st.integers(0, 10_000),
       scale=st.sampled_from([0.0, 0.01, 1.0, 30.0, 200.0]))  # fmt: skip
def test_shifted_labels_have_their_frequencies_as_their_means(raw: list[float], seed: int, scale: float) -> None:
    prior, rng = np.array(raw), np.random.default_rng(seed)
    z = scale * rng.normal(size=(30, len(prior))) - 7.0
    weight = rng.choice([1.0, 0.5], size=30)
    shift = match_labels(z, prior, weight)
    np.testing.assert_allclose(np.average(expit(z + shift), axis=0, weights=weight), prior, rtol=1e-6)


def test_prior_matching_is_the_maximum_likelihood_bias_at_temperature_one() -> None:
    z, truth, weight = drawn(9)
    shift = match_softmax(z, (weight @ truth) / weight.sum(), weight)
    theirs = minimize(lambda b: log_loss(z + b, truth, weight), np.zeros(z.shape[1]), method="BFGS",
                      options={"gtol": 1e-9})  # fmt: skip
    np.testing.assert_allclose(shift, theirs.x - theirs.x.mean(), atol=1e-4)


def test_one_step_by_the_ratio_of_priors_is_not_enough_for_scores_that_are_not_calibrated() -> None:
    z, truth, weight = drawn(10)
    prior = (weight @ truth) / weight.sum()
    mean = np.average(softmax(z, axis=1), axis=0, weights=weight)
    once = np.average(softmax(z + np.log(prior / mean), axis=1), axis=0, weights=weight)
    assert np.abs(once - prior).max() > 0.02
    exact = np.average(softmax(z + match_softmax(z, prior, weight), axis=1), axis=0, weights=weight)
    assert np.abs(exact - prior).max() < 1e-9


def test_two_classes_are_matched_as_by_brute_force() -> None:
    z = np.array([[0.0, 1.0], [0.0, -2.0], [0.0, 3.0], [0.0, 0.5]])
    grid = np.linspace(-10, 10, 400_001)
    means = expit(z[:, 1] + grid[:, None]).mean(axis=1)
    best = grid[np.abs(means - 0.3).argmin()]
    shift = match_softmax(z, np.array([0.7, 0.3]), np.ones(4))
    assert shift[1] - shift[0] == pytest.approx(best, abs=1e-4)
