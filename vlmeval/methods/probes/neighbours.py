"""Nearest neighbours: the cosine-weighted vote of the k most similar pictures; nothing is trained.

Comes in: Samples, image vectors in the same order, an `Ask`. Goes out: `Probed`.

With s_j the cosine of a picture (or a pooled unit) with neighbour j, its vote counts u_j exp(s_j / T), where u_j makes
every unit count once; a class's score is its share of the votes. The weighting is that of Wu et al. 2018 (Unsupervised
Feature Learning via Non-Parametric Instance Discrimination, section 3.4) with T = 0.07, as DINO uses it (Caron et al.
2021, Emerging Properties in Self-Supervised Vision Transformers, section 4.1). k is chosen off the evaluated rows.

To choose k, one vote for the class mix of the pool joins the k (Laplace's rule of succession): without it a class that
no neighbour has would cost nearly endless log-loss, and the largest k would win whatever it decides. Scores have no
such vote.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from vlmeval.methods.features import Features
from vlmeval.methods.probes.ask import Ask, Probed
from vlmeval.methods.probes.held import Held, stacked
from vlmeval.methods.probes.roles import Part, Rows, absent_classes, assign_roles, fitted_on
from vlmeval.methods.probes.tuning import Grid, Judged, tune
from vlmeval.methods.probes.weights import label_weights, unit_shares
from vlmeval.methods.scored import Matrix, unit_length
from vlmeval.progress import Progress, silent
from vlmeval.records import Embeddings, Finding, ProbeOptions, Samples

BLOCK: Final = 512
"""Queries whose cosines with the whole pool are held at once."""
DECIMALS: Final = 12
"""Cosines are rounded so far: equal pictures tie exactly, wherever they stand in a matrix product."""


@dataclass(frozen=True)
class Pool:
    """What is voted by: unit-length features [n, d], labels bool [n, K], weights float64 [n, K] of a row's vote."""

    features: Matrix
    labels: npt.NDArray[np.bool_]
    weight: Matrix
    temperature: float
    progress: Progress = silent

    @classmethod
    def of(cls, samples: Samples, rows: Rows, features: Matrix, ask: Ask) -> Self:
        """Make the pool of ``rows``, whose features [n, d] are given."""
        weight = label_weights(samples.units[rows], samples.labels[rows], ask.options, samples.benchmark.task)
        return cls(unit_length(features), samples.labels[rows], weight, ask.options.temperature, ask.progress)

    def succession(self, queries: Matrix, ks: Sequence[int]) -> npt.NDArray[np.float64]:
        """Return :meth:`votes` with one more vote, for the pool's class mix: (k share + mix) / (k + 1)."""
        mix = (self.weight * self.labels).sum(axis=0) / self.weight.sum(axis=0)
        count = np.array(ks, dtype=np.float64)[:, None, None]
        return np.asarray((count * self.votes(queries, ks) + mix) / (count + 1))

    def votes(self, queries: Matrix, ks: Sequence[int]) -> npt.NDArray[np.float64]:
        """Return float64 [len(ks), m, K]: each class's share of the votes of the k nearest, for every k."""
        unit = unit_length(queries)
        shares = np.empty((len(ks), len(unit), self.labels.shape[1]))
        for start in range(0, len(unit), BLOCK):
            block = slice(start, start + BLOCK)
            shares[:, block] = self._votes(unit[block], ks)
            self.progress("nearest neighbours", min(start + BLOCK, len(unit)), len(unit))
        return shares

    def _votes(self, unit: Matrix, ks: Sequence[int]) -> npt.NDArray[np.float64]:
        cosines = np.round(unit @ self.features.T, DECIMALS)
        near = nearest(cosines, max(ks))
        close = np.take_along_axis(cosines, near, axis=1)
        # The nearest one's weight is 1: shares are the same, and no temperature overflows.
        strength = np.exp((close - close[:, :1]) / self.temperature)[:, :, None] * self.weight[near]
        ends = np.array(ks) - 1
        mine = np.cumsum(strength * self.labels[near], axis=1)[:, ends]
        every = np.cumsum(strength, axis=1)[:, ends]
        return np.asarray(np.moveaxis(mine / every, 1, 0))


