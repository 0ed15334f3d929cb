"""Do paired tests of two models keep their level, and does "could be found" keep its word?

    python tests/simulation/paired_study.py --samples 1000

Two models score the same clustered photographs; half of what they get wrong is common to both. Where they are equally
good, a test at the 5 % level must call about 5 % of samples different, whatever the metric, class or group; where one
is better by just the difference that is said to be findable, 80 % of samples must show it.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(Path(__file__).parent))

from rates import Counts, Rate, table
from simulated_world import ICC, SHARPNESS, K, World, by_rows

from vlmeval.records import Difference, Predictions
from vlmeval.stats import Resamples
from vlmeval.stats.paired.exchange_test import compare
from vlmeval.stats.paired.mcnemar import mcnemar
from vlmeval.stats.paired.swaps import Swaps
from vlmeval.stats.summary import Groups

LEVEL = 0.05
REQUIRED = (0.0, 0.06)
"""Tests of few discrete outcomes, such as one class's sensitivity in a small group, reject less often than 5 %."""
COMMON = 0.5
"""Share of both models' noise that is the same noise."""


@dataclass(frozen=True)
class Rivals:
    """Two models in a world: ``gain`` is how much more the first one knows.

    ``alike``: ``all`` (exchangeable), ``rows`` (of a unit are much alike in the errors of the first model, hardly in
    those of the second), or ``shape`` (the second one's scores of positives vary more and lie higher: another ROC curve
    of the same area; for AUROC in multi-label worlds).
    """

    world: World
    gain: float = 0.0
    alike: Literal["all", "rows", "shape"] = "all"

    def sample(self, units: int, seed: int) -> tuple[Predictions, Predictions]:
        """Draw so many units with both models' predictions."""
        base = self.world.sample(units, seed)
        _, owner = np.unique(base.units, return_inverse=True)
        rng = np.random.default_rng((seed, 0xA))
        icc = (0.9, 0.1) if self.alike == "rows" else (ICC, ICC)
        # Noise in common must be of the same making in both, or their areas would differ.
        shared = _noise(rng, owner, ICC)
        separation = np.array(self.world.separation)[base.groups["g0"]][:, None]
        made = []
        for which in (0, 1):
            own = _noise(rng, owner, icc[which])
            noise = np.sqrt(COMMON) * shared + np.sqrt(1 - COMMON) * own
            knows = separation + (self.gain if which == 0 else 0.0)
            signal = knows * base.y_true
            if self.alike == "shape" and which == 1:
                # P(positive > negative) = Phi(mean / sqrt(sd^2 + 1)): the same for sd 2 as for sd 1.
                signal, noise = signal * np.sqrt(5 / 2), np.where(base.y_true, 2 * noise, noise)
            made.append(replace(base, method="ab"[which], scores=self._scores(SHARPNESS * (signal + noise))))
        return made[0], made[1]

    def _scores(self, logits: np.ndarray) -> np.ndarray:
        if self.world.task == "multi-label":
            return 1 / (1 + np.exp(SHARPNESS - logits))
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        found: np.ndarray = e / e.sum(axis=1, keepdims=True)
        return found


def _noise(rng: np.random.Generator, owner: np.ndarray, icc: float) -> np.ndarray:
    units = int(owner.max()) + 1
    return np.sqrt(1 - icc) * rng.normal(size=(len(owner), K)) + np.sqrt(icc) * rng.normal(size=(units, K))[owner]


def differences(
    rivals: Rivals,
    units: int,
    seed: int,
    *,
    permutations: int = 299,
    draws: int = 0,
    metrics: Collection[str] | None = None,
    groups: Groups = "none",
    rows: bool = False,
) -> list[Difference]:
    """Compare the two on one sample; ``rows``: as if every photograph were independent."""
    a, b = rivals.sample(units, seed)
    if rows:
        a, b = by_rows(a), by_rows(b)
    resamples = Resamples.draw(a.units, draws, seed)
    swaps = Swaps.draw(resamples.units, permutations, seed)
    found = compare([a], [b], rivals.world.card, resamples, swaps, metrics=metrics, groups=groups)
    return list(found.differences)


