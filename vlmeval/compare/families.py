"""Many tests at once: which of them are corrected together, and how.

In: pairs with raw p-values. Out: the same pairs with families and adjusted p-values.

- ``headline``: the card's headline metrics of the leading pairs, averaged over classes, over all samples. Few, and what
  conclusions are drawn from: Holm's correction keeps the chance of any false alarm among them at 5 %.
- ``metric``: every other cell of one metric (classes, groups, levels, other averages, other pairs). Many, and for
  looking where two models differ: Benjamini and Hochberg's keeps the expected share of false alarms at 5 %.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from vlmeval.records.comparison import Family, PairCompared, PairedNumber
from vlmeval.stats import multiplicity

Place = tuple[int, int]


def is_headline(number: PairedNumber, metrics: Collection[str]) -> bool:
    """Whether a number is a headline metric over all samples, in its leading average."""
    whole = number.class_id is None and number.group is None
    return whole and number.metric in metrics and number.averaging in ("overall", "macro")


def adjusted(pairs: Sequence[PairCompared], headline_metrics: Collection[str]) -> list[PairCompared]:
    """Return the pairs with families and adjusted p-values."""
    members: dict[tuple[Family, str], list[Place]] = defaultdict(list)
    for i, pair in enumerate(pairs):
        for j, number in enumerate(pair.numbers):
            if number.p is None:
                continue
            first = pair.leading and is_headline(number, headline_metrics)
            members[("headline", "") if first else ("metric", number.metric)].append((i, j))
    found: dict[Place, tuple[Family, float]] = {}
    for (family, _), places in members.items():
        raw = [pairs[i].numbers[j].p for i, j in places]
        corrected = multiplicity.holm(raw) if family == "headline" else multiplicity.adjusted(raw)
        found |= {place: (family, p) for place, p in zip(places, corrected, strict=True) if p is not None}
    return [_with(pair, {j: value for (at, j), value in found.items() if at == i}) for i, pair in enumerate(pairs)]


def tests(pairs: Sequence[PairCompared]) -> tuple[int, dict[str, int]]:
    """Count the tests of the headline family, and of each metric's."""
    numbers = [n for pair in pairs for n in pair.numbers if n.p is not None]
    of_metric = Counter(n.metric for n in numbers if n.family == "metric")
    return sum(n.family == "headline" for n in numbers), dict(of_metric)


def _with(pair: PairCompared, found: dict[int, tuple[Family, float]]) -> PairCompared:
    numbers = [
        n.model_copy(update={"family": found[j][0], "p_adjusted": found[j][1]}) if j in found else n
        for j, n in enumerate(pair.numbers)
    ]
    return pair.model_copy(update={"numbers": tuple(numbers)})
