"""Recalibration against scikit-learn and scipy, on validation rows only, and on inputs that allow no fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_subjects import card, examined_by, rows, scored, shuffled, subject
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from vlmeval.examine import Examinee
from vlmeval.examine.calibration.recalibrated import examine_calibration, recalibrate
from vlmeval.methods.calibration import Platt, Temperature, fit_platt, fit_temperature, logits_of
from vlmeval.records import Decision, Predictions
from vlmeval.stats import Resamples, estimate

MANY = np.full(3, 50)


class Scores(ClassifierMixin, BaseEstimator):
    """A "classifier" whose decision function is the one column it is given."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> Scores:
        assert len(x) == len(y)
        self.classes_ = np.array([False, True])
        return self

    def decision_function(self, x: np.ndarray) -> np.ndarray:
        return x[:, 0]

    def predict(self, x: np.ndarray) -> np.ndarray:
        return x[:, 0] > 0


def three_classes(seed: int = 0, n: int = 250) -> tuple[np.ndarray, np.ndarray]:
    p = scored("multi-label", units=n, k=3, seed=seed)
    return logits_of(p.scores, "sigmoid"), p.y_true


def test_platt_scaling_is_that_of_scikit_learn() -> None:
    x, y = three_classes()
    fit = fit_platt(x, y, np.ones(len(x)), MANY, 10)
    assert isinstance(fit, Platt)
    for k in range(3):
        theirs = CalibratedClassifierCV(
            FrozenEstimator(Scores().fit(x[:, [k]], y[:, k])), method="sigmoid", ensemble=False
        )
        theirs.fit(x[:, [k]], y[:, k])
        np.testing.assert_allclose(fit.apply(x)[:, k], theirs.predict_proba(x[:, [k]])[:, 1], atol=1e-4)


def test_platt_scaling_is_the_exact_optimum_of_logistic_regression_on_smoothed_targets() -> None:
    x, y = three_classes(seed=1)
    weight = np.random.default_rng(0).uniform(0.2, 1.0, size=len(x))
    fit = fit_platt(x, y, weight, MANY, 10)
    assert isinstance(fit, Platt)
    for k in range(3):
        positive, negative = weight[y[:, k]].sum(), weight[~y[:, k]].sum()
        target = np.where(y[:, k], (positive + 1) / (positive + 2), 1 / (negative + 2))
        twice = np.concatenate([x[:, k], x[:, k]])[:, None]
        both = np.repeat([1, 0], len(x))
        theirs = LogisticRegression(C=np.inf, tol=1e-12, max_iter=5000)
        theirs.fit(twice, both, sample_weight=np.concatenate([weight * target, weight * (1 - target)]))
        assert fit.slope[k] == pytest.approx(theirs.coef_[0, 0], abs=1e-6)
        assert fit.intercept[k] == pytest.approx(theirs.intercept_[0], abs=1e-6)


def test_temperature_is_the_minimum_that_scipy_finds_and_the_one_the_scores_were_made_with() -> None:
    p = scored(units=4000, seed=3, sharpness=2.5)
    x = np.log(p.scores)
    fit = fit_temperature(x, p.y_true, np.ones(len(x)))
    assert isinstance(fit, Temperature)

    def loss(log_t: float) -> float:
        return float(-log_softmax(x / np.exp(log_t), axis=1)[p.y_true].mean())

    theirs = np.exp(minimize_scalar(loss, bounds=(-3, 5), method="bounded", options={"xatol": 1e-9}).x)
    assert fit.value == pytest.approx(theirs, rel=1e-5)
    assert fit.value == pytest.approx(2.5, rel=0.1)


