"""Gaps on the page: intervals, tests and plain words; the gaps of each class; nothing where there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from made_up_runs import HOSTILE, Recipe, simulate

from vlmeval.records import MetricRow, RunRecord
from vlmeval.report import build_view, render
from vlmeval.report.gaps import gap_cell, verdict
from vlmeval.stats import Resamples, estimate


def with_tests(recipe: Recipe) -> tuple[RunRecord, list[Any]]:
    record, predictions = simulate(recipe)
    resamples = Resamples.draw(predictions[0].units, 60)
    rows = [row for p in predictions for row in estimate((p,), record.benchmark, resamples, permutations=199).rows()]
    return record.model_copy(update={"rows": tuple(rows)}), predictions


@pytest.fixture(scope="module")
def run() -> tuple[RunRecord, list[Any]]:
    return with_tests(Recipe(prompt_sets=1, image_level=False, units=700))


def row(**facts: Any) -> MetricRow:
    about = {"method": "m", "level": "unit", "metric": "auroc", "averaging": "macro", "n": 90, "n_units": 80}
    return MetricRow(**about | {"value": 0.1, "group": "g", "group_level": "max-min"} | facts)


@pytest.mark.parametrize(
    ("p", "adjusted", "words", "chance"),
    [
        (0.003, 0.02, "p = 0.003, adjusted 0.020", False),
        (0.0005, 0.0005, "p < 0.001, adjusted < 0.001", False),
        (0.21, 0.4, "p = 0.21, adjusted 0.40", True),
        (None, None, None, None),
    ],
)
def test_tests_in_words(p: float | None, adjusted: float | None, words: str | None, chance: bool | None) -> None:
    cell = gap_cell(row(p=p, p_adjusted=adjusted))
    assert cell is not None
    assert (cell["test"], cell["chance"], cell["n_units"]) == (words, chance, 80)
    assert gap_cell(None) is None


def test_the_verdict_counts_what_chance_hardly_explains() -> None:
    def metric(*adjusted: float | None) -> list[dict[str, Any]]:
        cells = [gap_cell(row(p=a, p_adjusted=a)) for a in adjusted]
        return [{"gaps": [{"id": "max-min", "cell": c}, {"id": "worst", "cell": c}]} for c in cells]

    assert verdict(metric(0.01, 0.3, None), [], None) == "Chance hardly explains 1 of the 2 gaps tested here."
    assert verdict(metric(0.2, 0.3), [], None) == "Chance could explain every one of the 2 gaps tested here."
    assert verdict(metric(0.2), [], None) == "Chance could explain the gap."
    assert verdict(metric(None), [], None) is None


def test_gaps_are_shown_with_intervals_tests_and_counts(run: tuple[RunRecord, list[Any]]) -> None:
    record, predictions = run
    tone = build_view(record, predictions)["tones"][0]
    largest = next(g for m in tone["metrics"] for g in m["gaps"] if g["id"] == "max-min" and g["cell"]["value"])
    assert largest["cell"]["test"].startswith("p ")
    assert largest["cell"]["low"] <= largest["cell"]["value"] <= largest["cell"]["high"]
    assert [e["metric"]["id"] for e in tone["errors"]] == ["equal-opportunity-difference", "equalised-odds-difference"]
    assert tone["errors"][0]["cell"]["n_units"] > 0
    of_classes = tone["class_gaps"]
    assert [m["id"] for m in of_classes["metrics"]] == [
        "auroc",
        "sensitivity",
        "specificity",
        "equalised-odds-difference",
    ]
    assert [r["name"] for r in of_classes["rows"]] == [c.name for c in record.benchmark.classes]
    by_id = {r["id"]: r for r in of_classes["rows"]}
    own = next(
        r for r in record.rows
        if (r.metric, r.class_id, r.group, r.group_level) == ("auroc", "class-0", tone["id"], "max-min")
    )  # fmt: skip
    assert by_id["class-0"]["cells"][0]["value"] == own.value
    assert by_id["class-0"]["n_units"] >= own.n_units
    page = render(build_view(record, predictions))
    assert "Equal opportunity difference" in page
    assert "Smallest over largest" in page
    assert any(words in page for words in ("Chance could explain", "Chance hardly explains"))


def test_without_permutations_there_is_no_word_of_tests() -> None:
    record, predictions = simulate(Recipe(prompt_sets=1, image_level=False, units=500))
    view = build_view(record, predictions)
    assert all(t["verdict"] is None for t in view["tones"] + view["groups"])
    page = render(view)
    assert "levels dealt anew" not in page
    assert "(adjusted" not in page


def test_hostile_names_are_harmless_in_the_tables_of_gaps() -> None:
    record, predictions = with_tests(replace(Recipe(prompt_sets=1, image_level=False, units=600), names=HOSTILE[:7]))
    view = build_view(record, predictions)
    assert view["tones"][0]["class_gaps"] is not None
    page = render(view)
    assert "<script>alert(1)</script>" not in page
