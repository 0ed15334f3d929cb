"""`summary.json`: what many runs are compared by, beside the `run.json` that it is an extract of.

A `run.json` may hold tens of thousands of rows; a leaderboard of a thousand runs needs a few hundred of each. A summary
is a run record with fewer rows: the same schema, read back into the same `RunRecord`. It is never the truth: it says
which `run.json` it was made of (SHA-256), and its own checksum, and is made anew where either does not fit. A run is
complete without one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from vlmeval.records import Benchmark, Examined, MethodUsed, MetricRow, RunRecord

SUMMARY: Final = "summary.json"
SUMMARY_SCHEMA: Final = 1
OF_EVERYBODY: Final = frozenset(
    {"auroc", "average-precision", "balanced-accuracy", "accuracy", "hamming-loss", "ece", "brier"}
)
"""Metrics that are kept over all samples, beside the card's own."""
BY_CLASS: Final = frozenset({"auroc", "average-precision", "sensitivity"})
"""Metrics that are kept class by class."""
BETWEEN_TONES: Final = frozenset({"sensitivity"})
"""Metrics that are kept by skin tone, beside the card's own: what levels of unlike case mix are compared by."""
_BODY: Final = b'\n "run": '


def summary_of(record: RunRecord) -> RunRecord:
    """Return the record with no more rows than runs are compared by.

    Kept are, at the level that the run leads with: of every method the card's headline metrics and `OF_EVERYBODY` over
    all samples; of all but points of few-shot curves `BY_CLASS`, and the card's headline metrics and `BETWEEN_TONES` by
    level of every skin-tone source that is no estimate. Not kept: what methods were chosen and fitted by, the prompts'
    strings, differences, examinations, findings.
    """
    return record.model_copy(
        update={
            "rows": tuple(_rows(record)),
            "methods": tuple(_method(m) for m in record.methods),
            "prompts": tuple(
                p.model_copy(update={"prompts": {}, "negatives": {}, "weights": {}}) for p in record.prompts
            ),
            "differences": (),
            "few_shot": None,
            "examined": Examined(),
            "findings": (),
            "audit": (),
            "leaks": (),
        }
    )


def _rows(record: RunRecord) -> Iterator[MetricRow]:
    card, kept_levels = record.benchmark, _levels(record)
    overall, by_tone = {*card.headline_metrics, *OF_EVERYBODY}, {*card.headline_metrics, *BETWEEN_TONES}
    tones = _tones(card)
    points = {m.id for m in record.methods if m.curve is not None}
    for row in record.rows:
        if row.variant is not None or row.level not in kept_levels:
            continue
        whole = row.method not in points
        if row.class_id is not None:
            kept = whole and row.group is None and row.metric in BY_CLASS
        elif row.group is None:
            kept = row.metric in overall
        else:
            kept = whole and row.group in tones and row.metric in by_tone
        if kept:
            yield row


def _levels(record: RunRecord) -> set[str]:
    """Return the card's level where the run leads with it, else all."""
    wanted = record.benchmark.headline_level
    levels = {m.level for m in record.methods}
    return {wanted} if any(m.headline and m.level == wanted for m in record.methods) else set(levels)


def _tones(card: Benchmark) -> set[str]:
    return {g.id for g in card.available_groups if g.kind == "skin-tone" and not g.estimated}


def _method(method: MethodUsed) -> MethodUsed:
    return method.model_copy(update={"choice": None, "certificate": None, "training": ()})


def summary_json(record: RunRecord, raw: bytes) -> str:
    """Return `summary.json` of a record and the bytes of its `run.json`."""
    run = json.dumps(
        summary_of(record).model_dump(mode="json"), ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    head = {"schema_version": SUMMARY_SCHEMA, "record_sha256": _sha(raw), "run_sha256": _sha(run.encode())}
    return json.dumps(head, indent=1)[:-2] + "," + _BODY.decode() + run + "\n}\n"


def kept_summary(path: Path, raw: bytes) -> RunRecord | None:
    """Return the run of a summary that belongs to these bytes of `run.json`; None for any other file, or none."""
    try:
        head, body = path.read_bytes().split(_BODY, 1)
        said = json.loads(head.rstrip(b",") + b"}")
        run = body.removesuffix(b"\n}\n")
        wanted = {"schema_version": SUMMARY_SCHEMA, "record_sha256": _sha(raw), "run_sha256": _sha(run)}
        return RunRecord.model_validate_json(run) if said == wanted else None
    except (OSError, ValueError, ValidationError):
        return None


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
