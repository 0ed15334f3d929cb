"""Operating points: thresholds for a sensitivity or specificity chosen on validation units, and what they achieve.

In: the Subject. Out: sensitivity, specificity, positive and negative predictive value and the share flagged on
evaluated rows, at thresholds with at least 90 % or 95 % sensitivity or 90 % specificity on validation units; of the
average over classes overall and by level of every skin-tone source, of single classes overall, and (where the card
calls classes malignant and benign) of malignant against benign, overall and by level.

One threshold a class for everyone. Validation units count once each; no evaluated row takes part in the choice, so that
what is achieved differs from the target by chance, by the size of the validation set, and from group to group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from vlmeval.examine.calibration.recalibrated import MOST_CLASSES
from vlmeval.examine.measured import (
    Floats,
    Ground,
    add_variant,
    fitted_on,
    of_tones,
    say_missing,
    with_validation,
    with_variant,
)
from vlmeval.examine.subject import Part, Subject
from vlmeval.examine.use.operating_malignant import MALIGNANT, collapsed, two_classes
from vlmeval.examine.use.operating_thresholds import TARGETS, Target, choose, why_not
from vlmeval.methods.calibration import scarcer_units
from vlmeval.methods.features import unit_weights
from vlmeval.records import Benchmark, Decision, MetricRow, Predictions, Variant
from vlmeval.records.numbers import GAPS
from vlmeval.stats import Resamples, estimate

ACHIEVED: Final = ("sensitivity", "specificity", "precision")
NPV, FLAGGED = "npv", "flagged"
Pairs = Sequence[tuple[Predictions, Predictions]]


def examine_operating(subject: Subject, part: Part) -> None:
    """Add the operating points of every examinee."""
    benchmark = subject.samples.benchmark
    for examinee in subject.examinees:
        pairs = with_validation(examinee)
        if isinstance(pairs, str):
            say_missing(part, "operating", examinee, pairs)
            continue
        for target in TARGETS:
            _of_classes(target, pairs, benchmark, subject.resamples, part)
        both = collapsed(pairs, benchmark, subject.resamples)
        if isinstance(both, str):
            if {True, False} <= {c.malignant for c in benchmark.classes}:
                say_missing(part, "malignant", examinee, both)
            continue
        for target in TARGETS:
            _of_malignant(target, both, benchmark, subject.resamples, part)


@dataclass(frozen=True)
class _Flagged:
    """Decisions of one seed at its thresholds: evaluated rows as indicators, and the classes without a threshold."""

    predictions: Predictions
    thresholds: list[float | None]
    without: dict[str, str]

    @classmethod
    def of(cls, target: Target, evaluated: Predictions, validation: Predictions, classes: Sequence[str]) -> _Flagged:
        weight, scarcer = unit_weights(validation.units), scarcer_units(validation.y_true, validation.units)
        flagged = np.zeros(evaluated.scores.shape)
        thresholds: list[float | None] = []
        without: dict[str, str] = {}
        for k, class_id in enumerate(classes):
            reason = "no score: the method was fitted without this class" if class_id in evaluated.unscored else None
            reason = reason or why_not(int(scarcer[k]))
            if reason is not None:
                without[class_id] = reason
                thresholds.append(None)
                continue
            t = choose(target, validation.y_true[:, k], validation.scores[:, k], weight)
            thresholds.append(float(f"{t:.6g}"))
            flagged[:, k] = evaluated.scores[:, k] >= t
        made = replace(
            evaluated,
            scores=flagged,
            kind="probability",
            decision=Decision("threshold", (0.5,) * len(classes), "validation"),
            unscored=tuple(c for c in classes if c in without),
            scale=None,
            bias=None,
        )
        return cls(made, thresholds, without)


def _of_classes(target: Target, pairs: Pairs, benchmark: Benchmark, resamples: Resamples, part: Part) -> None:
    """Add what thresholds a class achieve: averages over classes by tone, single classes overall."""
    found = [_Flagged.of(target, *pair, benchmark.class_ids) for pair in pairs]
    variant = _variant(f"operating:{target.id}", target, found, pairs, benchmark.class_ids)
    rows = _achieved([f.predictions for f in found], benchmark, resamples, groups="averages")
    kept = [
        row
        for row in rows
        if row.group_level not in GAPS
        and row.averaging in ("macro", "class")
        and (row.class_id is None or len(benchmark.classes) <= MOST_CLASSES)
    ]
    add_variant(part, variant)
    part.rows += [_explained(row, found[0].without) for row in with_variant(kept, variant.id)]


def _of_malignant(target: Target, pairs: Pairs, benchmark: Benchmark, resamples: Resamples, part: Part) -> None:
    """Add what one threshold for malignancy achieves."""
    card = two_classes(benchmark)
    found = [_Flagged.of(target, *pair, card.class_ids) for pair in pairs]
    if MALIGNANT in found[0].without:
        part.missing[f"malignant:{pairs[0][0].method}"] = found[0].without[MALIGNANT]
        return
    variant = _variant(f"operating:malignant-{target.id}", target, found, pairs, card.class_ids[:1])
    rows = _achieved([_both_sides(f.predictions) for f in found], card, resamples, groups="full")
    kept = [row for row in rows if row.class_id == MALIGNANT and row.group_level not in GAPS]
    add_variant(part, variant.model_copy(update={"title": f"Malignant: {target.title.lower()}"}))
    overall = [row.model_copy(update={"class_id": None, "averaging": "overall"}) for row in kept]
    part.rows += with_variant(overall, variant.id)


def _both_sides(predictions: Predictions) -> Predictions:
    """Let the second class be flagged where the first is not."""
    first = predictions.scores[:, :1]
    return replace(predictions, scores=np.hstack([first, 1 - first]), unscored=())


def _achieved(
    predictions: Sequence[Predictions], benchmark: Benchmark, resamples: Resamples, **asked: Any
) -> list[MetricRow]:
    """Every measure of decisions: those of the registry, its precision of the contrary (NPV), and the share flagged."""
    card = benchmark.model_copy(update={"task": "multi-label"})
    own = of_tones(predictions, benchmark)
    contrary = [replace(p, y_true=~p.y_true, scores=1 - p.scores) for p in own]
    rows = estimate(own, card, resamples, metrics=ACHIEVED, **asked).rows()
    npv = estimate(contrary, card, resamples, metrics=("precision",), **asked).rows()
    rows += [row.model_copy(update={"metric": NPV}) for row in npv]
    return rows + _share_flagged(own, card, resamples, by_class_and_group=asked["groups"] == "full")


def _share_flagged(
    predictions: Sequence[Predictions], card: Benchmark, resamples: Resamples, *, by_class_and_group: bool
) -> list[MetricRow]:
    ground = Ground.of(predictions, card, resamples)
    known = ~ground.seeds.unscored
    tables = ground.seeds.tables
    rows: list[MetricRow] = []
    for cell in ground.cells:
        if known.any():
            mean = ground.mean(cell, [t.scores[:, known].mean(axis=1) for t in tables])
            row = ground.row(FLAGGED, cell, mean, None)
            rows.append(row.model_copy(update={"averaging": "macro", "n_classes": int(known.sum())}))
        for k in np.flatnonzero(known) if cell.group is None or by_class_and_group else ():
            values: list[Floats] = [t.scores[:, k] for t in tables]
            rows.append(ground.row(FLAGGED, cell, ground.mean(cell, values), None, class_id=card.class_ids[k]))
    return rows


def _variant(id_: str, target: Target, found: Sequence[_Flagged], pairs: Pairs, classes: Sequence[str]) -> Variant:
    by_seed = [dict(zip(classes, f.thresholds, strict=False)) for f in found]
    return Variant(
        id=id_,
        kind="operating-point",
        title=target.title,
        note="One threshold a class for everyone, reached on validation units; the numbers are of evaluated ones.",
        fitted_on=fitted_on(pairs[0][1]),
        parameters={pairs[0][0].method: by_seed[0] if len(by_seed) == 1 else {"by seed": by_seed}},
    )


def _explained(row: MetricRow, without: dict[str, str]) -> MetricRow:
    """Say of a class without a threshold why it has none."""
    if row.class_id is None or row.class_id not in without or row.value is not None:
        return row
    return row.model_copy(update={"reason": without[row.class_id]})
