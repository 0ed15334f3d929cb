"""How results move when another source says who has which skin tone.

In: a Subject. Out: `Shift`s: for each leading method and every two sources on one scale, each of the card's headline
metrics in every level that both have, and the gap between last and first level, one source minus the other. Both sides
are of the same predictions and the same draws of units. Sources on different scales have no level in common.

The two sides cover different people, and so may have different classes with enough of them. Averages over classes are
therefore given twice: as they are (no value where the classes differ), and as ``macro-common`` over the classes that
have enough units in everything that is subtracted: two cells for a level, four for the gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.examine.subject import Examinee, Part, Subject
from vlmeval.records import Benchmark, GroupSpec, Level, Shift
from vlmeval.records.numbers import Averaging
from vlmeval.stats import estimate
from vlmeval.stats.cells import SUPPRESS_BELOW
from vlmeval.stats.estimates import Estimate
from vlmeval.stats.intervals import intervals, number
from vlmeval.stats.metrics.overall import nanmean

PART: Final = "tone-shifts"
NO_PAIR: Final = "no two sources of skin tone on one scale"
GAP: Final = "last-first"
OTHER_CLASSES: Final = "the two average over different classes"
STANDARDISED: Final = {"balanced-accuracy": "sensitivity"}
"""A metric of all classes together -> the metric of single classes whose mean it is."""


def tone_shifts(subject: Subject, part: Part) -> None:
    """Examine how each leading method's numbers move from one source of skin tone to another."""
    pairs = pairs_of_sources(subject.samples.benchmark)
    if not pairs:
        part.missing[PART] = NO_PAIR
        return
    for examinee in subject.examinees:
        part.shifts += _shifts(examinee, subject, pairs)


def pairs_of_sources(benchmark: Benchmark) -> list[tuple[GroupSpec, GroupSpec]]:
    """Return every two labelled skin-tone sources of one scale that share levels, in the card's order."""
    tones = [g for g in benchmark.available_groups if g.kind == "skin-tone" and g.scale and not g.estimated]
    return [(a, b) for a, b in combinations(tones, 2) if a.scale == b.scale and _shared(a, b)]


def _shared(a: GroupSpec, b: GroupSpec) -> list[str]:
    """Return the levels that both have and that mean an answer, in the order of the first."""
    answered = {level.id for level in b.levels if not level.missing}
    return [level.id for level in a.levels if not level.missing and level.id in answered]


def _shifts(examinee: Examinee, subject: Subject, pairs: Sequence[tuple[GroupSpec, GroupSpec]]) -> Iterator[Shift]:
    card, predictions = subject.samples.benchmark, examinee.evaluated[0]
    only = {group.id for pair in pairs for group in pair}
    asked = card.model_copy(update={"groups": tuple(g for g in card.groups if g.id in only)})
    leading = card.headline_metrics
    metrics = tuple(dict.fromkeys([*leading, *(STANDARDISED[m] for m in leading if m in STANDARDISED)]))
    made = estimate(list(examinee.evaluated), asked, subject.resamples, metrics=metrics, groups="full")
    found = {(e.metric, e.averaging, e.class_id, e.group, e.level): e for e in made.estimates}
    for a, b in pairs:
        if a.id in predictions.groups and b.id in predictions.groups:
            about = (predictions.method, predictions.level, card.unit.name)
            names: dict[tuple[str | None, str | None], str] = {
                (group.id, level.id): f"{group.name}, {level.name}" for group in (a, b) for level in group.levels
            }
            pair = _Pair(found, about, (a.id, b.id), _shared(a, b), names)
            for metric in leading:
                yield from pair.shifts(metric)


Key = tuple[str, Averaging, str | None, str | None, str | None]


@dataclass(frozen=True)
class _Pair:
    """Two sources of one method: its estimates, what it is (method, level, unit), and the levels that both have.

    ``names`` are those of each source's levels, for people.
    """

    found: Mapping[Key, Estimate]
    about: tuple[str, Level, str]
    sources: tuple[str, str]
    levels: Sequence[str]
    names: dict[tuple[str | None, str | None], str]

    def shifts(self, metric: str) -> Iterator[Shift]:
        """Yield one metric's shifts, in each level and in the gap: plain averages, then over common classes."""
        places = [(level,) for level in self.levels]
        spans = [*places, (self.levels[0], self.levels[-1])] if len(self.levels) > 1 else places
        plain = next((a for m, a, c, *_ in self.found if m == metric and a in ("macro", "overall")), None)
        if plain is not None:
            yield from (self._plain(metric, plain, span) for span in spans)
        common = STANDARDISED.get(metric, metric)
        classes = [c for m, a, c, group, _ in self.found if (m, a, group) == (common, "class", None)]
        if classes:
            yield from (self._common(common, classes, span) for span in spans)

    def _plain(self, metric: str, averaging: Averaging, span: Sequence[str]) -> Shift:
        sides = [[self.found[metric, averaging, None, source, level] for level in span] for source in self.sources]
        silent = [e for side in sides for e in side if e.reason is not None]
        reason = "; ".join(f"{self.names[e.group, e.level]}: {e.reason}" for e in silent) or None
        sets = {e.classes.tobytes() for side in sides for e in side if e.classes is not None}
        if reason is None and len(sets) > 1:
            reason = OTHER_CLASSES
        return self._shift(metric, averaging, sides, reason)

    def _common(self, metric: str, classes: Sequence[str | None], span: Sequence[str]) -> Shift:
        """Average each cell's draws over the classes that have a value in every cell."""
        cells = [[[self.found[metric, "class", c, s, level] for c in classes] for level in span] for s in self.sources]
        kept = [k for k in range(len(classes)) if all(cell[k].reason is None for side in cells for cell in side)]
        sides = [[_mean(cell, kept) for cell in side] for side in cells]
        empty = "; ".join(f"{self.names[e.group, e.level]}: no rows" for side in sides for e in side if not e.n)
        few = f"no class has {SUPPRESS_BELOW} positive and {SUPPRESS_BELOW} negative {self.about[2]}s on both sides"
        return self._shift(metric, "macro-common", sides, None if kept else empty or few)

    def _shift(self, metric: str, averaging: str, sides: Sequence[Sequence[Estimate]], reason: str | None) -> Shift:
        """Subtract the second source from the first; over two levels, the differences last minus first."""
        first = sides[0][0]
        draws = _last_first(sides[0]) - _last_first(sides[1])
        low, high, _ = intervals(draws[None, 1:])
        method, level, _ = self.about
        return Shift(
            method=method,
            level=level,
            metric=metric,
            averaging=averaging,
            a=self.sources[0],
            b=self.sources[1],
            group_level=GAP if len(sides[0]) > 1 else str(first.level),
            value=None if reason else number(float(draws[0])),
            low=None if reason else number(float(low[0])),
            high=None if reason else number(float(high[0])),
            n_a=sum(e.n_units for e in sides[0]),
            n_b=sum(e.n_units for e in sides[1]),
            n_classes=None if reason else first.n_classes,
            reason=reason,
        )


def _mean(cell: Sequence[Estimate], kept: Sequence[int]) -> Estimate:
    """Return a cell's mean over the classes kept, draw by draw over those that have a value in it."""
    draws = np.array([cell[k].draws for k in kept]).reshape(len(kept), len(cell[0].draws))
    return replace(cell[0], class_id=None, draws=nanmean(draws.T), n_classes=len(kept))


def _last_first(side: Sequence[Estimate]) -> npt.NDArray[np.float64]:
    return side[0].draws if len(side) == 1 else side[-1].draws - side[0].draws
