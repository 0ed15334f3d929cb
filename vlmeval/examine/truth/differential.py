"""Does the answer stand in the differential? The classes with the highest scores against what the readers considered.

In: a method's tables and the differential of each row. Out: `Found`s for k = 1, 3, 5 (as long as there are more
classes than that): the share of rows whose k highest-scored classes hold at least one condition of the differential,
and the weight of the differential that these k classes cover, which is the expected share of right answers when one
opinion is drawn from it. Classes are ranked by score across classes; of equal scores the class listed first leads.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from vlmeval.examine.truth.ranks import Bools, Floats
from vlmeval.examine.truth.rows import Found, is_grey, too_few
from vlmeval.stats import Resamples
from vlmeval.stats.seeds import Seeds
from vlmeval.stats.sums import weighted_sums
from vlmeval.stats.table import Index

TOPS: Final = (1, 3, 5)
INSIDE: Final = "top-{}-in-differential"
COVERED: Final = "top-{}-weight"


def tops(classes: int) -> tuple[int, ...]:
    """Return the numbers of answers that say something of so many classes."""
    return tuple(k for k in TOPS if k < classes)


def in_differential(seeds: Seeds, differential: Floats) -> list[Found]:
    """Compute both figures for every k over the rows that have a condition of the card in their differential."""
    table, rows = seeds.table, differential.sum(axis=1) > 0
    weights, unit = differential[rows], table.unit[rows]
    found = []
    for k in tops(differential.shape[1]):
        by_seed = []
        for one in seeds.tables:
            best = highest(one.scores[rows], one.unscored, k)
            by_seed.append(hits(weights, best))
        for name, column in ((INSIDE, 0), (COVERED, 1)):
            values = np.stack([seed[:, column] for seed in by_seed], axis=1)
            found.append(found_of(name.format(k), values, unit, seeds))
    return found


def highest(scores: Floats, unscored: Bools, k: int) -> Index:
    """[n, k] the classes with the highest scores, those that cannot be predicted last."""
    order: Index = np.argsort(-np.where(unscored, -np.inf, scores), axis=1, kind="stable")[:, :k]
    return order


def hits(differential: Floats, best: Index) -> Floats:
    """[n, 2]: whether one of the classes is in the differential, and the weight they cover (at most 1)."""
    covered = np.take_along_axis(differential, best, axis=1)
    return np.stack([(covered > 0).any(axis=1), np.minimum(covered.sum(axis=1), 1.0)], axis=1).astype(np.float64)


def found_of(metric: str, values: Floats, unit: Index, seeds: Seeds) -> Found:
    """Return the mean of row values [n, S] over rows and seeds, in the sample and in every draw."""
    draws = mean_draws(values, unit, seeds.table.resamples, seeds.counts.astype(np.float64))
    n_units = len(np.unique(unit))
    return Found(
        metric=metric,
        averaging="overall",
        sample=draws[:1],
        draws=draws[1:],
        n=len(values),
        n_units=n_units,
        greyed=is_grey(n_units),
        reason=too_few(n_units, seeds.table.benchmark.unit.name),
    )


def mean_draws(values: Floats, unit: Index, resamples: Resamples, seed_counts: Floats) -> Floats:
    """[1 + B] the mean of row values [n, S] over rows and seeds, in the sample and in every draw of units and seeds."""
    sums = weighted_sums(resamples.counts, unit, np.concatenate([np.ones((len(values), 1)), values], axis=1))
    mean = np.full((len(sums), values.shape[1]), np.nan)
    np.divide(sums[:, 1:], sums[:, :1], out=mean, where=sums[:, :1] > 0)
    total: Floats = (mean * seed_counts.T).sum(axis=1) / values.shape[1]
    return total
