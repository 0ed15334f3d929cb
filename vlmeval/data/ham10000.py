"""The HAM10000 adapter: 10,015 dermatoscopic pictures of 7,470 lesions, and the ISIC 2018 Task 3 test set beside it.

Comes in: a card with ``adapter: ham10000`` and the folder with ``HAM10000_metadata`` (``.csv``, ``.tab`` or no ending,
with or without the eighth column ``dataset``) and the pictures, anywhere under it, unpacked or still in their zips.
Goes out: a RawTable, sample id = ``image_id``. The official test truth is read from isic2018.py's format.
Group columns: ``sex``, ``age``, ``localization``, ``dx_type``, ``dataset`` - text as in the file, "" when not recorded.
``dx_type`` leaks the diagnosis: it is there to report by, never to learn from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.data.csvfile import TextTable, read_table
from vlmeval.data.isic2018 import NOT_PUBLISHED, read_truth
from vlmeval.data.options import read_options
from vlmeval.data.picture_index import archive_names, index_pictures
from vlmeval.data.raw import DEVELOPMENT, RawTable
from vlmeval.errors import MissingDataError
from vlmeval.records import Benchmark, ImageRef, Record

METADATA: Final = tuple(
    f"{folder}HAM10000_metadata{ending}" for folder in ("", "HAM10000_metadata/") for ending in (".csv", ".tab", "")
)
REQUIRED: Final = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization")
GROUPS: Final = ("sex", "age", "localization", "dx_type", "dataset")
OFFICIAL_ROWS: Final = 10_015
SAFE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class HamOptions(Record):
    """``test: isic2018`` adds the official ISIC 2018 Task 3 test set as the test split."""

    test: str | None = None


def read(benchmark: Benchmark, root: Path) -> RawTable:
    """Read HAM10000 as the card asks.

    Raises
    ------
    MissingDataError
        When the metadata (or the official test truth, if asked for) is not there.
    DataError
        For an unknown diagnosis, a repeated picture, or an id that is no name.
    """
    options = read_options(HamOptions, benchmark)
    pictures = index_pictures(root) if root.is_dir() else {}
    table = read_table(_metadata(root), REQUIRED)
    raw = _rows(benchmark, table, root, pictures)
    if options.test is None:
        return raw
    truth = read_truth(root)
    return _join(raw, _rows(benchmark, truth, root, pictures, label="official test pictures"))


def _metadata(root: Path) -> Path:
    for name in METADATA:
        if (root / name).is_file():
            return root / name
    raise MissingDataError(
        "the HAM10000 metadata is missing",
        file=root,
        expected="HAM10000_metadata.csv or HAM10000_metadata.tab",
        found="no such file" if root.is_dir() else "no such folder",
        hint=_where_it_is(root) or "vlmeval data fetch ham10000, or give the folder with --data DIR",
    )


def _where_it_is(root: Path) -> str | None:
    """Say where the metadata is when it is one step away: in a folder inside, or in an archive as hosts pack them."""
    inner = sorted(path for path in root.glob("*/HAM10000_metadata*") if path.is_file())
    if inner:
        return f"it is in {inner[0].parent}: give that folder with --data"
    for archive in sorted(root.glob("*.zip")):
        if any(PurePosixPath(name).stem == "HAM10000_metadata" for name in archive_names(archive)):
            return f"it is in {archive}: unpack that archive here"
    return None


def _rows(
    benchmark: Benchmark, table: TextTable, root: Path, pictures: Mapping[str, ImageRef], label: str = ""
) -> RawTable:
    labels = _labels(benchmark, table)
    _check_names(table)
    ids = table["image_id"]
    images = tuple(pictures.get(name, ImageRef(root / "images" / f"{name}.jpg")) for name in ids)
    lesions = table["lesion_id"]
    return RawTable(
        ids=np.array(ids, dtype=np.str_),
        images=images,
        units=np.array(lesions, dtype=np.str_),
        labels=labels,
        columns={name: _text(table, name) for name in GROUPS},
        account=_test_account(ids, label) if label else _account(ids, lesions),
        source=table.path,
        absent=np.array([name == NOT_PUBLISHED for name in ids], dtype=np.bool_),
    )


def _test_account(ids: list[str], label: str) -> dict[str, int]:
    account = {label: len(ids)}
    if NOT_PUBLISHED in ids:
        account[f"{label} known not to be published"] = 1
    return account


def _account(ids: list[str], lesions: list[str]) -> dict[str, int]:
    sizes = np.unique(lesions, return_counts=True)[1]
    account = {
        "rows read": len(ids),
        "images": len(ids),
        "lesions": len(sizes),
        "lesions with more than one image": int((sizes > 1).sum()),
    }
    if len(ids) != OFFICIAL_ROWS:
        # Copies with rows appended or lost are about; the difference belongs where a reader looks.
        account["rows fewer than the official 10,015" if len(ids) < OFFICIAL_ROWS else "rows beyond the official"] = (
            abs(len(ids) - OFFICIAL_ROWS)
        )
    return account


def _labels(benchmark: Benchmark, table: TextTable) -> npt.NDArray[np.bool_]:
    position = {label: k for k, spec in enumerate(benchmark.classes) for label in spec.labels}
    labels = np.zeros((len(table), len(benchmark.classes)), dtype=np.bool_)
    for row, dx in enumerate(table["dx"]):
        if dx not in position:
            hint = "some copies have rows appended (such as 'healthy'): take the file of doi:10.7910/DVN/DBW86T"
            expected = "one of " + ", ".join(position)
            raise table.error("an unknown diagnosis", row, "dx", expected=expected, hint=hint)
        labels[row, position[dx]] = True
    return labels


def _check_names(table: TextTable) -> None:
    seen: dict[str, int] = {}
    for row, name in enumerate(table["image_id"]):
        if not SAFE_NAME.fullmatch(name):
            raise table.error("an image id is no plain name", row, "image_id", expected="a name such as ISIC_0027419")
        if name in seen:
            expected = f"each image once; it is also on line {table.lines[seen[name]]}"
            raise table.error("an image is there twice", row, "image_id", expected=expected)
        seen[name] = row
        if not table["lesion_id"][row]:
            raise table.error("an image has no lesion", row, "lesion_id", expected="an id such as HAM_0000118")


def _text(table: TextTable, column: str) -> npt.NDArray[np.str_]:
    values = table[column] if column in table else [""] * len(table)
    return np.array(values, dtype=np.str_)


def _join(development: RawTable, test: RawTable) -> RawTable:
    """Put the official test rows under the development rows; assemble refuses an image that is in both."""
    return RawTable(
        ids=np.concatenate([development.ids, test.ids]),
        images=development.images + test.images,
        units=np.concatenate([development.units, test.units]),
        labels=np.concatenate([development.labels, test.labels]),
        columns={
            name: np.concatenate([development.columns[name].astype(np.str_), test.columns[name].astype(np.str_)])
            for name in GROUPS
        },
        split=np.array([DEVELOPMENT] * len(development) + ["test"] * len(test), dtype=np.str_),
        account={**development.account, **test.account},
        source=development.source,
        absent=np.concatenate([_absent(development), _absent(test)]),
    )


def _absent(raw: RawTable) -> npt.NDArray[np.bool_]:
    return np.zeros(len(raw), dtype=np.bool_) if raw.absent is None else raw.absent