@pytest.mark.parametrize("kind", ["softmax", "cosine", "logit", "sigmoid"])
def test_every_kind_of_score_gets_probabilities_whose_log_loss_is_no_worse(kind: str) -> None:
    benchmark = card()
    validation, evaluated = (scored(kind=kind, units=500, seed=s, name=n) for s, n in ((1, "v"), (2, "u")))
    made = recalibrate(Examinee([evaluated], [validation]), benchmark)
    assert not isinstance(made, str)
    after = made.evaluated[0]
    assert after.kind == "softmax"
    np.testing.assert_allclose(after.scores.sum(axis=1), 1.0)
    np.testing.assert_array_equal(after.scores.argmax(axis=1), evaluated.scores.argmax(axis=1))
    uniform = np.log(len(benchmark.classes))
    assert -np.log(after.scores[after.y_true]).mean() < uniform


def test_calibration_errors_fall_and_scores_that_are_no_probabilities_get_their_first() -> None:
    benchmark = card()
    evaluated, validation = scored(units=1500, seed=4), scored(units=600, seed=5, name="v")
    part = examined_by(examine_calibration, subject([evaluated], [validation], benchmark, draws=20))
    after = next(r for r in part.rows if (r.metric, r.group) == ("ece", None))
    before = estimate([evaluated], benchmark, Resamples.draw(evaluated.units, 0), metrics=["ece"], groups="none").rows()
    assert before[0].value is not None
    assert after.value is not None
    assert after.value < before[0].value / 3
    assert after.variant == "calibration:temperature"
    assert part.variants[0].fitted_on == "validation units (600)"
    cosines = examined_by(
        examine_calibration,
        subject([scored(kind="cosine", seed=4)], [scored(kind="cosine", seed=5, name="v")], benchmark, draws=20),
    )
    assert all(r.value is not None for r in cosines.rows if r.metric == "ece" and r.group is None)


def test_rows_are_of_skin_tones_only() -> None:
    part = examined_by(examine_calibration, subject([scored(seed=4)], [scored(seed=5, name="v")], card(), draws=20))
    assert {r.group for r in part.rows} == {None, "tone"}


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_evaluated_rows_never_change_a_fit(task: str) -> None:
    benchmark = card(task)
    validation = scored(task, seed=5, name="v")
    fits = [recalibrate(Examinee([scored(task, seed=seed)], [validation]), benchmark) for seed in (1, 2)]
    assert not isinstance(fits[0], str)
    assert not isinstance(fits[1], str)
    assert fits[0].parameters == fits[1].parameters
    other = recalibrate(Examinee([scored(task, seed=1)], [scored(task, seed=6, name="v")]), benchmark)
    assert not isinstance(other, str)
    assert other.parameters != fits[0].parameters


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_every_validation_unit_counts_once_and_row_order_does_not_matter(task: str) -> None:
    benchmark, evaluated = card(task), scored(task, seed=1, images=True)
    validation = scored(task, seed=5, images=True, name="v")
    once = recalibrate(Examinee([evaluated], [validation]), benchmark)
    # Every picture of a unit twice: the unit still counts once.
    twice = rows(validation, np.repeat(np.arange(len(validation)), 2))
    twice = replace(twice, ids=np.char.add(twice.ids, np.tile(["a", "b"], len(validation))))
    again = recalibrate(Examinee([evaluated], [shuffled(twice)]), benchmark)
    assert not isinstance(once, str)
    assert not isinstance(again, str)
    np.testing.assert_allclose(once.evaluated[0].scores, again.evaluated[0].scores, rtol=1e-7)


def test_platt_scaling_keeps_decisions_and_order() -> None:
    benchmark = card("multi-label")
    evaluated, validation = scored("multi-label", seed=1), scored("multi-label", seed=2, name="v")
    at = tuple(float(t) for t in np.quantile(evaluated.scores, 0.7, axis=0))
    at = tuple(float(evaluated.scores[np.abs(evaluated.scores[:, k] - t).argmin(), k]) for k, t in enumerate(at))
    evaluated = replace(evaluated, decision=Decision("threshold", at, "val"))
    made = recalibrate(Examinee([evaluated], [replace(validation, decision=evaluated.decision)]), benchmark)
    assert not isinstance(made, str)
    after = made.evaluated[0]
    assert after.decision.thresholds is not None
    np.testing.assert_array_equal(evaluated.scores >= np.array(at), after.scores >= np.array(after.decision.thresholds))
    for k in range(4):
        np.testing.assert_array_equal(np.argsort(evaluated.scores[:, k]), np.argsort(after.scores[:, k]))


