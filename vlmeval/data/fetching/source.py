"""What can be downloaded, from where and on which terms: read from `vlmeval/data/sources/<home>.yaml`.

Comes in: the name of a data home. Goes out: a `FetchSource`. The addresses, sizes, checksums and licence texts are
data, so that a change at a publisher is a change of a YAML file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from vlmeval.catalog.yamlfile import read_yaml, validate
from vlmeval.errors import UnknownNameError
from vlmeval.records import Licence, Record

SHIPPED = Path(__file__).resolve().parent.parent / "sources"


class Members(Record):
    """The pictures in an archive: ``count`` files whose names, without extension, lie from ``first`` to ``last``."""

    first: str
    last: str
    count: int = Field(gt=0)


class RemoteFile(Record):
    """One file of a data set at its publisher."""

    path: str = Field(description="Where it goes, inside the data folder; also its address below base_url.")
    part: str = Field(description="Which part of the data set it belongs to, so that parts can be left out.")
    size: int | None = Field(None, gt=0, description="Bytes, as published.")
    about: int | None = Field(None, gt=0, description="Bytes, not promised: for the dry run only.")
    md5: str | None = Field(None, pattern=r"^[0-9a-f]{32}$", description="As published.")
    unpack: str | None = Field(None, description="Folder that the zip archive is unpacked into.")
    holds: Members | None = Field(None, description="What is in the archive, to know it in another layout.")
    name: str | None = Field(None, description="Dataverse: the file's name there (without a table's ending).")
    id: int | None = Field(None, description="Dataverse: the file's number, used when its listing cannot be had.")
    original: bool = Field(False, description="Dataverse: ask for the uploaded table, not the converted one.")


class PictureList(Record):
    """Pictures that a table of the same data set names, one address a cell."""

    part: str
    table: str = Field(description="`path` of the table among the files.")
    columns: tuple[str, ...]
    count: int = Field(description="How many distinct pictures the publisher has.")
    about: int = Field(description="Bytes of all together, for the dry run.")
    about_note: str
    absent: dict[str, str] = Field({}, description="Named by the table but not published: address and note.")


class FetchSource(Record):
    """A data set that can be downloaded."""

    schema_: Literal[1] = Field(alias="schema")
    id: str
    title: str
    homepage: str
    citation: str
    licence: Licence
    base_url: str = Field(pattern=r"^https?://")
    dataverse: str | None = Field(None, description="Persistent id of the data set when base_url is a Dataverse.")
    default_parts: tuple[str, ...]
    files: tuple[RemoteFile, ...]
    pictures: PictureList | None = None
    manual: str = Field(description="How to get the data by hand.")

    @property
    def parts(self) -> tuple[str, ...]:
        """Every part's name, in order."""
        names = [file.part for file in self.files] + ([self.pictures.part] if self.pictures else [])
        return tuple(dict.fromkeys(names))


def load_source(home: str, folders: Sequence[Path] = ()) -> FetchSource:
    """Read the source of a data home.

    Parameters
    ----------
    home
        The data home's name, e.g. ``scin``.
    folders
        Folders with more sources (``<home>.yaml``), searched before the shipped ones.

    Raises
    ------
    UnknownNameError
        Nothing is known of where that data can be had.
    CatalogError
        The YAML file is wrong.
    """
    places = [*folders, SHIPPED]
    known = {path.stem: path for folder in reversed(places) for path in sorted(folder.glob("*.yaml"))}
    if home not in known:
        hint = "a benchmark of your own needs no download: put its pictures and table into the data folder"
        raise UnknownNameError("data set to fetch", home, known, hint=hint)
    return validate(FetchSource, read_yaml(known[home]))
