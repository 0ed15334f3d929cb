"""Nested cross-validation: the whole search again without each fold of the validation units, measured on that fold.

Comes in: `Candidates`, `Target`, `Options`. Goes out: `Nested`: one `OuterFold` each, and the pooled out-of-fold scores
as `Judged`, from which the honest estimate and its interval come. The folds of the search inside are dealt of the
remaining units only, so that nothing of a fold is known where it is not measured (Varma & Simon 2006).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vlmeval.methods.folds import grouped_folds
from vlmeval.progress import Progress, silent
from vlmeval.records.search import OuterFold
from vlmeval.workbench.search.candidates import Candidates, Floats
from vlmeval.workbench.search.choose import Options, search
from vlmeval.workbench.search.figures import Judged
from vlmeval.workbench.search.measure import Truth, decided, measure, thresholds_of
from vlmeval.workbench.search.target import Target

STAGE = "search without each fold"


@dataclass(frozen=True)
class Nested:
    """The outer folds, and every row as scored by the choice that has not seen it."""

    outer: tuple[OuterFold, ...]
    judged: Judged


def nested(rows: Candidates, target: Target, options: Options, progress: Progress = silent) -> Nested:
    """Search as often as there are folds."""
    fold = grouped_folds(rows.units, rows.labels, options.folds, options.seed, single_label=target.single)
    scores, decisions = np.full(rows.labels.shape, np.nan), np.zeros(rows.labels.shape, dtype=bool)
    outer = []
    count = int(fold.max()) + 1
    for f in range(count):
        progress(STAGE, f, count)
        fit, rest = rows.take(fold != f), rows.take(fold == f)
        choice = search(fit, target, options)
        inside, outside = choice.scores(fit), choice.scores(rest)
        thresholds = thresholds_of(inside, Truth.of(fit, target), target)
        scores[fold == f], decisions[fold == f] = outside, decided(outside, thresholds)
        before = thresholds_of(fit.baseline, Truth.of(fit, target), target)
        outer.append(
            OuterFold(
                units=len(np.unique(rest.units)),
                inside=_number(choice.value),
                outside=_value(outside, rest, target, thresholds),
                baseline=_value(rest.baseline, rest, target, before),
                chosen=choice.labels(rows),
            )
        )
    progress(STAGE, count, count)
    truth = Truth.of(rows, target)
    return Nested(tuple(outer), Judged(scores, decisions, rows.labels, rows.units, truth.tone, fold))


def _value(scores: Floats, rows: Candidates, target: Target, thresholds: Floats | None) -> float | None:
    return _number(float(measure(scores[None], Truth.of(rows, target), target, thresholds)[0]))


def _number(value: float) -> float | None:
    """Return None for NaN: a fold may have no class or level to judge."""
    return None if np.isnan(value) else value
