"""Statistics: Predictions -> MetricRows and Differences; cluster-bootstrap intervals, groups, suppression, gaps.

Start at `summary.estimate`. Pure functions on arrays; numpy only.
"""

# Importing the modules of metrics is what fills the registry, in the order in which rows stand.
# isort: off
from vlmeval.stats import classwise as classwise
from vlmeval.stats import overall as overall
from vlmeval.stats import brier as brier
from vlmeval.stats import probabilities as probabilities
from vlmeval.stats import operating as operating
from vlmeval.stats import malignancy as malignancy

# isort: on
from vlmeval.stats import fairness as fairness
from vlmeval.stats.curves import Curve, Reliability, confusion, pr_curve, reliability, roc_curve
from vlmeval.stats.needed import shots_needed
from vlmeval.stats.registry import Metric, all_metrics, metric_info, metrics_between_levels
from vlmeval.stats.resamples import Resamples
from vlmeval.stats.results import Estimates
from vlmeval.stats.summary import estimate, summarise
from vlmeval.stats.thresholds import choose_thresholds

__all__ = [
    "Curve",
    "Estimates",
    "Metric",
    "Reliability",
    "Resamples",
    "all_metrics",
    "choose_thresholds",
    "confusion",
    "estimate",
    "metric_info",
    "metrics_between_levels",
    "pr_curve",
    "reliability",
    "roc_curve",
    "shots_needed",
    "summarise",
]
