"""Few-shot curves: panels of a metric against shots, one line a variant, with zero-shot in the same panel.

A panel is one chart: the headline metrics, each class, each skin-tone level, each gap; each with every regime apart.
What was drawn and how many shots are needed, in words, is in fewshot_words.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from vlmeval.records import MethodUsed, MetricRow, RunRecord, Shots
from vlmeval.report import fewshot_words
from vlmeval.report.lookup import FEW_SHOT, Differences, Rows, View, cell, whole_methods, zero_shot_method
from vlmeval.report.names import AVERAGING_NAMES, metric_view
from vlmeval.report.strata import leading_metric, shared_classes

VARIANTS: Final = {
    "text-anchored": ("Text-anchored probe", "a logistic probe that is pulled towards the zero-shot classifier"),
    "logistic": ("Logistic probe", "fitted to the shots alone"),
    "cache": ("Training-free cache", "no training: zero-shot plus the similarity to the shots, as Tip-Adapter"),
    "nearest-mean": ("Nearest class mean", "no training: the nearest mean of the shots"),
}
REGIMES: Final = {
    "balanced": ("Balanced", "as many {unit}s of every class as there are shots{several}"),
    "natural": (
        "Natural",
        "shots times the number of classes in all, in the class mix of the data; a class may be missing",
    ),
}
EVEN: Final = "; where a class has fewer, and where all {unit}s are taken, classes weigh the same"
SEVERAL: Final = ", or more where {unit}s with several labels bring common ones along"
CLASS_METRICS: Final = ("auroc", "average-precision", "sensitivity")
GAP: Final = "last-first"
ALL_APART: Final = 1.3
Find = Callable[[MethodUsed], MetricRow | None]


class Sweep(NamedTuple):
    """The curves of a run and what they are measured against."""

    record: RunRecord
    rows: Rows
    differences: Differences
    curves: dict[str, list[MethodUsed]]
    positions: dict[Shots, float]
    zero_shot: MethodUsed | None
    full: MethodUsed | None


def few_shot_view(record: RunRecord, rows: Rows, tones: list[View]) -> View | None:
    """Return the few-shot section, or None for a run without few-shot points."""
    points = [m for m in record.methods if m.kind == FEW_SHOT and m.curve is not None and m.shots is not None]
    if not points:
        return None
    sweep = _sweep(record, rows, points)
    several = EVEN if record.benchmark.task == "single-label" else SEVERAL
    regimes = list(dict.fromkeys(split_curve(c)[1] for c in sweep.curves))
    unit = record.benchmark.unit.name
    metrics = [m for m in record.benchmark.headline_metrics if any(rows.average(p, m) for p in points)]
    seen = dict.fromkeys(split_curve(c)[0] for c in sweep.curves)
    variants = sorted(seen, key=lambda v: (list(VARIANTS).index(v) if v in VARIANTS else len(VARIANTS), v))
    return {
        "variants": [{"id": v, "key": variant_key(v), **_named(VARIANTS, v, unit)} for v in variants],
        "regimes": [{"id": r, **_named(REGIMES, r, unit, several)} for r in regimes],
        "positions": [{"label": str(shots), "x": x} for shots, x in sweep.positions.items()],
        "seeds": max((len(m.seeds) for m in points), default=0) or record.plan.few_shot.seeds,
        "one_at_all": all(len(m.seeds) <= 1 for m in points if m.shots == "all"),
        "versus": bool(record.differences),
        "zero_shot": None if sweep.zero_shot is None else sweep.zero_shot.title,
        "full": None if sweep.full is None else sweep.full.title,
        "level": points[0].level,
        "metrics": [_set(sweep, regimes, m, [_headline_panel(record, m)]) for m in metrics],
        "classes": _class_set(sweep, regimes, points),
        "tones": [made for tone in tones if (made := _tone_set(sweep, regimes, tone)) is not None],
        **fewshot_words.words_view(record, points, VARIANTS, REGIMES),
    }


def split_curve(curve: str) -> tuple[str, str]:
    """Return variant and regime of a curve's id ``few-shot:VARIANT:REGIME``."""
    parts = [*curve.split(":"), "", ""]
    return parts[1], parts[2]


def variant_key(variant: str) -> int:
    """Return the position that fixes a variant's colour, dash and marker on every page."""
    return list(VARIANTS).index(variant) if variant in VARIANTS else len(VARIANTS) - 1


def _sweep(record: RunRecord, rows: Rows, points: Sequence[MethodUsed]) -> Sweep:
    curves: dict[str, list[MethodUsed]] = {}
    for p in points:
        curves.setdefault(p.curve or "", []).append(p)
    level = points[0].level
    full = [m for m in whole_methods(record) if m.kind == "linear-probe" and m.level == level]
    return Sweep(
        record=record,
        rows=rows,
        differences=Differences(record.differences),
        curves=curves,
        positions=positions([p.shots for p in points if p.shots is not None]),
        zero_shot=zero_shot_method(record, level),
        full=full[0] if full else None,
    )


def positions(shots: Sequence[Shots]) -> dict[Shots, float]:
    """Return where each number of shots stands: on the log2 scale, ``all`` apart to the right of them."""
    numbers = sorted({s for s in shots if s != "all"})
    placed: dict[Shots, float] = {n: round(math.log2(n), 4) for n in numbers}
    if "all" in shots:
        placed["all"] = round(max(placed.values(), default=-ALL_APART) + ALL_APART, 4)
    return placed


