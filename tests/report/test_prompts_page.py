"""The page of prompt sets compared: what it says, hostile names, the same bytes, and what a browser makes of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_up_prompts import Wanted, made_up
from made_up_prompts import hostile as made_hostile

from vlmeval.records.prompt_study import PromptComparison, PromptStudy
from vlmeval.report import build_prompts, render_prompts
from vlmeval.report.charts.prompts import Field, heat
from vlmeval.report.text import lower_first

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
LIMIT = 1_600_000


@pytest.fixture(scope="module")
def found() -> PromptComparison:
    """One model on one benchmark, five sets."""
    return made_up(Wanted(synthetic=True))


@pytest.fixture(scope="module")
def study(found: PromptComparison) -> PromptStudy:
    """The study of ``found``."""
    return found.studies[0]


@pytest.fixture(scope="module")
def view(found: PromptComparison) -> dict[str, Any]:
    """The view of the study of ``found``."""
    (one,) = build_prompts(found)["studies"]
    return dict(one)


@pytest.fixture(scope="module")
def hostile() -> PromptComparison:
    """Two studies whose names try to break out of the page."""
    return made_hostile()


@pytest.fixture(scope="module")
def pages(found: PromptComparison, hostile: PromptComparison) -> dict[str, str]:
    """The pages by name."""
    every = {"found": found, "hostile": hostile}
    return {name: render_prompts(build_prompts(one)) for name, one in every.items()}


def words(page: str) -> str:
    """The page's text without scripts, styles and tags."""
    return re.sub(r"\s+", " ", re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]+>", " ", page, flags=re.S))


def number(study: PromptStudy, a: str, b: str, metric: str, **about: str | None) -> Any:
    """A paired number as the record has it."""
    wanted = {"class_id": None, "group": None, "group_level": None} | about
    (pair,) = (p for p in study.pairs if (p.a, p.b) == (a, b))
    return next(
        n for n in pair.numbers
        if (n.metric, n.averaging in ("overall", "macro", "class")) == (metric, True)
        and all(getattr(n, k) == v for k, v in wanted.items())
    )  # fmt: skip


def test_sets_are_ranked_by_value_with_their_places_and_differences(view: dict[str, Any], study: PromptStudy) -> None:
    table = view["ranked"][0]
    assert table["metric"]["id"] == "balanced-accuracy"
    values = [row["cell"]["value"] for row in table["rows"]]
    assert values == sorted(values, reverse=True)
    ranks = {r.set_id: r for r in study.ranks if r.metric == "balanced-accuracy"}
    for row in table["rows"]:
        one = view["sets"][row["set"]]
        known = ranks[one["id"]]
        assert row["place"] == {
            "rank": known.rank, "best": known.best, "worst": known.worst,
            "band": f"{known.best}–{known.worst}" if known.best != known.worst else f"{known.best}",
        }  # fmt: skip
        if one["chosen"]:
            assert row["difference"] is None
        else:
            kept = number(study, one["id"], study.chosen, "balanced-accuracy")
            assert (row["difference"]["value"], row["difference"]["low"]) == (kept.value, kept.low)


def test_a_pair_is_turned_round_where_it_was_computed_the_other_way(view: dict[str, Any], study: PromptStudy) -> None:
    table = view["matrix"][0]
    cells, order = table["cells"], table["order"]
    for i in range(len(order)):
        assert cells[i][i] is None
        for j in range(i):
            assert cells[i][j]["value"] == -cells[j][i]["value"]
            assert (cells[i][j]["low"], cells[i][j]["high"]) == (-cells[j][i]["high"], -cells[j][i]["low"])
            assert {cells[i][j]["better"], cells[j][i]["better"]} in ({"a", "b"}, {"not-separable"})
    a, b = "simulated/1", "simulated/2"
    kept = number(study, a, b, "balanced-accuracy")
    at = [view["sets"][p]["id"] for p in order]
    assert cells[at.index(b)][at.index(a)]["value"] == -kept.value
    assert len(table["pairs"]) == 10
    assert table["told"] == sum(p["cell"]["better"] in ("a", "b") for p in table["pairs"])


