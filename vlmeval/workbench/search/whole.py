"""The whole search: read, embed once, choose on validation units, measure on test units, write the set.

Comes in: a `Request`, the catalog, where data and cache are. Goes out: `Found`: the set with its provenance, and its
file. The choice is made by `_chosen`, which is given validation rows and nothing else; test rows are measured after it,
by the way of an ordinary run: the written words, `methods.zero_shot`, and thresholds of validation rows.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from vlmeval.catalog import Catalog
from vlmeval.catalog.expand import expand_prompts
from vlmeval.data.leaks.leak_group import leaked_rows
from vlmeval.embed import Cache, Embedded, EmbedOptions, embed
from vlmeval.encoders.resolve import resolve
from vlmeval.environment import own_version
from vlmeval.errors import DataError, UsageError
from vlmeval.evaluate import assess, planning
from vlmeval.evaluate.material import in_order_of
from vlmeval.evaluate.run import with_audit
from vlmeval.methods import Rule, Scored, TextSide, zero_shot
from vlmeval.progress import Progress, silent
from vlmeval.records import Aggregation, Badge, Benchmark, Contamination, Plan, PromptSet, Samples, Wording, digest_of
from vlmeval.records.benchmark import ID_PATTERN
from vlmeval.records.search import Figure, Provenance, unit_marks
from vlmeval.stats import Resamples
from vlmeval.stats.cells import SUPPRESS_BELOW
from vlmeval.stats.estimates import Estimate
from vlmeval.store import check_writable
from vlmeval.workbench.search.candidates import Candidates, Floats
from vlmeval.workbench.search.choose import Choice, Options, search
from vlmeval.workbench.search.figures import Judged, difference, estimate_of, figure
from vlmeval.workbench.search.measure import Truth, decided, thresholds_of
from vlmeval.workbench.search.nested import Nested, nested
from vlmeval.workbench.search.pool import Pool, pool_of
from vlmeval.workbench.search.target import Target, target_of
from vlmeval.workbench.search.written import Words, prompt_set, write

STAGE: Final = "search"


@dataclass(frozen=True)
class Request:
    """What a person asked for; ``to`` is the data root that the set is written to, ``command`` how it was asked."""

    model: str
    benchmark: str
    save: str
    to: Path
    objective: Mapping[str, float]
    prompts: tuple[str, ...] = ()
    group: str | None = None
    options: Options = field(default_factory=Options)
    draws: int = 2000
    force: bool = False
    command: str | None = None


@dataclass(frozen=True)
class Found:
    """The set, where it lies, and what a person should know of how it was found."""

    prompts: PromptSet
    path: Path
    benchmark: Benchmark
    left_out: Mapping[str, str]
    target: Target
    contamination: Contamination
    badges: tuple[Badge, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def provenance(self) -> Provenance:
        """How it was found; a searched set always says so."""
        if self.prompts.provenance is None:
            raise ValueError("the set has no provenance")
        return self.prompts.provenance


@dataclass(frozen=True)
class _World:
    """Rows, vectors and rule, once everything is embedded and audited.

    ``leaked``: validation units that are test units too, or show a picture that a test unit shows.
    """

    samples: Samples
    embedded: Embedded
    rule: Rule
    model_key: str
    benchmark_digest: str
    contamination: Contamination
    badges: tuple[Badge, ...] = ()
    leaked: tuple[str, ...] = ()

    def rows(self, split: str) -> Samples:
        """Return the rows of a split in an order that the tables' own does not change."""
        own = self.samples.in_split(split)
        return own.take(np.lexsort((own.ids, own.units)))

    def scored(self, rows: Samples, wording: Wording, aggregation: Aggregation) -> Scored:
        """Score rows at the card's level as a run does."""
        texts = TextSide.of(wording, aggregation, self.embedded.texts)
        levels = zero_shot(rows, in_order_of(rows, self.embedded.images), texts, self.rule)
        return levels[rows.benchmark.headline_level]


