"""The table adapter: your own pictures and a CSV, TSV or parquet file - or class-named folders - by a card alone.

Comes in: a card with ``adapter: table`` and the data folder. Goes out: a RawTable. For a ``photos.csv`` such as

    file,diagnosis,patient,sex
    a/1.jpg,melanoma,p1,f

a `benchmark.yaml` needs

    unit: {name: patient, column: patient}
    data:
      adapter: table
      home: my-clinic
      options: {table: photos.csv, image: file, label: diagnosis}
    classes:
      - {id: mel, name: melanoma, labels: [melanoma]}
    groups:
      - id: sex
        name: Sex
        kind: demographic
        column: sex
        levels: [{id: female, name: Female, values: [f]}, {id: male, name: Male, values: [m]}]

Several classes an image: ``separator: ";"`` or ``one_hot: {mel: is_mel, nv: is_nv}``. A split of your own:
``protocol: {by: column, column: split}``. No table at all: ``options: {layout: folders}`` reads ``<class>/<picture>``
(``<split>/<class>/<picture>`` when the protocol is by column). Without units say ``unit: {name: image, column: id}``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from vlmeval.data.columns import IMAGE_IS_UNIT, ColumnOptions, check_unique, needed_columns, rows_to_raw
from vlmeval.data.csvfile import TextTable, read_table
from vlmeval.data.folders import read_folders
from vlmeval.data.options import read_options
from vlmeval.data.parquetfile import read_parquet
from vlmeval.data.raw import RawTable
from vlmeval.data.safepath import inside
from vlmeval.errors import CatalogError, MissingDataError
from vlmeval.records import Benchmark, ImageRef


class TableOptions(ColumnOptions):
    """Options of a card with ``adapter: table``; paths are relative to the data folder."""

    layout: Literal["table", "folders"] = "table"
    table: str | None = Field(None, description="The CSV, TSV or parquet file.")
    images: str = Field(".", description="Folder that the picture paths are relative to.")
    extension: str = Field("", description="Appended to picture names, e.g. '.jpg' when the table leaves it out.")
    unit_pattern: str | None = Field(None, description="layout folders: regular expression for the unit in file names.")


def read(benchmark: Benchmark, root: Path) -> RawTable:
    """Read the table or the folders as the card asks; the pictures of a table need not exist.

    Raises
    ------
    MissingDataError
        The data folder, the table, or every picture of ``layout: folders`` is missing.
    DataError
        A cell is wrong: file, line, column, what was expected and what was found.
    CatalogError
        The card's options do not fit together.
    """
    options = read_options(TableOptions, benchmark)
    if not root.is_dir():
        raise MissingDataError(
            f"the data folder of {benchmark.id!r} is missing",
            file=root,
            expected="a folder with the table and the pictures",
            hint="give it with --data DIR, or set VLMEVAL_DATA_HOME to the folder above it",
        )
    return (
        _read_folders(benchmark, root, options)
        if options.layout == "folders"
        else _read_table(benchmark, root, options)
    )


def lines(benchmark: Benchmark, root: Path) -> tuple[Path | None, dict[str, int]]:
    """Return the table and the line of each sample id, for messages; nothing for folders and parquet files."""
    options = read_options(TableOptions, benchmark)
    if options.table is None or options.layout == "folders" or options.table.lower().endswith((".parquet", ".pq")):
        return None, {}
    table = _open(inside(root, options.table), needed_columns(benchmark, options))
    return table.path, dict(zip(table[options.id or options.image], table.lines, strict=True))


def _read_table(benchmark: Benchmark, root: Path, options: TableOptions) -> RawTable:
    if options.table is None:
        message = f"benchmark {benchmark.id!r} does not name its table"
        raise CatalogError(message, key="data.options.table", expected="e.g. photos.csv, inside the data folder")
    table = _open(inside(root, options.table), needed_columns(benchmark, options))
    folder = root if options.images == "." else inside(root, options.images)
    images = tuple(
        ImageRef(inside(folder, cell + options.extension if cell else cell, file=table.path, line=line))
        for cell, line in zip(table[options.image], table.lines, strict=True)
    )
    id_column = options.id or options.image
    ids = table[id_column]
    check_unique(table, ids, id_column)
    return rows_to_raw(benchmark, table, images, options, ids)


def _open(path: Path, columns: tuple[str, ...]) -> TextTable:
    if path.suffix.lower() in (".parquet", ".pq"):
        return read_parquet(path, columns)
    hint = "name your own columns in the card: data.options (image, id, label), unit.column, groups, protocol.column"
    return read_table(path, columns, hint=hint)


def _read_folders(benchmark: Benchmark, root: Path, options: TableOptions) -> RawTable:
    folder = root if options.images == "." else inside(root, options.images)
    by_column = benchmark.protocol.by == "column"
    table = read_folders(folder, with_split=by_column, unit_pattern=options.unit_pattern)
    columns = dict(table.columns)
    if options.unit_pattern is not None:
        columns[benchmark.unit.column] = table["unit"]
    elif benchmark.unit.column != IMAGE_IS_UNIT:
        raise CatalogError(
            f"benchmark {benchmark.id!r} reads folders, which do not tell which pictures belong together",
            key="unit.column",
            expected=f"{IMAGE_IS_UNIT!r} (every image is a unit), or data.options.unit_pattern",
            found=repr(benchmark.unit.column),
        )
    if by_column and benchmark.protocol.column is not None:
        columns[benchmark.protocol.column] = table["split"]
    table = TextTable(table.path, columns, table.lines)
    fixed = options.model_copy(update={"image": "image", "label": "label", "id": None, "one_hot": {}})
    for group in benchmark.available_groups:
        if group.column is None or group.column not in table:
            raise CatalogError(
                f"the group {group.id!r} reads a column, and folders have none",
                key="groups",
                expected="a table beside the pictures, or 'unavailable' with the reason",
                found=repr(group.column),
            )
    images = tuple(ImageRef(folder / name) for name in table["image"])
    return rows_to_raw(benchmark, table, images, fixed, table["image"])
