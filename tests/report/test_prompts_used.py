"""The run report on its prompts: searched, weighted and cut ones are marked wherever a reader could miss it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from vlmeval.records import Finding
from vlmeval.report import build_view, render

SEARCHED = Finding(
    code="searched-prompts",
    severity="warning",
    message="prompt sets were chosen by a search on labelled validation units",
    count=1,
    examples=("photo",),
)


def words(page: str) -> str:
    """The page's text without scripts, styles and tags."""
    return re.sub(r"\s+", " ", re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]+>", " ", page, flags=re.S))


@pytest.fixture(scope="module")
def searched(make_run: Any) -> Any:
    """A run whose headline prompts were searched; another set has weights and negatives, and a string is cut."""
    record, predictions = make_run(units=150, prompt_sets=2, draws=20)
    first, second = record.prompts
    ids = record.benchmark.class_ids
    negatives = {c: ("a photo of healthy skin", f"no {c}") for c in ids}
    second = second.model_copy(update={"weights": dict.fromkeys(ids, (1.0, 3.0)), "negatives": negatives})
    cut = second.prompts[ids[0]][0]
    finding = Finding(code="truncated-prompts", severity="warning", message="too long", count=7, examples=(cut,))
    changes = {
        "prompts": (first.model_copy(update={"searched": True}), second),
        "findings": (*record.findings, SEARCHED, finding),
    }
    return record.model_copy(update=changes), predictions


def test_a_searched_headline_is_no_plain_zero_shot_in_heading_summary_and_methods(searched: Any) -> None:
    page = render(build_view(*searched))
    assert "prompts chosen on labelled pictures" in page.split('class="kicker">')[1].split("</p>")[0]
    summary = words(page.split('id="summary"')[1].split("</section>")[0])
    assert "a search chose on labelled validation pictures, so no plain zero-shot, was tested" in summary
    assert "Read this first: prompt sets were chosen by a search" in summary
    compared = words(page.split('id="prompt-sets"')[1].split("</section>")[0])
    assert "named in the benchmark card before any result" not in compared
    assert compared.count("searched") >= 1
    assert "are no plain zero-shot" in words(page.split('id="how"')[1].split("</section>")[0])
    assert "Prompts used, chosen on labelled pictures" in page


def test_weights_negatives_and_cut_strings_stand_beside_the_prompts(searched: Any) -> None:
    record, predictions = searched
    view = build_view(record, predictions)
    one = view["prompts"][1]["classes"][0]
    assert [p["share"] for p in one["prompts"]] == [0.75, 0.25]
    assert [p["truncated"] for p in one["prompts"]] == [False, True]
    assert [p["text"] for p in one["negatives"]] == list(record.prompts[1].negatives[record.benchmark.class_ids[0]])
    text = words(render(view).split('id="prompts"')[1].split("</section>")[0])
    for said in ("75.0 %", "cut short", "7 strings are longer", "a photo of healthy skin", "Against:"):
        assert said in text, said


def test_plain_prompts_carry_no_mark_and_lead_to_the_comparison(make_run: Any) -> None:
    view = build_view(*make_run(units=120, prompt_sets=2, draws=10))
    assert view["about"]["searched"] is False
    section = words(render(view).split('id="prompts"')[1].split("</section>")[0])
    assert "vlmeval prompts compare --model clip-demo --bench simulated shows how much hangs on the wording" in section
    for absent in ("searched", "cut short", "Against:", "longer than"):
        assert absent not in section
