"""How often does `prompts compare` call prompt sets different that are not, and how often does it find a real gain?

    OMP_NUM_THREADS=1 python tests/simulation/prompt_sets_study.py --samples 1000

Prompt sets of pure noise: every set's text vector of a class is the class's direction plus a direction of its own that
no picture knows of. All sets are then equally good in the population, and no two alike on a sample. Pictures of a case
are alike; classes are as unequal as in dermatology. A study of six sets makes 15 pairs by three metrics: the chance
that any of the 45 is declared different must not be beyond 5 %. Controls: each pair by its own interval, and pictures
taken for independent.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(Path(__file__).parent))

from rates import Counts, Rate, table
from simulated_world import CLASS_SHARES, ICC, LEVEL_SHARES, K, World, by_rows

from vlmeval.methods import Rule, TextSide
from vlmeval.records import Benchmark, Decision, Predictions
from vlmeval.stats import Resamples
from vlmeval.workbench.study.numbers import Sampled, clearly_apart, pairs_of, sample
from vlmeval.workbench.study.tones import interactions_of

ALPHA = 0.05
METRICS = ("balanced-accuracy", "auroc", "accuracy")
SEPARATION = 2.0
SCALE = 8.0
DRAWS = 500


@dataclass(frozen=True)
class Sets:
    """Prompt sets on made-up pictures.

    ``noise`` is the length of each set's own direction beside the class's: sets of equal noise are equally good.
    ``groups``: whether cases have a level of a group, which has nothing to do with anything.
    """

    noise: tuple[float, ...] = (0.7,) * 6
    units: int = 150
    groups: bool = False

    @cached_property
    def card(self) -> Benchmark:
        """The card of `World`, with the headline metrics of the shipped ones."""
        card = World().card.model_copy(update={"headline_metrics": METRICS})
        return card if self.groups else card.model_copy(update={"groups": ()})

    def predictions(self, seed: int) -> dict[str, Predictions]:
        """Draw cases with their pictures and score them under every set."""
        rng = np.random.default_rng((0xA11, seed))
        dim = K * (1 + len(self.noise))
        owner = np.repeat(np.arange(self.units), rng.integers(1, 7, self.units))
        classes = rng.choice(K, p=CLASS_SHARES, size=self.units)[owner]
        own, shared = rng.normal(size=(len(owner), dim)), rng.normal(size=(self.units, dim))[owner]
        vectors = np.sqrt(1 - ICC) * own + np.sqrt(ICC) * shared
        vectors[np.arange(len(owner)), classes] += SEPARATION
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        levels = rng.choice(len(LEVEL_SHARES), p=LEVEL_SHARES, size=self.units)[owner].astype(np.int16)
        names = np.array([f"u{i:05d}" for i in owner])
        ids = np.array([f"i{i:06d}" for i in range(len(owner))])
        truth = np.eye(K, dtype=bool)[classes]
        rule = Rule("softmax", SCALE)
        return {
            f"set-{s}": Predictions(
                f"set-{s}", "image", ids, names, truth, rule.apply(self._texts(s, dim).cosines(vectors)), "softmax",
                Decision("argmax"), {"g0": levels} if self.groups else {}, SCALE,
            )
            for s in range(len(self.noise))
        }  # fmt: skip

    def _texts(self, s: int, dim: int) -> TextSide:
        prompts = np.eye(K, dim) + self.noise[s] * np.eye(dim)[K * (1 + s) : K * (2 + s)]
        return TextSide([prompt[None, :] for prompt in prompts])

    def samples(self, count: int, start: int = 0, *, rows: bool = False, draws: int = DRAWS) -> Iterator[Sampled]:
        """Yield independent samples, each with resamples of its own; ``rows``: as if pictures were independent."""
        for i in range(start, start + count):
            found = self.predictions(i)
            if rows:
                found = {name: by_rows(one) for name, one in found.items()}
            yield sample(found, self.card, Resamples.draw(found["set-0"].units, draws, seed=i))


def family(sets: Sets, count: int, *, rows: bool = False) -> list[Rate]:
    """Return how often any pair of equally good sets is called different, in all and by single metrics.

    Beside it, required to be nothing: how often if each pair were told by itself.
    """
    counts, alone = Counts(), Counts()
    for sampled in sets.samples(count, rows=rows):
        numbers = [n for pair in pairs_of(sampled) for n in pair.numbers if n.family == "headline"]
        counts.add("any of all pairs and metrics", "together", any(map(clearly_apart, numbers)))
        alone.add("any of all pairs and metrics", "each alone", any(n.p is not None and n.p < ALPHA for n in numbers))
        for metric in METRICS:
            own = [n for n in numbers if n.metric == metric]
            counts.add(f"any pair by {metric}", "together", any(map(clearly_apart, own)))
    return counts.rates((0.0, ALPHA), count // 2) + alone.rates((0.0, 1.0), count // 2)


def discoveries(sets: Sets, count: int) -> list[Rate]:
    """Return how often any cell (class, level, gap) of any equally good set is a discovery, and any interaction."""
    counts = Counts()
    for sampled in sets.samples(count, 50_000):
        cells = [n for pair in pairs_of(sampled) for n in pair.numbers if n.family == "metric"]
        for metric in ("auroc", "sensitivity"):
            own = [n for n in cells if n.metric == metric]
            counts.add(f"any cell by {metric}", "adjusted", any(map(clearly_apart, own)))
    return counts.rates((0.0, ALPHA), count // 2)


def tones(sets: Sets, count: int) -> list[Rate]:
    """Return how often a change of prompts is said to move the levels differently where it does not."""
    counts = Counts()
    for sampled in sets.samples(count, 90_000):
        for one in interactions_of(sampled):
            # One of the sets: tests of the same sample are not independent of each other.
            if one.p is not None and one.a == "set-1":
                counts.add(f"set x level, {one.metric}", "p < 0.05", one.p < ALPHA)
    return counts.rates((0.0, 0.07), count // 2)


def power(sets: Sets, count: int) -> list[Rate]:
    """Return how often the first set, which is better, is told from the second by AUROC, all pairs told together."""
    counts = Counts()
    for sampled in sets.samples(count, 70_000):
        pair = next(p for p in pairs_of(sampled) if (p.a, p.b) == ("set-1", "set-0"))
        number = next(n for n in pair.numbers if n.metric == "auroc" and n.family == "headline")
        counts.add(
            f"auroc, {sets.noise[0]:g} against {sets.noise[1]:g}", "found", clearly_apart(number) and number.value < 0
        )
    return counts.rates((0.0, 1.0), count // 2)


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000)
    asked = parser.parse_args()
    n = asked.samples
    for units in (100, 300):
        print(table(f"equally good sets, {units} cases, {n} samples", family(Sets(units=units), n)), flush=True)
        wrong = family(Sets(units=units), n // 2, rows=True)
        print(table("the same, pictures taken for independent", wrong), flush=True)
        better = Sets(noise=(0.3, *(0.9,) * 5), units=units)
        print(table("one set better than five others", power(better, n // 2)), flush=True)
    grouped = Sets(units=300, groups=True)
    print(table("equally good sets, cells", discoveries(grouped, n // 2)), flush=True)
    print(table("set x level, equally good sets", tones(grouped, n // 2)), flush=True)
    unequal = Sets(noise=(0.3, *(0.9,) * 5), units=300, groups=True)
    print(table("set x level, sets that differ alike in all levels", tones(unequal, n // 2)), flush=True)


if __name__ == "__main__":
    main()
