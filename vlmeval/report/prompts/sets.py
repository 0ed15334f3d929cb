"""The strings of every prompt set as they went into the text tower: by class, with weights, negatives and what was cut.

In: prompt sets and the card. Out: plain dicts; the run report shows its sets by the same function.
"""

from __future__ import annotations

from collections.abc import Collection

from vlmeval.records import Benchmark, PromptsUsed
from vlmeval.report.lookup import View


def strings_view(found: PromptsUsed, card: Benchmark, truncated: Collection[str] = ()) -> View:
    """Return one set with its strings per class, in the card's class order.

    Parameters
    ----------
    found
        The set with its strings.
    card
        The benchmark.
    truncated
        Strings longer than the model's context.
    """
    same = {found.negatives.get(c.id, ()) for c in card.classes}
    shared = next(iter(same)) if len(same) == 1 else ()
    return {
        "id": found.id,
        "title": found.title,
        "version": found.version,
        "language": found.language,
        "digest": found.digest,
        "aggregation": found.aggregation,
        "source": found.source,
        "searched": found.searched,
        "weighted": bool(found.weights),
        "truncated": sum(len({*strings}.intersection(truncated)) for strings in found.prompts.values()),
        "negatives": [_line(text, None, truncated) for text in shared],
        "classes": [
            {
                "name": c.name,
                "prompts": _lines(found.prompts.get(c.id, ()), found.weights.get(c.id, ()), truncated),
                "negatives": [_line(t, None, truncated) for t in ([] if shared else found.negatives.get(c.id, ()))],
            }
            for c in card.classes
        ],
    }


def _lines(texts: tuple[str, ...], weights: tuple[float, ...], truncated: Collection[str]) -> list[View]:
    """Return the strings with their shares in the mean, heaviest first where there are weights."""
    total = sum(weights)
    if len(weights) != len(texts) or total <= 0:
        return [_line(text, None, truncated) for text in texts]
    shares = [weight / total for weight in weights]
    order = sorted(range(len(texts)), key=lambda i: -shares[i])
    return [_line(texts[i], shares[i], truncated) for i in order]


def _line(text: str, share: float | None, truncated: Collection[str]) -> View:
    return {"text": text, "share": share, "truncated": text in truncated}
