"""The page "How we compute this": every metric on it, always the same bytes, opened from a report in a real browser."""

from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal

import pytest
from made_up_runs import Run

from vlmeval.examine.measured import MEASURES
from vlmeval.examine.truth.rows import TRUTH_MEASURES
from vlmeval.report import HOW_FILE, build_how, build_view, how_page, render
from vlmeval.stats import all_metrics, metrics_between_levels

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
EVERY = {m.id for m in (*all_metrics(), *metrics_between_levels())} | set(MEASURES) | set(TRUTH_MEASURES)


@pytest.fixture(scope="module")
def page() -> str:
    return how_page()


class Elements(HTMLParser):
    """Ids and links of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag == "a" and found.get("href"):
            self.links.append(str(found["href"]))


def test_every_metric_has_its_anchor_once_and_every_inner_link_a_target(page: str) -> None:
    elements = Elements(page)
    assert len(set(elements.ids)) == len(elements.ids)
    assert {f"metric-{name}" for name in EVERY} == {
        i for i in elements.ids if i.startswith("metric-") and i[-5:] != "-name"
    }
    inner = {link[1:] for link in elements.links if link.startswith("#")}
    assert inner <= set(elements.ids)
    assert not [link for link in elements.links if not link.startswith("#")], "the page links to nothing outside it"


def test_everything_that_is_known_of_a_metric_stands_on_the_page(page: str) -> None:
    shown = re.sub(r"\s+", " ", page)
    for metric in (*all_metrics(), *metrics_between_levels()):
        for words in (
            metric.id,
            metric.source.split(";")[0].split("&")[0].split("'")[0],
            f"{metric.example.value:.4f}",
        ):
            assert words.replace("-", "−") in shown or words in shown, (metric.id, words)


def test_examples_show_what_each_row_is_given() -> None:
    tables = {table["id"]: table for table in build_how()["examples"]}
    given = {name: [", ".join(row["decided"]) for row in table["rows"]] for name, table in tables.items()}
    assert given["one-class"] == ["condition"] * 4 + ["rest"] * 6
    assert given["five-rows"] == ["nevus", "melanoma", "melanoma", "nevus", "keratosis"]
    assert given["two-labels"] == ["eczema", "urticaria", "eczema, urticaria", ""]


def test_the_page_is_the_same_each_time_and_small(page: str) -> None:
    assert how_page() == page
    assert len(page) < 250_000
    assert json.loads(json.dumps(build_how(), allow_nan=False)) == json.loads(json.dumps(build_how()))


def test_the_page_may_load_nothing(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', unescape(page))
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy[1]
    assert not re.search(r'(src|href)="(https?:)?//', page)


def test_every_metric_that_a_report_links_to_is_on_the_page(single: Run, page: str) -> None:
    report = render(build_view(*single))
    linked = {link for link in Elements(report).links if link.startswith(HOW_FILE)}
    assert HOW_FILE in linked
    assert f"{HOW_FILE}#metric-auroc" in linked
    assert {link.partition("#")[2] for link in linked} - {""} <= set(Elements(page).ids)


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1280, "light")], ids=["phone-dark", "desk-light"])
def test_the_link_of_a_report_opens_the_page_at_the_metric(
    chromium: Path, single: Run, page: str, tmp_path: Path, width: int, scheme: Literal["dark", "light"]
) -> None:
    from playwright.sync_api import sync_playwright

    (tmp_path / "report.html").write_text(render(build_view(*single)), encoding="utf-8")
    (tmp_path / HOW_FILE).write_text(page, encoding="utf-8")
    seen: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
        tab = context.new_page()
        tab.on("console", lambda message: seen.append(message.text))
        tab.on("pageerror", lambda error: seen.append(str(error)))
        tab.goto((tmp_path / "report.html").as_uri())
        tab.wait_for_selector("html[data-charts=done]", timeout=60_000)
        if width < 700:  # sections are folded on a phone
            tab.locator(".every").click()
        tab.locator(f"#overall a[href='{HOW_FILE}#metric-auroc']").first.click()
        tab.wait_for_url(f"**/{HOW_FILE}#metric-auroc")
        tab.wait_for_selector("html[data-charts=done]")
        assert tab.locator("article:target").get_attribute("id") == "metric-auroc"
        assert "probability that a random positive scores higher" in tab.locator("article:target").inner_text()
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        for name in sorted(EVERY):
            assert tab.locator(f"[id='metric-{name}'] h3").count() == 1, name
        dark = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        tab.locator("#theme").click()
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != dark
        violations = tab.evaluate(AXE.read_text(encoding="utf-8") + ";axe.run().then(r => r.violations.map(v => v.id))")
        browser.close()
    assert seen == []
    assert violations == []
