"""One model on one benchmark, from photographs to a run folder. The only place that knows the whole way.

    card -> Samples -> vectors (cache) -> scores at image and unit level -> predictions -> metric rows -> run folder

Comes in: a Plan, the catalog, and where data, cache and runs lie. Goes out: `Outcome` (the record and its folder). The
same plan on the same data finds its finished run and returns at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from vlmeval import store
from vlmeval.catalog import Catalog
from vlmeval.data.leaks.audit import Audited
from vlmeval.data.leaks.same_pictures import SamePictures
from vlmeval.data.readings import load_readings
from vlmeval.embed import Cache, Embedded, EmbedOptions, embed
from vlmeval.embed.device import let_idle_threads_sleep
from vlmeval.encoders.protocol import ModelHandle
from vlmeval.environment import environment
from vlmeval.evaluate import assess, planning
from vlmeval.evaluate.auditing import after, look_at_pictures
from vlmeval.evaluate.examination import examined
from vlmeval.evaluate.fewshot import few_shot_step
from vlmeval.evaluate.leak_effect import leak_effects
from vlmeval.evaluate.material import Made, Material
from vlmeval.evaluate.numbers import Numbers, numbers_of, resamples_of
from vlmeval.evaluate.outcome import Outcome, Render, Stopwatch, find, finish
from vlmeval.evaluate.planning import Inputs
from vlmeval.evaluate.probes import PROBES, probe_step
from vlmeval.evaluate.zeroshot import zero_shot_step
from vlmeval.methods.kept import Kept
from vlmeval.progress import Progress, silent
from vlmeval.records import MethodUsed, ModelUsed, Plan, RunRecord

STEPS: Final[dict[str, Callable[[Material], Made]]] = {
    "zero-shot": zero_shot_step,
    **{name: probe_step(name) for name in PROBES},
    "few-shot": few_shot_step,
}
"""Method id -> the step that makes its predictions; the keys are those of `vlmeval.methods.METHODS`."""


@dataclass(frozen=True)
class Where:
    """Folders of a run: ``data`` is the benchmark's own folder (None: in the data home), ``runs`` holds all runs."""

    runs: Path
    data: Path | None = None
    cache: Path | None = None


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

    Parameters
    ----------
    plan
        What to do; its ``dtype`` is the one that counts.
    catalog
        The cards that the plan's names stand for.
    where
        Folders of data, cache and runs.
    render
        Makes the report of a record and its predictions.
    options
        Device, batch size and workers.
    progress
        Told of everything that takes long.

    Raises
    ------
    UsageError, DataError, ModelUnavailableError
        With what to do; nothing half-written stays behind, and embeddings already computed stay in the cache.
    """
    let_idle_threads_sleep()
    watch = Stopwatch()
    cache, options = Cache(where.cache), replace(options or EmbedOptions(), dtype=plan.dtype)
    inputs = planning.read_inputs(plan, catalog, where.data, cache, options, progress)
    watch.lap("read data")

    folder, known = find(where.runs, plan.model, plan.benchmark, inputs.digest)
    if known is not None:
        return known

    options = replace(options, pooled=planning.wants_pooled(inputs.plan))
    embedded = embed(inputs.handle, inputs.samples, inputs.texts, cache, options, progress)
    watch.lap("embed")
    inputs, same, audited = with_audit(inputs, embedded, cache, options, progress)
    watch.lap("audit")

    material = Material(inputs.plan, inputs.samples, embedded, inputs.prompts, Kept(cache.root), progress)
    made = _made(material)
    watch.lap("score")
    resamples = resamples_of(made, inputs.plan)
    numbers = numbers_of(made, inputs.plan, inputs.samples.benchmark, resamples, progress)
    watch.lap("statistics")
    readings = load_readings(inputs.benchmark, where.data, progress)
    found = examined(made, inputs.plan, inputs.samples, resamples, progress, readings)
    watch.lap("examination")
    leaks = leak_effects(material, made, same, resamples)
    watch.lap("leak")

    record = _record(inputs, embedded, made, numbers, audited, watch)
    record = record.model_copy(update={"examined": found, "leaks": leaks})
    return finish(folder, record, made.predictions, render)


def with_audit(
    inputs: Inputs, embedded: Embedded, cache: Cache, options: EmbedOptions, progress: Progress
) -> tuple[Inputs, SamePictures, Audited]:
    """Leave out what could not be read, and look for leaks now that every picture and vector is known."""
    plan = inputs.plan
    planning.check_unreadable(embedded.unreadable, inputs.samples, plan, given=inputs.handle.precomputed)
    same = look_at_pictures(inputs.samples, inputs.contents, cache, options, progress)
    samples, same, audited = after(inputs.samples, same, embedded, plan.split, progress)
    planning.check_samples(samples, plan)
    findings = [*inputs.audited.findings, *audited.findings, *assess.embedding_findings(embedded)]
    return replace(inputs, samples=samples), same, Audited(findings, [*inputs.audited.checks, *audited.checks])


def _made(material: Material) -> Made:
    """Carry out the plan's methods in turn; the first one's headline is the run's."""
    whole = Made()
    for name in material.plan.methods:
        whole.add(STEPS[name](material))
    # Numbers are computed from what will be read back.
    whole.predictions = [store.as_stored(one) for one in whole.predictions]
    return whole


def _record(
    inputs: Inputs,
    embedded: Embedded,
    made: Made,
    numbers: Numbers,
    audited: Audited,
    watch: Stopwatch,
) -> RunRecord:
    plan, benchmark, samples = inputs.plan, inputs.benchmark, inputs.samples
    data = assess.data_used(samples, samples.in_split(plan.split), embedded.unreadable)
    methods = _one_headline(made.methods)
    return RunRecord(
        digest=inputs.digest,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        plan=plan,
        benchmark=samples.benchmark,
        benchmark_digest=benchmark.content_digest,
        model=model_used(inputs.handle, embedded),
        prompts=inputs.prompts,
        methods=tuple(methods),
        data=data.model_copy(update={"account": {**data.account, **embedded.account}}),
        rows=tuple(numbers.rows),
        differences=tuple(numbers.differences),
        few_shot=numbers.few_shot,
        # Several methods may notice the same of the rows they share.
        findings=tuple(dict.fromkeys((*audited.findings, *made.findings, *numbers.findings))),
        audit=tuple(audited.checks),
        contamination=inputs.contamination,
        badges=assess.badges(benchmark, inputs.handle.card, plan, len(embedded.unreadable), inputs.contamination),
        timings=watch.seconds | {f"embed: {stage}": seconds for stage, seconds in embedded.timings.items()},
        embedded_images=embedded.computed_images,
        environment=environment(embedded.device, embedded.dtype),
    )


def _one_headline(methods: Sequence[MethodUsed]) -> list[MethodUsed]:
    """Leave the mark of the headline to the first kind of method that has one.

    Where there are only points of few-shot curves, the last point of the first curve leads.
    """
    kind = next((m.kind for m in methods if m.headline), None)
    if kind is not None:
        return [m if m.kind == kind else m.model_copy(update={"headline": False}) for m in methods]
    last = max(i for i, m in enumerate(methods) if m.curve == methods[0].curve)
    return [m.model_copy(update={"headline": True}) if i == last else m for i, m in enumerate(methods)]


def model_used(handle: ModelHandle, embedded: Embedded) -> ModelUsed:
    """Return what a record says of the model."""
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