def _named(names: dict[str, tuple[str, str]], key: str, unit: str, several: str = "") -> View:
    name, what = names.get(key, (key, ""))
    return {"name": name, "what": what.format(unit=unit, several=several.format(unit=unit))}


class Panel(NamedTuple):
    """What one panel shows: its title, how its row is found for a method, and a note under the title."""

    title: str
    find: Callable[[Rows, MethodUsed], MetricRow | None]
    note: str = ""


def _headline_panel(record: RunRecord, metric: str) -> Panel:
    shown = metric_view(metric, record.benchmark.task)
    return Panel(shown["short"], lambda rows, method: rows.average(method, metric))


def _set(sweep: Sweep, regimes: Sequence[str], metric: str, panels: Sequence[Panel]) -> View:
    """Return panels of one metric, for each regime; they share their axes so that they can be compared."""
    first = next(iter(sweep.curves.values()))[0]
    found = panels[0].find(sweep.rows, first) if panels else None
    return {
        "metric": metric_view(metric, sweep.record.benchmark.task),
        "averaging": AVERAGING_NAMES[found.averaging] if found else "",
        "regimes": [{"id": r, "panels": [_panel(sweep, r, panel) for panel in panels]} for r in regimes],
    }


def _panel(sweep: Sweep, regime: str, panel: Panel) -> View:
    def find(method: MethodUsed | None) -> MetricRow | None:
        return None if method is None else panel.find(sweep.rows, method)

    lines = [_line(sweep, curve, find) for curve in sweep.curves if split_curve(curve)[1] == regime]
    cells = [p["cell"] for line in lines for p in line["points"] if p["cell"] is not None]
    silent = next((c["reason"] for c in cells if c["value"] is None), "not computed")
    any_cell = next(iter(cells), None)
    return {
        "title": panel.title,
        "note": panel.note,
        "n_units": any_cell["n_units"] if any_cell else None,
        "n": any_cell["n"] if any_cell else None,
        "n_positive": any_cell["n_positive"] if any_cell else None,
        "lines": sorted(lines, key=lambda line: int(line["key"])),
        "zero_shot": cell(find(sweep.zero_shot)),
        "full": cell(find(sweep.full)),
        "reason": None if any(c["value"] is not None for c in cells) else silent,
    }


def _line(sweep: Sweep, curve: str, find: Find) -> View:
    by_shots = {m.shots: m for m in sweep.curves[curve]}
    variant = split_curve(curve)[0]
    points = []
    for shots, x in sweep.positions.items():
        row = find(by_shots[shots]) if shots in by_shots else None
        difference = sweep.differences.of(row, sweep.zero_shot)
        points.append({"shots": str(shots), "x": x, "cell": cell(row), "versus": difference})
    return {"key": variant_key(variant), "variant": VARIANTS.get(variant, (variant, ""))[0], "points": points}


def _class_set(sweep: Sweep, regimes: Sequence[str], points: Sequence[MethodUsed]) -> View | None:
    metric = next((m for m in CLASS_METRICS if any(m in sweep.rows.class_metrics(p) for p in points[:1])), None)
    if metric is None:
        return None

    def panel(class_id: str, name: str) -> Panel:
        return Panel(name, lambda rows, method: rows.of_class(method, metric, class_id))

    return _set(sweep, regimes, metric, [panel(c.id, c.name) for c in sweep.record.benchmark.classes])


def _tone_set(sweep: Sweep, regimes: Sequence[str], tone: View) -> View | None:
    """Return one skin-tone source: a panel a level, and the gap between the last and the first level."""
    leading = None if tone["unavailable"] is not None else leading_metric(tone)
    if leading is None:
        return None
    metric, averaging, group = leading["metric"]["id"], leading["averaging"], tone["id"]

    def panel(key: str, title: str) -> Panel:
        return Panel(title, lambda rows, method: rows.averaged(method, metric, averaging, group, key))

    answered = [lv for lv in leading["levels"] if not lv["missing"] and lv["cell"] is not None]
    levels = _set(sweep, regimes, metric, [panel(lv["id"], lv["name"]) for lv in answered])
    if all(p["reason"] == "not computed" for r in levels["regimes"] for p in r["panels"]):
        return None
    ends = [lv["name"] for lv in answered if not lv["other"]]
    gap = None
    if len(ends) > 1:
        gap = _set(sweep, regimes, metric, [panel(GAP, f"{ends[-1]} minus {ends[0]}")])
        gap["closing"] = [_closing(line, r["id"]) for r in gap["regimes"] for line in r["panels"][0]["lines"]]
    return levels | {"id": group, "name": tone["name"], "over": shared_classes(leading, sweep.record),
                     "averaging": leading["averaged"], "gap": gap}  # fmt: skip


def _closing(line: View, regime: str) -> View:
    """Return a line's gap at the fewest and at the most shots that have one."""
    known = [p for p in line["points"] if p["cell"] is not None and p["cell"]["value"] is not None]
    return {
        "variant": line["variant"],
        "key": line["key"],
        "regime": REGIMES.get(regime, (regime, ""))[0],
        "first": known[0] if known else None,
        "last": known[-1] if len(known) > 1 else None,
    }
