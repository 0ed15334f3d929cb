"""SCIN's two tables, read as text and joined on the case.

Comes in: the data folder. Goes out: cases, labels, and which row of labels belongs to which case. A case id is a signed
64-bit integer, often negative: it stays text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from vlmeval.data.csvfile import TextTable, read_table
from vlmeval.data.scin.groups import CASE_COLUMNS, LABEL_COLUMNS
from vlmeval.data.scin.labels import CONFIDENCES, NAMES, WEIGHTS
from vlmeval.errors import MissingDataError

GRADED: Final = "dermatologist_gradable_for_skin_condition_1"
ALL_GRADED: Final = tuple(f"dermatologist_gradable_for_skin_condition_{reader}" for reader in (1, 2, 3))
POSITIONS: Final = (1, 2, 3)


SCHEMA_TRAP: Final = (
    "these are the column names of the released CSV files; SCIN's schema document differs: it leaves the '_on' out "
    f"of '{NAMES}'.\nTake scin_cases.csv and scin_labels.csv of SCIN 1.0.0 (vlmeval data fetch scin)"
)


def read_tables(root: Path) -> tuple[TextTable, TextTable, list[int]]:
    """Return cases, labels, and for each case the row of its labels. Raises DataError when they do not pair up."""
    folder = _tables_folder(root)
    images = tuple(f"image_{k}_path" for k in POSITIONS)
    cases = read_table(folder / "scin_cases.csv", ("case_id", *CASE_COLUMNS, *images), hint=SCHEMA_TRAP)
    labels = read_table(
        folder / "scin_labels.csv",
        ("case_id", *ALL_GRADED, NAMES, CONFIDENCES, WEIGHTS, *LABEL_COLUMNS),
        hint=SCHEMA_TRAP,
    )
    where = _rows_by_case(labels)
    _rows_by_case(cases)
    for row, case in enumerate(cases["case_id"]):
        if case not in where:
            raise cases.error("a case has no row of labels", row, "case_id", expected="a row in scin_labels.csv")
    return cases, labels, [where[case] for case in cases["case_id"]]


def _tables_folder(root: Path) -> Path:
    for folder in (root / "dataset", root):
        if (folder / "scin_cases.csv").is_file():
            return folder
    raise MissingDataError(
        "the SCIN tables are missing",
        file=root,
        expected="scin_cases.csv and scin_labels.csv in this folder or in its dataset/",
        found="no scin_cases.csv" if root.is_dir() else "no such folder",
        hint="vlmeval data fetch scin, or give the folder with --data DIR",
    )


def _rows_by_case(table: TextTable) -> dict[str, int]:
    where: dict[str, int] = {}
    for row, case in enumerate(table["case_id"]):
        if not case.lstrip("-").isdecimal():
            hint = "a spreadsheet turns ids into numbers such as -1E+18: take the official file again"
            raise table.error("a case id is not an integer", row, "case_id", expected="an integer as text", hint=hint)
        if case in where:
            raise table.error("a case is there twice", row, "case_id", expected="each case once")
        where[case] = row
    return where
