"""Other readings of the truth: the adapter's short way and the general one, and how they join rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vlmeval.catalog import load_catalog
from vlmeval.data import load_samples
from vlmeval.data.readings import Reading, load_readings
from vlmeval.errors import CatalogError
from vlmeval.records import Benchmark, TruthSpec, TruthVariant

Cards = Callable[[str], Benchmark]
Folder = Callable[..., Path]
CONFIDENCES = "dermatologist_skin_condition_confidence"


def with_variants(card: Benchmark, **options: dict[str, Any]) -> Benchmark:
    variants = tuple(TruthVariant(id=name, title=name, options=given) for name, given in options.items())
    return card.model_copy(update={"truth": TruthSpec(variants=variants)})


def two_cases(scin_folder: Folder, make: SimpleNamespace) -> Path:
    sure = make.label("1", {"Eczema": 0.67, "Psoriasis": 0.33}, **{CONFIDENCES: "[5, 2]"})
    return scin_folder([make.case("1", 2), make.case("2")], [sure, make.label("2", {"Tinea": 1.0})])


def test_a_reading_is_what_the_card_would_give_under_its_options(
    cards: Cards, scin_folder: Folder, make: SimpleNamespace
) -> None:
    root = two_cases(scin_folder, make)
    card = with_variants(cards("scin"), strict={"min_confidence": 3}, top={"label": "top-weight", "ties": "all"})
    found = load_readings(card, root)
    assert list(found) == ["strict", "top"]
    for name, reading in found.items():
        options = {**card.data.options, **card.truth.variants[list(found).index(name)].options}
        asked = card.model_copy(update={"data": card.data.model_copy(update={"options": options})})
        expected = load_samples(asked, root)
        assert reading.ids.tolist() == expected.ids.tolist()
        assert reading.units.tolist() == expected.units.tolist()
        assert (reading.labels == expected.labels).all()
    psoriasis = card.class_ids.index("psoriasis")
    assert not found["strict"].labels[:, psoriasis].any()
    assert load_samples(card, root).labels[:2, psoriasis].all()


def test_an_unknown_option_and_a_card_without_readings(
    cards: Cards, scin_folder: Folder, make: SimpleNamespace
) -> None:
    root = two_cases(scin_folder, make)
    with pytest.raises(CatalogError, match=r"sureness|options"):
        load_readings(with_variants(cards("scin"), odd={"sureness": 3}), root)
    assert load_readings(with_variants(cards("scin")), root / "nothing-here") == {}


def test_any_adapter_can_be_read_again(tmp_path: Path) -> None:
    """The general way: a table with two columns of labels, of which the card reads one."""
    (tmp_path / "photos.csv").write_text("file,first,second,case\na.png,r,r,1\nb.png,r,g,2\nc.png,g,,3\n")
    card = Benchmark.model_validate(
        {
            "schema": 1, "id": "mini", "version": "1", "title": "Mini", "summary": "x", "task": "single-label",
            "modality": "other", "unit": {"name": "case", "column": "case"}, "headline_metrics": ["auroc"],
            "data": {"adapter": "table", "home": "mini",
                     "options": {"table": "photos.csv", "image": "file", "label": "first"}},
            "protocol": {"by": "unit"}, "prompts": {"default": "x"}, "licence": {"name": "x"}, "citation": "x",
            "homepage": "x",
            "classes": [{"id": "red", "name": "red", "labels": ["r"]}, {"id": "green", "name": "g", "labels": ["g"]}],
            "truth": {"variants": [{"id": "second", "title": "the second reader", "options": {"label": "first"}}]},
        }
    )  # fmt: skip
    reading = load_readings(card, tmp_path)["second"]
    labels, there = reading.of("unit", np.array(["2", "1", "9"]), single_label=True)
    assert there.tolist() == [True, True, False]
    assert labels[:2].tolist() == [[True, False], [True, False]]


def test_rows_are_joined_by_name_and_units_have_the_labels_of_all_their_pictures() -> None:
    variant = TruthVariant(id="v", title="v", options={})
    labels = np.array([[1, 0], [0, 1], [0, 0], [1, 0]], dtype=bool)
    reading = Reading(variant, np.array(["a/1", "a/2", "b/1", "c/1"]), np.array(["a", "a", "b", "c"]), labels)
    found, there = reading.of("image", np.array(["c/1", "a/2", "z"]), single_label=False)
    assert found.tolist() == [[True, False], [False, True], [False, False]]
    assert there.tolist() == [True, True, False]
    found, there = reading.of("unit", np.array(["b", "a", "c"]), single_label=False)
    assert found.tolist() == [[False, False], [True, True], [True, False]]
    assert there.all()
    assert reading.of("unit", np.array(["b", "a", "c"]), single_label=True)[1].tolist() == [False, False, True]


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["scin", "scin-broad"])
def test_a_stricter_reading_never_has_more_labels(name: str, real_data: Path) -> None:
    card = load_catalog().benchmark(name)
    samples, readings = load_samples(card, real_data / "scin"), load_readings(card, real_data / "scin")
    before = samples.labels
    assert list(readings) == ["confidence-2", "confidence-3", "confidence-4", "confidence-5", "top-weight"]
    for step in (2, 3, 4, 5):
        labels, there = readings[f"confidence-{step}"].of("image", samples.ids, single_label=False)
        assert there.all()
        assert not (labels & ~before).any()
        assert labels.sum() < before.sum()
        before = labels
    top, there = readings["top-weight"].of("image", samples.ids, single_label=False)
    assert there.all()
    assert not (top & ~samples.labels).any()


@pytest.mark.realdata
def test_single_answer_readings_keep_the_cards_class_where_it_is_the_only_one(real_data: Path) -> None:
    card = load_catalog().benchmark("scin-broad@top1")
    samples, readings = load_samples(card, real_data / "scin"), load_readings(card, real_data / "scin")
    only, there = readings["only-condition"].of("image", samples.ids, single_label=True)
    assert 0 < there.sum() < len(samples)
    assert (only[there] == samples.labels[there]).all()
