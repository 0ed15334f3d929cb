"""Few-shot curves: panels, what they are measured against, words a clinician understands, and their charts."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from vlmeval.records import MetricRow, RunRecord
from vlmeval.records.probe import Shortfall, ShotsNeeded
from vlmeval.report import build_view, headline_method, render
from vlmeval.report.charts import shots
from vlmeval.report.fewshot_words import needed_view, shortfalls


def _row(record: RunRecord, **wanted: Any) -> MetricRow:
    fields = {"level": "unit", "class_id": None, "group": None, "group_level": None} | wanted
    found = [r for r in record.rows if all(getattr(r, k) == v for k, v in fields.items())]
    assert len(found) == 1, fields
    return found[0]


@pytest.fixture(scope="module")
def few(probed: Any) -> dict[str, Any]:
    found: dict[str, Any] = build_view(*probed)["few_shot"]
    return found


@pytest.fixture(scope="module")
def section(probed_page: str) -> str:
    return probed_page.split('<section id="few-shot"')[1].split("</section>", maxsplit=1)[0]


def _line(panel: dict[str, Any], variant: str) -> dict[str, Any]:
    found: dict[str, Any] = next(line for line in panel["lines"] if line["variant"] == variant)
    return found


def test_points_of_a_curve_are_the_rows_of_its_methods_in_order_of_shots(few: Any, probed: Any) -> None:
    panel = few["metrics"][0]["regimes"][0]["panels"][0]
    line = _line(panel, "Text-anchored probe")
    assert [p["shots"] for p in line["points"]] == ["1", "2", "4", "8", "16", "32", "all"]
    for point in line["points"]:
        row = _row(
            probed[0],
            method=f"few-shot:text-anchored:balanced@{point['shots']}",
            metric="balanced-accuracy",
            averaging="overall",
        )
        assert (point["cell"]["value"], point["cell"]["low"], point["cell"]["high"]) == (row.value, row.low, row.high)
        assert point["cell"]["seeds"] == 10


def test_shots_stand_on_the_log_scale_and_all_stands_apart_behind_them(few: Any) -> None:
    xs = {p["label"]: p["x"] for p in few["positions"]}
    assert [xs[k] for k in ("1", "2", "4", "32")] == [0, 1, 2, 5]
    assert xs["all"] > xs["32"] + 1


def test_zero_shot_and_the_full_probe_stand_in_every_panel(few: Any, probed: Any) -> None:
    record = probed[0]
    for number, metric, averaging in ((0, "balanced-accuracy", "overall"), (1, "auroc", "macro")):
        for regime in few["metrics"][number]["regimes"]:
            panel = regime["panels"][0]
            zero = _row(record, method="zero-shot/photo", metric=metric, averaging=averaging)
            full = _row(record, method="linear-probe", metric=metric, averaging=averaging)
            assert (panel["zero_shot"]["value"], panel["full"]["value"]) == (zero.value, full.value)
    tone = few["tones"][0]["regimes"][0]["panels"][2]
    level = _row(record, method="zero-shot/photo", metric="balanced-accuracy", averaging="overall", group="fst-self",
                 group_level="l2")  # fmt: skip
    assert tone["title"] == "FST V–VI"
    assert tone["zero_shot"]["value"] == level.value


def test_without_a_full_probe_there_is_no_second_reference(probed: Any) -> None:
    record, predictions = probed
    methods = tuple(m for m in record.methods if m.kind != "linear-probe")
    view = build_view(record.model_copy(update={"methods": methods}), predictions)
    assert view["few_shot"]["full"] is None
    assert "Linear probe on all training data" not in render(view).split('<section id="few-shot"')[1].split("</sec")[0]


def test_regimes_are_panels_of_their_own_and_share_axes(few: Any, probed_page: str) -> None:
    assert [r["id"] for r in few["metrics"][0]["regimes"]] == ["balanced", "natural"]
    values = [
        _line(r["panels"][0], "Logistic probe")["points"][0]["cell"]["value"] for r in few["metrics"][0]["regimes"]
    ]
    assert values[0] > values[1]
    data = json.loads(probed_page.split('id="chart-data">')[1].split("</script>", maxsplit=1)[0])
    assert data["charts"]["shots-metric-0-balanced-0"]["family"] == data["charts"]["shots-metric-0-natural-0"]["family"]
    assert data["charts"]["shots-class-balanced-3"]["family"] == "shots-class"


def test_every_class_has_a_panel_with_its_own_rows_and_count(few: Any, probed: Any) -> None:
    record = probed[0]
    panels = few["classes"]["regimes"][0]["panels"]
    assert few["classes"]["metric"]["id"] == "auroc"
    assert [p["title"] for p in panels] == [c.name for c in record.benchmark.classes]
    row = _row(record, method="few-shot:cache:balanced@4", metric="auroc", averaging="class", class_id="class-2")
    assert _line(panels[2], "Training-free cache")["points"][2]["cell"]["value"] == row.value
    assert panels[2]["n_positive"] == row.n_positive


def test_suppressed_classes_say_why_in_place_of_a_chart(make_run: Any, with_probes: Any) -> None:
    record, predictions = with_probes(make_run(units=120, prompt_sets=1), regimes=("balanced",))
    view = build_view(record, predictions)
    hidden = [p for p in view["few_shot"]["classes"]["regimes"][0]["panels"] if p["reason"]]
    assert hidden
    assert all("fewer than 10" in p["reason"] for p in hidden)
    page = render(view)
    places = page.count('data-chart="shots-class-')
    assert places == len(record.benchmark.classes) - len(hidden)


def test_gap_panels_show_the_last_minus_first_level_and_how_it_closes(few: Any, probed: Any) -> None:
    gap = few["tones"][0]["gap"]
    panel = gap["regimes"][0]["panels"][0]
    assert panel["title"] == "FST V–VI minus FST I–II"
    row = _row(probed[0], method="few-shot:text-anchored:balanced@all", metric="balanced-accuracy", averaging="overall",
               group="fst-self", group_level="last-first")  # fmt: skip
    assert _line(panel, "Text-anchored probe")["points"][-1]["cell"]["value"] == row.value
    closing = next(c for c in gap["closing"] if c["variant"] == "Text-anchored probe" and c["regime"] == "Balanced")
    assert (closing["first"]["shots"], closing["last"]["shots"]) == ("1", "all")
    assert closing["last"]["cell"]["value"] == row.value


def test_differences_from_zero_shot_stand_beside_the_points_they_belong_to(few: Any, probed: Any) -> None:
    known = next(
        d
        for d in probed[0].differences
        if (d.method, d.metric, d.averaging, d.group) == ("few-shot:logistic:natural@8", "auroc", "macro", None)
    )
    point = _line(few["metrics"][1]["regimes"][1]["panels"][0], "Logistic probe")["points"][3]
    assert point["versus"]["value"] == known.value
    assert point["versus"]["excludes_zero"] == (not known.low <= 0 <= known.high)


def test_without_differences_no_delta_is_explained(probed: Any, section: str) -> None:
    record, predictions = probed
    page = render(build_view(record.model_copy(update={"differences": ()}), predictions))
    assert "Δ" in section
    assert "Δ" not in page


def test_balanced_draws_of_several_labels_say_that_common_ones_come_along(few: Any, probed_multi: Any) -> None:
    assert few["regimes"][0]["what"].startswith("as many lesions of every class as there are shots; where a class has")
    assert "bring common ones along" in build_view(*probed_multi)["few_shot"]["regimes"][0]["what"]


def test_few_shot_points_stay_out_of_every_other_list(probed: Any) -> None:
    view = build_view(*probed)
    for part in ("comparison", "for_whom", "fitted", "overall", "prompts"):
        assert "few-shot:" not in json.dumps(view[part]), part


def test_a_run_of_few_shot_alone_leads_with_zero_shot(probed: Any) -> None:
    record, predictions = probed
    points = [m for m in record.methods if m.kind == "few-shot"]
    others = [m.model_copy(update={"headline": False}) for m in record.methods if m.kind == "zero-shot"]
    made = record.model_copy(update={"methods": tuple(points + others), "plan": record.plan})
    assert headline_method(made).kind == "zero-shot"
    view = build_view(made, predictions)
    assert view["method"] == "Zero-shot, photo templates"
    assert view["few_shot"]["zero_shot"] is not None


def test_a_run_of_nothing_but_few_shot_points_still_makes_a_page(probed: Any) -> None:
    record, _ = probed
    points = tuple(m for m in record.methods if m.kind == "few-shot")
    view = build_view(record.model_copy(update={"methods": points, "prompts": (), "differences": ()}), [])
    assert view["few_shot"]["zero_shot"] is None
    assert view["comparison"]["rows"] == []
    assert 'id="few-shot"' in render(view)


# ---- words


def test_shots_needed_read_as_words(probed: Any, few: Any, section: str) -> None:
    first, *_ = few["needed"]["rows"]
    assert (first["variant"], first["regime"]) == ("Text-anchored probe", "Balanced")
    assert [m["id"] for m in few["needed"]["metrics"]] == ["balanced-accuracy", "auroc"]
    assert first["cells"][0] == {
        "known": True,
        "on_average": "from 1 lesion a class on",
        "surely": "from 4 lesions a class on",
    }
    last = next(r for r in few["needed"]["rows"] if r["variant"] == "Nearest class mean")
    assert (last["cells"][0]["on_average"], last["cells"][0]["surely"]) == ("only with all training lesions", None)
    assert "only with all training lesions" in section
    assert ">never<" in section


def test_a_curve_that_lacks_a_metric_is_not_said_to_never_win(probed: Any) -> None:
    curve = "few-shot:{}:balanced".format
    needed = [
        ShotsNeeded(curve=curve("cache"), versus="z", metric="auroc", on_average=2, surely=None),
        ShotsNeeded(curve=curve("logistic"), versus="z", metric="f1", on_average=2, surely=8),
    ]
    names = {"cache": ("Cache", ""), "logistic": ("Logistic", "")}
    view = needed_view(needed, probed[0], names, {"balanced": ("Balanced", "")})
    cells = {r["variant"]: r["cells"] for r in view["rows"]}
    assert not cells["Cache"][1]["known"]
    assert cells["Cache"][0]["known"]
    assert cells["Logistic"][1]["surely"] == "from 8 lesions a class on"


def test_shortfalls_name_the_class_its_units_and_from_when(probed: Any) -> None:
    found = [
        Shortfall(class_id="class-6", shots=64, available=44, done="take-all"),
        Shortfall(class_id="class-6", shots=128, available=44, done="take-all"),
        Shortfall(class_id="class-1", shots=32, available=1, done="drop-class"),
    ]
    assert shortfalls(found, probed[0]) == [
        "Melanoma has 1 lesion: the class is left out from 32 shots on",
        "Dermatofibroma has 44 lesions: all of them are taken from 64 shots on",
    ]


def test_draws_policy_tuning_and_fits_are_told(few: Any, section: str, probed: Any) -> None:
    assert few["draws"][0]["seeds"] == 10
    sizes = {s["shots"]: (s["low"], s["high"]) for s in few["draws"][0]["sizes"]}
    assert sizes["4"] == (28, 28)
    assert sizes["all"] == (2091, 2100)
    for part in (
        "train units (1,800 lesions)",
        "A class with fewer lesions than shots gives all it has.",
        "cross-validation inside the shots",
        "1,820 fits, the worst provably within 8.9e-9",
        "2 of 1,820 fits missed the tolerance of 1e-8; the worst is provably within 2.8e-8",
        "no class text",
    ):
        assert part in section, part
    plan = probed[0].plan
    fixed = plan.model_copy(
        update={"few_shot": plan.few_shot.model_copy(update={"tune": "fixed", "few_units": "drop-class"})}
    )
    told = build_view(probed[0].model_copy(update={"plan": fixed}), [])["few_shot"]
    assert "stated defaults, fixed beforehand" in told["tuning"]
    assert "never predicted" in told["policy"]


def test_without_intervals_nothing_is_said_to_be_or_not_to_be_clearly_better(probed: Any) -> None:
    record = probed[0]
    never = record.few_shot.model_copy(
        update={"needed": tuple(n.model_copy(update={"surely": None}) for n in record.few_shot.needed)}
    )
    for draws, said in ((0, False), (2000, True)):
        plan = record.plan.model_copy(update={"draws": draws})
        page = render(build_view(record.model_copy(update={"plan": plan, "few_shot": never}), []))
        assert ("No few-shot method is clearly better" in page) is said


def test_what_was_chosen_inside_the_shots_is_the_median_over_draws(few: Any) -> None:
    row = few["chosen"][0]
    assert (row["variant"], row["name"]) == ("Text-anchored probe", "C")
    assert row["cells"][0] == {"shots": "1", "middle": "10", "low": "1", "high": "100"}


# ---- charts


def _point(x: float, value: float | None, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    cell = {"value": value, "low": low, "high": high}
    return {"shots": "2", "x": x, "cell": cell, "versus": None}


def _panel(points: list[dict[str, Any]], zero: dict[str, Any] | None = None) -> dict[str, Any]:
    line = {"key": 1, "variant": "Logistic probe", "points": points}
    return {"lines": [line], "zero_shot": zero, "full": None}


def test_chart_rows_leave_out_points_without_a_value_and_close_bands_without_an_interval() -> None:
    rows = shots.datasets(_panel([_point(0, 0.5, 0.4, 0.6), _point(1, None), _point(2, 0.7)]))
    assert [(p["x"], p["v"], p["lo"], p["hi"]) for p in rows["points"]] == [(0, 0.5, 0.4, 0.6), (2, 0.7, 0.7, 0.7)]
    assert rows["zero-shot"] == rows["full"] == rows["none"] == []


def test_axis_holds_every_band_and_zero_shot_of_every_panel() -> None:
    panels = [_panel([_point(0, 0.62, 0.55, 0.7)]), _panel([_point(0, 0.8)], {"value": 0.4, "low": 0.33, "high": 0.5})]
    spec = shots.family([{"x": 0.0, "label": "1"}, {"x": 1.3, "label": "all"}], panels, "AUROC", small=True)
    marks = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "point")
    low, high = marks["encoding"]["y"]["scale"]["domain"]
    assert low <= 0.33
    assert high >= 0.8
    assert high - low < 0.7
    assert "'all'" in marks["encoding"]["x"]["axis"]["labelExpr"]


def test_gap_axis_holds_zero_and_draws_it() -> None:
    panel = _panel([_point(0, -0.2, -0.3, -0.1)])
    spec = shots.family([{"x": 0.0, "label": "1"}], [panel], "Gap", small=False, zero=True)
    marks = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "point")
    low, high = marks["encoding"]["y"]["scale"]["domain"]
    assert low <= -0.3
    assert high >= 0
    assert shots.datasets(panel, zero=True)["none"] == [{"v": 0}]
    assert all(math.isfinite(t) for t in marks["encoding"]["y"]["axis"]["values"])


def test_variants_differ_in_colour_dash_and_marker() -> None:
    assert len(set(shots.COLOURS)) == len(set(shots.SHAPES)) == len({str(d) for d in shots.DASHES}) == 4
