"""The shipped cards of SCIN and HAM10000: complete, in step with their stats and prompts, and honest about leaks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vlmeval.catalog import expand_prompts, load_catalog
from vlmeval.records import Benchmark

Cards = Callable[[str], Benchmark]
COUNTED = ("scin", "scin@notebook", "scin-broad", "scin-broad@top1", "ham10000")
UNCOUNTED = ("ham10000@isic2018", "ham10000@hf-mirror")


def stats_of(checkout: Path, name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((checkout / "benchmarks" / name / "stats.json").read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("name", COUNTED)
def test_stats_belong_to_the_card(name: str, cards: Cards, checkout: Path) -> None:
    # Without the data the counts cannot be made again, but a card that changed since is found out.
    assert stats_of(checkout, name)["card_digest"] == cards(name).content_digest


@pytest.mark.parametrize("name", COUNTED)
def test_tables_in_the_card_for_people_are_the_stats(name: str, checkout: Path) -> None:
    stats = stats_of(checkout, name)
    page = (checkout / "benchmarks" / name / "CARD.md").read_text(encoding="utf-8")
    seen: set[str] = set()
    for line in page.splitlines():
        cells = [cell.strip(" `") for cell in line.strip("|").split("|")]
        if not line.startswith("|") or not cells[-1].replace(",", "").isdecimal():
            continue
        first, level = cells[:2]
        figures = [int(cell.replace(",", "")) for cell in cells[1:] if re.fullmatch(r"[\d,]+", cell)]
        if first in stats["classes"]:
            counts = stats["classes"][first]
            expected = [counts["images"], counts["units"], counts["splits"]["test"]["units"]]
        elif first in stats["splits"]:
            expected = [stats["splits"][first]["images"], stats["splits"][first]["units"]]
        else:
            counts = stats["groups"][first][level]
            expected = [counts["units"], counts["test"]["units"]]
        assert figures == expected, (first, level)
        seen.add(first)
    assert seen >= {*stats["classes"], *stats["splits"]}


@pytest.mark.parametrize("name", COUNTED + UNCOUNTED)
def test_every_card_has_its_page_and_its_prompts(name: str, cards: Cards, checkout: Path) -> None:
    card = cards(name)
    page = (checkout / "benchmarks" / name / "CARD.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {name}: ")
    for part in ("## Protocol", "## Known issues", "## Licence", "## Citation"):
        assert part in page
    catalog = load_catalog()
    sets = (card.prompts.default, *card.prompts.compare)
    assert len(sets) >= 4
    for prompt_set in sets:
        assert set(expand_prompts(catalog.prompt_set(prompt_set), card).prompts) == set(card.class_ids)


@pytest.mark.parametrize("name", UNCOUNTED)
def test_cards_without_counts_say_so(name: str, checkout: Path) -> None:
    folder = checkout / "benchmarks" / name
    assert not (folder / "stats.json").exists()
    assert "No `stats.json`" in (folder / "CARD.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COUNTED + UNCOUNTED)
def test_leaky_protocols_say_so_and_only_they(name: str, cards: Cards, checkout: Path) -> None:
    leaky = name in ("scin@notebook", "ham10000@hf-mirror")
    assert (cards(name).protocol.leaky is not None) == leaky
    assert ("**This split leaks" in (checkout / "benchmarks" / name / "CARD.md").read_text(encoding="utf-8")) == leaky


@pytest.mark.parametrize("name", ["scin", "scin@notebook", "scin-broad", "scin-broad@top1"])
def test_four_tone_sources_with_missing_levels_of_their_own(name: str, cards: Cards) -> None:
    tones = [group for group in cards(name).groups if group.kind == "skin-tone"]
    assert [(group.id, group.scale) for group in tones] == [
        ("fst-self", "fitzpatrick"),
        ("fst-dermatologist", "fitzpatrick"),
        ("monk-us", "monk"),
        ("monk-india", "monk"),
    ]
    for group in tones:
        assert [level.missing for level in group.levels] == [False, False, False, True, True]
        assert group.note


def test_only_the_notebook_is_scored_by_photograph(cards: Cards) -> None:
    assert {name: cards(name).headline_level for name in COUNTED} == {
        "scin": "unit",
        "scin@notebook": "image",
        "scin-broad": "unit",
        "scin-broad@top1": "unit",
        "ham10000": "unit",
    }


def test_malignancy_is_said_only_where_medicine_says_it(cards: Cards) -> None:
    flags = {spec.id: spec.malignant for spec in cards("ham10000").classes}
    assert flags == {
        "akiec": None, "bcc": True, "bkl": False, "df": False, "mel": True, "nv": False, "vasc": False,
    }  # fmt: skip
    assert [spec.id for spec in cards("scin-broad").classes if spec.malignant] == ["scc-sccis"]
