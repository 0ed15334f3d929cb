"""Decision curves (Vickers & Elkin 2006): is acting on the model better than treating everyone, or no one.

In: the Subject. Out: curves of kind ``decision``: net benefit TP/n - FP/n x t/(1 - t) of treating rows whose
recalibrated probability is at least t, for t from 1 to 50 %, with the same for treating everyone beside it (treating no
one is 0).

Of malignancy where the card calls classes malignant and benign (probability: Platt scaling of the malignant classes'
joint score), else of the three classes with most positive validation units. Recalibration is fitted on validation
units; without it there is no curve, for a threshold on a probability means nothing of scores that are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from vlmeval.examine.calibration.recalibrated import applied, fit_on, parameters_of, recalibrate
from vlmeval.examine.measured import Floats, add_variant, fitted_on, rounded, say_missing, with_validation
from vlmeval.examine.subject import Examinee, Part, Subject
from vlmeval.examine.use.operating_malignant import MALIGNANT, collapsed, two_classes
from vlmeval.methods.calibration import scarcer_units
from vlmeval.records import Benchmark, CurveUsed, Predictions, Variant
from vlmeval.stats import Resamples
from vlmeval.stats.cells import whole
from vlmeval.stats.intervals import limits
from vlmeval.stats.seeds import Seeds
from vlmeval.stats.sums import weighted_sums
from vlmeval.stats.table import Table

THRESHOLDS: Final = tuple(t / 100 for t in (*range(1, 11), *range(12, 51, 2)))
COLLAPSE: Final = "collapse:malignant"
TREAT_ALL: Final = "decision:treat-all"
MOST_CLASSES: Final = 3


def examine_decisions(subject: Subject, part: Part) -> None:
    """Add the curves of every examinee."""
    benchmark = subject.samples.benchmark
    for examinee in subject.examinees:
        pairs = with_validation(examinee)
        if isinstance(pairs, str):
            say_missing(part, "decision", examinee, pairs)
            continue
        both = collapsed(pairs, benchmark, subject.resamples)
        reason = (
            _of_classes(examinee, subject, part)
            if isinstance(both, str)
            else _of_malignant(both, benchmark, subject.resamples, part)
        )
        if reason is not None:
            say_missing(part, "decision", examinee, reason)


def _of_malignant(
    pairs: Sequence[tuple[Predictions, Predictions]], benchmark: Benchmark, resamples: Resamples, part: Part
) -> str | None:
    card = two_classes(benchmark)
    seeds, parameters = [], []
    for evaluated, validation in pairs:
        fit = fit_on(validation, card)
        if isinstance(fit, str):
            return fit.replace("no class has", "there are not")
        seeds.append(replace(applied(fit, evaluated, card), groups={}))
        found = parameters_of(fit, card)
        parameters.append(found.pop("by class")[MALIGNANT] | found)
    variant = Variant(
        id=COLLAPSE,
        kind="collapse",
        title="Malignant against benign",
        note="Platt scaling of the malignant classes' joint score; rows of classes that are neither are left out.",
        fitted_on=fitted_on(pairs[0][1]),
        parameters={pairs[0][0].method: parameters[0] if len(parameters) == 1 else {"by seed": parameters}},
    )
    add_variant(part, variant)
    _add(Seeds.of(seeds, card, resamples), 0, COLLAPSE, None, part)
    return None


def _of_classes(examinee: Examinee, subject: Subject, part: Part) -> str | None:
    benchmark = subject.samples.benchmark
    after = recalibrate(examinee, benchmark)
    if isinstance(after, str):
        return after
    seeds = Seeds.of(after.evaluated, benchmark, subject.resamples)
    first = after.validation[0]
    scarcer = np.where(seeds.unscored, -1, scarcer_units(first.y_true, first.units))
    for k in sorted(np.argsort(-scarcer, kind="stable")[:MOST_CLASSES].tolist()):
        _add(seeds, k, after.variant, benchmark.class_ids[k], part)
    return None


def _add(seeds: Seeds, k: int, variant: str, class_id: str | None, part: Part) -> None:
    """Add the model's curve of class k and that of treating everyone."""
    cell = whole(seeds.table)
    common = {
        "kind": "decision",
        "method": seeds.table.predictions.method,
        "level": seeds.table.predictions.level,
        "class_id": class_id,
        "n": cell.n,
        "n_units": cell.n_units,
    }
    reason = cell.why_suppressed(k)
    if reason is not None:
        part.curves.append(CurveUsed.model_validate(common | {"variant": variant, "reason": reason}))
        return
    add_variant(part, Variant(id=TREAT_ALL, kind="operating-point", title="Treat everyone"))
    model = seeds.mean(np.concatenate([net_benefit(t, k, t.scores[:, k]) for t in seeds.tables])).draws
    everyone = net_benefit(seeds.table, k, np.ones(cell.n))
    for name, draws in ((variant, model), (TREAT_ALL, everyone)):
        low, high, _ = limits("percentile", draws.T, [cell.n_units] * len(THRESHOLDS), (-np.inf, np.inf))
        band = {"x": THRESHOLDS, "y": rounded(draws[0]), "low": rounded(low), "high": rounded(high)}
        part.curves.append(CurveUsed.model_validate(common | {"variant": name} | band))


def net_benefit(table: Table, k: int, probability: Floats) -> Floats:
    """Net benefit of treating rows with at least the threshold's probability, in every draw: [D, thresholds]."""
    at = np.asarray(THRESHOLDS)
    treated = probability[:, None] >= at - 1e-12
    truth = table.truth[:, [k]]
    worth = np.where(truth, 1.0, -at / (1 - at)) * treated
    sums = weighted_sums(table.resamples.counts, table.unit, np.column_stack([worth, np.ones(len(worth))]))
    total = sums[:, -1:]
    out = np.full((len(sums), len(at)), np.nan)
    np.divide(sums[:, :-1], total, out=out, where=total > 0)
    return out
