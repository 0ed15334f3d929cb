"""All that a search may know: validation rows, their labels, and their cosines with every string of the pool.

Comes in: validation Samples with vectors, the `Pool`, text vectors. Goes out: `Candidates`, whose ``cosines`` are those
of `methods.texts.TextSide` for any choice of strings, computed for many choices at once: with G the cosines of rows and
strings and M those of strings with each other, the cosine of a row with the normalised mean of a chosen set s is
G s / sqrt(s' M s). Rows of other splits are refused; a search that holds nothing else cannot look at them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from vlmeval.methods import Rule, Units
from vlmeval.methods.scored import unit_length
from vlmeval.records import Embeddings, Samples
from vlmeval.workbench.search.pool import Element, Pool

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Strings = npt.NDArray[np.str_]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True)
class State:
    """Which elements are chosen, and which words of a class are put in (True) or taken out (False) against the sets."""

    elements: tuple[int, ...]
    words: frozenset[tuple[int, str, bool]] = frozenset()

    def with_word(self, k: int, word: str, on: bool) -> State:
        """Return the state with a word of class ``k`` put in or taken out."""
        others = {(c, w, o) for c, w, o in self.words if (c, w) != (k, word)}
        return replace(self, words=frozenset(others | {(k, word, on)}))


class ClassTexts(NamedTuple):
    """The strings of one class: [m] texts, and for every phrase its element, word and text, and whether it is own.

    ``own_texts`` is bool [E, m], the strings that each element has by itself; ``gram`` [m, m] their cosines.
    """

    texts: tuple[str, ...]
    element: Index
    word: Strings
    text: Index
    own: Bools
    own_texts: Bools
    gram: Floats


@dataclass(frozen=True)
class Candidates:
    """Validation rows at the card's level, and what there is to choose from.

    Attributes
    ----------
    units, labels, groups
        [n] unit ids, bool [n, K], level codes by group.
    rule
        The model's score rule.
    elements, start
        The pool's.
    class_ids, classes
        The card's classes, and the strings of each.
    cosines_by_class
        By class, [m_k, n] cosines of strings and rows.
    baseline
        [n, K] scores of the card's chosen set.
    """

    units: Strings
    labels: Bools
    groups: Mapping[str, npt.NDArray[np.int16]]
    rule: Rule
    elements: tuple[Element, ...]
    start: tuple[int, ...]
    class_ids: tuple[str, ...]
    classes: tuple[ClassTexts, ...]
    cosines_by_class: tuple[Floats, ...]
    baseline: Floats

    @classmethod
    def of(
        cls,
        validation: Samples,
        images: Embeddings,
        pool: Pool,
        texts: Mapping[str, npt.NDArray[np.floating]],
        rule: Rule,
        baseline: Floats,
    ) -> Self:
        """Compute all cosines.

        Raises
        ------
        ValueError
            A row is not of the validation split, or rows and vectors are not the same.
        """
        if (validation.split != "val").any():
            raise ValueError("a search may only know validation rows")
        if not np.array_equal(validation.ids, images.ids):
            raise ValueError("samples and image embeddings are not the same rows")
        vectors, units, labels, groups = _rows(validation, images)
        classes = tuple(_texts(pool.elements, k, texts) for k in range(labels.shape[1]))
        known = [unit_length(np.stack([texts[text] for text in one.texts])) for one in classes]
        cosines = tuple(np.ascontiguousarray(text @ vectors.T) for text in known)
        names = validation.benchmark.class_ids
        return cls(units, labels, groups, rule, pool.elements, pool.start, names, classes, cosines, baseline)

    def __len__(self) -> int:
        return len(self.units)

    def take(self, rows: Bools) -> Self:
        """Return the rows that the mask selects."""
        return replace(
            self,
            units=self.units[rows],
            labels=self.labels[rows],
            groups={name: codes[rows] for name, codes in self.groups.items()},
            cosines_by_class=tuple(own[:, rows] for own in self.cosines_by_class),
            baseline=self.baseline[rows],
        )

    def chosen(self, state: State, k: int) -> Bools:
        """Return [m_k] which strings of class ``k`` a state has."""
        one = self.classes[k]
        changed = [(word, on) for c, word, on in state.words if c == k]
        if not changed:
            return np.asarray(one.own_texts[list(state.elements)].any(axis=0))
        on = one.own.copy()
        for word, value in changed:
            on[one.word == word] = value
        found = np.zeros(len(one.texts), dtype=bool)
        found[one.text[on & np.isin(one.element, state.elements)]] = True
        return found

    def prompts(self, state: State) -> list[tuple[str, ...]]:
        """Return the strings of every class."""
        return [
            tuple(text for text, on in zip(one.texts, self.chosen(state, k), strict=True) if on)
            for k, one in enumerate(self.classes)
        ]

    def class_cosines(self, k: int, masks: Bools) -> Floats:
        """Return [B, n] cosines with the normalised mean of each of B choices of strings, bool [B, m_k]."""
        from scipy.sparse import csr_array

        # The choices of one step are one choice with a few strings more or less.
        common = (masks.mean(axis=0) > 0.5).astype(np.float64)
        change = csr_array(masks - common)
        gram, rows = self.classes[k].gram, self.cosines_by_class[k]
        squared = common @ gram @ common + 2 * (change @ (gram @ common)) + ((change @ gram) * (masks - common)).sum(1)
        length = np.sqrt(np.maximum(squared, 0.0))
        products = common @ rows + change @ rows
        return np.asarray(products / np.where(length == 0, 1.0, length)[:, None])

    def cosines(self, states: Sequence[State]) -> Floats:
        """Return [B, n, K] class cosines of B states."""
        every = range(len(self.classes))
        masks = [np.array([self.chosen(state, k) for state in states]) for k in every]
        return np.stack([self.class_cosines(k, masks[k]) for k in every], axis=-1)

    def scores(self, cosines: Floats) -> Floats:
        """Return scores [..., n, K] of class cosines by the model's rule."""
        shape = cosines.shape
        return self.rule.apply(cosines.reshape(-1, shape[-1])).reshape(shape)

    def element_cosines(self) -> Floats:
        """Return [E, n, K]: by element, the mean cosine of its own strings with each row (mean-score aggregation)."""
        out = np.zeros((len(self.elements), len(self), len(self.classes)))
        for k, one in enumerate(self.classes):
            for e in range(len(self.elements)):
                own = one.text[(one.element == e) & one.own]
                out[e, :, k] = self.cosines_by_class[k][own].mean(axis=0)
        return out


