"""One whole search on some validation units: what is chosen, and every step that led there.

Comes in: `Candidates`, a `Target`, `Options`. Goes out: `Choice`. The greedy trails end where the rows at hand do not
improve any more; cross-validation within the same rows says how much of them to keep: each fold's trail is made without
the fold and measured on it, and the shortest length is kept whose held-out objective is within one standard error (of
the paired difference over folds) of the best length's (Breiman et al. 1984, section 3.4.3). So a search that finds
nothing keeps the set that it started from. First the templates, then the passes over names; a weighted ensemble is
preferred to the equal one (``both``) only if it is better by more than one standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from vlmeval.methods.folds import grouped_folds
from vlmeval.records.search import SearchStep
from vlmeval.workbench.search.candidates import Candidates, Floats, State
from vlmeval.workbench.search.greedy import Trail, name_trail, template_trail
from vlmeval.workbench.search.measure import Truth, measure, thresholds_of
from vlmeval.workbench.search.simplex import Weighted, solve
from vlmeval.workbench.search.target import Target

Ensemble = Literal["equal", "weighted", "both"]
Parts = Sequence[tuple[Candidates, Candidates]]
TOLERANCE: Final = 5e-4
"""The least gain of a step, of an objective between 0 and 1."""
PASSES: Final = 2


@dataclass(frozen=True)
class Options:
    """How to search: what kind of ensemble, at most how many templates, how many folds, and the seed of the folds."""

    ensemble: Ensemble = "equal"
    most: int = 8
    folds: int = 5
    seed: int = 0


@dataclass(frozen=True)
class Choice:
    """What a search has chosen: a state (equal weights), or weights of elements; and how."""

    state: State
    weighted: Weighted | None
    steps: tuple[SearchStep, ...]
    value: float

    def cosines(self, rows: Candidates) -> Floats:
        """Return class cosines [n, K] on any rows with the same elements."""
        if self.weighted is None:
            return np.asarray(rows.cosines([self.state])[0])
        return np.asarray(np.tensordot(self.weighted.weights, rows.element_cosines(), axes=1))

    def scores(self, rows: Candidates) -> Floats:
        """Return scores [n, K] by the model's rule."""
        return rows.scores(self.cosines(rows))

    def labels(self, rows: Candidates) -> tuple[str, ...]:
        """Return the chosen elements for people, with the words of classes that were changed."""
        if self.weighted is not None:
            order = np.argsort(-self.weighted.weights, kind="stable")
            return tuple(
                f"{rows.elements[e].title} x {self.weighted.weights[e]:.3f}"
                for e in order.tolist()
                if self.weighted.weights[e] > 0
            )
        changed = sorted((rows.class_ids[k], word, on) for k, word, on in self.state.words)
        words = tuple(f"{class_id}: {'with' if on else 'without'} {word}" for class_id, word, on in changed)
        return tuple(rows.elements[e].title for e in sorted(self.state.elements)) + words


def search(rows: Candidates, target: Target, options: Options) -> Choice:
    """Search on these rows, which must be all that the search may know."""
    single = target.single
    fold = grouped_folds(rows.units, rows.labels, options.folds, options.seed, single_label=single)
    parts = [(rows.take(fold != f), rows.take(fold == f)) for f in range(int(fold.max()) + 1)]
    if options.ensemble == "weighted":
        return _weighted(rows, target)
    equal, held = _equal(rows, target, options, parts)
    if options.ensemble == "equal":
        return equal
    other = _weighted(rows, target)
    better = np.array([held_out(target, pair, _weighted(pair[0], target).cosines) for pair in parts]) - held
    mean, error = _mean_and_error(better)
    said = f"weighted minus equal, cross-validated: {mean:+.4f} with a standard error of {error:.4f}"
    chosen = other if mean > error else equal
    stop = SearchStep(kind="stop", what=said, before=equal.value, after=chosen.value, tried=2)
    return Choice(chosen.state, chosen.weighted, (*chosen.steps, stop), chosen.value)


