"""The numbers of all sets on the same rows: metrics, paired differences, ranks.

In: predictions of every set and one `Resamples`. Out: `MetricRow`s, `Pair`s and `Rank`s.

Two families of tests. ``headline``: every pair of sets by the card's headline metrics over all rows, told together
(`stats/paired/simultaneous.py`), so that the chance of any false "better" in the whole study is 5 %; ``low`` and
``high`` are the simultaneous interval. ``metric``: all other cells (classes, groups, gaps; differences from the chosen
set), metric by metric under control of the false discovery rate; ``low`` and ``high`` are each cell's own 95 %
interval.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from vlmeval.progress import Progress, silent
from vlmeval.records import Benchmark, MetricRow, Predictions
from vlmeval.records.comparison import PairedNumber
from vlmeval.records.prompt_study import Pair, Rank
from vlmeval.stats import Estimates, Resamples, estimate, metric_info
from vlmeval.stats.estimates import Estimate
from vlmeval.stats.intervals import holding
from vlmeval.stats.multiplicity import adjusted
from vlmeval.stats.paired.differences import OTHER_CLASSES
from vlmeval.stats.paired.simultaneous import effective_units, from_interval, together
from vlmeval.stats.summary import Groups
from vlmeval.stats.table import Table

STAGE: Final = "compare prompt sets"
ALPHA: Final = 0.05
Key = tuple[str, str, str | None, str | None, str | None]


@dataclass(frozen=True)
class Sampled:
    """Every set's estimates on the same draws, in the order of the sets; the chosen set's are of class x group too."""

    card: Benchmark
    chosen: str
    by_set: Mapping[str, Estimates]

    @property
    def table(self) -> Table:
        """The rows, with the chosen set's scores."""
        return self.by_set[self.chosen].seeds.table

    @property
    def rows(self) -> list[MetricRow]:
        """The rows of all sets."""
        return [row for one in self.by_set.values() for row in one.rows()]

    def headline(self, set_id: str, metric: str) -> Estimate:
        """Return a set's headline estimate: over all rows, averaged over classes."""
        return next(
            e
            for e in self.by_set[set_id].estimates
            if e.metric == metric and e.group is None and e.class_id is None and e.averaging in ("macro", "overall")
        )


def metrics_of(card: Benchmark) -> tuple[str, ...]:
    """Return the metrics of a study: the card's headline metrics, and what says more of classes and tones."""
    return tuple(dict.fromkeys((*card.headline_metrics, "auroc", "sensitivity")))


def sample(
    predictions: Mapping[str, Predictions], card: Benchmark, resamples: Resamples, progress: Progress = silent
) -> Sampled:
    """Estimate every set's metrics; ``predictions`` by set id, the chosen set first."""
    chosen, by_set = next(iter(predictions)), {}
    for done, (set_id, one) in enumerate(predictions.items()):
        progress(STAGE, done, len(predictions))
        groups: Groups = "full" if set_id == chosen else "averages"
        by_set[set_id] = estimate([one], card, resamples, metrics=metrics_of(card), groups=groups)
    progress(STAGE, len(predictions), len(predictions))
    return Sampled(card, chosen, by_set)


def pairs_of(sampled: Sampled) -> tuple[Pair, ...]:
    """Return every pair of sets: each minus the chosen one in all cells, then the others by headline metrics."""
    ids = list(sampled.by_set)
    others = [set_id for set_id in ids if set_id != sampled.chosen]
    couples = [*((set_id, sampled.chosen) for set_id in others), *itertools.combinations(others, 2)]
    numbers: dict[tuple[str, str], list[PairedNumber]] = defaultdict(list)
    for couple, number in _headline_numbers(sampled, couples):
        numbers[couple].append(number)
    cells = [(couple, n) for couple in couples if couple[1] == sampled.chosen for n in _cells(sampled, *couple)]
    for couple, number in _discoveries(cells):
        numbers[couple].append(number)
    return tuple(Pair(a=a, b=b, against_chosen=b == sampled.chosen, numbers=tuple(numbers[a, b])) for a, b in couples)


def tests(pairs: Sequence[Pair]) -> tuple[int, dict[str, int]]:
    """Count the tests of the headline family, and of each metric's other cells."""
    found = [n for pair in pairs for n in pair.numbers if n.p is not None]
    return sum(n.family == "headline" for n in found), dict(Counter(n.metric for n in found if n.family == "metric"))


def ranks_of(sampled: Sampled, pairs: Sequence[Pair]) -> tuple[Rank, ...]:
    """Return each set's rank by each headline metric, the best first; ties stand in the order of their values."""
    found: list[Rank] = []
    for metric in sampled.card.headline_metrics:
        sign = -1 if metric_info(metric, sampled.card.task).direction == "lower" else 1
        better, worse = Counter[str](), Counter[str]()
        for pair in pairs:
            for n in pair.numbers:
                if n.metric == metric and n.family == "headline" and clearly_apart(n):
                    first, second = (pair.a, pair.b) if sign * (n.value or 0.0) > 0 else (pair.b, pair.a)
                    better[second] += 1
                    worse[first] += 1
        valued = [(s, sampled.headline(s, metric)) for s in sampled.by_set]
        known = {s: float(e.draws[0]) for s, e in valued if e.reason is None}
        own = [
            Rank(
                metric=metric,
                set_id=s,
                value=known.get(s),
                rank=1 + better[s] if s in known else None,
                best=1 + better[s] if s in known else None,
                worst=len(known) - worse[s] if s in known else None,
            )
            for s, _ in valued
        ]
        found += sorted(own, key=lambda r: (r.rank is None, r.rank or 0, -sign * (r.value or 0.0), r.set_id))
    return tuple(found)


