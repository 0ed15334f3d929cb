"""The catalog: what is found where, what is refused, and that every refusal says where and how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlmeval.catalog import expand_prompts, load_catalog
from vlmeval.errors import CatalogError, UnknownNameError, UsageError
from vlmeval.records import Benchmark, PromptSet

CARD = """\
schema: 1
id: mini
version: "1"
title: Mini
summary: Two classes.
task: single-label
modality: other
unit: {name: case, column: case}
headline_metrics: [balanced-accuracy]
data: {adapter: table, home: mini}
protocol: {by: unit}
classes:
  - {id: a, name: Alpha, labels: [a], synonyms: [first]}
  - {id: b, name: Beta, labels: [b]}
prompts: {default: generic/names}
licence: {name: CC0}
citation: nobody
homepage: https://example.org
"""

PROMPTS = """\
schema: 1
id: mine/names
version: "1"
title: Names
kind: names
author: me
source: me
templates: ["{name}", "a photo of {name}"]
names_from: card+synonyms
"""


def write(root: Path, card: str = CARD, card_id: str = "mini", prompts: str = PROMPTS) -> Path:
    folder = root / "benchmarks" / card_id
    folder.mkdir(parents=True)
    (folder / "benchmark.yaml").write_text(card)
    (root / "prompts" / "mine").mkdir(parents=True, exist_ok=True)
    (root / "prompts" / "mine" / "names.yaml").write_text(prompts)
    return root


def test_a_data_root_adds_cards_to_the_shipped_ones(tmp_path: Path) -> None:
    catalog = load_catalog([write(tmp_path)])
    assert catalog.benchmark("mini").classes[0].synonyms == ("first",)
    assert {"scin", "ham10000"} <= set(catalog.benchmarks)
    assert catalog.benchmarks.path("mini").is_file()


def test_every_shipped_card_is_valid_and_names_prompt_sets_that_fit_it() -> None:
    catalog = load_catalog()
    assert catalog.benchmarks
    assert catalog.model_cards
    for card in catalog.model_cards.values():
        assert card.licence
    for benchmark in catalog.benchmarks.values():
        for prompt_id in (benchmark.prompts.default, *benchmark.prompts.compare):
            prompts = expand_prompts(catalog.prompt_set(prompt_id), benchmark).prompts
            assert tuple(prompts) == benchmark.class_ids
            assert all(prompts.values())


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown benchmark 'ham1000'; did you mean ham10000") as caught:
        load_catalog().benchmark("ham1000")
    assert caught.value.exit_code == 2


def test_the_same_id_twice_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "one")
    other = write(tmp_path / "two")
    with pytest.raises(CatalogError, match="'mini' stands in two places"):
        load_catalog([root, other])


def test_a_data_root_without_cards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no cards"):
        load_catalog([tmp_path])


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "text"),
    [
        ("task: single-label", "task: both", 6, "task", "'single-label' or 'multi-label'"),
        ("title: Mini\n", "", 1, "title", "the key 'title' is missing"),
        ("citation:", "citatoin:", 17, "citatoin", "unknown key 'citatoin'"),
        ("labels: [a]", "labels: [1]", 13, "classes[0].labels[0]", "valid string"),
        ("id: b, name", "id: a, name", 1, None, "two entries have the same class id"),
        ("protocol: {by: unit}", "protocol: {by: unit, fractions: [1, 1, 1]}", 11, "protocol", "sum to 1"),
        ("id: mini", "id: maxi", None, "id", "does not fit its place"),
        ("version:", "id: mini\nversion:", 3, "id", "stands twice"),
        ("title: Mini", "title: &t Mini\nsummary2: *t", 5, "summary2", "alias"),
        ("title: Mini", "title: [", None, None, "not valid YAML"),
        ('version: "1"', "version: 2024-12-05", 3, "version", "put the value in quotes"),
        ('version: "1"', "version: 2024-13-45", 3, "version", "month must be in 1..12"),
        pytest.param('version: "1"', "version: " + "1" * 5000, 3, "version", "4300 digits", id="long-number"),
        ("labels: [a]", "labels: [no]", 13, "classes[0].labels[0]", "put the value in quotes"),
        ("title: Mini", 'title: "\x01"', None, None, "control characters"),
        pytest.param("title: Mini", "title: " + "[" * 100_000, 4, None, "nested too deeply", id="deep-flow"),
        pytest.param("title: Mini", "title:\n  " + "- " * 100_000, 5, None, "nested too deeply", id="deep-block"),
        ("title: Mini", "title: !!python/name:os.system x", 4, None, "could not determine a constructor"),
    ],
)
def test_a_wrong_card_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, line: int | None, key: str | None, text: str
) -> None:
    assert old in CARD
    catalog = load_catalog([write(tmp_path, CARD.replace(old, new, 1))])
    with pytest.raises(CatalogError) as caught:
        catalog.benchmark("mini")
    error = caught.value
    assert error.file is not None
    assert error.file.endswith("benchmark.yaml")
    if line is not None:
        assert error.line == line
    assert error.key == key or key is None
    assert text in str(error)


def test_a_misspelt_key_is_answered_with_the_nearest(tmp_path: Path) -> None:
    catalog = load_catalog([write(tmp_path, CARD.replace("synonyms", "synonims"))])
    with pytest.raises(CatalogError, match=r"did you mean synonyms\?"):
        catalog.benchmark("mini")


def test_extends_replaces_top_level_keys(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, 'extends: mini\nid: mini@leaky\nprotocol: {by: image, leaky: "by image"}\n', "mini@leaky")
    card = load_catalog([tmp_path]).benchmark("mini@leaky")
    assert card.protocol.leaky == "by image"
    assert card.class_ids == ("a", "b")


def test_what_is_wrong_in_a_parent_is_told_of_the_parent(tmp_path: Path) -> None:
    write(tmp_path, CARD.replace("task: single-label", "task: both"))
    write(tmp_path, "extends: mini\nid: child\n", "child")
    with pytest.raises(CatalogError) as caught:
        load_catalog([tmp_path]).benchmark("child")
    assert caught.value.where == f"{tmp_path / 'benchmarks' / 'mini' / 'benchmark.yaml'}:6 (task)"


def test_the_same_data_root_twice_is_one_data_root(tmp_path: Path) -> None:
    write(tmp_path)
    assert "mini" in load_catalog([tmp_path, tmp_path]).benchmarks


@pytest.mark.parametrize(
    ("old", "new", "line", "text"),
    [
        ("names_from: card+synonyms", "names: {z: [zed]}", 9, "it names unknown classes"),
        ("names_from: card+synonyms", "names_from: here\nnames: {a: [ay]}", 10, "no words for class 'b'"),
        ('"a photo of {name}"', '"{photo}"', 8, "unknown placeholder"),
        ('"a photo of {name}"', '" "', 8, "an empty prompt"),
        ("names_from: card+synonyms", "negatives: [healthy skin]", 9, "has negatives, and every"),
        ("names_from: card+synonyms", "weights: {a: [1, 1]}", 9, "weights for some classes"),
        ("names_from: card+synonyms", "weights:\n  a: [1, 1]\n  b: [1]", 11, "weights that are not one a prompt"),
        ("names_from: card+synonyms", "class_templates:\n  a: [a]\n  b: []", 11, "no words for class 'b'"),
        ("names_from: card+synonyms", "includes:\n  - mine/nothing", 10, "includes a set that is not known"),
        ("names_from: card+synonyms", "weights: {a: [0, 0], b: [1, 1]}", 9, "the value is not valid"),
    ],
)
def test_a_prompt_set_that_does_not_fit_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, text: str
) -> None:
    assert old in PROMPTS
    catalog = load_catalog([write(tmp_path, prompts=PROMPTS.replace(old, new))])
    with pytest.raises(CatalogError, match=text) as caught:
        catalog.expand("mine/names", catalog.benchmark("mini"))
    assert caught.value.file == str(tmp_path / "prompts" / "mine" / "names.yaml")
    assert caught.value.line == line


def test_a_ring_of_extends_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "extends: b\nid: a\n", "a")
    write(tmp_path, "extends: a\nid: b\n", "b")
    with pytest.raises(CatalogError, match="in a ring"):
        load_catalog([tmp_path]).benchmark("a")


def test_prompts_are_templates_times_names(tmp_path: Path) -> None:
    catalog = load_catalog([write(tmp_path)])
    prompts = expand_prompts(catalog.prompt_set("mine/names"), catalog.benchmark("mini")).prompts
    assert prompts["a"] == ("Alpha", "first", "a photo of Alpha", "a photo of first")
    assert prompts["b"] == ("Beta", "a photo of Beta")


def test_the_prompt_sets_of_a_benchmark_are_its_cards_and_those_that_name_it(tmp_path: Path) -> None:
    catalog = load_catalog([write(tmp_path)])
    assert catalog.prompt_sets_for(catalog.benchmark("mini"))[0] == catalog.benchmark("mini").prompts.default
    own = catalog.prompt_sets_for(load_catalog().benchmark("ham10000@isic2018"))
    assert own[0] == "ham10000/photo"
    assert set(own) == {i for i in catalog.prompt_sets if i.startswith("ham10000/")}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"names": {"c": ("x",)}}, "unknown classes"),
        ({"names_from": "here", "names": {"a": ("x",)}}, "no words for class 'b'"),
        ({"templates": ("{nmae}",)}, "unknown placeholder"),
    ],
)
def test_a_prompt_set_that_does_not_fit_is_refused(tmp_path: Path, change: dict[str, object], text: str) -> None:
    catalog = load_catalog([write(tmp_path)])
    prompt_set = catalog.prompt_set("mine/names").model_copy(update=change)
    with pytest.raises(CatalogError, match=text):
        expand_prompts(prompt_set, catalog.benchmark("mini"))


@given(st.text(max_size=40))
def test_a_name_goes_into_the_template_as_it_is(name: str) -> None:
    values = {"schema": 1, "id": "x/y", "version": "1", "title": "t", "kind": "names", "author": "a", "source": "s"}
    card = Benchmark.model_validate(
        {
            "schema": 1, "id": "m", "version": "1", "title": "t", "summary": "s", "task": "single-label",
            "modality": "other", "unit": {"name": "c", "column": "c"}, "headline_metrics": [],
            "data": {"adapter": "table", "home": "m"}, "protocol": {"by": "unit"},
            "classes": [{"id": "a", "name": name, "labels": []}, {"id": "b", "name": "B", "labels": []}],
            "prompts": {"default": "x/y"}, "licence": {"name": "l"}, "citation": "c", "homepage": "h",
        }
    )  # fmt: skip
    prompts = expand_prompts(PromptSet.model_validate({**values, "templates": ["<{name}>"]}), card).prompts
    assert prompts["a"] == (f"<{name}>",)


def test_content_digests_follow_the_content(tmp_path: Path) -> None:
    one = load_catalog([write(tmp_path / "1")]).benchmark("mini")
    same = load_catalog([write(tmp_path / "2", CARD.replace("Two classes.", "'Two classes.'"))]).benchmark("mini")
    other = load_catalog([write(tmp_path / "3", CARD.replace("Beta", "Gamma"))]).benchmark("mini")
    assert one.content_digest == same.content_digest
    assert one.content_digest != other.content_digest


def test_every_prompt_set_of_a_benchmark_can_be_used_with_it() -> None:
    """Negatives are for multi-label benchmarks: a single-label relative of the same family does not get them."""
    catalog = load_catalog()
    for benchmark in catalog.benchmarks.values():
        for set_id in catalog.prompt_sets_for(benchmark):
            assert tuple(catalog.expand(set_id, benchmark).prompts) == benchmark.class_ids
    assert "scin-broad/negatives" in catalog.prompt_sets_for(catalog.benchmark("scin-broad"))
    assert "scin-broad/negatives" not in catalog.prompt_sets_for(catalog.benchmark("scin-broad@top1"))
