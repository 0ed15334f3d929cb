"""What a row says beside its numbers of merit: how fast pictures went through, how large the model is, its curves.

In: a RunRecord (or its summary). Out: plain values for the view; what is not known is None with a reason.
"""

from __future__ import annotations

from typing import Final

from vlmeval.records import MethodUsed, RunRecord
from vlmeval.report.fewshot import VARIANTS, positions, split_curve, variant_key
from vlmeval.report.lookup import FEW_SHOT, Rows, View, zero_shot_method

EMBEDDING: Final = "embed: embed images"
ENOUGH: Final = 100
"""Fewer pictures than these measure how long the first batch takes to start."""
NO_PICTURES: Final = "predictions from a file: no pictures went through a model here"
FROM_FILE: Final = "embeddings:"
GIVEN: Final = "the vectors were given"
NOT_RECORDED: Final = "an older record: how many pictures were embedded was not written down"
CACHED: Final = "all vectors were in the cache already"
TOO_FEW: Final = "only {} pictures were embedded, the rest was in the cache"


def throughput(record: RunRecord) -> View:
    """Return pictures embedded a second in this run with the device, or why there is none.

    The time is that of decoding and encoding the pictures that were not in the cache, without loading the model.
    """
    count, seconds = record.embedded_images, record.timings.get(EMBEDDING)
    reason = _no_throughput(record, count, seconds)
    per_second = None if reason is not None or not count or not seconds else count / seconds
    return {
        "value": per_second,
        "seconds_per_1000": None if per_second is None else 1000 / per_second,
        "images": count,
        "device": record.environment.device,
        "dtype": record.environment.dtype,
        "reason": reason,
    }


def _no_throughput(record: RunRecord, count: int | None, seconds: float | None) -> str | None:
    if record.model is None:
        return NO_PICTURES
    if record.model.library == "precomputed" or record.plan.model.startswith(FROM_FILE):
        return GIVEN
    if count is None:
        return NOT_RECORDED
    if count == 0 or not seconds:
        return CACHED
    return TOO_FEW.format(count) if count < ENOUGH else None


def curves(record: RunRecord, rows: Rows, method: MethodUsed, metric: str) -> View | None:
    """Return the few-shot curves that belong to a row: all of its run beside zero-shot, its own beside a point of one.

    Values only: the report has the intervals. None for rows without: other methods of the run, runs without a sweep.
    """
    points = [m for m in record.methods if m.kind == FEW_SHOT and m.level == method.level and m.curve and m.shots]
    zero_shot = zero_shot_method(record, method.level)
    if method.kind == FEW_SHOT:
        points = [p for p in points if p.curve == method.curve]
    elif zero_shot is None or method.id != zero_shot.id:
        return None
    place = positions([p.shots for p in points if p.shots is not None])
    lines: dict[str, View] = {}
    for point in points:
        row = rows.average(point, metric)
        if row is None or row.value is None or point.shots is None or point.curve is None:
            continue
        variant, regime = split_curve(point.curve)
        named = {"variant": VARIANTS.get(variant, (variant, ""))[0], "regime": regime, "key": variant_key(variant)}
        line = lines.setdefault(point.curve, {**named, "points": []})
        line["points"].append({"shots": str(point.shots), "x": place[point.shots], "value": row.value})
    if not lines:
        return None
    base = None if zero_shot is None else rows.average(zero_shot, metric)
    for line in lines.values():
        line["points"].sort(key=lambda p: p["x"])
    return {
        "lines": sorted(lines.values(), key=lambda line: (line["key"], line["regime"])),
        "zero_shot": None if base is None else base.value,
        "own": None if method.shots is None else str(method.shots),
    }
