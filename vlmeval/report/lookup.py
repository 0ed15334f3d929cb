"""Find metric rows by what they are about, and turn them into the view's cells. Reads RunRecord rows only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from vlmeval.records import MethodUsed, MetricRow, RunRecord

View = dict[str, Any]
"""Plain, JSON-able data: the one view schema is nested dicts of this kind."""

AVERAGES: Final = ("overall", "macro", "weighted")
Key = tuple[str, str, str, str, str | None, str | None, str | None]


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
    }


def headline_method(record: RunRecord) -> MethodUsed:
    """Return the method the page leads with: the headline one at the card's headline level, else the nearest to it."""
    methods = [m for m in record.methods if m.headline] or list(record.methods)
    return at_level(methods, record.benchmark.headline_level) or methods[0]


def at_level(methods: Iterable[MethodUsed], level: str) -> MethodUsed | None:
    """Return the first of these methods at that level."""
    return next((m for m in methods if m.level == level), None)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 lesion``, ``1,234 lesions``."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"