def _rows(
    samples: Samples, images: Embeddings
) -> tuple[Floats, Strings, Bools, dict[str, npt.NDArray[np.int16]]]:  # fmt: skip
    """Return vectors, units, labels and groups at the card's level, pooled as `methods.zero_shot` does."""
    vectors = unit_length(images.vectors)
    if samples.benchmark.headline_level == "image":
        return vectors, samples.units, samples.labels, dict(samples.groups)
    units = Units.of(samples)
    groups = {name: codes[units.first] for name, codes in samples.groups.items()}
    return unit_length(units.mean(vectors)), samples.units[units.first], units.labels, groups


def _texts(elements: Sequence[Element], k: int, vectors: Mapping[str, npt.NDArray[np.floating]]) -> ClassTexts:
    phrases = [(e, phrase) for e, element in enumerate(elements) for phrase in element.phrases[k]]
    texts = tuple(dict.fromkeys(phrase.text for _, phrase in phrases))
    position = {text: i for i, text in enumerate(texts)}
    known = unit_length(np.stack([vectors[text] for text in texts]))
    element = np.array([e for e, _ in phrases], dtype=np.intp)
    text = np.array([position[phrase.text] for _, phrase in phrases], dtype=np.intp)
    own = np.array([phrase.own for _, phrase in phrases], dtype=bool)
    own_texts = np.zeros((len(elements), len(texts)), dtype=bool)
    own_texts[element[own], text[own]] = True
    words = np.array([phrase.word for _, phrase in phrases], dtype=np.str_)
    return ClassTexts(texts, element, words, text, own, own_texts, known @ known.T)
