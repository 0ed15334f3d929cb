"""Predictions made ready for counting: checked, in a fixed row order, with decisions and unit numbers.

In: Predictions, a benchmark card and the shared resamples. Out: `Table`. Row order never changes a number, because
rows are put in the order of (unit, id) first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vlmeval.errors import DataError
from vlmeval.records import Benchmark, Predictions
from vlmeval.records.model import ScoreKind
from vlmeval.stats.resamples import Resamples, Strings

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

PROBABILITY_KINDS = frozenset({"softmax", "sigmoid", "probability"})
ROUNDING = 0.01
"""How far from 1 the probabilities of a row may sum and still be a distribution."""


@dataclass(frozen=True)
class Table:
    """Everything the metrics of one method at one level are computed from; n rows, K classes.

    ``unit`` numbers each row's unit in the resamples. ``predicted`` is bool [n, K], or None with ``no_decision``
    saying why. ``top`` is each row's first-ranked class (lowest class index on ties, as ``numpy.argmax``).
    ``groups`` holds level codes by group id. ``unscored`` is bool [K], classes that the method cannot predict: such a
    class is never decided for and ranks below all others.
    """

    benchmark: Benchmark
    predictions: Predictions
    resamples: Resamples
    ids: Strings
    unit: Index
    truth: Bools
    scores: Floats
    top: Index
    predicted: Bools | None
    no_decision: str | None
    no_probability: str | None
    groups: dict[str, npt.NDArray[np.int16]]
    unscored: Bools
    _orders: dict[int, Index] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, predictions: Predictions, benchmark: Benchmark, resamples: Resamples) -> Table:
        """Check the predictions and put their rows in order.

        Raises
        ------
        DataError
            Scores that are not finite or no probabilities where the kind says so (names column and row id), a
            single-label row without exactly one class, a unit that was not resampled, a level code out of range.
        """
        unscored = np.isin(benchmark.class_ids, predictions.unscored)
        _check(predictions, benchmark, unscored)
        order = np.lexsort((predictions.ids, predictions.units))
        scores = np.ascontiguousarray(predictions.scores[order], dtype=np.float64)
        scores[:, unscored] = -np.inf
        top = scores.argmax(axis=1) if len(scores) else np.zeros(0, dtype=np.intp)
        predicted, no_decision = _decide(predictions, benchmark, scores, top)
        scores[:, unscored] = lowest_score(predictions.kind, scores)
        return cls(
            benchmark=benchmark,
            predictions=predictions,
            resamples=resamples,
            ids=predictions.ids[order],
            unit=resamples.index_of(predictions.units[order]),
            truth=predictions.y_true[order],
            scores=scores,
            top=top,
            predicted=predicted,
            no_decision=no_decision,
            no_probability=_no_probability(predictions),
            groups={
                g.id: predictions.groups[g.id][order] for g in benchmark.available_groups if g.id in predictions.groups
            },
            unscored=unscored,
        )

    @cached_property
    def no_distribution(self) -> str | None:
        """Why a row's probabilities are no distribution over the classes, or None."""
        if self.unscored.any():
            return "the method gives some class no probability at all"
        total = self.scores.sum(axis=1)
        # Probabilities in files are rounded, of many classes to three digits.
        wrong = int((np.abs(total - 1) > ROUNDING).sum())
        return f"the probabilities of a row do not sum to 1 (in {wrong} of {len(total)} rows)" if wrong else None

    @cached_property
    def tied(self) -> Bools:
        """[K] whether some rows have the same score of the class."""
        ordered = np.sort(self.scores, axis=0)
        found: Bools = (ordered[1:] == ordered[:-1]).any(axis=0)
        return found

    def descending(self, k: int) -> Index:
        """Rows in descending order of class k's score; sorted once, then shared by all groups."""
        if k not in self._orders:
            self._orders[k] = np.argsort(-self.scores[:, k], kind="stable")
        return self._orders[k]


class Binary(NamedTuple):
    """One yes-or-no question: the table's rows that it is put to [m], their truth [m] and scores [m]."""

    rows: Index
    truth: Bools
    scores: Floats


View = Callable[[Table], Binary]
"""Another reading of predictions, see `views.py`."""


def lowest_score(kind: ScoreKind, scores: Floats) -> float:
    """Return what may stand for "no score": 0 where scores are probabilities, else less than any score."""
    if kind in PROBABILITY_KINDS:
        return 0.0
    return float(scores.min(where=np.isfinite(scores), initial=0.0)) - 1.0


def _decide(
    predictions: Predictions, benchmark: Benchmark, scores: Floats, top: Index
) -> tuple[Bools | None, str | None]:
    decision = predictions.decision
    if decision.rule == "argmax":
        predicted = np.zeros(scores.shape, dtype=bool)
        predicted[np.arange(len(scores)), top] = True
        return predicted, None
    if decision.thresholds is None:
        return None, "no decision thresholds were chosen (there were no validation units to choose them on)"
    if len(decision.thresholds) != len(benchmark.classes):
        raise DataError(
            "the decision needs one threshold a class",
            expected=str(len(benchmark.classes)),
            found=str(len(decision.thresholds)),
        )
    return scores >= np.asarray(decision.thresholds, dtype=np.float64), None


def _no_probability(predictions: Predictions) -> str | None:
    if predictions.kind in PROBABILITY_KINDS:
        return None
    return f"scores of kind {predictions.kind!r} are not probabilities"


def _check(predictions: Predictions, benchmark: Benchmark, unscored: Bools) -> None:
    names = benchmark.class_ids
    if predictions.scores.shape[1] != len(names):
        raise DataError(
            f"predictions of {predictions.method!r} have the wrong number of classes",
            expected=str(len(names)),
            found=str(predictions.scores.shape[1]),
        )
    _refuse(predictions, benchmark, ~np.isfinite(predictions.scores) & ~unscored, "a finite number")
    if predictions.kind in PROBABILITY_KINDS:
        # A float32 softmax may leave [0, 1] by rounding; anything more is another kind of score.
        outside = (predictions.scores < -1e-6) | (predictions.scores > 1 + 1e-6)
        _refuse(predictions, benchmark, outside & ~unscored, f"a probability, as kind {predictions.kind!r} says")
    if benchmark.task == "single-label":
        wrong = np.flatnonzero(predictions.y_true.sum(axis=1) != 1)
        if len(wrong):
            raise DataError(
                f"row {str(predictions.ids[wrong[0]])!r} has {predictions.y_true[wrong[0]].sum()} classes",
                expected="exactly one class a row in a single-label benchmark",
                found=f"{len(wrong)} rows with none or several",
            )
    for group in benchmark.available_groups:
        codes = predictions.groups.get(group.id)
        if codes is None:
            continue
        bad = np.flatnonzero((codes < 0) | (codes >= len(group.levels)))
        if len(bad):
            raise DataError(
                f"row {str(predictions.ids[bad[0]])!r} has a level of {group.id!r} that the card does not have",
                key=group.id,
                expected=f"a code from 0 to {len(group.levels) - 1}",
                found=str(codes[bad[0]]),
            )


def _refuse(predictions: Predictions, benchmark: Benchmark, bad: Bools, expected: str) -> None:
    if not bad.any():
        return
    row, column = (int(i[0]) for i in np.nonzero(bad))
    raise DataError(
        f"score of row {str(predictions.ids[row])!r} in column {benchmark.class_ids[column]!r} cannot be used",
        key=benchmark.class_ids[column],
        expected=expected,
        found=f"{predictions.scores[row, column]} ({int(bad.sum())} such values)",
    )