def clearly_apart(number: PairedNumber) -> bool:
    """Whether a difference can be told from none: its adjusted p is below 5 %."""
    return number.p_adjusted is not None and number.p_adjusted < ALPHA and bool(number.value)


def _headline_numbers(
    sampled: Sampled, couples: Sequence[tuple[str, str]]
) -> list[tuple[tuple[str, str], PairedNumber]]:
    """All pairs by all headline metrics, as one family."""
    asked = [(couple, metric) for metric in sampled.card.headline_metrics for couple in couples]
    sides = [(sampled.headline(a, m), sampled.headline(b, m)) for (a, b), m in asked]
    reasons = [_why_not(x, y) for x, y in sides]
    draws = np.array([x.draws - y.draws for x, y in sides])
    draws[[reason is not None for reason in reasons]] = np.nan
    found = together(draws, [_effective(sampled, couple, metric) for couple, metric in asked])
    widest = [np.ptp(metric_info(m, sampled.card.task).bounds) for _, m in asked]
    low, high = holding(draws[:, 0], found.low, found.high, (-np.array(widest), np.array(widest)))
    level = sampled.table.predictions.level
    return [
        (
            couple,
            PairedNumber(
                method=couple[0],
                versus=couple[1],
                level=level,
                metric=metric,
                averaging=x.averaging,
                value=None if reason is not None else float(d[0]),
                low=_number(low[i]),
                high=_number(high[i]),
                n=x.n,
                n_units=x.n_units,
                reason=reason,
                p=_number(found.p[i]),
                p_adjusted=_number(found.p_adjusted[i]),
                a=None if x.reason is not None else float(x.draws[0]),
                b=None if y.reason is not None else float(y.draws[0]),
                n_positive=x.n_positive,
                greyed=x.greyed or y.greyed,
                family="headline",
            ),
        )
        for i, ((couple, metric), (x, y), reason, d) in enumerate(zip(asked, sides, reasons, draws, strict=True))
    ]


def _cells(sampled: Sampled, a: str, b: str) -> list[PairedNumber]:
    """Return a set minus the chosen one in every cell but the headline, with each cell's own p-value."""
    ours, theirs = sampled.by_set[a], sampled.by_set[b]
    of = {_key(e): e for e in theirs.estimates}
    both = [(e, of[_key(e)]) for e in ours.estimates if _key(e) in of]
    differences = ours.minus(theirs)
    facts = np.array(
        [[np.nan if x is None else x for x in (d.value, d.low, d.high)] for d in differences], dtype=np.float64
    )
    p = from_interval(facts[:, 0], facts[:, 1], facts[:, 2], [support_of(x, y) for x, y in both])
    return [
        PairedNumber(
            **{**dict(d), "p": _number(one)},
            a=None if x.reason is not None else float(x.draws[0]),
            b=None if y.reason is not None else float(y.draws[0]),
            n_positive=x.n_positive,
            greyed=x.greyed or y.greyed,
            family="metric",
        )
        for d, (x, y), one in zip(differences, both, p.tolist(), strict=True)
        if not is_headline(x, sampled.card)
    ]


def _discoveries(
    cells: Sequence[tuple[tuple[str, str], PairedNumber]],
) -> list[tuple[tuple[str, str], PairedNumber]]:
    """Adjust the p-values of each metric's cells for their number."""
    places: dict[str, list[int]] = defaultdict(list)
    for i, (_, number) in enumerate(cells):
        places[number.metric].append(i)
    found = dict[int, float | None]()
    for own in places.values():
        found |= dict(zip(own, adjusted([cells[i][1].p for i in own]), strict=True))
    return [(couple, n.model_copy(update={"p_adjusted": found[i]})) for i, (couple, n) in enumerate(cells)]


def support_of(a: Estimate, b: Estimate) -> int:
    """Return how many units a difference rests on."""
    return min(e.n_units if e.support is None else e.support for e in (a, b))


def _effective(sampled: Sampled, couple: tuple[str, str], metric_id: str) -> float:
    """Return how many units a headline difference rests on: of a mean over classes, as far as each makes it vary."""
    metric = metric_info(metric_id, sampled.card.task)
    a, b = (sampled.headline(set_id, metric_id) for set_id in couple)
    if a.classes is None or not (metric.scope == "class" or metric.per_present_class):
        return support_of(a, b)
    # A mean over the classes present is one of their sensitivities.
    of_class = metric_id if metric.scope == "class" else "sensitivity"
    ours, theirs = (
        [e for e in sampled.by_set[set_id].estimates if (e.metric, e.group, e.averaging) == (of_class, None, "class")]
        for set_id in couple
    )
    taking_part = np.flatnonzero(a.classes)
    if len(taking_part) == 0 or len(ours) != len(a.classes):
        return support_of(a, b)
    draws = np.array([ours[k].draws - theirs[k].draws for k in taking_part])
    return effective_units(draws, [support_of(ours[k], theirs[k]) for k in taking_part])


def _why_not(a: Estimate, b: Estimate) -> str | None:
    if a.reason is not None or b.reason is not None:
        return a.reason or b.reason
    if a.classes is not None and b.classes is not None and not np.array_equal(a.classes, b.classes):
        return OTHER_CLASSES
    return None


def is_headline(e: Estimate, card: Benchmark) -> bool:
    """Whether an estimate is a headline metric over all rows, in its leading average."""
    whole = e.class_id is None and e.group is None
    return whole and e.metric in card.headline_metrics and e.averaging in ("macro", "overall")


def _key(e: Estimate) -> Key:
    return e.metric, e.averaging, e.class_id, e.group, e.level


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
