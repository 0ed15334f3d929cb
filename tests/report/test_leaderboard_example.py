"""The committed example: drawn data that say so, and the page that today's templates make of its view."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from vlmeval.report import render_leaderboard
from vlmeval.report.leaderboard.build import LEADERBOARD_SCHEMA

EXAMPLES = Path(__file__).parents[2] / "reports" / "examples"
VIEW, PAGE = EXAMPLES / "leaderboard.json", EXAMPLES / "leaderboard.html"
AGAIN = "make it anew: python tests/demo/make_examples.py --page (a new view: make examples)"


@pytest.fixture(scope="module")
def view() -> dict[str, object]:
    if not VIEW.is_file():
        pytest.skip("examples are in the repository only")
    return dict(json.loads(VIEW.read_text(encoding="utf-8"))["leaderboard"])


def test_the_example_says_everywhere_that_it_is_synthetic(view: dict[str, object]) -> None:
    assert view["banner"] == "Synthetic data: not a clinical result"
    for table in view["tables"]:  # type: ignore[attr-defined]
        assert [badge["kind"] for badge in table["badges"]] == ["synthetic"]
        assert len(table["rows"]) > 8
        assert all(not Path(row["folder"]).is_absolute() for row in table["rows"])
    assert PAGE.read_text(encoding="utf-8").count("Synthetic data: not a clinical result") >= 3


def test_the_page_is_what_the_templates_make_of_the_view(view: dict[str, object]) -> None:
    assert view["schema"] == LEADERBOARD_SCHEMA, AGAIN
    made, found = render_leaderboard(view), PAGE.read_text(encoding="utf-8")
    assert without_charts(made) == without_charts(found), AGAIN
    assert len(found.encode()) < 1_600_000


def without_charts(page: str) -> list[str]:
    """The page's lines but for its charts' specifications, which another version of Altair may write otherwise."""
    return re.sub(r'(<script type="application/json" id="chart-data">).*', r"\1", page).splitlines()
