"""Reliability curves: how often what is said with probability p is so, for everyone and for every skin tone.

In: the Subject. Out: curves of kind ``reliability``, before recalibration (where scores are probabilities) and after.
Single-label: the probability of the first-ranked class against how often it is right. Multi-label: the probability of
every class against how often it is present, all classes together.

Bins hold equally many rows (equal-mass; Nguyen & O'Connor 2015); in multi-label tasks, where nearly all probabilities
are near 0, equal sums of probability, so that each has about as many positives. There are at most ten, of at least ten
units each; rows of equal probability are never parted. The bins are those of the sample in every draw; the band is the
score interval of the share in a bin over draws of units. Several seeds are pooled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.examine.calibration.recalibrated import recalibrate
from vlmeval.examine.measured import Floats, Ground, rounded, say_missing
from vlmeval.examine.subject import Examinee, Part, Subject
from vlmeval.records import CurveUsed, Predictions
from vlmeval.stats.cells import SUPPRESS_BELOW, Cell
from vlmeval.stats.intervals import limits
from vlmeval.stats.sums import weighted_sums
from vlmeval.stats.table import PROBABILITY_KINDS, Table

MOST_BINS: Final = 10
UNITS_A_BIN: Final = 20
Index = npt.NDArray[np.intp]


def examine_reliability(subject: Subject, part: Part) -> None:
    """Add every examinee's curves, before and after recalibration."""
    for examinee in subject.examinees:
        if examinee.evaluated[0].kind in PROBABILITY_KINDS:
            part.curves += _curves(examinee.evaluated, subject, None)
        after = recalibrate(examinee, subject.samples.benchmark)
        if not isinstance(after, str):
            part.curves += _curves(after.evaluated, subject, after.variant)
        elif examinee.evaluated[0].kind not in PROBABILITY_KINDS:
            say_missing(part, "reliability", examinee, _neither(examinee, after))


def _neither(examinee: Examinee, why: str) -> str:
    return f"scores of kind {examinee.evaluated[0].kind!r} are no probabilities, and could not be made any: {why}"


def _curves(predictions: Sequence[Predictions], subject: Subject, variant: str | None) -> list[CurveUsed]:
    benchmark = subject.samples.benchmark
    ground = Ground.of(predictions, benchmark, subject.resamples)
    single = benchmark.task == "single-label"
    made = []
    for cell in ground.cells:
        common = {
            "kind": "reliability",
            "method": predictions[0].method,
            "level": predictions[0].level,
            "variant": variant,
            "group": cell.group,
            "group_level": cell.level,
            "n_units": cell.n_units,
        }
        reason = cell.why_suppressed(None)
        drawn = {"reason": reason} if reason else _drawn(ground, cell, single=single)
        made.append(CurveUsed.model_validate(common | drawn))
    return made


def _drawn(ground: Ground, cell: Cell, *, single: bool) -> dict[str, object]:
    """Return points and band of one cell: seeds pooled, and classes too where there may be several."""
    parts = [_pairs(table, cell, single=single) for table in ground.seeds.tables]
    probability, hit, unit = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    number = _bins(probability, unit, None if single else probability)
    bins = int(number.max()) + 1
    n = np.bincount(number, minlength=bins)
    inside = np.zeros((len(number), 2 * bins))
    inside[np.arange(len(number)), number] = hit
    inside[np.arange(len(number)), bins + number] = 1.0
    hits, rows = np.split(weighted_sums(ground.seeds.table.resamples.counts, unit, inside), 2, axis=1)
    share = np.divide(hits, rows, out=np.full(hits.shape, np.nan), where=rows > 0)
    units = [len(np.unique(unit[number == one])) for one in range(bins)]
    low, high, _ = limits("score", share.T, units, (0.0, 1.0))
    mean = np.bincount(number, weights=probability, minlength=bins) / n
    return {
        "x": rounded(mean),
        "y": rounded(share[0]),
        "low": rounded(low),
        "high": rounded(high),
        "n": tuple(n.tolist()),
    }


def _pairs(table: Table, cell: Cell, *, single: bool) -> tuple[Floats, Floats, Index]:
    """Probability, whether it was so, and the unit, one entry a row (or a row and class that can be predicted)."""
    rows = np.flatnonzero(cell.rows)
    if single:
        top = table.top[rows]
        return table.scores[rows, top], table.truth[rows, top].astype(np.float64), table.unit[rows]
    at = np.ix_(rows, np.flatnonzero(~table.unscored))
    probability, hit = table.scores[at], table.truth[at].astype(np.float64)
    return probability.ravel(), hit.ravel(), np.repeat(table.unit[rows], probability.shape[1])


def _bins(probability: Floats, unit: Index, weight: Floats | None) -> Index:
    """Return each value's bin, of as many bins as leave each with units enough."""
    units = len(np.unique(unit))
    for bins in range(max(1, min(MOST_BINS, units // UNITS_A_BIN)), 1, -1):
        number = equal_mass(probability, bins, weight)
        pairs = np.unique(number * (unit.max() + 1) + unit)
        if np.bincount(pairs // (unit.max() + 1)).min() >= SUPPRESS_BELOW:
            return number
    return equal_mass(probability, 1, weight)


def equal_mass(values: Floats, bins: int, weight: Floats | None = None) -> Index:
    """Return the number of each value's bin, 0 and up in the order of the values, none empty; equal values share a bin.

    Edges are where the weight so far (1 a value if not given) passes i / bins of the whole; ties may leave fewer bins.
    """
    order = np.argsort(values, kind="stable")
    so_far = np.cumsum(np.ones(len(values)) if weight is None else weight[order])
    ranks = np.searchsorted(so_far, so_far[-1] * np.arange(1, bins) / bins + 1e-9 * so_far[-1] / len(values))
    edges = values[order][np.minimum(ranks, len(values) - 1)]
    found = np.searchsorted(np.unique(edges), values, side="right")
    _, number = np.unique(found, return_inverse=True)
    return number.astype(np.intp)
