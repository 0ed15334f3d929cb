"""The leaderboard in a real browser: filters, search, order, links to a view, rows side by side, hostile links."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from made_up_board import model, written
from made_up_probes import add_probes
from made_up_runs import HOSTILE, TRAINED_ON, Recipe, Run, simulate

from vlmeval.records import Badge
from vlmeval.report import build_leaderboard, render_leaderboard

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
MODELS = (  # name, family, licence, millions, share of the way to a perfect answer
    ("alpha", "clip", "MIT", 150.0, 0.0),
    ("beta", "clip", "Apache-2.0", 430.0, 0.1),
    ("gamma", "siglip", "Apache-2.0", 880.0, 0.3),
)


def named(run: Run, name: str, family: str, licence: str, millions: float) -> dict[str, Any]:
    assert run[0].model is not None
    facts = {"title": name, "spec": name, "family": family, "licence": licence, "parameters_millions": millions}
    return {"model": run[0].model.model_copy(update=facts), "title": name}


def made(folder: Path) -> str:
    """Three models (one with a sweep), a contaminated one that is best, hostile ones, and a table of its own."""
    base = simulate(Recipe(units=200, prompt_sets=1, image_level=False, draws=50))
    for i, (name, family, licence, millions, pull) in enumerate(MODELS):
        one = model(base, name, pull, seed=i, **named(base, name, family, licence, millions))
        written(folder, add_probes(one, regimes=("balanced",)) if name == "beta" else one)
    written(
        folder, model(base, "best", 0.8, badges=(TRAINED_ON,), **named(base, "best", "medsiglip", "HAI-DEF", 878.0))
    )
    for i, name in enumerate(HOSTILE):
        evil = (Badge(kind="partial", text=name, source="javascript:alert(1)"),)
        facts = named(base, name, name, name, 10.0 * i + 1)
        written(folder, model(base, f"h{i}", 0.05, seed=10 + i, badges=evil if i % 2 else (), **facts))
    card = base[0].benchmark.model_copy(update={"id": "hostile", "title": HOSTILE[0]})
    own = (base[0].model_copy(update={"benchmark": card, "benchmark_digest": "88" * 32}), base[1])
    written(folder, model(own, "alpha", 0.0, seed=50))
    return render_leaderboard(build_leaderboard([folder]))


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The made-up leaderboard as a file, whatever it is called."""

    @cache
    def once(name: str) -> Path:
        path = tmp_path_factory.mktemp("page") / f"{name}.html"
        path.write_text(made(tmp_path_factory.mktemp("runs")), encoding="utf-8")
        return path

    return once


@pytest.fixture
def board(open_page: Open) -> Iterator[Any]:
    """The page, its rows ready."""
    page = open_page("board")
    page.wait_for_selector("html[data-board=done]")
    return page


def names(page: Any) -> list[str]:
    """The models of the rows that are shown in the main table, in their order."""
    rows = main(page).locator("tbody tr:visible th > bdi")
    return [text.split("\n")[0] for text in rows.all_inner_texts()]


def main(page: Any) -> Any:
    return page.locator("table.board[data-table^=simulated]")


def choose(page: Any, facet: str, option: str) -> None:
    page.locator(".facet > summary", has_text=facet).click()
    page.locator(".facet[open] label").filter(has=page.get_by_text(option, exact=True)).locator("input").check()
    page.keyboard.press("Escape")


def hash_of(page: Any) -> str:
    return str(page.evaluate("location.hash"))


def test_facets_choose_rows_by_all_of_them_and_any_of_their_options(board: Any) -> None:
    everything = names(board)
    assert {"alpha", "beta", "gamma", "best"} <= set(everything)
    choose(board, "Model family", "clip")
    assert set(names(board)) == {"alpha", "beta"}
    choose(board, "Model family", "siglip")
    assert set(names(board)) == {"alpha", "beta", "gamma"}
    choose(board, "Model licence", "Apache-2.0")
    assert set(names(board)) == {"beta", "gamma"}
    assert "of" in board.locator("#board-count").inner_text()
    assert board.locator("#board-count").get_attribute("aria-live") == "polite"
    board.click("#board-reset")
    assert names(board) == everything
    assert hash_of(board) in ("", "#summary")


