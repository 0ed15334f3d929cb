"""What a metric is called, which way is better, how it is computed, and what guessing reaches; from `vlmeval.stats`."""

from __future__ import annotations

import math
from typing import Final

from vlmeval.errors import UnknownNameError
from vlmeval.records import MethodUsed, Task
from vlmeval.report.lookup import Rows, View
from vlmeval.stats import metric_info

AVERAGING_NAMES: Final = {
    "overall": "",
    "macro": "mean over classes",
    "macro-common": "same classes in every level",
    "weighted": "weighted by class size",
    "class": "",
}
CHANCE: Final = "Guessing"
# What an uninformed answer reaches: rows of the run where statistics computed them, else a constant of the metric.
REFERENCE_ROWS: Final = {
    "balanced-accuracy": ((CHANCE, "balanced-accuracy-chance"),),
    "accuracy": ((CHANCE, "accuracy-chance"), ("Always the most frequent class", "accuracy-majority")),
    "hamming-loss": (("Always the more frequent answer", "hamming-majority"),),
    "average-precision": ((CHANCE, "prevalence"),),
}
CONSTANTS: Final = {"auroc": 0.5, "cohen-kappa": 0.0, "mcc": 0.0}
MULTI_LABEL_CONSTANTS: Final = {"balanced-accuracy": 0.5}
SAME_FOR_ALL: Final = frozenset({"auroc", "balanced-accuracy", "accuracy", "cohen-kappa", "mcc"})
REFERENCES: Final = frozenset(row for rows in REFERENCE_ROWS.values() for _, row in rows)


def metric_view(metric: str, task: Task | None = None) -> View:
    """Return a metric's names, direction, bounds, definition and source; an unknown one keeps its id as its name."""
    try:
        info = metric_info(metric, task)
    except UnknownNameError:
        plain = metric.replace("-", " ")
        return {"id": metric, "name": plain, "short": plain, "direction": "higher", "family": None, "bounds": None, "definition": "", "source": ""}  # fmt: skip # noqa: E501
    name = info.name[:1].upper() + info.name[1:]
    return {
        "id": metric,
        "name": name,
        "short": name.split(" (")[0],
        "direction": info.direction,
        "family": info.family,
        "bounds": [b if math.isfinite(b) else None for b in info.bounds],
        "definition": info.definition,
        "source": info.source,
    }


def references(rows: Rows, method: MethodUsed, metric: str, averaging: str, task: Task) -> list[View]:
    """Return what guessing reaches on the same samples: a name and a value each."""
    constant = CONSTANTS.get(metric, MULTI_LABEL_CONSTANTS.get(metric) if task == "multi-label" else None)
    if constant is not None:
        return [{"name": CHANCE, "value": constant}]
    found = []
    for name, reference in REFERENCE_ROWS.get(metric, ()):
        row = rows.averaged(method, reference, averaging)
        if row is not None and row.value is not None:
            found.append({"name": name, "value": row.value})
    return found
