"""Rules about single strings: placeholders, characters that nobody sees, white space, too few words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from vlmeval.catalog.filled import PLACEHOLDER, shared_templates
from vlmeval.catalog.yamlfile import KeyPath
from vlmeval.records import PromptSet
from vlmeval.workbench.lint.registry import Problem, raw_texts, rule, set_rule
from vlmeval.workbench.lint.subject import Subject

_FOREIGN = re.compile(r"<[A-Za-z_ ]+>|\[[A-Za-z_ ]+\]|%s|%\(\w+\)s|\$\w+|_{3,}|\b(?:TODO|TBD|XXX)\b")
_JOINERS = "\u200c\u200d"  # part of the spelling in Persian, Hindi and others
_FEW = 3


@set_rule(
    "placeholder",
    "error",
    "A template has a placeholder that nothing fills, or a name has one at all.",
    "{name} stands for the class's name and is the only placeholder there is",
)
def placeholder(prompt_set: PromptSet) -> Iterator[Problem]:
    """Find braces around anything but ``name``, and the placeholders of other languages."""
    for place, text, class_id in raw_texts(prompt_set):
        rest = text if place[0] == "names" else text.replace(PLACEHOLDER, "")
        other = re.search(r"[{}]", rest) or _FOREIGN.search(rest)
        if other:
            told = re.search(r"\{[^{}]*\}", rest) or other
            expected = "a name without placeholders" if place[0] == "names" else f"only {PLACEHOLDER}"
            yield Problem(place, f"nothing fills the placeholder {told[0]!r}", repr(text), expected, class_id)


@set_rule(
    "invisible-character",
    "error",
    "A text has a character that nobody sees and every tokenizer does.",
    "delete the character; it often comes along when text is pasted from a web page or a PDF",
)
def invisible_character(prompt_set: PromptSet) -> Iterator[Problem]:
    """Find control, formatting and private-use characters, and the mark of an unreadable one."""
    for place, text, class_id in raw_texts(prompt_set):
        odd = [c for c in text if _invisible(c, text)]
        if odd:
            shown = "".join(f"<U+{ord(c):04X}>" if c in odd else c for c in text)
            name = unicodedata.name(odd[0], "a control character").lower()
            yield Problem(place, f"an invisible character: U+{ord(odd[0]):04X}, {name}", shown, None, class_id)


def _invisible(c: str, text: str) -> bool:
    if c.isspace():
        return False  # the next rule's
    if c in _JOINERS:
        return not any(ord(other) >= 0x0590 and other.isalpha() for other in text)
    return c == "\ufffd" or unicodedata.category(c) in ("Cc", "Cf", "Co", "Cn", "Cs")


@set_rule(
    "white-space",
    "warning",
    "A text begins or ends with white space, or has two spaces, a tab, a line break or a no-break space in it.",
    "one plain space between words, none around them",
)
def white_space(prompt_set: PromptSet) -> Iterator[Problem]:
    """Find white space that a reader does not see."""
    for place, text, class_id in raw_texts(prompt_set):
        if text != " ".join(text.split()):
            expected = repr(" ".join(text.split()))
            yield Problem(place, "white space that does not belong there", repr(text), expected, class_id)


@rule(
    "empty-prompt",
    "error",
    "A prompt has no word in it.",
    "write words, or delete the entry",
)
def empty_prompt(subject: Subject) -> Iterator[Problem]:
    """Find final strings without a letter or digit."""
    for text in (*subject.own, *subject.negatives):
        if not any(c.isalnum() for c in text.text):
            place = text.place if text.filled.name_place is None else text.filled.name_place
            yield Problem(place, "a prompt without words", repr(text.text), "words", text.class_id)


@rule(
    "short-prompt",
    "warning",
    "A prompt is an abbreviation or less, which text encoders hardly know.",
    "spell the condition out",
)
def short_prompt(subject: Subject) -> Iterator[Problem]:
    """Find final strings with fewer than three letters; other scripts say much in two."""
    for text in (*subject.own, *subject.negatives):
        letters = sum(c.isalnum() for c in text.text)
        if 0 < letters < _FEW and text.text.isascii():
            place = text.place_of(text.text)
            message = f"a prompt of {letters} letter{'' if letters == 1 else 's'}"
            yield Problem(place, message, repr(text.text), "the name in full", text.class_id)


@set_rule(
    "mixed-templates",
    "warning",
    "Some templates of a list hold {name} and some do not: these count once, the others once a name.",
    "put {name} into all templates of the list, or write finished sentences only",
)
def mixed_templates(prompt_set: PromptSet) -> Iterator[Problem]:
    """Find lists of templates with and without a placeholder."""
    lists: list[tuple[KeyPath, tuple[str, ...], str | None]] = [
        (("templates",), shared_templates(prompt_set), None),
        *((("class_templates", k), texts, k) for k, texts in prompt_set.class_templates.items()),
    ]
    for place, templates, class_id in lists:
        without = [i for i, template in enumerate(templates) if PLACEHOLDER not in template]
        if without and len(without) < len(templates):
            found = repr(templates[without[0]])
            message = f"{len(without)} of {len(templates)} templates have no {PLACEHOLDER}"
            yield Problem((*place, without[0]), message, found, f"a template with {PLACEHOLDER}", class_id)
