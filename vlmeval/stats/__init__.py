"""Statistics: Predictions -> MetricRows and Differences; cluster-bootstrap intervals, groups, suppression, gaps.

Start at `summary.estimate`. Pure functions on arrays; numpy only (scipy for quantiles). `metrics/` says what is
computed, `groups/` how far levels are apart, `paired/` how far two methods are; beside them the machinery they share.
"""

# Importing these fills the registry, in the order in which rows stand.
from vlmeval.stats import metrics as metrics  # isort: skip
from vlmeval.stats.groups import fairness as fairness  # isort: skip
from vlmeval.stats.curves import Curve, Reliability, confusion, pr_curve, reliability, roc_curve
from vlmeval.stats.metrics.registry import Metric, all_metrics, metric_info, metrics_between_levels
from vlmeval.stats.needed import shots_needed
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
