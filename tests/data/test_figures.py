"""Raters' figures on their way from the tables to `Samples.figures`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from vlmeval.catalog import load_catalog
from vlmeval.data import load_samples
from vlmeval.data.assemble import assemble
from vlmeval.data.raw import RawTable
from vlmeval.data.scin.adapter import read
from vlmeval.errors import DataError
from vlmeval.records import Benchmark, Samples

Cards = Callable[[str], Benchmark]
Folder = Callable[..., Path]
GRADE, TONE = "dermatologist_gradable_for_fitzpatrick_skin_type_", "dermatologist_fitzpatrick_skin_type_label_"
NAN = float("nan")


@pytest.fixture
def root(scin_folder: Folder, make: SimpleNamespace) -> Path:
    """Two cases: one with three dermatologists asked and the US graders, one that nobody could grade."""
    first = make.label("1", **{GRADE + "2": "YES", TONE + "2": "FST4", GRADE + "3": "NO"})
    first |= {"gradable_for_monk_skin_tone_us": "True", "monk_skin_tone_label_us": "7"}
    second = make.label("2", **{GRADE + "1": "NO", TONE + "1": ""})
    second |= {"gradable_for_monk_skin_tone_us": "False", "gradable_for_monk_skin_tone_india": "True"}
    second["monk_skin_tone_label_india"] = "10"
    cases = [
        make.case("1", 2, fitzpatrick_skin_type="FST5"),
        make.case("2", fitzpatrick_skin_type="NONE_IDENTIFIED"),
    ]
    return scin_folder(cases, [first, second])


def test_scin_gives_each_raters_figure(cards: Cards, root: Path) -> None:
    figures = load_samples(cards("scin"), root).figures
    assert {name: values.shape for name, values in figures.items()} == {
        "fst-self": (3, 1),
        "fst-dermatologist": (3, 3),
        "monk-us": (3, 1),
        "monk-india": (3, 1),
    }
    np.testing.assert_array_equal(figures["fst-self"][:, 0], [5, 5, NAN])
    np.testing.assert_array_equal(figures["fst-dermatologist"][1:], [[2, 4, NAN], [NAN, NAN, NAN]])
    np.testing.assert_array_equal(figures["monk-us"][:, 0], [7, 7, NAN])
    np.testing.assert_array_equal(figures["monk-india"][:, 0], [NAN, NAN, 10])
    assert all(values.dtype == np.float32 for values in figures.values())


def test_figures_follow_their_rows_and_are_part_of_what_a_run_is(cards: Cards, root: Path) -> None:
    samples = load_samples(cards("scin"), root)
    last = samples.take(np.array([2]))
    np.testing.assert_array_equal(last.figures["monk-india"], [[10]])
    other = {**samples.figures, "monk-us": samples.figures["monk-us"] + 1}
    assert replace(samples, figures=other).digest != samples.digest


def _with_figures(card: Benchmark, group: str, *columns: str) -> Benchmark:
    groups = [g.model_copy(update={"figures": columns}) if g.id == group else g for g in card.groups]
    return card.model_copy(update={"groups": tuple(groups)})


def test_a_column_that_is_not_there_is_named_with_the_cards_key(cards: Cards, root: Path) -> None:
    card = _with_figures(cards("scin"), "monk-us", "monk_uk")
    with pytest.raises(DataError) as caught:
        load_samples(card, root)
    assert caught.value.key == "monk_uk"
    assert "'figures'" in str(caught.value)
    assert "monk_india" in str(caught.value)


@pytest.mark.parametrize("cell", ["11", "0", "dark", "nan", "1e400"])
def test_a_figure_off_the_scale_is_refused(cell: str, cards: Cards, root: Path) -> None:
    card = cards("scin")
    raw = read(card, root)
    columns = {**raw.columns, "seen": np.array(["3", "", cell])}
    with pytest.raises(DataError, match="not on its scale") as caught:
        assemble(_with_figures(card, "monk-us", "seen"), replace(raw, columns=columns))
    assert repr(cell) in str(caught.value)


def test_a_card_without_figures_has_none(cards: Cards, root: Path) -> None:
    card = cards("scin")
    raw: RawTable = read(card, root)
    plain = card.model_copy(update={"groups": tuple(g.model_copy(update={"figures": ()}) for g in card.groups)})
    assert assemble(plain, raw).figures == {}


TABLE = """\
schema: 1
id: clinic
version: "1"
title: Clinic
summary: A table of your own.
task: single-label
modality: other
unit: {name: case, column: case}
headline_metrics: [accuracy]
data: {adapter: table, home: clinic, options: {table: photos.csv, image: file, label: what}}
protocol: {by: unit, fractions: [0.2, 0.2, 0.6]}
classes:
  - {id: red, name: red, labels: [r]}
  - {id: green, name: green, labels: [g]}
groups:
  - id: fst
    name: Skin type
    kind: skin-tone
    scale: fitzpatrick
    column: fst
    figures: [first, second]
    levels:
      - {id: light, name: I-III, from: 1, below: 3.5}
      - {id: dark, name: IV-VI, from: 3.5, below: 7}
      - {id: unknown, name: not answered, values: ["", "cannot say"], missing: true}
prompts: {default: generic/names}
licence: {name: CC0}
citation: nobody
homepage: https://example.org
"""


def test_a_table_of_ones_own_may_have_raters(tmp_path: Path) -> None:
    card = tmp_path / "benchmarks" / "clinic" / "benchmark.yaml"
    card.parent.mkdir(parents=True)
    card.write_text(TABLE)
    rows = ["file,what,case,fst,first,second", "a.png,r,1,2.5,2,3", "b.png,g,2,5,5,cannot say"]
    rows += ["c.png,r,3,,,", "d.png,g,4,6,6,6"]
    (tmp_path / "photos.csv").write_text("\n".join(rows) + "\n")
    samples = load_samples(load_catalog([tmp_path]).benchmark("clinic"), tmp_path)
    np.testing.assert_array_equal(samples.figures["fst"], [[2, 3], [5, NAN], [NAN, NAN], [6, 6]])
    (tmp_path / "photos.csv").write_text("\n".join(row.rsplit(",", 1)[0] for row in rows) + "\n")
    with pytest.raises(DataError, match="second"):
        load_samples(load_catalog([tmp_path]).benchmark("clinic"), tmp_path)


@pytest.mark.realdata
def test_real_figures_agree_with_the_levels(cards: Cards, real_data: Path) -> None:
    samples: Samples = load_samples(cards("scin"), real_data / "scin")
    for group_id, figures in samples.figures.items():
        levels = samples.benchmark.group(group_id).levels
        answered = np.array([not level.missing for level in levels])[samples.groups[group_id]]
        np.testing.assert_array_equal(~np.isnan(figures).all(axis=1), answered, err_msg=group_id)
