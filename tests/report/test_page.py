"""The page: one file, safe, complete, the same bytes every time."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from vlmeval.report import HOW_FILE, build_view, render

PLAIN_DATA = ("application/json",)


class Page(HTMLParser):
    """Every element with its attributes, the text of scripts, and the text people read."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[str | None, str]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag == "script":
            self.scripts.append((dict(attrs).get("type"), ""))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            kind, before = self.scripts[-1]
            self.scripts[-1] = (kind, before + data)
        elif not self._open or self._open[-1] != "style":
            self.text.append(data)

    def values(self, attribute: str) -> list[str]:
        """Return every value of an attribute."""
        return [a[attribute] or "" for _, a in self.elements if attribute in a]


def chart_data(source: str) -> Any:
    """Return what the page's charts are drawn from."""
    found = re.search(r'<script type="application/json" id="chart-data">(.*?)</script>', source, re.S)
    assert found
    return json.loads(found[1])


@pytest.mark.parametrize("name", ["single", "multi", "hostile", "side"])
def test_only_our_scripts_may_run_and_each_is_named_by_its_hash(pages: dict[str, str], name: str) -> None:
    page = Page(pages[name])
    policy = next(a["content"] or "" for t, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    code = [text for kind, text in page.scripts if kind not in PLAIN_DATA]
    assert {kind for kind, _ in page.scripts} == {None, *PLAIN_DATA}
    assert len(code) == policy.count("'sha256-")
    for text in code:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


@pytest.mark.parametrize("name", ["single", "multi", "hostile", "side"])
def test_page_needs_nothing_from_outside_and_has_no_inline_handlers(pages: dict[str, str], name: str) -> None:
    page = Page(pages[name])
    assert not [a for _, attrs in page.elements for a in attrs if a.startswith("on")]
    assert not page.values("src")
    for tag, attributes in page.elements:
        address = attributes.get("href")
        if address is None:
            continue
        if tag == "link":
            assert address == "data:,"
        else:
            # Places on the page, the page beside it, or a link that a reader may follow.
            assert address.startswith(("#", f"{HOW_FILE}#", "https://", "http://")) or address == HOW_FILE, address


def test_hostile_names_are_text_and_nothing_else(pages: dict[str, str], hostile: Any) -> None:
    page = Page(pages["hostile"])
    text = "".join(page.text)
    for spec in hostile[0].benchmark.classes:
        assert spec.name in text
    assert "{{ 7 * 7 }}" in text
    data = [t for kind, t in page.scripts if kind in PLAIN_DATA]
    assert data
    assert not [t for t in data if "<" in t or not t.isascii()]
    assert pages["hostile"].count("<script") == pages["single"].count("<script")


def test_no_name_from_data_becomes_an_expression_or_a_field(pages: dict[str, str]) -> None:
    data = chart_data(pages["hostile"])
    names = ("constructor", "__proto__", "{{", "alert")

    def walk(value: Any, inside_data: bool) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                assert not any(n in key for n in names), key
                walk(inner, inside_data or key in ("values", "params", "datasets"))
        elif isinstance(value, list):
            for inner in value:
                walk(inner, inside_data)
        elif isinstance(value, str) and not inside_data:
            assert not any(n in value for n in names), value

    walk(data, False)


@pytest.mark.parametrize(("name", "least"), [("single", 10), ("multi", 40), ("hostile", 30), ("side", 2)])
def test_charts_and_their_places_agree(pages: dict[str, str], name: str, least: int) -> None:
    page = Page(pages[name])
    data = chart_data(pages[name])
    places = page.values("data-chart")
    assert len(set(places)) == len(places) >= least
    assert set(places) <= set(data["charts"])
    families = {c["family"] for c in data["charts"].values() if "family" in c}
    assert families <= set(data["families"])
    labelled = [a for _, a in page.elements if "data-chart" in a]
    assert all(a.get("role") == "img" and a.get("aria-label") for a in labelled)


@pytest.mark.parametrize(("name", "links"), [("single", 14), ("multi", 16), ("side", 5)])
def test_ids_are_unique_and_every_inner_link_has_a_target(pages: dict[str, str], name: str, links: int) -> None:
    page = Page(pages[name])
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    inner = [a[1:] for a in page.values("href") if a.startswith("#")]
    assert set(inner) <= set(ids)
    assert len(inner) >= links


@pytest.mark.parametrize("name", ["single", "multi", "side"])
def test_every_table_has_a_caption_and_headed_columns(pages: dict[str, str], name: str) -> None:
    page = Page(pages[name])
    tags = [t for t, _ in page.elements]
    assert tags.count("caption") == tags.count("table") > 5
    assert all(a.get("scope") in ("row", "col", "colgroup") for t, a in page.elements if t == "th")


def test_synthetic_runs_say_so_and_others_do_not(pages: dict[str, str]) -> None:
    line = "Synthetic data and model: not a clinical result"
    assert pages["multi"].count(line) > 14
    assert line not in pages["single"]


def test_badges_stand_in_the_head_with_text_and_source(pages: dict[str, str]) -> None:
    head = pages["multi"].split("<main")[0]
    for part in ("Leakage", "Photos of one lesion stand on both sides", "https://example.org/leak", "Contamination"):
        assert part in head


def test_summary_says_of_each_gap_whether_its_interval_holds_zero(pages: dict[str, str], single: Any) -> None:
    summary = pages["single"].split('id="summary"')[1].split("</section>")[0]
    sources = build_view(*single)["headline"]["tone"]["sources"]
    excluded = [s["gap"]["low"] > 0 or s["gap"]["high"] < 0 for s in sources]
    assert sorted(excluded) == [False, True]
    assert summary.count("interval excludes zero") == 1
    assert summary.count("interval includes zero") == 1
    row = next(part for part in summary.split("<tr>") if "interval excludes zero" in part)
    assert sources[excluded.index(True)]["name"] in row


def test_suppressed_cells_show_a_dash_and_their_positives(pages: dict[str, str]) -> None:
    text = " ".join("".join(Page(pages["single"]).text).split())
    assert re.search(r"—\(\d positives?\)", text)
    assert not re.search(r"\b(nan|None|inf)\b", text)


def test_unavailable_groups_give_their_reason_in_their_place(make_run: Callable[..., Any]) -> None:
    source = render(build_view(*make_run(tones=False, units=120, prompt_sets=1)))
    section = source.split('id="skin-tone"')[1].split('id="groups"')[0]
    assert "Not available:" in section
    assert "dermatoscopy hides the surrounding skin" in section
    assert "No skin-tone labels in this data" in source.split('id="overall"')[0]


def test_a_run_of_scored_predictions_renders(single: Any) -> None:
    record, _ = single
    source = render(build_view(record.model_copy(update={"model": None, "prompts": ()}), []))
    assert "no prompts are known" in source
    assert "were not kept" in source


def test_page_is_the_same_bytes_twice_and_in_another_process(single: Any, pages: dict[str, str]) -> None:
    assert render(build_view(*single)) == pages["single"]
    other = _elsewhere("print(hashlib.sha256(render(build_view(*simulate(Recipe()))).encode()).hexdigest())")
    assert other == hashlib.sha256(pages["single"].encode()).hexdigest()


def test_report_never_imports_model_libraries() -> None:
    heavy = "('torch', 'torchvision', 'sklearn', 'open_clip', 'transformers', 'datasets', 'scipy')"
    code = (
        "run = simulate(Recipe(units=60, prompt_sets=1))\n"
        "statistics = set(sys.modules)\n"
        "render(build_view(*run))\n"
        f"print([m for m in {heavy} if m in set(sys.modules) - statistics])"
    )
    assert _elsewhere(code) == "[]"


def test_page_stays_within_its_budget(pages: dict[str, str]) -> None:
    assert all(len(source.encode()) < 3_000_000 for source in pages.values())


def _elsewhere(code: str) -> str:
    """Run code in a fresh interpreter with another hash seed; the run factory of conftest.py is at hand."""
    here = Path(__file__).parent
    start = (
        "import hashlib, importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('factory', {str(here / 'conftest.py')!r})\n"
        "factory = importlib.util.module_from_spec(spec)\n"
        "sys.modules['factory'] = factory\n"
        "spec.loader.exec_module(factory)\n"
        "simulate, Recipe = factory.simulate, factory.Recipe\n"
        "from vlmeval.report import build_view, render\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", start + code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "12345"},
        cwd=here.parent.parent,
    )
    return found.stdout.strip()
