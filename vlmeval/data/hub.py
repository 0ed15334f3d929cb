"""The hub adapter: any image data set on the Hugging Face Hub, or downloaded from it, by a card alone.

Comes in: a card with ``adapter: hub`` and the data folder. Goes out: a RawTable. The data set is copied into the folder
on first use (see hub_import.py); after that nothing but the folder is read. A card says for instance

    unit: {name: lesion, column: lesion_id}
    data:
      adapter: hub
      home: skin-cancer
      options:
        repo: someone/skin-cancer
        revision: 0123abcd...          # pin it: a data set may change
        label: dx                      # text, or class numbers (their names count)
        id: image_id
        repeats: keep                  # refuse (default), keep, drop: what to do when an id comes again
    protocol: {by: column, column: hub_split}    # the hub's own splits

Without network, put the downloaded data set into ``<data folder>/dataset``.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Literal

from pydantic import Field

from vlmeval.data.columns import ColumnOptions, check_unique, needed_columns, rows_to_raw
from vlmeval.data.csvfile import TextTable, read_table
from vlmeval.data.hub_import import PICTURE, ROW, SPLIT, HubSource, import_rows
from vlmeval.data.options import read_options
from vlmeval.data.raw import RawTable
from vlmeval.data.safepath import inside
from vlmeval.errors import DataError
from vlmeval.progress import Progress, silent
from vlmeval.records import Benchmark, ImageRef


class HubOptions(ColumnOptions):
    """Options of a card with ``adapter: hub``.

    The columns ``hub_split`` and ``hub_row`` say where a row came from and may be named like any other.
    """

    repo: str = Field(pattern=r"^[\w.-]+(/[\w.-]+)?$")
    revision: str | None = None
    config: str | None = None
    splits: tuple[str, ...] = Field((), description="Which of the hub's splits to read; all when empty.")
    local: str = Field("dataset", description="Where downloaded files are looked for, inside the data folder.")
    repeats: Literal["refuse", "keep", "drop"] = "refuse"
    blank: tuple[str, ...] = Field((), description="Columns the data set lacks: read as not recorded.")

    @property
    def source(self) -> HubSource:
        """Which data set this is."""
        return HubSource(
            repo=self.repo,
            revision=self.revision,
            config=self.config,
            splits=self.splits,
            image=self.image,
            local=self.local,
        )


def prepare(benchmark: Benchmark, root: Path, progress: Progress = silent) -> Path:
    """Copy the data set into the data folder if that is yet to be done; return the table of its rows.

    Raises
    ------
    MissingDataError
        It is neither in the folder nor to be had from the hub; the message says how to get it.
    DataError
        The data set is not as the card says.
    """
    return import_rows(read_options(HubOptions, benchmark).source, root, progress)


def read(benchmark: Benchmark, root: Path) -> RawTable:
    """Read the data set's rows as the card asks; see `prepare` for what happens on first use.

    Raises
    ------
    MissingDataError
        See `prepare`.
    DataError
        A column is missing, an id comes again, or a cell is not as the card says.
    """
    options = read_options(HubOptions, benchmark)
    table = read_table(prepare(benchmark, root))
    columns = options.model_copy(update={"image": PICTURE})
    table = _with_blanks(table, options, needed_columns(benchmark, columns))
    ids, rows, account = _ids(table, options)
    table = _take(table, rows)
    images = tuple(ImageRef(inside(root / "images", name, file=table.path)) for name in table[PICTURE])
    raw = rows_to_raw(benchmark, table, images, columns, ids)
    return raw if not account else _with_account(raw, account)


def _with_blanks(table: TextTable, options: HubOptions, needed: tuple[str, ...]) -> TextTable:
    blanks = {name: [""] * len(table) for name in options.blank if name not in table}
    columns = {**table.columns, **blanks}
    for name in needed:
        if name not in columns:
            near = difflib.get_close_matches(name, columns, n=2, cutoff=0.5)
            raise DataError(
                f"the data set {options.repo!r} lacks a column",
                file=table.path,
                line=1,
                key=name,
                expected=f"column {name!r}",
                found=("close to it: " if near else "columns: ") + ", ".join(near or columns),
                hint="correct the card; a column the data set does not have may be listed in data.options.blank",
            )
    return TextTable(table.path, columns, table.lines)


def _ids(table: TextTable, options: HubOptions) -> tuple[list[str], list[int], dict[str, int]]:
    """Return unique ids, the rows they belong to, and what was counted about repeats."""
    places = [f"{split}-{row}" for split, row in zip(table[SPLIT], table[ROW], strict=True)]
    if options.id is None:
        return places, list(range(len(table))), {}
    names = table[options.id]
    if options.repeats == "refuse":
        check_unique(table, names, options.id)
        return names, list(range(len(table))), {}
    seen: set[str] = set()
    ids: list[str] = []
    rows: list[int] = []
    for row, name in enumerate(names):
        if name in seen and options.repeats == "drop":
            continue
        ids.append(f"{name}@{places[row]}" if name in seen else name)
        rows.append(row)
        seen.add(name)
    repeats = len(names) - len(seen)
    note = (
        "rows that repeat an image id (kept)" if options.repeats == "keep" else "rows that repeat an image id, left out"
    )
    return ids, rows, {note: repeats}


def _take(table: TextTable, rows: list[int]) -> TextTable:
    columns = {name: [cells[row] for row in rows] for name, cells in table.columns.items()}
    return TextTable(table.path, columns, [table.lines[row] for row in rows])


def _with_account(raw: RawTable, extra: dict[str, int]) -> RawTable:
    """Put what was counted before the rows were taken in front; "rows read" counts them all."""
    from dataclasses import replace

    account = dict(raw.account)
    left_out = sum(count for name, count in extra.items() if name.endswith("left out"))
    return replace(raw, account={"rows read": account.pop("rows read") + left_out, **extra, **account})
