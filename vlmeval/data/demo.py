"""The adapter of the demonstration: draws its own data set on first use, then reads it like any other.

Comes in: a card whose options say how many cases of each morphology to draw, and the folder to draw into. Goes out: a
`RawTable`. What it leaves in the folder: ``images/*.png``, ``cases.csv`` and, written last, ``drawing.json``, whose
digest says which drawing this is. Another digest is drawn anew; a missing picture is drawn again.

Everything here is synthetic. How the pictures come about is in `vlmeval.data.demo_drawing`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
import numpy.typing as npt
from pydantic import Field

from vlmeval.atomic import write_text
from vlmeval.data.csvfile import TextTable, read_table
from vlmeval.data.demo_drawing import MORPHOLOGIES, SIZE, VERSION, DrawnCase, draw, make_case
from vlmeval.data.demo_drawing.cases import NOT_GRADABLE
from vlmeval.data.demo_drawing.chance import Chance
from vlmeval.data.options import read_options
from vlmeval.data.raw import Column, RawTable
from vlmeval.errors import CatalogError, DataError
from vlmeval.progress import Progress, silent
from vlmeval.records import Benchmark, ImageRef, Record, digest_of

SERIES: Final = "demo"
"""The bench's series of cases; the training of the demonstration's model draws from others."""

MARKER: Final = "drawing.json"
TABLE: Final = "cases.csv"
IMAGES: Final = "images"
RATER: Final = "fst_dermatologist_"
NOTE: Final = "Synthetic: drawn by vlmeval, not photographed. No real person, lesion or diagnosis is in it."


class DemoOptions(Record):
    """Options of the card: how many cases of each morphology, and whether to plant one repeated picture."""

    cases: dict[str, int] = Field(min_length=1)
    repeat_one_photo: bool = True


def read(benchmark: Benchmark, root: Path) -> RawTable:
    """Read the demonstration's rows from ``root``, after drawing there what is not drawn yet.

    Raises
    ------
    CatalogError
        When the card's options ask for something that cannot be drawn.
    DataError
        When the folder holds something else or cannot be written.
    """
    prepare(benchmark, root)
    table = read_table(root / TABLE, ("case_id", "morphology", "photos"))
    rows = [(case, photo) for case in range(len(table)) for photo in range(int(table["photos"][case]))]
    cases = np.array([case for case, _ in rows], dtype=np.intp)
    names = [_picture(table["case_id"][case], photo) for case, photo in rows]
    morphologies = np.array(table["morphology"])[cases]
    return RawTable(
        ids=np.array([name.removesuffix(".png") for name in names]),
        images=tuple(ImageRef(root / IMAGES / name) for name in names),
        units=np.array(table["case_id"])[cases],
        labels=np.stack([np.isin(morphologies, spec.labels) for spec in benchmark.classes], axis=1),
        columns=_group_columns(table, cases),
        account={"cases drawn": len(table), "images": len(rows)},
        source=root / TABLE,
    )


def prepare(benchmark: Benchmark, root: Path, progress: Progress = silent) -> None:
    """Make ``root`` hold the drawing that the card asks for; does nothing when it is all there.

    Raises
    ------
    CatalogError, DataError
        As `read` does.
    """
    cases = planned_cases(benchmark)
    digest = drawing_digest(benchmark, cases)
    drawn = _drawn_digest(root) == digest
    wanted = {_picture(case.case_id, photo): (case, photo) for case in cases for photo in range(case.photos)}
    there = {path.name for path in (root / IMAGES).glob("*.png")} if drawn else set()
    if drawn and there.issuperset(wanted):
        return
    _refuse_foreign(root)
    try:
        (root / MARKER).unlink(missing_ok=True)
        _write_pictures(root, {name: wanted[name] for name in wanted if name not in there}, cases, benchmark, progress)
        write_text(root / TABLE, _table_text(cases))
        write_text(root / MARKER, json.dumps({"digest": digest, "note": NOTE}, indent=1) + "\n")
    except OSError as problem:
        raise DataError(
            "the demonstration's pictures cannot be drawn into this folder",
            file=root,
            expected=f"a folder that can be written, with about {len(wanted) * 40 // 1000 + 1} MB free",
            found=str(problem),
            hint="give another folder with --data, or set VLMEVAL_DATA_HOME",
        ) from problem


def planned_cases(benchmark: Benchmark) -> list[DrawnCase]:
    """Return the cases the card asks for, in the order of their numbers; morphologies come in a random order."""
    counts = read_options(DemoOptions, benchmark).cases
    wrong = sorted(set(counts) - set(MORPHOLOGIES)) + sorted(name for name, count in counts.items() if count < 0)
    if wrong:
        raise CatalogError(
            f"benchmark {benchmark.id!r} asks for cases that cannot be drawn",
            key=f"data.options.cases.{wrong[0]}",
            expected="a count of at least 0 of " + ", ".join(MORPHOLOGIES),
            found=f"{wrong[0]}: {counts[wrong[0]]}",
        )
    listed = [name for name in MORPHOLOGIES for _ in range(counts.get(name, 0))]
    order = Chance("derm-demo", VERSION, SERIES, "order").shuffled(listed)
    return [make_case(SERIES, number, morphology) for number, morphology in enumerate(order)]


def drawing_digest(benchmark: Benchmark, cases: list[DrawnCase]) -> str:
    """Return the SHA-256 that tells one drawing from another: its version, size, table and planted repeat."""
    repeat = read_options(DemoOptions, benchmark).repeat_one_photo
    return digest_of({"version": VERSION, "size": SIZE, "table": _table_text(cases), "repeat": repeat})


def _write_pictures(
    root: Path,
    wanted: dict[str, tuple[DrawnCase, int]],
    cases: list[DrawnCase],
    benchmark: Benchmark,
    progress: Progress,
) -> None:
    folder = root / IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    repeated = _repeated(cases) if read_options(DemoOptions, benchmark).repeat_one_photo else None
    for done, (name, (case, photo)) in enumerate(wanted.items()):
        progress("draw", done, len(wanted))
        _write_png(folder / name, draw(case, photo - 1 if (case, photo) == repeated else photo))
    progress("draw", len(wanted), len(wanted))
    keep = {_picture(case.case_id, photo) for case in cases for photo in range(case.photos)}
    for stray in folder.glob(f"{SERIES}-*.png"):
        if stray.name not in keep:
            stray.unlink()


def _write_png(path: Path, rgb: npt.NDArray[np.uint8]) -> None:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    told = PngInfo()
    told.add_text("Comment", NOTE)
    # Not atomic.write_bytes: syncing a thousand files takes longer than drawing them, and the marker comes last.
    part = path.with_suffix(".part")
    with part.open("wb") as stream:
        Image.fromarray(rgb).save(stream, "PNG", compress_level=3, pnginfo=told)
    part.replace(path)


def _repeated(cases: list[DrawnCase]) -> tuple[DrawnCase, int] | None:
    """Return the last photo of the first case with three: it is drawn as a copy of the one before, for the audit."""
    return next(((case, 2) for case in cases if case.photos == 3), None)


def _drawn_digest(root: Path) -> str | None:
    """Return the digest in the folder's marker; None when there is none that can be read."""
    try:
        marker = json.loads((root / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return marker.get("digest") if isinstance(marker, dict) else None


def _refuse_foreign(root: Path) -> None:
    """Raise DataError when the folder holds anything that the demonstration did not put there."""
    if root.exists() and not root.is_dir():
        raise DataError("the demonstration's data folder is a file", file=root, expected="a folder, or nothing yet")
    known = {IMAGES, TABLE, MARKER}
    strange = sorted(p.name for p in root.glob("*") if p.name not in known and not p.name.endswith((".tmp", ".part")))
    strange += sorted(p.name for p in (root / IMAGES).glob("*") if not p.name.startswith((f"{SERIES}-", ".")))
    if strange:
        raise DataError(
            "the demonstration will not draw into a folder with other files in it",
            file=root,
            expected="an empty folder, or one it drew before",
            found=", ".join(strange[:3]),
            hint="give an empty folder with --data",
        )


def _table_text(cases: Iterable[DrawnCase]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    for number, case in enumerate(cases):
        if number == 0:
            writer.writerow(["case_id", "morphology", "photos", *case.answers])
        writer.writerow([case.case_id, case.morphology, case.photos, *case.answers.values()])
    return stream.getvalue()


def _group_columns(table: TextTable, cases: npt.NDArray[np.intp]) -> dict[str, Column]:
    raters = [name for name in table.columns if name.startswith(RATER)]
    columns: dict[str, list[str]] = {
        name: cells for name, cells in table.columns.items() if name not in {"case_id", "morphology", "photos", *raters}
    }
    columns["fst_dermatologist"] = [_median(answers) for answers in zip(*(table[name] for name in raters), strict=True)]
    columns["fst_self_figure"] = [_figure(answer) for answer in table["fst_self"]]
    columns |= {name: [_figure(answer) for answer in table[name]] for name in raters}
    return {name: np.array(cells)[cases] for name, cells in columns.items()}


def _figure(answer: str) -> str:
    """Return the figure of "FST1" to "FST6", "" where there is none."""
    return answer[-1] if answer.startswith("FST") else ""


def _median(answers: tuple[str, ...]) -> str:
    """Return the median type of the raters who could tell ("2.5"), else "not-gradable"."""
    types = [int(answer[-1]) for answer in answers if answer.startswith("FST")]
    return f"{median(types):g}" if types else NOT_GRADABLE


def _picture(case_id: str, photo: int) -> str:
    return f"{case_id}_{photo + 1}.png"
