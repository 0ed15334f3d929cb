"""SCIN's group columns: four sources of skin tone, age, sex, race and ethnicity, body part - one value a case.

Comes in: the two tables. Goes out: column name -> one raw text value a case; a card's groups turn them into levels.

    fst_self              FST1 ... FST6, NONE_IDENTIFIED, or ""
    fst_self_figure       1 ... 6, or ""
    fst_dermatologist     median of the dermatologists' types ("2", "2.5"), "not-gradable", or ""
    fst_dermatologist_1, _2, _3   each dermatologist's type: 1 ... 6, "not-gradable", or "" (not asked)
    monk_us, monk_india   1 ... 10, "not-gradable", or ""
    age_group, sex_at_birth                          as in the file, "" when blank
    race_ethnicity      one category, TWO_OR_MORE, or ""
    body_part           one part, MULTIPLE, or ""
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Final

from vlmeval.data.csvfile import TextTable

NOT_GRADABLE: Final = "not-gradable"
RATERS: Final = (1, 2, 3)
FITZPATRICK: Final = ("FST1", "FST2", "FST3", "FST4", "FST5", "FST6")
_BODY: Final = "body_parts_"
_GRADABLE_FST: Final = "dermatologist_gradable_for_fitzpatrick_skin_type_{}"
_LABEL_FST: Final = "dermatologist_fitzpatrick_skin_type_label_{}"

CASE_COLUMNS: Final = ("age_group", "sex_at_birth", "fitzpatrick_skin_type", "combined_race")
LABEL_COLUMNS: Final = (
    *(template.format(rater) for template in (_GRADABLE_FST, _LABEL_FST) for rater in RATERS),
    *(f"{stem}_{pool}" for stem in ("gradable_for_monk_skin_tone", "monk_skin_tone_label") for pool in ("us", "india")),
)


def group_columns(cases: TextTable, labels: TextTable, label_row: list[int]) -> dict[str, list[str]]:
    """Return every group column, one value a row of ``cases``.

    ``label_row[i]`` is the row of ``labels`` that belongs to row i of ``cases``.
    Raises DataError for a value that the format does not know.
    """
    rows = range(len(cases))

    def from_labels(read: Callable[[TextTable, int], str]) -> list[str]:
        return [read(labels, label_row[row]) for row in rows]

    return {
        "fst_self": cases["fitzpatrick_skin_type"],
        "fst_self_figure": [_figure(answer) for answer in cases["fitzpatrick_skin_type"]],
        "fst_dermatologist": from_labels(_dermatologist_type),
        **{f"fst_dermatologist_{rater}": from_labels(partial(_rater_type, rater=rater)) for rater in RATERS},
        "monk_us": from_labels(lambda table, row: _monk(table, row, "us")),
        "monk_india": from_labels(lambda table, row: _monk(table, row, "india")),
        "age_group": cases["age_group"],
        "sex_at_birth": cases["sex_at_birth"],
        "race_ethnicity": [_race(value) for value in cases["combined_race"]],
        "body_part": _body_parts(cases),
    }


def dermatologist_types(labels: TextTable, row: int) -> tuple[list[int], bool]:
    """Return the Fitzpatrick types of the raters who could tell, and whether any rater was asked."""
    said = [_rater_type(labels, row, rater) for rater in RATERS]
    return [int(answer) for answer in said if answer not in ("", NOT_GRADABLE)], any(said)


def _rater_type(labels: TextTable, row: int, rater: int) -> str:
    """Return one dermatologist's type as "1" to "6", "not-gradable", or "" where the rater was not asked."""
    gradable, column = _GRADABLE_FST.format(rater), _LABEL_FST.format(rater)
    answer = labels[gradable][row]
    if answer not in ("YES", "NO", ""):
        raise labels.error("an unknown answer", row, gradable, expected="YES, NO or nothing")
    if answer != "YES":
        return NOT_GRADABLE if answer else ""
    figure = _figure(labels[column][row])
    if not figure:
        raise labels.error("an unknown skin type", row, column, expected="FST1 to FST6 (the rater said YES)")
    return figure


def _figure(answer: str) -> str:
    """Return the figure of "FST1" to "FST6", "" for anything else."""
    return answer[-1] if answer in FITZPATRICK else ""


def _dermatologist_type(labels: TextTable, row: int) -> str:
    types, asked = dermatologist_types(labels, row)
    if not types:
        return NOT_GRADABLE if asked else ""
    return f"{median(types):g}"


def _monk(labels: TextTable, row: int, pool: str) -> str:
    gradable, column = f"gradable_for_monk_skin_tone_{pool}", f"monk_skin_tone_label_{pool}"
    answer = labels[gradable][row]
    if answer == "False":
        return NOT_GRADABLE
    if answer == "":
        return ""
    if answer != "True":
        raise labels.error("an unknown answer", row, gradable, expected="True, False or nothing")
    # The release has bare integers; copies that went through pandas have "3.0".
    value = labels[column][row].removesuffix(".0")
    if value not in {str(tone) for tone in range(1, 11)}:
        raise labels.error("an unknown skin tone", row, column, expected="1 to 10 (the graders said True)")
    return value


def _race(combined: str) -> str:
    several = "," in combined or combined.startswith("TWO_OR_MORE")
    return "TWO_OR_MORE" if several else combined


def _body_parts(cases: TextTable) -> list[str]:
    names = [name for name in cases.columns if name.startswith(_BODY)]
    values: list[str] = []
    for row in range(len(cases)):
        marked = [name.removeprefix(_BODY).upper() for name in names if cases[name][row] == "YES"]
        values.append(marked[0] if len(marked) == 1 else "MULTIPLE" if marked else "")
    return values
