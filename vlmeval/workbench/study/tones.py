"""Prompt x tone: whether a change of prompts moves the levels of a group differently.

In: all sets' estimates on the same draws. Out: `Interaction`s: each set against the chosen one, for every group. Looked
at over the classes that have support in every level, so that who is photographed with what is no part of it: AUROC,
and sensitivity (whose average over classes is the balanced accuracy of single-label benchmarks).
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import numpy as np

from vlmeval.records import GroupSpec
from vlmeval.records.numbers import GAPS
from vlmeval.records.prompt_study import Interaction
from vlmeval.stats.estimates import Estimate
from vlmeval.stats.multiplicity import adjusted
from vlmeval.stats.paired.interaction import equal_differences
from vlmeval.workbench.study.numbers import Sampled, support_of

METRICS: Final = ("auroc", "sensitivity")
FEW: Final = "fewer than two levels have a value"


def interactions_of(sampled: Sampled) -> tuple[Interaction, ...]:
    """Return the tests of all sets and groups; p-values are adjusted among those of one metric."""
    groups = [g for g in sampled.card.available_groups if g.id in sampled.table.groups]
    found = [
        _interaction(sampled, set_id, group, metric)
        for metric in METRICS
        for group in groups
        for set_id in sampled.by_set
        if set_id != sampled.chosen
    ]
    places: dict[str, list[int]] = defaultdict(list)
    for i, one in enumerate(found):
        places[one.metric].append(i)
    for own in places.values():
        for i, p in zip(own, adjusted([found[i].p for i in own]), strict=True):
            found[i] = found[i].model_copy(update={"p_adjusted": p})
    return tuple(found)


def _interaction(sampled: Sampled, set_id: str, group: GroupSpec, metric: str) -> Interaction:
    ours, theirs = (_levels(sampled, one, group, metric) for one in (set_id, sampled.chosen))
    shared = [level for level in ours if level in theirs]
    if len(shared) < 2:
        return Interaction(a=set_id, b=sampled.chosen, group=group.id, metric=metric, levels=tuple(shared), reason=FEW)
    draws = np.array([ours[level].draws - theirs[level].draws for level in shared])
    test = equal_differences(draws, [support_of(ours[level], theirs[level]) for level in shared])
    return Interaction(
        a=set_id,
        b=sampled.chosen,
        group=group.id,
        metric=metric,
        levels=tuple(shared[i] for i in test.used) if test.reason is None else tuple(shared),
        statistic=test.statistic,
        df=test.df,
        p=test.p,
        reason=test.reason,
    )


def _levels(sampled: Sampled, set_id: str, group: GroupSpec, metric: str) -> dict[str, Estimate]:
    """Return the levels that have a value, over the classes that all have."""
    return {
        e.level: e
        for e in sampled.by_set[set_id].estimates
        if (e.group, e.metric, e.averaging, e.reason) == (group.id, metric, "macro-common", None)
        and e.level is not None
        and e.level not in GAPS
    }
