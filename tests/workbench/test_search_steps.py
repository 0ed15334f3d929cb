"""Greedy trails, how much of them is kept, and weights on the simplex with their certificate."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import search_worlds as worlds
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import softmax
from sklearn.metrics import log_loss

from vlmeval.methods import Rule
from vlmeval.workbench.search.candidates import Candidates, State
from vlmeval.workbench.search.choose import Options, search, shortest
from vlmeval.workbench.search.greedy import name_trail, template_trail, values_of
from vlmeval.workbench.search.simplex import solve
from vlmeval.workbench.search.target import Target, target_of


def world(
    signal: list[float], *, n: int = 300, names: int = 1, start: tuple[int, ...] = (), seed: int = 0
) -> tuple[Candidates, Target]:
    card = worlds.benchmark(3)
    rows = worlds.samples(n, card=card, seed=seed)
    chosen = worlds.pool(len(signal), names=names, start=start)
    words = worlds.texts(chosen, signal=signal, seed=seed)
    known = worlds.candidates(rows, worlds.vectors(rows, signal=1.5, seed=seed), chosen, words)
    return known, target_of({"auroc": 1.0}, card, (known.labels, known.units), known.groups)


def test_a_trail_improves_at_every_step_and_ends_where_no_single_change_helps() -> None:
    known, asked = world([0.0, 0.1, 0.5, 0.4, 0.0], start=(0,))
    trail = template_trail(known, asked, 3, 5e-4)
    assert trail.states[0] == State((0,))
    assert (np.diff(trail.values) > 5e-4).all()
    np.testing.assert_allclose(values_of(known, trail.states, asked), trail.values, atol=1e-12)
    assert all(len(state.elements) <= 3 for state in trail.states)
    last = trail.states[-1].elements
    others = [tuple(sorted({*last} ^ {e})) for e in range(5)]
    reachable = [State(o) for o in others if 1 <= len(o) <= 3]
    assert values_of(known, reachable, asked).max() <= trail.values[-1] + 5e-4
    assert {2, 3} <= set(last)
    steps = [step for own in trail.steps for step in own]
    assert steps[0].kind == "start"
    assert all(b.before == a.after for a, b in pairwise(steps))


def test_without_a_chosen_set_a_trail_starts_from_the_best_single_template() -> None:
    known, asked = world([0.0, 0.1, 0.6, 0.0])
    trail = template_trail(known, asked, 8, 5e-4)
    assert trail.states[0] == State((2,))
    assert trail.values[0] == values_of(known, [State((e,)) for e in range(4)], asked).max()


def test_names_are_changed_one_class_at_a_time_and_no_class_is_left_without() -> None:
    known, asked = world([0.3, 0.2], names=3, start=(0, 1))
    trail = name_trail(known, asked, State((0, 1)), 2, 5e-4)
    assert len(trail.states) > 1
    np.testing.assert_allclose(values_of(known, trail.states, asked), trail.values, atol=1e-12)
    assert (np.diff(trail.values) > 0).all()
    assert all(min(map(len, known.prompts(state))) > 0 for state in trail.states)
    assert {step.kind for own in trail.steps for step in own} <= {"drop-name", "add-name"}
    assert {step.class_id for own in trail.steps for step in own} <= {"c0", "c1", "c2"}


def test_the_shortest_length_within_one_standard_error_of_the_best_is_kept() -> None:
    clear = np.array([[0.5, 0.7, 0.71], [0.52, 0.71, 0.70], [0.51, 0.73, 0.74], [0.5, 0.72, 0.72]])
    assert shortest(clear) == 1
    assert shortest(np.array([[0.5, 0.9], [0.6, 0.3], [0.5, 0.55]])) == 0
    assert shortest(clear[:, ::-1]) == 0
    assert shortest(np.array([[0.5, np.nan], [0.6, 0.9]])) == 0


def test_search_finds_what_is_there_and_does_not_depend_on_the_order_of_rows() -> None:
    known, asked = world([0.0, 0.05, 0.6, 0.55, 0.0, 0.0], n=400, start=(0,))
    found = search(known, asked, Options())
    assert set(found.state.elements) & {2, 3}
    assert 0 not in found.state.elements
    assert found.value == pytest.approx(values_of(known, [found.state], asked)[0])
    order = np.random.default_rng(0).permutation(len(known))
    again = search(known.take(order), asked, Options())
    assert again.state == found.state


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), rule=st.sampled_from([Rule("softmax", 8.0), Rule("sigmoid", 8.0, -4.0)]))
def test_weights_are_within_their_certificate_of_the_least_log_loss(seed: int, rule: Rule) -> None:
    rng = np.random.default_rng(seed)
    labels = np.eye(3, dtype=bool)[rng.integers(0, 3, 90)]
    cosines = rng.normal(size=(4, 90, 3)) * 0.2 + np.linspace(0, 0.3, 4)[:, None, None] * labels
    weight = rng.uniform(0.5, 1, 90)
    found = solve(cosines, labels, weight, rule)
    assert found.weights.sum() == pytest.approx(1)
    assert (found.weights >= 0).all()
    assert -1e-9 <= found.gap < 5e-3

    def loss(x: np.ndarray) -> float:
        logits = rule.scale * np.tensordot(x[:4], cosines, axes=1) + (x[4:] if free else 0.0)
        if not free:
            rows = np.logaddexp.reduce(logits, axis=1) - logits[labels]
            return float(np.average(rows, weights=weight))
        return float(np.average((np.logaddexp(0.0, logits) - labels * logits).mean(axis=1), weights=weight))

    free = 3 if rule.kind == "sigmoid" else 0
    best = minimize(
        loss,
        np.r_[np.full(4, 0.2), np.zeros(free)],
        bounds=[(0, 1)] * 4 + [(-20, 20)] * free,
        constraints={"type": "ineq", "fun": lambda x: 1 - x[:4].sum()},
        method="SLSQP",
        options={"maxiter": 300, "ftol": 1e-10},
    )
    assert found.loss <= best.fun + max(found.gap, 0.0) + 1e-5
    assert best.fun <= found.loss + 1e-5
    logits = rule.scale * found.temperature * np.tensordot(found.weights, cosines, axes=1)
    if rule.kind == "softmax":
        p = softmax(logits, axis=1)
        assert found.loss == pytest.approx(log_loss(labels.argmax(axis=1), p, sample_weight=weight), abs=1e-9)


def test_weights_go_to_the_template_that_tells_the_classes_apart() -> None:
    known, asked = world([0.0, 0.0, 0.8, 0.0])
    found = search(known, asked, Options(ensemble="weighted"))
    assert found.weighted is not None
    assert found.weighted.weights.argmax() == 2
    assert found.weighted.loss < found.weighted.before
    assert found.steps[-1].kind == "weights"
    mean = np.tensordot(found.weighted.weights, known.element_cosines(), axes=1)
    np.testing.assert_allclose(found.cosines(known), mean)
