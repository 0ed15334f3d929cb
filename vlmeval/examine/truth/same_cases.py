"""A method on the units that several dermatologists read, against the very opinions that one of them is measured by.

In: a method's predictions and the evaluated part of the panel. Out: `Found`s that stand beside those of
`truth_ceiling.one_against_others` and `ranks_of_one`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vlmeval.examine.truth.ceiling import Panel
from vlmeval.examine.truth.differential import COVERED, INSIDE, found_of, highest, hits, tops
from vlmeval.examine.truth.ranks import Bools, Floats
from vlmeval.examine.truth.rows import Found
from vlmeval.examine.truth.sampled import sampled
from vlmeval.records import Benchmark, Predictions
from vlmeval.stats import Resamples, metric_info
from vlmeval.stats.seeds import Seeds


def model_on_panel(
    predictions: Sequence[Predictions], benchmark: Benchmark, resamples: Resamples, panel: Panel
) -> list[Found]:
    """Compute what is computed of one dermatologist for a method, on the rows of the panel's units.

    ``predictions`` are one a seed. Against the differential of all readers but one, each left out in turn, as the
    dermatologist is; ranks against an opinion drawn from all of them, which on average is the same.
    """
    kept = np.isin(predictions[0].units, panel.units)
    seeds = Seeds.of([one.take(kept) for one in predictions], benchmark, resamples)
    where = np.searchsorted(panel.units, resamples.units[seeds.table.unit])
    others = np.where(panel.present[:, :, None], panel.others, 0.0)[where]
    asked = panel.present[where] & (others.sum(axis=2) > 0)
    rows = asked.any(axis=1)
    found = []
    for k in tops(len(benchmark.classes)):
        by_seed = [_mean_hits(others[rows], asked[rows], one.scores[rows], one.unscored, k) for one in seeds.tables]
        for name, column in ((INSIDE, 0), (COVERED, 1)):
            values = np.stack([seed[:, column] for seed in by_seed], axis=1)
            found.append(found_of(name.format(k), values, seeds.table.unit[rows], seeds))
    metrics = [metric_info(name, benchmark.task) for name in ("auroc", "average-precision")]
    return found + sampled(seeds, panel.mean[where], metrics)


def _mean_hits(others: Floats, asked: Bools, scores: Floats, unscored: Bools, k: int) -> Floats:
    """[n, 2] `hits` against the others of each reader who is asked, averaged over these readers."""
    best = highest(scores, unscored, k)
    by_reader = np.stack([hits(others[:, r], best) for r in range(others.shape[1])], axis=1)
    mean: Floats = (by_reader * asked[:, :, None]).sum(axis=1) / asked.sum(axis=1)[:, None]
    return mean
