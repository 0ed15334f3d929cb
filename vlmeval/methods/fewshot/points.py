"""From solved lessons to points of curves: scores by seed, certificates, what a record says of each.

Comes in: a `Solver` and its solved lessons. Goes out: `Point`s.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vlmeval.methods.fewshot.entry import Entry
from vlmeval.methods.fewshot.lesson import Lesson, facts
from vlmeval.methods.fewshot.result import Point, SeedPoint
from vlmeval.methods.fewshot.solving import Chosen, Solver, spread
from vlmeval.records import Certificate, Regime, Shots

Solved = tuple[Lesson, Entry, Chosen]


def points_of(solver: Solver, solved: Sequence[Solved]) -> list[Point]:
    """Return one point for each regime and shot count of ``solved``, in its order."""
    by_point: dict[tuple[Regime, Shots], list[Solved]] = {}
    for one in solved:
        by_point.setdefault((one[0].regime, one[0].shots), []).append(one)
    return [
        Point(
            solver.variant.id,
            regime,
            shots,
            [_seed_point(solver, *one) for one in members],
            _certificate(solver, members) if solver.variant.fits else None,
            _parameters(solver, even=members[0][0].even),
        )
        for (regime, shots), members in by_point.items()
    ]


def _seed_point(solver: Solver, lesson: Lesson, entry: Entry, chosen: Chosen) -> SeedPoint:
    ids = solver.target.samples.benchmark.class_ids
    final = spread(entry.final[chosen.candidate].scores, lesson, len(ids), solver.score_kind)
    out_of_fold = None
    if not solver.single_label and solver.holds_out(lesson):
        held = lesson.row_folds >= 0
        own = spread(entry.held[chosen.candidate].scores[held], lesson, len(ids), solver.held_kind)
        out_of_fold = (lesson.rows.labels[held], own)
    return SeedPoint(
        lesson.seed,
        solver.target.scored(final, solver.score_kind),
        out_of_fold,
        {**chosen.parameters, **facts(lesson, ids)},
        tuple(name for k, name in enumerate(ids) if k not in lesson.columns),
        _rates(solver, lesson, len(ids)),
    )


def _rates(solver: Solver, lesson: Lesson, classes: int) -> npt.NDArray[np.float64] | None:
    if solver.single_label or not solver.variant.fits:
        return None
    rates = np.full(classes, np.nan)
    share = lesson.weight @ lesson.labels / lesson.weight.sum()
    if solver.ask.options.class_weight == "balanced":
        share = np.where((share > 0) & (share < 1), 0.5, share)
    rates[lesson.columns] = np.where((share > 0) & (share < 1), share, np.nan)
    return rates


def _certificate(solver: Solver, members: Sequence[Solved]) -> Certificate:
    gaps: list[tuple[float, str]] = []
    for lesson, entry, chosen in members:
        # C = 0 is zero-shot itself and no fit.
        for candidate in (c for c in solver.grid if c[0] > 0 and solver.holds_out(lesson)):
            for fold, gap in enumerate(entry.held[candidate].gap.tolist()):
                gaps.append((gap, f"{lesson.shots} shots, seed {lesson.seed}, fold {fold}, C = {candidate[0]:g}"))
        if chosen.candidate[0] > 0:
            name = f"{lesson.shots} shots, seed {lesson.seed}, C = {chosen.candidate[0]:g}"
            gaps.append((float(entry.final[chosen.candidate].gap[0]), name))
    tolerance = solver.ask.options.tolerance
    missed = [name for gap, name in gaps if not gap <= tolerance]
    return Certificate(
        solver="certified",
        fits=len(gaps),
        tolerance=tolerance,
        worst=max((gap for gap, _ in gaps), default=0.0),
        missed=len(missed),
        missed_fits=tuple(missed[:5]),
    )


def _parameters(solver: Solver, *, even: bool) -> dict[str, object]:
    variant, found = solver.variant, dict(solver.variant.facts)
    found["features"] = solver.kind
    if variant.fits:
        found["class_weight"] = "balanced" if even else solver.ask.options.class_weight
    if variant.parameters:
        found["default"] = variant.named(variant.default)
        found["grid"] = {p: sorted({c[i] for c in solver.grid}) for i, p in enumerate(variant.parameters)}
    if variant.anchored and solver.anchor is not None:
        found["zero_shot_scale"] = solver.anchor.used_scale
    return found
