"""The numbers of one pair of methods: every paired difference beside both values, and McNemar's table.

In: predictions of both on the same rows (one a seed), the shared card, resamples and swaps. Out: `PairedNumber`s and
`McNemar`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from vlmeval.records import Benchmark, Decision, Predictions
from vlmeval.records.comparison import McNemar, PairedNumber
from vlmeval.stats import Resamples
from vlmeval.stats.cells import whole
from vlmeval.stats.paired.exchange_test import compare
from vlmeval.stats.paired.mcnemar import mcnemar
from vlmeval.stats.paired.swaps import Swaps
from vlmeval.stats.summary import Groups
from vlmeval.stats.table import Table

Side = Sequence[Predictions]


def paired_numbers(
    a: Side,
    b: Side,
    card: Benchmark,
    resamples: Resamples,
    swaps: Swaps,
    *,
    metrics: Collection[str] | None,
    groups: Groups,
) -> list[PairedNumber]:
    """Return a number for every metric, class and group that both have."""
    found = compare(a, b, card, resamples, swaps, metrics=metrics, groups=groups)
    return [
        PairedNumber(
            **dict(difference),
            a=mine.value,
            b=theirs.value,
            n_positive=mine.n_positive,
            greyed=mine.greyed or theirs.greyed,
        )
        for difference, mine, theirs in zip(found.differences, found.ours, found.theirs, strict=True)
    ]


def tested_units(a: Side, b: Side, card: Benchmark, resamples: Resamples) -> McNemar:
    """Return McNemar's table of single-label answers, or the reason why there is none."""
    if card.task != "single-label":
        return McNemar(reason="with several answers a row there is no one right answer to count")
    if len(a) > 1 or len(b) > 1:
        return McNemar(reason="a method of several seeds gives several answers to each row")
    if any(p.decision.rule != "argmax" for p in (*a, *b)):
        return McNemar(reason="thresholds per class do not give each row one class")
    tables = [Table.of(side[0], card, resamples) for side in (a, b)]
    few = whole(tables[0]).why_suppressed(None)
    if few is not None:
        return McNemar(reason=few)
    rows = np.arange(len(tables[0].top))
    right = [table.truth[rows, table.top] for table in tables]
    counts = mcnemar(right[0], right[1], tables[0].unit)
    alone = len(np.unique(tables[0].unit)) == len(rows)
    unit = card.unit.name
    rule = f"more than half of the images of a {unit} are classified rightly"
    return McNemar(
        both=counts.both,
        only_a=counts.only_ours,
        only_b=counts.only_theirs,
        neither=counts.neither,
        p=counts.p,
        rule=f"the {unit} is classified rightly" if alone else rule,
    )


def in_order(predictions: Predictions, own: Sequence[str], wanted: Sequence[str]) -> Predictions:
    """Return predictions with their class columns ``own`` in the order ``wanted``."""
    if tuple(own) == tuple(wanted):
        return predictions
    at = np.array([list(own).index(name) for name in wanted])
    decision = predictions.decision
    thresholds = None if decision.thresholds is None else tuple(decision.thresholds[i] for i in at)
    return replace(
        predictions,
        y_true=predictions.y_true[:, at],
        scores=predictions.scores[:, at],
        decision=Decision(decision.rule, thresholds, decision.chosen_on),
    )
