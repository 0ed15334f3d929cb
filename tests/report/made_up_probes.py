"""Probes and a few-shot sweep for the report's tests, made up from a run's zero-shot rows: no fit, no model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from made_up_runs import LEAK, Run

from vlmeval.records import (
    Certificate,
    Choice,
    DataUsed,
    Difference,
    Draw,
    FewShotUsed,
    Finding,
    MethodUsed,
    MetricRow,
    Predictions,
    RunRecord,
    SeedUsed,
    Shortfall,
    Shots,
    ShotsNeeded,
    TrainingCurve,
)

SHOTS: tuple[Shots, ...] = (1, 2, 4, 8, 16, 32, "all")
SEEDS = 10
VARIANTS = {"text-anchored": (0.0, 0.55), "logistic": (-0.35, 0.6), "cache": (0.02, 0.25), "nearest-mean": (-0.2, 0.3)}
"""Variant -> share of the way from zero-shot to perfect at one shot and at all."""
PROBES = (("linear-probe", "Linear probe", 0.62), ("mlp-probe", "MLP probe", 0.55), ("knn", "Nearest neighbours", 0.4))
BROKEN = Finding(
    code="broken-probe",
    severity="warning",
    message="MLP probe: AUROC 0.88 but balanced accuracy 0.18, near guessing: the scores rank well, the decisions fail",
    count=1,
    examples=("mlp-probe: AUROC 0.88, balanced accuracy 0.18",),
)


def add_probes(run: Run, *, regimes: tuple[str, ...] = ("balanced", "natural"), headline: str | None = None) -> Run:
    """Return the run with probes and few-shot points beside its zero-shot methods.

    ``headline`` names the method that leads the page in place of zero-shot.
    """
    record, predictions = run
    leading = record.headline_method
    own = [r for r in record.rows if r.method == leading.id]
    methods = list(record.methods)
    rows = list(record.rows)
    made = list(predictions)
    for method_id, title, gain in PROBES:
        seeds = 5 if method_id == "mlp-probe" else None
        methods += [_probe(m, method_id, title, seeds) for m in record.methods if m.id == leading.id]
        rows += [_moved(r, method_id, gain, seeds) for r in own]
        made += [one for p in predictions if p.method == leading.id for one in _renamed(p, method_id, seeds)]
    points, point_rows, differences = _sweep(record, leading, own, regimes)
    methods += points
    if headline is not None:
        methods = [m.model_copy(update={"headline": m.id == headline}) for m in methods]
    update = {
        "methods": tuple(methods),
        "rows": (*rows, *point_rows),
        "differences": tuple(differences),
        "few_shot": _used(record, leading, regimes),
        "findings": (*record.findings, BROKEN),
        "data": with_rates(record.data),
        "plan": record.plan.model_copy(
            update={"methods": ("zero-shot", "linear-probe", "mlp-probe", "knn", "few-shot")}
        ),
    }
    return record.model_copy(update=update), made


def with_rates(data: DataUsed) -> DataUsed:
    """Return counts with each class's share of the splits."""
    parts = {"train": 3, "val": 1, "test": 1}
    images = {s: {c: n * k for c, n in data.class_images.items()} for s, k in parts.items()}
    units = {s: {c: n * k for c, n in data.class_units.items()} for s, k in parts.items()}
    return data.model_copy(update={"split_class_images": images, "split_class_units": units})


def _probe(old: MethodUsed, method_id: str, title: str, seeds: int | None) -> MethodUsed:
    grid = tuple(10.0**e for e in range(-4, 5))
    edge = method_id == "linear-probe" and old.decision == "threshold"
    scores = tuple(0.4 + 0.03 * (k - 8 if edge else k - 5) ** 2 for k in range(len(grid)))
    parameter, values = ("k", (1.0, 3.0, 5.0, 10.0, 20.0, 50.0)) if method_id == "knn" else ("C", grid)
    choice = Choice(
        parameter=parameter,
        values=values,
        criterion="log-loss",
        higher_is_better=False,
        scores=scores[: len(values)],
        others={"auroc": tuple(0.7 + 0.02 * k if k else None for k in range(len(values)))},
        chosen=values[scores[: len(values)].index(min(scores[: len(values)]))],
        at_edge=edge,
        chosen_on="validation lesions (120)",
    )
    curves = tuple(
        TrainingCurve(
            seed=s,
            train_loss=tuple(1.8 / (1 + 0.3 * e) + 0.01 * s for e in range(25)),
            val_loss=tuple(1.8 / (1 + 0.25 * e) + 0.012 * e + 0.015 * s for e in range(25)),
        )
        for s in range(seeds or 0)
    )
    update = {
        "id": method_id,
        "kind": method_id,
        "title": title,
        "headline": False,
        "prompts": None,
        "seeds": tuple(SeedUsed(seed=s, thresholds=old.thresholds) for s in range(seeds or 0)),
        "choice": None if seeds else choice,
        "certificate": None if method_id != "linear-probe" else Certificate(
            solver="certified Newton-CG", fits=26, tolerance=1e-8, worst=3.2e-9),
        "training": curves,
        "parameters": {"fitted_on": "train + val", "fitted_images": 480, "fitted_units": 240,
                       **({"hidden": [512, 256], "dropout": 0.5} if seeds else {})},
    }  # fmt: skip
    return old.model_copy(update=update)


def _renamed(p: Predictions, method_id: str, seeds: int | None) -> list[Predictions]:
    return [replace(p, method=method_id, seed=seed) for seed in (range(seeds) if seeds else (None,))]


