"""What holds for every page there is: silent, offline, reachable by keyboard, linkable, fit for a phone, accessible."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from made_up_pages import MAKERS

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[1] / "report" / "vendor" / "axe.min.js"
EVERY = sorted(MAKERS)
Open = Callable[..., Any]
Make = Callable[[str], Path]


@pytest.mark.parametrize("name", EVERY)
def test_every_chart_in_sight_is_drawn_under_its_own_name(shared_page: Open, name: str) -> None:
    page = shared_page(name)
    about = "[b.role, b.ariaLabel, b.querySelectorAll('svg').length, b.querySelector('svg')?.ariaHidden, b.className]"
    shown = page.locator("[data-chart]:visible").evaluate_all(f"all => all.map(b => {about})")
    assert name == "how" or shown
    for role, label, pictures, hidden, classes in shown:
        assert (role, pictures, hidden) == ("img", 1, "true")
        assert label not in (None, "", "Vega visualization")
        assert "failed" not in classes


@pytest.mark.parametrize("name", EVERY)
def test_the_contents_name_every_section_and_every_heading_links_to_itself(shared_page: Open, name: str) -> None:
    page = shared_page(name)
    sections = page.locator("main > section").evaluate_all("all => all.map(s => s.id)")
    contents = page.locator(".contents a").evaluate_all("all => all.map(a => a.hash.slice(1))")
    assert sections
    assert set(contents) <= set(page.locator("main [id]").evaluate_all("all => all.map(e => e.id)"))
    assert sections[0] in contents
    linked = "main > section > h2 .anchor"
    assert set(page.locator(linked).evaluate_all("all => all.map(a => a.hash.slice(1))")) >= set(contents) & set(
        sections
    )
    alone = "all => all.filter(h => !h.querySelector('.anchor') || !document.getElementById("
    alone += "decodeURIComponent(h.querySelector('.anchor').hash.slice(1)))).map(h => h.outerHTML)"
    assert page.locator("main :is(h3, h4)").evaluate_all(alone) == []


@pytest.mark.parametrize("name", EVERY)
def test_headings_go_down_one_level_at_a_time_and_landmarks_hold_everything(shared_page: Open, name: str) -> None:
    page = shared_page(name)
    levels = page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4,h5,[role=heading]')].map("
        "h => Number(h.getAttribute('aria-level') || h.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for landmark in ("header", "nav", "main", "footer"):
        assert page.locator(f"body {landmark}").count() == 1
    assert page.locator("main table:not(:has(caption))").count() == 0


@pytest.mark.parametrize("name", EVERY)
def test_the_keyboard_reaches_the_skip_link_first_and_sees_where_it_is(shared_page: Open, name: str) -> None:
    page = shared_page(name)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert skip.get_attribute("class") == "skip"
    box = skip.bounding_box()
    assert box["x"] >= 0
    assert box["y"] >= 0
    ring = "getComputedStyle(document.activeElement).outlineStyle"
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate(ring) == "solid"


@pytest.mark.parametrize("name", EVERY)
def test_no_sideways_scroll_on_a_phone_even_with_everything_open(open_page: Open, name: str) -> None:
    page = open_page(name, width=360, scheme="dark", has_touch=True, is_mobile=True)
    page.evaluate("for (const box of document.querySelectorAll('details')) box.open = true")
    wide = page.evaluate(
        "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1"
        " && !e.closest('.scroll, pre, svg') && getComputedStyle(e).position !== 'absolute')"
        ".map(e => e.outerHTML.slice(0, 90))"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert wide == []


# Both themes and both widths for every kind of page; the two run reports share them.
LOOKS = [(n, s, w) for s, w in (("light", 1280), ("dark", 400)) for n in ("side", "compare", "board", "prompts", "how")]


@pytest.mark.parametrize(("name", "scheme", "width"), [("report", "light", 1280), ("plain", "dark", 400), *LOOKS])
def test_axe_finds_nothing_serious(browser: Any, page_file: Make, name: str, scheme: str, width: int) -> None:
    touch = width < 600
    context = browser.new_context(
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
        bypass_csp=True,
        reduced_motion="reduce",
        has_touch=touch,
        is_mobile=touch,
    )
    page = context.new_page()
    page.goto(page_file(name).as_uri())
    page.wait_for_selector("html[data-charts=done]", timeout=120_000)
    page.evaluate("for (const box of document.querySelectorAll('details')) box.open = true")
    page.evaluate("document.querySelector('.every')?.click()")
    page.add_script_tag(path=str(AXE))
    # Contrast inside charts is not looked at (they are hidden from readers of screens, and slow to look through).
    found = page.evaluate("axe.run({ exclude: ['.chart'] }, { resultTypes: ['violations'] })")
    context.close()
    grave = [
        f"{v['id']}: {v['help']}: {[n['target'] for n in v['nodes'][:3]]}"
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]
    assert found["passes"]
    assert grave == []
