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
import numpy.typing as npt

from vlmeval.records import Difference, Task
from vlmeval.records.benchmark import Level
from vlmeval.stats import metric_info
from vlmeval.stats.estimates import Estimate
from vlmeval.stats.intervals import intervals, student, unshrunk
from vlmeval.stats.paired.differences import NORMAL, ROUNDING, paired
from vlmeval.stats.table import Bools, Floats

TAIL: Final = 0.025
CHUNK: Final = 64
"""Differences of so many pairs are looked at at once: their draws stay in the processor's cache."""


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


class Comparable:
    """Rows of one table by what they can be compared with, their draws of one metric side by side.

    ``against(j, ahead)`` tells who of those ahead is clearly better than row j: the 95 % interval of the paired
    difference lies wholly on the better side of zero.
    """

    def __init__(self, sampled: Mapping[int, Sampled], metric: str, task: Task) -> None:
        self._sampled, self._metric, self._task = sampled, metric, task
        info = metric_info(metric, task)
        self._lower, self._debiased = info.direction == "lower", info.interval == "debiased"
        self._group = {i: _kin(one, metric) for i, one in sampled.items()}
        self._place: dict[int, int] = {}
        self._draws: dict[tuple[str, bytes], Floats] = {}
        for key in dict.fromkeys(self._group.values()):
            members = [i for i, own in self._group.items() if own == key]
            self._place |= {i: at for at, i in enumerate(members)}
            draws = np.array([sampled[i].estimates[metric].draws for i in members])
            self._draws[key] = -draws if self._lower else draws

    def against(self, j: int, ahead: Sequence[int]) -> dict[int, bool]:
        """Return for each position of ``ahead`` that compares with ``j`` whether it is clearly better."""
        if j not in self._group:
            return {}
        key = self._group[j]
        alike = [i for i in ahead if self._group.get(i) == key]
        if not alike:
            return {}
        if self._debiased:
            return {i: self._by_compare(i, j) for i in alike}
        support = np.array([min(self._support(i), self._support(j)) for i in alike], dtype=np.float64)
        draws = self._draws[key]
        rows = np.array([self._place[i] for i in alike])
        return dict(zip(alike, clearly_better(draws, rows, self._place[j], support).tolist(), strict=True))

    def _support(self, i: int) -> int:
        e = self._sampled[i].estimates[self._metric]
        return e.n_units if e.support is None else e.support

    def _by_compare(self, i: int, j: int) -> bool:
        d = difference(self._sampled[i], self._sampled[j], [self._metric], self._task)[0]
        if d.low is None or d.high is None:
            return False
        return d.high < 0 if self._lower else d.low > 0


def _kin(one: Sampled, metric: str) -> tuple[str, bytes]:
    classes = one.estimates[metric].classes
    return one.rows, b"" if classes is None else np.asarray(classes).tobytes()


def clearly_better(draws: Floats, rows: npt.NDArray[np.intp], one: int, support: Floats) -> Bools:
    """Tell whether the interval of ``draws[i] - draws[one]`` lies above zero, for each i of ``rows``.

    Parameters
    ----------
    draws
        [R, 1 + B], the value first.
    rows, one
        Places in ``draws``.
    support
        One a row of ``rows``: how many units the difference rests on.

    Notes
    -----
    The interval's lower end is v + (q - v) f, with v the value, q the 2.5 % quantile of the draws and f the factor by
    which few units widen it. It is above zero if and only if v > 0 and q > v (1 - 1 / f). The quantile lies between the
    k-th and the next draw in order, so that the number of draws up to that bound decides, but for one number: there
    and where draws are undefined the quantile itself is looked at.
    """
    own = draws[one]
    value = draws[rows, 0] - own[0]
    said = np.zeros(len(rows), dtype=np.bool_)
    if draws.shape[1] == 1:
        return said
    factor = unshrunk(support) * student(support)
    # Equal methods differ by nothing, not by how a mean of seeds was rounded.
    bound = np.maximum(value * (1 - NORMAL / factor), ROUNDING)
    ahead = value >= ROUNDING
    first = int(np.floor(TAIL * (draws.shape[1] - 2)))
    for start in range(0, len(rows), CHUNK):
        part = slice(start, start + CHUNK)
        drawn = draws[rows[part], 1:] - own[1:]
        below = np.count_nonzero(drawn <= bound[part, None], axis=1)
        said[part] = below <= first
        near = np.flatnonzero((below == first + 1) | np.isnan(drawn.sum(axis=1)))
        if len(near):
            low, _, _ = intervals(np.where(np.abs(drawn[near]) < ROUNDING, 0.0, drawn[near]))
            said[start + near] = low > bound[start + near]
    said &= ahead
    return said


def difference(a: Sampled, b: Sampled, metrics: Sequence[str], task: Task) -> list[Difference]:
    """Return the paired difference ``a - b`` of each metric that compares; their intervals are `vlmeval compare`'s."""
    both = [m for m in metrics if a.compares(b, m)]
    ours, theirs = ([x.estimates[m] for m in both] for x in (a, b))
    return paired(ours, theirs, ("a", "b", a.level), task=task, same_rows=True)