def test_the_answer_names_who_leads_and_whether_the_chosen_set_does(view: dict[str, Any], study: PromptStudy) -> None:
    answer = view["answer"]
    leaders = {r.set_id for r in study.ranks if r.metric == "balanced-accuracy" and r.rank == 1}
    assert {view["sets"][i]["id"] for i in answer["leaders"]} == leaders == {"simulated/2", "simulated/4"}
    assert answer["chosen_leads"] is False
    assert {view["sets"][i]["id"] for i in answer["better"]} == leaders
    assert {view["sets"][i]["id"] for i in answer["worse"]} == {"simulated/3"}
    first = answer["ranges"][0]
    assert view["sets"][first["worst"]["set"]]["id"] == "simulated/3"
    assert first["difference"]["value"] == pytest.approx(
        first["best"]["cell"]["value"] - first["worst"]["cell"]["value"]
    )
    assert answer["tones"]["tests"] == 8
    assert [view["sets"][t["set"]]["id"] for t in answer["tones"]["told"]] == ["simulated/3"]


def test_without_draws_nobody_leads(found: PromptComparison) -> None:
    study = found.studies[0]
    bare = study.model_copy(update={"ranks": (), "pairs": (), "interactions": (), "headline_tests": 0})
    record = found.model_copy(update={"studies": (bare,), "draws": 0})
    answer = build_prompts(record)["studies"][0]["answer"]
    assert answer["leaders"] == []
    assert answer["chosen_leads"] is None
    text = words(render_prompts(build_prompts(record)))
    assert "the order below may be chance" in text
    assert "No draws were asked for" in text


def test_one_set_alone_is_compared_with_nothing() -> None:
    text = words(render_prompts(build_prompts(made_up(Wanted(1, units=200, draws=10)))))
    assert "Only one prompt set was looked at" in text
    assert "One set alone cannot say" in text
    assert "Which set is best?" not in text


def test_classes_are_measured_against_the_chosen_set(view: dict[str, Any], study: PromptStudy) -> None:
    table = next(t for t in view["classes"] if t["metric"]["id"] == "auroc")
    assert [r["id"] for r in table["rows"]] == list(study.benchmark.class_ids)
    row = table["rows"][1]
    for place, one in zip(table["sets"], row["cells"], strict=True):
        set_id = view["sets"][place]["id"]
        kept = number(study, set_id, study.chosen, "auroc", class_id=row["id"])
        assert one["difference"]["value"] == kept.value
        assert (one["cell"]["value"], row["chosen"]["value"]) == (kept.a, kept.b)
    rare = table["rows"][-1]
    assert rare["chosen"]["value"] is None
    assert "fewer than 10" in rare["chosen"]["reason"]
    assert all(one["difference"]["value"] is None for one in rare["cells"])


def test_levels_of_skin_tone_have_values_differences_and_the_test(view: dict[str, Any], study: PromptStudy) -> None:
    group = next(g for g in view["tones"] if g["id"] == "fst-self")
    metric = group["metrics"][0]
    row = next(r for r in metric["rows"] if view["sets"][r["set"]]["id"] == "simulated/3")
    for level, one in zip(metric["levels"], row["levels"], strict=True):
        kept = number(
            study, "simulated/3", study.chosen, "balanced-accuracy", group="fst-self", group_level=level["id"]
        )
        assert (one["difference"] or {}).get("value") == kept.value
    assert all(one["difference"] is None for one in metric["rows"][0]["levels"])
    told = [t for t in group["interactions"] if t["told"]]
    assert [(view["sets"][t["a"]]["id"], t["p"], t["p_adjusted"]) for t in told] == [
        ("simulated/3", "p = 0.002", "0.008")
    ]
    sex = next(g for g in view["groups"] if g["id"] == "sex")
    assert sex["interactions"][0]["reason"] == "fewer than two levels have a value"


def test_a_benchmark_without_skin_tone_says_why() -> None:
    record = made_up(Wanted(tones=False, sets=2, units=300, draws=10))
    view = build_prompts(record)
    assert "no skin-tone label of any kind" in view["studies"][0]["answer"]["tones"]["reason"]
    assert "Not known: the data has no skin-tone label of any kind" in words(render_prompts(view)).replace(" :", ":")


def test_wordings_say_where_the_whole_set_lies(view: dict[str, Any], study: PromptStudy) -> None:
    table = next(t for t in view["wordings"] if t["kind"] == "template")
    kept = next(s for s in study.spreads if (s.kind, s.set_id) == ("template", study.chosen))
    row = table["rows"][0]
    assert row["count"] == len(kept.singles) == 7
    assert (row["best"]["label"], row["worst"]["label"]) == (
        kept.best and kept.best.label,
        kept.worst and kept.worst.label,
    )
    assert (row["whole"], row["place"], row["median"]) == (kept.whole, kept.place, kept.median)
    assert (
        next(r for r in table["rows"] if view["sets"][r["set"]]["id"] == "simulated/1")["reason"] == "one template only"
    )
    order = view["order"][0]["rows"][0]
    assert order["drop"] == pytest.approx(order["whole"] - order["median"])


