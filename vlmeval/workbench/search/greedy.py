"""Greedy search: templates for all classes together, then names class by class.

Comes in: `Candidates` and a `Target`. Goes out: `Trail`s: the states that were gone through, with the steps between
them. Every step takes the change that improves the objective most on the rows at hand, and is taken only if that is by
more than a tolerance, so that a trail ends. How much of it is kept is decided elsewhere (`choose`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from vlmeval.records.search import SearchStep, StepKind
from vlmeval.workbench.search.candidates import Candidates, Floats, State
from vlmeval.workbench.search.measure import Truth, measure
from vlmeval.workbench.search.target import Target

_AT_ONCE = 4_000_000
"""Scores computed together: choices x rows x classes."""


@dataclass
class Trail:
    """States in the order of the search, the objective of each on the rows searched, and the steps that led to each."""

    states: list[State]
    values: list[float]
    steps: list[tuple[SearchStep, ...]] = field(default_factory=list)

    def add(self, state: State, value: float, steps: tuple[SearchStep, ...]) -> None:
        """Go on to another state."""
        self.states.append(state)
        self.values.append(value)
        self.steps.append(steps)

    def at(self, length: int) -> int:
        """Return the position after so many steps, or the last one."""
        return min(length, len(self.states) - 1)


def values_of(rows: Candidates, states: Sequence[State], target: Target) -> Floats:
    """Return the objective [B] of states on the rows."""
    truth, found = Truth.of(rows, target), []
    size = max(1, _AT_ONCE // max(1, len(rows) * len(rows.classes)))
    for first in range(0, len(states), size):
        scores = rows.scores(rows.cosines(states[first : first + size]))
        found.append(measure(scores, truth, target))
    return np.concatenate(found)


def template_trail(rows: Candidates, target: Target, most: int, tolerance: float) -> Trail:
    """Add or drop one element at a time (floating forward selection, Pudil et al. 1994), each step the best there is.

    Starts from the card's chosen set, or where that is not in the pool from the best single element. At most ``most``
    elements, or as many as the chosen set has.
    """
    trail = _start(rows, target)
    most = max(most, len(trail.states[0].elements))
    while True:
        state, value = trail.states[-1], trail.values[-1]
        moves = list(_template_moves(rows, state, most))
        if not moves:
            return trail
        found = values_of(rows, [new for _, _, new in moves], target)
        best = int(np.argmax(found))
        if not found[best] > value + tolerance:
            return trail
        kind, title, new = moves[best]
        step = SearchStep(kind=kind, what=title, before=value, after=float(found[best]), tried=len(moves))
        trail.add(new, float(found[best]), (step,))


def _start(rows: Candidates, target: Target) -> Trail:
    singles = [State(rows.start)] if rows.start else [State((e,)) for e in range(len(rows.elements))]
    found = values_of(rows, singles, target)
    best = int(np.argmax(found))
    names = ", ".join(dict.fromkeys(rows.elements[e].set_id for e in rows.start))
    what = f"the card's chosen set ({names})" if rows.start else rows.elements[best].title
    step = SearchStep(kind="start", what=what, after=float(found[best]), tried=len(singles))
    return Trail([singles[best]], [float(found[best])], [(step,)])


def _template_moves(rows: Candidates, state: State, most: int) -> Iterator[tuple[StepKind, str, State]]:
    for e, element in enumerate(rows.elements):
        if e in state.elements:
            if len(state.elements) > 1:
                yield "drop-template", element.title, State(tuple(x for x in state.elements if x != e))
        elif len(state.elements) < most:
            yield "add-template", element.title, State((*state.elements, e))


def name_trail(rows: Candidates, target: Target, start: State, passes: int, tolerance: float) -> Trail:
    """Go through the classes in turn, putting in or taking out the one word of the class that improves most.

    The trail has one state for each pass over the classes; it ends after a pass without a change.
    """
    truth = Truth.of(rows, target)
    state, cosines = start, rows.cosines([start])[0]
    trail = Trail([start], [float(measure(rows.scores(cosines[None]), truth, target)[0])], [()])
    for _ in range(passes):
        steps: list[SearchStep] = []
        value = trail.values[-1]
        for k in range(len(rows.classes)):
            moves = list(_word_moves(rows, state, k))
            if not moves:
                continue
            found, own = _of_class(rows, target, cosines, k, [new for _, _, new in moves])
            best = int(np.argmax(found))
            if not found[best] > value + tolerance:
                continue
            kind, word, state = moves[best]
            after = float(found[best])
            one = SearchStep(
                kind=kind, what=word, class_id=rows.class_ids[k], before=value, after=after, tried=len(moves)
            )
            steps.append(one)
            value, cosines = after, cosines.copy()
            cosines[:, k] = own[best]
        if not steps:
            return trail
        trail.add(state, value, tuple(steps))
    return trail


def _of_class(
    rows: Candidates, target: Target, cosines: Floats, k: int, states: Sequence[State]
) -> tuple[Floats, Floats]:
    """Return the objective [B] of states that differ in class ``k`` alone, and its cosines [B, n]."""
    truth = Truth.of(rows, target)
    own = rows.class_cosines(k, np.array([rows.chosen(state, k) for state in states]))
    every = np.tile(cosines, (len(states), 1, 1))
    every[:, :, k] = own
    return measure(rows.scores(every), truth, target), own


def _word_moves(rows: Candidates, state: State, k: int) -> Iterator[tuple[StepKind, str, State]]:
    """Every word of class ``k`` in the chosen elements, the other way round; a class keeps a string."""
    one, now = rows.classes[k], rows.chosen(state, k)
    inside = np.isin(one.element, state.elements)
    for word in dict.fromkeys(one.word[inside].tolist()):
        on = bool(now[one.text[inside & (one.word == word)]].any())
        new = state.with_word(k, word, not on)
        if rows.chosen(new, k).any():
            yield ("drop-name" if on else "add-name"), word, new
