"""Pairs of rows: which of them the data can tell apart, by the interval of their paired difference.

In: estimates with draws on shared resamples. Out: truth values for ranks, `Difference`s for the page. The interval is
that of `vlmeval compare` (`stats.paired.differences`). For ranks only its sign matters, and a thousand rows have half a
million pairs: `clearly_better` counts draws instead of sorting them, and sorts only where the count leaves it open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from vlmeval.records import Difference, Task
from vlmeval.records.benchmark import Level
from vlmeval.stats import metric_info
from vlmeval.stats.estimates import Estimate
from vlmeval.stats.intervals import intervals, student, unshrunk
from vlmeval.stats.paired.differences import NORMAL, ROUNDING, paired
from vlmeval.stats.table import Bools, Floats

TAIL: Final = 0.025


@dataclass(frozen=True)
class Sampled:
    """Metrics of one row of the table in every resample; ``rows`` tells ids, units and truth of what it answered.

    ``estimates``: by metric, the average that the table shows.
    """

    estimates: Mapping[str, Estimate]
    rows: str
    level: Level

    def compares(self, other: Sampled, metric: str) -> bool:
        """Whether a difference would be of like and like: the same rows, and an average over the same classes."""
        a, b = self.estimates.get(metric), other.estimates.get(metric)
        if a is None or b is None or self.rows != other.rows:
            return False
        return a.classes is None or b.classes is None or np.array_equal(a.classes, b.classes)


def told_apart(ahead: Sequence[Sampled], one: Sampled, metric: str, task: Task) -> list[bool]:
    """Tell of each row of those ahead, all comparable with ``one``, whether it is clearly better.

    That is: whether the 95 % interval of the paired difference lies wholly on the better side of zero.
    """
    info = metric_info(metric, task)
    lower = info.direction == "lower"
    if info.interval == "debiased":
        found = [difference(other, one, [metric], task)[0] for other in ahead]
        return [d.low is not None and d.high is not None and (d.high < 0 if lower else d.low > 0) for d in found]
    own = one.estimates[metric]
    draws = np.array([other.estimates[metric].draws for other in ahead])
    support = np.array([min(_support(other.estimates[metric]), _support(own)) for other in ahead], dtype=np.float64)
    sign = -1.0 if lower else 1.0
    said: list[bool] = clearly_better(sign * draws, sign * own.draws, support).tolist()
    return said


def clearly_better(ahead: Floats, one: Floats, support: Floats) -> Bools:
    """Tell whether the interval of ``ahead - one`` lies above zero, for each row of ``ahead``.

    Parameters
    ----------
    ahead, one
        Draws [A, 1 + B] and [1 + B], the value first.
    support
        [A] how many units each difference rests on.

    Notes
    -----
    The interval's lower end is v + (q - v) f, with v the value, q the 2.5 % quantile of the draws and f the factor by
    which few units widen it. It is above zero if and only if v > 0 and q > v (1 - 1 / f). The quantile lies between the
    k-th and the next draw in order, so that the number of draws up to that bound decides, but for one number.
    """
    difference = ahead - one
    difference[np.abs(difference) < ROUNDING] = 0.0
    value, drawn = difference[:, 0], difference[:, 1:]
    if drawn.shape[1] == 0:
        return np.zeros(len(value), dtype=np.bool_)
    bound = value * (1 - NORMAL / (unshrunk(support) * student(support)))
    below = (drawn <= bound[:, None]).sum(axis=1)
    first = int(np.floor(TAIL * (drawn.shape[1] - 1)))
    said: Bools = (value > 0) & (below <= first)
    open_ = (value > 0) & ((below == first + 1) | np.isnan(drawn).any(axis=1))
    if open_.any():
        low, _, _ = intervals(drawn[open_])
        said[open_] = low > bound[open_]
    return said


def difference(a: Sampled, b: Sampled, metrics: Sequence[str], task: Task) -> list[Difference]:
    """Return the paired difference ``a - b`` of each metric that compares; their intervals are `vlmeval compare`'s."""
    both = [m for m in metrics if a.compares(b, m)]
    ours, theirs = ([x.estimates[m] for m in both] for x in (a, b))
    return paired(ours, theirs, ("a", "b", a.level), task=task, same_rows=True)


def _support(e: Estimate) -> int:
    return e.n_units if e.support is None else e.support