def test_names_are_shown_first_for_the_set_in_which_they_matter_most(view: dict[str, Any], study: PromptStudy) -> None:
    widths = [table["widest"]["width"] for table in view["names"]]
    assert widths == sorted(widths, reverse=True)
    for one in view["names"][0]["classes"]:
        values = [n["cell"]["value"] for n in one["names"] if n["cell"]["value"] is not None]
        assert values == sorted(values, reverse=True)


def test_won_and_lost_pictures_are_ids_in_order(view: dict[str, Any]) -> None:
    for found in view["moved"]:
        assert all(m["gain"] > 0 for m in found["gained"])
        assert all(m["gain"] <= 0 for m in found["lost"])
        assert found["gained"][0]["pictures"] == ["ISIC_0024306", "i0"]


def test_strings_carry_weights_negatives_and_what_was_cut(view: dict[str, Any]) -> None:
    by_id = {s["id"]: s for s in view["strings"]}
    weighted = by_id["simulated/4"]["classes"][0]["prompts"]
    assert sum(p["share"] for p in weighted) == pytest.approx(1)
    assert [p["share"] for p in weighted] == sorted((p["share"] for p in weighted), reverse=True)
    assert [p["text"] for p in by_id["simulated/2"]["negatives"]] == ["a photo of healthy skin"]
    assert [p["truncated"] for p in by_id["simulated/2"]["classes"][0]["prompts"]] == [True, False, False]
    assert by_id["simulated/0"]["negatives"] == []


def test_the_page_says_what_matters(pages: dict[str, str]) -> None:
    text = words(pages["found"])
    for said in (
        "Synthetic data and model: not a clinical result",
        "2 of 5 share the first place and cannot be told apart",
        "which the benchmark's card fixed before any result was seen",
        "no longer plain zero-shot",
        "the intervals allow for it",
        "It is clearly worse over all: who stood higher can fall further",
        "in 1 of 8 tests (corrected)",
        "the model reads a bag of words",
        "Romano and Wolf 2005",
        "Benjamini and Hochberg's method",
        "vlmeval prompts compare --model clip-demo --bench simulated --prompts all",
        "“ a photo of healthy skin ”",
        "1 cut short",
        "50.0 %",
    ):
        assert said in text, said


def test_what_one_metric_cannot_tell_apart_is_not_said_of_the_others(
    found: PromptComparison, study: PromptStudy
) -> None:
    """By the first metric all are alike; where another tells some apart, the lead says by which."""
    first, other = study.benchmark.headline_metrics[:2]
    pairs = tuple(
        pair.model_copy(update={"numbers": tuple(
            n.model_copy(update={"p": 0.9, "p_adjusted": 0.9, "low": -1.0, "high": 1.0})
            if n.metric == first and n.group is None and n.class_id is None else n for n in pair.numbers
        )}) for pair in study.pairs
    )  # fmt: skip
    view = build_prompts(found.model_copy(update={"studies": (study.model_copy(update={"pairs": pairs}),)}))
    answer = view["studies"][0]["answer"]
    ranges = {r["metric"]["id"]: r for r in answer["ranges"]}
    assert not ranges[first]["any_clear"]
    assert ranges[other]["any_clear"]
    assert answer["clear_by"] == [ranges[other]["metric"]["short"]]
    page = words(render_prompts(view))
    shown, others = (lower_first(ranges[m]["metric"]["short"]) for m in (first, other))
    assert f"By {shown}, no two of them can be told apart: the differences may be chance. By {others} some can." in page


def test_guessing_is_told_where_one_of_several_classes_is_the_answer(
    found: PromptComparison, study: PromptStudy
) -> None:
    classes = len(study.benchmark.classes)
    for task, said in (("single-label", 1 / classes), ("multi-label", 0.5)):
        card = study.benchmark.model_copy(update={"task": task, "headline_metrics": ("balanced-accuracy",)})
        view = build_prompts(found.model_copy(update={"studies": (study.model_copy(update={"benchmark": card}),)}))
        for one in view["studies"][0]["answer"]["ranges"]:
            assert one["metric"]["chance"] == pytest.approx(said)


