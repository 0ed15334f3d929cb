"""What lint's rules find and leave alone, beside the golden sets: articles, other classes' words, tokens, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vlmeval.catalog import expand_prompts, load_catalog
from vlmeval.encoders.resolve import resolve
from vlmeval.encoders.tokens import clip_tokens, tokens_of
from vlmeval.errors import CatalogError, UsageError
from vlmeval.records import PromptSet
from vlmeval.workbench.lint import (
    Limit,
    LintReport,
    Settings,
    Target,
    article_mistakes,
    benchmarks_of,
    lint,
    normal,
    targets_of,
)

READS_WELL = """
an hour, a unilateral rash, an urticarial rash, an urgent case, a urine stain, a UV lamp, an MRI, an SCC, a BCC, an
x-ray, an 8 mm spot, an 11 mm spot, an 18 cm scar, a 10 mm spot, an 80 year old, a one-sided band, an onychomycosis,
a ewe, a European patient, an ulcer, an umbilicated papule, a uniform color, an unusual mole, an uneven patch, an
honest answer, an unidentified bump, a uremic frost, vitamin A eczema, hepatitis A infection, a herpes zoster rash,
a shingles rash, an eczema patch, an acne lesion, a psoriasis plaque, a hives-like rash, an herbal burn, a herbal
burn, the eczema, a "rough" bump, an "inflamed" bump, an (itchy) rash, an s-shaped line, a t-shirt, a U-shaped scar,
an L-shaped scar, a usual case, an uninfected bite, an SLE rash, a lupus rash, an AIDS case, a SARS rash, a café au
lait spot, a la carte, a molluscum contagiosum papule, a contact dermatitis, an allergic contact dermatitis, a
folliculitis, a wart. A mole
""".replace("\n", " ").split(", ")
READS_BADLY = {
    "a photo of a eczema": "eczema",
    "an wart": "a wart",
    "a urgent case": "an urgent",
    "an unilateral rash": "a unilateral",
    "a hour": "an hour",
    "a urticarial rash": "an urticarial",
    "a photo of an the bruise": "the",
    "the the wart": "the",
    "a a wart": "a",
    "a hives": "hives",
    "a photo of a shingles on the back": "shingles",
    "a herpes zoster, seen from near": "herpes zoster",
    "a 8 mm spot": "an 8",
    "a SCC": "an SCC",
    "an BCC": "a BCC",
    "A itchy spot": "An itchy",
    'a "inflamed" bump': 'an "inflamed',
    "an european patient": "a european",
}
CARD = """\
schema: 1
id: rash
version: "1"
title: Rash
summary: Conditions.
task: multi-label
modality: clinical-photo
unit: {name: case, column: case}
headline_metrics: [auroc]
data: {adapter: table, home: rash}
protocol: {by: unit}
classes:
  - {id: eczema, name: eczema, labels: [e]}
  - {id: wart, name: wart, labels: [w], synonyms: [verruca]}
  - {id: tinea, name: tinea, labels: [t]}
  - {id: versicolor, name: tinea versicolor, labels: [v]}