def search_prompts(
    request: Request,
    catalog: Catalog,
    data: Path | None = None,
    cache: Path | None = None,
    embed_options: EmbedOptions | None = None,
    progress: Progress = silent,
) -> Found:
    """Search, measure and write.

    Raises
    ------
    UsageError, DataError, ModelUnavailableError
        The set cannot be saved there, validation units are too few or are test units too, or anything that keeps a run
        from starting. Nothing is written then.
    """
    path = _place(request, catalog)
    started = time.perf_counter()
    benchmark = catalog.benchmark(request.benchmark)
    pool = pool_of(catalog, benchmark, request.prompts, resolve(request.model, catalog).card.family)
    world = _world(request, catalog, pool, (data, cache), embed_options or EmbedOptions(), progress)
    baseline = catalog.prompt_set(benchmark.prompts.default)
    before = catalog.expand(baseline.id, benchmark), baseline.aggregation
    validation = world.rows("val")
    _check_units(validation, world.leaked, request.options.folds)
    embedded = time.perf_counter()
    rows = Candidates.of(
        validation,
        in_order_of(validation, world.embedded.images),
        pool,
        world.embedded.texts,
        world.rule,
        world.scored(validation, *before).scores,
    )
    target = target_of(request.objective, benchmark, (rows.labels, rows.units), rows.groups, request.group)
    choice, outer = _chosen(rows, target, request.options, progress)
    searched = time.perf_counter()
    words = Words.of(choice, rows)
    figures = _figures(world, target, _wording(words, benchmark), before, outer, request)
    known = _provenance(request, world, pool, rows, choice, outer, figures)
    known = known.model_copy(update={"baseline": baseline.id, **_over(target, benchmark)})
    made = prompt_set(request.save, words, pool, benchmark, known)
    write(made, path)
    seconds = {"read and embed": embedded - started, "search": searched - embedded,
               "figures": time.perf_counter() - searched}  # fmt: skip
    return Found(made, path, benchmark, pool.left_out, target, world.contamination, world.badges, seconds)


def _chosen(rows: Candidates, target: Target, options: Options, progress: Progress) -> tuple[Choice, Nested]:
    """Choose, and choose again without each fold; all that is known here is validation rows."""
    progress(STAGE, 0, None)
    return search(rows, target, options), nested(rows, target, options, progress)


def _place(request: Request, catalog: Catalog) -> Path:
    """Return the file of the set to be; refuses names that are none, and what is there already."""
    family, _, name = request.save.partition("/")
    if not re.fullmatch(ID_PATTERN, request.save) or not family or not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", name):
        raise UsageError(
            "a prompt set's id is family/name", key="--save", expected="such as my/searched", found=request.save
        )
    path = request.to / "prompts" / family / f"{name}.yaml"
    if request.save in catalog.prompt_sets and catalog.prompt_sets.path(request.save).resolve() != path.resolve():
        taken = catalog.prompt_sets.path(request.save)
        raise UsageError("a prompt set of that id is there already", file=taken, key="--save", found=request.save,
                         hint="choose another id: the same one twice would be an error from then on")  # fmt: skip
    if path.exists() and not request.force:
        raise UsageError("a prompt set of that id is there already", file=path, key="--save", found=request.save,
                         hint="choose another id, or replace it with --force")  # fmt: skip
    check_writable(path.parent, "prompt sets", "name a folder that you may write to: --to FOLDER")
    return path


def _world(
    request: Request,
    catalog: Catalog,
    pool: Pool,
    folders: tuple[Path | None, Path | None],
    options: EmbedOptions,
    progress: Progress,
) -> _World:
    """Read, embed and audit as a run on the test split does, with every string of the pool."""
    data, cache = folders[0], Cache(folders[1])
    default = catalog.benchmark(request.benchmark).prompts.default
    plan = Plan(benchmark=request.benchmark, model=request.model, prompts=(default,), dtype=options.dtype)
    inputs = planning.read_inputs(plan, catalog, data, cache, options, progress)
    texts = sorted({*inputs.texts, *pool.texts})
    embedded = embed(inputs.handle, inputs.samples, texts, cache, options, progress)
    audited, same, _ = with_audit(inputs, embedded, cache, options, progress)
    known = leaked_rows(audited.samples, same, "test") & (audited.samples.split == "val")
    leaked = tuple(np.unique(audited.samples.units[known]).tolist())
    own = embedded.score_rule
    digest = inputs.benchmark.content_digest
    rule = Rule(own.kind, own.scale, own.bias)
    card, known_data = inputs.handle.card, inputs.contamination
    marks = assess.badges(inputs.benchmark, card, plan, len(embedded.unreadable), known_data)
    return _World(audited.samples, embedded, rule, inputs.handle.key, digest, known_data, marks, leaked)


