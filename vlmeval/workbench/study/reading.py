"""Pictures and strings of one model on one benchmark, as vectors: embedded once, for every prompt set and variant.

In: what is asked, the catalog, the chosen sets. Out: `Read`: the rows at the level that is compared, with unit-length
vectors, and the vectors of all strings. Everything up to the vectors is read and checked as a run reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from vlmeval.catalog import Catalog
from vlmeval.embed import Cache, Embedded, EmbedOptions, embed
from vlmeval.evaluate import assess, planning
from vlmeval.evaluate.material import in_order_of
from vlmeval.evaluate.planning import Inputs
from vlmeval.evaluate.run import with_audit
from vlmeval.methods import Rule, Scored, TextSide, Units
from vlmeval.methods.scored import Matrix, at_image_level, at_unit_level, unit_length
from vlmeval.progress import Progress, silent
from vlmeval.records import Aggregation, Benchmark, Level, Plan, Predictions, PromptsUsed, Samples, Wording
from vlmeval.workbench.study.asked import Asked, Folders
from vlmeval.workbench.study.variants import in_another_order


@dataclass(frozen=True)
class Read:
    """All rows of the benchmark at one level, and everything that was embedded.

    ``vectors`` [n, d] are of unit length; ``of_unit`` numbers each sample's row.
    """

    plan: Plan
    inputs: Inputs
    embedded: Embedded
    level: Level
    units: Units
    vectors: Matrix

    @classmethod
    def of(cls, inputs: Inputs, embedded: Embedded, level: Level) -> Read:
        """Pool the pictures' vectors, as zero-shot does, where rows are units."""
        samples, plan = inputs.samples, inputs.plan
        images = unit_length(in_order_of(samples, embedded.images).vectors)
        units = Units.of(samples)
        return cls(
            plan, inputs, embedded, level, units, images if level == "image" else unit_length(units.mean(images))
        )

    @property
    def samples(self) -> Samples:
        """The samples that are left after the audit."""
        return self.inputs.samples

    @property
    def card(self) -> Benchmark:
        """The card, with the groups that the audit added."""
        return self.samples.benchmark

    @property
    def rule(self) -> Rule:
        """The model's own score rule."""
        own = self.embedded.score_rule
        return Rule(own.kind, own.scale, own.bias)

    @cached_property
    def split(self) -> npt.NDArray[np.str_]:
        """[n] each row's split."""
        return self.samples.split if self.level == "image" else self.samples.split[self.units.first]

    @cached_property
    def evaluated(self) -> npt.NDArray[np.bool_]:
        """[n] the rows that are evaluated."""
        return np.ones(len(self.split), dtype=bool) if self.plan.split == "all" else self.split == self.plan.split

    @cached_property
    def pictures(self) -> Mapping[str, tuple[str, ...]]:
        """Row id -> ids of the pictures that it is made of."""
        rows = np.arange(len(self.samples)) if self.level == "image" else self.units.member
        ids = self.samples.ids if self.level == "image" else self.samples.units[self.units.first]
        inside = self.evaluated[rows]
        found: dict[str, list[str]] = {}
        for row, picture in zip(rows[inside].tolist(), self.samples.ids[inside].tolist(), strict=True):
            found.setdefault(str(ids[row]), []).append(str(picture))
        return {row: tuple(sorted(pictures)) for row, pictures in found.items()}

    def text_side(self, wording: Wording, aggregation: Aggregation) -> TextSide:
        """Return the vectors of a wording."""
        return TextSide.of(wording, aggregation, self.embedded.texts)

    def scored(self, texts: TextSide) -> Scored:
        """Score all rows: what `methods.zero_shot` gives at this level."""
        rule = texts.rule(self.rule)
        scores, constants = rule.apply(texts.cosines(self.vectors)), (rule.scale, rule.bias)
        if self.level == "image":
            return at_image_level(self.samples, scores, rule.kind, constants)
        return at_unit_level(self.samples, self.units, scores, rule.kind, constants)

    def predictions(self, texts: TextSide, method: str) -> Predictions:
        """Return the evaluated rows, decided on rows that are not evaluated."""
        scored = self.scored(texts)
        decision = assess.decide(scored, self.card, self.plan.split)
        return scored.in_split(self.plan.split).predictions(method, decision)


def read(
    plan: Plan,
    asked: Asked,
    catalog: Catalog,
    folders: Folders,
    options: EmbedOptions,
    progress: Progress = silent,
) -> Read:
    """Read the inputs of a plan, embed what is not in the cache, and look for leaks, as a run does.

    Raises
    ------
    UsageError, DataError, ModelUnavailableError, CatalogError
        What a run would raise; nothing is loaded before names, prompts and tables are checked.
    """
    cache = Cache(folders.cache)
    inputs = planning.read_inputs(plan, catalog, folders.data, cache, options, progress)
    shuffled = _shuffled(inputs.prompts, asked.turns(len(inputs.texts)), asked.seed)
    strings = sorted({*inputs.texts, *shuffled})
    embedded = embed(inputs.handle, inputs.samples, strings, cache, options, progress)
    inputs, _, _ = with_audit(inputs, embedded, cache, options, progress)
    return Read.of(inputs, embedded, asked.level or inputs.benchmark.headline_level)


def _shuffled(prompts: Iterable[PromptsUsed], shuffles: int, seed: int) -> Iterable[str]:
    """Return every string with its words in other orders."""
    for used in prompts:
        for turn in range(shuffles):
            yield from in_another_order(used.wording, turn, seed).texts
