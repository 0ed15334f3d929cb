"""From predictions to all numbers of a run: metric rows, paired differences to zero-shot, shots needed.

Comes in: `Made` (predictions and methods), Plan, card. Goes out: `Numbers`. One set of resamples serves all of them, so
that differences are paired. How much is reported of each:

- zero-shot's first prompt set, each calibration of it and each probe, at the card's level: every metric, by class,
  group and class x group, with the permutation tests of no difference between the levels of a group;
- other prompt sets, and the other level: every metric, over all samples and by class;
- points of few-shot curves: the card's headline metrics and sensitivity, by class and by group, no class x group;
- differences to zero-shot, of probes and few-shot points: the same as points of curves; of calibrated zero-shot the
  metrics of decisions and probabilities too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np

from vlmeval.evaluate.material import Made
from vlmeval.evaluate.probes import PROBES
from vlmeval.methods.probes import broken_probe
from vlmeval.progress import Progress, silent
from vlmeval.records import (
    Benchmark,
    Difference,
    FewShotUsed,
    Finding,
    MethodUsed,
    MetricRow,
    Plan,
    Predictions,
    ShotsNeeded,
)
from vlmeval.stats import Estimates, Resamples, all_metrics, estimate, shots_needed

STAGE: Final = "statistics"
CALIBRATION_METRICS: Final = ("accuracy", "balanced-accuracy", "hamming-loss", "log-loss", "ece")
Detail = Literal["none", "averages", "full"]


@dataclass
class Numbers:
    """Everything that was computed from the predictions."""

    rows: list[MetricRow] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    few_shot: FewShotUsed | None = None
    findings: list[Finding] = field(default_factory=list)


def resamples_of(made: Made, plan: Plan) -> Resamples:
    """Draw the resamples of units that every number of a run shares."""
    return Resamples.draw(np.concatenate([one.units for one in made.predictions]), plan.draws, plan.seed)


def numbers_of(
    made: Made, plan: Plan, benchmark: Benchmark, resamples: Resamples, progress: Progress = silent
) -> Numbers:
    """Compute every number of a run."""
    found = Numbers(few_shot=made.few_shot)
    reference = _Reference(made, benchmark, resamples)
    leading = leading_methods(made.methods, benchmark)
    for done, method in enumerate(made.methods):
        progress(STAGE, done, len(made.methods))
        predictions = predictions_of(made, method)
        if method.curve is None:
            groups: Detail = "full" if (method.id, method.level) in leading else "none"
            whole = estimate(predictions, benchmark, resamples, groups=groups, permutations=plan.permutations)
            found.rows += whole.rows()
        if method.curve is None and not reference.compares(method):
            continue
        metrics = brief_metrics(benchmark) if method.calibration is None else changed_metrics(benchmark)
        brief = estimate(predictions, benchmark, resamples, metrics=metrics, groups="averages")
        if method.curve is not None:
            found.rows += brief.rows()
        found.differences += reference.subtracted_from(brief, predictions[0], metrics)
    progress(STAGE, len(made.methods), len(made.methods))
    found.findings = _broken(found.rows, made.methods, benchmark)
    if found.few_shot is not None:
        needed = _needed(made.methods, found.differences, benchmark)
        found.few_shot = found.few_shot.model_copy(update={"needed": needed})
    return found


def leading_methods(methods: Sequence[MethodUsed], benchmark: Benchmark) -> set[tuple[str, str]]:
    """Return (id, level) of what is reported by group: of each kind its first method, at the card's level if it can."""
    leading: dict[str, tuple[str, str]] = {}
    for method in methods:
        known = leading.setdefault(method.kind, (method.id, method.level))
        if method.id == known[0] and method.level == benchmark.headline_level:
            leading[method.kind] = (method.id, method.level)
    return set(leading.values())


def predictions_of(made: Made, method: MethodUsed) -> list[Predictions]:
    """Return the predictions of a method at its level, one a seed."""
    return [one for one in made.predictions if (one.method, one.level) == (method.id, method.level)]