def test_rare_classes_borrow_the_slope_and_contrary_ones_become_their_frequency() -> None:
    x, y = three_classes(seed=2)
    x[:, 1] = -x[:, 1]
    fit = fit_platt(x, y, np.ones(len(x)), np.array([50, 50, 4]), 10)
    assert isinstance(fit, Platt)
    assert fit.shared.tolist() == [False, False, True]
    assert fit.slope[1] == 0
    n, positive = len(y), y[:, 1].sum()
    smoothed = (positive * (positive + 1) / (positive + 2) + (n - positive) / (n - positive + 2)) / n
    assert expit(fit.intercept[1]) == pytest.approx(smoothed, abs=1e-9)
    assert fit.slope[2] == np.median(fit.slope[:2])
    # The intercept of its own is the best one at that slope.
    line = x[:, 2] * fit.slope[2] + fit.intercept[2]
    positive = y[:, 2].sum()
    target = np.where(y[:, 2], (positive + 1) / (positive + 2), 1 / (n - positive + 2))
    assert np.mean(expit(line) - target) == pytest.approx(0, abs=1e-9)


def no_fit(evaluated: Predictions, validation: list[Predictions], task: str = "single-label") -> str:
    made = recalibrate(Examinee([evaluated], validation), card(task))
    assert isinstance(made, str)
    return made


def test_inputs_that_allow_no_fit_have_a_reason() -> None:
    evaluated, validation = scored(seed=1), scored(seed=2, name="v")
    assert "no validation units" in no_fit(evaluated, [])
    assert "too few validation units" in no_fit(evaluated, [rows(validation, np.arange(3))])
    equal = replace(validation, scores=np.full_like(validation.scores, 0.25))
    assert "equal" in no_fit(evaluated, [equal])
    right = replace(validation, scores=np.where(validation.y_true, 0.7, 0.1))
    assert "rightly" in no_fit(evaluated, [right])
    wrong = replace(validation, scores=np.where(validation.y_true, 0.1, 0.3))
    assert "say nothing" in no_fit(evaluated, [wrong])
    multi = scored("multi-label", seed=2, name="v")
    absent = replace(multi, y_true=np.zeros_like(multi.y_true))
    assert "no class has 10 positive" in no_fit(scored("multi-label", seed=1), [absent], "multi-label")
    part = examined_by(examine_calibration, subject([evaluated], [], card(), draws=10))
    assert part.rows == []
    assert "no validation units" in part.missing["calibration:m"]


def test_a_class_absent_on_validation_is_no_obstacle() -> None:
    validation = scored(seed=2, name="v", units=400)
    validation = rows(validation, np.flatnonzero(~validation.y_true[:, 2]))
    made = recalibrate(Examinee([scored(seed=1)], [validation]), card())
    assert not isinstance(made, str)
    assert np.isfinite(made.evaluated[0].scores).all()


def test_classes_that_cannot_be_predicted_have_probability_0_and_take_no_part() -> None:
    benchmark = card()
    evaluated, validation = (
        replace(scored(seed=s, name=n, units=500), unscored=("c3",)) for s, n in ((1, "u"), (2, "v"))
    )
    made = recalibrate(Examinee([evaluated], [validation]), benchmark)
    assert not isinstance(made, str)
    assert (made.evaluated[0].scores[:, 3] == 0).all()
    np.testing.assert_allclose(made.evaluated[0].scores.sum(axis=1), 1.0)
    noise = replace(validation, scores=np.hstack([validation.scores[:, :3], np.random.default_rng(0).random((500, 1))]))
    other = recalibrate(Examinee([evaluated], [noise]), benchmark)
    assert not isinstance(other, str)
    assert other.parameters == made.parameters


