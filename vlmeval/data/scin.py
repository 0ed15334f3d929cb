"""The SCIN adapter: Google's 5,033 cases of self-taken skin photographs, read from the four official CSVs.

Comes in: a card with ``adapter: scin`` and the folder with ``scin_cases.csv`` and ``scin_labels.csv`` (in it or in its
``dataset/``). Goes out: a RawTable, one row a photograph, sample id ``<case_id>/<k>`` with k = 1, 2, 3.
Tables: scin_tables.py. Labels: scin_labels.py. Skin tone and other groups: scin_groups.py. Raters: scin_raters.py.
The pictures need not be there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import numpy as np
from pydantic import Field

from vlmeval.data import safepath
from vlmeval.data.csvfile import TextTable
from vlmeval.data.options import read_options
from vlmeval.data.picture_index import index_pictures
from vlmeval.data.raw import RawTable
from vlmeval.data.scin_groups import group_columns
from vlmeval.data.scin_labels import CaseLabels, ClassIndex, TieRule, case_labels
from vlmeval.data.scin_raters import raters
from vlmeval.data.scin_tables import GRADED, POSITIONS, read_tables
from vlmeval.errors import DataError
from vlmeval.records import Benchmark, ImageRef, Record

__all__ = ["ScinOptions", "raters", "read"]

GRADED_YES: Final = "DEFAULT_YES_IMAGE_QUALITY_SUFFICIENT"
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


class ScinOptions(Record):
    """How a card wants SCIN read.

    ``label``: ``mentions`` - a condition is positive when any dermatologist named it with ``min_confidence`` or more;
    ``top-weight`` - the condition with the highest rank weight; ``ties`` says what happens when several share it:
    ``drop`` the case, take the ``first-class`` of the card, or ``all`` (multi-label only).
    ``quality``: ``graded-1-yes`` - the first dermatologist found the quality sufficient; ``has-label`` - any label.
    ``known_missing``: picture paths that the public release does not hold.
    """

    label: Literal["mentions", "top-weight"] = "mentions"
    quality: Literal["graded-1-yes", "has-label"] = "graded-1-yes"
    min_confidence: int = Field(0, ge=0, le=5)
    ties: TieRule = "drop"
    known_missing: tuple[str, ...] = ()


@dataclass
class _Rows:
    """What grows while the cases are walked, one entry a photograph (all but the account)."""

    ids: list[str] = field(default_factory=list)
    images: list[ImageRef] = field(default_factory=list)
    case_rows: list[int] = field(default_factory=list)
    labels: list[list[bool]] = field(default_factory=list)
    weights: list[list[float]] = field(default_factory=list)
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
        if not _good_enough(options, labels[GRADED][label_row[row]], said):
            rows.account[_dropped_words(options)] += 1
            continue
        _count_mentions(rows.account, said, index, options)
        positive = _positive(rows.account, said, index, options)
        if positive is None or (benchmark.task == "single-label" and not positive):
            continue
        _add_photographs(rows, (cases, row, case), pictures, positive, options)
        new = len(rows.ids) - len(rows.weights)
        rows.labels += [[k in positive for k in range(index.size)]] * new
        rows.weights += [index.soft(said)] * new
    groups = group_columns(cases, labels, label_row)
    return _finish(rows, cases, groups, index.size)


def _good_enough(options: ScinOptions, graded: str, said: CaseLabels) -> bool:
    return graded == GRADED_YES if options.quality == "graded-1-yes" else bool(said.names)


def _dropped_words(options: ScinOptions) -> str:
    return "cases dropped for quality" if options.quality == "graded-1-yes" else "cases dropped without a label"


def _count_mentions(account: Counter[str], said: CaseLabels, index: ClassIndex, options: ScinOptions) -> None:
    account["cases kept"] += 1
    account["cases kept that have no label"] += not said.names
    account["mentions read"] += len(said.names)
    account["mentions outside the class list"] += sum(name not in index.position for name in said.names)
    if options.min_confidence > 1:
        account["mentions below the minimum confidence"] += sum(c < options.min_confidence for c in said.confidences)


def _positive(account: Counter[str], said: CaseLabels, index: ClassIndex, options: ScinOptions) -> set[int] | None:
    """Return the positive classes of a case; None when the tie rule drops it."""
    if options.label == "mentions":
        return index.mentioned(said, options.min_confidence)
    top = index.top(said)
    if len(top) > 1:
        account["cases with a tie for the top weight"] += 1
        if options.ties == "drop":
            account["cases dropped for a tie"] += 1
            return None
        if options.ties == "first-class":
            top = top[:1]
    inside = {key for key in top if isinstance(key, int)}
    account["cases whose top condition is outside the class list"] += not inside
    return inside


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
