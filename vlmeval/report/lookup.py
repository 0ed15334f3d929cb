"""Find metric rows by what they are about, and turn them into the view's cells. Reads RunRecord rows only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from vlmeval.records import Difference, MethodUsed, MetricRow, RunRecord

View = dict[str, Any]
"""Plain, JSON-able data: the one view schema is nested dicts of this kind."""

AVERAGES: Final = ("overall", "macro", "weighted")
Key = tuple[str, str, str, str, str | None, str | None, str | None]
FEW_SHOT: Final = "few-shot"


class Rows:
    """The rows of a run by method, level, metric, averaging, class, group and group level."""

    def __init__(self, rows: Iterable[MetricRow]) -> None:
        self._all: dict[Key, MetricRow] = {}
        for r in rows:
            self._all[(r.method, r.level, r.metric, r.averaging, r.class_id, r.group, r.group_level)] = r

    def of_class(
        self, method: MethodUsed, metric: str, class_id: str, group: str | None = None, level: str | None = None
    ) -> MetricRow | None:
        """Return one class's row of a metric, for everyone or for one level of a group."""
        return self._all.get((method.id, method.level, metric, "class", class_id, group, level))

    def average(
        self, method: MethodUsed, metric: str, group: str | None = None, level: str | None = None
    ) -> MetricRow | None:
        """Return the leading average of a metric: over all samples if there is one, else macro, else weighted."""
        for averaging in AVERAGES:
            row = self.averaged(method, metric, averaging, group, level)
            if row is not None:
                return row
        return None

    def averaged(
        self, method: MethodUsed, metric: str, averaging: str, group: str | None = None, level: str | None = None
    ) -> MetricRow | None:
        """Return the row of a metric under one named averaging."""
        return self._all.get((method.id, method.level, metric, averaging, None, group, level))

    def averages_of(self, methods: Sequence[MethodUsed]) -> list[tuple[str, str]]:
        """Return the (metric, averaging) pairs these methods have over all samples, in the order they were computed."""
        wanted = {(m.id, m.level) for m in methods}
        seen: dict[tuple[str, str], None] = {}
        for method, level, metric, averaging, _, group, _ in self._all:
            if group is None and averaging in AVERAGES and (method, level) in wanted:
                seen[(metric, averaging)] = None
        return list(seen)

    def class_metrics(self, method: MethodUsed) -> set[str]:
        """Return the metrics this method has per class."""
        return {k[2] for k in self._all if k[0] == method.id and k[1] == method.level and k[3] == "class"}

    def metrics(self) -> list[str]:
        """Return every metric of the run once, in the order they were computed."""
        return list(dict.fromkeys(key[2] for key in self._all))


class Differences:
    """The paired differences of a run by what they are about."""

    def __init__(self, differences: Iterable[Difference]) -> None:
        self._all = {(d.method, d.versus, *_about(d)): d for d in differences}

    def of(self, row: MetricRow | None, versus: MethodUsed | None) -> View | None:
        """Return how far a row's number lies from the other method's, or None where that was not computed."""
        found = None if row is None or versus is None else self._all.get((row.method, versus.id, *_about(row)))
        if found is None:
            return None
        low, high = found.low, found.high
        return {
            "value": found.value,
            "low": low,
            "high": high,
            "n": found.n,
            "n_units": found.n_units,
            "reason": found.reason,
            "excludes_zero": low is not None and high is not None and not low <= 0 <= high,
        }


def _about(row: MetricRow | Difference) -> tuple[str | None, ...]:
    return (row.level, row.metric, row.averaging, row.class_id, row.group, row.group_level)


def cell(row: MetricRow | None) -> View | None:
    """Return a row as a cell: its value, interval, counts and, where there is no value, the reason."""
    if row is None:
        return None
    return {
        "value": row.value,
        "low": row.low,
        "high": row.high,
        "n": row.n,
        "n_units": row.n_units,
        "n_positive": row.n_positive if row.averaging == "class" else None,
        "greyed": row.greyed,
        "n_classes": row.n_classes,
        "reason": row.reason,
        "seeds": row.seeds,
        "seed_sd": row.seed_sd,
    }


def headline_method(record: RunRecord) -> MethodUsed:
    """Return the method the page leads with: the headline one at the card's headline level, else the nearest to it."""
    methods = [m for m in record.methods if m.headline] or whole_methods(record) or list(record.methods)
    return at_level(methods, record.benchmark.headline_level) or methods[0]


def whole_methods(record: RunRecord) -> list[MethodUsed]:
    """Return the methods that are no points of few-shot curves; those have a section of their own."""
    return [m for m in record.methods if m.kind != FEW_SHOT]


def zero_shot_method(record: RunRecord, level: str) -> MethodUsed | None:
    """Return the zero-shot method that others are measured against: that of the headline prompt set."""
    methods = [m for m in record.methods if m.kind == "zero-shot" and m.level == level]
    named = {d.versus for d in record.differences}
    chosen = (record.benchmark.prompts.default, *record.plan.prompts[:1])
    return next(
        (m for m in methods if m.id in named or m.headline),
        next((m for m in methods if m.prompts in chosen), methods[0] if methods else None),
    )


def at_level(methods: Iterable[MethodUsed], level: str) -> MethodUsed | None:
    """Return the first of these methods at that level."""
    return next((m for m in methods if m.level == level), None)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 lesion``, ``1,234 lesions``."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"
