"""Paper and theme: printing opens and draws everything and cuts nothing; the theme is kept; motion can be refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

Open = Callable[..., Any]
CHARTS = "[...document.querySelectorAll('[data-chart]')]"
A4 = 794 - 2 * 53  # CSS pixels between the margins


def pages_of(pdf: bytes) -> int:
    """Count the pages that a PDF by Chromium says it has."""
    return max(int(n) for n in re.findall(rb"/Type\s*/Pages\b[^>]*?/Count\s+(\d+)|/Count\s+(\d+)", pdf) for n in n if n)


@pytest.mark.parametrize("name", ["report", "side", "compare", "board", "prompts"])
def test_nothing_is_cut_at_the_edge_of_the_paper(open_page: Open, name: str) -> None:
    page = open_page(name, width=A4)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function(f"{CHARTS}.every(c => !c.clientWidth || c.querySelector('svg'))")
    assert page.locator("details:not([open])").count() == 0
    cut = page.evaluate(
        "[...document.querySelectorAll('main table, main pre, main figure, main p')].filter(e => "
        f"e.getBoundingClientRect().right > {A4} + 2).map(e => e.outerHTML.replace(/\\s+/g, ' ').slice(0, 120))"
    )
    assert cut == []


@pytest.mark.parametrize("name", ["report", "board"])
def test_buttons_and_contents_stay_off_the_paper(open_page: Open, name: str) -> None:
    page = open_page(name)
    page.emulate_media(media="print")
    shown = "all => all.filter(e => e.getClientRects().length).map(e => e.outerHTML.slice(0, 90))"
    assert page.locator(".save, .anchor, .skip, nav, .tools button").evaluate_all(shown) == []


def test_a_report_prints_whole_and_folds_again(open_page: Open) -> None:
    page = open_page("report")
    folded = page.locator("details:not([open])").count()
    assert folded > 3
    whole = page.pdf(format="A4")
    assert page.locator("details:not([open])").count() == folded
    assert pages_of(whole) > 15
    assert len(whole) > 200_000
    page.evaluate("document.querySelectorAll('main details').forEach(d => d.remove())")
    assert pages_of(page.pdf(format="A4")) < pages_of(whole) - 3  # what was folded was on paper


def test_the_print_button_draws_everything_before_it_prints(open_page: Open) -> None:
    page = open_page("report")
    page.evaluate(
        f"print = () => {{ window.printed = {CHARTS}.every(c => c.querySelector('svg'))"
        " && !document.querySelector('details:not([open])'); }"
    )
    page.locator("#print").click()
    page.wait_for_function("window.printed !== undefined")
    assert page.evaluate("window.printed") is True


def test_the_theme_is_remembered_and_set_before_anything_is_painted(open_page: Open) -> None:
    page = open_page("side", scheme="dark")
    colour = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(colour)
    page.get_by_role("button", name="Light theme").click()
    light = page.evaluate(colour)
    assert sum(map(int, dark[4:-1].split(","))) < 100 < 650 < sum(map(int, light[4:-1].split(",")))
    page.reload(wait_until="commit")
    page.wait_for_function("document.body")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.evaluate(colour) == light


@pytest.mark.parametrize(("wish", "way"), [("reduce", "auto"), ("no-preference", "smooth")])
def test_whoever_refuses_motion_gets_none(open_page: Open, wish: str, way: str) -> None:
    page = open_page("how", reduced_motion=wish)
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == way


def test_escape_folds_what_was_opened_and_leaves_the_focus_on_it(open_page: Open) -> None:
    page = open_page("report")
    summary = page.locator("#skin-tone details.source > summary").first
    summary.focus()
    page.keyboard.press("Enter")
    box = page.locator("#skin-tone details.source").first
    assert box.get_attribute("open") is not None
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") != "SUMMARY"
    page.keyboard.press("Escape")
    assert box.get_attribute("open") is None
    assert summary.evaluate("e => e === document.activeElement")


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_a_table_sorts_by_either_key_and_says_so(open_page: Open, key: str) -> None:
    page = open_page("plain")
    heading = page.locator("#classes thead th", has_text="Positives")
    column = heading.evaluate("h => h.cellIndex")
    heading.locator("button").focus()
    page.keyboard.press(key)
    assert heading.get_attribute("aria-sort") == "descending"
    page.keyboard.press(key)
    assert heading.get_attribute("aria-sort") == "ascending"
    cells = f"[...document.querySelectorAll('#classes tbody tr')].map(r => Number(r.cells[{column}].dataset.sort))"
    counts = page.evaluate(cells)
    assert counts == sorted(counts)
    assert heading.locator("button").evaluate("e => e === document.activeElement")
