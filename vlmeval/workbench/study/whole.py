"""The whole way of `prompts compare`: models x benchmarks, each to a `PromptStudy`.

In: `Asked`, the catalog, folders. Out: a `PromptComparison`. Of each model and benchmark all sets are read, embedded
and scored together; everything that is computed of them shares one set of resamples.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from vlmeval.catalog import Catalog
from vlmeval.embed import EmbedOptions
from vlmeval.embed.device import let_idle_threads_sleep
from vlmeval.encoders.resolve import resolve
from vlmeval.environment import own_version
from vlmeval.errors import UsageError
from vlmeval.evaluate import assess
from vlmeval.evaluate.outcome import Stopwatch
from vlmeval.evaluate.run import model_used
from vlmeval.progress import Progress, silent
from vlmeval.records import Benchmark, digest_of
from vlmeval.records.prompt_study import NameEffect, PromptComparison, PromptStudy, SetCompared, Spread
from vlmeval.stats import Resamples
from vlmeval.workbench.study import numbers
from vlmeval.workbench.study.asked import Asked, Folders
from vlmeval.workbench.study.choose import Chosen, choose
from vlmeval.workbench.study.moved import moved
from vlmeval.workbench.study.names import name_effects
from vlmeval.workbench.study.reading import Read, read
from vlmeval.workbench.study.spreads import DRAWS, first_draws, spreads_of
from vlmeval.workbench.study.tones import interactions_of

STAGE: Final = "look at single wordings"


def compare_prompts(
    asked: Asked,
    catalog: Catalog,
    folders: Folders | None = None,
    *,
    options: EmbedOptions | None = None,
    progress: Progress = silent,
) -> PromptComparison:
    """Compare prompt sets with every model on every benchmark.

    Parameters
    ----------
    asked
        What to compare; its ``dtype`` is the one that counts.
    catalog
        The cards that its names stand for.
    folders
        Of data and cache.
    options
        Device, batch size and workers.
    progress
        Told of everything that takes long.

    Raises
    ------
    UsageError, DataError, ModelUnavailableError, CatalogError
        Of all models and benchmarks before the first picture is read, as far as cards and names tell.
    """
    let_idle_threads_sleep()
    folders, options = folders or Folders(), replace(options or EmbedOptions(), dtype=asked.dtype)
    if not asked.models or not asked.benchmarks:
        raise UsageError("there is nothing to compare", expected="a model and a benchmark")
    cells = [
        (benchmark, model, choose(catalog, benchmark, resolve(model, catalog).card.family, asked.prompts))
        for benchmark in map(catalog.benchmark, dict.fromkeys(asked.benchmarks))
        for model in dict.fromkeys(asked.models)
    ]
    watch, studies = Stopwatch(), []
    for benchmark, model, chosen in cells:
        studies.append(_study(benchmark, model, chosen, asked, (catalog, folders, options, watch), progress))
    return PromptComparison(
        vlmeval=own_version(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        draws=asked.draws,
        seed=asked.seed,
        studies=tuple(studies),
        timings=watch.seconds,
        notes=tuple(dict.fromkeys(note for _, _, chosen in cells for note in chosen.notes)),
    )


def _study(
    benchmark: Benchmark,
    model: str,
    chosen: Chosen,
    asked: Asked,
    shared: tuple[Catalog, Folders, EmbedOptions, Stopwatch],
    progress: Progress,
) -> PromptStudy:
    catalog, folders, options, watch = shared
    name = f"{model} on {benchmark.id}: "
    found = read(asked.plan(benchmark.id, model, chosen.ids), asked, catalog, folders, options, progress)
    watch.lap(name + "read and embed")
    predictions = {
        used.id: found.predictions(found.text_side(used.wording, used.aggregation), used.id)
        for used in found.inputs.prompts
    }
    first = predictions[chosen.ids[0]]
    resamples = Resamples.draw(first.units, asked.draws, asked.seed)
    watch.lap(name + "score")
    sampled = numbers.sample(predictions, found.card, resamples, progress)
    pairs = numbers.pairs_of(sampled)
    headline_tests, metric_tests = numbers.tests(pairs)
    interactions = interactions_of(sampled)
    watch.lap(name + "statistics")
    spreads, names = _wordings(found, sampled, catalog, asked, progress)
    watch.lap(name + "single wordings")
    return PromptStudy(
        benchmark=found.card,
        benchmark_digest=found.inputs.benchmark.content_digest,
        model=model_used(found.inputs.handle, found.embedded),
        level=found.level,
        split=asked.split,
        n=len(first),
        n_units=len(resamples.units),
        test_ids_digest=digest_of(sorted(first.ids.tolist())),
        chosen=chosen.ids[0],
        sets=_sets(found, catalog),
        rows=tuple(sampled.rows),
        pairs=pairs,
        ranks=numbers.ranks_of(sampled, pairs),
        spreads=tuple(spreads),
        names=tuple(names),
        interactions=interactions,
        moved=tuple(one for other in chosen.ids[1:] for one in moved(found, predictions[other], first)),
        badges=assess.badges(
            benchmark, found.inputs.handle.card, found.plan, len(found.embedded.unreadable), found.inputs.contamination
        ),
        computed_images=found.embedded.computed_images,
        computed_texts=found.embedded.computed_texts,
        headline_tests=headline_tests,
        metric_tests=metric_tests,
    )


def _wordings(
    found: Read, sampled: numbers.Sampled, catalog: Catalog, asked: Asked, progress: Progress
) -> tuple[list[Spread], list[NameEffect]]:
    """Look at the single wordings and names of every set."""
    spreads: list[Spread] = []
    names: list[NameEffect] = []
    few = first_draws(sampled.table.resamples, DRAWS)
    for done, used in enumerate(found.inputs.prompts):
        progress(STAGE, done, len(found.inputs.prompts))
        spreads += spreads_of(found, used, sampled.by_set[used.id], catalog, asked)
        names += name_effects(found, used, catalog, few)
    progress(STAGE, len(found.inputs.prompts), len(found.inputs.prompts))
    return spreads, names


def _sets(found: Read, catalog: Catalog) -> tuple[SetCompared, ...]:
    """Say of every set what it is, and which of its strings lost their end."""
    cut = frozenset(found.embedded.truncated)
    made = []
    for at, used in enumerate(found.inputs.prompts):
        card = catalog.prompt_set(used.id)
        truncated = tuple(text for text in used.wording.texts if text in cut)
        made.append(SetCompared(**dict(used), kind=card.kind, author=card.author, chosen=at == 0, truncated=truncated))
    return tuple(made)
