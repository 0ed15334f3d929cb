"""Every lint rule has a bad set here, and the exact words that it is answered with."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlmeval.catalog import load_catalog
from vlmeval.workbench.lint import RULES, LintReport, Settings, lint, targets_of

CARD = """\
schema: 1
id: rash
version: "1"
title: Rash
summary: Four conditions.
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
ONE_OF_FOUR = "extends: rash\nid: rash-one\ntask: single-label\nheadline_metrics: [balanced-accuracy]\n"
GOOD = """\
schema: 1
id: my/set
version: "1"
title: My set
kind: other
author: A. Author
source: A textbook, 3rd edition
benchmarks: [rash]
templates:
  - "a photo of {name}"
  - "{name} on the skin"
names_from: here
names:
  eczema: [eczema, an eczematous rash]
  wart:
    - a wart
    - a rough bump
  tinea: [tinea, ringworm]
  versicolor: [tinea versicolor]
"""
OWN = """\
names_from: here
names:
  eczema: [eczema, an eczematous rash]
  wart:
    - a wart
    - a rough bump
  tinea: [tinea, ringworm]
  versicolor: [tinea versicolor]
"""

BAD: dict[str, tuple[str, str]] = {
    "not-valid": ("templates:", "templates: ["),
    "wrong-id": ("id: my/set", "id: my/other"),
    "unknown-benchmark": ("benchmarks: [rash]", "benchmarks: [rash, rashes]"),
    "unknown-models": ("benchmarks: [rash]", "benchmarks: [rash]\nmodels: [openai-clip, siglup]"),
    "nobody-named": ("author: A. Author", 'author: " "'),
    "language-code": ("author:", "language: English\nauthor:"),
    "article": ("- a wart", "- an wart"),
    "unknown-class": ("  versicolor: [", "  versicolour: [tinea]\n  versicolor: ["),
    "missing-class": ("  tinea: [tinea, ringworm]\n", ""),
    "unknown-include": ("benchmarks:", "includes:\n  - generic/photos\nbenchmarks:"),
    "unequal-prompts": (
        OWN,
        "aggregation: max-score\nclass_templates:\n  wart: [a wart, warts, a verruca, verrucas, common warts]\n",
    ),
    "weights": ("benchmarks:", "weights:\n  eczema: [1, 1, 1, 1]\n  wart: [1, 1]\n  tinea: [1, 1, 1, 1]\nbenchmarks:"),
    "weights-sum": (OWN, "weights:\n  eczema: [0.5, 0.4]\n  wart: [2, 1]\n  tinea: [1, 0]\n  versicolor: [0.5, 0.5]\n"),
    "unused-names": (
        "benchmarks:",
        "class_templates:\n  tinea: [a ring with a scaly edge, a ring that itches]\nbenchmarks:",
    ),
    "names-another-class": ("    - a rough bump", "    - a bump that is no eczema"),
    "echoes-another-class": ("eczema, an eczematous rash", "eczema, an itchy rash around a verruca"),
    "negatives-single-label": ("benchmarks: [rash]", "negatives: [healthy skin]\nbenchmarks: [rash-one]"),
    "negative-without-negation": (
        "benchmarks:",
        'negatives:\n  - healthy skin without {name}\n  - "mild {name}"\nbenchmarks:',
    ),
    "duplicate-prompt": ("- a rough bump", "- A Rough bump!\n    - a rough bump"),
    "shared-prompt": ("- a rough bump", "- Ringworm"),
    "placeholder": ("{name} on the skin", "{name} on the {site}"),
    "invisible-character": ("[tinea, ringworm]", '[tinea, "ring\\u200bworm"]'),
    "white-space": ("[tinea, ringworm]", '[tinea, "ring  worm "]'),
    "empty-prompt": (OWN, 'class_templates:\n  wart: ["...", a wart]\n'),
    "short-prompt": (OWN, "class_templates:\n  wart: [wt, a wart]\n"),
    "mixed-templates": ("benchmarks:", 'class_templates:\n  wart: ["{name}", a bump with black dots]\nbenchmarks:'),
    "too-long": ("a rough bump", "a bump" + " that is rough" * 25),
    "may-be-too-long": ("a rough bump", "a bump" + " that is rough" * 16),
}
GOLDEN: dict[str, str] = {
    "not-valid": """
prompts/my/set.yaml:10: error: the file is not valid YAML [not-valid]
  found: did not find expected node content
  to mend: correct the file; the other files were checked all the same
""",
    "wrong-id": """
prompts/my/set.yaml:2: error: the id does not fit the file's place [wrong-id]
  found: 'my/other'
  expected: 'my/set'
  to mend: write the id that the folder and file name give, or move the file
""",
    "unknown-benchmark": """
prompts/my/set.yaml:8: warning: no benchmark 'rashes' in the catalog [unknown-benchmark]
  found: 'rashes'
  to mend: correct the id (vlmeval list benchmarks), or give the folder of your own cards: --data-root FOLDER
""",
    "unknown-models": """
prompts/my/set.yaml:9: warning: no model card is of family 'siglup' [unknown-models]
  found: 'siglup'
  to mend: did you mean siglip or siglip2?
""",
    "nobody-named": """
prompts/my/set.yaml:6: error: the author says nothing [nobody-named]
  found: ' '
  expected: the author, in words
  to mend: name the author, and in 'source' the publication or person that the content comes from
""",
    "language-code": """
prompts/my/set.yaml:6: warning: the language is not a language code [language-code]
  found: 'English'
  expected: a code of BCP 47
  to mend: write a code such as en, es, de, pt or pt-BR
""",
    "article": """
prompts/my/set.yaml:16: warning: 'an wart' should be 'a wart' (by sound) [article]
  found: 'a photo of an wart' (and 1 more from here)
  expected: 'a wart'
  to mend: let names carry their own article ('an insect bite', 'hives') and templates none ('a photo of {name}')
""",
    "unknown-class": """
prompts/my/set.yaml:19: error: rash has no class 'versicolour' [unknown-class]
  found: 'versicolour'
  expected: eczema, wart, tinea, versicolor
  to mend: did you mean versicolor?
""",
    "missing-class": """
prompts/my/set.yaml:13: error: no words for class 'tinea' of rash [missing-class]
  found: nothing
  expected: prompts for tinea
  to mend: give the class its words, or 'names_from: card' to take those of the benchmark's card
""",
    "unknown-include": """
prompts/my/set.yaml:9: error: the included set is not known [unknown-include]
  found: 'generic/photos'
  expected: the id of a prompt set
  to mend: name a set of the catalog (vlmeval prompts list) that has no 'includes' and no 'weights' of its own
""",
    "unequal-prompts": """
prompts/my/set.yaml:14: warning: 'wart' has 5 prompts and 'eczema' has 2 [unequal-prompts]
  expected: at most 2 times as many (max-score)
  to mend: write about as many prompts for every class
""",
    "weights": """
prompts/my/set.yaml:8: error: no weights for class 'versicolor', and other classes have some [weights]
  found: nothing
  expected: 2 weights
  to mend: give every class one weight a prompt, in the order of `vlmeval prompts show`, or no weights at all
prompts/my/set.yaml:10: error: class 'wart' has 4 prompts and 2 weights [weights]
  found: 2
  expected: 4 weights
  to mend: give every class one weight a prompt, in the order of `vlmeval prompts show`, or no weights at all
""",
    "weights-sum": """
prompts/my/set.yaml:13: warning: the weights of class 'eczema' add up to 0.9 [weights-sum]
  found: 0.5 0.4
  expected: a sum of 1
  to mend: correct the weights; they are divided by their sum, so that whole numbers serve as well
""",
    "unused-names": """
prompts/my/set.yaml:20: warning: no template holds the names of class 'tinea' [unused-names]
  found: 'tinea', 'ringworm'
  expected: a {name}
  to mend: put {name} into a template of the class, or delete the names
""",
    "names-another-class": """
prompts/my/set.yaml:17: error: a prompt of 'wart' names 'eczema' [names-another-class]
  found: 'a photo of a bump that is no eczema' (and 1 more from here)
  expected: no 'eczema'
  to mend: reword it; where the word is a hallmark of the class and meant, declare it: 'hallmarks: {wart: [eczema]}'
""",
    "echoes-another-class": """
prompts/my/set.yaml:14: warning: a prompt of 'eczema' says 'verruca', as 'wart' is called [echoes-another-class]
  found: 'a photo of an itchy rash around a verruca' (and 1 more from here)
  expected: no 'verruca'
  to mend: reword it; where the word is a hallmark of the class and meant, declare it: 'hallmarks: {eczema: [verruca]}'
""",
    "negatives-single-label": """
prompts/my/set.yaml:8: error: rash-one is single-label [negatives-single-label]
  found: 'healthy skin'
  expected: no negatives
  to mend: leave 'negatives' out, or use the set with a multi-label benchmark
""",
    "negative-without-negation": """
prompts/my/set.yaml:10: warning: a negative names 'eczema' and does not deny it [negative-without-negation]
  found: 'mild eczema' (and 6 more from here)
  expected: a word that denies
  to mend: say what is there instead, with a word such as 'no' or 'without', or without naming the class
""",
    "too-long": """
prompts/my/set.yaml:18: error: 82 tokens, over the 77 of monet [too-long]
  found: 'a photo of a bump that is rough that is rough that is rough that is rough that is rough that is rough that is rough tha [...] at is rough that is rough that is rough' (and 1 more from here)
  expected: at most 77 tokens by CLIP's tokenizer
  to mend: shorten the prompt, or make two of it
""",  # noqa: E501
    "may-be-too-long": """
prompts/my/set.yaml:18: warning: about 71 tokens, over the 64 of medsiglip-448 [may-be-too-long]
  found: 'a photo of a bump that is rough that is rough that is rough that is rough that is rough that is rough that is rough tha [...] at is rough that is rough that is rough' (and 1 more from here)
  expected: at most 64 tokens by CLIP's tokenizer and a third more, in place of their own
  to mend: shorten the prompt, or count with the model's own tokenizer: vlmeval prompts lint --model MODEL
""",  # noqa: E501
    "duplicate-prompt": """
prompts/my/set.yaml:18: warning: the same prompt as in line 17 [duplicate-prompt]
  found: 'a photo of a rough bump' (and 1 more from here)
  expected: only 'a photo of A Rough bump!'
  to mend: delete one of them; a string written in two ways counts twice in a mean
""",
    "shared-prompt": """
prompts/my/set.yaml:18: error: the same prompt for 'wart' (line 17) and 'tinea' [shared-prompt]
  found: 'a photo of ringworm' (and 1 more from here)
  expected: words of its own
  to mend: put {name} into the template, or give each class words of its own
""",
    "placeholder": """
prompts/my/set.yaml:11: error: nothing fills the placeholder '{site}' [placeholder]
  found: '{name} on the {site}'
  expected: only {name}
  to mend: {name} stands for the class's name and is the only placeholder there is
""",
    "invisible-character": """
prompts/my/set.yaml:18: error: an invisible character: U+200B, zero width space [invisible-character]
  found: ring<U+200B>worm
  to mend: delete the character; it often comes along when text is pasted from a web page or a PDF
""",
    "white-space": """
prompts/my/set.yaml:18: warning: white space that does not belong there [white-space]
  found: 'ring  worm '
  expected: 'ring worm'
  to mend: one plain space between words, none around them
""",
    "empty-prompt": """
prompts/my/set.yaml:13: error: a prompt without words [empty-prompt]
  found: '...'
  expected: words
  to mend: write words, or delete the entry
""",
    "short-prompt": """
prompts/my/set.yaml:13: warning: a prompt of 2 letters [short-prompt]
  found: 'wt'
  expected: the name in full
  to mend: spell the condition out
""",
    "mixed-templates": """
prompts/my/set.yaml:9: warning: 1 of 2 templates have no {name} [mixed-templates]
  found: 'a bump with black dots'
  expected: a template with {name}
  to mend: put {name} into all templates of the list, or write finished sentences only
""",
}


