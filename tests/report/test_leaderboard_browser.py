"""The leaderboard in a real browser: sorting, hostile names, phone width, dark theme, no network, axe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from made_up_board import model, written
from made_up_runs import HOSTILE, TRAINED_ON, Run

from vlmeval.records import Badge
from vlmeval.report import build_leaderboard, render_leaderboard

pytestmark = pytest.mark.browser

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
AXE = Path(__file__).parent / "vendor" / "axe.min.js"


@pytest.fixture(scope="module")
def page_file(make_run: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three honest models, a contaminated one that is best, hostile ones, and a hostile benchmark of its own."""
    runs = tmp_path_factory.mktemp("runs")
    base = make_run(units=300, prompt_sets=1, image_level=False)
    for i, (name, pull) in enumerate({"alpha": 0.0, "beta": 0.1, "gamma": 0.3}.items()):
        written(runs, model(base, name, pull, seed=i))
    written(runs, model(base, "best", 0.8, badges=(TRAINED_ON,)))
    for i, name in enumerate(HOSTILE):
        evil = (Badge(kind="partial", text=name, source="javascript:alert(1)"),)
        written(runs, model(base, f"h{i}", 0.0, seed=i, title=name, badges=evil if i % 2 else ()))
    card = base[0].benchmark.model_copy(update={"id": "hostile", "title": HOSTILE[0]})
    own = (base[0].model_copy(update={"benchmark": card, "benchmark_digest": "88" * 32}), base[1])
    written(runs, model(own, "alpha", 0.0, seed=50))
    torn = runs / HOSTILE[0].replace("/", "")
    torn.mkdir()
    (torn / "run.json").write_text("{}")
    file = runs / "leaderboard.html"
    file.write_text(render_leaderboard(build_leaderboard([runs])), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Any]:
    """One headless browser for all tests here."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(chromium), args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Any, page_file: Path) -> Iterator[Callable[..., Any]]:
    """Open the page from disk; when the test ends, no console message, error, dialog or request may have been seen."""
    seen: list[str] = []
    contexts = []

    def opened(width: int = 1280, scheme: str = "light") -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: seen.append(f"console {m.type}: {m.text}"))
        page.on("pageerror", lambda e: seen.append(f"error: {e}"))
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else seen.append(f"request: {r.url}"))
        page.on("dialog", lambda d: (seen.append(f"dialog: {d.message}"), d.dismiss()))
        page.goto(page_file.as_uri())
        page.wait_for_selector("html[data-charts=done]", timeout=60_000)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert seen == []


def _table(page: Any) -> Any:
    return page.locator("table.board").filter(has_text="gamma")


def test_the_contaminated_run_stands_first_without_a_rank(open_page: Callable[..., Any]) -> None:
    page = open_page()
    first = _table(page).locator("tbody tr").first
    assert first.locator("th").inner_text().startswith("best")
    assert "not ranked: the data was in training" in first.locator("td.rank").inner_text()
    assert first.locator(".tag.contamination").inner_text() == "Contamination"
    assert page.locator(".chart.failed").count() == 0


def test_a_click_on_rank_sorts_and_leaves_the_unranked_last(open_page: Callable[..., Any]) -> None:
    page = open_page()
    table = _table(page)
    button = table.locator("thead th").first.locator("button")
    for wanted in (True, False):
        button.focus()
        page.keyboard.press("Enter")
        keys = table.locator("tbody td.rank").evaluate_all("cells => cells.map(c => c.dataset.sort)")
        ranked = [int(key) for key in keys if key]
        assert ranked == sorted(ranked, reverse=wanted)
        assert len(ranked) > 5
        assert keys[len(ranked) :] == [""] * (len(keys) - len(ranked))
        assert keys[-1] == ""


def test_hostile_names_are_text(open_page: Callable[..., Any]) -> None:
    page = open_page()
    text = page.locator("main").text_content()
    for name in ("<script>alert(1)</script>", "constructor", "__proto__", "{{ 7 * 7 }}"):
        assert name in text
    assert page.locator('a[href^="javascript"]').count() == 0
    assert page.locator("main script, main img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_sideways_scroll_on_a_phone(open_page: Callable[..., Any], scheme: str) -> None:
    page = open_page(width=375, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 375)])
def test_axe_finds_nothing_serious(browser: Any, page_file: Path, scheme: str, width: int) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True)
    page = context.new_page()
    page.goto(page_file.as_uri())
    page.wait_for_selector("html[data-charts=done]", timeout=60_000)
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("axe.run(document)")
    context.close()
    grave = [
        f"{v['id']}: {[n['target'] for n in v['nodes'][:3]]}"
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]
    assert found["passes"]
    assert grave == []