def _equal(rows: Candidates, target: Target, options: Options, parts: Parts) -> tuple[Choice, Floats]:
    """Templates, then names; also the held-out objective [F] of the lengths kept."""
    trails = [template_trail(fit, target, options.most, TOLERANCE) for fit, _ in parts]
    held = _held(target, parts, trails)
    kept = shortest(held)
    starts = [trail.states[trail.at(kept)] for trail in trails]
    whole = template_trail(rows, target, options.most, TOLERANCE)
    at = whole.at(kept)
    steps = [step for own in whole.steps[: at + 1] for step in own]
    steps.append(_stop(whole, held, at, "step"))

    named = [name_trail(fit, target, start, PASSES, TOLERANCE) for (fit, _), start in zip(parts, starts, strict=True)]
    held = _held(target, parts, named)
    kept = shortest(held)
    names = name_trail(rows, target, whole.states[at], PASSES, TOLERANCE)
    at = names.at(kept)
    steps += [step for own in names.steps[: at + 1] for step in own]
    steps.append(_stop(names, held, at, "pass over the names"))
    return Choice(names.states[at], None, tuple(steps), names.values[at]), held[:, min(kept, held.shape[1] - 1)]


def _weighted(rows: Candidates, target: Target) -> Choice:
    """Weigh all elements by log-loss; the objective is measured, not fitted."""
    _, position, counts = np.unique(rows.units, return_inverse=True, return_counts=True)
    found = solve(rows.element_cosines(), rows.labels, 1 / counts[position], rows.rule, target.classes)
    choice = Choice(State(tuple(np.flatnonzero(found.weights).tolist())), found, (), float("nan"))
    scores = rows.scores(np.stack([rows.element_cosines().mean(axis=0), choice.cosines(rows)]))
    before, after = measure(scores, Truth.of(rows, target), target).tolist()
    kept = int((found.weights > 0).sum())
    what = (
        f"{kept} of {len(rows.elements)} templates weighted: log-loss {found.before:.4f} to {found.loss:.4f}, within "
        f"{max(found.gap, 0.0):.1e} of the least"
    )
    step = SearchStep(kind="weights", what=what, before=before, after=after, tried=len(rows.elements))
    return Choice(choice.state, found, (step,), after)


def held_out(target: Target, pair: tuple[Candidates, Candidates], cosines: Callable[[Candidates], Floats]) -> float:
    """Return the objective on the second rows, with the thresholds (multi-label) of the first."""
    fit, rest = pair
    thresholds = None
    if not target.single:
        thresholds = thresholds_of(fit.scores(cosines(fit)), Truth.of(fit, target), target)
    return float(measure(rest.scores(cosines(rest))[None], Truth.of(rest, target), target, thresholds)[0])


def _held(target: Target, parts: Parts, trails: Sequence[Trail]) -> Floats:
    """Return [F, L] the held-out objective after every number of steps; a shorter trail stays where it ended."""
    longest = max(len(trail.states) for trail in trails)
    found = np.full((len(parts), longest), np.nan)
    for f, (pair, trail) in enumerate(zip(parts, trails, strict=True)):
        own = [held_out(target, pair, lambda rows, s=state: rows.cosines([s])[0]) for state in trail.states]  # type: ignore[misc]
        found[f] = [own[trail.at(length)] for length in range(longest)]
    return found


def shortest(held: Floats) -> int:
    """Return the shortest length whose held-out objective [F, L] is within one standard error of the best's."""
    held = held[~np.isnan(held).any(axis=1)]
    if len(held) < 2:
        return 0
    best = int(held.mean(axis=0).argmax())
    for length in range(best):
        mean, error = _mean_and_error(held[:, best] - held[:, length])
        if mean <= error:
            return length
    return best


def _mean_and_error(values: Floats) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if len(known) < 2:
        return 0.0, float("inf")
    return float(known.mean()), float(known.std(ddof=1) / np.sqrt(len(known)))


def _stop(trail: Trail, held: Floats, at: int, what: str) -> SearchStep:
    steps = len(trail.states) - 1
    known = held[~np.isnan(held).any(axis=1)].mean(axis=0) if len(held) else held
    plural = what.replace("pass", "passes", 1) if what.startswith("pass") else f"{what}s"
    said = f"kept {at} of {steps} {what if steps == 1 else plural}"
    if len(known) > 1 and not np.isnan(known).any():
        kept, best = known[min(at, len(known) - 1)], known.max()
        said += f"; cross-validated {known[0]:.4f} without, {kept:.4f} kept, {best:.4f} at best"
    return SearchStep(kind="stop", what=said, before=trail.values[-1], after=trail.values[at])
