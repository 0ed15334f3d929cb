"""The section on calibrated zero-shot: what it says changed, what was learned, and that zero-shot stays itself."""

from __future__ import annotations

from typing import Any

import pytest
from made_up_runs import HOSTILE

from vlmeval.records import Difference, Finding, MetricRow, RunRecord
from vlmeval.report import build_view, render

CHANGES = {"balanced-accuracy": (-0.1, -0.2, -0.05), "accuracy": (0.2, 0.1, 0.3), "log-loss": (-0.4, -0.5, -0.3),
           "ece": (0.01, -0.02, 0.04)}  # fmt: skip


def with_calibrated(record: RunRecord, **more: Any) -> RunRecord:
    """Return the record with corrected priors beside its headline: every number moved by ``CHANGES``."""
    leading = record.headline_method
    title = next(p.title for p in record.prompts if p.id == leading.prompts)
    method = leading.model_copy(
        update={
            "id": f"{leading.id}+prior",
            "kind": "zero-shot+prior",
            "title": f"Zero-shot, {title}, priors corrected (class frequencies)",
            "headline": False,
            "parameters": {
                "calibration": "prior", "labels": "class frequencies", "fitted_on": "training rows",
                "fitted_rows": 1234, "fitted_units": 1000, "no_units": [record.benchmark.class_ids[1]],
                "class_bias": {c: 0.25 * i for i, c in enumerate(record.benchmark.class_ids)}, **more,
            },
        }
    )  # fmt: skip
    own = [r for r in record.rows if (r.method, r.level) == (leading.id, leading.level)]
    whole = {(r.metric, r.averaging): r for r in own if r.class_id is None and r.group is None}
    changed = [row for (metric, _), row in whole.items() if metric in CHANGES]
    return record.model_copy(
        update={
            "methods": (*record.methods, method),
            "rows": (*record.rows, *(_moved(r, method.id) for r in own)),
            "differences": tuple(_difference(r, method.id, leading.id) for r in changed),
        }
    )


def _moved(row: MetricRow, method: str) -> MetricRow:
    by = CHANGES.get(row.metric, (0.0,))[0]
    return row.model_copy(update={"method": method, "value": None if row.value is None else row.value + by})


def _difference(row: MetricRow, method: str, versus: str) -> Difference:
    value, low, high = CHANGES[row.metric]
    same = ("level", "metric", "averaging", "class_id", "group", "group_level", "n", "n_units")
    return Difference(
        method=method, versus=versus, value=value, low=low, high=high, **{k: getattr(row, k) for k in same}
    )


def test_a_run_without_calibrations_has_no_section(single: Any) -> None:
    view = build_view(*single)
    assert view["calibrated"] is None
    assert "Zero-shot, calibrated" not in render(view)


def test_metrics_are_sorted_by_what_their_paired_intervals_say(single: Any) -> None:
    view = build_view(with_calibrated(single[0]), single[1])
    (row,) = view["calibrated"]["rows"]
    assert row["better"] == ["accuracy", "log-loss"]
    assert row["worse"] == ["balanced accuracy"]
    assert row["unclear"] == ["expected calibration error"]
    assert row["name"] == "Priors corrected (class frequencies)"
    assert row["labels"] == "how often each class occurs, no more"
    assert row["learned_from"].startswith("training rows: 1,000 ")
    assert row["classes"]["columns"] == ["Added to its logit"]
    assert [one["values"] for one in row["classes"]["rows"]][:3] == [[0.0], [0.25], [0.5]]
    assert row["classes"]["rows"][1]["note"] == "no unit to learn from"


def test_it_is_no_prompt_set_no_headline_and_no_trained_method(single: Any) -> None:
    plain, view = build_view(*single), build_view(with_calibrated(single[0]), single[1])
    compared = view["comparison"]
    assert compared["mixed"]
    assert compared["calibrated"]
    assert compared["prompt_sets"] == plain["comparison"]["prompt_sets"]
    assert compared["spread"] == plain["comparison"]["spread"]
    assert compared["rows"][-1]["name"] == "Zero-shot, priors corrected (class frequencies)"
    assert [r["headline"] for r in compared["rows"]].count(True) == 1
    assert view["examples"] is None
    for part in ("headline", "overall", "classes", "tones", "prompts"):
        assert view[part] == plain[part]


def test_answers_that_are_always_the_same_are_called_guessing(single: Any) -> None:
    record = with_calibrated(single[0])
    chance = 1 / len(record.benchmark.classes)
    worst = [
        r.model_copy(update={"value": chance})
        if r.method.endswith("+prior") and r.metric == "balanced-accuracy" and r.group is None
        else r
        for r in record.rows
    ]
    page = render(build_view(record.model_copy(update={"rows": tuple(worst)}), single[1]))
    assert "no better than guessing" in page
    assert "its answers are no better than guessing" not in render(build_view(with_calibrated(single[0]), single[1]))


def test_what_was_left_out_is_said(single: Any) -> None:
    reason = "zero-shot was not calibrated (prior): too few units"
    finding = Finding(code="calibration-left-out", severity="warning", message=reason, count=1)
    record = single[0].model_copy(update={"findings": (*single[0].findings, finding)})
    page = render(build_view(record, single[1]))
    assert "too few units" in page.split('<section id="calibrated"')[1].split("</section>", maxsplit=1)[0]


@pytest.mark.parametrize("which", ["hostile", "multi"])
def test_hostile_names_and_several_labels_make_a_page(which: str, request: pytest.FixtureRequest) -> None:
    record, predictions = request.getfixturevalue(which)
    slopes = dict.fromkeys(record.benchmark.class_ids, 1.5)
    more = {"class_slope": slopes, "shared_slope": [record.benchmark.class_ids[0]], "labels": HOSTILE[0]}
    page = render(build_view(with_calibrated(record, **more), predictions))
    section = page.split('<section id="calibrated"')[1].split("</section>", maxsplit=1)[0]
    assert HOSTILE[0] not in section
    assert "Logit times" in section
    assert "slope of the others" in section
