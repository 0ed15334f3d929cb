"""The permutation test of no difference between groups, and the control of false discoveries."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_predictions import benchmark, find, predictions
from scipy.stats import chisquare, false_discovery_control
from sklearn import metrics as sk

from vlmeval.records import Decision, MetricRow, Predictions
from vlmeval.stats import Resamples, estimate
from vlmeval.stats.groups.group_test import p_value
from vlmeval.stats.groups.permutation import Permuted, permuted
from vlmeval.stats.multiplicity import adjusted
from vlmeval.stats.table import Table


def rows_with_p(p: Predictions, task: str = "single-label", permutations: int = 99, draws: int = 0, **options):
    changes = options.pop("card", {})
    return estimate(
        [p],
        benchmark(task, p.scores.shape[1], **changes),
        Resamples.draw(p.units, draws),
        permutations=permutations,
        **options,
    ).rows()


def of_right(right: list[bool], classes: list[int], site: list[int], units: list[str] | None = None) -> Predictions:
    """Rows that are decided rightly or wrongly, each of one of two classes and at one site."""
    y = np.eye(2, dtype=bool)[classes]
    scores = np.where(y == np.array(right)[:, None], 0.9, 0.1)
    n = len(right)
    return Predictions(
        "m",
        "image",
        np.array([f"i{i:03d}" for i in range(n)]),
        np.array([f"u{i:03d}" for i in range(n)] if units is None else units),
        y,
        scores,
        "probability",
        Decision("argmax"),
        {"site": np.array(site, dtype=np.int16)},
    )


TWO_SITES = {
    "groups": [
        {
            "id": "site",
            "name": "Site",
            "kind": "site",
            "column": "site",
            "levels": [{"id": s, "name": s, "values": [s]} for s in ("arm", "leg")],
        }
    ]
}


def test_p_equals_the_enumeration_of_all_assignments() -> None:
    """Two strata of 12 and 8 units: 924 x 70 assignments of ten units to each level, all counted."""
    right = [True] * 6 + [True, False, False, False, False, True] + [True] * 4 + [False, True, False, False]
    classes, site = [0] * 12 + [1] * 8, [0] * 6 + [1] * 6 + [0] * 4 + [1] * 4
    hits = np.array(right)
    first = np.array([hits[list(c)].sum() for c in itertools.combinations(range(12), 6)])
    second = np.array([hits[list(c)].sum() for c in itertools.combinations(range(12, 20), 4)])
    in_arm = (first[:, None] + second).ravel() / 10
    gaps = np.abs(2 * in_arm - hits.sum() / 10)
    observed = abs(hits[np.array(site) == 0].mean() - hits[np.array(site) == 1].mean())
    exact = (gaps >= observed - 1e-12).mean()
    assert 0.001 < exact < 0.05
    many = 20_000
    rows = rows_with_p(of_right(right, classes, site), permutations=many, metrics=["accuracy"], card=TWO_SITES)
    row = find(rows, "accuracy", group="site", group_level="max-min")
    assert row.value == pytest.approx(observed)
    assert row.p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / many))


def table_of(p: Predictions, k: int = 5, task: str = "single-label") -> Table:
    return Table.of(p, benchmark(task, k), Resamples.draw(p.units, 0))


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_p_of_ranks_equals_a_loop_over_the_same_permutations(task: str) -> None:
    p = predictions(task, n=1500, k=3, ties=True)  # enough of every class in every level
    table = table_of(p, 3, task)
    inside = table.groups["tone"] != 3
    found = permuted(table, table.groups["tone"], inside, 60, 0)
    rows = rows_with_p(p, task, permutations=60, metrics=["auroc", "average-precision"])
    for k in range(3):
        row = find(rows, "auroc", "class", class_id=f"c{k}", group="tone", group_level="max-min")
        y, s = table.truth[found.rows, k], table.scores[found.rows, k]
        gaps = np.array([np.ptp([sk.roc_auc_score(y[c == t], s[c == t]) for t in range(3)]) for c in found.codes.T])
        assert row.value == pytest.approx(gaps[0], abs=1e-12)
        assert row.p == pytest.approx((1 + (gaps[1:] >= gaps[0] - 1e-12).sum()) / 61)
    macro = find(rows, "average-precision", "macro-common", group="tone", group_level="max-min")
    each = np.array(
        [
            [
                np.mean([sk.average_precision_score(table.truth[i, k], table.scores[i, k]) for k in range(3)])
                for i in own
            ]
            for own in ([found.rows[c == t] for t in range(3)] for c in found.codes.T)
        ]
    )
    gaps = np.ptp(each, axis=1)
    assert macro.p == pytest.approx((1 + (gaps[1:] >= gaps[0] - 1e-12).sum()) / 61)


def shuffled(p: Predictions, permutations: int = 50, codes: np.ndarray | None = None) -> tuple[Table, Permuted]:
    table = table_of(p)
    own = table.groups["tone"] if codes is None else codes
    return table, permuted(table, own, np.ones(len(own), dtype=bool), permutations, 3)


def test_units_change_places_whole() -> None:
    table, found = shuffled(predictions(n=400))
    moved = found.codes[:, 1:] != found.codes[:, :1]
    assert moved.mean() > 0.3
    starts = np.flatnonzero(np.diff(table.unit, prepend=-1))
    lowest, highest = (f.reduceat(found.codes, starts, axis=0) for f in (np.minimum, np.maximum))
    assert (lowest == highest).all()


def test_case_mix_and_sizes_of_levels_stay_as_they_are() -> None:
    table, found = shuffled(predictions(n=400))
    label = table.truth.argmax(axis=1)
    size = np.bincount(table.unit)[table.unit]
    for key in set(zip(label.tolist(), size.tolist(), strict=True)):
        own = found.codes[(label == key[0]) & (size == key[1])]
        for level in range(4):
            counts = (own == level).sum(axis=0)
            assert (counts == counts[0]).all()


def test_rows_of_one_unit_in_several_levels_move_as_they_are() -> None:
    p = predictions(n=400)
    table = table_of(p)
    codes = np.random.default_rng(0).integers(0, 3, 400).astype(np.int16)
    _, found = shuffled(p, codes=codes)
    starts = np.flatnonzero(np.diff(table.unit, prepend=-1))

    def patterns(column: np.ndarray) -> list[tuple[int, ...]]:
        return sorted(tuple(part.tolist()) for part in np.split(column, starts[1:]))

    before = patterns(found.codes[:, 0])
    assert all(patterns(column) == before for column in found.codes[:, 1:].T)
    assert (found.codes[:, 1:] != found.codes[:, :1]).mean() > 0.2


def test_every_assignment_is_equally_probable() -> None:
    """Two units at each of two sites: six assignments."""
    p = of_right([True] * 4, [0] * 4, [0, 0, 1, 1])
    table = Table.of(p, benchmark(k=2, **TWO_SITES), Resamples.draw(p.units, 0))
    found = permuted(table, table.groups["site"], np.ones(4, dtype=bool), 6000, 1)
    _, counts = np.unique(found.codes[:, 1:], axis=1, return_counts=True)
    assert len(counts) == 6
    assert chisquare(counts).pvalue > 1e-3


def test_missing_levels_are_not_permuted_and_do_not_matter() -> None:
    p = predictions(n=900)
    rows = rows_with_p(p)
    scores = p.scores.copy()
    unanswered = p.groups["tone"] == 3
    scores[unanswered] = p.y_true[unanswered]
    changed = rows_with_p(replace(p, scores=scores))
    for metric in ("accuracy", "balanced-accuracy"):
        one, other = (find(r, metric, group="tone", group_level="max-min") for r in (rows, changed))
        assert one.p is not None
        assert one.p == other.p


def by_key(rows: list[MetricRow]) -> dict[tuple[object, ...], tuple[float | None, float | None]]:
    keys = ((r.metric, r.averaging, r.class_id, r.group, r.group_level) for r in rows)
    return {key: (r.p, r.p_adjusted) for key, r in zip(keys, rows, strict=True)}


@pytest.mark.parametrize(("task", "seed"), [("single-label", 1), ("multi-label", 2), ("single-label", 3)])
def test_order_of_rows_classes_and_levels_changes_no_p(task: str, seed: int) -> None:
    p = predictions(task, n=300, seed=seed)
    before = by_key(rows_with_p(p, task, 40))
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(p))
    rows = {name: getattr(p, name)[order] for name in ("ids", "units", "y_true", "scores")}
    assert before == by_key(
        rows_with_p(replace(p, groups={g: c[order] for g, c in p.groups.items()}, **rows), task, 40)
    )
    classes = rng.permutation(5)
    thresholds = p.decision.thresholds and tuple(p.decision.thresholds[i] for i in classes)
    moved = replace(
        p, y_true=p.y_true[:, classes], scores=p.scores[:, classes], decision=replace(p.decision, thresholds=thresholds)
    )
    of_classes = [one.model_dump(by_alias=True) for one in benchmark().classes]
    card = {"classes": [of_classes[i] for i in classes]}
    assert before == by_key(rows_with_p(moved, task, 40, card=card))
    levels = [level.model_dump(by_alias=True) for level in benchmark().group("site").levels]
    sites = rng.permutation(3)
    site = {"id": "site", "name": "Site", "kind": "site", "column": "site", "levels": [levels[i] for i in sites]}
    tone = benchmark().group("tone").model_dump(by_alias=True)
    moved = replace(p, groups=dict(p.groups) | {"site": np.argsort(sites)[p.groups["site"]].astype(np.int16)})
    assert before == by_key(rows_with_p(moved, task, 40, card={"groups": [tone, site]}))


def test_a_real_difference_is_found_and_one_of_case_mix_is_not() -> None:
    rng = np.random.default_rng(5)
    n = 400
    site = np.repeat([0, 1], n // 2)
    # Class 0 is hard, and mostly at the first site; within a class the sites are alike.
    classes = np.where(rng.random(n) < np.where(site == 0, 0.8, 0.2), 0, 1)
    alike = rng.random(n) < np.where(classes == 0, 0.5, 0.95)
    worse = rng.random(n) < np.where(site == 0, 0.6, 0.9)
    p_of = {}
    for name, right in (("case mix", alike), ("real", worse)):
        p = of_right(right.tolist(), classes.tolist(), site.tolist())
        rows = rows_with_p(p, permutations=499, metrics=["accuracy"], card=TWO_SITES)
        row = find(rows, "accuracy", group="site", group_level="max-min")
        assert row.value > 0.15
        p_of[name] = row.p
    assert p_of["real"] == 1 / 500
    assert p_of["case mix"] > 0.05


def test_p_is_of_the_largest_difference_only_and_of_what_has_a_value() -> None:
    rows = rows_with_p(predictions(n=600), draws=20)
    with_p = [r for r in rows if r.p is not None]
    assert with_p
    assert all(r.group_level == "max-min" and r.value is not None and 0 < r.p <= r.p_adjusted <= 1 for r in with_p)
    assert all(r.p is not None for r in rows if r.group_level == "max-min" and r.value is not None)
    none = rows_with_p(predictions(n=600), permutations=0)
    assert not any(r.p is not None or r.p_adjusted is not None for r in none)


def test_seeds_are_averaged_in_every_permutation() -> None:
    p = predictions(n=400, k=3)
    rng = np.random.default_rng(1)
    many = []
    for s in range(3):
        scores = p.scores * np.exp(rng.normal(size=p.scores.shape))
        many.append(replace(p, scores=scores / scores.sum(axis=1, keepdims=True), seed=s))
    resamples = Resamples.draw(p.units, 0)
    rows = estimate(many, benchmark(k=3), resamples, metrics=["accuracy"], permutations=80).rows()
    row = find(rows, "accuracy", group="tone", group_level="max-min")
    table = table_of(p, 3)
    found = permuted(table, table.groups["tone"], table.groups["tone"] != 3, 80, 0)
    right = np.mean([Table.of(m, benchmark(k=3), resamples).predicted[table.truth] for m in many], axis=0)[found.rows]
    gaps = np.array([np.ptp([right[c == t].mean() for t in range(3)]) for c in found.codes.T])
    assert row.value == pytest.approx(gaps[0], abs=1e-12)
    assert row.p == pytest.approx((1 + (gaps[1:] >= gaps[0] - 1e-12).sum()) / 81)


def test_an_undefined_permutation_counts_as_a_large_one() -> None:
    assert p_value(np.array([0.5, 0.4, 0.5, np.nan, 0.6])) == pytest.approx(4 / 5)


def test_a_family_is_one_metric_over_all_groups_classes_and_averages() -> None:
    rows = [r for r in rows_with_p(predictions(n=900), permutations=60) if r.p is not None]
    for metric in {r.metric for r in rows}:
        own = [r for r in rows if r.metric == metric]
        expected = false_discovery_control([r.p for r in own])
        np.testing.assert_allclose([r.p_adjusted for r in own], expected, atol=1e-15)
    assert len({r.group for r in rows if r.metric == "auroc"}) == 2


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=30))
def test_adjusted_equals_the_step_up_procedure(p: list[float | None]) -> None:
    """By hand: the smallest of p x m / rank over all ranks at or above one's own."""
    found = adjusted(p)
    known = sorted(x for x in p if x is not None)
    m = len(known)
    for x, a in zip(p, found, strict=True):
        if x is None:
            assert a is None
            continue
        at_or_above = [min(1.0, known[i] * m / (i + 1)) for i in range(m) if known[i] >= x]
        assert a == pytest.approx(min(at_or_above))
        assert x - 1e-12 <= a <= 1
