"""Malignant against benign, for whoever chooses on validation rows: the same collapse of both sides, as predictions.

In: evaluated and validation predictions of each seed, and the card. Out: predictions of two classes, ``malignant`` and
``benign``, by the rule of `vlmeval.stats.metrics.malignancy`: rows of classes that the card calls neither are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from vlmeval.records import Benchmark, ClassSpec, Decision, Predictions
from vlmeval.stats import Resamples
from vlmeval.stats.metrics import malignancy
from vlmeval.stats.table import PROBABILITY_KINDS, Table

MALIGNANT: Final = "malignant"
BENIGN: Final = "benign"


def two_classes(benchmark: Benchmark) -> Benchmark:
    """Return the card with the two classes instead of its own."""
    classes = tuple(ClassSpec(id=i, name=i.capitalize(), labels=(i,)) for i in (MALIGNANT, BENIGN))
    return benchmark.model_copy(update={"classes": classes, "task": "multi-label"})


def collapsed(
    pairs: Sequence[tuple[Predictions, Predictions]], benchmark: Benchmark, resamples: Resamples
) -> list[tuple[Predictions, Predictions]] | str:
    """Return both sides of every seed with two classes; or why the card or the method does not allow it."""
    if benchmark.task != "single-label":
        return "malignant against benign is asked of single-label benchmarks only"
    made = []
    for evaluated, validation in pairs:
        table = Table.of(evaluated, benchmark, resamples)
        reason = malignancy.unavailable(table)
        if reason is not None:
            return reason
        other = Table.of(validation, benchmark, Resamples.draw(validation.units, 0))
        made.append((_binary(table), _binary(other)))
    return made


def _binary(table: Table) -> Predictions:
    """Return the rows that are one or the other; the second column is the first one's contrary."""
    found, old = malignancy.malignant(table), table.predictions
    probability = old.kind in PROBABILITY_KINDS
    scores = np.clip(found.scores, 0.0, 1.0) if probability else found.scores
    return replace(
        old,
        ids=table.ids[found.rows],
        units=table.resamples.units[table.unit[found.rows]],
        y_true=np.column_stack([found.truth, ~found.truth]),
        scores=np.column_stack([scores, 1 - scores if probability else -scores]),
        kind="probability" if probability else "logit",
        decision=Decision("threshold"),
        groups={name: codes[found.rows] for name, codes in table.groups.items()},
        scale=None,
        bias=None,
        unscored=(),
    )
