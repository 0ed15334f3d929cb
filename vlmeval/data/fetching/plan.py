"""What a download would do, before it does it: files, sizes, checksums, licence. Needs no network.

Comes in: a data home's name and a folder. Goes out: a `FetchPlan`; the dry run prints it, `run.fetch`
carries it out.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlmeval.data.fetching.source import FetchSource, PictureList, RemoteFile, load_source
from vlmeval.data.picture_index import unpacked_names
from vlmeval.data.safepath import inside
from vlmeval.errors import DataError, UnknownNameError, UsageError
from vlmeval.resources import data_home


@dataclass(frozen=True)
class FetchItem:
    """One file to download.

    ``path`` is where it goes below the destination; ``size`` in bytes and ``md5`` are as published, None when the
    publisher does not state them; ``url`` is None while a Dataverse has yet to be asked for it. ``elsewhere`` says that
    its pictures are in the data folder already, in another layout.
    """

    path: str
    url: str | None
    size: int | None = None
    about: int | None = None
    md5: str | None = None
    unpack: str | None = None
    remote: RemoteFile | None = None
    elsewhere: bool = False

    def target(self, destination: Path) -> Path:
        """Return the file's place, which is inside ``destination`` (DataError otherwise)."""
        return inside(destination, self.path)

    def unpacked(self, destination: Path) -> Path | None:
        """Return the folder its archive is unpacked into, or None when it is no archive."""
        return None if self.unpack is None else inside(destination, self.unpack)

    def here(self, destination: Path) -> bool:
        """Whether it is there. Downloads get their name when they are complete, so a name is enough for a plan."""
        unpacked = self.unpack is not None and (destination / self.unpack).is_dir()
        return self.elsewhere or unpacked or (destination / self.path).is_file()


@dataclass(frozen=True)
class FetchPlan:
    """What will be downloaded where, on which terms.

    Attributes
    ----------
    source
        What is known of the data set: licence, citation, homepage.
    destination
        The data folder.
    base_url
        Where the files come from.
    parts
        The parts that were asked for.
    items
        Files known now.
    pictures_later
        Pictures whose addresses are in a table that has yet to be downloaded, or None.
    skipped
        Files left out on purpose: path and reason.
    """

    source: FetchSource
    destination: Path
    base_url: str
    parts: tuple[str, ...]
    items: tuple[FetchItem, ...]
    pictures_later: PictureList | None
    skipped: dict[str, str]

    @property
    def missing(self) -> tuple[FetchItem, ...]:
        """The items that are not there yet."""
        return tuple(item for item in self.items if not item.here(self.destination))

    @property
    def bytes_to_fetch(self) -> int:
        """Bytes still to download as far as they are known or estimated."""
        known = sum(item.size or item.about or 0 for item in self.missing)
        return known + (self.pictures_later.about if self.pictures_later else 0)

    @property
    def bytes_are_estimated(self) -> bool:
        """Whether any of the sizes is not the published one."""
        return self.pictures_later is not None or any(item.size is None for item in self.missing)

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain data, licence first."""
        later = self.pictures_later
        return {
            "home": self.source.id,
            "title": self.source.title,
            "licence": self.source.licence.model_dump(mode="json", exclude={"gallery"}),
            "citation": self.source.citation,
            "homepage": self.source.homepage,
            "from": self.base_url,
            "destination": str(self.destination),
            "parts": list(self.parts),
            "all_parts": list(self.source.parts),
            "files": len(self.items) + (later.count if later else 0),
            "files_to_fetch": len(self.missing) + (later.count if later else 0),
            "bytes_to_fetch": self.bytes_to_fetch,
            "bytes_are_estimated": self.bytes_are_estimated,
            "note": later.about_note if later else None,
            "items": [
                {"path": i.path, "bytes": i.size or i.about, "md5": i.md5, "here": i.here(self.destination)}
                for i in self.items
                if i.remote is not None
            ],
            "skipped": dict(self.skipped),
        }


def plan_fetch(
    home: str,
    destination: Path | None = None,
    *,
    parts: Sequence[str] | None = None,
    base_url: str | None = None,
    sources: Sequence[Path] = (),
) -> FetchPlan:
    """Say what a download would do; asks no network and writes nothing.

    Parameters
    ----------
    home
        The data home, e.g. ``scin`` or ``ham10000``.
    destination
        The data folder; None for the home's folder in the user's data home.
    parts
        Which parts to download (e.g. ``["isic2018"]``); None for the usual ones.
    base_url
        Another place with the same files (a mirror inside a hospital).
    sources
        Folders with more source descriptions.

    Raises
    ------
    UnknownNameError
        No such data home or part.
    """
    source = load_source(home, sources)
    wanted = tuple(parts) if parts else source.default_parts
    for part in wanted:
        if part not in source.parts:
            raise UnknownNameError(f"part of {home}", part, source.parts)
    place = (base_url or source.base_url).rstrip("/")
    if not place.startswith(("http://", "https://")):
        raise UsageError("the place to download from is not a web address", expected="http(s)://...", found=place)
    folder = (destination or data_home() / source.id).absolute()
    pictures = source.pictures if source.pictures and source.pictures.part in wanted else None
    files = [f for f in source.files if f.part in wanted or (pictures is not None and f.path == pictures.table)]
    names = unpacked_names(folder)
    items = [_item(source, file, place, names) for file in files]
    skipped = dict(pictures.absent) if pictures else {}
    if pictures is not None and _table(pictures, folder).is_file():
        items += picture_items(pictures, folder, place)
        pictures = None
    return FetchPlan(source, folder, place, wanted, tuple(items), pictures, skipped)


def picture_items(pictures: PictureList, destination: Path, base_url: str) -> list[FetchItem]:
    """Return one item for each distinct picture that the downloaded table names, without the known absent ones."""
    table = _table(pictures, destination)
    found: dict[str, None] = {}
    with table.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        for column in pictures.columns:
            if column not in (reader.fieldnames or ()):
                raise DataError(
                    "the table does not name the pictures",
                    file=table,
                    line=1,
                    key=column,
                    expected="columns " + ", ".join(pictures.columns),
                    found=", ".join(reader.fieldnames or ()) or "no header",
                    hint=f"delete {table} and fetch again",
                )
        for row in reader:
            for column in pictures.columns:
                address = (row[column] or "").strip()
                if address and address not in pictures.absent:
                    inside(destination, address, file=table, line=reader.line_num)
                    found[address] = None
    names = unpacked_names(destination)
    about = pictures.about // pictures.count
    return [
        FetchItem(address, f"{base_url}/{address}", about=about, elsewhere=_is_elsewhere(address, destination, names))
        for address in found
    ]


def _table(pictures: PictureList, destination: Path) -> Path:
    """Return the place of the table that names the pictures: where it belongs, or at the top of the folder."""
    table = inside(destination, pictures.table)
    top = destination / table.name
    return top if top.is_file() and not table.is_file() else table


def _is_elsewhere(address: str, destination: Path, names: Collection[str]) -> bool:
    return Path(address).stem in names and not (destination / address).is_file()


def _item(source: FetchSource, file: RemoteFile, base_url: str, names: Collection[str]) -> FetchItem:
    url = None if source.dataverse else f"{base_url}/{file.path}"
    held = file.holds
    elsewhere = held is not None and sum(held.first <= name <= held.last for name in names) >= held.count
    return FetchItem(file.path, url, file.size, file.about, file.md5, file.unpack, file, elsewhere)
