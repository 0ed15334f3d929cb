"""On a phone a run report is a list of its sections, each a touch away; nothing is lost by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

Open = Callable[..., Any]
PHONE = {"width": 390, "has_touch": True, "is_mobile": True, "folded": True}
SHUT = "main > section > .body[hidden]"


def test_a_section_opens_at_a_touch_and_draws_its_charts(open_page: Open) -> None:
    page = open_page("plain", **PHONE)
    sections = page.locator("main > section").count()
    assert sections > 10
    assert page.locator(SHUT).count() == sections - 1
    assert page.locator("#summary .big").first.is_visible()
    assert page.evaluate("document.documentElement.scrollHeight") < 6000
    button = page.locator("#classes > h2 button")
    assert button.get_attribute("aria-expanded") == "false"
    button.tap()
    assert button.get_attribute("aria-expanded") == "true"
    page.wait_for_selector("#classes [data-chart] svg")
    assert page.locator("#classes table").is_visible()
    button.tap()
    assert not page.locator("#classes table").is_visible()


def test_a_link_into_a_folded_section_opens_it_on_arrival_and_from_the_contents(open_page: Open) -> None:
    page = open_page("report", part="#few-shot-classes", **PHONE)
    top = "id => document.getElementById(id).getBoundingClientRect().top"
    assert page.locator("#few-shot > .body").get_attribute("hidden") is None
    assert -20 < page.evaluate(top, "few-shot-classes") < 300
    page.locator(".contents a[href='#audit']").tap()
    page.wait_for_function("!document.querySelector('#audit > .body').hidden")
    page.wait_for_function(f"(f => f('audit') > -20 && f('audit') < 300)({top})")


def test_all_sections_open_and_fold_by_one_button(open_page: Open) -> None:
    page = open_page("plain", **PHONE)
    page.get_by_role("button", name="Open all sections").tap()
    assert page.locator(SHUT).count() == 0
    page.get_by_role("button", name="Fold all sections").tap()
    assert page.locator(SHUT).count() > 10


def test_paper_and_wider_screens_have_everything_open(open_page: Open) -> None:
    page = open_page("plain", **PHONE)
    seen = "b => [...b.children].some(c => c.checkVisibility())"
    shown = f"[...document.querySelectorAll('main > section > .body')].every({seen})"
    assert page.evaluate(shown) is False
    page.emulate_media(media="print")
    assert page.evaluate(shown) is True
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 1000, "height": 900})
    assert page.evaluate(shown) is True
    assert open_page("plain").locator("button.fold").count() == 0


def test_other_pages_are_not_folded(open_page: Open) -> None:
    for name in ("side", "compare"):
        assert open_page(name, **PHONE).locator("button.fold").count() == 0