def test_each_seed_is_fitted_on_its_own_validation_rows_whatever_their_order() -> None:
    benchmark = card()
    evaluated = [replace(scored(seed=10 + s), y_true=scored(seed=10).y_true, seed=s) for s in range(3)]
    validation = [scored(seed=20 + s, name="v", sharpness=2.0 + s, method_seed=s) for s in range(3)]
    made = recalibrate(Examinee(evaluated, validation), benchmark)
    assert not isinstance(made, str)
    alone = [recalibrate(Examinee([e], [v]), benchmark) for e, v in zip(evaluated, validation, strict=True)]
    assert made.parameters == [a.parameters[0] for a in alone if not isinstance(a, str)]
    mixed = recalibrate(Examinee(evaluated[::-1], [validation[i] for i in (1, 2, 0)]), benchmark)
    assert not isinstance(mixed, str)
    assert mixed.parameters == made.parameters
    assert "no validation units" in str(recalibrate(Examinee(evaluated, validation[:2]), benchmark))


@settings(deadline=None, max_examples=30)
@given(factor=st.floats(0.05, 20), shift=st.floats(-5, 5), seed=st.integers(0, 50))
def test_logits_scaled_and_shifted_give_the_same_probabilities(factor: float, shift: float, seed: int) -> None:
    p = scored(kind="logit", units=120, seed=seed)
    a = fit_temperature(p.scores, p.y_true, np.ones(len(p)))
    b = fit_temperature(factor * p.scores + shift, p.y_true, np.ones(len(p)))
    assert isinstance(a, Temperature)
    assert isinstance(b, Temperature)
    np.testing.assert_allclose(a.apply(p.scores), b.apply(factor * p.scores + shift), atol=1e-7)
    x, y = three_classes(seed=seed, n=120)
    c, d = (fit_platt(v, y, np.ones(len(y)), MANY, 10) for v in (x, factor * x + shift))
    assert isinstance(c, Platt)
    assert isinstance(d, Platt)
    np.testing.assert_allclose(c.apply(x), d.apply(factor * x + shift), atol=1e-7)


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
@pytest.mark.parametrize("sharpness", [1.0, 2.0])
def test_shares_of_votes_are_smoothed_so_that_their_zeros_do_not_make_them_worse(task: str, sharpness: float) -> None:
    """Of 20 votes: a true class without a vote would cost endless log-loss, and a fit would flatten everything."""
    rng = np.random.default_rng(0)

    def votes(p: Predictions) -> Predictions:
        if task == "multi-label":
            return replace(p, scores=rng.binomial(20, p.scores) / 20, kind="probability")
        return replace(
            p, scores=np.array([rng.multinomial(20, row / row.sum()) for row in p.scores]) / 20, kind="probability"
        )

    evaluated = votes(scored(task, units=1500, seed=1, sharpness=sharpness))
    validation = votes(scored(task, units=500, seed=2, sharpness=sharpness, name="v"))
    made = recalibrate(Examinee([evaluated], [validation]), card(task))
    assert not isinstance(made, str)
    assert made.parameters[0]["smoothing"] >= 1e-3
    resamples = Resamples.draw(evaluated.units, 0)
    before, after = (
        {
            (r.metric, r.averaging): r.value
            for r in estimate([p], card(task), resamples, metrics=["ece", "brier"], groups="none").rows()
        }
        for p in (evaluated, made.evaluated[0])
    )
    kind = "overall" if task == "single-label" else "macro"
    assert (after["brier", kind] or 1) < (before["brier", kind] or 0) + 0.005
    assert (after["ece", kind] or 1) < max(0.06, (before["ece", kind] or 0) / 2)
    if task == "single-label":
        np.testing.assert_array_equal(made.evaluated[0].scores.argmax(axis=1), evaluated.scores.argmax(axis=1))
