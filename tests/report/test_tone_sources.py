"""The section on sources of skin tone, crossed groups, and what stands where there is no skin tone to show."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from made_up_runs import HOSTILE, Run

from vlmeval.data.tone_estimate.estimate import estimated_tone
from vlmeval.records import Agreement, Examined, GroupSpec, MetricRow, RunRecord, Shift
from vlmeval.report import build_view, render

MakeRun = Callable[..., Run]
UNLIKE = "the two average over different classes"


def agreement(a: str, b: str, **changes: Any) -> Agreement:
    facts: dict[str, Any] = {
        "kind": "sources",
        "a": a,
        "b": b,
        "n_units": 400,
        "kappa": 0.63,
        "low": 0.6,
        "high": 0.66,
        "rank": 0.7,
        "rank_low": 0.6,
        "rank_high": 0.8,
        "exact": 0.41,
        "within_one": 0.84,
        "levels_a": ("l0", "l1", "l2", "not-gradable", "not-answered"),
        "levels_b": ("l0", "l1", "l2", "not-gradable", "not-answered"),
        "confusion": tuple((100, 20, 3, 1, 0) for _ in range(5)),
    }
    return Agreement.model_validate(facts | changes)


def shift(level: str, **changes: Any) -> Shift:
    facts: dict[str, Any] = {
        "method": "zero-shot/photo",
        "level": "unit",
        "metric": "auroc",
        "averaging": "macro-common",
        "a": "fst-self",
        "b": "fst-other",
        "group_level": level,
        "value": 0.03,
        "low": -0.05,
        "high": 0.11,
        "n_a": 40,
        "n_b": 60,
        "n_classes": 4,
    }
    return Shift.model_validate(facts | changes)


def with_source(record: RunRecord, group: GroupSpec, units: dict[str, int]) -> RunRecord:
    card = record.benchmark.model_copy(update={"groups": (*record.benchmark.groups, group)})
    data = record.data.model_copy(update={"group_units": {**record.data.group_units, group.id: units}})
    return record.model_copy(update={"benchmark": card, "data": data})


def other_source(record: RunRecord, **changes: Any) -> GroupSpec:
    return record.benchmark.group("fst-self").model_copy(update={"id": "fst-other", "name": "Other", **changes})


@pytest.fixture(scope="module")
def compared(single: Run) -> Run:
    """The single-label run with a second Fitzpatrick source, agreement of all kinds, and shifts."""
    record = with_source(single[0], other_source(single[0]), {"l0": 100, "l1": 90, "l2": 60})
    found = Examined(
        agreement=(
            agreement("fst-self", "fst-self", kind="raters", kappa=None, rank=None, n_units=0, n_pairs=0,
                      confusion=(), levels_a=(), levels_b=(), reason="one figure a lesion: no two raters to compare"),
            agreement("fst-other", "fst-other", kind="raters", n_pairs=900, rank=None),
            agreement("fst-self", "fst-other"),
            agreement("fst-self", "monk-us", kappa=None, exact=None, within_one=None, reason="different scales"),
        ),
        shifts=(
            shift("l2", averaging="macro", value=None, low=None, high=None, reason=UNLIKE),
            shift("l2"),
            shift("last-first", low=0.01, value=0.04),
        ),
    )  # fmt: skip
    return record.model_copy(update={"examined": found}), single[1]


def section(page: str, name: str) -> str:
    found = re.search(rf'<section id="{name}".*?</section>', page, re.DOTALL)
    assert found is not None
    return found.group()


def words(page: str, name: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", section(page, name)).split())


def test_agreement_is_sorted_by_what_it_means(compared: Run) -> None:
    view = build_view(*compared)["tone_sources"]
    assert [(p["title"].split(":")[0], len(p["rows"])) for p in view["agreement"]["parts"]] == [
        ("Two raters of one source", 1),
        ("Two sources on one scale", 1),
        ("Across scales", 1),
    ]
    assert view["agreement"]["alone"] == ["Fitzpatrick, self-reported"]
    text = words(render(build_view(*compared)), "tone-sources")
    assert "0.63 0.60–0.66 substantial" in text
    assert "900 pairs" in text
    assert "no two raters to compare: Fitzpatrick, self-reported" in text
    assert "Not answered" in text


def test_shifts_are_told_in_words(compared: Run) -> None:
    text = words(render(build_view(*compared)), "tone-sources")
    assert "Grouped by Fitzpatrick, self-reported instead of Other :" in text
    assert "AUROC of FST V–VI moves by +0.030 (−0.050 to 0.110), over 4 classes: no clear change." in text
    assert "The gap in AUROC (last minus first level) moves by +0.040 (0.010–0.110), over 4 classes." in text
    assert UNLIKE in text


def test_sources_stand_side_by_side_with_what_is_missing(compared: Run) -> None:
    view = build_view(*compared)["tone_sources"]
    rows = view["sources"]["rows"]
    assert [row["id"] for row in rows] == ["fst-self", "monk-us", "fst-other"]
    assert view["sources"]["columns"] == ["Light", "Medium", "Dark"]
    assert [level["n"] for level in rows[2]["levels"]] == [100, 90, 60]
    assert {m["name"] for m in rows[0]["missing"]} == {"Not gradable", "Not answered"}
    text = words(render(build_view(*compared)), "tone-sources")
    assert "nothing is merged" in text
    assert 'data-chart="tone-sources"' in render(build_view(*compared))


def test_an_estimated_group_is_marked_wherever_it_is_shown(compared: Run) -> None:
    record, predictions = compared
    group = estimated_tone().group
    more = with_source(record, group, {"light": 80, "intermediate": 70, "dark": 50, "not-estimable": 50})
    rows = [
        row.model_copy(update={"group": group.id, "group_level": level.id})
        for row in record.rows
        if row.group == "fst-self" and row.group_level == "l0"
        for level in group.levels
    ]
    against = agreement(
        "fst-self",
        group.id,
        kappa=None,
        reason="an angle",
        levels_b=tuple(level.id for level in group.levels),
        confusion=tuple((9, 9, 9, 9) for _ in range(5)),
    )
    found = more.examined.model_copy(update={"agreement": (*more.examined.agreement, against)})
    run = more.model_copy(update={"rows": (*record.rows, *rows), "examined": found})
    view = build_view(run, predictions)
    page = render(view)
    for name in ("skin-tone", "tone-sources"):
        assert "Estimated from pixels, not labelled by anybody." in words(page, name)
    assert "its only validation here" in words(page, "tone-sources")
    assert "not validated for dermatoscopy" in words(page, "tone-sources")
    assert group.id not in [source["id"] for source in view["headline"]["tone"]["sources"]]
    table = re.search(rf'<(?:div|details) class="source" id="group-{group.id}">.*?</table>', page, re.DOTALL)
    assert table is not None
    answered = [level for level in group.levels if not level.missing]
    assert all(level.name in table.group() for level in answered)
    assert not [row for row in run.headline_rows() if row.group == group.id]


def test_data_without_labels_say_so_where_the_chart_would_be(make_run: MakeRun) -> None:
    record, predictions = make_run(tones=False, units=200, prompt_sets=1)
    view = build_view(record, predictions)
    page = render(view)
    assert view["tone_sources"] is None
    assert "Not available: The data has no skin-tone label of any kind" in words(page, "skin-tone").replace(
        "the data has", "The data has"
    )
    assert 'id="tone-sources"' not in page
    assert "#tone-sources" not in page


def test_an_estimate_does_not_hide_that_there_are_no_labels(make_run: MakeRun) -> None:
    record, predictions = make_run(tones=False, units=200, prompt_sets=1)
    run = with_source(
        record, estimated_tone().group, {"light": 100, "intermediate": 60, "dark": 40, "not-estimable": 0}
    )
    view = build_view(run, predictions)
    page = render(view)
    assert "no skin-tone label of any kind" in words(page, "skin-tone")
    assert "no skin-tone label of any kind" in str(view["headline"]["tone"]["reason"])
    assert "Estimated from pixels" in words(page, "tone-sources")
    card = run.benchmark.model_copy(update={"groups": (estimated_tone().group,)})
    bare = build_view(run.model_copy(update={"benchmark": card}), predictions)
    assert "declares no skin-tone attribute" in words(render(bare), "skin-tone")


def test_when_every_level_is_too_small_the_page_says_so(make_run: MakeRun) -> None:
    record, predictions = make_run(units=200, prompt_sets=1)

    def silenced(row: MetricRow) -> MetricRow:
        if row.group not in ("fst-self", "monk-us"):
            return row
        gone = {"value": None, "low": None, "high": None, "reason": "suppressed: fewer than 10 lesions (4)"}
        return row.model_copy(update=gone)

    page = render(build_view(record.model_copy(update={"rows": tuple(map(silenced, record.rows))}), predictions))
    assert words(page, "skin-tone").count("Too few to say: no level has enough lesions for a number.") == 2


def test_crossed_groups_are_tables_with_counts_and_what_is_suppressed(make_run: MakeRun) -> None:
    record, predictions = make_run(units=300, prompt_sets=1)
    first, second = record.benchmark.group("fst-self"), record.benchmark.group("sex")
    levels = [
        {"id": f"{a.id}/{b.id}", "name": f"{a.name}, {b.name}", "values": [f"{a.id}/{b.id}"]}
        for a in first.levels if not a.missing for b in second.levels if not b.missing
    ]  # fmt: skip
    levels.append({"id": "not-known", "name": "not known", "values": ["not-known"], "missing": True})
    group = GroupSpec.model_validate(
        {"id": "fst-self/sex", "name": "A × B", "kind": "other", "column": "x", "levels": levels,
         "crossed": ("fst-self", "sex"), "note": "Crossed on request."}
    )  # fmt: skip
    units = {level["id"]: 20 + i for i, level in enumerate(levels)}
    like = next(
        row for row in record.rows
        if (row.group, row.group_level, row.metric, row.level) == ("fst-self", "l0", "balanced-accuracy", "unit")
        and row.class_id is None
    )  # fmt: skip
    rows = [like.model_copy(update={"group": group.id, "group_level": level["id"], "n_units": 21}) for level in levels]
    rows[1] = rows[1].model_copy(update={"value": None, "low": None, "high": None, "reason": "suppressed: few (3)"})
    run = with_source(record, group, units).model_copy(update={"rows": (*record.rows, *rows)})
    view = build_view(run, predictions)
    assert [g["id"] for g in view["crossed"]] == ["fst-self/sex"]
    assert "fst-self/sex" not in [g["id"] for g in view["groups"]]
    table = view["crossed"][0]["tables"][0]
    assert (table["cells"], table["suppressed"]) == (6, 1)
    text = words(render(view), "groups")
    assert "5 of 6 combinations have a number" in text
    assert "n = 21" in text
    assert "Of 26 lesions one of the two is not known" in text


@pytest.mark.parametrize("evil", HOSTILE[:2])
def test_hostile_names_are_harmless(compared: Run, evil: str) -> None:
    record = compared[0]
    groups = [
        g.model_copy(update={"name": evil, "levels": tuple(lv.model_copy(update={"name": evil}) for lv in g.levels)})
        if g.id == "fst-other" else g
        for g in record.benchmark.groups
    ]  # fmt: skip
    card = record.benchmark.model_copy(update={"groups": tuple(groups)})
    page = render(build_view(record.model_copy(update={"benchmark": card}), compared[1]))
    assert "<script>alert(1)</script>" not in page
    assert "</script><!--" not in section(page, "tone-sources")


def test_a_record_of_before_has_no_agreement_and_still_a_page(single: Run) -> None:
    record = single[0].model_copy(update={"examined": Examined()})
    view = build_view(record, single[1])
    assert view["tone_sources"]["agreement"] is None
    assert view["tone_sources"]["shifts"] is None
    assert "How far they agree" not in render(view)


def test_the_command_that_repeats_asks_for_the_same_groups(single: Run) -> None:
    record, predictions = single
    asked = {"crossed": (("fst-self", "sex"), ("monk-us", "sex")), "estimate_tone": True, "permutations": 0}
    plan = record.plan.model_copy(update=asked)
    command = build_view(record.model_copy(update={"plan": plan}), predictions)["environment"]["command"]
    assert "--permutations 0 --cross fst-self:sex --cross monk-us:sex --estimate-tone" in command
    plain = build_view(record, predictions)["environment"]["command"]
    assert "--cross" not in plain
    assert "--estimate-tone" not in plain
