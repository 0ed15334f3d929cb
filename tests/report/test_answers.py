"""What the page says in plain sentences: verdict, one sentence a section, what is not shown; no more than intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vlmeval.report import build_view, render
from vlmeval.report.charts import build_charts
from vlmeval.report.curve_marks import with_marks
from vlmeval.report.said import apart, excludes, joined
from vlmeval.report.suppressed import suppressed_view
from vlmeval.report.takeaways import takeaways_view
from vlmeval.report.verdict import verdict_view


def words(parts: list[Any]) -> str:
    return "".join(p if isinstance(p, str) else p.get("name") or p["strong"] for p in parts)


def cell(value: float | None, low: float | None = None, high: float | None = None, **more: Any) -> dict[str, Any]:
    return {
        "value": value,
        "low": low,
        "high": high,
        "n": 100,
        "n_units": 100,
        "n_positive": None,
        "reason": None,
    } | more


def headline(**changes: Any) -> dict[str, Any]:
    """Return a headline with accuracy 0.8 (0.75 to 0.85) against 0.3, two classes told apart, one tone source."""
    gap = cell(-0.1, -0.2, 0.05)
    tone = {"id": "t", "name": "T", "gap": gap, "excludes_zero": False, "first": "I", "last": "VI", "silent": []}
    found = {
        "lead": {"task": "single-label", "unit": "lesion"},
        "figures": [],
        "against": {"cell": cell(0.8, 0.75, 0.85), "line": 0.3, "beats": True, "settled": True},
        "classes": {
            "metric": {"short": "AUROC"},
            "worst": {"name": "wart", "cell": cell(0.6, 0.5, 0.7)},
            "best": {"name": "mole", "cell": cell(0.9, 0.8, 0.95)},
            "suppressed": 0,
        },
        "tone": {"reason": None, "sources": [tone | {"metric": {"short": "AUROC", "direction": "higher"}}]},
    }
    return found | changes


def verdict(**changes: Any) -> str:
    return " ".join(words(said) for said in verdict_view(headline(**changes), "unit"))


def test_the_verdict_says_how_good_for_which_condition_and_for_whom() -> None:
    told = verdict()
    assert told.startswith(
        "Right in about 8 of 10 lesions, better than always naming the most frequent condition (3 of 10)."
    )
    assert "Weakest on wart (AUROC 0.60), best on mole (0.90)." in told
    assert told.endswith("Skin VI against I: no clear difference; a gap of up to 0.20 is not ruled out.")


def test_the_verdict_calls_nothing_better_whose_interval_holds_the_line() -> None:
    unsure = {"cell": cell(0.32, 0.25, 0.4), "line": 0.3, "beats": True, "settled": False}
    told = verdict(against=unsure)
    assert "better than always" not in told
    assert "no clear difference from always naming the most frequent condition (30 of 100)" in told
    worse = {"cell": cell(0.1, 0.05, 0.15), "line": 0.7, "beats": False, "settled": True}
    assert "worse than always naming the most frequent condition (7 of 10)" in verdict(against=worse)


def test_shares_are_hundredths_where_tenths_would_say_all_none_or_the_same() -> None:
    assert "about 97 of 100" in verdict(
        against={"cell": cell(0.97, 0.96, 0.98), "line": 0.5, "beats": True, "settled": True}
    )
    assert "about 66 of 100" in verdict(
        against={"cell": cell(0.66, 0.6, 0.7), "line": 0.71, "beats": False, "settled": False}
    )


def test_the_weakest_condition_is_not_called_worse_where_intervals_meet() -> None:
    classes = headline()["classes"] | {"best": {"name": "mole", "cell": cell(0.65, 0.6, 0.75)}}
    told = verdict(classes=classes)
    assert "no condition is clearly worse than another" in told
    assert "best on" not in told


def test_a_clear_gap_says_its_direction_and_how_many_sources_show_it() -> None:
    first = headline()["tone"]["sources"][0]
    clear = first | {"gap": cell(-0.2, -0.3, -0.1), "excludes_zero": True}
    told = verdict(tone={"reason": None, "sources": [first, clear]})
    assert "by 1 of 2 sources of labels: worse, −0.20 (−0.30 to −0.10)." in told
    lower = clear | {"metric": {"short": "Hamming loss", "direction": "lower"}}
    assert ": better, −0.20" in verdict(tone={"reason": None, "sources": [lower]})
    assert "nothing is known" in verdict(tone={"reason": "no labels", "sources": []})


def test_intervals_that_touch_do_not_stand_apart() -> None:
    assert apart(cell(1, 0.9, 1.1), cell(2, 1.2, 2.1))
    assert not apart(cell(1, 0.9, 1.2), cell(2, 1.2, 2.1))
    assert not apart(cell(1), cell(2, 1.2, 2.1))
    assert excludes(cell(0.2, 0.1, 0.3))
    assert not excludes(cell(0.2, 0.004, 0.3))
    assert not excludes(None)
    assert joined(["a", "b", "c"]) == "a, b and c"


def test_every_sentence_of_a_section_stands_on_the_page_right_after_its_heading(probed: Any, probed_page: str) -> None:
    view = build_view(*probed)
    assert {"methods", "classes", "skin-tone", "decisions"} <= set(view["takeaways"])
    for section, said in view["takeaways"].items():
        start = probed_page.split(f'<section id="{section}"')
        assert len(start) == 2, section
        body = start[1].split("</section>")[0]
        assert '<p class="takeaway">' in body.split("<figure")[0], section
        strong = next(p["strong"] for p in said if isinstance(p, dict) and "strong" in p)
        assert f"<b>{strong}</b>" in body


def test_methods_are_counted_as_their_paired_intervals_say(probed: Any) -> None:
    view = build_view(*probed)
    rows = view["comparison"]["rows"]
    for row, ends in zip(rows, [(0.1, 0.3), (0.2, 0.4), (-0.3, -0.1), (-0.1, 0.1)], strict=False):
        low, high = ends
        row["versus"][0] = cell((low + high) / 2, low, high) | {"excludes_zero": not low <= 0 <= high}
    told = words(takeaways_view(view)["methods"])
    assert "4 other methods against zero-shot: 2 clearly better, 1 clearly worse and 1 no clear difference." in told


def test_what_is_not_shown_of_a_group_is_listed_with_the_reason(single: Any) -> None:
    view = build_view(*single)
    tone = next(t for t in view["tones"] if t["suppressed"])
    listed = {line["name"]: line for line in suppressed_view(tone)}
    for i, level in enumerate(tone["levels"]):
        silent = [r["name"] for r in tone["classes"] if r["cells"][i] is not None and r["cells"][i]["value"] is None]
        shown = [c["name"] for c in listed.get(level["name"], {"classes": []})["classes"]]
        assert shown == silent
    assert all(c["count"] < 10 for line in listed.values() for c in line["classes"])


def test_one_panel_a_class_hardest_first_with_every_leading_method(probed: Any) -> None:
    view = build_view(*probed)
    found = view["multiples"]
    assert [m["name"] for m in found["methods"]][:2] == ["Zero-shot", "Linear probe"]
    assert len(found["panels"]) == len(view["classes"]["rows"])
    first = [p["cells"][0]["value"] for p in found["panels"] if p["cells"][0]["value"] is not None]
    assert first == sorted(first)
    assert all(len(p["cells"]) == len(found["methods"]) for p in found["panels"])
    assert all(p["reason"] for p in found["panels"] if all(c is None or c["value"] is None for c in p["cells"]))


def test_a_run_with_one_method_has_no_panels_of_several(make_run: Callable[..., Any]) -> None:
    view = build_view(*make_run(prompt_sets=1, units=200))
    assert view["multiples"] is None
    assert 'data-chart="classes-auroc"' in render(view)


def test_all_methods_share_one_axis_with_the_band_of_zero_shot(probed: Any) -> None:
    spec = build_charts(build_view(*probed))["comparison-0"]["spec"]
    scales = [e["x"]["scale"]["domain"] for layer in spec["layer"] if "scale" in (e := layer["encoding"])["x"]]
    assert len(scales) >= 3
    assert all(domain == scales[0] for domain in scales)
    names, places = (p["value"] for p in spec["params"])
    assert len(names) == len(places)
    assert "1 shot" in names
    assert any("Linear probe" in name for name in names)
    band = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "rect")
    assert set(band["data"]["values"][0]) == {"lo", "hi"}
    marks = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "point")["data"]["values"]
    assert {m["y"] for m in marks if m["k"] == "m"} <= set(places)
    assert len({m["k"] for m in marks}) > 2


def test_decisions_lie_on_the_curve_where_the_table_says(single: Any) -> None:
    view = build_view(*single)
    ids = [m["id"] for m in view["classes"]["metrics"]]
    for one, row in zip(view["curves"]["classes"], view["classes"]["rows"], strict=True):
        used = [m for m in one["marks"] if m["kind"] == "used"]
        if one["roc"] is None:
            assert one["marks"] == []
            continue
        sensitivity, specificity = (row["cells"][ids.index(m)]["value"] for m in ("sensitivity", "specificity"))
        assert used[0]["roc"] == pytest.approx([1 - specificity, sensitivity], abs=1e-4)
        read = next(m for m in one["marks"] if m["kind"] == "read")
        assert read["roc"][0] <= 0.05 + 1e-9
        assert read["roc"][1] == one["roc"]["read"][-1]["value"]


def test_curves_without_points_have_no_marks() -> None:
    curves = {"classes": [{"id": "a", "roc": None, "pr": None}], "reason": None}
    empty = {"metrics": [], "rows": []}
    made = with_marks(curves, empty, {"targets": [], "metrics": [], "classes": []})
    assert made["classes"][0]["marks"] == []
    assert made["kinds"] == []


def test_both_ways_of_counting_classes_stand_there_without_script(single: Any, pages: dict[str, str]) -> None:
    section = pages["single"].split('<section id="skin-tone"')[1].split("</section>")[0]
    tones = [t for t in build_view(*single)["tones"] if t["unavailable"] is None and t["metrics"]]
    assert section.count('data-standard="all"') == section.count('data-standard="same"') == len(tones)


def test_the_command_can_be_selected_as_a_whole(pages: dict[str, str]) -> None:
    assert '<pre class="command" tabindex="0"><code>vlmeval run' in pages["single"]
