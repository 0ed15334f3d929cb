"""What a reader can save: every table as CSV, every chart as SVG and PNG, from a page that may load nothing."""

from __future__ import annotations

import csv
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest

pytestmark = pytest.mark.browser

Open = Callable[..., Any]
CLASSES = "#classes table.sortable:not(.compact)"
SVG = "{http://www.w3.org/2000/svg}"
UNFOLD = "e => { for (let d = e.closest('details'); d; d = d.parentElement.closest('details')) d.open = true; }"


def saved(page: Any, button: Any) -> tuple[str, Path]:
    """Press a button; return the name that the file would get, and the file."""
    with page.expect_download() as download:
        button.click()
    return download.value.suggested_filename, Path(download.value.path())


def table_file(page: Any, selector: str, nth: int = 0) -> tuple[str, pd.DataFrame]:
    box = page.locator(selector).nth(nth)
    box.evaluate(UNFOLD)
    name, path = saved(page, box.locator("xpath=following::p[@class='save'][1]/button"))
    return name, pd.read_csv(path, encoding="utf-8-sig", keep_default_na=False, dtype=str)


def chart_file(page: Any, chart: str, kind: str) -> tuple[str, Path]:
    box = page.locator(f'[data-chart="{chart}"]')
    box.evaluate(UNFOLD)
    box.locator("svg").wait_for(state="attached")
    box.hover()
    return saved(page, page.locator(f'.chart-tools:has(+ [data-chart="{chart}"]) button', has_text=kind))


def test_a_table_s_file_holds_the_table_in_full_precision(shared_page: Open) -> None:
    page = shared_page("plain")
    name, found = table_file(page, CLASSES)
    assert name == "clip-demo-vit-on-simulated-lesions-classes.csv"
    rows = page.locator(f"{CLASSES} tbody tr")
    heads = [h.strip().lower() for h in page.locator(f"{CLASSES} thead th button").all_inner_texts()]
    assert [c.lower() for c in found.columns if not c.endswith(("low)", "high)", "(note)"))] == heads
    assert len(found) == rows.count() == 7
    assert list(found.iloc[:, 0]) == rows.locator("th bdi").all_inner_texts()
    assert "malignant" in set(found["Class (note)"])
    for i in range(rows.count()):
        cell = rows.nth(i).locator("td", has=page.locator(".ci")).first
        shown = cell.inner_text().split("\n")
        value, low, high = (float(found["AUROC" + part][i]) for part in ("", " (95 % low)", " (95 % high)"))
        assert f"{value:.3f}" == shown[0].rstrip("*")
        assert f"{low:.3f}–{high:.3f}" == shown[1]
        assert len(found["AUROC"][i]) > 8


def test_a_sorted_table_is_saved_as_it_stands(open_page: Open) -> None:
    page = open_page("side")
    page.evaluate("vlmeval.tables.sortable(document.querySelector('#classes table'))")
    page.locator("#classes thead button").first.click()
    names = list(table_file(page, "#classes table")[1].iloc[:, 0])
    assert len(names) > 5
    assert names == sorted(names, key=str.lower, reverse=True)


def test_spanning_headings_and_suppressed_cells_keep_their_place_and_reason(shared_page: Open) -> None:
    page = shared_page("side")
    _, found = table_file(page, "#summary table")
    assert found.columns[0] == "Method"
    body = page.locator("#summary table").first.locator("tbody tr, tfoot tr")
    assert len(found) == body.count()
    plain = [c for c in found.columns if not c.endswith(("low)", "high)")) and "(note)" not in c]
    assert len(plain) == page.locator("#summary table").first.locator("thead tr").nth(1).locator("th").count() + 1
    assert found.columns.is_unique
    page = shared_page("plain")
    _, groups = table_file(page, "#skin-tone table", 1)
    noted = [c for c in groups.columns if f"{c} (note)" in groups]
    assert any("positive" in note for c in noted for note in groups[f"{c} (note)"][groups[c] == ""])


def test_every_table_of_a_report_can_be_saved_even_one_that_is_folded(shared_page: Open) -> None:
    page = shared_page("report")
    assert page.locator("main table").count() == page.locator("main p.save").count() > 40
    laid_out = "all => [...new Set(all.map(p => getComputedStyle(p.parentElement).display))]"
    assert page.locator("main p.save").evaluate_all(laid_out) == ["block"]
    files = page.evaluate(
        "[...document.querySelectorAll('main table')].map(t => ["
        "vlmeval.csv.textOf(t), t.querySelectorAll(':is(tbody, tfoot) tr').length])"
    )
    for text, height in files:
        rows = list(csv.reader(io.StringIO(text, newline="")))
        assert len(rows) == 1 + height
        assert len({len(row) for row in rows}) == 1
        assert text.count("\r\n") == len(rows)
    assert sum(height for _, height in files) > 200


FORMULAS = ("=1+1", "+A1", "-2", "@SUM(A1)", "\uff1dcmd", '="a, b"')
TABLE = """names => {
  const table = document.querySelector('#classes table.sortable:not(.compact)').cloneNode(true);
  [...table.tBodies[0].rows].forEach((row, i) => { if (names[i]) row.cells[0].textContent = names[i]; });
  const cell = table.tBodies[0].rows[0].querySelector('td[data-sort]');
  cell.dataset.sort = '-0.25'; cell.textContent = '\u22120.25';
  return vlmeval.csv.textOf(table);
}"""