def level(
    rivals: Rivals, units: int, count: int, *, required: tuple[float, float] = REQUIRED, **how: object
) -> list[Rate]:
    """Return how often equal models are called different, by metric and averaging (or level of the group)."""
    counts = Counts()
    for i in range(count):
        for d in differences(rivals, units, 5_000_011 + i, **how):  # type: ignore[arg-type]
            if d.p is not None:
                what = d.metric if d.group_level is None else f"{d.metric}, {d.group_level}"
                counts.add(what, "classes" if d.class_id else d.averaging, d.p <= LEVEL)
    # Classes of one sample are not independent of each other: only as many as there are samples count.
    rates = counts.rates(required, count // 2)
    return [r if r.of <= count else replace(r, hits=round(r.hits * count / r.of), of=count) for r in rates]


def coverage(rivals: Rivals, units: int, count: int, metrics: Collection[str]) -> list[Rate]:
    """Return how often the interval of the difference of equal models holds 0."""
    counts = Counts()
    for i in range(count):
        for d in differences(rivals, units, 3_000_017 + i, draws=500, permutations=0, metrics=metrics):
            if d.low is not None and d.high is not None:
                counts.add(d.metric, d.class_id or d.averaging, d.low <= 0 <= d.high)
    return counts.rates((0.92, 0.98), count // 2)


def mcnemar_level(rivals: Rivals, units: int, count: int) -> list[Rate]:
    """Return how often McNemar's test calls equal models different: by units, and (wrongly) by rows."""
    counts = Counts()
    for i in range(count):
        a, b = rivals.sample(units, 5_000_011 + i)
        right = [p.scores.argmax(axis=1) == p.y_true.argmax(axis=1) for p in (a, b)]
        for column, members in (("units", a.units), ("rows", a.ids)):
            counts.add("McNemar", column, mcnemar(*right, members).p <= LEVEL)
    return counts.rates({"McNemar": REQUIRED}, count // 2)


def power(world: World, units: int, count: int, metric: str = "auroc") -> list[Rate]:
    """Return how often a true difference of what "could be found" is found: of 80 % it must not be far."""
    said = [
        float(d.detectable)
        for i in range(max(20, count // 10))
        for d in _averages(
            differences(Rivals(world), units, 9_000_001 + i, draws=300, permutations=0, metrics=[metric])
        )
        if d.detectable is not None
    ]
    gain = _gain_for(world, float(np.mean(said)), metric)
    counts = Counts()
    for i in range(count):
        for d in _averages(differences(Rivals(world, gain), units, 7_000_003 + i, metrics=[metric])):
            if d.p is not None:
                counts.add(f"{metric}, {np.mean(said):.3f}", "found", d.p <= LEVEL)
    return counts.rates((0.74, 0.86), count // 2)


def _averages(found: list[Difference]) -> list[Difference]:
    return [d for d in found if d.averaging in ("macro", "overall") and d.group is None]


def _gain_for(world: World, difference: float, metric: str) -> float:
    """Find by how much more the first model must know for that true difference."""
    gains = np.linspace(0.0, 0.6, 7)
    true = []
    for gain in gains:
        found = differences(Rivals(world, float(gain)), 12_000, 3, permutations=0, metrics=[metric])
        true.append(float(_averages(found)[0].value or 0.0))
    return float(np.interp(difference, np.array(true) - true[0], gains))


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--units", type=int, default=150)
    asked = parser.parse_args()
    n, units = asked.samples, asked.units
    for task in ("single-label", "multi-label"):
        world = World(task)
        print(f"\n{task}, {units} units of 1 to 6 rows, {n} samples")
        print(table("paired permutation test, equal models", level(Rivals(world), units, n)))
        by_group = level(Rivals(world), 2 * units, n // 4, metrics=["auroc", "sensitivity"], groups="averages")
        print(table(f"the same by group ({2 * units} units)", by_group))
        few = ["auroc", "average-precision", "sensitivity"]
        uneven = level(Rivals(world, alike="rows"), units, n, metrics=few)
        print(table("rows of a unit alike in one model only", uneven))
        if task == "multi-label":
            bent = level(Rivals(world, alike="shape"), units, n, metrics=["auroc"])
            print(table("another ROC curve of the same area", bent))
        print(table("intervals of differences that hold no difference", coverage(Rivals(world), units, n, few)))
        naive = level(Rivals(world), units, n // 2, metrics=few, rows=True)
        print(table("if photographs were taken for independent", naive))
        print(table("a true difference of what could be found", power(world, units, n // 2)))
    print(table("McNemar's exact test", mcnemar_level(Rivals(World()), units, n)))


if __name__ == "__main__":
    main()
