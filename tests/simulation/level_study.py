"""How often the permutation test of "no difference between groups" is wrong, and the false discoveries of many of them.

The null hypothesis holds although the levels differ in case mix and in rows a unit. Two ways to do it wrong stand
beside it as controls, which must be seen to fail: permuting rows instead of units, and permuting units without regard
to their truth.
"""

from __future__ import annotations

import numpy as np
from rates import Counts, Rate
from simulated_world import World, by_rows

from vlmeval.records import Predictions
from vlmeval.stats import Resamples, estimate

LEVEL = 0.05
REQUIRED = (0.0, LEVEL)


def level_of_test(world: World, units: int, count: int, permutations: int = 199, *, rows: bool = False) -> list[Rate]:
    """How often p is at most 5 %; ``rows``: of the control that permutes rows."""
    counts = Counts()
    for i, (sample, _) in enumerate(world.samples(units, count, seed=2)):
        p = by_rows(sample) if rows else sample
        resamples = Resamples.draw(p.units, 0, seed=i)  # other permutations for every sample
        found = estimate([p], world.card, resamples, metrics=world.metrics, permutations=permutations)
        for row in found.rows():
            if row.p is not None:
                counts.add(row.metric, row.class_id or row.averaging, row.p <= LEVEL)
    return counts.rates((0.0, 1.0) if world.differs else REQUIRED, count // 2)


def level_without_strata(world: World, units: int, count: int, permutations: int = 199) -> list[Rate]:
    """The control that lets any two units change places: differing case mix is taken for a difference of the method."""
    counts = Counts()
    for i, (p, _) in enumerate(world.samples(units, count, seed=2)):
        counts.add("accuracy", "overall", _p_without_strata(p, permutations, i) <= LEVEL)
    return counts.rates(REQUIRED, 1)


def false_discoveries(world: World, units: int, count: int, permutations: int, *, raw: bool = False) -> list[Rate]:
    """Mean share of false ones among the gaps with an adjusted p of at most 5 %, and how often a true one is found.

    ``raw``: of the control that takes every p of at most 5 % for a discovery.
    """
    shares, found = 0.0, Counts()
    for i, (p, _) in enumerate(world.samples(units, count, seed=3)):
        resamples = Resamples.draw(p.units, 0, seed=i)
        rows = estimate([p], world.card, resamples, metrics=world.metrics, permutations=permutations)
        p_of = [(r, r.p if raw else r.p_adjusted) for r in rows.rows()]
        discoveries = [r for r, value in p_of if value is not None and value <= LEVEL]
        false = [r for r in discoveries if not (world.differs and r.group == "g0")]
        shares += len(false) / max(len(discoveries), 1)
        found.add("some true difference found", "rate", len(false) < len(discoveries))
    rates = [Rate("false discoveries among all", "rate", shares, count, *REQUIRED)]
    return rates + (found.rates((0.0, 1.0), 1) if world.differs else [])


def _p_without_strata(p: Predictions, permutations: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    _, first, unit = np.unique(p.units, return_index=True, return_inverse=True)
    right = p.scores.argmax(axis=1) == p.y_true.argmax(axis=1)
    levels = p.groups["g0"][first]

    def gap(of_units: np.ndarray) -> float:
        level = of_units[unit]
        return float(np.ptp([right[level == code].mean() for code in range(3)]))

    observed = gap(levels)
    return float((1 + sum(gap(rng.permutation(levels)) >= observed for _ in range(permutations))) / (1 + permutations))
