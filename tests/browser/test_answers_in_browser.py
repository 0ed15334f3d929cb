"""The run report's switch of classes, its command to copy, and its answers on a phone, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

Open = Callable[..., Any]


def test_the_switch_shows_one_way_of_counting_classes_at_a_time(open_page: Open) -> None:
    page = open_page("report")
    for chosen, other in (("same", "all"), ("all", "same")):
        page.locator(f'#tone-switch input[value="{chosen}"]').check()
        assert page.locator(f'#skin-tone div.source [data-standard="{chosen}"]').is_visible()
        assert page.locator(f'#skin-tone div.source [data-standard="{other}"]').is_hidden()
        charts = f'#skin-tone div.source [data-standard="{chosen}"] [data-chart]'
        page.wait_for_function("s => [...document.querySelectorAll(s)].every(c => c.querySelector('svg'))", arg=charts)
    page.emulate_media(media="print")
    for way in ("same", "all"):
        assert page.locator(f'#skin-tone div.source [data-standard="{way}"]').is_visible()


def test_the_switch_works_with_the_keyboard(open_page: Open) -> None:
    page = open_page("report")
    page.locator('#tone-switch input[value="all"]').focus()
    page.keyboard.press("ArrowRight")
    assert page.locator('#skin-tone div.source [data-standard="all"]').is_hidden()


def test_the_command_is_copied_or_selected_and_the_page_says_which(open_page: Open) -> None:
    page = open_page("report")
    page.get_by_role("button", name="Copy the command").click()
    page.wait_for_function("document.querySelector('.copy-line output').textContent !== ''")
    said = page.locator(".copy-line output").inner_text()
    assert said.startswith(("Copied", "Selected"))
    command = page.locator("pre.command").inner_text().strip()
    assert page.evaluate("window.getSelection().toString().trim()") == command
    assert command.startswith("vlmeval run")


def test_a_folded_section_keeps_its_answer_on_a_phone(open_page: Open) -> None:
    page = open_page("report", width=400, folded=True)
    answers = page.locator("main > section > .takeaway")
    assert answers.count() > 5
    assert all(answers.nth(i).is_visible() for i in range(answers.count()))
    assert page.locator("main > section > .body:visible").count() == 0


def test_marks_on_curves_are_drawn_and_told_apart(open_page: Open) -> None:
    page = open_page("report")
    marks = page.locator('#curves-roc [data-chart^="roc-"] .mark-symbol path')
    assert marks.count() > 4
    shapes = {marks.nth(i).get_attribute("d")[:10] for i in range(marks.count())}
    assert len(shapes) >= 2