def brief_metrics(benchmark: Benchmark) -> tuple[str, ...]:
    """Return the metrics of differences and points of curves: the headline ones and sensitivity."""
    return tuple(dict.fromkeys((*benchmark.headline_metrics, "sensitivity")))


def changed_metrics(benchmark: Benchmark) -> tuple[str, ...]:
    """Return the metrics by which calibrated zero-shot is set against plain: those of differences, and what it is for.

    Decisions (accuracy, balanced accuracy; Hamming loss with several labels) and probabilities (log-loss, ECE).
    """
    known = {metric.id for metric in all_metrics(benchmark.task)}
    return tuple(dict.fromkeys((*brief_metrics(benchmark), *(m for m in CALIBRATION_METRICS if m in known))))


class _Reference:
    """The headline of zero-shot at the card's level, estimated once for each set of rows and classes asked for."""

    def __init__(self, made: Made, benchmark: Benchmark, resamples: Resamples) -> None:
        self._benchmark, self._resamples = benchmark, resamples
        self._known: dict[tuple[tuple[str, ...], int, tuple[str, ...]], Estimates] = {}
        leading = (m for m in made.methods if m.kind == "zero-shot" and m.level == benchmark.headline_level)
        method = next(leading, None)
        self._predictions = None if method is None else predictions_of(made, method)[0]

    def compares(self, method: MethodUsed) -> bool:
        """Whether a method's difference to zero-shot is to be reported."""
        level = self._benchmark.headline_level
        wanted = method.kind in PROBES or method.calibration is not None
        return self._predictions is not None and wanted and method.level == level

    def subtracted_from(self, estimates: Estimates, like: Predictions, metrics: tuple[str, ...]) -> list[Difference]:
        """Return ``estimates`` minus zero-shot on the rows and classes of ``like``; nothing without zero-shot."""
        whole = self._predictions
        if whole is None:
            return []
        key = (like.unscored, len(like), metrics)
        if key not in self._known:
            rows = whole if len(like) == len(whole) else whole.take(np.isin(whole.ids, like.ids))
            self._known[key] = estimate(
                [replace(rows, unscored=like.unscored)],
                self._benchmark,
                self._resamples,
                metrics=metrics,
                groups="averages",
            )
        return estimates.minus(self._known[key], whole.method)


def _broken(rows: Iterable[MetricRow], methods: Iterable[MethodUsed], benchmark: Benchmark) -> list[Finding]:
    """Return the findings of probes that rank well and decide badly, at the card's level."""
    own = [row for row in rows if row.class_id is None and row.group is None and row.averaging in ("macro", "overall")]
    row_of = {(row.method, row.level, row.metric): row for row in own}
    found = []
    for method in methods:
        if method.kind not in PROBES or method.level != benchmark.headline_level:
            continue
        auroc, accuracy = (row_of.get((method.id, method.level, m)) for m in ("auroc", "balanced-accuracy"))
        if auroc is not None and accuracy is not None:
            # Chance is that of the classes the number is about: fewer than the card's where some have no rows.
            classes = accuracy.n_classes or len(benchmark.classes)
            found.append(broken_probe(method.id, auroc.value, accuracy.value, classes, benchmark.task))
    return [finding for finding in found if finding is not None]


def _needed(
    methods: Iterable[MethodUsed], differences: Iterable[Difference], benchmark: Benchmark
) -> tuple[ShotsNeeded, ...]:
    """Return, curve by curve, from how many shots on it beats zero-shot by the headline metrics."""
    by_method: dict[str, list[Difference]] = {}
    for one in differences:
        by_method.setdefault(one.method, []).append(one)
    curves: dict[str, list[MethodUsed]] = {}
    for method in methods:
        if method.curve is not None and method.id in by_method:
            curves.setdefault(method.curve, []).append(method)
    needed: list[ShotsNeeded] = []
    for curve, points in curves.items():
        found = [(point.shots, by_method[point.id]) for point in points if point.shots is not None]
        versus = by_method[points[0].id][0].versus
        needed += shots_needed(found, curve, versus, benchmark.headline_metrics)
    return tuple(needed)
