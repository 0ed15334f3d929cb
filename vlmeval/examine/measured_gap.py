"""The last level of a skin-tone source less the first, of a measure that an examination has computed level by level.

In: the rows of the levels with their draws. Out: a row under the group level ``last-first`` (see
`vlmeval.records.numbers.GAPS`), with an interval made of those of the two levels and the correlation of their draws, as
of any metric (`vlmeval.stats.groups.extremes`). Unlike the largest less the smallest it is not biased away from no
difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vlmeval.examine.measured import Floats, Ground
from vlmeval.records import GroupSpec, MetricRow
from vlmeval.stats.groups.extremes import difference_limits
from vlmeval.stats.intervals import number

LAST_FIRST = "last-first"


@dataclass(frozen=True)
class Measured:
    """A row, and what it is made of: the draws [D] of every seed."""

    row: MetricRow
    by_seed: Sequence[Floats]


def last_less_first(ground: Ground, group: GroupSpec, levels: Mapping[str, Measured]) -> MetricRow | None:
    """Return the difference of one measure between the ends of a scale; None where the source is no scale."""
    ordered = [lv.id for lv in group.levels if not lv.missing and not lv.other and lv.id in levels]
    if group.scale is None or len(ordered) < 2:
        return None
    first, last = levels[ordered[0]], levels[ordered[-1]]
    without = [one.row.group_level for one in (first, last) if one.row.value is None]
    values = ground.seeds.mean(np.concatenate([b - a for a, b in zip(first.by_seed, last.by_seed, strict=True)]))
    low, high = (None, None) if without else _limits(ground, first, last)
    several = not without and len(values.seeds) > 1
    return first.row.model_copy(
        update={
            "group_level": LAST_FIRST,
            "value": None if without else float(values.draws[0]),
            "low": low,
            "high": high,
            "n": first.row.n + last.row.n,
            "n_units": first.row.n_units + last.row.n_units,
            "greyed": not without and (first.row.greyed or last.row.greyed),
            "reason": f"no value for level {' and '.join(map(str, without))}" if without else None,
            "undefined_draws": None if without else number(_undefined(values.draws[1:])),
            "seeds": None if without else ground.seeds.number,
            "seed_sd": float(np.std(values.seeds, ddof=1)) if several else None,
        }
    )


def _limits(ground: Ground, first: Measured, last: Measured) -> tuple[float | None, float | None]:
    ends = [(one.row.value, one.row.low, one.row.high) for one in (first, last)]
    known = [(v, low, high) for v, low, high in ends if v is not None and low is not None and high is not None]
    if len(known) < 2:
        return None, None
    draws = [ground.seeds.mean(np.concatenate(one.by_seed)).draws[1:] for one in (first, last)]
    both = ~np.isnan(draws[0]) & ~np.isnan(draws[1])
    varied = both.sum() > 1 and all(np.ptp(one[both]) > 0 for one in draws)
    correlation = float(np.corrcoef(draws[0][both], draws[1][both])[0, 1]) if varied else 0.0
    return difference_limits(known[0], known[1], correlation)


def _undefined(draws: Floats) -> float:
    return float(np.isnan(draws).mean()) if len(draws) else np.nan


def gaps(ground: Ground, groups: Sequence[GroupSpec], found: Sequence[Measured]) -> list[MetricRow]:
    """Return the differences of every measure among ``found``, source by source."""
    made = []
    for group in groups:
        own = [one for one in found if one.row.group == group.id]
        for metric in dict.fromkeys(one.row.metric for one in own):
            levels = {str(one.row.group_level): one for one in own if one.row.metric == metric}
            row = last_less_first(ground, group, levels)
            made += [row] if row is not None else []
    return made
