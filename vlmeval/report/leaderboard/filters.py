"""What rows can be chosen by: facets of the whole leaderboard, each with the values that its rows have.

In: the rows of all tables. Out: the facets with their options, and the options of each row. Options are ids; names that
come from other people's cards are data like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from vlmeval.report.headline import BADGE_NAMES
from vlmeval.report.lookup import View

FACETS: Final[Mapping[str, str]] = {
    "family": "Model family",
    "size": "Model size",
    "licence": "Model licence",
    "contamination": "Seen in training",
    "method": "Method",
    "shots": "Labelled examples",
    "badge": "Badge",
}
SIZES: Final = ((100, "under 100 M"), (300, "100 to 300 M"), (600, "300 to 600 M"), (float("inf"), "600 M and more"))
"""Parameters in millions, up to which a size reaches."""
NOT_KNOWN: Final = "not known"
NO_BADGE: Final = "no badge"
SEEN: Final = {
    "in-training": "in training",
    "not-in-training": "not in training",
    "unknown": NOT_KNOWN,
    None: "not stated",
}
KINDS: Final = {
    "zero-shot": "Zero-shot",
    "zero-shot+centred": "Zero-shot, scores centred",
    "zero-shot+prior": "Zero-shot, priors corrected",
    "zero-shot+bias-temperature": "Zero-shot, bias and temperature fitted",
    "linear-probe": "Linear probe",
    "mlp-probe": "Small neural net",
    "knn": "Nearest neighbours",
    "few-shot": "Few-shot",
    "scored": "Scored predictions",
}
FREQUENCIES: Final = "class frequencies only"
VALIDATION: Final = "of validation only"
SHOTS: Final = {
    "zero-shot": "none",
    "zero-shot+centred": "none",
    "zero-shot+prior": FREQUENCIES,
    "zero-shot+bias-temperature": VALIDATION,
    "scored": NOT_KNOWN,
}
ALL_EXAMPLES: Final = "all"


def options_of(row: View) -> dict[str, list[str]]:
    """Return the options of each facet that a row falls under: one each, but for badges."""
    millions = row["parameters_millions"]
    kind = row["kind"]
    seen = row["contamination"] and row["contamination"]["status"]
    badges = list(dict.fromkeys(BADGE_NAMES.get(b["kind"], b["kind"]).lower() for b in row["badges"]))
    return {
        "family": [row["family"] or NOT_KNOWN],
        "size": [NOT_KNOWN if millions is None else next(name for limit, name in SIZES if millions < limit)],
        "licence": [row["licence"] or NOT_KNOWN],
        "contamination": [SEEN.get(seen, NOT_KNOWN)],
        "method": [KINDS.get(kind, kind)],
        "shots": [_examples(row)],
        "badge": badges or [NO_BADGE],
    }


def _examples(row: View) -> str:
    """Return how many labelled examples a row has learned from; prompts that were chosen on labels have seen those."""
    if row["shots"] is not None:
        return str(row["shots"])
    found = SHOTS.get(row["kind"], ALL_EXAMPLES)
    return VALIDATION if row["searched"] and found in ("none", FREQUENCIES) else found


def filters_view(rows: Iterable[View]) -> list[View]:
    """Return the facets, each with its options and how many rows have them; facets that choose nothing are left out."""
    counts: dict[str, dict[str, int]] = {facet: {} for facet in FACETS}
    for row in rows:
        for facet, options in row["facets"].items():
            for option in options:
                counts[facet][option] = counts[facet].get(option, 0) + 1
    return [
        {
            "id": facet,
            "name": name,
            "options": [{"id": o, "rows": counts[facet][o]} for o in _ordered(facet, counts[facet])],
        }
        for facet, name in FACETS.items()
        if len(counts[facet]) > 1
    ]


def _ordered(facet: str, options: Iterable[str]) -> list[str]:
    """Return options as a reader expects them: sizes and shots by size, what is known before what is not."""
    fixed: Sequence[str] = {
        "size": [name for _, name in SIZES],
        "contamination": list(SEEN.values()),
        "method": list(KINDS.values()),
        "shots": ["none", FREQUENCIES, VALIDATION],
        "badge": [NO_BADGE],
    }.get(facet, [])

    def place(option: str) -> tuple[int, int, str]:
        if option in fixed:
            return 0, list(fixed).index(option), option
        number = int(option) if facet == "shots" and option.isdigit() else 0
        return 1 + (option == ALL_EXAMPLES) + 2 * (option == NOT_KNOWN), number, option.lower()

    return sorted(options, key=place)
