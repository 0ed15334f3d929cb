"""Statistics: Predictions -> MetricRows, with cluster-bootstrap intervals, groups, suppression and gaps.

Start at `summary.summarise`. Pure functions on arrays; numpy only.
"""

# Importing the two modules of metrics is what fills the registry.
from vlmeval.stats import classwise as classwise
from vlmeval.stats import overall as overall
from vlmeval.stats.curves import Curve, Reliability, confusion, pr_curve, reliability, roc_curve
from vlmeval.stats.registry import Metric, all_metrics, metric_info
from vlmeval.stats.resamples import Resamples
from vlmeval.stats.summary import summarise
from vlmeval.stats.thresholds import choose_thresholds

__all__ = [
    "Curve",
    "Metric",
    "Reliability",
    "Resamples",
    "all_metrics",
    "choose_thresholds",
    "confusion",
    "metric_info",
    "pr_curve",
    "reliability",
    "roc_curve",
    "summarise",
]