def _check_units(validation: Samples, leaked: Sequence[str], folds: int) -> None:
    """Refuse too few validation units, and those that are test units too or show the same picture (``leaked``)."""
    card = validation.benchmark
    unit, units = card.unit.name, np.unique(validation.units)
    if len(units) < SUPPRESS_BELOW * folds:
        fewer = len(units) // SUPPRESS_BELOW
        raise DataError(
            f"{card.id} has too few validation {unit}s to choose prompts on",
            expected=f"{SUPPRESS_BELOW} for each of {folds} folds",
            found=f"{len(units)} validation {unit}s",
            hint=f"--folds {fewer}" if fewer > 1 else "a prompt set fixed beforehand needs none",
        )
    if leaked:
        raise DataError(
            f"{len(leaked)} validation {unit}s of {card.id} are in test too, or show a picture of a test {unit}",
            key=leaked[0],
            expected="test units that the search has not seen",
            hint="search on a card that splits by unit",
        )


def _over(target: Target, benchmark: Benchmark) -> dict[str, object]:
    """Return what the objective is over, for the provenance."""
    ids = np.array(benchmark.class_ids)
    levels = () if target.group is None else benchmark.group(target.group).levels
    return {
        "classes": tuple(ids[target.classes].tolist()),
        "group": target.group,
        "levels": tuple(levels[code].id for code in target.levels),
        "shared_classes": () if target.shared is None else tuple(ids[target.shared].tolist()),
    }


def _wording(words: Words, benchmark: Benchmark) -> tuple[Wording, Aggregation]:
    """Return the strings of the set to be, as the catalog will."""
    bare = {"schema": 1, "id": "x/y", "version": "1", "title": "", "kind": "searched", "author": "", "source": ""}
    made = PromptSet.model_validate({**bare, **words.values})
    return expand_prompts(made, benchmark), made.aggregation


def _figures(
    world: _World,
    target: Target,
    after: tuple[Wording, Aggregation],
    before: tuple[Wording, Aggregation],
    outer: Nested,
    request: Request,
) -> dict[str, Figure]:
    """Measure validation, nested and test, and the differences between them, with paired draws."""
    task = world.samples.benchmark.task
    inside = Resamples.draw(outer.judged.units, request.draws, request.options.seed)
    nested_one = estimate_of(outer.judged, target, inside)
    found = {"nested": figure(nested_one, task)}
    draws = Resamples.draw(world.rows("test"), request.draws, request.options.seed)
    test: dict[str, Estimate] = {}
    for name, words in (("", after), ("baseline_", before)):
        own = _judged(world, target, words)
        validation = estimate_of(own["val"], target, inside)
        test[name] = estimate_of(own["test"], target, draws)
        found[f"{name}validation"] = figure(validation, task)
        found[f"{name}test"] = figure(test[name], task)
        if name == "":
            found["optimism"] = difference(validation, nested_one, task)
    found["gain_test"] = difference(test[""], test["baseline_"], task)
    return found


def _judged(world: _World, target: Target, words: tuple[Wording, Aggregation]) -> dict[str, Judged]:
    """Score validation and test rows with final words; thresholds (multi-label) are of the validation rows."""
    out: dict[str, Judged] = {}
    thresholds: Floats | None = None
    for split in ("val", "test"):
        scored = world.scored(world.rows(split), *words)
        tone = None if target.group is None else scored.groups[target.group]
        if split == "val":
            thresholds = thresholds_of(scored.scores, Truth(scored.labels, tone), target)
        fold = np.zeros(len(scored.ids), dtype=np.int8)
        decision = decided(scored.scores, thresholds)
        out[split] = Judged(scored.scores, decision, scored.labels, scored.units, tone, fold)
    return out


def _provenance(
    request: Request,
    world: _World,
    pool: Pool,
    rows: Candidates,
    choice: Choice,
    outer: Nested,
    figures: Mapping[str, Figure],
) -> Provenance:
    units = np.unique(rows.units).tolist()
    validation, test = figures["validation"].value, figures["test"].value
    return Provenance(
        vlmeval=own_version(),
        command=request.command,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        benchmark=request.benchmark,
        benchmark_digest=world.benchmark_digest,
        data_home=world.samples.benchmark.data.home,
        units=len(units),
        units_digest=digest_of(units),
        unit_marks=" ".join(sorted(unit_marks(units).values())),
        level=world.samples.benchmark.headline_level,
        model=request.model,
        model_key=world.model_key,
        objective=dict(request.objective),
        baseline=world.samples.benchmark.prompts.default,
        ensemble="equal" if choice.weighted is None else "weighted",
        pool=pool.sets,
        candidates=len(pool.elements),
        seed=request.options.seed,
        folds=request.options.folds,
        steps=choice.steps,
        outer=outer.outer,
        optimism_test=None if validation is None or test is None else validation - test,
        **dict(figures),
    )
