"""Several seeds of one method, and the second level of the bootstrap.

In: Predictions of one method at one level that differ in seed and scores only (a method without seeds has one). Out:
`Seeds`: their tables, how often each seed was drawn in each draw, and the means over seeds that estimates are made of.

A draw of the two-level bootstrap resamples units (`resamples.py`) and, independently, as many seeds as there are, with
replacement; its value is the mean over the seeds drawn, each on the units drawn. Its interval is thus over both: other
patients, and other runs of the same method. With S seeds the spread between seeds enters with (S - 1) / S of its
variance (as in any bootstrap of a mean), so intervals of few seeds are a little narrow.

A seed without a value leaves no mean: a class that some seeds never predict has no mean precision, and the mean over
the other seeds would be one of better runs. Such values are undefined, and the reason counts the seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from vlmeval.errors import DataError
from vlmeval.records import Benchmark, Predictions
from vlmeval.stats.metrics.registry import Metric
from vlmeval.stats.resamples import Resamples
from vlmeval.stats.sums import Drawn
from vlmeval.stats.table import Bools, Floats, Table

_STREAM = 0x5EED
"""Keeps the draws of seeds apart from the draws of units, which the same number seeds."""


def seed_counts(seed: int, seeds: int, draws: int) -> npt.NDArray[np.uint8]:
    """Draw as many seeds as there are, with replacement, ``draws`` times.

    Depends on nothing but its arguments, and more draws only add draws: all methods with so many seeds share them, and
    their differences are paired.

    Returns
    -------
    ndarray
        uint8 [seeds, 1 + draws], how often each seed was drawn. Column 0 is the sample itself: all ones.
    """
    counts = np.ones((seeds, 1 + draws), dtype=np.uint8)
    if seeds > 1 and draws:
        drawn = np.random.default_rng((seed, seeds, _STREAM)).integers(0, seeds, size=(draws, seeds))
        counts[:, 1:] = (drawn[:, :, None] == np.arange(seeds)).sum(axis=1).T
    return counts


@dataclass(frozen=True)
class Values:
    """Means over seeds in every draw, [D] or [D, K] (index 0 the sample), and each seed's own value, [S] or [S, K]."""

    draws: Floats
    seeds: Floats


@dataclass(frozen=True)
class Seeds:
    """The tables of S seeds on the same rows, and how often each seed was drawn, uint8 [S, D]."""

    tables: tuple[Table, ...]
    counts: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, predictions: Sequence[Predictions], benchmark: Benchmark, resamples: Resamples) -> Seeds:
        """Check that the predictions are seeds of one method on the same rows, and put them in order.

        Raises
        ------
        DataError
            They are not, or one of them cannot be used (see `Table.of`).
        """
        if not predictions:
            raise DataError("there are no predictions to estimate from", expected="one Predictions, or one a seed")
        if len(predictions) > 1:
            if len({p.seed for p in predictions} - {None}) < len(predictions):
                found = ", ".join(str(p.seed) for p in predictions)
                raise _not_one(predictions[0], "a different seed each", found)
            predictions = sorted(predictions, key=lambda p: p.seed or 0)
        tables = tuple(Table.of(p, benchmark, resamples) for p in predictions)
        for table in tables[1:]:
            _check_same(tables[0], table)
        return cls(tables, seed_counts(resamples.seed, len(tables), resamples.draws))

    @property
    def table(self) -> Table:
        """The first seed's table: rows, units, truth and groups are the same in all."""
        return self.tables[0]

    @property
    def number(self) -> int | None:
        """How many seeds the method has, None for a method without."""
        return None if self.table.predictions.seed is None else len(self.tables)

    @cached_property
    def drawn(self) -> tuple[Drawn, ...]:
        """By seed: the draws that drew it."""
        counts = self.table.resamples.counts
        if len(self.tables) == 1:
            return (Drawn.all_of(counts),)
        found = [np.flatnonzero(times) for times in self.counts]
        return tuple(Drawn(index, np.ascontiguousarray(counts[:, index])) for index in found)

    @cached_property
    def unscored(self) -> Bools:
        """[K] classes that some seed cannot predict."""
        found: Bools = np.any([t.unscored for t in self.tables], axis=0)
        return found

    def missing(self, metric: Metric) -> str | None:
        """Why some seed cannot have this metric, or None."""
        return next((why for t in self.tables if (why := metric.missing(t)) is not None), None)

    def mean(self, values: Floats) -> Values:
        """Average values [S * D, ...], one seed's draws after the other's, over the seeds that each draw has drawn."""
        count = len(self.tables)
        if count == 1:
            return Values(values, values[:1])
        by_seed = values.reshape(count, -1, *values.shape[1:])
        weight = self.counts.reshape(*self.counts.shape, *(1,) * (values.ndim - 1))
        # A seed that was not drawn may have no value there.
        total = np.where(weight > 0, by_seed * weight, 0.0).sum(axis=0)
        return Values(total / count, by_seed[:, 0])


def _check_same(first: Table, other: Table) -> None:
    a, b = first.predictions, other.predictions
    for name in ("method", "level", "kind"):
        if getattr(a, name) != getattr(b, name):
            raise _not_one(a, f"the same {name} in all", f"{getattr(a, name)} and {getattr(b, name)}")
    if a.decision.rule != b.decision.rule:
        raise _not_one(a, "the same rule of decision in all", f"{a.decision.rule} and {b.decision.rule}")
    same = (
        np.array_equal(first.ids, other.ids)
        and np.array_equal(first.unit, other.unit)
        and np.array_equal(first.truth, other.truth)
        and first.groups.keys() == other.groups.keys()
        and all(np.array_equal(codes, other.groups[name]) for name, codes in first.groups.items())
    )
    if not same:
        raise _not_one(a, "the same rows with the same truth and groups in all", f"other rows in seed {b.seed}")


def _not_one(predictions: Predictions, expected: str, found: str) -> DataError:
    return DataError(
        f"these predictions are not seeds of one method ({predictions.method!r} at {predictions.level} level)",
        expected=expected,
        found=found,
    )
