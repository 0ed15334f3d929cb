"""The official truth of the ISIC 2018 Challenge, Task 3 (lesion diagnosis), test set: 1,512 rows, 1,511 pictures.

Comes in: the data folder. Goes out: a `TextTable` with the columns of HAM10000's metadata, so that one code reads both.
Two forms are about: the challenge's one-hot columns (``image,MEL,NV,BCC,AKIEC,BKL,DF,VASC`` as 0.0/1.0), and Harvard
Dataverse's, which has the metadata columns. What a form does not say is "" (not recorded); a picture of unknown lesion
is a lesion of its own. One picture of the truth, `NOT_PUBLISHED`, is in no archive.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from vlmeval.data.csvfile import TextTable, read_table
from vlmeval.errors import DataError, MissingDataError

NAME: Final = "ISIC2018_Task3_Test_GroundTruth"
PLACES: Final = tuple(f"{folder}{NAME}{ending}" for folder in ("", f"{NAME}/") for ending in (".csv", ".tab", ""))
ONE_HOT: Final = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
NOT_PUBLISHED: Final = "ISIC_0035068"
"""The challenge's own scorer (isic-challenge-scoring, load_csv.py) gives this row the weight 0."""
DESCRIPTIVE: Final = ("dx_type", "age", "sex", "localization", "dataset")


def read_truth(root: Path) -> TextTable:
    """Return the test truth with columns lesion_id, image_id, dx, dx_type, age, sex, localization, dataset.

    Raises
    ------
    MissingDataError
        When there is no truth file.
    DataError
        When it has neither of the two forms, or a row does not have exactly one diagnosis.
    """
    for place in PLACES:
        if (root / place).is_file():
            table = read_table(root / place)
            break
    else:
        raise MissingDataError(
            "the official ISIC 2018 Task 3 test truth is missing",
            file=root,
            expected=f"{NAME}.csv, and the pictures of ISIC2018_Task3_Test_Input under the same folder",
            found="no such file",
            hint="vlmeval data fetch ham10000 --part isic2018; or https://challenge.isic-archive.com/data/#2018",
        )
    if "dx" in table and "image_id" in table:
        return _from_metadata_form(table)
    return _from_one_hot(table)


def _from_metadata_form(table: TextTable) -> TextTable:
    images = table["image_id"]
    lesions = table["lesion_id"] if "lesion_id" in table else [""] * len(table)
    columns = {
        "image_id": images,
        "lesion_id": [lesion or image for lesion, image in zip(lesions, images, strict=True)],
        "dx": [dx.lower() for dx in table["dx"]],
    }
    columns |= {name: table[name] if name in table else [""] * len(table) for name in DESCRIPTIVE}
    return TextTable(table.path, columns, table.lines)


def _from_one_hot(table: TextTable) -> TextTable:
    for name in ("image", *ONE_HOT):
        if name not in table:
            raise DataError(
                "the test truth has neither of its two known forms",
                file=table.path,
                line=1,
                key=name,
                expected="image," + ",".join(ONE_HOT),
                found=", ".join(table.columns),
            )
    diagnoses = [_diagnosis(table, row) for row in range(len(table))]
    columns = {"image_id": table["image"], "lesion_id": list(table["image"]), "dx": diagnoses}
    columns |= {name: [""] * len(table) for name in DESCRIPTIVE}
    return TextTable(table.path, columns, table.lines)


def _diagnosis(table: TextTable, row: int) -> str:
    marked: list[str] = []
    for name in ONE_HOT:
        cell = table[name][row].strip()
        if cell not in ("0", "1", "0.0", "1.0"):
            raise table.error("a truth cell is not 0 or 1", row, name, expected="0.0 or 1.0")
        if cell.startswith("1"):
            marked.append(name)
    if len(marked) != 1:
        raise table.error("a picture does not have exactly one diagnosis", row, "image", expected="one column with 1.0")
    return marked[0].lower()
