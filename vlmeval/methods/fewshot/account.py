"""What the record says of a sweep: what was drawn from, and what was noticed on the way."""

from __future__ import annotations

from collections.abc import Sequence

from vlmeval.methods.fewshot.draws import Pool
from vlmeval.methods.fewshot.points import Solved
from vlmeval.methods.fewshot.solving import Solver
from vlmeval.records import Draw, FewShotOptions, FewShotUsed, Finding, Samples, Shortfall, Shots


def used(
    samples: Samples,
    options: FewShotOptions,
    draws: tuple[Draw, ...],
    shortfalls: tuple[Shortfall, ...],
    left_out: tuple[str, ...],
) -> FewShotUsed:
    """Return the record of the pool ``samples`` and what was drawn from it."""
    pool, unit = Pool.of(samples), samples.benchmark.unit.name
    text = f"train split: {len(pool.names)} {unit}s"
    if not pool.single_label:
        free = int((~pool.labels.any(axis=1)).sum())
        text += f", {free} of them with none of the labels"
        if "balanced" in options.regimes:
            text += "; balanced draws take k of those too, and k without each label"
    return FewShotUsed(
        pool=text,
        class_units=dict(zip(samples.benchmark.class_ids, pool.class_units, strict=True)),
        shortfalls=shortfalls,
        draws=draws,
        left_out=left_out,
    )


def edges(solver: Solver, solved: Sequence[Solved]) -> list[Finding]:
    """Tell of hyperparameters that are an end of their grid."""
    at_edge = [f"{s.regime}, {s.shots} shots, seed {s.seed}: C = {c.candidate[0]:g}" for s, _, c in solved if c.at_edge]
    if not at_edge:
        return []
    message = f"{solver.variant.id}: the best C inside the shots is an end of the grid; wider values may be better"
    return [
        Finding(
            code="few-shot-grid-edge",
            severity="info",
            message=message,
            count=len(at_edge),
            examples=tuple(at_edge[:5]),
        )
    ]


def small_pool(draws: Sequence[Draw], samples: Samples) -> list[Finding]:
    """Tell of natural draws that are the whole pool because it has fewer units than asked for."""
    classes = len(samples.benchmark.classes)
    sizes = [(k, n) for draw in draws if draw.regime == "natural" for k, n in draw.sizes.items() if k != "all"]
    short = sorted({int(k) for k, n in sizes if n < int(k) * classes})
    if not short:
        return []
    message = "natural draws that are the whole pool: it has fewer units than shots times classes"
    return [_warning("few-shot-small-pool", message, tuple(f"{k} shots" for k in short))]


def unlearnable(skipped: Sequence[tuple[Draw, Shots]]) -> list[Finding]:
    """Tell of shot counts that have no points because too few classes have as many units."""
    if not skipped:
        return []
    message = "shot counts without a point: fewer than two classes (multi-label: no label) have as many units"
    return [_warning("few-shot-no-classes", message, tuple(sorted({f"{d.regime}, {k} shots" for d, k in skipped})))]


def _warning(code: str, message: str, examples: tuple[str, ...]) -> Finding:
    return Finding(code=code, severity="warning", message=message, count=len(examples), examples=examples)
