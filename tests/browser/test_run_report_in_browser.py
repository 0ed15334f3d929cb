"""A run report in a real browser: what its charts show, sorting, folds, deep links, hostile names, no script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

Open = Callable[..., Any]
Make = Callable[[str], Path]


@pytest.mark.parametrize("name", ["plain", "report", "hostile"])
def test_every_visible_chart_is_drawn_with_marks(shared_page: Open, name: str) -> None:
    page = shared_page(name)
    shown = page.locator("[data-chart]:visible")
    assert shown.count() >= 10
    assert page.locator(".chart.failed").count() == 0
    assert min(shown.evaluate_all("all => all.map(box => box.querySelectorAll('svg :is(path, text)').length)")) > 3


def test_few_shot_lines_differ_in_colour_dash_and_marker_and_zero_shot_is_in_the_chart(shared_page: Open) -> None:
    page = shared_page("report")
    chart = page.locator('[data-chart="shots-metric-0-balanced-0"]')
    lines = chart.locator(".mark-line.role-mark path")
    look = "e => { const c = getComputedStyle(e); return [c.stroke, c.strokeDasharray]; }"
    seen = [lines.nth(i).evaluate(look) for i in range(lines.count())]
    assert len({colour for colour, _ in seen}) == len({dash for _, dash in seen}) == 4
    shapes = chart.locator(".mark-symbol path")
    assert len({shapes.nth(i).get_attribute("d")[:12] for i in range(shapes.count())}) == 4
    assert chart.locator(".mark-rule.role-mark line").count() == 2
    assert chart.locator(".mark-area.role-mark path").count() == 4
    labels = chart.locator("svg text").all_text_contents()
    assert [t for t in labels if t in ("1", "2", "4", "8", "16", "32", "all")] == [
        "1",
        "2",
        "4",
        "8",
        "16",
        "32",
        "all",
    ]
    legend = page.locator("#few-shot .legend").first.all_inner_texts()[0]
    for name in ("Text-anchored probe", "Logistic probe", "Nearest class mean", "Zero-shot"):
        assert name in legend
    colour = page.locator("#few-shot .legend .k0 .line").first.evaluate("e => getComputedStyle(e).stroke")
    assert colour in {c for c, _ in seen}


def test_runs_side_by_side_are_drawn_and_fit_a_phone(open_page: Open) -> None:
    page = open_page("side", width=375, scheme="dark")
    assert page.locator(".chart.failed").count() == 0
    assert page.locator('[data-chart="side-0"] .mark-symbol path').count() == 8
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_hostile_class_names_label_the_axes(shared_page: Open) -> None:
    page = shared_page("hostile")
    labels = page.locator('[data-chart="classes-auroc"] svg text').all_text_contents()
    for name in ("constructor", "__proto__", "<script>alert(1)</script>"):
        assert name in labels


def test_charts_follow_the_theme_and_the_toggle_is_remembered(open_page: Open) -> None:
    page = open_page("plain", scheme="dark")
    colour = "getComputedStyle(document.body).backgroundColor"
    mark = "getComputedStyle(document.querySelector('[data-chart=\"classes-auroc\"] .mark-symbol path')).stroke"
    dark, dark_mark = page.evaluate(colour), page.evaluate(mark)
    page.click("#theme")
    light, light_mark = page.evaluate(colour), page.evaluate(mark)
    assert sum(map(int, dark[4:-1].split(","))) < 100
    assert sum(map(int, light[4:-1].split(","))) > 650
    assert dark_mark != light_mark
    page.reload()
    assert page.evaluate(colour) == light


def test_confusion_matrix_stays_legible_on_a_phone(open_page: Open) -> None:
    page = open_page("plain", width=375)
    page.get_by_text("The matrix as a picture").click()
    page.wait_for_selector('[data-chart="confusion"] svg')
    box = page.locator('[data-chart="confusion"] svg').bounding_box()
    assert box["width"] > 450


def test_tables_sort_by_number_both_ways_with_the_keyboard(open_page: Open) -> None:
    page = open_page("plain")
    table = page.locator("#classes table")
    heading = table.locator("thead th", has_text="AUROC").first
    column = heading.evaluate("h => h.cellIndex")
    values = f"[...document.querySelectorAll('#classes table tbody tr')].map(r => r.cells[{column}].dataset.sort)"
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    down = [float(v) for v in page.evaluate(values) if v]
    assert heading.get_attribute("aria-sort") == "descending"
    page.keyboard.press("Enter")
    up = [float(v) for v in page.evaluate(values) if v]
    assert heading.get_attribute("aria-sort") == "ascending"
    assert len(down) > 3
    assert down == sorted(down, reverse=True)
    assert up == sorted(up)


def test_keyboard_reaches_the_skip_link_first(open_page: Open) -> None:
    page = open_page("plain")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the summary"
    page.keyboard.press("Enter")
    # The address follows when the renderer has told the browser: it is waited for, not read at once.
    page.wait_for_url("**#summary")


def test_deep_links_open_their_section(open_page: Open) -> None:
    page = open_page("plain", part="#decisions")
    top = page.evaluate("document.querySelector('#decisions').getBoundingClientRect().top")
    assert -20 < top < 200
    assert page.locator(".contents a[aria-current]").all_text_contents() == ["Decisions"]


def test_a_link_into_what_is_folded_opens_it_and_draws_its_charts(open_page: Open) -> None:
    page = open_page("report")
    folded = page.locator("#calibration details.source").first
    assert folded.get_attribute("open") is None
    page.goto(page.url.partition("#")[0] + "#" + folded.get_attribute("id"))
    page.wait_for_function("id => document.getElementById(id).open", arg=folded.get_attribute("id"))
    page.wait_for_function("e => e.querySelectorAll('[data-chart] svg').length >= 2", arg=folded.element_handle())
    top = folded.evaluate("e => e.getBoundingClientRect().top")
    assert -20 < top < 300
    assert page.locator(".chart.failed").count() == 0


def test_a_deep_link_opens_what_is_folded_when_the_page_loads(open_page: Open) -> None:
    page = open_page("plain", part="#group-monk-us")
    assert page.locator("#group-monk-us").get_attribute("open") is not None
    assert -20 < page.evaluate("document.querySelector('#group-monk-us').getBoundingClientRect().top") < 300


def test_one_source_is_open_and_each_folded_one_says_its_weakest_level_in_a_line(shared_page: Open) -> None:
    page = shared_page("report")
    for section in ("skin-tone", "calibration", "selective", "conformal", "operating"):
        assert page.locator(f"#{section} div.source").count() == (section == "skin-tone")
        lines = page.locator(f"#{section} details.source > summary").all_inner_texts()
        assert lines
        assert all("Weakest: " in line or "No level has enough" in line for line in lines), lines


def test_what_is_folded_opens_with_the_keyboard(open_page: Open) -> None:
    page = open_page("plain")
    page.locator("#skin-tone details.source > summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#skin-tone details.source").get_attribute("open") is not None


def test_print_draws_the_charts_of_what_was_folded(open_page: Open) -> None:
    page = open_page("report")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function("[...document.querySelectorAll('[data-chart]')].every(c => c.querySelector('svg'))")
    assert page.locator(".chart.failed").count() == 0


def test_without_script_the_numbers_are_all_there(browser: Any, page_file: Make) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_file("plain").as_uri())
    assert page.locator("table").count() > 8
    assert page.locator("#theme").is_hidden()
    assert page.locator("#summary .big").first.inner_text().startswith("0.")
    context.close()
