"""Fixtures of the tests in a real browser: pages as files, made when first asked for, and opened under watch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
for room in ("browser", "report", "compare"):  # importlib mode puts no test folder on the path
    sys.path.insert(0, str(TESTS / room))

Make = Callable[[str], Path]
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
]
REFUSALS = "addEventListener('securitypolicyviolation', e => console.error(`refused: ${e.violatedDirective}`))"


@pytest.fixture(scope="session")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Make a page of ``made_up_pages`` by its name, once, and return its file."""

    @cache
    def made(name: str) -> Path:
        from made_up_pages import MAKERS

        path = tmp_path_factory.mktemp("page") / f"{name}.html"
        path.write_text(MAKERS[name](tmp_path_factory.mktemp(name)), encoding="utf-8")
        return path

    return made


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Any]:
    """One headless browser for all tests of a file."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(chromium), args=ARGUMENTS)
        yield running
        running.close()


class Watch:
    """Opens pages and notes what a page must never do: complain, ask, load, or try what its policy forbids."""

    def __init__(self, browser: Any, page_file: Make) -> None:
        self.seen: list[str] = []
        self._browser, self._file = browser, page_file
        self._contexts: list[Any] = []

    def open(
        self, name: str, width: int = 1280, scheme: str = "light", part: str = "", *, folded: bool = False, **more: Any
    ) -> Any:
        """Open a page from disk, its charts drawn; further keywords are Playwright's for a context.

        ``folded``: sections that a phone folds stay so.
        """
        address = self._file(name).as_uri()
        context = self._browser.new_context(
            **{"viewport": {"width": width, "height": 900}, "color_scheme": scheme} | more
        )
        self._contexts.append(context)
        context.add_init_script(REFUSALS)
        page = context.new_page()

        def asked(request: Any) -> None:
            if not request.url.startswith((address, "data:", "blob:")):
                self.seen.append(f"request: {request.url}")

        page.on("console", lambda m: self.seen.append(f"console {m.type}: {m.text}"))
        page.on("pageerror", lambda e: self.seen.append(f"error: {e}"))
        page.on("request", asked)
        page.on("dialog", lambda d: (self.seen.append(f"dialog: {d.message}"), d.dismiss()))
        page.goto(address + part)
        page.wait_for_selector("html[data-charts=done]", timeout=120_000)
        if not folded and page.locator(".every:visible").count():
            page.locator(".every").click()
        return page

    def close(self) -> None:
        """Close what is open; nothing may have been seen."""
        for context in self._contexts:
            context.close()
        assert self.seen == []


@pytest.fixture
def open_page(browser: Any, page_file: Make) -> Iterator[Callable[..., Any]]:
    """Open a page for one test, under watch."""
    watch = Watch(browser, page_file)
    yield watch.open
    watch.close()


@pytest.fixture(scope="module")
def shared_page(browser: Any, page_file: Make) -> Iterator[Callable[..., Any]]:
    """Open a page once for all tests of a file, under watch: for tests that leave it as it was."""
    watch = Watch(browser, page_file)
    yield cache(watch.open)
    watch.close()
