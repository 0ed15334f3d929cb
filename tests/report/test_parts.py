"""Numbers in words, labels on axes, vendored files."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from vlmeval.report import text
from vlmeval.report.charts.base import distinct, without_shared_end
from vlmeval.report.charts.forest import Item, forest


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (text.number(0.8125, 2), "0.81"),
        (text.number(None), "—"),
        (text.number(-0.0001, 3), "0.000"),
        (text.number(-0.25, 2), "−0.25"),
        (text.signed(0.041, 2), "+0.04"),
        (text.signed(0.0001, 2), "0.00"),
        (text.signed(-0.041, 2), "−0.04"),
        (text.interval({"value": 0.5, "low": 0.4, "high": 0.6}, 2), "0.50 (0.40–0.60)"),
        (text.interval({"value": 0.0, "low": -0.1, "high": 0.1}, 2), "0.00 (−0.10 to 0.10)"),
        (text.interval({"value": 0.5, "low": None, "high": None}, 2), "0.50"),
        (text.percent(0.1234), "12.3\u00a0%"),
        (text.count(12345), "12,345"),
        (text.count(None), "—"),
        (text.seconds(0.4), "0.40 s"),
        (text.seconds(46), "46.0 s"),
        (text.seconds(723), "12 min 3 s"),
        (text.lower_first("Balanced accuracy"), "balanced accuracy"),
        (text.lower_first("AUROC"), "AUROC"),
        (text.lower_first("F1"), "F1"),
        (text.slug("FST: V–VI!"), "fst-v-vi"),
    ],
)
def test_numbers_and_names_read_well(made: str, expected: str) -> None:
    assert made == expected


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//evil", "", None, "https://a b"])
def test_only_web_addresses_become_links(address: str | None) -> None:
    assert not text.is_link(address)
    assert text.is_link("https://example.org/a?b=c")


def test_axis_labels_are_short_single_lines_without_direction_marks_and_distinct() -> None:
    labels = distinct(["a\nb\u2028c", "\u202eabc", "x" * 500, "x" * 499, "", "same", "same"])
    assert len(set(labels)) == len(labels)
    assert all(label and len(label) <= 70 and label.isprintable() for label in labels)
    assert labels[0] == "a b c"
    assert labels[1] == "abc"
    assert labels[-1] == "same (2)"


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (
            ["Bare names for the ten conditions", "Lay words of few for the ten conditions"],
            ["Bare names", "Lay words of few"],
        ),
        (["Morphology names (synthetic demonstration)", "Lay (synthetic demonstration)"], ["Morphology names", "Lay"]),
        (["Bare names", "Lay names"], ["Bare names", "Lay names"]),
        (["names of things (some way) for all of it", "of it"], ["names of things (some way) for all of", "of"]),
        (
            ["All English sets together, for HAM10000", "Photo templates and synonyms for HAM10000"],
            ["All English sets together", "Photo templates and synonyms"],
        ),
        (["plain words for many things (the short list)"], ["plain words for many things (the short list)"]),
    ],
)
def test_axis_labels_lose_only_the_end_they_share(labels: list[str], shown: list[str]) -> None:
    assert without_shared_end(labels) == shown


def test_a_shared_end_is_not_cut_inside_brackets() -> None:
    labels = ["names, in very plain words (short version)", "descriptions, in very plain words (long version)"]
    assert without_shared_end(labels) == labels


def _cell(value: float | None, low: float | None = None, high: float | None = None) -> dict[str, float | None]:
    return {"value": value, "low": low, "high": high}


def test_forest_axis_holds_intervals_and_chance_and_rows_keep_their_order() -> None:
    spec = forest([Item("b", _cell(0.61, 0.55, 0.83)), Item("a", _cell(0.7)), Item("none", _cell(None))], "AUROC", 0.5)
    assert spec["params"] == [{"name": "names", "value": ["b", "a", "none"]}]
    dots = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "point")
    assert dots["encoding"]["x"]["scale"]["domain"] == [0.5, 0.9]
    assert dots["encoding"]["y"]["scale"]["domain"] == ["0", "1", "2"]
    assert [v["v"] for v in dots["data"]["values"]] == [0.61, 0.7]
    silent = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "text")
    assert [v["k"] for v in silent["data"]["values"]] == ["2"]


def test_forest_of_nothing_is_still_a_chart() -> None:
    spec = forest([Item("a", None), Item("b", _cell(None))], "AUROC")
    assert spec["params"][0]["value"] == ["a", "b"]


def test_vendored_files_are_those_their_list_names(checkout: Path) -> None:
    vendor = checkout / "reports" / "vendor"
    named = dict(re.findall(r"^([0-9a-f]{64})  (\S+)$", (vendor / "VERSIONS").read_text(), re.MULTILINE)[::-1])
    found = {hashlib.sha256(p.read_bytes()).hexdigest(): p.name for p in vendor.glob("*.js")}
    assert found == named


def test_vega_lite_is_the_version_that_altair_validates_against(checkout: Path) -> None:
    import altair

    versions = (checkout / "reports" / "vendor" / "VERSIONS").read_text()
    ours = re.search(r"vega-lite (\d+)\.\d+\.\d+", versions)
    assert ours is not None
    assert altair.SCHEMA_VERSION.lstrip("v").split(".")[0] == ours[1]
