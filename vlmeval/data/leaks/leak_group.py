"""What a leak is worth: evaluated units that a trained method has seen, apart from those it has not.

Comes in: Samples of a protocol that says itself that it leaks. Goes out: the same Samples whose card has one more group
(``seen-in-training``), so that every method's figures exist for both levels with the gap between them. The record keeps
the digest of the card itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.data.leaks.same_pictures import SamePictures
from vlmeval.records import GroupLevel, GroupSpec, Samples

GROUP: Final = "seen-in-training"
SEEN: Final = "seen"
UNSEEN: Final = "not-seen"


def with_leak_group(samples: Samples, same: SamePictures, evaluated: str) -> Samples:
    """Return the samples with the leak group; unchanged where nothing leaks, or where the card is clean.

    Parameters
    ----------
    samples
        All splits.
    same
        Which rows show the same picture.
    evaluated
        The split that is evaluated; the others are training and validation.
    """
    if samples.benchmark.protocol.leaky is None or evaluated == "all":
        return samples
    seen = seen_units(samples, same, evaluated)
    if not seen:
        return samples
    card = samples.benchmark
    codes = np.isin(samples.units, sorted(seen)).astype(np.int16)
    groups = (*card.groups, leak_group(card.unit.name))
    return replace(
        samples,
        benchmark=card.model_copy(update={"groups": groups}),
        groups={**samples.groups, GROUP: codes},
    )


def leaked_rows(samples: Samples, same: SamePictures, evaluated: str) -> npt.NDArray[np.bool_]:
    """Return bool [n]: rows that are not evaluated, of units that are, or that have a picture of an evaluated row."""
    mine = np.asarray(samples.split == evaluated, dtype=np.bool_)
    units = set(samples.units[mine].tolist())
    for rows in same.links():
        if mine[rows].any():
            units |= set(samples.units[rows].tolist())
    return np.asarray(~mine & np.isin(samples.units, sorted(units)), dtype=np.bool_)


def seen_units(samples: Samples, same: SamePictures, evaluated: str) -> set[str]:
    """Return the evaluated units that share their rows or a picture with rows that are not evaluated."""
    mine = samples.split == evaluated
    seen = set(samples.units[mine].tolist()) & set(samples.units[~mine].tolist())
    for rows in same.links():
        if mine[rows].any() and not mine[rows].all():
            seen |= set(samples.units[rows[mine[rows]]].tolist())
    return seen


def leak_group(unit: str) -> GroupSpec:
    """Return the group: the unseen first, so that ``last-first`` is what the leak is worth."""
    return GroupSpec(
        id=GROUP,
        name=f"Whether the {unit} is also in training",
        kind="leak",
        column=GROUP,
        levels=(
            GroupLevel(id=UNSEEN, name=f"{unit} not in training", values=(UNSEEN,)),
            GroupLevel(id=SEEN, name=f"{unit} also in training", values=(SEEN,)),
        ),
        note=(
            f"A {unit} counts as seen when it, or a picture that is the same byte for byte or nearly, is among the "
            "training or validation rows too. Derived for this run; the card has no such group."
        ),
    )
