"""Recalibration: probabilities fitted on validation units, and what they change.

In: the Subject. Out: the metrics of probabilities (expected calibration errors, Brier score, log-loss) after
temperature scaling (single-label) or Platt scaling (multi-label), over all evaluated rows and by level of every
skin-tone source; the plain rows of the run are what they were before. Scores that are no probabilities (cosines,
logits) get such numbers here for the first time.

Each seed is fitted on its own; every validation unit counts once, however many pictures it has. Nothing of an evaluated
row enters a fit. Temperature never changes which class ranks first in a row; Platt scaling with a slope of at least 0
never changes the order of a class's rows: ranks and decisions stay what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from vlmeval.examine.measured import (
    Floats,
    add_variant,
    fitted_on,
    of_tones,
    say_missing,
    with_validation,
    with_variant,
)
from vlmeval.examine.subject import Examinee, Part, Subject
from vlmeval.methods.calibration import (
    SMOOTHING,
    Platt,
    Temperature,
    fit_platt,
    fit_temperature,
    logits_of,
    scarcer_units,
)
from vlmeval.methods.features import unit_weights
from vlmeval.records import Benchmark, Decision, Predictions, Variant
from vlmeval.stats import all_metrics, estimate
from vlmeval.stats.cells import SUPPRESS_BELOW

TEMPERATURE: Final = "calibration:temperature"
PLATT: Final = "calibration:platt"
MOST_CLASSES: Final = 12
"""With more classes than that, only averages over classes are reported."""
BY_TONE: Final = ("ece", "ece-equal-mass", "brier", "log-loss")
_TITLES: Final = {TEMPERATURE: "Temperature scaling", PLATT: "Platt scaling"}
_NOTES: Final = {
    TEMPERATURE: "softmax(logits / T), one T for all classes at the smallest log-loss (Guo et al. 2017).",
    PLATT: (
        "sigmoid(a x logit + b) for each class, smoothed targets (Platt 1999); a class with fewer than 10 positive or "
        "negative validation units takes the median slope of the others; a slope is never negative."
    ),
}


@dataclass(frozen=True)
class Recalibrated:
    """Predictions as fitted probabilities, one a seed, evaluated and validation rows in the same order.

    Validation rows are those that were fitted on. ``parameters`` is what the fits found, seed by seed.
    """

    variant: str
    evaluated: list[Predictions]
    validation: list[Predictions]
    parameters: list[dict[str, Any]]

    def described(self, method: str, validation: Predictions) -> Variant:
        """Return what was changed, for the record."""
        found = self.parameters[0] if len(self.parameters) == 1 else {"by seed": self.parameters}
        return Variant(
            id=self.variant,
            kind="calibration",
            title=_TITLES[self.variant],
            note=_NOTES[self.variant],
            fitted_on=fitted_on(validation),
            parameters={method: found},
        )


def recalibrate(examinee: Examinee, benchmark: Benchmark) -> Recalibrated | str:
    """Fit on validation units, seed by seed, and apply; or say why that cannot be."""
    pairs = with_validation(examinee)
    if isinstance(pairs, str):
        return pairs
    made = Recalibrated(TEMPERATURE if benchmark.task == "single-label" else PLATT, [], [], [])
    for evaluated, validation in pairs:
        fit = fit_on(validation, benchmark)
        if isinstance(fit, str):
            return fit
        made.evaluated.append(applied(fit, evaluated, benchmark))
        made.validation.append(applied(fit, validation, benchmark))
        made.parameters.append(parameters_of(fit, benchmark))
    return made


def examine_calibration(subject: Subject, part: Part) -> None:
    """Add the metrics of recalibrated probabilities of every examinee."""
    benchmark = subject.samples.benchmark
    metrics = probability_metrics(benchmark)
    for examinee in subject.examinees:
        found = recalibrate(examinee, benchmark)
        if isinstance(found, str):
            say_missing(part, "calibration", examinee, found)
            continue
        add_variant(part, found.described(examinee.method, examinee.validation[0]))
        estimates = estimate(
            of_tones(found.evaluated, benchmark),
            benchmark,
            subject.resamples,
            metrics=metrics,
            groups="averages",
            classes=len(benchmark.classes) <= MOST_CLASSES,
        )
        kept = [row for row in estimates.rows() if row.group is None or row.metric in BY_TONE]
        part.rows += with_variant(kept, found.variant)


def probability_metrics(benchmark: Benchmark) -> list[str]:
    """Return the metrics that need probabilities and no ranks: those that recalibration changes."""
    needs = ("probability", "distribution")
    return [m.id for m in all_metrics(benchmark.task) if m.needs in needs and m.ranks is None]


def logits(predictions: Predictions, benchmark: Benchmark, smoothing: float = SMOOTHING[0]) -> Floats:
    """Return the scores as logits [n, K]; minus infinity for classes that the method cannot predict."""
    found = _as_logits(predictions.scores, predictions, benchmark, smoothing).copy()
    found[:, np.isin(benchmark.class_ids, predictions.unscored)] = -np.inf
    return found


def _as_logits(scores: Floats, predictions: Predictions, benchmark: Benchmark, smoothing: float) -> Floats:
    multi = benchmark.task == "multi-label"
    return logits_of(scores, predictions.kind, scale=predictions.scale, multi_label=multi, smoothing=smoothing)


@dataclass(frozen=True)
class Fit:
    """A fit, the smoothing of its logits, and its log-loss on the rows it was fitted on."""

    scaling: Temperature | Platt
    smoothing: float
    loss: float


def fit_on(validation: Predictions, benchmark: Benchmark) -> Fit | str:
    """Fit at the smoothing with the smallest log-loss: shares of votes have zeros, others need none; or say why."""
    votes = validation.kind == "probability" and bool((validation.scores <= 0).any())
    found = [_fit_at(one, validation, benchmark) for one in (SMOOTHING if votes else SMOOTHING[:1])]
    fits = [one for one in found if isinstance(one, Fit)]
    return min(fits, key=lambda one: one.loss) if fits else found[0]


def _fit_at(smoothing: float, validation: Predictions, benchmark: Benchmark) -> Fit | str:
    x, y, weight = logits(validation, benchmark, smoothing), validation.y_true, unit_weights(validation.units)
    scaling: Temperature | Platt | str
    if benchmark.task == "single-label":
        scaling = fit_temperature(x, y, weight)
    else:
        scaling = fit_platt(x, y, weight, scarcer_units(y, validation.units), SUPPRESS_BELOW)
    if isinstance(scaling, str):
        return scaling
    p = scaling.apply(x)
    said = np.where(y, p, 1.0 if isinstance(scaling, Temperature) else 1 - p)
    # A class that the method cannot predict has probability 0: it says nothing of a fit.
    loss = -np.log(said, out=np.zeros_like(said), where=said > 0)
    return Fit(scaling, smoothing, float((weight[:, None] * loss).sum() / weight.sum()))


def applied(fit: Fit, predictions: Predictions, benchmark: Benchmark) -> Predictions:
    """Return predictions as probabilities."""
    scores = fit.scaling.apply(logits(predictions, benchmark, fit.smoothing))
    if isinstance(fit.scaling, Temperature):
        return replace(predictions, scores=scores, kind="softmax", scale=None, bias=None)
    decision = predictions.decision
    if decision.thresholds is not None:
        # The same function takes scores and thresholds along, so that every decision stays what it was.
        line = _as_logits(np.array([decision.thresholds]), predictions, benchmark, fit.smoothing)
        decision = Decision("threshold", tuple(fit.scaling.apply(line)[0].tolist()), decision.chosen_on)
    return replace(predictions, scores=scores, kind="sigmoid", decision=decision, scale=None, bias=None)


def parameters_of(fit: Fit, benchmark: Benchmark) -> dict[str, Any]:
    """Return what a fit found, for the record."""
    found, smoothed = fit.scaling, {"smoothing": fit.smoothing} if fit.smoothing != SMOOTHING[0] else {}
    if isinstance(found, Temperature):
        return {"T": _short(found.value)} | smoothed
    columns: Sequence[Any] = (found.slope, found.intercept, found.shared)
    by_class: dict[str, Any] = {
        name: {"a": _short(a), "b": _short(b)} | ({"shared slope": True} if shared else {})
        for name, a, b, shared in zip(benchmark.class_ids, *columns, strict=True)
    }
    return {"by class": by_class} | smoothed


def _short(value: float) -> float:
    return float(f"{value:.6g}")
