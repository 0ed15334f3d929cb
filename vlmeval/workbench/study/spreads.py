"""How much hangs on a single wording: each set reduced to one template, one prompt, one name, or words in disorder.

In: the rows of a study, a set's predictions and estimates. Out: `Spread`s, one a kind and headline metric. Of templates
every one is looked at, and has its interval; prompts and names are drawn, one a class, each class by itself; every
shuffle changes the words of all prompts. The best of many is the best by chance too: it is no recommendation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from vlmeval.catalog import Catalog
from vlmeval.records import MetricRow, PromptsUsed, Wording
from vlmeval.records.prompt_study import Single, Spread
from vlmeval.stats import Estimates, Resamples, estimate, metric_info
from vlmeval.workbench.study.asked import Asked
from vlmeval.workbench.study.numbers import is_headline
from vlmeval.workbench.study.quick import Quick
from vlmeval.workbench.study.reading import Read
from vlmeval.workbench.study.variants import drawn, filled, in_another_order, names_of, one_template, templates_of

Kind = Literal["template", "one-prompt", "one-name", "word-order"]
KINDS: Final = ("template", "one-prompt", "one-name", "word-order")
DRAWS: Final = 500
"""Of the intervals of single wordings: there are many, and their intervals need the spread of the draws, no tails."""
SAME: Final = 1e-9
"""Values of the same wording computed in two ways differ by less."""
LONGEST: Final = 240
"""Characters of a label."""


@dataclass(frozen=True)
class Reduced:
    """Wordings of one kind with their labels; ``of`` how many in all; ``reason`` where there are none.

    ``said``: what a label stands for, where that is long: only best and worst say it.
    """

    kind: Kind
    labels: tuple[str, ...] = ()
    wordings: tuple[Wording, ...] = ()
    of: int | None = None
    said: tuple[str, ...] = ()
    reason: str | None = None


def spreads_of(found: Read, used: PromptsUsed, whole: Estimates, catalog: Catalog, asked: Asked) -> list[Spread]:
    """Return the spreads of one set; ``whole`` are its own estimates, whose first draws serve for intervals."""
    own = {e.metric: float(e.draws[0]) for e in whole.estimates if is_headline(e, found.card) and e.reason is None}
    resamples = first_draws(whole.seeds.table.resamples, DRAWS)
    undrawn = first_draws(resamples, 0)
    turns = asked.turns(len(found.inputs.texts))
    made: list[Spread] = []
    for reduced, drawn_too in ((by_template(found, used, catalog), True), (by_order(used, turns, asked.seed), False)):
        if reduced is not None:
            singles = _estimated(found, used, reduced, resamples if drawn_too else undrawn)
            made += _spreads(reduced, singles, own, used.id, found)
    quick = Quick.of(found, used, whole.seeds.table)
    for reduced in (by_prompt(used, asked), by_name(found, used, catalog, asked)):
        made += _spreads(reduced, _counted(quick, reduced), own, used.id, found)
    return sorted(made, key=lambda s: (KINDS.index(s.kind), found.card.headline_metrics.index(s.metric)))


def first_draws(resamples: Resamples, draws: int) -> Resamples:
    """Return the first of the draws: the same ones, fewer."""
    return replace(resamples, counts=resamples.counts[:, : 1 + draws])


def by_template(found: Read, used: PromptsUsed, catalog: Catalog) -> Reduced:
    """One template at a time, with all names."""
    prompt_set = catalog.prompt_set(used.id)
    templates = templates_of(prompt_set)
    if not templates:
        return Reduced("template", reason="its classes share no templates")
    if len(templates) == 1:
        return Reduced("template", reason="it has one template only")
    return Reduced("template", templates, tuple(one_template(prompt_set, t, found.card) for t in templates))


def by_prompt(used: PromptsUsed, asked: Asked) -> Reduced:
    """One prompt a class."""
    counts = {class_id: len(prompts) for class_id, prompts in used.prompts.items()}
    if max(counts.values()) == 1:
        return Reduced("one-prompt", reason="it has one prompt a class only")
    ways, of = drawn(counts, asked.singles, asked.seed, used.digest, "prompt")
    chosen = [{k: used.prompts[k][i] for k, i in way.items()} for way in ways]
    wordings = [_with(used, {k: (text,) for k, text in one.items()}) for one in chosen]
    return Reduced("one-prompt", _numbered(len(ways)), tuple(wordings), of, tuple(map(_said, chosen)))


def by_name(found: Read, used: PromptsUsed, catalog: Catalog, asked: Asked) -> Reduced:
    """One name a class, in all templates."""
    prompt_set = catalog.prompt_set(used.id)
    names = names_of(prompt_set, found.card, catalog)
    if not names:
        return Reduced("one-name", reason="its prompts are not made of templates and names")
    if max(map(len, names.values())) == 1:
        return Reduced("one-name", reason="it has one name a class only")
    ways, of = drawn({k: len(own) for k, own in names.items()}, asked.singles, asked.seed, used.digest, "name")
    chosen = [{k: names[k][i] for k, i in way.items()} for way in ways]
    wordings = [_with(used, {k: filled(prompt_set, name) for k, name in one.items()}) for one in chosen]
    return Reduced("one-name", _numbered(len(ways)), tuple(wordings), of, tuple(map(_said, chosen)))


def _with(used: PromptsUsed, prompts: dict[str, tuple[str, ...]]) -> Wording:
    return Wording(prompts=prompts, negatives=used.negatives)


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"choice {i + 1}" for i in range(count))


def _said(chosen: dict[str, str]) -> str:
    text = " | ".join(chosen.values())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def by_order(used: PromptsUsed, turns: int, seed: int) -> Reduced | None:
    """All prompts with their words shuffled, shuffle by shuffle; None where nobody asked."""
    if turns == 0:
        return None
    wordings = tuple(in_another_order(used.wording, turn, seed) for turn in range(turns))
    if all(wording.prompts == used.prompts for wording in wordings):
        return Reduced("word-order", reason="its prompts are single words")
    return Reduced("word-order", tuple(f"shuffle {turn + 1}" for turn in range(turns)), wordings)


def _estimated(found: Read, used: PromptsUsed, reduced: Reduced, resamples: Resamples) -> dict[str, list[Single]]:
    """Return the wordings' values by metric, with intervals where there are draws."""
    singles: dict[str, list[Single]] = {}
    for label, wording in zip(reduced.labels, reduced.wordings, strict=True):
        predictions = found.predictions(found.text_side(wording, used.aggregation), used.id)
        metrics = found.card.headline_metrics
        estimates = estimate([predictions], found.card, resamples, metrics=metrics, groups="none", classes=False)
        for row in _headline_rows(estimates.rows(), found):
            singles.setdefault(row.metric, []).append(Single(label=label, value=row.value, low=row.low, high=row.high))
    return singles


