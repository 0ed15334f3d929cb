"""Groups crossed on request: skin tone by age, skin tone by sex, ... as one more group of the run.

In: Samples and pairs of group ids. Out: Samples whose card has one more group a pair: its levels are products of the
two groups' levels (``v-vi/female``), and every combination with a missing half is in one level "not known". The card's
own digest is that of `own_card`: a run that crosses groups is still a run on the same benchmark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Final

import numpy as np

from vlmeval.data.tone_estimate.estimate import FROM_PIXELS
from vlmeval.errors import UnknownNameError, UsageError
from vlmeval.records import Benchmark, GroupLevel, GroupSpec, Samples

Pair = tuple[str, str]
OPTION: Final = "--cross"
SIGN: Final = ":"
NOT_KNOWN: Final = "not-known"


def read_pairs(texts: Sequence[str]) -> tuple[Pair, ...]:
    """Return the pairs that ``GROUP:GROUP`` texts name, each once. Raises UsageError for anything else."""
    pairs: dict[Pair, None] = {}
    for text in texts:
        parts = [part.strip() for part in text.split(SIGN)]
        if len(parts) != 2 or not all(parts) or parts[0] == parts[1]:
            raise UsageError(
                "this is no pair of groups",
                key=OPTION,
                expected="two different group ids of the benchmark with a colon between them, e.g. fst-self:age",
                found=repr(text),
            )
        pairs[parts[0], parts[1]] = None
    return tuple(pairs)


def check_pairs(benchmark: Benchmark, pairs: Sequence[Pair], more: Sequence[str] = ()) -> None:
    """Refuse to cross what the benchmark does not have; ``more`` are ids of groups that this run adds.

    Raises
    ------
    UnknownNameError
        With the nearest names.
    UsageError
        The data have no such group, and the card says why.
    """
    known = {group.id: group for group in benchmark.groups}
    for name in (name for pair in pairs for name in pair):
        if name not in known and name not in more:
            here = [*(group.id for group in benchmark.available_groups), *more]
            raise UnknownNameError("group", name, here, hint=f"groups of {benchmark.id}: {', '.join(here) or 'none'}")
        why = known[name].unavailable if name in known else None
        if why is not None:
            raise UsageError(f"the group {name!r} cannot be crossed", key=OPTION, found=why)


def with_crossed(samples: Samples, pairs: Sequence[Pair]) -> Samples:
    """Return the samples with a group for each pair, after all other groups. Raises as `check_pairs`."""
    check_pairs(samples.benchmark, pairs)
    groups, codes = list(samples.benchmark.groups), dict(samples.groups)
    for a, b in pairs:
        first, second = samples.benchmark.group(a), samples.benchmark.group(b)
        crossed = _group(first, second)
        if crossed.id not in codes:
            groups.append(crossed)
            codes[crossed.id] = _codes(first, second)[samples.groups[a], samples.groups[b]]
    card = samples.benchmark.model_copy(update={"groups": tuple(groups)})
    return replace(samples, benchmark=card, groups=codes)


def _group(first: GroupSpec, second: GroupSpec) -> GroupSpec:
    name = f"{first.id}/{second.id}"
    levels = [
        GroupLevel(id=f"{a.id}/{b.id}", name=f"{a.name}, {b.name}", values=(f"{a.id}/{b.id}",))
        for a, b in product(_answered(first), _answered(second))
    ]
    missing = GroupLevel(id=NOT_KNOWN, name="one of the two not known", values=(NOT_KNOWN,), missing=True)
    estimated = first.estimated or second.estimated
    return GroupSpec(
        id=name,
        name=f"{first.name} × {second.name}",
        kind="other",
        column=name,
        levels=(*levels, missing),
        estimated=estimated,
        crossed=(first.id, second.id),
        note="Crossed on request. The levels are small: look first at how many each has, and which have no number.",
    )


def _answered(group: GroupSpec) -> list[GroupLevel]:
    return [level for level in group.levels if not level.missing]


def _codes(first: GroupSpec, second: GroupSpec) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    """Return int16 [levels of first, levels of second]: each product's code, "not known" where a half is missing."""
    sides = [[code for code, level in enumerate(g.levels) if not level.missing] for g in (first, second)]
    table = np.full((len(first.levels), len(second.levels)), len(sides[0]) * len(sides[1]), dtype=np.int16)
    table[np.ix_(*sides)] = np.arange(len(sides[0]) * len(sides[1])).reshape(len(sides[0]), len(sides[1]))
    return table


def own_card(benchmark: Benchmark) -> Benchmark:
    """Return the card as it ships: without the groups that were crossed, estimated or made of a leak for a run."""
    kept = tuple(g for g in benchmark.groups if g.crossed is None and g.column != FROM_PIXELS and g.kind != "leak")
    return benchmark.model_copy(update={"groups": kept})
