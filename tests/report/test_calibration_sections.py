"""The sections on calibration, selective use, conformal sets and operating points: numbers, reasons, hostile names."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from made_up_examined import add_examined

from vlmeval.report import build_view, render

SECTIONS = ("calibration", "selective", "conformal", "operating")


def section(page: str, name: str) -> str:
    return page.split(f'<section id="{name}"')[1].split("</section>", maxsplit=1)[0]


@pytest.fixture(scope="module")
def examined(single: Any) -> Any:
    return add_examined(single)


@pytest.fixture(scope="module")
def examined_multi(multi: Any) -> Any:
    return add_examined(multi)


@pytest.fixture(scope="module")
def page(examined: Any) -> str:
    return render(build_view(*examined))


@pytest.fixture(scope="module")
def unchosen(single: Any) -> str:
    """The page of a run without validation rows."""
    return render(build_view(*add_examined(single, validation=False)))


@pytest.fixture(scope="module")
def unexamined(single: Any) -> str:
    """The page of a run that was not examined."""
    return render(build_view(*single))


@pytest.fixture(scope="module")
def toneless(make_run: Any) -> str:
    """The page of a run without skin-tone labels."""
    return render(build_view(*add_examined(make_run(tones=False))))


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_is_in_the_contents_and_says_what_it_was_chosen_on(page: str, name: str) -> None:
    assert f'href="#{name}"' in page
    assert "validation units (300)" in section(page, name)
    assert "Not available" not in section(page, name)


def test_every_chart_of_a_section_has_a_specification_and_a_table_beside_it(page: str) -> None:
    data = json.loads(re.search(r'<script type="application/json" id="chart-data">(.*?)</script>', page, re.S)[1])  # type: ignore[index]
    for name in SECTIONS:
        shown = re.findall(r'data-chart="([^"]+)"', section(page, name))
        assert shown
        for chart in shown:
            assert chart in data["charts"]
            assert data["charts"][chart].get("family") in {None, *data["families"]}
        assert section(page, name).count("<table") >= 1


def test_metrics_before_and_after_are_those_of_the_record(examined: Any) -> None:
    record, predictions = examined
    view = build_view(record, predictions)["calibration"]
    row = next(m for m in view["metrics"] if m["metric"]["id"] == "ece")
    own = [r for r in record.rows if (r.metric, r.group, r.method, r.level) == ("ece", None, "zero-shot/photo", "unit")]
    after = [r for r in record.examined.rows if (r.metric, r.group) == ("ece", None)]
    assert row["before"]["value"] == own[0].value
    assert row["after"]["value"] == after[0].value
    assert [one["name"] for one in view["lines"]] == ["As the model gives them", "After temperature scaling"]
    assert not any(m["metric"]["id"] == "aurc" for m in view["metrics"])


def test_levels_of_every_source_have_their_lines_and_their_rows(examined: Any) -> None:
    view = build_view(*examined)
    for name in ("calibration", "selective", "conformal", "operating"):
        assert [t["id"] for t in view[name]["tones"]] == ["fst-self", "monk-us"]
    tone = view["selective"]["tones"][0]
    assert [one["name"] for one in tone["lines"]] == ["FST I–II", "FST III–IV", "FST V–VI"]
    assert [row["missing"] for row in tone["rows"]] == [False, False, False, True, True]
    assert all(row["answered"]["value"] is not None for row in tone["rows"][:3])
    own = view["conformal"]["tones"][0]["rows"][0]
    assert own["units"] > 50
    assert own["expected"][0] < 0.9 < own["expected"][1]


def test_malignancy_leads_the_operating_points_where_the_card_knows_it(single: Any, examined_multi: Any) -> None:
    record, predictions = single
    classes = tuple(c.model_copy(update={"malignant": k in (1, 3)}) for k, c in enumerate(record.benchmark.classes))
    known = record.model_copy(update={"benchmark": record.benchmark.model_copy(update={"classes": classes})})
    view = build_view(*add_examined((known, predictions)))["operating"]
    assert view["malignant"] is True
    assert next(t["title"] for t in view["targets"]) == "Sensitivity of at least 90\u00a0%"
    assert [p["name"] for p in view["decision"]["panels"]] == ["Malignant"]
    assert all(c["value"] is not None for t in view["targets"] for c in t["cells"])
    other = build_view(*examined_multi)["operating"]
    assert other["malignant"] is False
    assert len(other["decision"]["panels"]) == 3


@pytest.mark.parametrize("name", SECTIONS)
def test_without_validation_rows_each_section_says_why(unchosen: str, name: str) -> None:
    assert "there are no validation units to choose on" in section(unchosen, name)


@pytest.mark.parametrize("name", SECTIONS)
def test_a_run_that_was_not_examined_says_so_and_keeps_its_reliability_diagram(unexamined: str, name: str) -> None:
    assert "not examined in this run" in section(unexamined, name)
    assert ('data-chart="reliability"' in section(unexamined, name)) == (name == "calibration")


@pytest.mark.parametrize("name", SECTIONS)
def test_without_tone_labels_the_place_of_the_tones_says_why(toneless: str, name: str) -> None:
    found = section(toneless, name)
    assert "Per skin tone: not available." in found
    assert "dermatoscopy hides the surrounding skin" in found


def test_hostile_names_stay_text(hostile: Any) -> None:
    made = render(build_view(*add_examined(hostile)))
    for name in SECTIONS:
        assert "<script>alert" not in section(made, name)
        assert "&lt;script&gt;alert" in section(made, name) or name in ("calibration", "selective")


def test_the_same_record_gives_the_same_view_and_nothing_that_json_lacks(examined: Any) -> None:
    views = [json.dumps(build_view(*examined), allow_nan=False) for _ in range(2)]
    assert views[0] == views[1]


def test_a_line_has_at_most_41_points_of_four_decimals(examined: Any, examined_multi: Any) -> None:
    for record, _ in (examined, examined_multi):
        for curve in record.examined.curves:
            assert len(curve.x) <= 41
            assert all(round(v, 4) == v for v in (*curve.x, *curve.y) if v is not None)