def nearest(cosines: Matrix, k: int) -> npt.NDArray[np.intp]:
    """Return positions [m, k] of the k highest cosines [m, n] a row, falling; of equal ones the first comes first."""
    if k >= cosines.shape[1]:
        return np.argsort(-cosines, axis=1, kind="stable")
    found = np.sort(np.argpartition(-cosines, k - 1, axis=1)[:, :k], axis=1)
    close = np.take_along_axis(cosines, found, axis=1)
    # Where the k-th ties with one left out, the partition's pick among them is arbitrary.
    tied = np.flatnonzero((cosines >= close.min(axis=1, keepdims=True)).sum(axis=1) > k)
    near = np.take_along_axis(found, np.argsort(-close, axis=1, kind="stable"), axis=1)
    near[tied] = np.argsort(-cosines[tied], axis=1, kind="stable")[:, :k]
    return near


def knn(samples: Samples, images: Embeddings, ask: Ask) -> Probed:
    """Choose k and score by nearest neighbours.

    Parameters
    ----------
    samples, images
        n rows, with the same ids in the same order.
    ask
        Options (grid of k, temperature, features, weights), evaluated split, pooling.

    Returns
    -------
    Probed
        Deterministic (seed None); scores are shares of votes, kind ``probability``.

    Raises
    ------
    UsageError, DataError
        As :func:`~vlmeval.methods.probes.roles.assign_roles`.
    """
    roles = assign_roles(samples, images, ask)
    options, level = ask.options, samples.benchmark.headline_level
    smallest = min(len(part.learned) for part in (*roles.tuning, roles.final))
    ks, findings = _possible(options, smallest)
    tuning = [_pool(samples, images, part, ask) for part in roles.tuning]
    held = [one for _, one in tuning]
    # All values of k side by side as columns: neighbours are searched for once.
    wide = [one.at(level, partial(_side_by_side, pool.succession, ks), ask.pooling) for pool, one in tuning]
    by_k = np.split(np.concatenate(wide), len(ks), axis=1)
    grid = Grid("k", ks, open_below=ks[0] > 1, open_above=ks[-1] < smallest)
    judged = Judged.of(held, level, roles.tuned_on(samples, level), by_unit=options.unit_weights)
    _, choice, more = tune(grid, by_k, judged, options.criterion)

    chosen = int(choice.chosen)
    final, evaluated = _pool(samples, images, roles.final, ask)
    parts = [(final, evaluated), *tuning]
    scored = [
        one.scored(partial(_side_by_side, pool.votes, [chosen]), ask.pooling, "probability") for pool, one in parts
    ]
    return Probed(
        scored={None: stacked(scored)},
        choice=choice,
        parameters={
            "k": chosen,
            "temperature": options.temperature,
            "features": options.features,
            "class_weight": options.class_weight,
            "unit_weights": options.unit_weights,
            **fitted_on(samples, roles.final.learned),
        },
        findings=findings + more + absent_classes(samples, roles.final.learned),
    )


def _pool(samples: Samples, images: Embeddings, part: Part, ask: Ask) -> tuple[Pool, Held]:
    vectors = images.vectors[part.learned]
    features = Features.fit(ask.options.features, vectors, unit_shares(samples.units[part.learned], ask.options))
    pool = Pool.of(samples, part.learned, features.images(vectors), ask)
    return pool, Held.of(samples, images, part.held, features)


def _side_by_side(
    votes: Callable[[Matrix, Sequence[int]], npt.NDArray[np.float64]], ks: Sequence[int], queries: Matrix
) -> Matrix:
    return np.concatenate(list(votes(queries, ks)), axis=1)


def _possible(options: ProbeOptions, rows: int) -> tuple[tuple[int, ...], list[Finding]]:
    """Leave out values of k above the number of rows; if none is left, the number of rows is the only one."""
    ks = tuple(k for k in options.neighbours if k <= rows) or (rows,)
    skipped = tuple(str(k) for k in options.neighbours if k > rows)
    if not skipped:
        return ks, []
    message = f"values of k above the {rows} pictures there are to learn from were left out"
    return ks, [
        Finding(code="neighbours-skipped", severity="info", message=message, count=len(skipped), examples=skipped)
    ]
