"""The few-shot sweep in words: shots needed to beat zero-shot, what was drawn, what fell short, how it was tuned."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Final

from vlmeval.records import MethodUsed, RunRecord, Shots
from vlmeval.records.probe import FewShotUsed, Shortfall, ShotsNeeded
from vlmeval.report.fitted import certificate_view
from vlmeval.report.lookup import View, counted
from vlmeval.report.names import metric_view

Names = dict[str, tuple[str, str]]
POLICIES: Final = {
    "take-all": "A class with fewer {unit}s than shots gives all it has",
    "drop-class": "A class with fewer {unit}s than shots is left out of that fit and never predicted by it",
    "error": "A class with fewer {unit}s than shots would have stopped the run",
}
TUNING: Final = {
    "cv": "Hyperparameters were chosen by cross-validation inside the shots of each draw ({folds} folds at most; with "
    "one {unit} a class, by stated defaults); methods that start at zero-shot leave it only for what is better by "
    "more than one standard error",
    "fixed": "Hyperparameters were stated defaults, fixed beforehand",
}

DECISIONS: Final = (
    "Thresholds of labels come from inside the shots (with one {unit} a class, each label's share of the draw), those "
    "of zero-shot from all validation {unit}s. So numbers of decisions favour zero-shot; AUROC and average precision "
    "need no threshold."
)


def words_view(record: RunRecord, points: Sequence[MethodUsed], variants: Names, regimes: Names) -> View:
    """Return the parts of the few-shot section that are words and counts."""
    used, unit = record.few_shot, record.benchmark.unit.name
    options = record.plan.few_shot
    return {
        "needed": needed_view(() if used is None else used.needed, record, variants, regimes),
        "tuning": TUNING[options.tune].format(folds=options.folds, unit=unit) + "; never on the rows reported here.",
        "decisions": DECISIONS.format(unit=unit) if record.benchmark.task == "multi-label" else None,
        "policy": POLICIES[options.few_units].format(unit=unit) + ".",
        "shortfalls": [] if used is None else shortfalls(used.shortfalls, record),
        "pool": None if used is None else used.pool,
        "classes_available": [] if used is None else _available(used, record),
        "draws": [] if used is None else _draws(used, regimes),
        "left_out": [] if used is None else list(used.left_out),
        "certificates": _certificates(points, variants),
        "chosen": _chosen(points, variants, regimes),
    }


def needed_view(needed: Sequence[ShotsNeeded], record: RunRecord, variants: Names, regimes: Names) -> View:
    """Return one row a curve, with the shots it needs by each metric in words."""
    metrics = list(dict.fromkeys(n.metric for n in needed))
    by_curve: dict[str, dict[str, ShotsNeeded]] = {}
    for n in needed:
        by_curve.setdefault(n.curve, {})[n.metric] = n
    unit = record.benchmark.unit.name
    lines = []
    for curve, found in by_curve.items():
        _, variant, regime = [*curve.split(":"), "", ""][:3]
        cells = [_needed(found.get(metric), unit) for metric in metrics]
        names = {"variant": variants.get(variant, (variant, ""))[0], "regime": regimes.get(regime, (regime, ""))[0]}
        lines.append({**names, "cells": cells})
    # Without draws of the bootstrap nothing is known to be clearly better, nor not to be.
    sure = record.plan.draws > 0
    return {"metrics": [metric_view(m, record.benchmark.task) for m in metrics], "rows": lines, "sure": sure}


def _needed(found: ShotsNeeded | None, unit: str) -> View:
    if found is None:
        return {"known": False, "on_average": None, "surely": None}
    return {"known": True, "on_average": _from(found.on_average, unit), "surely": _from(found.surely, unit)}


def _from(shots: Shots | None, unit: str) -> str | None:
    """Return from how many shots on, in words; None for never."""
    if shots is None:
        return None
    return f"only with all training {unit}s" if shots == "all" else f"from {counted(shots, unit)} a class on"


def shortfalls(found: Sequence[Shortfall], record: RunRecord) -> list[str]:
    """Return one sentence a class that has fewer units than some number of shots, the scarcest class first."""
    names = {c.id: c.name for c in record.benchmark.classes}
    first: dict[tuple[str, str], Shortfall] = {}
    for one in sorted(found, key=lambda s: s.shots):
        first.setdefault((one.class_id, one.done), one)
    done = {"take-all": "all of them are taken", "drop-class": "the class is left out"}
    ordered = sorted(first.values(), key=lambda s: (s.available, s.class_id))
    return [
        f"{names.get(s.class_id, s.class_id)} has {counted(s.available, record.benchmark.unit.name)}: "
        f"{done[s.done]} from {s.shots} shots on"
        for s in ordered
    ]


def _available(used: FewShotUsed, record: RunRecord) -> list[View]:
    return [{"name": c.name, "units": used.class_units.get(c.id)} for c in record.benchmark.classes]


def _draws(used: FewShotUsed, regimes: Names) -> list[View]:
    """Return, for each regime, how many units a draw of each number of shots holds over its seeds."""
    made = []
    for regime in dict.fromkeys(d.regime for d in used.draws):
        draws = [d for d in used.draws if d.regime == regime]
        shots = list(dict.fromkeys(s for d in draws for s in d.sizes))
        sizes = {s: [d.sizes[s] for d in draws if s in d.sizes] for s in shots}
        made.append(
            {
                "regime": regimes.get(regime, (regime, ""))[0],
                "seeds": len(draws),
                "sizes": [{"shots": s, "low": min(n), "high": max(n)} for s, n in sizes.items()],
            }
        )
    return made


def _chosen(points: Sequence[MethodUsed], variants: Names, regimes: Names) -> list[View]:
    """Return, for each curve and hyperparameter, what was chosen inside the shots: the median over seeds, the range."""
    made = []
    for curve in dict.fromkeys(p.curve or "" for p in points):
        own = [p for p in points if p.curve == curve]
        _, variant, regime = [*curve.split(":"), "", ""][:3]
        for name in own[0].parameters.get("default", {}):
            cells = [
                {"shots": str(p.shots), **_middle([s.parameters[name] for s in p.seeds if name in s.parameters])}
                for p in own
            ]
            names = {"variant": variants.get(variant, (variant, ""))[0], "regime": regimes.get(regime, (regime, ""))[0]}
            made.append({**names, "name": name, "cells": cells})
    return made


def _middle(values: Sequence[float]) -> View:
    if not values:
        return {"middle": None, "low": None, "high": None}
    return {"middle": f"{statistics.median(values):.3g}", "low": f"{min(values):.3g}", "high": f"{max(values):.3g}"}


def _certificates(points: Sequence[MethodUsed], variants: Names) -> list[View]:
    """Return, for each variant that was optimised, all its fits in one sentence."""
    made = []
    for variant in dict.fromkeys((p.curve or "").split(":")[1] for p in points):
        found = [p.certificate for p in points if p.certificate and (p.curve or "").split(":")[1] == variant]
        if not found:
            continue
        bounds = [c.worst for c in found if c.worst is not None]
        whole = found[0].model_copy(
            update={
                "fits": sum(c.fits for c in found),
                "missed": sum(c.missed for c in found),
                "worst": max(bounds) if len(bounds) == len(found) else None,
                "tolerance": max(c.tolerance for c in found),
                "missed_fits": tuple(name for c in found for name in c.missed_fits)[:20],
            }
        )
        made.append({"variant": variants.get(variant, (variant, ""))[0], **certificate_view(whole)})
    return made
