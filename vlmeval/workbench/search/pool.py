"""What a search chooses from: the prompts of several sets, cut into elements that all classes share.

Comes in: prompt sets and a benchmark card. Goes out: `Pool`. An element is one template of one set, filled with the
names that the set gives each class; or all of a set's own sentences for the classes, which belong together. A `Phrase`
is one string of an element for one class, with the word (name, or sentence) that a step by class puts in or takes out.
A set's negatives, weights and aggregation are not taken over: an element is words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vlmeval.catalog import Catalog
from vlmeval.catalog.expand import PLACEHOLDER, expand_prompts
from vlmeval.errors import UsageError
from vlmeval.evaluate.chosen_on import provenances
from vlmeval.records import Benchmark, PromptSet
from vlmeval.workbench.suited import unsuited

SENTENCES = "all its sentences"


@dataclass(frozen=True)
class Phrase:
    """One string of one class; ``own``: the set uses it by itself (else the card knows the name as a synonym)."""

    word: str
    text: str
    own: bool = True


@dataclass(frozen=True)
class Element:
    """What a step adds or drops for all classes together; ``phrases`` are by class, in the card's order."""

    set_id: str
    label: str
    template: str | None
    phrases: tuple[tuple[Phrase, ...], ...]

    @property
    def title(self) -> str:
        """Name for people: the set and the template."""
        return f"{self.set_id}: {self.label}"


@dataclass(frozen=True)
class Pool:
    """All elements, each once; ``start`` are the positions of those of the card's chosen set.

    ``sets`` are digests by the ids of the sets drawn on (those that an ensemble includes, too), ``cards`` the sets
    themselves, ``left_out`` says why others are not among them.
    """

    elements: tuple[Element, ...]
    start: tuple[int, ...] = ()
    sets: dict[str, str] = field(default_factory=dict)
    cards: dict[str, PromptSet] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def texts(self) -> tuple[str, ...]:
        """Every distinct string, sorted."""
        every = (phrase.text for element in self.elements for own in element.phrases for phrase in own)
        return tuple(sorted(set(every)))


def pool_of(catalog: Catalog, benchmark: Benchmark, wanted: Sequence[str] = (), family: str = "") -> Pool:
    """Cut prompt sets into elements.

    Parameters
    ----------
    catalog, benchmark
        Where the sets are, and whose classes they are filled in for.
    wanted
        Ids of sets; none for all sets of the benchmark that suit the model.
    family
        The model's family; without one a set that is written for certain families is taken only by name.

    Raises
    ------
    UnknownNameError, CatalogError
        No such set, or one that does not fit the benchmark.
    UsageError
        A set that is itself the result of a search, or includes one, was asked for: it has seen the labels of its
        validation units, and no fold of the new search could be without them.
    """
    elements: dict[tuple[frozenset[str], ...], Element] = {}
    pool = Pool(())
    start: list[tuple[frozenset[str], ...]] = []
    for set_id in dict.fromkeys(wanted or catalog.prompt_sets_for(benchmark)):
        prompt_set = catalog.prompt_set(set_id)
        why = None if wanted else unsuited(catalog, prompt_set, benchmark, family)
        if why is not None and set_id != benchmark.prompts.default:
            pool.left_out[set_id] = why
            continue
        if prompt_set.provenance is None:
            catalog.expand(set_id, benchmark)  # what is wrong with it is told with file and line
        if provenances(prompt_set, catalog):
            if wanted:
                raise _searched(prompt_set)
            pool.left_out[set_id] = f"it {_how_searched(prompt_set)} the result of a search"
            continue
        for part in (prompt_set, *map(catalog.prompt_set, prompt_set.includes)):
            pool.sets[part.id], pool.cards[part.id] = part.content_digest, part
        for element in _elements(catalog, prompt_set, benchmark):
            key = tuple(frozenset(p.text for p in own if p.own) for own in element.phrases)
            elements.setdefault(key, element)
            start += [key] if set_id == benchmark.prompts.default else []
    keys = list(elements)
    return Pool(
        tuple(elements.values()),
        tuple(dict.fromkeys(keys.index(key) for key in start)),
        pool.sets,
        pool.cards,
        pool.left_out,
    )


def _how_searched(prompt_set: PromptSet) -> str:
    return "includes" if prompt_set.provenance is None else "is itself"


def _searched(prompt_set: PromptSet) -> UsageError:
    return UsageError(
        f"prompt set {prompt_set.id} {_how_searched(prompt_set)} the result of a search",
        key="--prompts",
        expected="sets written without looking at labels",
        found=prompt_set.id,
        hint="search among the sets that it drew on; they stand under 'pool' in its provenance",
    )


def _elements(catalog: Catalog, prompt_set: PromptSet, benchmark: Benchmark) -> list[Element]:
    """Return the elements of a set, and of the sets that it includes."""
    found = []
    if prompt_set.includes and "templates" not in prompt_set.model_fields_set:
        parts = [prompt_set] if prompt_set.class_templates else []
    else:
        parts = [prompt_set]
    for part in (*parts, *map(catalog.prompt_set, prompt_set.includes)):
        plain = part.model_copy(update={"includes": (), "weights": {}, "negatives": ()})
        found += [_sentences(plain, benchmark)] if plain.class_templates else _templates(plain, benchmark)
    return found


def _sentences(part: PromptSet, benchmark: Benchmark) -> Element:
    """Return a set with words of its own for classes, as a whole."""
    prompts = expand_prompts(part, benchmark).prompts
    phrases = tuple(tuple(Phrase(text, text) for text in texts) for texts in prompts.values())
    return Element(part.id, SENTENCES, None, phrases)


def _templates(part: PromptSet, benchmark: Benchmark) -> list[Element]:
    found = []
    for template in dict.fromkeys(part.templates):
        if PLACEHOLDER not in template:
            same = (Phrase(template, template),)
            found.append(Element(part.id, template, template, (same,) * len(benchmark.classes)))
            continue
        phrases = tuple(
            tuple(Phrase(name, template.replace(PLACEHOLDER, name), own) for name, own in names)
            for names in _names(part, benchmark)
        )
        found.append(Element(part.id, template, template, phrases))
    return found


def _names(part: PromptSet, benchmark: Benchmark) -> list[list[tuple[str, bool]]]:
    """Return each class's names, and whether the set uses them: the card's synonyms may stand in for its names."""
    bare = part.model_copy(update={"templates": (PLACEHOLDER,)})
    found = []
    for spec, own in zip(benchmark.classes, expand_prompts(bare, benchmark).prompts.values(), strict=True):
        from_card = part.names_from != "here" and spec.id not in part.names
        more = [name for name in spec.synonyms if name not in own] if from_card else []
        found.append([(name, True) for name in own] + [(name, False) for name in dict.fromkeys(more)])
    return found
