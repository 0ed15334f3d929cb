"""What a single name is worth: one class called by one of its names, the other classes left as they are.

In: a set of templates and names. Out: a `NameEffect` a name: the class's own AUROC with its interval.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from vlmeval.catalog import Catalog
from vlmeval.records import PromptsUsed
from vlmeval.records.prompt_study import NameEffect
from vlmeval.stats import Resamples, estimate
from vlmeval.workbench.study.reading import Read
from vlmeval.workbench.study.variants import filled, names_of

METRIC: Final = "auroc"


def name_effects(found: Read, used: PromptsUsed, catalog: Catalog, resamples: Resamples) -> list[NameEffect]:
    """Return the effect of every name of every class that has several."""
    prompt_set = catalog.prompt_set(used.id)
    effects = []
    for class_id, own in names_of(prompt_set, found.card, catalog).items():
        for name in own if len(own) > 1 else ():
            prompts = {**used.prompts, class_id: filled(prompt_set, name)}
            effects.append(
                _effect(found, used.model_copy(update={"prompts": prompts, "weights": {}}), class_id, name, resamples)
            )
    return effects


def _effect(found: Read, used: PromptsUsed, class_id: str, name: str, resamples: Resamples) -> NameEffect:
    predictions = found.predictions(found.text_side(used.wording, used.aggregation), used.id)
    # Only this class is counted: the others' scores stand as they are, and nobody asks for their areas.
    others = tuple(other for other in found.card.class_ids if other != class_id)
    alone = replace(predictions, unscored=others)
    rows = estimate([alone], found.card, resamples, metrics=(METRIC,), groups="none").rows()
    row = next(row for row in rows if row.class_id == class_id)
    return NameEffect(
        set_id=used.id,
        class_id=class_id,
        name=name,
        metric=METRIC,
        value=row.value,
        low=row.low,
        high=row.high,
        reason=row.reason,
    )
