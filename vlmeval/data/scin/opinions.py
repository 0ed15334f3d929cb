"""Who of SCIN's dermatologists said what: a case's joint list of conditions cut back into one differential a reader.

Comes in: a case's labels and how many dermatologists found its pictures good enough. Goes out: each reader's own
weights by condition, or None where the tables do not tell.

The release joins the lists of a case's readers without saying where one ends. What it does say is the weight of every
condition, and those follow from the readers' lists: a reader's conditions are ranked by confidence (equal ones share
their ranks) and weigh 1 / rank; the readers' weights are added up and made to sum to 1. So a cut is possible only if it
gives the published weights back. Counted over SCIN 1.0.0: the rule explains all 3,061 labelled cases, and only one cut
is possible in most of those with several readers; the others are left out wherever readers are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from vlmeval.data.scin.labels import CaseLabels

MOST_NAMES: Final = 3
"""A dermatologist gives up to three conditions (scin_label_questions.csv)."""

ROUNDING: Final = 0.0051
"""Published weights have two decimals."""

Opinion = dict[str, float]


def opinions(said: CaseLabels, readers: int) -> list[Opinion] | None:
    """Return each reader's weights by condition, each summing to 1; None where several cuts, or none, are possible.

    Parameters
    ----------
    said
        The joint list of all readers, and the published weights.
    readers
        How many dermatologists found the quality sufficient; fewer may have named a condition.
    """
    found: list[list[Opinion]] = []
    for sizes in _cuts(len(said.names), readers):
        parts = _parts(said, sizes)
        if parts is not None and _explains(parts, said):
            own = sorted((_normalised(part) for part in parts), key=lambda one: sorted(one.items()))
            if own not in found:
                found.append(own)
    return found[0] if len(found) == 1 else None


def _cuts(names: int, readers: int) -> Iterator[tuple[int, ...]]:
    """All ways to cut a list into at most so many lists of one to three."""
    if names == 0:
        yield ()
        return
    for size in range(1, min(MOST_NAMES, names) + 1) if readers else ():
        for rest in _cuts(names - size, readers - 1):
            yield (size, *rest)


def _parts(said: CaseLabels, sizes: Sequence[int]) -> list[Opinion] | None:
    """Each part's rank weights, not normalised; None when a reader would have named a condition twice."""
    parts, start = [], 0
    for size in sizes:
        names, sure = said.names[start : start + size], said.confidences[start : start + size]
        if len(set(names)) < size:
            return None
        parts.append(dict(zip(names, _rank_weights(sure), strict=True)))
        start += size
    return parts


def _rank_weights(confidences: Sequence[int]) -> list[float]:
    """1 / rank by descending confidence; equal confidences share the mean of their ranks' weights."""
    ordered = sorted(confidences, reverse=True)
    weights = []
    for confidence in confidences:
        ranks = [rank for rank, other in enumerate(ordered, start=1) if other == confidence]
        weights.append(sum(1 / rank for rank in ranks) / len(ranks))
    return weights


def _explains(parts: Sequence[Opinion], said: CaseLabels) -> bool:
    total: Opinion = {}
    for part in parts:
        for name, weight in part.items():
            total[name] = total.get(name, 0.0) + weight
    joint = _normalised(total)
    return joint.keys() == said.weights.keys() and all(
        abs(weight - said.weights[name]) <= ROUNDING for name, weight in joint.items()
    )


def _normalised(weights: Opinion) -> Opinion:
    whole = sum(weights.values())
    return {name: weight / whole for name, weight in weights.items()}
