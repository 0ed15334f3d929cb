"""Selective prediction: how the error falls when the least confident rows are left to a person, and whose they are.

In: the Subject. Out: risk-coverage curves, the area under them, the error at 80 % coverage, and, at one confidence
threshold that answers 80 % of validation units, who is answered and with which error; everything overall and by level
of every skin-tone source (El-Yaniv & Wiener 2010; Geifman & El-Yaniv 2017).

- Single-label: confidence is the highest score (recalibrated where that could be fitted), risk the share of wrong
  first-ranked classes.
- Multi-label: confidence is the mean over classes of the distance of the probability from the class's decision
  threshold, in shares of the farthest it could be on that side; risk is the Hamming loss.

Rows of equal confidence are answered together. A draw of the bootstrap orders the rows it has drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.examine.calibration.recalibrated import Recalibrated, recalibrate
from vlmeval.examine.measured import (
    Bools,
    Floats,
    Ground,
    add_variant,
    among,
    fitted_on,
    rounded,
    say_missing,
    tone_groups,
    with_validation,
)
from vlmeval.examine.measured_gap import Measured, gaps
from vlmeval.examine.subject import Part, Subject
from vlmeval.examine.use.selective_curve import risk_coverage
from vlmeval.methods.features import unit_weights
from vlmeval.records import Benchmark, CurveUsed, Predictions, Variant
from vlmeval.stats.cells import SUPPRESS_BELOW, Cell
from vlmeval.stats.intervals import limits
from vlmeval.stats.table import PROBABILITY_KINDS, Table

ANSWERED: Final = 0.8
AT: Final = "operating:answer-80"
GRID: Final = tuple(i / 40 for i in range(2, 41))
"""Coverages of the curve, those left out that leave fewer than ten units answered."""


def examine_selective(subject: Subject, part: Part) -> None:
    """Add curves, areas and referral of every examinee."""
    benchmark = subject.samples.benchmark
    for examinee in subject.examinees:
        after = recalibrate(examinee, benchmark)
        predictions = after.evaluated if isinstance(after, Recalibrated) else examinee.evaluated
        reason = _why_not(predictions[0], benchmark)
        if reason is not None:
            say_missing(part, "selective", examinee, reason)
            continue
        ground = Ground.of(predictions, benchmark, subject.resamples)
        answers = [_Answers.of(table) for table in ground.seeds.tables]
        _curves(ground, answers, after.variant if isinstance(after, Recalibrated) else None, part)
        pairs = with_validation(examinee)
        if isinstance(pairs, str):
            say_missing(part, "referral", examinee, pairs)
            continue
        chosen_on = after.validation if isinstance(after, Recalibrated) else [b for _, b in pairs]
        _referral(ground, answers, chosen_on, part)


def _why_not(predictions: Predictions, benchmark: Benchmark) -> str | None:
    if benchmark.task == "single-label":
        return None
    if predictions.decision.thresholds is None:
        return "no decision thresholds were chosen"
    if predictions.kind not in PROBABILITY_KINDS:
        return f"scores of kind {predictions.kind!r} have no common measure of confidence over classes"
    return None


@dataclass(frozen=True)
class _Answers:
    """Confidence and risk of every row [n]."""

    confidence: Floats
    risk: Floats

    @classmethod
    def of(cls, table: Table) -> _Answers:
        confidence = confidence_of(table.scores, table.unscored, table.predictions)
        if table.predictions.decision.rule == "argmax":
            right = table.truth[np.arange(len(table.top)), table.top]
            return cls(confidence, 1.0 - right.astype(np.float64))
        decided = np.zeros_like(table.truth) if table.predicted is None else table.predicted
        wrong: Floats = (decided != table.truth).astype(np.float64).mean(axis=1)
        return cls(confidence, wrong)


def confidence_of(scores: Floats, unscored: Bools, like: Predictions) -> Floats:
    """Return the confidence [n] of rows of scores [n, K], by the decision rule of ``like``."""
    known = scores[:, ~unscored]
    if like.decision.rule == "argmax" or like.decision.thresholds is None:
        return np.asarray(known.max(axis=1, initial=-np.inf))
    at = np.clip(np.asarray(like.decision.thresholds)[~unscored], 1e-9, 1 - 1e-9)
    away = np.where(known >= at, (known - at) / (1 - at), (at - known) / at)
    return np.asarray(np.clip(away, 0.0, 1.0).mean(axis=1))


def _curves(ground: Ground, answers: Sequence[_Answers], variant: str | None, part: Part) -> None:
    table = ground.seeds.table
    for cell in ground.cells:
        common = {
            "kind": "risk-coverage",
            "method": table.predictions.method,
            "level": table.predictions.level,
            "variant": variant,
            "group": cell.group,
            "group_level": cell.level,
            "n": cell.n,
            "n_units": cell.n_units,
        }
        reason = cell.why_suppressed(None)
        if reason is not None:
            part.curves.append(CurveUsed.model_validate(common | {"reason": reason}))
            nothing = [np.full(1 + table.resamples.draws, np.nan)] * len(answers)
            part.rows += [ground.row(m, cell, nothing, variant) for m in ("aurc", "excess-aurc", "risk-at-80-coverage")]
            continue
        found = [risk_coverage(a.confidence[cell.rows], a.risk[cell.rows], _drawn(table, cell), GRID) for a in answers]
        draws = ground.seeds.mean(np.concatenate([f.at for f in found])).draws
        # A point rests on the rows answered there: of fewer units than the small-cell rule wants it is not drawn.
        shown = [i for i, c in enumerate(GRID) if _answered(c, cell) >= SUPPRESS_BELOW]
        support = [_answered(GRID[i], cell) for i in shown]
        low, high, _ = limits("score", draws.T[shown], support, (0.0, 1.0))
        x, y = tuple(GRID[i] for i in shown), rounded(draws[0, shown])
        part.curves.append(
            CurveUsed.model_validate(common | {"x": x, "y": y, "low": rounded(low), "high": rounded(high)})
        )
        part.rows += [
            ground.row("aurc", cell, [f.area for f in found], variant),
            ground.row("excess-aurc", cell, [f.area - f.best for f in found], variant),
            ground.row(
                "risk-at-80-coverage",
                cell,
                [f.at[:, GRID.index(ANSWERED)] for f in found],
                variant,
                reason=_too_few(_answered(ANSWERED, cell), cell.unit),
            ),
        ]


def _answered(share: float, cell: Cell) -> int:
    return int(share * cell.n_units + 1e-9)


def _too_few(units: int, noun: str) -> str | None:
    few = units < SUPPRESS_BELOW
    return f"suppressed: fewer than {SUPPRESS_BELOW} answered {noun}s ({units})" if few else None


def _drawn(table: Table, cell: Cell) -> npt.NDArray[np.uint8]:
    return table.resamples.counts[table.unit[cell.rows]]


def _referral(ground: Ground, answers: Sequence[_Answers], validation: Sequence[Predictions], part: Part) -> None:
    """Choose the threshold on validation units, seed by seed, and add who is answered."""
    names = ground.seeds.table.benchmark.class_ids
    thresholds = [
        threshold_at(confidence_of(one.scores, np.isin(names, one.unscored), one), unit_weights(one.units), ANSWERED)
        for one in validation
    ]
    answered = [a.confidence >= t for a, t in zip(answers, thresholds, strict=True)]
    add_variant(
        part,
        Variant(
            id=AT,
            kind="operating-point",
            title=f"Answer the most confident {ANSWERED:.0%}",
            note="One confidence threshold for everyone; rows below it are left to a person.",
            fitted_on=fitted_on(validation[0]),
            parameters={ground.seeds.table.predictions.method: {"threshold": [float(f"{t:.6g}") for t in thresholds]}},
        ),
    )
    found = [one for cell in ground.cells for one in _measured_at(ground, cell, answers, answered)]
    part.rows += [one.row for one in found]
    part.rows += gaps(ground, tone_groups(ground.seeds.table.benchmark), found)


def _measured_at(
    ground: Ground, cell: Cell, answers: Sequence[_Answers], answered: Sequence[Bools]
) -> tuple[Measured, Measured]:
    share = ground.mean(cell, [a.astype(np.float64) for a in answered])
    risk = ground.mean(cell, [a.risk for a in answers], among=answered)
    unit, name = ground.seeds.table.unit, cell.unit
    fewest = min((among(cell, rows, unit).n_units for rows in answered), default=0)
    few = _too_few(fewest, name)
    left = among(cell, answered[0], unit) if cell.why_suppressed(None) is None else cell
    return (
        Measured(ground.row("coverage-at-threshold", cell, share, AT), share),
        Measured(ground.row("risk-at-threshold", left, risk, AT, reason=few), risk),
    )


def threshold_at(confidence: Floats, weight: Floats, share: float) -> float:
    """Return the highest confidence such that at least ``share`` of the weight has it or more."""
    order = np.argsort(-confidence, kind="stable")
    reached = np.cumsum(weight[order])
    return float(confidence[order][np.searchsorted(reached, share * reached[-1] - 1e-9)])
