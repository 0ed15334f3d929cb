"""The view: what the page will say, as plain data."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vlmeval.records import MetricRow, RunRecord
from vlmeval.report import build_view, render


def _row(record: RunRecord, **wanted: Any) -> MetricRow:
    """Return the one row of the record with these fields; headline method, unit level unless said otherwise."""
    fields = {"method": "zero-shot/photo", "level": "unit", "class_id": None, "group": None, "group_level": None}
    fields |= wanted
    found = [r for r in record.rows if all(getattr(r, k) == v for k, v in fields.items())]
    assert len(found) == 1, fields
    return found[0]


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_view_is_json_and_the_same_every_time(make_run: Any, task: str) -> None:
    record, predictions = make_run(task=task, units=200, prompt_sets=2)
    first, second = build_view(record, predictions), build_view(record, predictions)
    text = json.dumps(first, allow_nan=False)
    assert text == json.dumps(second, allow_nan=False)
    assert json.loads(text) == first


def test_no_key_hides_behind_a_method_of_dict_in_the_templates(single: Any) -> None:
    def keys(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set(value).union(*map(keys, value.values()))
        return set().union(*map(keys, value)) if isinstance(value, list) else set()

    record, predictions = single
    assert not keys(build_view(record, predictions)) & set(dir(dict))


def test_headline_figures_are_the_rows_of_the_card_s_metrics_at_the_headline_level(single: Any) -> None:
    record, predictions = single
    figures = build_view(record, predictions)["headline"]["figures"]
    assert [f["metric"]["id"] for f in figures] == ["balanced-accuracy", "auroc"]
    for figure, averaging in zip(figures, ("overall", "macro"), strict=True):
        row = _row(record, metric=figure["metric"]["id"], averaging=averaging)
        assert (figure["cell"]["value"], figure["cell"]["low"], figure["cell"]["high"]) == (
            row.value,
            row.low,
            row.high,
        )
    assert figures[0]["references"] == [{"name": "Guessing", "value": pytest.approx(1 / 7)}]
    assert figures[1]["references"] == [{"name": "Guessing", "value": 0.5}]


def test_worst_tone_level_is_the_lowest_answered_one(single: Any) -> None:
    record, predictions = single
    source = build_view(record, predictions)["headline"]["tone"]["sources"][0]
    assert source["id"] == "fst-self"
    levels = [f"l{i}" for i in range(3)]
    wanted = {"metric": "balanced-accuracy", "averaging": "overall", "group": "fst-self"}
    rows = [_row(record, **wanted, group_level=level) for level in levels]
    worst = min(rows, key=lambda r: r.value or 0.0)
    assert source["worst"]["id"] == worst.group_level
    assert source["worst"]["cell"]["value"] == worst.value
    assert source["worst"]["cell"]["n_units"] == worst.n_units
    assert (source["first"], source["last"]) == ("FST I–II", "FST V–VI")


def test_for_a_metric_where_lower_is_better_the_worst_level_is_the_highest(make_run: Any) -> None:
    record, predictions = make_run(task="multi-label", units=300, prompt_sets=1)
    card = record.benchmark.model_copy(update={"headline_metrics": ("hamming-loss",)})
    record = record.model_copy(update={"benchmark": card})
    source = build_view(record, predictions)["headline"]["tone"]["sources"][0]
    values = {
        f"l{i}": _row(record, metric="hamming-loss", averaging="overall", group="fst-self", group_level=f"l{i}").value
        for i in range(3)
    }
    assert source["worst"]["id"] == max(values, key=lambda k: values[k] or 0.0)
    assert source["best"]["id"] == min(values, key=lambda k: values[k] or 0.0)


def test_without_tone_labels_the_reason_stands_in_their_place(make_run: Any) -> None:
    record, predictions = make_run(tones=False, units=120, prompt_sets=1)
    view = build_view(record, predictions)
    assert "no skin-tone label" in view["headline"]["tone"]["reason"]
    assert [t["unavailable"] for t in view["tones"]] == [view["headline"]["tone"]["reason"]]


def test_suppressed_cells_keep_count_and_reason(single: Any) -> None:
    record, predictions = single
    tones = build_view(record, predictions)["tones"][0]
    cells = [c for line in tones["classes"] for c in line["cells"]]
    hidden = [c for c in cells if c["value"] is None]
    assert hidden
    assert all(c["reason"] and c["n_positive"] is not None for c in hidden)
    assert any(c["value"] is not None for c in cells)


def test_missing_levels_are_listed_and_never_lead(single: Any) -> None:
    record, predictions = single
    tone = build_view(record, predictions)["tones"][0]
    assert [lv["id"] for lv in tone["levels"] if lv["missing"]] == ["not-gradable", "not-answered"]
    assert [g["id"] for g in tone["metrics"][0]["gaps"]] == ["worst", "max-min", "last-first", "ratio"]


def test_confusion_matrix_counts_every_unit_once(single: Any) -> None:
    record, predictions = single
    made = predictions[0]
    matrix = build_view(record, predictions)["confusion"]
    assert sum(map(sum, matrix["counts"])) == len(made)
    assert matrix["totals"] == made.y_true.sum(axis=0).tolist()
    right = sum(matrix["counts"][k][k] for k in range(7)) / len(made)
    assert right == pytest.approx(_row(record, metric="accuracy", averaging="overall").value)


def test_multi_label_runs_show_thresholds_instead_of_a_confusion_matrix(multi: Any) -> None:
    record, predictions = multi
    view = build_view(record, predictions)
    assert view["confusion"] is None
    assert [r["threshold"] for r in view["thresholds"]["rows"]] == list(predictions[0].decision.thresholds)
    assert view["thresholds"]["chosen_on"] == "chosen on validation rows (90)"


@pytest.mark.parametrize(
    ("record_says", "page_says"),
    [
        ("fixed in advance at 0.5", "fixed in advance at 0.5"),
        ("given", "given by whoever scored the file"),
        ("training rows (12)", "chosen on training rows (12)"),
    ],
)
def test_how_thresholds_came_about_continues_a_sentence(multi: Any, record_says: str, page_says: str) -> None:
    record, predictions = multi
    methods = tuple(m.model_copy(update={"chosen_on": record_says}) for m in record.methods)
    view = build_view(record.model_copy(update={"methods": methods}), predictions)
    assert view["thresholds"]["chosen_on"] == view["about"]["chosen_on"] == page_says


def test_a_run_led_by_images_counts_images_and_units(make_run: Any) -> None:
    record, predictions = make_run(units=120, prompt_sets=1)
    benchmark = record.benchmark.model_copy(update={"headline_level": "image"})
    lead = build_view(record.model_copy(update={"benchmark": benchmark}), predictions)["headline"]["lead"]
    row = _row(record, level="image", metric="accuracy", group=None)
    assert row.n > row.n_units == 120
    assert lead["units"] == f"{row.n} images of 120 lesions"


def test_levels_with_too_few_to_say_are_named_beside_the_weakest(single: Any) -> None:
    record, predictions = single
    gone = {"value": None, "low": None, "high": None, "reason": "suppressed: fewer than 10 lesions (9)"}
    rows = tuple(r.model_copy(update=gone) if r.group_level in ("l2", "last-first") else r for r in record.rows)
    view = build_view(record.model_copy(update={"rows": rows}), predictions)
    source = view["headline"]["tone"]["sources"][0]
    assert source["silent"] == ["FST V–VI"]
    page = render(view).split('id="overall"')[0]
    assert "too few lesions to compare:" in page
    assert "the first or the last level has too few lesions" in page
    whole = build_view(record, predictions)["headline"]["tone"]["sources"][0]
    assert whole["silent"] == []


def test_headline_figures_say_over_how_many_classes(single: Any) -> None:
    record, predictions = single
    rows = tuple(
        r.model_copy(update={"n_classes": 4}) if (r.metric, r.averaging, r.group) == ("auroc", "macro", None) else r
        for r in record.rows
    )
    page = render(build_view(record.model_copy(update={"rows": rows}), predictions)).split('id="overall"')[0]
    assert page.count("over 4 of 7 classes") == 1


def test_class_and_group_counts_are_said_to_be_of_what_is_reported(single: Any) -> None:
    page = render(build_view(*single)).split('id="data"')[1].split('id="audit"')[0]
    lead = build_view(*single)["headline"]["lead"]
    assert page.count(f"In what is reported here ({lead['units']}, {lead['split']} split)") == 1
    assert page.count(f"in what is reported here ({lead['units']}, {lead['split']} split)") == 1


def test_names_that_cards_set_in_backticks_read_as_words(single: Any) -> None:
    record, predictions = single
    benchmark = record.benchmark.model_copy(
        update={"summary": "See `scin` for <more>.", "known_issues": ("as in `scin`",)}
    )
    page = render(build_view(record.model_copy(update={"benchmark": benchmark}), predictions))
    assert "See scin for &lt;more&gt;." in page
    assert "<li>as in scin</li>" in page


def test_page_warns_of_many_comparisons_and_of_intervals_without_width(single: Any) -> None:
    page = render(build_view(*single))
    assert "by chance alone" in page.split('id="overall"')[0]
    assert "chosen for each metric by simulation" in page.split('id="how"')[1]
    assert "not detailed by group" in page.split('id="prompt-sets"')[1].split("</section>")[0]


def test_curves_start_and_end_in_the_corners_and_classes_without_auroc_say_why(make_run: Any) -> None:
    record, predictions = make_run(units=150, prompt_sets=1)
    curves = build_view(record, predictions)["curves"]["classes"]
    drawn = [c for c in curves if c["reason"] is None]
    hidden = [c for c in curves if c["reason"] is not None]
    assert drawn
    assert hidden
    for c in drawn:
        assert c["roc"]["points"][0] == [0.0, 0.0]
        assert c["roc"]["points"][-1] == [1.0, 1.0]
        assert c["pr"]["points"][-1] == [1.0, c["pr"]["chance"]]
    for c in hidden:
        row = _row(record, metric="auroc", averaging="class", class_id=c["id"])
        assert c["reason"] == row.reason
        assert c["roc"] is None


def test_reading_of_the_curve_is_the_best_sensitivity_at_that_specificity(single: Any) -> None:
    record, predictions = single
    y, s = predictions[0].y_true[:, 0], predictions[0].scores[:, 0]
    best = max((s[y] >= t).mean() for t in s if (s[~y] < t).mean() >= 0.9)
    read = {r["at"]: r["value"] for r in build_view(record, predictions)["curves"]["classes"][0]["roc"]["read"]}
    assert read[0.9] == pytest.approx(best, abs=1e-4)


def test_scores_that_are_no_probabilities_have_no_reliability_diagram(single: Any) -> None:
    from dataclasses import replace

    record, predictions = single
    made = [replace(p, kind="cosine") for p in predictions]
    view = build_view(record, made)["calibration"]
    assert view["lines"] == []
    assert "not probabilities" in view["no_probability"]


def test_without_kept_scores_the_view_says_so(single: Any) -> None:
    record, _ = single
    view = build_view(record, [])
    assert "not kept" in view["curves"]["reason"]
    assert view["confusion"] is None
    assert view["headline"]["figures"][0]["cell"]["value"] is not None


def test_prompt_sets_are_compared_and_the_headline_is_named(single: Any) -> None:
    record, predictions = single
    compared = build_view(record, predictions)["comparison"]
    assert [r["name"] for r in compared["rows"] if r["headline"]] == ["Photo templates"]
    values = [r["cells"][0]["value"] for r in compared["rows"]]
    assert compared["spread"][0]["best"] == max(values)
    assert compared["spread"][0]["worst"] == min(values)


def test_accuracy_below_the_majority_line_is_said(single: Any) -> None:
    record, predictions = single
    rows = tuple(
        r.model_copy(update={"value": 0.2}) if r.metric == "accuracy" and r.group is None else r for r in record.rows
    )
    against = build_view(record.model_copy(update={"rows": rows}), predictions)["headline"]["against"]
    assert against["metric"]["id"] == "accuracy"
    assert not against["beats"]
    assert against["settled"]
    assert build_view(record, predictions)["headline"]["against"]["beats"]


def test_an_interval_that_holds_the_majority_line_is_not_called_worse(single: Any) -> None:
    record, predictions = single
    line = _row(record, metric="accuracy-majority", group=None, level="unit").value
    assert line is not None
    near = {"value": line - 0.01, "low": line - 0.05, "high": line + 0.03}
    rows = tuple(r.model_copy(update=near) if r.metric == "accuracy" and r.group is None else r for r in record.rows)
    view = build_view(record.model_copy(update={"rows": rows}), predictions)
    assert not view["headline"]["against"]["beats"]
    assert not view["headline"]["against"]["settled"]
    assert "is <b>no better</b> than" in render(view)


def test_a_class_without_positives_has_a_prevalence_of_zero(single: Any) -> None:
    record, predictions = single
    first = record.benchmark.classes[0].id
    rows = tuple(r.model_copy(update={"n_positive": 0}) if r.class_id == first else r for r in record.rows)
    view = build_view(record.model_copy(update={"rows": rows}), predictions)
    assert view["classes"]["rows"][0]["prevalence"] == 0.0


def test_a_file_scored_without_a_card_says_why_there_is_no_skin_tone(single: Any) -> None:
    record, predictions = single
    groups = tuple(g for g in record.benchmark.groups if g.kind != "skin-tone")
    update = {
        "model": None,
        "plan": record.plan.model_copy(update={"benchmark": "scored"}),
        "benchmark": record.benchmark.model_copy(update={"groups": groups}),
    }
    page = render(build_view(record.model_copy(update=update), predictions))
    assert page.count("scored without a benchmark card, which would say") == 2
    assert "No skin-tone labels in this data" not in page


def test_command_repeats_the_plan(single: Any) -> None:
    record, predictions = single
    plan = record.plan.model_copy(update={"seed": 3, "draws": 50, "limit": 9, "model": "hf:org/my model"})
    command = build_view(record.model_copy(update={"plan": plan}), predictions)["environment"]["command"]
    assert command.startswith("vlmeval run --model 'hf:org/my model' --bench simulated")
    for part in ("--seed 3", "--draws 50", "--limit 9", "--prompts photo --prompts names"):
        assert part in command
    assert "--split" not in command


def test_scored_predictions_without_a_model_make_a_view(single: Any) -> None:
    record, predictions = single
    view = build_view(record.model_copy(update={"model": None, "prompts": ()}), predictions)
    assert view["title"].startswith("Scored predictions on")
    assert view["headline"]["lead"]["scored"]
    assert view["environment"]["command"].startswith("vlmeval score")


@pytest.mark.parametrize(
    ("data", "model", "line"),
    [(True, True, "Synthetic data and model"), (True, False, "Synthetic data:"), (False, True, "Synthetic model:")],
)
def test_banner_names_what_is_synthetic(single: Any, data: bool, model: bool, line: str) -> None:
    record, predictions = single
    made = record.model_copy(
        update={
            "benchmark": record.benchmark.model_copy(update={"synthetic": data}),
            "model": record.model.model_copy(update={"synthetic": model}),
        }
    )
    assert build_view(made, predictions)["banner"].startswith(line)
    assert build_view(record, predictions)["banner"] is None


def test_an_attribute_that_nobody_answered_is_not_available(single: Any) -> None:
    record, predictions = single
    empty = [
        r.model_copy(update={"n": 0, "n_units": 0, "value": None, "reason": "no rows"})
        if r.group == "sex" and r.group_level in ("female", "male", "worst", "max-min", "last-first")
        else r
        for r in record.rows
    ]
    groups = build_view(record.model_copy(update={"rows": tuple(empty)}), predictions)["groups"]
    assert groups[0]["unavailable"] == "not recorded for any lesion of this run"
    assert build_view(record, predictions)["groups"][0]["unavailable"] is None


@pytest.mark.parametrize(("classes", "leads"), [(3, False), (4, True)])
def test_a_class_standardised_comparison_leads_if_it_covers_half_of_the_classes(
    make_run: Any, classes: int, leads: bool
) -> None:
    record, predictions = make_run(units=700, prompt_sets=1)  # every class in every level, the rare ones in few units
    rows = tuple(
        r.model_copy(update={"n_classes": classes}) if r.averaging == "macro-common" else r for r in record.rows
    )
    source = build_view(record.model_copy(update={"rows": rows}), predictions)["headline"]["tone"]["sources"][0]
    assert source["standardised"] == leads
    assert source["metric"]["id"] == ("sensitivity" if leads else "balanced-accuracy")


def test_levels_over_different_classes_are_compared_over_those_they_share_or_not_at_all(make_run: Any) -> None:
    record, predictions = make_run(task="multi-label", units=260, prompt_sets=1)
    plain = _row(record, metric="auroc", averaging="macro", group="fst-self", group_level="max-min")
    assert plain.reason == "the levels cover different classes"
    source = build_view(record, predictions)["headline"]["tone"]["sources"][0]
    assert source["standardised"]
    assert 0 < source["worst"]["cell"]["n_classes"] == source["best"]["cell"]["n_classes"]
    none = tuple(r for r in record.rows if r.averaging != "macro-common")
    alone = build_view(record.model_copy(update={"rows": none}), predictions)["headline"]["tone"]["sources"][0]
    assert alone["worst"] is None


def test_a_class_standardised_comparison_over_no_class_is_left_out_and_said(single: Any) -> None:
    record, predictions = single
    none = tuple(
        r.model_copy(update={"value": None, "reason": "no common class"}) if r.averaging == "macro-common" else r
        for r in record.rows
    )
    tone = build_view(record.model_copy(update={"rows": none}), predictions)["tones"][0]
    assert tone["too_narrow"] == {"common": 0, "classes": 7}
    assert not any(m["standardised"] for m in tone["metrics"])
