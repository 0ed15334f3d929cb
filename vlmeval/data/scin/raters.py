"""How far SCIN's tone raters agree, counted over all cases whatever a card keeps.

Comes in: the data folder. Goes out: per pair or panel of raters the number of cases with at least two figures, with all
figures equal, and with all figures within one step. Part of `stats.json`.
"""

from __future__ import annotations

from pathlib import Path

from vlmeval.data.scin.groups import NOT_GRADABLE, dermatologist_types, group_columns
from vlmeval.data.scin.tables import read_tables


def raters(root: Path) -> dict[str, dict[str, int]]:
    """Return agreement counts of the dermatologists' skin types and of the two pools of Monk graders."""
    cases, labels, label_row = read_tables(root)
    columns = group_columns(cases, labels, label_row)
    panel = [dermatologist_types(labels, row)[0] for row in label_row]
    pools = [
        [int(tone) for tone in pair if tone not in ("", NOT_GRADABLE)]
        for pair in zip(columns["monk_us"], columns["monk_india"], strict=True)
    ]
    return {"fst-dermatologists": _agreement(panel), "monk-us-and-india": _agreement(pools)}


def _agreement(figures: list[list[int]]) -> dict[str, int]:
    several = [values for values in figures if len(values) > 1]
    return {
        "cases_with_several": len(several),
        "all_equal": sum(max(values) == min(values) for values in several),
        "within_one": sum(max(values) - min(values) <= 1 for values in several),
    }
