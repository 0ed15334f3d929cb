"""Find what a run was examined for: rows by variant, lines of charts, and why something is missing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from vlmeval.examine.measured import MEASURES
from vlmeval.records import CurveUsed, GroupLevel, GroupSpec, MethodUsed, RunRecord, Task, Variant
from vlmeval.report.lookup import Rows, View
from vlmeval.report.names import metric_view

MOST_LINES: Final = 4
NOT_EXAMINED: Final = "this was not examined in this run"


class Found:
    """What was found of one method at its level."""

    def __init__(self, record: RunRecord, method: MethodUsed) -> None:
        examined = record.examined
        self._method = method
        self._variants = {v.id: v for v in examined.variants}
        self._missing = examined.missing
        own = [r for r in examined.rows if (r.method, r.level) == (method.id, method.level)]
        self._by_variant: dict[str | None, Rows] = {
            v: Rows(r for r in own if r.variant == v) for v in dict.fromkeys(r.variant for r in own)
        }
        self._curves = [c for c in examined.curves if (c.method, c.level) == (method.id, method.level)]

    def rows(self, variant: str | None) -> Rows:
        """Return the rows of one variant; none if there are none."""
        return self._by_variant.get(variant) or Rows(())

    def has(self, variant: str | None) -> bool:
        """Tell whether there are rows of a variant."""
        return variant in self._by_variant

    def first(self, variants: Iterable[str]) -> Variant | None:
        """Return the first of these variants that this method has rows or lines of."""
        drawn = {c.variant for c in self._curves}
        return next((self._variants[v] for v in variants if v in self._variants and (self.has(v) or v in drawn)), None)

    def variants(self, prefix: str) -> list[Variant]:
        """Return this method's variants whose id begins so, in the order of the record."""
        return [v for v in self._variants.values() if v.id.startswith(prefix) and self.has(v.id)]

    def curves(self, kind: str) -> list[CurveUsed]:
        """Return the lines of one kind."""
        return [c for c in self._curves if c.kind == kind]

    def missing(self, *whats: str) -> str:
        """Return why there is nothing, by the first of these names that says so."""
        return next((r for what in whats if (r := self._missing.get(f"{what}:{self._method.id}"))), NOT_EXAMINED)


def line(key: int, name: str, curve: CurveUsed | None) -> View:
    """Return one line of a chart: its key (colour, dash and marker), name and points [x, y, low, high]."""
    points = _points(curve) if curve is not None and curve.reason is None else []
    counts = curve.n if curve is not None and isinstance(curve.n, tuple) else ()
    return {
        "key": key,
        "name": name,
        "points": points,
        "counts": list(counts),
        "n_units": curve.n_units if curve is not None else 0,
        "reason": curve.reason if curve is not None else NOT_EXAMINED,
    }


def _points(curve: CurveUsed) -> list[list[float]]:
    bounds = zip(curve.x, curve.y, curve.low or curve.y, curve.high or curve.y, strict=True)
    return [
        [x, y, y if low is None else low, y if high is None else high] for x, y, low, high in bounds if y is not None
    ]


def level_lines(group: GroupSpec, curves: Iterable[CurveUsed]) -> list[View]:
    """Return one line for each answered level that has one, the first four."""
    by_level = {c.group_level: c for c in curves if c.group == group.id}
    levels = [lv for lv in group.levels if not lv.missing and lv.id in by_level and by_level[lv.id].reason is None]
    return [line(i, lv.name, by_level[lv.id]) for i, lv in enumerate(levels[:MOST_LINES])]


def level_view(level: GroupLevel) -> View:
    """Return what every table says of a level."""
    return {"id": level.id, "name": level.name, "missing": level.missing}


def tone_groups(record: RunRecord) -> list[GroupSpec]:
    """Return the skin-tone sources that the data have, crossed groups left out."""
    return [g for g in record.benchmark.available_groups if g.kind == "skin-tone" and g.crossed is None]


def no_tones(record: RunRecord) -> str | None:
    """Return why nothing can be said by skin tone, or None."""
    tones = [g for g in record.benchmark.groups if g.kind == "skin-tone"]
    if any(g.unavailable is None for g in tones):
        return None
    return next((g.unavailable for g in tones), "the benchmark card names no skin-tone source")


def measure_view(metric: str, task: Task) -> View:
    """Return a metric's names and direction, whether the registry or an examination has it."""
    own = MEASURES.get(metric)
    if own is None:
        return metric_view(metric, task)
    name = own.name[:1].upper() + own.name[1:]
    return {
        "id": metric,
        "name": name,
        "short": name,
        "direction": own.direction,
        "bounds": list(own.bounds),
        "definition": own.definition,
        "source": own.source,
    }
