"""Which of SCIN's cases a card keeps, and which of the conditions named for a case are its labels.

Comes in: the card's options and what the dermatologists said. Goes out: the positive classes of a case, with an account
of what was counted and left out.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, Literal

from pydantic import Field

from vlmeval.data.scin.labels import CaseLabels, ClassIndex, TieRule
from vlmeval.records import Record

GRADED_YES: Final = "DEFAULT_YES_IMAGE_QUALITY_SUFFICIENT"


class ScinOptions(Record):
    """How a card wants SCIN read.

    ``label``: ``mentions`` - a condition is positive when any dermatologist named it with ``min_confidence`` or more;
    ``top-weight`` - the condition with the highest rank weight; ``ties`` says what happens when several share it:
    ``drop`` the case, take the ``first-class`` of the card, or ``all`` (multi-label only).
    ``quality``: ``graded-1-yes`` - the first dermatologist found the quality sufficient; ``has-label`` - any label.
    ``known_missing``: picture paths that the public release does not hold.
    """

    label: Literal["mentions", "top-weight"] = "mentions"
    quality: Literal["graded-1-yes", "has-label"] = "graded-1-yes"
    min_confidence: int = Field(0, ge=0, le=5)
    ties: TieRule = "drop"
    known_missing: tuple[str, ...] = ()


def good_enough(options: ScinOptions, graded: str, said: CaseLabels) -> bool:
    """Whether a card keeps a case; ``graded`` is what the first dermatologist said of its pictures."""
    return graded == GRADED_YES if options.quality == "graded-1-yes" else bool(said.names)


def dropped_words(options: ScinOptions) -> str:
    """Return what the account calls the cases that are not kept."""
    return "cases dropped for quality" if options.quality == "graded-1-yes" else "cases dropped without a label"


def count_mentions(account: Counter[str], said: CaseLabels, index: ClassIndex, options: ScinOptions) -> None:
    """Count what is said of a case that is kept."""
    account["cases kept"] += 1
    account["cases kept that have no label"] += not said.names
    account["mentions read"] += len(said.names)
    account["mentions outside the class list"] += sum(name not in index.position for name in said.names)
    if options.min_confidence > 1:
        account["mentions below the minimum confidence"] += sum(c < options.min_confidence for c in said.confidences)


def positive(account: Counter[str], said: CaseLabels, index: ClassIndex, options: ScinOptions) -> set[int] | None:
    """Return the positive classes of a case; None when the tie rule drops it."""
    if options.label == "mentions":
        return index.mentioned(said, options.min_confidence)
    top = index.top(said)
    if len(top) > 1:
        account["cases with a tie for the top weight"] += 1
        if options.ties == "drop":
            account["cases dropped for a tie"] += 1
            return None
        if options.ties == "first-class":
            top = top[:1]
    inside = {key for key in top if isinstance(key, int)}
    account["cases whose top condition is outside the class list"] += not inside
    return inside
