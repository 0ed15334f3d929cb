"""Simulated worlds: the optimism that a search reports is the one that it has, and noise is no gain.

In a world of pure noise every choice of prompts has a true AUROC of exactly 0.5, whatever the search finds; in a world
with signal the truth of a choice is measured on 4,000 other units.
"""

from __future__ import annotations

import numpy as np
import pytest
import search_worlds as worlds

from vlmeval.methods import Rule
from vlmeval.records import Benchmark
from vlmeval.stats import Resamples
from vlmeval.workbench.search.candidates import Candidates
from vlmeval.workbench.search.choose import Options, search
from vlmeval.workbench.search.figures import Judged, difference, estimate_of
from vlmeval.workbench.search.measure import Truth, decided, measure
from vlmeval.workbench.search.nested import nested
from vlmeval.workbench.search.target import Target, target_of

RULE = Rule("softmax", 8.0)
OPTIONS = Options(most=3, folds=3)
ELEMENTS = 12


def world(seed: int, n: int, *, signal: float, name: str = "u", rows_seed: int = 0) -> tuple[Candidates, Benchmark]:
    """Return the same prompts for the same seed, other rows for another ``rows_seed``."""
    card = worlds.benchmark(3)
    rows = worlds.samples(n, card=card, seed=seed + 1000 * (1 + rows_seed), name=name)
    chosen = worlds.pool(ELEMENTS)
    words = worlds.texts(chosen, signal=[signal] * ELEMENTS, seed=seed)
    images = worlds.vectors(rows, signal=2 * signal, seed=seed + 2000 * (1 + rows_seed))
    return worlds.candidates(rows, images, chosen, words, RULE), card


def asked(known: Candidates, card: Benchmark) -> Target:
    return target_of({"auroc": 1.0}, card, (known.labels, known.units), known.groups)


def judged(scores: np.ndarray, known: Candidates) -> Judged:
    return Judged(scores, decided(scores, None), known.labels, known.units, None, np.zeros(len(known), dtype=np.int8))


def value(scores: np.ndarray, known: Candidates, target: Target) -> float:
    return float(measure(scores[None], Truth.of(known, target), target)[0])


def mean_and_error(values: list[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))


@pytest.mark.parametrize(("signal", "worlds_"), [(0.0, 40), (0.35, 24)])
def test_reported_optimism_is_the_true_one_within_monte_carlo_error(signal: float, worlds_: int) -> None:
    reported, true, naive = [], [], []
    for seed in range(worlds_):
        known, card = world(seed, 150, signal=signal)
        target = asked(known, card)
        choice, outer = search(known, target, OPTIONS), nested(known, target, OPTIONS)
        honest = estimate_of(outer.judged, target, Resamples.draw(known.units, 0)).draws[0]
        truth = 0.5
        if signal:
            many, _ = world(seed, 4000, signal=signal, rows_seed=1)
            truth = value(choice.scores(many), many, target)
        reported.append(choice.value - honest)
        true.append(honest - truth)
        naive.append(choice.value - truth)
    bias, error = mean_and_error(naive)
    assert bias > 4 * error  # what is shown without nesting is clearly too good
    off, error = mean_and_error(true)
    assert abs(off) < 3 * error  # the honest figure is not
    optimism, _ = mean_and_error(reported)
    assert optimism == pytest.approx(bias, abs=3 * error)
    assert abs(off) < bias / 2


def test_noise_is_no_gain_on_test_beyond_the_nominal_rate() -> None:
    better = worse = 0
    for seed in range(50):
        known, card = world(100 + seed, 120, signal=0.0)
        target = asked(known, card)
        choice = search(known, target, OPTIONS)
        test, _ = world(100 + seed, 240, signal=0.0, name="t", rows_seed=2)
        draws = Resamples.draw(test.units, 300)
        ours = estimate_of(judged(choice.scores(test), test), target, draws)
        gain = difference(ours, estimate_of(judged(test.baseline, test), target, draws), "single-label")
        assert gain.low is not None
        assert gain.high is not None
        better, worse = better + (gain.low > 0), worse + (gain.high < 0)
    # 2.5 % on either side: more than 5 of 50 would happen in one of a thousand such tests.
    assert better <= 5
    assert worse <= 5


def test_a_search_that_starts_from_a_set_keeps_it_where_there_is_only_noise() -> None:
    kept = 0
    for seed in range(20):
        card = worlds.benchmark(3)
        rows = worlds.samples(150, card=card, seed=seed)
        chosen = worlds.pool(ELEMENTS, start=(0,))
        known = worlds.candidates(rows, worlds.vectors(rows, seed=seed), chosen, worlds.texts(chosen, seed=seed), RULE)
        kept += search(known, asked(known, card), OPTIONS).state.elements == (0,)
    assert kept >= 12


def test_nothing_of_a_fold_is_known_where_it_is_measured() -> None:
    known, card = world(7, 120, signal=0.2)
    target = asked(known, card)
    before = nested(known, target, OPTIONS)
    fold = before.judged.fold == 1
    rng = np.random.default_rng(0)
    cosines = [own.copy() for own in known.cosines_by_class]
    for own in cosines:
        own[:, fold] = rng.normal(size=own[:, fold].shape)
    changed = Candidates(**{**known.__dict__, "cosines_by_class": tuple(cosines)})
    after = nested(changed, target, OPTIONS)
    assert after.outer[1].chosen == before.outer[1].chosen
    assert after.outer[1].inside == before.outer[1].inside
    assert after.outer[1].outside != before.outer[1].outside
    assert [one.inside for one in after.outer] != [one.inside for one in before.outer]
