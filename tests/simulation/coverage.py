"""Do 95 % intervals cover, do tests keep their level? Measured on simulated clustered data with known true values.

    OMP_NUM_THREADS=1 python tests/simulation/coverage.py [--reduced] [--study NAME ...]

Prints a table a study: the share of independent samples in which an interval held the population's value (required: 92
to 98 %; intervals of extremes over groups bound an error and may hold more), in which a test rejected a true
hypothesis at 5 %, and the false discoveries among many tests. ``!`` marks a rate that is not as required, beyond what
chance explains. Controls do it wrong on purpose, and must be marked. The reduced form is what the tests run.

A study is one function: how many samples -> its tables. To add one, write it and add a line to `STUDIES`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent))

from coverage_study import gaps_coverage, metrics_coverage, naive_coverage
from level_study import false_discoveries, level_of_test, level_without_strata
from paired_study import Rivals, level
from prompt_sets_study import Sets, family, tones
from rates import Rate, table
from simulated_world import World

SHIFTED: Final = (1.2, 1.5, 0.7)
SINGLE: Final = ("auroc", "sensitivity", "specificity", "accuracy", "balanced-accuracy")
MULTI: Final = ("auroc", "sensitivity", "specificity", "hamming-loss", "balanced-accuracy")
FEW: Final = ("auroc", "sensitivity", "precision", "f1", "accuracy", "balanced-accuracy", "ece")


@dataclass(frozen=True)
class Found:
    """One table of a study; a ``control`` does it wrong on purpose."""

    title: str
    rates: list[Rate]
    control: bool = False

    @property
    def as_required(self) -> bool:
        """Whether every rate is as required, or the control is seen to fail."""
        return all(r.as_required for r in self.rates) != self.control


Study = Callable[[int, bool], Iterator[Found]]
"""How many samples, and whether to look at a few metrics only -> tables."""


def metrics(count: int, reduced: bool) -> Iterator[Found]:
    """Intervals of metrics over all rows."""
    world = World(metrics=FEW, population=20_000) if reduced else World()
    yield Found("Coverage of 95 % intervals, single-label, 300 cases", metrics_coverage(world, 300, count))
    if not reduced:
        both = World("multi-label")
        yield Found("Coverage of 95 % intervals, multi-label, 300 cases", metrics_coverage(both, 300, count))
    plain = World(metrics=("accuracy", "sensitivity", "auroc"), population=20_000)
    wrong = naive_coverage(plain, 300, count)
    yield Found("Control: the same, photographs taken for independent", wrong, control=True)


def gaps(count: int, reduced: bool) -> Iterator[Found]:
    """Intervals of gaps between the levels of a group, without and with a real difference."""
    for task, asked in (("single-label", SINGLE), ("multi-label", MULTI))[: 1 if reduced else 2]:
        for separation, words in (((1.2, 1.2, 1.2), "no difference"), (SHIFTED, "a real difference")):
            world = World(task, separation, metrics=asked, population=20_000 if reduced else 60_000)
            title = f"Coverage of 95 % intervals of gaps between three levels, {task}, 700 cases, {words}"
            yield Found(title, gaps_coverage(world, 700, count))


def groups(count: int, reduced: bool) -> Iterator[Found]:
    """Level of the permutation test of no difference between groups, where case mix and cluster sizes differ."""
    for task, asked in (("single-label", SINGLE), ("multi-label", MULTI))[: 1 if reduced else 2]:
        world = World(task, mixed=True, metrics=asked)
        yield Found(f"Rejections at 5 % of a true 'no difference', {task}, 300 cases", level_of_test(world, 300, count))
    wrong = level_of_test(World(metrics=("accuracy",)), 300, count, rows=True)
    yield Found("Control: the same, photographs permuted instead of cases", wrong, control=True)
    wrong = level_without_strata(World(mixed=True), 300, count)
    yield Found("Control: the same, cases permuted whatever their truth", wrong, control=True)


def discoveries(count: int, reduced: bool) -> Iterator[Found]:
    """False discoveries among the gaps of six group attributes x four classes and averages, adjusted p at most 5 %."""
    for separation, words in (((1.2, 1.2, 1.2), "no attribute matters"), (SHIFTED, "one of six attributes matters")):
        world = World(separation=separation, attributes=6, metrics=("sensitivity",))
        permutations = 199 if reduced else 999
        yield Found(f"False discoveries, {words}", false_discoveries(world, 300, count, permutations))
    world = World(attributes=6, metrics=("sensitivity",))
    wrong = false_discoveries(world, 300, count, 199, raw=True)
    yield Found("Control: the same, every p of at most 5 %", wrong, control=True)


def pairs(count: int, reduced: bool) -> Iterator[Found]:
    """Level of the paired test of two equally good models; `paired_study.py` has more, and can be run by itself."""
    for task in ("single-label", "multi-label")[: 1 if reduced else 2]:
        found = level(Rivals(World(task)), 100, count, metrics=["auroc", "sensitivity"], permutations=199)
        yield Found(f"Rejections at 5 % of a true 'equally good', {task}, 100 cases", found)
    wrong = level(Rivals(World()), 100, count, metrics=["auroc"], permutations=199, rows=True)
    yield Found("Control: the same, photographs exchanged instead of cases", wrong, control=True)


def prompts(count: int, reduced: bool) -> Iterator[Found]:
    """Any false difference among six equally good prompt sets; `prompt_sets_study.py` has more, and runs by itself."""
    for units in (100,) if reduced else (100, 300):
        title = f"Any false difference among six equally good prompt sets, {units} cases"
        yield Found(title, family(Sets(units=units), count))
    if not reduced:
        yield Found("Set x level, six equally good prompt sets, 300 cases", tones(Sets(units=300, groups=True), count))
    wrong = family(Sets(units=100), count, rows=True)
    yield Found("Control: the same, photographs taken for independent", wrong, control=True)


STUDIES: Final[dict[str, Study]] = {
    "metrics": metrics,
    "gaps": gaps,
    "groups": groups,
    "discoveries": discoveries,
    "pairs": pairs,
    "prompts": prompts,
}
COUNTS: Final = {
    "metrics": (500, 100),
    "gaps": (300, 60),
    "groups": (1000, 120),
    "discoveries": (200, 40),
    "pairs": (500, 100),
    "prompts": (500, 40),
}
"""Samples of each study: in full and reduced."""


def main() -> None:
    """Run the studies and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reduced", action="store_true", help="fewer samples and metrics, as in the tests")
    parser.add_argument("--study", action="append", choices=STUDIES, help="only this one; may be repeated")
    args = parser.parse_args()
    good = True
    for name in args.study or STUDIES:
        count, start = COUNTS[name][args.reduced], time.perf_counter()
        for found in STUDIES[name](count, args.reduced):
            good &= found.as_required
            print(table(f"{found.title} ({count} samples)", found.rates), end="\n\n", flush=True)
        print(f"{name}: {time.perf_counter() - start:.0f} s\n", flush=True)
    sys.exit(0 if good else "some rate is not as required")


if __name__ == "__main__":
    main()
