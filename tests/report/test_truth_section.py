"""The section that says how sure the truth is: as data, as a page, in a browser, and where nothing is known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from made_up_opinions import NOTE, add_opinions
from made_up_runs import HOSTILE, Run

from vlmeval.records import Examined
from vlmeval.report import build_view, render
from vlmeval.report.charts import build_charts


@pytest.fixture(scope="module")
def opined(multi: Run) -> Run:
    return add_opinions(multi)


def section_of(page: str) -> str:
    start = page.index('<section id="truth"')
    return page[start : page.index("</section>", start)]


def test_every_truth_is_a_line_with_the_numbers_of_the_record(opined: Run) -> None:
    record, _ = opined
    truth = build_view(*opined)["truth"]
    assert truth["reason"] is None
    assert truth["note"] == NOTE
    auroc = truth["metrics"][0]
    assert auroc["metric"]["id"] == "auroc"
    assert [line["name"] for line in auroc["rows"]] == [
        "As the card reads it",
        "Drawn from the differential",
        "Read strictly",
    ]
    rows = {
        (r.variant, r.method): r for r in record.examined.rows if r.metric == "auroc" and r.averaging == "macro"
    }  # fmt: skip
    leading = truth["methods"][0]["id"]
    for line, variant in zip(auroc["rows"][1:], ("truth:sampled", "truth:strict"), strict=True):
        row = rows[variant, leading]
        cell = line["cells"][0]
        assert (cell["value"], cell["low"], cell["high"], cell["n"]) == (row.value, row.low, row.high, row.n)
    strict = auroc["rows"][2]
    assert strict["left_out"] == 90
    # The reading only chooses among the cases: its labels are the same, and a difference would say nothing.
    assert rows["truth:strict:difference", leading].value == 0
    assert strict["moved"] == [None]
    assert strict["chosen"]
    assert [c["id"] for c in auroc["ceilings"]] == ["ceiling:panel", "ceiling:one-dermatologist"]
    assert auroc["ceilings"][0]["cell"]["value"] == rows["ceiling:panel", "panel"].value


def test_the_dermatologist_stands_beside_the_model_on_the_same_cases(opined: Run) -> None:
    truth = build_view(*opined)["truth"]
    reader, model = truth["same"]["rows"]
    assert (reader["reader"], model["reader"]) == (True, False)
    assert reader["weight"][0]["n_units"] == model["weight"][0]["n_units"] == 450
    assert truth["agreement"]["several"] == truth["agreement"]["compared"] == 450
    assert truth["agreement"]["units"] == 900
    assert truth["tops"]["ks"] == [1, 3, 5]


def test_the_page_tells_all_of_it_in_words_and_tables(opined: Run) -> None:
    view = build_view(*opined)
    section = section_of(render(view))
    for words in (
        "Drawn from the differential",
        "Read strictly",
        "90 left out",
        "One dermatologist",
        "of 900",
        NOTE[:-1],
    ):
        assert words in section.replace("Of 900", "of 900")
    charts = build_charts(view)
    assert {"truth-0", "truth-1", "truth-same"} <= charts.keys()
    for name in ("truth-0", "truth-1", "truth-same"):
        assert f'data-chart="{name}"' in section
    # Every chart's numbers stand in a table, and no table is without a caption.
    assert section.count("<table") == section.count("<caption>") >= 4
    value = view["truth"]["metrics"][0]["ceilings"][0]["cell"]["value"]
    assert f"{value:.3f}" in section
    assert not re.search(r"\bnan\b|None|inf\b", section)


def test_what_nobody_can_know_is_said_and_not_drawn(single: Run, opined: Run) -> None:
    record, predictions = single
    known = record.model_copy(update={"examined": Examined(missing={"truth": "One diagnosis each"})})
    view = build_view(known, predictions)
    assert view["truth"]["reason"] == "One diagnosis each"
    section = section_of(render(view))
    assert "<strong>Not available:</strong> One diagnosis each." in section
    assert "<table" not in section
    assert not [name for name in build_charts(view) if name.startswith("truth")]
    assert "not examined" in build_view(*single)["truth"]["reason"]


def test_readers_who_cannot_be_told_apart_give_no_line(multi: Run) -> None:
    run = add_opinions(multi, opinions=False)
    view = build_view(*run)
    assert view["truth"]["same"] is None
    assert "do not tell the readers" in section_of(render(view))
    assert "truth-same" not in build_charts(view)
    assert [c["id"] for c in view["truth"]["metrics"][0]["ceilings"]] == ["ceiling:panel"]


@pytest.mark.parametrize("title", [HOSTILE[0], HOSTILE[1], HOSTILE[-1]])
def test_a_hostile_title_is_only_text(single: Run, title: str) -> None:
    section = section_of(render(build_view(*add_opinions(single, title, draws=2))))
    assert "<script" not in section
    assert "{{" not in section or "7 * 7" in section
    assert "49" not in re.findall(r"separator (\d+)", section)


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (400, "dark")])
def test_the_charts_are_drawn_and_nothing_scrolls_sideways(
    opined: Run, chromium: Path, tmp_path: Path, width: int, scheme: str
) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    page_file = tmp_path / "page.html"
    page_file.write_text(render(build_view(*opined)), encoding="utf-8")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.goto(page_file.as_uri())
        page.wait_for_selector("html[data-charts=done]", timeout=60_000)
        assert page.locator(".chart.failed").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for name, lines in (("truth-0", 2), ("truth-same", 1)):
            chart = page.locator(f'[data-chart="{name}"]')
            assert chart.locator(".mark-symbol path").count() >= 2
            dotted = chart.locator(".mark-rule.role-mark line")
            dashes = [dotted.nth(i).evaluate("e => getComputedStyle(e).strokeDasharray") for i in range(dotted.count())]
            assert sum(d.replace("px", "").replace(" ", "") == "1,3" for d in dashes) == lines
        browser.close()