prompts: {default: generic/names}
licence: {name: CC0}
citation: nobody
homepage: https://example.org
"""
HEAD: dict[str, Any] = {
    "schema": 1,
    "id": "my/set",
    "version": "1",
    "title": "Mine",
    "kind": "other",
    "author": "me",
    "source": "a book",
    "benchmarks": ["rash"],
}


def report_of(root: Path, *, card: str = CARD, **keys: Any) -> LintReport:
    (root / "benchmarks" / "rash").mkdir(parents=True, exist_ok=True)
    (root / "benchmarks" / "rash" / "benchmark.yaml").write_text(card)
    file = root / "prompts" / "my" / "set.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump({**HEAD, **keys}, allow_unicode=True), encoding="utf-8")
    catalog = load_catalog([root])
    # The card alone, so that no other card is read.
    return lint(targets_of(["my/set"], catalog), catalog, Settings(catalog.benchmark("rash"), limits=()))


def rules(report: LintReport) -> set[str]:
    return {finding.rule for finding in report.findings}


@pytest.mark.parametrize("text", READS_WELL)
def test_right_articles_are_left_alone(text: str) -> None:
    assert article_mistakes(text.strip()) == []


@pytest.mark.parametrize(("text", "expected"), READS_BADLY.items())
def test_wrong_articles_are_found_and_mended(text: str, expected: str) -> None:
    (mistake,) = article_mistakes(text)
    assert mistake.expected == expected
    assert mistake.found in text
    assert article_mistakes(text.replace(mistake.found, mistake.expected)) == []


@pytest.mark.parametrize(("language", "found"), [("en", True), ("en-GB", True), ("es", False), ("de", False)])
def test_articles_are_checked_in_english_only(tmp_path: Path, language: str, found: bool) -> None:
    report = report_of(tmp_path, language=language, names={"eczema": ["a itchy rash"]}, templates=["{name}"])
    assert ("article" in rules(report)) is found


@given(st.text(max_size=60))
def test_normal_strings_stay_as_they_are(text: str) -> None:
    once = normal(text)
    assert normal(once) == once
    assert normal(f"  {text}!? ") == once


def test_strings_that_unicode_writes_in_two_ways_are_one(tmp_path: Path) -> None:
    names = {"eczema": ["eczéma", "ecze\u0301ma"], "wart": ["\ufb01rm bump", "firm bump"]}
    assert len([f for f in report_of(tmp_path, names=names, templates=["{name}"]).findings if "same" in f.message]) == 2


class TestWordsOfOtherClasses:
    def test_a_class_may_say_what_its_own_name_holds(self, tmp_path: Path) -> None:
        report = report_of(tmp_path, class_templates={"versicolor": ["pale patches of tinea versicolor, a tinea"]})
        assert rules(report) == set()

    def test_whole_words_and_plurals_count(self, tmp_path: Path) -> None:
        found = report_of(tmp_path, class_templates={"eczema": ["dry skin with Warts", "a thwarted rash", "stalwart"]})
        assert [(f.rule, f.class_id, f.key) for f in found.findings] == [
            ("names-another-class", "eczema", "class_templates.eczema[0]")
        ]

    def test_a_declared_hallmark_is_meant_for_its_class_alone(self, tmp_path: Path) -> None:
        templates = {"eczema": ["dry skin with warts"], "tinea": ["a ring of warts"]}
        found = report_of(tmp_path, class_templates=templates, hallmarks={"eczema": ["wart"]})
        assert [(f.rule, f.class_id) for f in found.findings] == [("names-another-class", "tinea")]

    def test_the_sets_own_names_count_in_any_language(self, tmp_path: Path) -> None:
        names = {
            "eczema": ["eccema"],
            "wart": ["una verruga plana"],
            "tinea": ["tiña"],
            "versicolor": ["tiña versicolor"],
        }
        templates = {"eczema": ["eccema al lado de una Verruga plana"]}
        found = report_of(tmp_path, language="es", names=names, class_templates=templates, names_from="here")
        assert [(f.rule, f.class_id) for f in found.findings if f.rule != "unused-names"] == [
            ("echoes-another-class", "eczema")
        ]

    @pytest.mark.parametrize(("language", "own", "other", "says", "says_not"), [
        ("zh", "痣", "黑色素瘤", "看起来像黑色素瘤的斑", "颜色均匀的斑"),
        ("ja", "ほくろ", "メラノーマ", "メラノーマに似たしみ", "均一な色のしみ"),
        ("th", "ไฝ", "มะเร็งผิวหนัง", "ดูเหมือนมะเร็งผิวหนังบนแขน", "จุดสีน้ำตาลบนแขน"),
    ])  # fmt: skip
    def test_scripts_without_spaces_say_names_anywhere(
        self, tmp_path: Path, language: str, own: str, other: str, says: str, says_not: str
    ) -> None:
        names = {"eczema": [own], "wart": [other], "tinea": ["abc"], "versicolor": ["abcd"]}
        for text, found in ((says, {"echoes-another-class"}), (says_not, set())):
            templates = {"eczema": [text, "{name}"]}
            report = report_of(tmp_path, language=language, names=names, names_from="here", class_templates=templates)
            assert rules(report) - {"mixed-templates"} == found


def test_vowel_signs_are_part_of_a_word(tmp_path: Path) -> None:
    names = {"eczema": ["काला"], "wart": ["कील"], "tinea": ["กา"], "versicolor": ["กี"]}
    report = report_of(tmp_path, language="hi", names=names, names_from="here", templates=["{name}"])
    assert not rules(report) & {"shared-prompt", "duplicate-prompt"}


@pytest.mark.parametrize(
    ("language", "says_no", "says_yes"),
    [
        ("en", "skin without {name}", "skin with {name}"),
        ("es", "piel sin {name}", "piel con {name}"),
        ("de", "Haut ohne {name}", "Haut mit {name}"),
        ("pt", "pele sem {name}", "pele com {name}"),
    ],
)
def test_negatives_deny(tmp_path: Path, language: str, says_no: str, says_yes: str) -> None:
    assert rules(report_of(tmp_path, language=language, negatives=[says_no])) == set()
    assert rules(report_of(tmp_path, language=language, negatives=[says_yes])) == {"negative-without-negation"}


def test_negatives_in_languages_without_a_list_are_left_alone(tmp_path: Path) -> None:
    assert rules(report_of(tmp_path, language="sv", negatives=["hud med {name}"])) == set()


def test_joiners_are_letters_where_a_script_needs_them(tmp_path: Path) -> None:
    names = {"eczema": ["می\u200cخارد"]}
    assert rules(report_of(tmp_path, language="fa", names=names, templates=["{name}"])) == set()


@pytest.mark.parametrize("code", ["en", "pt-BR", "zh-Hant-TW", "es-419", "de-x-arzt"])
def test_language_codes_are_taken(tmp_path: Path, code: str) -> None:
    assert "language-code" not in rules(report_of(tmp_path, language=code))


@pytest.mark.parametrize("code", ["en_US", "english", "", "e", "pt-"])
def test_other_ways_to_write_a_language_are_not(tmp_path: Path, code: str) -> None:
    assert "language-code" in rules(report_of(tmp_path, language=code))


def test_a_template_that_ignores_the_name_is_found_once_and_counted(tmp_path: Path) -> None:
    (first,) = [f for f in report_of(tmp_path, templates=["a photo of skin"]).findings if f.rule == "shared-prompt"]
    assert first.key == "templates[0]"
    assert first.more == 2


def test_an_ensemble_is_told_of_what_meets_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "prompts" / "my"
    folder.mkdir(parents=True)
    for name, text in (("one", "Eczema!"), ("two", "eczema"), ("three", "eczema")):
        names = {k: [k] for k in ("wart", "tinea", "versicolor")} | {"eczema": [text]}
        if name == "three":
            names["wart"], names["eczema"] = ["eczema"], ["e"]
        part = {**HEAD, "id": f"my/{name}", "templates": ["{name}"], "names": names, "names_from": "here"}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(part))
    twice = report_of(tmp_path, includes=["my/one", "my/two"])
    assert [(f.rule, f.key) for f in twice.findings] == [("duplicate-prompt", "includes[1]")]
    across = report_of(tmp_path, includes=["my/two", "my/three"])
    assert ("shared-prompt", "includes[1]") in [(f.rule, f.key) for f in across.findings]


def test_a_broken_file_does_not_keep_the_others_from_being_checked(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("schema: 1\nkind: [\n")
    (tmp_path / "unknown.yaml").write_text("schema: 1\nlanguage: en\ntittle: x\n")
    names = [str(tmp_path / "broken.yaml"), str(tmp_path / "unknown.yaml"), "scin/names"]
    catalog = load_catalog()
    report = lint(targets_of(names, catalog), catalog, Settings(limits=()))
    assert [(f.rule, Path(f.file).name, f.line) for f in report.findings] == [
        ("not-valid", "broken.yaml", 3),
        ("not-valid", "unknown.yaml", 3),
    ]
    assert "the key 'title' is missing" in report.findings[1].mend
    assert [checked.prompts for checked in report.files] == [None, None, "scin/names"]


def test_every_item_of_a_list_on_one_line_or_many_has_its_line(tmp_path: Path) -> None:
    lines = [
        *(f"{key}: {value}" for key, value in HEAD.items() if key != "benchmarks"),
        "benchmarks: [rash]",
        "names:",
        "  eczema: [eczema,",
        "    a itchy rash,",
        "    a rash]",
        "  wart:",
        "    - wart",
        "    - an bump",
    ]
    report_of(tmp_path)
    (tmp_path / "prompts" / "my" / "set.yaml").write_text("\n".join(lines).replace("version: 1", 'version: "1"'))
    catalog = load_catalog([tmp_path])
    found = lint(targets_of(["my/set"], catalog), catalog, Settings(limits=())).findings
    assert [(f.key, f.line) for f in found] == [("names.eczema[1]", 11), ("names.wart[1]", 15)]


def test_no_such_file_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="no such file"):
        targets_of(["nowhere/my-set.yaml"], load_catalog())


def test_a_set_is_checked_once_for_benchmarks_with_the_same_classes() -> None:
    catalog = load_catalog()
    assert [b.id for b in benchmarks_of(catalog.prompt_set("scin/names"), catalog)] == ["scin"]
    every = [b.id for b in benchmarks_of(catalog.prompt_set("generic/names"), catalog)]
    assert {"scin", "ham10000", "derm-demo"} <= set(every)
    assert "scin@notebook" not in every


WORDS = st.sampled_from(["{name}", "a {name}", "skin", "{site}", " ", "}", "{name} here"])
CLASSES = st.sampled_from(["eczema", "wart", "tinea", "versicolor", "warts"])
SETS = st.fixed_dictionaries(
    {},
    optional={
        "templates": st.lists(WORDS, max_size=2),
        "names_from": st.sampled_from(["here", "card", "card+synonyms"]),
        "names": st.dictionaries(CLASSES, st.lists(st.sampled_from(["x", "y z", ""]), max_size=2), max_size=4),
        "class_templates": st.dictionaries(CLASSES, st.lists(WORDS, max_size=2), max_size=4),
        "weights": st.dictionaries(CLASSES, st.lists(st.sampled_from([0.5, 1.0]), min_size=1, max_size=2), max_size=4),
        "negatives": st.lists(WORDS, max_size=2),
        "includes": st.lists(st.sampled_from(["my/part", "my/none"]), max_size=2),
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(keys=SETS)
def test_lint_finds_an_error_in_every_set_that_a_run_would_refuse(tmp_path: Path, keys: dict[str, Any]) -> None:
    """`expand_prompts` stops a run at the first mistake; lint must know of at least that one."""
    part = {**HEAD, "id": "my/part", "templates": ["{name}"], "names": {"wart": ["w"]}, "names_from": "here"}
    (tmp_path / "prompts" / "my").mkdir(parents=True, exist_ok=True)
    (tmp_path / "prompts" / "my" / "part.yaml").write_text(yaml.safe_dump(part))
    report = report_of(tmp_path, **keys)
    catalog = load_catalog([tmp_path])
    try:
        prompt_set = PromptSet.model_validate({**HEAD, **keys})
        expand_prompts(prompt_set, catalog.benchmark("rash"), catalog.prompt_sets)
    except (CatalogError, ValueError):
        assert report.errors > 0


class TestTokens:
    LONG = "grouped, tense vesicles on an erythematous, edematous base with hemorrhagic crusts " * 5

    def test_clips_byte_pairs_are_counted_as_open_clip_does(self) -> None:
        import open_clip

        ids = open_clip.get_tokenizer("ViT-B-32")([self.LONG], context_length=400)
        assert clip_tokens()(self.LONG) == int((ids != 0).sum())

    def test_the_models_own_count_is_what_it_cuts_by(self) -> None:
        handle = resolve("clip-demo", load_catalog())
        tokens = tokens_of(handle)
        texts = [self.LONG[:n] for n in range(0, 400, 7)]
        cut = [text for text in texts if tokens.count(text) > tokens.context]
        assert tokens.context == 48
        assert 0 < len(cut) < len(texts)
        assert cut == handle.load("cpu", "float32").truncated(texts)

    def test_no_weights_are_read_to_count(self, tmp_path: Path) -> None:
        """The tokenizer of a folder whose weights are away."""
        catalog = load_catalog()
        folder = tmp_path / "copy"
        folder.mkdir()
        config = Path(resolve("clip-demo", catalog).fetch() or "") / "open_clip_config.json"
        (folder / config.name).write_bytes(config.read_bytes())
        assert tokens_of(resolve(f"clip-demo@{folder}", catalog)).count("a wart") == 4

    def test_a_limit_counts_only_what_can_be_too_long(self) -> None:
        counted: list[str] = []

        def count(text: str) -> int:
            counted.append(text)
            return 10

        limit = Limit(("m",), 8, "words", True, count)
        assert limit.tokens("short") is None
        assert limit.tokens("a longer text") == 10
        assert counted == ["a longer text"]


def test_nothing_is_wrong_in_the_shipped_sets() -> None:
    catalog = load_catalog()
    report = lint(targets_of([], catalog), catalog)
    assert len(report.files) == len(catalog.prompt_sets)
    assert [str(finding) for finding in report.findings] == []


def test_a_target_given_by_path_may_lie_anywhere(tmp_path: Path) -> None:
    report_of(tmp_path)
    catalog = load_catalog([tmp_path])
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_bytes((tmp_path / "prompts" / "my" / "set.yaml").read_bytes())
    assert rules(lint([Target(elsewhere)], catalog, Settings(limits=()))) == set()


def test_an_id_is_held_against_the_file_s_place_below_prompts_too(tmp_path: Path) -> None:
    report_of(tmp_path)
    catalog = load_catalog([tmp_path])
    moved = tmp_path / "clinic" / "prompts" / "my" / "other.yaml"
    moved.parent.mkdir(parents=True)
    moved.write_bytes((tmp_path / "prompts" / "my" / "set.yaml").read_bytes())
    (finding,) = lint(targets_of([str(moved)], catalog), catalog, Settings(limits=())).findings
    assert (finding.rule, finding.found, finding.expected) == ("wrong-id", "'my/set'", "'my/other'")