def words(text: str) -> int:
    """A tokenizer whose tokens are words: fast, and easy to count by hand."""
    return len(text.split()) + 2


def checked(root: Path, text: str, place: str = "my/set") -> LintReport:
    for name, card in (("rash", CARD), ("rash-one", ONE_OF_FOUR)):
        (root / "benchmarks" / name).mkdir(parents=True, exist_ok=True)
        (root / "benchmarks" / name / "benchmark.yaml").write_text(card)
    file = root / "prompts" / f"{place}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    catalog = load_catalog([root])
    return lint(targets_of([place], catalog), catalog, Settings(clip_tokens=words))


def told(root: Path, report: LintReport) -> str:
    return "\n".join(str(finding) for finding in report.findings).replace(f"{root}/", "")


def bad(rule: str) -> str:
    old, new = BAD[rule]
    assert old in GOOD, old
    text = GOOD.replace(old, new, 1)
    # One model card each, so that a new card changes no golden words.
    model = {"too-long": "monet", "may-be-too-long": "medsiglip"}.get(rule)
    return text if model is None else text.replace("benchmarks:", f"models: [{model}]\nbenchmarks:", 1)


def test_the_good_set_is_clean(tmp_path: Path) -> None:
    report = checked(tmp_path, GOOD)
    assert told(tmp_path, report) == ""
    assert (report.errors, report.warnings) == (0, 0)


def test_every_rule_has_its_bad_set() -> None:
    assert set(GOLDEN) == set(RULES)


@pytest.mark.parametrize("rule", GOLDEN)
def test_the_words_of_a_finding(tmp_path: Path, rule: str) -> None:
    report = checked(tmp_path, bad(rule))
    assert told(tmp_path, report) == GOLDEN[rule].strip("\n")
    assert {finding.rule for finding in report.findings} == {rule}
    assert report.errors == sum(finding.severity == "error" for finding in report.findings)
