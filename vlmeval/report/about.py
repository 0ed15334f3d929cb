"""What stands behind the numbers: prompts, data card, how it was computed, environment, command to repeat it."""

from __future__ import annotations

import shlex

from vlmeval.records import DataUsed, Finding, MethodUsed, RunRecord
from vlmeval.report.command import command
from vlmeval.report.lookup import Rows, View
from vlmeval.report.names import metric_view
from vlmeval.report.prompts.sets import strings_view


def prompts_view(record: RunRecord) -> list[View]:
    """Return each prompt set with its strings per class, in the card's order; cut ones are marked where named."""
    cut = _cut(record)
    named = frozenset(() if cut is None else cut.examples)
    return [strings_view(p, record.benchmark, named) for p in record.prompts]


def _cut(record: RunRecord) -> Finding | None:
    """Return the finding that prompts were longer than the model's context, if there is one."""
    return next((f for f in record.findings if f.code == "truncated-prompts"), None)


def searched(record: RunRecord, method: MethodUsed) -> bool:
    """Whether a method's prompts were chosen on labelled rows, so that it is no plain zero-shot."""
    return any(p.id == method.prompts and p.searched for p in record.prompts)


def data_view(record: RunRecord) -> View:
    """Return the data card: counts per split and class, what was left out, what could not be read, licence."""
    b, d = record.benchmark, record.data
    known = ("train", "val", "test")
    splits = [s for s in known if s in d.split_images] + sorted(s for s in d.split_images if s not in known)
    names = {c.id: c.name for c in b.classes}
    return {
        "title": b.title,
        "id": b.id,
        "version": b.version,
        "summary": b.summary,
        "modality": b.modality,
        "unit": b.unit.name,
        "images": d.images,
        "units": d.units,
        "protocol": b.protocol.model_dump(mode="json"),
        "splits": [{"name": s, "images": d.split_images[s], "units": d.split_units.get(s)} for s in splits],
        "classes": [
            {"name": c.name, "images": d.class_images.get(c.id), "units": d.class_units.get(c.id)} for c in b.classes
        ],
        "rates": rates_view(d, splits, names),
        "groups": [
            {
                "name": g.name,
                "levels": [{"name": lv.name, "units": d.group_units.get(g.id, {}).get(lv.id)} for lv in g.levels],
            }
            for g in b.available_groups
        ],
        "account": [{"name": name, "count": count} for name, count in d.account.items()],
        "unreadable": list(d.unreadable),
        "known_issues": list(b.known_issues),
        "licence": b.licence.model_dump(mode="json"),
        "citation": b.citation,
        "homepage": b.homepage,
    }


def rates_view(data: DataUsed, splits: list[str], names: dict[str, str]) -> View | None:
    """Return how often each class occurs in each split, of images and of units; None for records without it."""
    known = [s for s in splits if s in data.split_class_images]
    if not known:
        return None
    return {
        "splits": known,
        "rows": [
            {
                "name": name,
                "cells": [
                    {
                        "images": _share(data.split_class_images[s].get(class_id, 0), data.split_images.get(s)),
                        "units": _share(data.split_class_units.get(s, {}).get(class_id, 0), data.split_units.get(s)),
                    }
                    for s in known
                ],
            }
            for class_id, name in names.items()
        ],
    }


def _share(count: int, of: int | None) -> View:
    return {"count": count, "share": count / of if of else None}


def method_view(record: RunRecord, rows: Rows, headline: MethodUsed) -> View:
    """Return how the numbers were computed: model contract, decisions, intervals, suppression, formulas."""
    model = record.model
    return {
        "model": None if model is None else model.model_dump(mode="json", exclude={"key"}),
        "kind": headline.kind,
        "trained": headline.kind not in ("zero-shot", "scored"),
        "seeds": len(headline.seeds),
        "score_kind": headline.score_kind,
        "decision": headline.decision,
        "chosen_on": decided(headline.chosen_on),
        "pooling": record.plan.pooling,
        "draws": record.plan.draws,
        "seed": record.plan.seed,
        "unit": record.benchmark.unit.name,
        "parameters": dict(headline.parameters),
        "searched": searched(record, headline),
        "cut": cut.count if (cut := _cut(record)) is not None else 0,
        "compare_prompts": _compare_prompts(record),
        "metrics": [metric_view(m, record.benchmark.task) for m in rows.metrics()],
    }


def _compare_prompts(record: RunRecord) -> str | None:
    """Return the call that shows how much hangs on the wording, for runs with prompts."""
    if not record.prompts:
        return None
    call = ("vlmeval", "prompts", "compare", "--model", record.plan.model, "--bench", record.plan.benchmark)
    return shlex.join(call)


def decided(chosen_on: str | None) -> str | None:
    """Return how thresholds came about, in words that continue a sentence: ``chosen on validation rows (610)``."""
    if chosen_on is None or chosen_on.startswith("fixed"):
        return chosen_on
    if chosen_on == "given":
        return "given by whoever scored the file"
    return f"chosen on {chosen_on}"


def environment_view(record: RunRecord) -> View:
    """Return versions, digests, timings and the command that repeats the run."""
    env = record.environment
    digests = [
        ("Run", record.digest),
        ("Benchmark card", record.benchmark_digest),
        ("Data", record.data.digest),
        ("Test ids", record.data.test_ids_digest),
        *((f"Prompt set {p.id}", p.digest) for p in record.prompts),
    ]
    if record.model is not None:
        digests.insert(2, ("Model and preprocessing", record.model.key))
    return {
        "facts": env.model_dump(mode="json", exclude={"packages"}),
        "packages": [{"name": n, "version": v} for n, v in sorted(env.packages.items())],
        "digests": [{"name": n, "digest": d} for n, d in digests],
        "timings": [{"stage": s, "seconds": t} for s, t in record.timings.items()],
        "command": command(record),
    }
