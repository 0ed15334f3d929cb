"""One model on one benchmark, from photographs to a run folder. The only place that knows the whole way.

    card -> Samples -> vectors (cache) -> scores at image and unit level -> predictions -> metric rows -> run folder

Comes in: a Plan, the catalog, and where data, cache and runs lie. Goes out: `Outcome` (the record and its folder). The
same plan on the same data finds its finished run and returns at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from vlmeval import store
from vlmeval.catalog import Catalog
from vlmeval.data import load_samples
from vlmeval.data.audit import audit, refuse_leaks
from vlmeval.embed import Cache, Embedded, EmbedOptions, embed
from vlmeval.embed.hashing import content_hashes
from vlmeval.encoders.protocol import ModelHandle
from vlmeval.encoders.resolve import resolve
from vlmeval.environment import environment
from vlmeval.evaluate import assess, planning
from vlmeval.evaluate.zeroshot import zero_shot_predictions
from vlmeval.progress import Progress, silent
from vlmeval.records import ModelUsed, Plan, Predictions, RunRecord

Render = Callable[[RunRecord, Sequence[Predictions]], str]


@dataclass(frozen=True)
class Where:
    """Folders of a run: ``data`` is the benchmark's own folder (None: in the data home), ``runs`` holds all runs."""

    runs: Path
    data: Path | None = None
    cache: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """A finished run: its record, its folder, and whether it was there already."""

    record: RunRecord
    folder: Path
    found: bool


@dataclass
class _Stopwatch:
    seconds: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.perf_counter)

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = round(now - self._last, 4)
        self._last = now


def evaluate(
    plan: Plan,
    catalog: Catalog,
    where: Where,
    *,
    render: Render,
    options: EmbedOptions | None = None,
    progress: Progress = silent,
) -> Outcome:
    """Evaluate ``plan.model`` on ``plan.benchmark`` and leave a run folder.

    Raises
    ------
    UsageError, DataError, ModelUnavailableError
        With what to do; nothing half-written stays behind, and embeddings already computed stay in the cache.
    """
    watch = _Stopwatch()
    benchmark = catalog.benchmark(plan.benchmark)
    prompts = planning.prompts_used(plan, catalog, benchmark)
    plan = plan.model_copy(update={"prompts": tuple(p.id for p in prompts)})
    handle = resolve(plan.model, catalog)
    samples = planning.take_units(load_samples(benchmark, where.data, progress), plan.limit)
    refuse_leaks(audit(samples), benchmark)
    planning.check_pictures(samples, handle, plan)
    cache = Cache(where.cache)
    pictures = content_hashes(samples.images, cache.memo_folder, progress)
    watch.lap("read data")

    digest = planning.run_digest(plan, prompts, handle, samples, pictures)
    folder = store.run_folder(where.runs, benchmark.id, plan.model, digest)
    known = store.find_run(folder, digest)
    if known is not None:
        return Outcome(known, folder, found=True)

    texts = sorted({text for used in prompts for strings in used.prompts.values() for text in strings})
    embedded = embed(handle, samples, texts, cache, options or EmbedOptions(dtype=plan.dtype), progress)
    planning.check_unreadable(embedded.unreadable, samples, plan)
    samples = samples.take(~np.isin(samples.ids, list(embedded.unreadable)))
    findings = audit(samples, embedded.hashes)
    refuse_leaks(findings, benchmark)
    watch.lap("embed")

    predictions, methods = zero_shot_predictions(plan, samples, embedded, prompts)
    watch.lap("score")
    rows = assess.metric_rows(predictions, plan, benchmark, progress)
    watch.lap("statistics")
    record = RunRecord(
        digest=digest,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        plan=plan,
        benchmark=benchmark,
        benchmark_digest=benchmark.content_digest,
        model=_model_used(handle, embedded),
        prompts=prompts,
        methods=tuple(methods),
        data=assess.data_used(samples, samples.in_split(plan.split), embedded.unreadable),
        rows=tuple(rows),
        findings=(*findings, *assess.truncation_finding(embedded.truncated)),
        badges=assess.badges(benchmark, handle.card, plan, len(embedded.unreadable)),
        timings=watch.seconds | {f"embed: {stage}": seconds for stage, seconds in embedded.timings.items()},
        environment=environment(embedded.device, embedded.dtype),
    )
    store.write_run(folder, record, predictions, render(record, predictions))
    return Outcome(record, folder, found=False)


def _model_used(handle: ModelHandle, embedded: Embedded) -> ModelUsed:
    card = handle.card
    return ModelUsed.model_validate(
        {
            "spec": handle.spec,
            "title": card.title,
            "family": card.family,
            "library": card.library,
            "key": handle.key,
            "licence": card.licence,
            "homepage": card.homepage,
            "parameters_millions": card.parameters_millions,
            "prompts": card.prompts,
            "synthetic": card.synthetic,
            **embedded.facts,
        }
    )
