"""What a metric is called, which way is better, and how it is computed: the registry of `vlmeval.stats`, as view data."""

from __future__ import annotations

from vlmeval.report.lookup import View

_NAMES = {
    "auroc": ("AUROC", True),
    "average_precision": ("Average precision", True),
    "sensitivity": ("Sensitivity", True),
    "specificity": ("Specificity", True),
    "precision": ("Precision", True),
    "f1": ("F1", True),
    "accuracy": ("Accuracy", True),
    "balanced_accuracy": ("Balanced accuracy", True),
    "hamming_loss": ("Hamming loss", False),
    "prevalence": ("Prevalence", True),
}
AVERAGING_NAMES = {"overall": "", "macro": "macro", "weighted": "weighted", "class": ""}


def metric_view(metric: str) -> View:
    """Return a metric's display name, direction, bounds, formula and source."""
    name, higher = _NAMES.get(metric, (metric.replace("_", " "), True))
    return {"id": metric, "name": name, "higher_is_better": higher, "bounds": [0.0, 1.0], "formula": "", "source": ""}


def better(metric: str, a: float, b: float) -> bool:
    """Tell whether value ``a`` of a metric is better than ``b``."""
    return a > b if metric_view(metric)["higher_is_better"] else a < b
