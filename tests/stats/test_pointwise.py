"""Many scorings counted at once have the values that each has alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_up_predictions import benchmark, predictions
from sklearn.metrics import average_precision_score, balanced_accuracy_score, roc_auc_score

from vlmeval.stats import Resamples, estimate, metric_info
from vlmeval.stats.cells import whole
from vlmeval.stats.pointwise import countable, point_values
from vlmeval.stats.table import Table

SINGLE = ("auroc", "average-precision", "accuracy", "balanced-accuracy", "sensitivity", "specificity", "f1", "mcc")
MULTI = ("auroc", "average-precision", "balanced-accuracy", "sensitivity", "hamming-loss")


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("task", "metrics"), [("single-label", SINGLE), ("multi-label", MULTI)])
def test_values_are_those_of_each_alone(task: str, metrics: tuple[str, ...], ties: bool) -> None:
    card = benchmark(task)
    rng = np.random.default_rng(3)
    first = predictions(task, n=250, seed=1, ties=ties)
    many = [replace(first, scores=rng.permuted(first.scores, axis=0) if i else first.scores) for i in range(4)]
    if task == "single-label":
        many = [replace(p, scores=p.scores / p.scores.sum(axis=1, keepdims=True)) for p in many]
    undrawn = Resamples.draw(first.units, 0)
    tables = [Table.of(p, card, undrawn) for p in many]
    truth, supported = tables[0].truth, whole(tables[0]).supported
    found = point_values(((t.scores, t.predicted) for t in tables), truth, supported, metrics, card.task)
    for one, values in zip(many, found, strict=True):
        own = {
            e.metric: e.draws[0]
            for e in estimate([one], card, undrawn, metrics=metrics, groups="none").estimates
            if e.averaging in ("macro", "overall")
        }
        np.testing.assert_allclose(values, [own[m] for m in metrics], rtol=1e-12)


def test_values_are_scikit_learns() -> None:
    card, p = benchmark(), predictions(n=300, seed=5)
    table = Table.of(p, card, Resamples.draw(p.units, 0))
    every = np.ones(5, dtype=bool)
    metrics = ("auroc", "average-precision", "balanced-accuracy")
    ((auroc, precision, balanced),) = point_values(
        [(table.scores, table.predicted)], table.truth, every, metrics, "single-label"
    )
    assert auroc == pytest.approx(np.mean([roc_auc_score(table.truth[:, k], table.scores[:, k]) for k in range(5)]))
    assert precision == pytest.approx(
        np.mean([average_precision_score(table.truth[:, k], table.scores[:, k]) for k in range(5)])
    )
    assert balanced == pytest.approx(balanced_accuracy_score(table.truth.argmax(axis=1), table.scores.argmax(axis=1)))


def test_metrics_of_more_than_counts_are_refused() -> None:
    assert not countable(metric_info("ece", "single-label"))
    with pytest.raises(ValueError, match="ece"):
        point_values([], np.zeros((2, 2), dtype=bool), np.ones(2, dtype=bool), ("ece",), "single-label")
