"""The demonstration's adapter: draws once, mends what is missing, refuses what is not its own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlmeval.data import load_samples
from vlmeval.data.demo import MARKER, planned_cases, prepare, read
from vlmeval.data.demo_drawing import MORPHOLOGIES, draw
from vlmeval.data.describe import describe
from vlmeval.errors import CatalogError, DataError
from vlmeval.records import Benchmark

WithCases = Callable[[dict[str, int]], Benchmark]


def test_what_is_read_is_what_was_drawn(small_card: Benchmark, tmp_path: Path) -> None:
    samples = load_samples(small_card, tmp_path / "demo")
    cases = {case.case_id: case for case in planned_cases(small_card)}
    assert Counter(samples.units.tolist()) == {name: case.photos for name, case in cases.items()}
    for row in (0, 5, len(samples) - 1):
        case = cases[str(samples.units[row])]
        assert case.morphology in small_card.classes[int(samples.labels[row].argmax())].labels
        with Image.open(samples.images[row].path) as picture:
            assert "ynthetic" in picture.text["Comment"]
            assert np.array_equal(np.asarray(picture), draw(case, int(str(samples.ids[row])[-1]) - 1))


def test_second_reading_draws_nothing(small_card: Benchmark, tmp_path: Path) -> None:
    prepare(small_card, tmp_path)
    before = _times(tmp_path)
    load_samples(small_card, tmp_path, progress=_never)
    assert _times(tmp_path) == before


def test_a_missing_picture_is_drawn_again_and_only_it(small_card: Benchmark, tmp_path: Path) -> None:
    first = read(small_card, tmp_path)
    lost, kept = first.images[2].path, first.images[3].path
    content, before = lost.read_bytes(), kept.stat().st_mtime_ns
    lost.unlink()
    read(small_card, tmp_path)
    assert lost.read_bytes() == content
    assert kept.stat().st_mtime_ns == before


def test_drawing_tells_how_far_it_is(small_card: Benchmark, tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    samples = load_samples(small_card, tmp_path, lambda *told_now: told.append(told_now))
    assert told == [("draw", done, len(samples)) for done in range(len(samples) + 1)]


def test_an_interrupted_drawing_is_not_taken_for_a_whole_one(small_card: Benchmark, tmp_path: Path) -> None:
    def interrupt(stage: str, done: int, total: int | None) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(small_card, tmp_path, interrupt)
    assert not (tmp_path / MARKER).exists()
    assert all(ref.exists() for ref in read(small_card, tmp_path).images)


def test_another_card_draws_anew_and_leaves_no_strays(
    small_card: Benchmark, with_cases: WithCases, tmp_path: Path
) -> None:
    read(small_card, tmp_path)
    fewer = with_cases({"ring": 1, "wheals": 1})
    table = read(fewer, tmp_path)
    assert {ref.path for ref in table.images} == set((tmp_path / "images").iterdir())


def test_one_picture_is_stored_twice_inside_one_case(small_card: Benchmark, tmp_path: Path) -> None:
    table = read(small_card, tmp_path)
    of = {}
    for unit, ref in zip(table.units.tolist(), table.images, strict=True):
        of.setdefault(ref.read_bytes(), []).append(unit)
    twice = [units for units in of.values() if len(units) > 1]
    assert len(twice) == 1
    assert len(twice[0]) == 2
    assert len(set(twice[0])) == 1


def test_a_folder_with_other_files_is_left_alone(small_card: Benchmark, tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("mine")
    with pytest.raises(DataError, match="other files") as caught:
        read(small_card, tmp_path)
    assert "thesis.docx" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]


def test_a_folder_that_cannot_be_written_is_said_plainly(small_card: Benchmark, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be drawn") as caught:
        read(small_card, tmp_path / "file" / "demo")
    assert caught.value.exit_code == 3
    assert "VLMEVAL_DATA_HOME" in str(caught.value)


@pytest.mark.parametrize("cases", [{"melanoma": 3}, {"ring": -1}, {}])
def test_a_card_that_asks_for_the_impossible(with_cases: WithCases, tmp_path: Path, cases: dict[str, int]) -> None:
    with pytest.raises(CatalogError) as caught:
        read(with_cases(cases), tmp_path)
    assert "data.options.cases" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_cards_table_has_gaps_raters_that_differ_and_a_long_tail(card: Benchmark) -> None:
    cases = planned_cases(card)
    answers = {name: [case.answers[name] for case in cases] for name in cases[0].answers}
    assert {"", "NONE_IDENTIFIED", "FST1", "FST6"} <= set(answers["fst_self"])
    for place in ("monk_us", "monk_india"):
        assert {"", "not-gradable", "1", "10"} <= set(answers[place])
    assert "not-gradable" in answers["fst_dermatologist_1"]
    assert 0.3 < answers["fst_dermatologist_3"].count("") / len(cases) < 0.7
    pairs = [
        (int(us), int(india))
        for us, india in zip(answers["monk_us"], answers["monk_india"], strict=True)
        if us.isdigit() and india.isdigit()
    ]
    apart = np.abs(np.subtract(*np.array(pairs).T))
    assert 0.3 < (apart == 1).mean() < 0.7
    assert (apart > 1).mean() < 0.15
    counts = Counter(case.morphology for case in cases)
    assert set(counts) == set(MORPHOLOGIES)
    assert max(counts.values()) > 3 * min(counts.values())
    assert {case.photos for case in cases} == {1, 2, 3}


def test_stats_are_fresh(card: Benchmark, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Counting needs no picture worth looking at, and drawing all of them takes half a minute.
    monkeypatch.setattr("vlmeval.data.demo.draw", lambda *_: np.zeros((1, 1, 3), np.uint8))
    committed = json.loads((checkout / "benchmarks" / card.id / "stats.json").read_text(encoding="utf-8"))
    assert committed == describe(card, tmp_path), "run: vlmeval data describe derm-demo --write"


def _never(stage: str, done: int, total: int | None) -> None:
    raise AssertionError("nothing should be drawn")


def _times(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
