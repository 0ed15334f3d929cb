"""What stands behind the numbers: prompts, data card, audit, how it was computed, environment, command to repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from vlmeval.records import MethodUsed, Plan, RunRecord
from vlmeval.records.run import MADE_UP
from vlmeval.report.lookup import Rows, View
from vlmeval.report.names import metric_view


def prompts_view(record: RunRecord) -> list[View]:
    """Return each prompt set with its strings per class, in the card's class order."""
    return [
        {
            "id": p.id,
            "title": p.title,
            "version": p.version,
            "language": p.language,
            "digest": p.digest,
            "aggregation": p.aggregation,
            "source": p.source,
            "classes": [{"name": c.name, "prompts": list(p.prompts.get(c.id, ()))} for c in record.benchmark.classes],
        }
        for p in record.prompts
    ]


def data_view(record: RunRecord) -> View:
    """Return the data card: counts per split and class, what was left out, what could not be read, licence."""
    b, d = record.benchmark, record.data
    known = ("train", "val", "test")
    splits = [s for s in known if s in d.split_images] + sorted(s for s in d.split_images if s not in known)
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


def audit_view(record: RunRecord) -> list[View]:
    """Return the audit's findings, the gravest first."""
    grave = {"violation": 0, "warning": 1, "info": 2}
    return [f.model_dump(mode="json") for f in sorted(record.findings, key=lambda f: grave[f.severity])]


def method_view(record: RunRecord, rows: Rows, headline: MethodUsed) -> View:
    """Return how the numbers were computed: model contract, decisions, intervals, suppression, formulas."""
    model = record.model
    return {
        "model": None if model is None else model.model_dump(mode="json", exclude={"key"}),
        "score_kind": headline.score_kind,
        "decision": headline.decision,
        "chosen_on": decided(headline.chosen_on),
        "pooling": record.plan.pooling,
        "draws": record.plan.draws,
        "seed": record.plan.seed,
        "unit": record.benchmark.unit.name,
        "parameters": dict(headline.parameters),
        "metrics": [metric_view(m, record.benchmark.task) for m in rows.metrics()],
    }


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


def command(record: RunRecord) -> str:
    """Return the command line that repeats this run; only what differs from the defaults is spelled out."""
    plan = record.plan
    if record.model is None:
        return _score_command(record)
    words = ["vlmeval", "run", "--model", plan.model, "--bench", plan.benchmark]
    if plan.methods != Plan(benchmark="", model="").methods:
        words += ["--method", ",".join(plan.methods)]
    for prompts in plan.prompts:
        words += ["--prompts", prompts]
    names = ("aggregation", "score", "pooling", "split", "draws", "seed", "dtype", "limit", "max_missing")
    return shlex.join([*words, *_changed(plan, names)])


def _changed(plan: Plan, names: Iterable[str]) -> list[str]:
    """Return the options that say what of a plan is not at its default."""
    defaults = Plan(benchmark="", model="")
    changed = [name for name in names if getattr(plan, name) != getattr(defaults, name)]
    return [word for name in changed for word in ("--" + name.replace("_", "-"), str(getattr(plan, name)))]


def _score_command(record: RunRecord) -> str:
    """Return the command line that scores the same predictions file again."""
    method, plan = record.methods[0], record.plan
    words = ["vlmeval", "score", str(method.parameters.get("file", "PREDICTIONS")), "--kind", method.score_kind]
    if plan.benchmark != MADE_UP:
        words += ["--bench", plan.benchmark, *_changed(plan, ("split",))]
    for option, value in method.parameters.get("options", {}).items():
        words += [word for one in ([value] if isinstance(value, str) else value) for word in (option, one)]
    if method.chosen_on == "given" and method.thresholds:
        words += ["--threshold", f"{next(iter(method.thresholds.values())):g}"]
    return shlex.join([*words, "--name", plan.model, *_changed(plan, ("draws", "seed", "max_missing"))])
