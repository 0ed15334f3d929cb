"""Few-shot draws: which units (cases, lesions) each seed and shot count learns from, nested and the same in every run.

Comes in: the pool (Samples that may be learned from) and `FewShotOptions`. Goes out: `Draw` records, whose first
``sizes[k]`` units are the k-shot draw, and `Shortfall` records of classes with fewer units than shots.

The order of units is that of SHA-256 over seed and unit id: it depends on nothing else, so that more shots, more seeds
or another row order change no draw. Two regimes:

- ``balanced``: k units of every class, by iterative stratification (Sechidis, Tsoumakas, Vlahavas 2011, ECML PKDD),
  adapted to counts instead of fractions. For k = 1, 2, 3, ... in turn: while a class has fewer than k units, the one
  with the fewest units left to draw gets its next, which counts for every label it has. So k lies inside k + 1.
  Multi-label: a common label may come out with more than k units, by keeping rarer ones company. "None of the labels"
  is a class of its own, and every label also gets k units *without* it: one-vs-rest is well defined at one shot.
- ``natural``: k K units of K classes in all, a random sample of the pool in its own class mix. Classes may be missing.

Single-label: a unit counts for its first class in the card's order, as in splits; one without a class is not drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vlmeval.errors import DataError
from vlmeval.records import Draw, FewShotOptions, Regime, Samples, Shortfall

Bools = npt.NDArray[np.bool_]
Strings = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Pool:
    """The units that draws are made from: ``names`` [U], sorted, and ``labels`` bool [U, K] of the classes of the card.

    ``wants`` bool [U, W] is what a balanced draw takes k of: the classes, and for multi-label "none of them".
    """

    names: Strings
    labels: Bools
    single_label: bool

    @classmethod
    def of(cls, samples: Samples) -> Pool:
        """Find the units of ``samples`` that can be drawn."""
        names, member = np.unique(samples.units, return_inverse=True)
        labels = np.zeros((len(names), samples.labels.shape[1]), dtype=np.bool_)
        np.logical_or.at(labels, member, samples.labels)
        single = samples.benchmark.task == "single-label"
        if single:
            known = labels.any(axis=1)
            first = np.eye(labels.shape[1], dtype=np.bool_)[labels.argmax(axis=1)]
            names, labels = names[known], first[known]
        return cls(names, labels, single)

    @property
    def wants(self) -> Bools:
        """Bool [U, W]: what a balanced draw takes k units of."""
        if self.single_label:
            return self.labels
        return np.column_stack([self.labels, ~self.labels.any(axis=1)])

    @property
    def class_units(self) -> list[int]:
        """Units of each class."""
        return [int(n) for n in self.labels.sum(axis=0)]

    def shuffled(self, seed: int) -> list[int]:
        """Return positions of all units in the order of the digests of seed and unit id."""
        return sorted(range(len(self.names)), key=lambda i: _digest(seed, str(self.names[i])))


def draw_all(samples: Samples, options: FewShotOptions) -> tuple[tuple[Draw, ...], tuple[Shortfall, ...]]:
    """Draw every regime and seed.

    Parameters
    ----------
    samples
        The pool: rows that may be learned from, and no others.
    options
        Shots, seeds, regimes and what to do with classes that have fewer units than shots.

    Returns
    -------
    tuple
        Draws, regime by regime and seed by seed; ``all`` is every unit of the pool and stands in seed 0 only. With
        ``drop-class`` the units of a class that falls short stay in the order (k inside 2k), and whoever fits leaves
        the class out at that k. Shortfalls are of the balanced regime.

    Raises
    ------
    DataError
        An empty pool; or ``few_units: error`` and a class with fewer units than shots.
    """
    pool = Pool.of(samples)
    if not pool.labels.any():
        raise DataError(
            "few-shot has nothing to draw from: no training unit has a label",
            key="split",
            expected="units in the train split that are not evaluated",
            found="0 units",
        )
    shortfalls = _shortfalls(pool, samples.benchmark.class_ids, samples.benchmark.unit.name, options)
    draws = [_draw(pool, regime, seed, options) for regime in options.regimes for seed in range(options.seeds)]
    return tuple(draw for draw in draws if draw.sizes), shortfalls


def drawn(draw: Draw, shots: int | str) -> tuple[str, ...]:
    """Return the units of the ``shots``-shot draw."""
    return draw.units[: draw.sizes[str(shots)]]


def _draw(pool: Pool, regime: Regime, seed: int, options: FewShotOptions) -> Draw:
    numbers = [shots for shots in options.shots if shots != "all"]
    order = pool.shuffled(seed)
    if regime == "balanced":
        most = max(numbers, default=0)
        order, size_after = _balanced(pool, order, most)
        sizes = {str(k): size_after[k - 1] for k in numbers}
    else:
        sizes = {str(k): min(k * pool.labels.shape[1], len(order)) for k in numbers}
    if "all" in options.shots and seed == 0:
        sizes["all"] = len(order)
    units = tuple(str(pool.names[i]) for i in order[: max(sizes.values(), default=0)])
    return Draw(regime=regime, seed=seed, units=units, sizes=sizes)


def _balanced(pool: Pool, order: list[int], most: int) -> tuple[list[int], list[int]]:
    """Return all units in drawing order, and how many are drawn after 1, 2, ..., ``most`` shots."""
    wants = pool.wants
    queue = _Queue(wants, order)
    size_after = []
    for k in range(1, most + 1):
        while (column := queue.neediest(k)) is not None:
            queue.draw(column, having=True)
        if not pool.single_label:
            while (column := queue.lacking_negatives(k)) is not None:
                queue.draw(column, having=False)
        size_after.append(len(queue.taken))
    rest = [i for i in order if not queue.is_taken[i]]
    return queue.taken + rest, size_after


class _Queue:
    """Units waiting in order; what has been drawn, and how much of everything it holds."""

    def __init__(self, wants: Bools, order: list[int]) -> None:
        self.wants = wants
        self.total = wants.sum(axis=0)
        self.got = np.zeros(wants.shape[1], dtype=np.int64)
        self.taken: list[int] = []
        self.is_taken = np.zeros(len(wants), dtype=np.bool_)
        rows = np.array(order)
        self._with = [self._waiting(rows[column].tolist()) for column in wants[rows].T]
        self._without = [self._waiting(rows[~column].tolist()) for column in wants[rows].T]

    def neediest(self, k: int) -> int | None:
        """Return the column with fewer than k units that has the fewest left to draw; the first of equals."""
        left = self.total - self.got
        needy = (self.got < k) & (left > 0)
        return int(np.where(needy, left, np.iinfo(np.int64).max).argmin()) if needy.any() else None

    def lacking_negatives(self, k: int) -> int | None:
        """Return the first column with fewer than k units drawn that do not have it, if more can be had."""
        without = len(self.taken) - self.got
        lacking = (without < k) & (without < len(self.wants) - self.total)
        return int(lacking.argmax()) if lacking.any() else None

    def draw(self, column: int, *, having: bool) -> None:
        """Draw the next unit that has the column, or the next that has it not."""
        unit = next((self._with if having else self._without)[column])
        self.taken.append(unit)
        self.is_taken[unit] = True
        self.got += self.wants[unit]

    def _waiting(self, units: list[int]) -> Iterator[int]:
        return (i for i in units if not self.is_taken[i])


def _shortfalls(pool: Pool, class_ids: tuple[str, ...], unit: str, options: FewShotOptions) -> tuple[Shortfall, ...]:
    if "balanced" not in options.regimes:
        return ()
    short = [
        (name, k, count)
        for k in options.shots
        if k != "all"
        for name, count in zip(class_ids, pool.class_units, strict=True)
        if count < k
    ]
    if options.few_units == "error":
        if short:
            found = {name: count for name, _, count in short}
            raise DataError(
                f"classes with fewer training {unit}s than shots",
                key="few_shot.shots",
                expected=f"at least {max(k for _, k, _ in short)} {unit}s of every class",
                found=", ".join(f"{name} has {count}" for name, count in found.items()),
                hint="ask for fewer shots, or let few_units be 'take-all' or 'drop-class'",
            )
        return ()
    done = options.few_units
    return tuple(Shortfall(class_id=name, shots=k, available=count, done=done) for name, k, count in short)


def _digest(seed: int, unit: str) -> bytes:
    return hashlib.sha256(f"few-shot\0{seed}\0{unit}".encode()).digest()