def test_no_name_becomes_a_formula_and_numbers_stay_numbers(shared_page: Open) -> None:
    page = shared_page("plain")
    rows = list(csv.reader(io.StringIO(page.evaluate(TABLE, list(FORMULAS)))))
    assert [row[0] for row in rows[1 : len(FORMULAS) + 1]] == [f"'{name}" for name in FORMULAS]
    assert "-0.25" in rows[1]


def test_hostile_names_come_through_a_file_whole(shared_page: Open) -> None:
    page = shared_page("hostile")
    name, found = table_file(page, CLASSES)
    assert "-classes" in name
    assert name.replace("-", "").replace(".", "").isalnum()
    names = set(found.iloc[:, 0])
    assert {"<script>alert(1)</script>", "\"quoted\" & 'single' </script><!--", "constructor", "__proto__"} <= names
    assert any(len(n) > 490 for n in names)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_chart_s_svg_stands_alone(shared_page: Open, scheme: str) -> None:
    page = shared_page("report", scheme=scheme)
    label = page.locator('[data-chart="classes-auroc"]').get_attribute("aria-label")
    name, path = chart_file(page, "classes-auroc", "SVG")
    assert name == "clip-demo-vit-on-simulated-lesions-synthetic-classes-classes-auroc.svg"
    source = path.read_text(encoding="utf-8")
    assert "var(" not in source
    assert "light-dark" not in source
    root = ElementTree.fromstring(source)  # noqa: S314 - made by the page under test
    assert root.tag == f"{SVG}svg"
    assert label.startswith(root.findtext(f"{SVG}title"))
    assert "Synthetic data and model" in root.findtext(f"{SVG}desc")
    paper = root.find(f"{SVG}rect").get("fill")
    assert paper == page.evaluate("getComputedStyle(document.body).backgroundColor")
    words = [text for e in root.iter(f"{SVG}text") if (text := e.text)]
    assert {"Melanoma", "AUROC", "Synthetic data and model: not a clinical result"} <= set(words)


def test_a_chart_s_png_has_the_size_and_the_colours_of_the_chart(shared_page: Open) -> None:
    from PIL import Image

    page = shared_page("report")
    box = page.locator('[data-chart="shots-metric-0-balanced-0"] svg').bounding_box()
    name, path = chart_file(page, "shots-metric-0-balanced-0", "PNG")
    assert name.endswith(".png")
    raw = path.read_bytes()
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", raw[16:24])
    assert width == pytest.approx(2 * box["width"], abs=4)
    assert height > 2 * box["height"] + 40  # the legend and the banner stand below
    picture = Image.open(path).convert("RGB")
    colours = {colour for _, colour in picture.getcolors(1 << 24)}
    assert picture.getpixel((1, 1)) == (253, 252, 250)
    assert {(0, 96, 168), (173, 75, 0), (0, 116, 90), (147, 54, 138)} <= colours


def test_a_legend_that_stands_beside_charts_goes_into_their_files(shared_page: Open) -> None:
    page = shared_page("report")
    root = ElementTree.fromstring(  # noqa: S314 - made by the page under test
        chart_file(page, "shots-metric-0-balanced-0", "SVG")[1].read_text(encoding="utf-8")
    )
    words = {e.text for e in root.iter(f"{SVG}text")}
    assert {"Text-anchored probe", "Logistic probe", "Nearest class mean", "Zero-shot"} <= words


def test_hostile_names_in_charts_make_well_formed_files(shared_page: Open) -> None:
    page = shared_page("hostile")
    found = page.evaluate(
        "async () => { const made = []; for (const box of document.querySelectorAll('[data-chart]')) {"
        " if (!vlmeval.charts.viewOf(box)) continue;"
        " made.push(new XMLSerializer().serializeToString((await vlmeval.pictures.standalone(box)).svg)); }"
        " return made; }"
    )
    assert len(found) > 20
    words = {e.text for source in found for e in ElementTree.fromstring(source).iter(f"{SVG}text")}  # noqa: S314
    assert {"constructor", "__proto__", "<script>alert(1)</script>"} <= words
    assert not [s for s in found if "<script" in s or "var(" in s]


def test_a_chart_s_buttons_show_when_the_keyboard_reaches_them_and_always_by_touch(
    shared_page: Open,
) -> None:
    page = shared_page("plain")
    tools = page.locator(".chart-tools .save").first
    assert tools.evaluate("e => getComputedStyle(e).opacity") == "0"
    tools.locator("button").first.focus()
    assert tools.evaluate("e => getComputedStyle(e).opacity") == "1"
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename.endswith(".svg")
    touch = shared_page("plain", width=400, has_touch=True, is_mobile=True)
    assert touch.locator(".chart-tools .save").first.evaluate("e => getComputedStyle(e).opacity") == "1"
    heights = touch.locator(".save button").evaluate_all("all => all.map(b => b.offsetHeight).filter(h => h)")
    assert min(heights) >= 24
