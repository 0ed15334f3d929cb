"""The SCIN adapter: Google's 5,033 cases of self-taken skin photographs, read from the four official CSVs.

Comes in: a card with ``adapter: scin`` and the folder with ``scin_cases.csv`` and ``scin_labels.csv`` (in it or in its
``dataset/``). Goes out: a RawTable, one row a photograph, sample id ``<case_id>/<k>`` with k = 1, 2, 3.
Tables: tables.py. Labels: labels.py; which of them count: rules.py; by reader: opinions.py; read in
other ways: readings.py. Skin tone and other groups: groups.py. Raters: raters.py.
The pictures need not be there.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from vlmeval.data import safepath
from vlmeval.data.csvfile import TextTable
from vlmeval.data.options import read_options
from vlmeval.data.picture_index import index_pictures
from vlmeval.data.raw import RawTable
from vlmeval.data.scin.groups import group_columns
from vlmeval.data.scin.labels import CaseLabels, ClassIndex, case_labels
from vlmeval.data.scin.opinions import opinions
from vlmeval.data.scin.raters import raters
from vlmeval.data.scin.readings import readings
from vlmeval.data.scin.rules import GRADED_YES, ScinOptions, count_mentions, dropped_words, good_enough, positive
from vlmeval.data.scin.tables import ALL_GRADED, GRADED, POSITIONS, read_tables
from vlmeval.errors import DataError
from vlmeval.records import Benchmark, ImageRef

__all__ = ["ScinOptions", "raters", "read", "readings"]

ACCOUNT: Final = (
    "cases read",
    "rows of labels without a case",
    "cases dropped for quality",
    "cases dropped without a label",
    "cases kept",
    "cases kept that have no label",
    "mentions read",
    "mentions outside the class list",
    "mentions below the minimum confidence",
    "cases with a tie for the top weight",
    "cases dropped for a tie",
    "cases whose top condition is outside the class list",
    "cases used",
    "images",
    "images without any of the classes",
    "images known to be missing from the public release",
    "distinct pictures",
)


@dataclass
class _Rows:
    """What grows while the cases are walked, one entry a photograph (all but the account)."""

    ids: list[str] = field(default_factory=list)
    images: list[ImageRef] = field(default_factory=list)
    case_rows: list[int] = field(default_factory=list)
    labels: list[list[bool]] = field(default_factory=list)
    weights: list[list[float]] = field(default_factory=list)
    opinions: list[list[list[float]]] = field(default_factory=list)
    absent: list[bool] = field(default_factory=list)
    account: Counter[str] = field(default_factory=Counter)


def read(benchmark: Benchmark, root: Path) -> RawTable:
    """Read SCIN as the card asks.

    Raises
    ------
    MissingDataError
        When a table is not there.
    DataError
        For anything in the tables that the format of SCIN 1.0.0 does not allow.
    """
    options = read_options(ScinOptions, benchmark)
    cases, labels, label_row = read_tables(root)
    index = ClassIndex.of(benchmark)
    pictures = _PictureFolder(root)
    rows = _Rows(account=Counter({"cases read": len(cases)}))
    if len(labels) > len(cases):
        rows.account["rows of labels without a case"] = len(labels) - len(cases)
    for row, case in enumerate(cases["case_id"]):
        said = case_labels(labels, label_row[row])
        if not good_enough(options, labels[GRADED][label_row[row]], said):
            rows.account[dropped_words(options)] += 1
            continue
        count_mentions(rows.account, said, index, options)
        found = positive(rows.account, said, index, options)
        if found is None or (benchmark.task == "single-label" and not found):
            continue
        _add_photographs(rows, (cases, row, case), pictures, found, options)
        new = len(rows.ids) - len(rows.weights)
        rows.labels += [[k in found for k in range(index.size)]] * new
        rows.weights += [index.soft(said)] * new
        rows.opinions += [_opinions(said, _readers(labels, label_row[row]), index)] * new
    groups = group_columns(cases, labels, label_row)
    groups["readers"] = [str(_readers(labels, row)) for row in label_row]
    return _finish(rows, cases, groups, index.size)


def _readers(labels: TextTable, row: int) -> int:
    """Return how many dermatologists found the quality sufficient for a diagnosis: those whom the labels are from."""
    return sum(labels[column][row] == GRADED_YES for column in ALL_GRADED)


def _opinions(said: CaseLabels, readers: int, index: ClassIndex) -> list[list[float]]:
    """Return each reader's weights [R][K], NaN for readers there are not or who cannot be told apart."""
    found = opinions(said, readers) or []
    nobody = [math.nan] * index.size
    return [*map(index.shares, found), *[nobody] * (len(ALL_GRADED) - len(found))]


def _add_photographs(
    rows: _Rows, where: tuple[TextTable, int, str], pictures: _PictureFolder, positive: set[int], options: ScinOptions
) -> None:
    cases, row, case = where
    rows.account["cases used"] += 1
    for k in POSITIONS:
        written = cases[f"image_{k}_path"][row]
        if not written:
            continue
        rows.ids.append(f"{case}/{k}")
        rows.images.append(pictures.find(written, cases, row))
        rows.case_rows.append(row)
        rows.absent.append(written in options.known_missing)
        rows.account["images"] += 1
        rows.account["images without any of the classes"] += not positive
        rows.account["images known to be missing from the public release"] += written in options.known_missing


def _finish(rows: _Rows, cases: TextTable, groups: dict[str, list[str]], size: int) -> RawTable:
    if not rows.ids:
        raise DataError("no photograph is left to use", file=cases.path, found=str(dict(rows.account)))
    n = len(rows.ids)
    rows.account["distinct pictures"] = len(set(rows.images))
    account = {name: rows.account[name] for name in ACCOUNT if name in rows.account}
    return RawTable(
        ids=np.array(rows.ids, dtype=np.str_),
        images=tuple(rows.images),
        units=np.array([cases["case_id"][row] for row in rows.case_rows], dtype=np.str_),
        labels=np.array(rows.labels, dtype=np.bool_).reshape(n, size),
        columns={
            name: np.array([values[row] for row in rows.case_rows], dtype=np.str_) for name, values in groups.items()
        },
        weights=np.array(rows.weights, dtype=np.float32).reshape(n, size),
        opinions=np.array(rows.opinions, dtype=np.float32).reshape(n, len(ALL_GRADED), size),
        account=account,
        source=cases.path,
        absent=np.array(rows.absent, dtype=np.bool_),
    )


class _PictureFolder:
    """Finds the pictures where the CSV says (``dataset/images/``), in any other folder under the root, or in a zip."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.found = index_pictures(root)

    def find(self, written: str, cases: TextTable, row: int) -> ImageRef:
        asked = safepath.inside(self.root, written, file=cases.path, line=cases.lines[row])
        return ImageRef(asked) if asked.is_file() else self.found.get(asked.stem, ImageRef(asked))
