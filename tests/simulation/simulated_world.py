"""A made-up population of clustered photographs whose true values are known, and samples from it.

A unit (case) has 1 to 6 rows (photographs), one truth and one level of each group attribute. A row's score of a class
is the truth times a separation, plus noise that half belongs to the unit: rows of a unit are alike (intra-cluster
correlation 0.5), and whoever takes them for independent is wrong by a factor of about 1.7 in every standard error.

Levels may differ in separation (a real difference), in which classes they have (case mix) and in how many rows their
units have; the last two are no differences of the method, and must not be taken for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from vlmeval.records import Benchmark, Decision, Predictions, Task
from vlmeval.stats import Resamples, estimate
from vlmeval.stats.summary import Groups

Key = tuple[str, str, str | None, str | None]
"""Metric, averaging, class and group level."""
LEVELS = ("light", "medium", "dark")
LEVEL_SHARES = (0.45, 0.33, 0.22)
CLASS_SHARES = (0.09, 0.16, 0.3, 0.45)
K = len(CLASS_SHARES)
ICC = 0.5
EASE = (0.7, 0.9, 1.1, 1.3)
"""Separation of each class, times that of the level: rare classes are harder."""
SHARPNESS = 1.5


@dataclass(frozen=True)
class World:
    """A population.

    ``separation`` of each level's scores. ``mixed``: levels differ in case mix and rows a unit. ``metrics``: those
    asked for, all if None. ``attributes``: how many group attributes, made alike and independent of each other; only
    the first has the levels' separations, case mix and sizes.
    """

    task: Task = "single-label"
    separation: tuple[float, float, float] = (1.2, 1.2, 1.2)
    mixed: bool = False
    attributes: int = 1
    metrics: tuple[str, ...] | None = None
    population: int = 60_000

    @property
    def differs(self) -> bool:
        """Whether the method does differ between the levels of the first attribute."""
        return len(set(self.separation)) > 1

    @cached_property
    def card(self) -> Benchmark:
        """The benchmark card."""
        levels = [{"id": one, "name": one, "values": [one]} for one in LEVELS]
        groups = [
            {
                "id": f"g{i}",
                "name": f"G{i}",
                "kind": "skin-tone",
                "scale": "fitzpatrick",
                "column": "g",
                "levels": levels,
            }
            for i in range(self.attributes)
        ]
        return Benchmark.model_validate(
            {
                "schema": 1,
                "id": "simulated",
                "version": "1",
                "title": "Simulated",
                "summary": "A population whose true values are known.",
                "task": self.task,
                "modality": "synthetic",
                "unit": {"name": "case", "column": "case"},
                "headline_metrics": ["auroc"],
                "data": {"adapter": "table", "home": "simulated"},
                "protocol": {"by": "unit"},
                "classes": [{"id": f"c{i}", "name": f"Class {i}", "labels": [f"c{i}"]} for i in range(K)],
                "groups": groups,
                "prompts": {"default": "none"},
                "licence": {"name": "CC0"},
                "citation": "none",
                "homepage": "https://example.org",
                "synthetic": True,
            }
        )

    def sample(self, units: int, seed: int) -> Predictions:
        """Draw so many units, all their rows."""
        rng = np.random.default_rng(seed)
        level = rng.choice(len(LEVELS), p=LEVEL_SHARES, size=(self.attributes, units))
        size = rng.integers(1, 7, units)
        shares = np.array([CLASS_SHARES] * len(LEVELS))
        if self.mixed:
            shares = np.array([CLASS_SHARES, (0.16, 0.24, 0.3, 0.3), (0.3, 0.3, 0.2, 0.2)])
            size = np.where(level[0] == 2, rng.integers(1, 3, units), size)
        owner = np.repeat(np.arange(units), size)
        if self.task == "single-label":
            drawn = (rng.random(units)[:, None] > shares[level[0]].cumsum(axis=1)[:, :-1]).sum(axis=1)
            truth = np.eye(K, dtype=bool)[drawn][owner]
        else:
            truth = (rng.random((units, K)) < shares[level[0]])[owner]
        noise = np.sqrt(1 - ICC) * rng.normal(size=(len(owner), K)) + np.sqrt(ICC) * rng.normal(size=(units, K))[owner]
        separation = np.array(self.separation)[level[0]][owner, None] * np.array(EASE)
        logits = SHARPNESS * (separation * truth + noise)
        names = np.array([f"u{i:06d}" for i in range(units)])[owner]
        groups = {f"g{i}": level[i].astype(np.int16)[owner] for i in range(self.attributes)}
        ids = np.array([f"i{i:07d}" for i in range(len(owner))])
        if self.task == "single-label":
            e = np.exp(logits - logits.max(axis=1, keepdims=True))
            return Predictions(
                "m", "image", ids, names, truth, e / e.sum(axis=1, keepdims=True), "softmax", Decision("argmax"), groups
            )
        scores = 1 / (1 + np.exp(SHARPNESS - logits))
        return Predictions(
            "m", "image", ids, names, truth, scores, "sigmoid", Decision("threshold", (0.4,) * K, "val"), groups
        )

    def samples(self, units: int, count: int, seed: int = 0) -> Iterator[tuple[Predictions, Resamples]]:
        """Yield independent samples, each with resamples of its own."""
        for i in range(count):
            found = self.sample(units, 1_000_003 * (seed + 1) + i)
            yield found, Resamples.draw(found.units, DRAWS, seed=i)

    @cached_property
    def true_values(self) -> dict[Key, float]:
        """The values of the population: of a sample so large that its error is a hundredth of a small sample's.

        Where the method does not differ between the levels they all have the value of everybody.
        """
        big = self.sample(self.population, 77)
        alike = not self.differs and not self.mixed
        groups: Groups = "none" if alike else "full"
        found = estimate([big], self.card, Resamples.draw(big.units, 0), metrics=self.metrics, groups=groups).estimates
        values = {
            (e.metric, e.averaging, e.class_id, e.level): float(e.draws[0])
            for e in found
            if e.group in (None, "g0") and e.reason is None
        }
        if alike:
            own = {(m, a, c): v for (m, a, c, level), v in values.items() if level is None}
            values |= {(*key, level): v for key, v in own.items() for level in LEVELS}
        return values


DRAWS = 500
"""Of the bootstrap: a quarter of what runs use, which costs a little coverage."""


def by_rows(p: Predictions) -> Predictions:
    """The same rows, each taken for a unit of its own: what a bootstrap of photographs does."""
    return replace(p, units=p.ids)