def _moved(row: MetricRow, method_id: str, gain: float, seeds: int | None) -> MetricRow:
    """Return a row with its numbers moved towards perfect (gaps: towards none) by a share."""
    if row.metric in ("prevalence", "accuracy-majority", "hamming-majority") or row.metric.endswith("-chance"):
        return row.model_copy(update={"method": method_id})
    gap = row.group_level in ("last-first", "max-min")
    lower = row.metric in ("hamming-loss", "brier", "ece", "log-loss")
    goal = 0.0 if gap or lower else 1.0

    def moved(value: float | None) -> float | None:
        return None if value is None else value + gain * (goal - value) * (1 if gain > 0 else value if not gap else -1)

    known = seeds is not None and row.value is not None
    return row.model_copy(
        update={
            "method": method_id,
            "value": moved(row.value),
            "low": moved(row.low),
            "high": moved(row.high),
            "seeds": seeds if known else None,
            "seed_sd": 0.012 if known else None,
        }
    )


def _sweep(
    record: RunRecord, leading: MethodUsed, own: list[MetricRow], regimes: tuple[str, ...]
) -> tuple[list[MethodUsed], list[MetricRow], list[Difference]]:
    metrics = {*record.benchmark.headline_metrics, "sensitivity"}
    kept = [r for r in own if r.level == leading.level and r.metric in metrics and not (r.class_id and r.group)]
    methods, rows, differences = [], [], []
    for variant, (first, last) in VARIANTS.items():
        for regime in regimes:
            for step, shots in enumerate(SHOTS):
                point = f"few-shot:{variant}:{regime}@{shots}"
                gain = first + (last - first) * step / (len(SHOTS) - 1) - (0.05 if regime == "natural" else 0.0)
                methods.append(_point(leading, point, variant, shots))
                moved = [_moved(r, point, gain, SEEDS) for r in kept]
                rows += moved
                differences += [_difference(a, b) for a, b in zip(moved, kept, strict=True) if a.value is not None]
    return methods, rows, differences


def _point(leading: MethodUsed, point: str, variant: str, shots: Shots) -> MethodUsed:
    fitted, missed = variant in ("text-anchored", "logistic"), variant == "logistic" and shots == 1
    worst = 2.8e-8 if missed else 8.9e-9
    certificate = Certificate(solver="certified Newton-CG", fits=130, tolerance=1e-8, worst=worst, missed=int(missed))
    return leading.model_copy(
        update={
            "id": point,
            "kind": "few-shot",
            "title": point,
            "headline": False,
            "prompts": None,
            "curve": point.partition("@")[0],
            "shots": shots,
            "seeds": tuple(SeedUsed(seed=s, parameters={"C": 10.0 ** (s % 3)}) for s in range(SEEDS)),
            "parameters": {"variant": variant, "default": {"C": 1.0}} if fitted else {"variant": variant},
            "certificate": certificate if fitted else None,
        }
    )  # fmt: skip


def _difference(a: MetricRow, b: MetricRow) -> Difference:
    shared = ("level", "metric", "averaging", "class_id", "group", "group_level", "n", "n_units")
    value = (a.value or 0.0) - (b.value or 0.0)
    return Difference(
        method=a.method,
        versus=b.method,
        value=value,
        low=value - 0.03,
        high=value + 0.03,
        **{name: getattr(a, name) for name in shared},
    )


def _used(record: RunRecord, leading: MethodUsed, regimes: tuple[str, ...]) -> FewShotUsed:
    classes = record.benchmark.class_ids
    available = {c: max(3 * n, 1) for c, n in record.data.class_units.items()}
    curve: Callable[[str, str], str] = "few-shot:{}:{}".format
    scarce = min(available, key=lambda c: available[c])
    return FewShotUsed(
        pool="train units (1,800 lesions)",
        class_units=available,
        shortfalls=tuple(
            Shortfall(class_id=scarce, shots=s, available=available[scarce], done="take-all") for s in (32, 16)
        ),
        draws=tuple(
            Draw(
                regime=regime,
                seed=seed,
                units=tuple(f"u{seed:02d}{i:04d}" for i in range(32)),
                sizes={
                    str(s): (s if isinstance(s, int) else 300) * len(classes) - (seed if s == "all" else 0)
                    for s in SHOTS
                },
            )
            for regime in regimes
            for seed in range(SEEDS)
        ),
        needed=tuple(
            ShotsNeeded(curve=curve(v, regime), versus=leading.id, metric=m, on_average=average, surely=surely)
            for regime in regimes
            for m in record.benchmark.headline_metrics
            for v, average, surely in (("text-anchored", 1, 4), ("logistic", 4, 16), ("nearest-mean", "all", None))
        ),
        left_out=("Cache of examples at 32 natural shots: no class text",),
    )


def leaky_twin(run: Run) -> Run:
    """Return the run under a leaky protocol, by picture: what `scin@notebook` is to `scin`."""
    record, predictions = run
    protocol = record.benchmark.protocol.model_copy(
        update={"by": "image", "recipe": "notebook", "leaky": "Photos of one lesion stand on both sides."}
    )
    card = {"id": "simulated@notebook", "title": "Simulated lesions, leaky", "headline_level": "image"}
    counts = record.data.split_class_images
    more = {s: {c: n + (30 if s == "test" and i == 0 else 0) for i, (c, n) in enumerate(m.items())}
            for s, m in counts.items()}  # fmt: skip
    update = {
        "digest": "77aa" * 16,
        "benchmark": record.benchmark.model_copy(update={**card, "protocol": protocol}),
        "badges": (*record.badges, LEAK),
        "data": record.data.model_copy(update={"split_class_images": more}),
    }
    return record.model_copy(update=update), predictions
