"""Single cases on the page: which are chosen, what is said of them, and when pictures may stand beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeval.errors import UsageError
from vlmeval.methods import Rule
from vlmeval.records import Decision, Predictions
from vlmeval.report import build_view, check_gallery, render, shown_pictures, with_thumbnails
from vlmeval.report.cases.choose import choose, in_turns


def predictions(seed: int, n: int = 60, k: int = 3, thresholds: tuple[float, ...] | None = None) -> Predictions:
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.ones(k), size=n)
    truth = np.eye(k, dtype=bool)[rng.integers(k, size=n)] if thresholds is None else rng.random((n, k)) < 0.3
    ids = np.array([f"u{i}" for i in range(n)])
    rule = Decision("argmax") if thresholds is None else Decision("threshold", thresholds, "test")
    return Predictions("m", "unit", ids, ids, truth, scores, "softmax", rule, {}, scale=100.0)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_single_label_cases_are_the_extremes_of_their_kind(seed: int) -> None:
    found = predictions(seed)
    top, true = found.scores.argmax(axis=1), found.y_true.argmax(axis=1)
    for k in range(3):
        rows = {kind: [c.row for c in choose(found, None) if (c.class_index, c.kind) == (k, kind)] for kind in
                ("hit", "miss", "tie")}  # fmt: skip
        hits = np.flatnonzero((true == k) & (top == k))
        assert rows["hit"] == sorted(hits, key=lambda r: -found.scores[r, k])[:6]
        misses = np.flatnonzero((true == k) & (top != k))
        assert rows["miss"] == sorted(misses, key=lambda r: -found.scores[r].max())[:6]
        apart = np.diff(np.sort(found.scores, axis=1)[:, -2:], axis=1)[:, 0]
        assert rows["tie"] == sorted(np.flatnonzero(true == k), key=lambda r: apart[r])[:6]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_multi_label_cases_are_measured_from_the_threshold(seed: int) -> None:
    thresholds = (0.2, 0.4, 0.6)
    found = predictions(seed, thresholds=thresholds)
    for k, threshold in enumerate(thresholds):
        own, true = found.scores[:, k], found.y_true[:, k]
        rows = {kind: [c.row for c in choose(found, None) if (c.class_index, c.kind) == (k, kind)] for kind in
                ("hit", "miss", "alarm", "tie")}  # fmt: skip
        assert all(true[r] and own[r] >= threshold for r in rows["hit"])
        assert rows["miss"] == sorted(np.flatnonzero(true & (own < threshold)), key=lambda r: own[r])[:6]
        assert rows["alarm"] == sorted(np.flatnonzero(~true & (own >= threshold)), key=lambda r: -own[r])[:6]
        assert rows["tie"] == sorted(np.flatnonzero(true), key=lambda r: abs(own[r] - threshold))[:6]


@settings(max_examples=50, deadline=None)
@given(levels=st.lists(st.integers(0, 3), min_size=1, max_size=40), wanted=st.integers(1, 8))
def test_levels_of_skin_tone_take_turns(levels: list[int], wanted: int) -> None:
    rows = np.arange(len(levels))
    got = in_turns(rows, np.array(levels, dtype=np.int16), wanted)
    assert len(got) == min(wanted, len(levels))
    assert got[0] == 0
    taken = [levels[row] for row in got]
    for level in set(levels):
        # No level is passed over while another is shown twice more often.
        if taken.count(level) < levels.count(level):
            assert max(taken.count(other) for other in set(levels)) <= taken.count(level) + 1


def test_a_class_that_cannot_be_predicted_has_no_cases() -> None:
    found = predictions(1)
    scores = found.scores.copy()
    scores[:, 1] = np.nan
    assert {c.class_index for c in choose(replace(found, scores=scores, unscored=("c1",)), None)} == {0, 2}


def cases_of(run: Any) -> dict[str, Any]:
    return build_view(*run)["cases"]


def test_similarities_are_the_cosines_that_the_scores_were_made_of(single: Any) -> None:
    record, kept = single
    leading = next(m for m in record.methods if m.headline and m.level == "unit")
    at = next(i for i, p in enumerate(kept) if (p.method, p.level) == (leading.id, "unit"))
    rng = np.random.default_rng(3)
    cosines = rng.uniform(0.1, 0.3, size=kept[at].scores.shape)
    for rule, expected in (
        (Rule("softmax", 50.0), cosines - cosines.max(axis=1, keepdims=True)),
        (Rule("sigmoid", 20.0, -4.0), cosines),
        (Rule("cosine"), cosines),
    ):
        made = replace(kept[at], scores=rule.apply(cosines), kind=rule.kind, scale=rule.scale, bias=rule.bias)
        view = cases_of((record, [*kept[:at], made, *kept[at + 1 :]]))
        row_of = {str(name): i for i, name in enumerate(made.ids)}
        assert view["shown"]
        for case in view["shown"]:
            for score in case["scores"]:
                wanted = expected[row_of[case["id"]], score["class"]]
                assert score["similarity"] == pytest.approx(wanted, abs=6e-5)


def test_every_case_of_the_matrix_is_listed(single: Any) -> None:
    view = build_view(*single)
    cells, matrix = view["cases"]["cells"], view["confusion"]
    for i in range(len(matrix["names"])):
        for j in range(len(matrix["names"])):
            listed = sum(t == i and c == j for t, c in zip(cells["truth"], cells["called"], strict=True))
            assert listed == matrix["counts"][i][j]
    assert matrix["called"] == np.array(matrix["counts"]).sum(axis=0).tolist()


def test_cases_name_their_pictures_and_truth(single: Any) -> None:
    _, kept = single
    view = cases_of(single)
    images = next(p for p in kept if p.level == "image")
    unit_of = dict(zip(images.ids.tolist(), images.units.tolist(), strict=True))
    for case in view["shown"]:
        assert case["pictures"]
        assert {unit_of[picture] for picture in case["pictures"]} == {case["id"]}
        assert case["class"] in case["truth"]
        listed = {score["class"] for score in case["scores"]}
        assert {*case["truth"], *case["called"]} <= listed


def test_multi_label_runs_have_alarms_and_no_cells(multi: Any) -> None:
    view = cases_of(multi)
    assert {"hit", "miss", "alarm", "tie"} == {kind["id"] for kind in view["kinds"]}
    assert view["cells"] is None
    for case in view["shown"]:
        assert (case["class"] in case["truth"]) == (case["kind"] != "alarm")
        assert (case["class"] in case["called"]) == (case["kind"] in ("hit", "alarm")) or case["kind"] == "tie"


def test_without_scores_there_is_a_reason(single: Any) -> None:
    view = cases_of((single[0], []))
    assert "not kept" in view["reason"]
    assert view["shown"] == []


def test_pictures_stand_beside_their_cases_with_the_licence(single: Any) -> None:
    view = build_view(*single)
    wanted = shown_pictures(view)
    assert len(wanted) == len(set(wanted))
    with_one = with_thumbnails(view, {wanted[0]: "data:image/webp;base64,AAAA"})
    assert with_one["cases"]["gallery"]["pictures"] == 1
    page = render(with_one)
    assert page.count("data:image/webp;base64,AAAA") >= 1
    assert with_one["cases"]["gallery"]["licence"] in page
    assert "<img" not in render(view)


def test_pictures_are_refused_where_the_card_does_not_allow_them(single: Any) -> None:
    card = single[0].benchmark
    closed = card.model_copy(update={"licence": card.licence.model_copy(update={"gallery": False})})
    with pytest.raises(UsageError, match="may not hold pictures"):
        check_gallery(closed)
    check_gallery(card.model_copy(update={"licence": card.licence.model_copy(update={"gallery": True})}))