def _counted(quick: Quick, reduced: Reduced) -> dict[str, list[Single]]:
    """Return the wordings' values by metric, without intervals."""
    values = quick.values(reduced.wordings)
    return {
        metric: [
            Single(label=label, value=None if np.isnan(value) else float(value))
            for label, value in zip(reduced.labels, column.tolist(), strict=True)
        ]
        for metric, column in zip(quick.metrics, values.T, strict=True)
    }


def _headline_rows(rows: Sequence[MetricRow], found: Read) -> list[MetricRow]:
    metrics = found.card.headline_metrics
    return [
        row
        for row in rows
        if row.metric in metrics
        and row.averaging in ("macro", "overall")
        and row.group is None
        and row.class_id is None
    ]


def _spreads(
    reduced: Reduced, singles: dict[str, list[Single]], whole: dict[str, float], used: str, found: Read
) -> list[Spread]:
    """Sum up the values of one kind, metric by metric."""
    if reduced.reason is not None:
        return [
            Spread(set_id=used, metric=metric, kind=reduced.kind, whole=whole.get(metric), reason=reduced.reason)
            for metric in found.card.headline_metrics[:1]
        ]
    return [
        _spelt_out(
            reduced,
            summed_up(
                Spread(
                    set_id=used,
                    metric=metric,
                    kind=reduced.kind,
                    whole=whole.get(metric),
                    singles=tuple(own),
                    of=reduced.of,
                ),
                lower=metric_info(metric, found.card.task).direction == "lower",
            ),
        )
        for metric, own in singles.items()
    ]


def _spelt_out(reduced: Reduced, spread: Spread) -> Spread:
    """Let best and worst say their words where labels are numbers."""
    said = dict(zip(reduced.labels, reduced.said, strict=True)) if reduced.said else {}
    ends = {
        end: single.model_copy(update={"label": said[single.label]})
        for end, single in (("best", spread.best), ("worst", spread.worst))
        if single is not None and single.label in said
    }
    return spread.model_copy(update=ends)


def summed_up(spread: Spread, *, lower: bool) -> Spread:
    """Return the spread with best, median and worst single, and the share of them that the whole is better than."""
    known = [(s.value, s) for s in spread.singles if s.value is not None]
    if not known:
        return spread.model_copy(update={"reason": "no single wording has a value"})
    values = np.array([value for value, _ in known])
    best, worst = (known[int(i)][1] for i in (values.argmin(), values.argmax())[:: 1 if lower else -1])
    place = None
    if spread.whole is not None:
        ahead = (values - spread.whole) * (1 if lower else -1)
        place = float(((ahead > SAME) + 0.5 * (np.abs(ahead) <= SAME)).mean())
    return spread.model_copy(update={"best": best, "worst": worst, "median": float(np.median(values)), "place": place})