def test_a_search_looks_for_all_words_in_names_licences_and_badges(board: Any) -> None:
    board.fill("#board-search", "  MIT ALPHA ")
    assert names(board) == ["alpha"]
    board.fill("#board-search", "contamination")
    assert names(board) == ["best"]
    board.fill("#board-search", "no such thing")
    assert names(board) == []
    assert board.get_by_text("No row of this table is like that.").first.is_visible()
    assert board.locator("#board-count").inner_text().startswith("0 of ")


def test_headings_sort_the_better_first_and_the_third_press_is_the_order_of_ranks(board: Any) -> None:
    ranks = names(board)
    heading = main(board).locator("thead th[data-column=ece]")
    for wanted in ("ascending", "descending"):
        heading.locator("button").focus()
        board.keyboard.press("Enter")
        assert heading.get_attribute("aria-sort") == wanted
        cells = main(board).locator("tbody tr:visible").evaluate_all(
            "(rows, c) => rows.map((row) => row.cells[c].dataset.sort)", heading.evaluate("one => one.cellIndex")
        )  # fmt: skip
        values = [float(c) for c in cells if c]
        assert values == sorted(values, reverse=wanted == "descending")
        assert cells[len(values) :] == [""] * (len(cells) - len(values))
    board.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") is None
    assert names(board) == ranks


def test_the_contaminated_run_stands_first_without_a_rank_and_sorts_last_by_rank(board: Any) -> None:
    first = main(board).locator("tbody tr").first
    assert first.locator("th bdi").first.inner_text() == "best"
    assert "not ranked: the data was in training" in first.locator("td.rank").inner_text()
    assert first.locator(".tag.contamination").inner_text() == "Contamination"
    main(board).locator("thead th.rank button").click()
    keys = main(board).locator("tbody td.rank").evaluate_all("cells => cells.map(c => c.dataset.sort)")
    ranked = [int(key) for key in keys if key]
    assert ranked == sorted(ranked)
    assert keys[len(ranked) :] == [""] * (len(keys) - len(ranked))
    assert keys[-1] == ""


def test_columns_hide_and_single_conditions_come_on_demand(board: Any) -> None:
    own = main(board).locator("thead th:visible").count()
    board.locator("#board-columns > summary").click()
    board.locator("#board-columns label", has_text="ECE").locator("input").uncheck()
    board.keyboard.press("Escape")
    assert main(board).locator("thead th:visible").count() == own - 1
    select = board.locator("section:has(table[data-table^=simulated]) .class-columns select")
    select.select_option(label="Melanoma")
    added = main(board).locator("thead th:visible").last
    assert added.inner_text().startswith("Melanoma")
    value = main(board).locator("tbody tr:visible td.num:last-child .value").first.inner_text()
    assert 0 < float(value) <= 1
    assert main(board).locator("tbody tr").evaluate_all("rows => new Set(rows.map(r => r.cells.length)).size") == 1
    added.locator("button.away").click()
    assert main(board).locator("thead th:visible").count() == own - 1


