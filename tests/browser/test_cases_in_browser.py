"""Single cases in a real browser: filters, the cells of the confusion matrix, and what its numbers are shares of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Open = Callable[..., Any]
CARDS = "#case-cards > .case:not([hidden])"


def test_the_filters_choose_cases_by_class_kind_and_tone(open_page: Open) -> None:
    page = open_page("plain")
    page.locator("#case-filters select[name=kind]").select_option("hit")
    page.locator("#case-filters select[name=class]").select_option("2")
    cards = page.locator(CARDS)
    assert 0 < cards.count() <= 8
    assert set(cards.evaluate_all("cards => cards.map(c => c.dataset.kind + c.dataset.class)")) == {"hit2"}
    told = page.locator("#case-filters output").inner_text()
    assert told.startswith(f"{cards.count()} of ")
    page.locator("#case-filters select[name=class]").select_option("")
    page.locator("#case-filters select[name=tone]").select_option("0:1")
    tones = cards.evaluate_all("cards => cards.map(c => c.dataset.tones.split(' ')[0])")
    assert set(tones) == {"1"}


def test_more_cases_come_on_demand(open_page: Open) -> None:
    page = open_page("plain")
    page.locator("#case-filters select[name=kind]").select_option("")
    before = page.locator(CARDS).count()
    assert before == 8
    page.locator("#more-cases").focus()
    page.keyboard.press("Enter")
    assert page.locator(CARDS).count() == 16


@pytest.mark.parametrize("width", [1280, 375])
def test_a_cell_of_the_matrix_leads_to_its_cases(open_page: Open, width: int) -> None:
    page = open_page("plain", width=width)
    cell = page.locator("#matrix a[data-cell]").nth(1)
    truth, called = cell.get_attribute("data-cell").split(":")
    count = int(cell.locator("..").get_attribute("data-sort"))
    cell.focus()
    page.keyboard.press("Enter")
    assert page.locator("#cell-cases table tbody tr").count() == min(count, 200)
    assert page.evaluate("document.activeElement.textContent").endswith(f": {count}")
    assert page.locator("#case-filters select[name=class]").input_value() == truth
    scores = page.locator("#cell-cases td[data-sort]").evaluate_all("cells => cells.map(c => Number(c.dataset.sort))")
    assert scores == sorted(scores, reverse=True)
    assert truth != called or count > 0


def test_the_matrix_shows_shares_of_either_side_or_counts(open_page: Open) -> None:
    page = open_page("plain")
    cell = page.locator("#matrix a[data-cell]").first
    shown = {}
    for by in ("row", "column", "count"):
        page.locator(f"#matrix-shares input[value={by}]").check()
        shown[by] = cell.inner_text()
    assert shown["row"].endswith("%")
    assert shown["column"].endswith("%")
    assert shown["count"] == cell.locator("..").get_attribute("data-sort")


def test_hostile_names_do_nothing_in_cases(open_page: Open) -> None:
    page = open_page("hostile")
    page.locator("#matrix a[data-cell]").first.click()
    assert page.locator("#cell-cases h3").count() == 1
    assert page.locator("#cases script:not([type])").count() == 0