def test_luck_of_thresholds_is_told_where_each_set_has_its_own(found: PromptComparison, study: PromptStudy) -> None:
    for task, split, told in (
        ("multi-label", "test", True),
        ("multi-label", "all", False),
        ("single-label", "test", False),
    ):
        card = study.benchmark.model_copy(update={"task": task, "headline_metrics": ("auroc", "balanced-accuracy")})
        one = study.model_copy(update={"benchmark": card, "split": split})
        view = build_prompts(found.model_copy(update={"studies": (one,)}))
        assert view["studies"][0]["how"]["own_thresholds"] == (["Balanced accuracy"] if told else [])
        page = words(render_prompts(view))
        assert ("how lucky those are is in no interval" in page) == told
        assert ("of balanced accuracy taken as they are" in page) == told


def test_every_chart_has_a_place_and_every_place_its_chart(pages: dict[str, str]) -> None:
    page = pages["found"]
    charts = json.loads(re.search(r'id="chart-data">(.*?)</script>', page, re.S).group(1))["charts"]  # type: ignore[union-attr]
    placed = re.findall(r'data-chart="([^"]+)"', page)
    assert len(placed) == len(set(placed))
    assert set(placed) == set(charts)


def test_heat_maps_turn_colours_where_lower_is_better() -> None:
    fields = [Field(0, 0, 0.1, True, "t"), Field(0, 1, None, False, "u")]
    for lower, sign in ((False, "<"), (True, ">")):
        spec = heat(["row"], ["one", "two"], fields, lower=lower)
        assert spec["layer"][0]["encoding"]["fill"]["condition"]["test"] == f"datum.d {sign} 0"
        values = spec["layer"][0]["data"]["values"] if "data" in spec["layer"][0] else spec["data"]["values"]
        assert [v["s"] for v in values] == ["+0.100", "–"]


def test_the_view_is_json_and_the_same_view_gives_the_same_bytes(
    found: PromptComparison, pages: dict[str, str]
) -> None:
    again = PromptComparison.model_validate_json(found.model_dump_json())
    view = json.loads(json.dumps(build_prompts(again), allow_nan=False))
    assert render_prompts(view) == pages["found"]
    assert len(pages["found"].encode()) < LIMIT


def test_hostile_names_stay_text(pages: dict[str, str]) -> None:
    page = pages["hostile"]
    without = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.S)
    assert "<img" not in without
    assert "alert(1)</script>" not in page
    assert 'href="javascript:' not in page


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(chromium), args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, pages: dict[str, str]) -> dict[str, Path]:
    """The pages as files on disk."""
    folder = tmp_path_factory.mktemp("prompts")
    for name, page in pages.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in pages}


@pytest.mark.browser
@pytest.mark.parametrize(("name", "width", "scheme"), [("found", 1280, "light"), ("hostile", 400, "dark")])
def test_in_a_browser_every_chart_is_drawn_and_nothing_complains(
    browser: Any, files: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    seen: list[str] = []
    page.on("console", lambda m: seen.append(m.text))
    page.on("pageerror", lambda e: seen.append(str(e)))
    page.on("dialog", lambda d: seen.append(d.message))
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else seen.append(r.url))
    page.goto(files[name].as_uri())
    page.wait_for_selector("html[data-charts=done]", timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("for (const box of document.querySelectorAll('details')) box.open = true")
    page.wait_for_function("document.querySelectorAll('[data-chart]:not(:has(svg))').length === 0", timeout=60_000)
    assert page.locator(".chart.failed").count() == 0
    marks = "(s) => !s.querySelector('.role-mark path, .role-mark line')"
    empty = f"[...document.querySelectorAll('[data-chart] svg')].filter({marks}).length"
    assert page.evaluate(empty) == 0
    if name == "hostile":
        labels = page.locator("[data-chart='s1-classes-0'] svg text").all_text_contents()
        assert {"constructor", "__proto__"} <= set(labels)
        assert page.locator("img").count() == 0
    context.close()
    assert seen == []


@pytest.mark.browser
def test_tables_sort_and_links_lead_to_their_sections(browser: Any, files: dict[str, Path]) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(files["found"].as_uri())
    page.wait_for_selector("html[data-charts=done]", timeout=60_000)
    table = page.locator("#ranked table").first
    heading = table.locator("thead th").nth(2).locator("button").first
    values = "t => [...t.tBodies[0].rows].map(r => Number(r.cells[2].dataset.sort))"
    heading.click()
    heading.click()
    rising = table.evaluate(values)
    assert rising == sorted(rising)
    for link in page.locator(".contents a").all():
        target = (link.get_attribute("href") or "").removeprefix("#")
        assert page.locator(f"[id='{target}']").count() == 1
    context.close()