def test_a_link_brings_back_the_view(board: Any, open_page: Open) -> None:
    choose(board, "Model family", "clip")
    choose(board, "Model family", HOSTILE[1])
    main(board).locator("thead th[data-column=auroc] button").click()
    board.locator(".class-columns select").first.select_option(index=2)
    board.locator("#board-columns > summary").click()
    board.locator("#board-columns label", has_text="ECE").locator("input").uncheck()
    board.keyboard.press("Escape")
    main(board).locator("tr:visible .tick").first.check()
    main(board).locator("tr:visible .tick").last.check()
    board.click("#picked-compare")
    before = names(board), main(board).locator("thead th:visible").all_inner_texts(), hash_of(board)
    again = open_page("board", part=hash_of(board))
    again.wait_for_selector("html[data-board=done]")
    assert (names(again), main(again).locator("thead th:visible").all_inner_texts(), hash_of(again)) == before
    assert again.locator(".tick:checked").count() == 2
    assert again.locator("#compared").is_visible()
    assert again.locator("#compared").inner_text() == board.locator("#compared").inner_text()
    boxes = again.locator("input[data-facet]:checked")
    assert boxes.count() == 2


def test_a_table_can_be_looked_at_alone(board: Any, open_page: Open) -> None:
    board.locator("#board-table").select_option(index=1)
    assert board.locator("table.board:visible").count() == 1
    again = open_page("board", part=hash_of(board))
    assert again.locator("table.board:visible").count() == 1


@pytest.mark.parametrize(
    "part",
    [
        "#view&sort=constructor.up&family=__proto__&table=__proto__&row=constructor&without=hasOwnProperty",
        "#view&search=" + quote("<img src=x onerror=alert(1)>"),
        "#view&family=" + quote(HOSTILE[0]) + "&licence=" + quote("</script><script>alert(1)</script>"),
        "#view&class=a~b~c&class=" + "x~" * 500 + "&sort=..up&row=" + "y" * 9000,
        "#view&" + "family=clip&" * 5000,
        "#view&search=%E0%A4%A&table=%",
        "#view" + "&row=" * 300,
        "#viewless&search=alpha",
    ],
)
def test_a_hostile_link_does_nothing(open_page: Open, part: str) -> None:
    """`open_page` fails the test on any error, dialog, request or message of the console."""
    page = open_page("board", part=part)
    page.wait_for_selector("html[data-board=done]")
    assert page.locator("main img, main script:not([type='application/json'])").count() == 0
    assert page.evaluate("({}).polluted") is None
    assert page.locator("table.board").count() == 2
    page.click("#board-reset")
    page.fill("#board-search", "alpha")
    assert names(page) == ["alpha"]


def test_what_a_link_asks_for_in_vain_is_said(open_page: Open) -> None:
    page = open_page("board", part="#view&family=nobody&sort=nothing.up&family=clip")
    assert (
        page.locator("#board-count")
        .inner_text()
        .endswith("2 parts of the link mean nothing on this page and were left out.")
    )
    assert set(names(page)) == {"alpha", "beta"}


def test_ticked_rows_stand_side_by_side_with_their_paired_difference(board: Any) -> None:
    table = build_differences(board)
    labels = names(board)
    rows = main(board).locator("tbody tr:visible")
    for name in ("gamma", "alpha"):
        rows.nth(labels.index(name)).locator(".tick").check()
    assert board.locator("#picked output").inner_text() == "2 rows ticked"
    board.click("#picked-compare")
    panel = board.locator("#compared")
    assert panel.locator("thead th bdi").first.inner_text() == "gamma"
    line = panel.locator("tbody tr", has_text="Difference in balanced accuracy")
    shown = line.locator("td").nth(1).locator(".value").inner_text()
    assert shown == f"{table:+.3f}".replace("-", "\u2212")
    assert "clearly worse" in line.inner_text()
    command = panel.locator("pre").inner_text()
    assert re.fullmatch(r"vlmeval compare \S+ \S+ --method \S+", command)
    assert all((Path(folder) / "run.json").is_file() for folder in command.split()[2:4])
    panel.get_by_role("button", name="Remove").first.click()
    assert panel.is_hidden()
    board.click("#picked-clear")
    assert board.locator("#picked").is_hidden()


def build_differences(board: Any) -> float:
    """How far alpha lies from gamma, from the two values that the table shows in full precision."""
    found = (
        main(board)
        .locator("tbody tr")
        .evaluate_all("rows => rows.map(r => [r.querySelector('th bdi').textContent, Number(r.cells[2].dataset.sort)])")
    )
    values = dict(map(tuple, found))
    return float(values["alpha"] - values["gamma"])


def test_rows_of_two_tables_are_not_put_side_by_side(board: Any) -> None:
    main(board).locator("tr:visible .tick").first.check()
    board.locator("table.board[data-table^=hostile] .tick").first.check()
    board.click("#picked-compare")
    assert "stands in another table" in board.locator("#compared .alert").inner_text()
    assert board.locator("#compared table").count() == 0


def test_pointing_at_a_row_marks_those_it_cannot_be_told_from(board: Any) -> None:
    row = main(board).locator("tbody tr:visible").filter(has_text="not separable").first
    row.locator("td.num").first.hover()
    tied = main(board).locator("tr.tied").count()
    assert tied == len(row.locator(".rank .sub").get_attribute("title").split("; ")) > 0


def test_the_plots_follow_filter_and_ticks(board: Any) -> None:
    plot = board.locator("section:has(table[data-table^=simulated]) [data-chart$='--size']")
    plot.scroll_into_view_if_needed()
    points = plot.locator("g.mark-symbol.role-mark path")
    whole = points.count()
    choose(board, "Model family", "clip")
    marks = "document.querySelector(\"[data-chart$='--size']\").querySelectorAll('g.mark-symbol.role-mark path')"
    board.wait_for_function(f"n => {marks}.length < n", arg=whole)
    assert points.count() == len(names(board))


def test_few_shot_curves_stand_in_the_table_with_their_words(board: Any) -> None:
    curves = main(board).locator("svg.curves")
    assert curves.count() == 1
    assert curves.locator("polyline").count() == 4
    assert re.search(r"Logistic probe: 0\.\d{3} at 1, 0\.\d{3} at ", curves.get_attribute("aria-label"))


def test_the_file_holds_the_rows_that_are_shown(board: Any) -> None:
    board.fill("#board-search", "MIT")
    choose(board, "Model family", "clip")
    text = board.evaluate("vlmeval.csv.textOf(document.querySelector('table.board[data-table^=simulated]'))")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [line["Model and method"] for line in lines] == ["alpha"]
    value = float(
        next(v for k, v in lines[0].items() if k.startswith("Balanced accuracy") and "95" not in k and "note" not in k)
    )
    shown = main(board).locator("tbody tr:visible td.num").first.get_attribute("data-sort")
    assert value == float(shown)


def test_everything_can_be_done_from_the_keyboard(board: Any) -> None:
    board.locator("#board-search").focus()
    board.keyboard.type("gamma")
    for _ in range(80):
        board.keyboard.press("Tab")
        if board.evaluate("document.activeElement.matches('.tick')"):
            break
    board.keyboard.press("Space")
    assert board.locator(".tick:checked").count() == 1
    assert names(board) == ["gamma"]


def test_hostile_names_are_text(board: Any) -> None:
    text = board.locator("main").text_content()
    for name in ("<script>alert(1)</script>", "constructor", "__proto__", "{{ 7 * 7 }}"):
        assert name in text
    assert board.locator('a[href^="javascript"]').count() == 0
    for name in HOSTILE[:2]:
        choose(board, "Model licence", name)
    assert len(names(board)) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_sideways_scroll_on_a_phone(open_page: Open, scheme: str) -> None:
    page = open_page("board", width=375, scheme=scheme)
    page.locator(".facet > summary", has_text="Model family").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_without_script_every_row_can_be_read(browser: Any, page_file: Callable[[str], Path]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_file("board").as_uri())
    assert page.locator("table.board tbody tr:visible").count() == page.locator("table.board tbody tr").count() > 10
    assert page.locator("#choose").is_hidden()
    assert not page.get_by_text("tick rows to compare").first.is_visible()
    context.close()
