"""What `vlmeval.data.check` found: `CheckReport` and `Duplicate`, plain records with ``as_dict()``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Duplicate:
    """Files with the same bytes. ``across_units``: they belong to different cases or lesions, which can leak."""

    sha256: str
    pictures: tuple[str, ...]
    ids: tuple[str, ...]
    units: tuple[str, ...]

    @property
    def across_units(self) -> bool:
        """Whether more than one unit has this picture."""
        return len(self.units) > 1

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "sha256": self.sha256,
            "pictures": list(self.pictures),
            "ids": list(self.ids),
            "units": list(self.units),
            "across_units": self.across_units,
        }


@dataclass(frozen=True)
class CheckReport:
    """What was found; pictures are named by their path below the data folder.

    Attributes
    ----------
    benchmark, root
        What was looked at.
    samples
        Rows of the benchmark.
    pictures
        Distinct pictures they name.
    readable
        How many of these are there and can be decoded.
    bytes
        Size of all that are there.
    missing
        Pictures that are not there.
    known_absent
        Pictures that are not there because the publisher does not have them.
    corrupt
        Picture -> why it cannot be decoded.
    duplicates
        Different files with the same bytes.
    shared
        Pictures that rows of several units name.
    unexpected
        Pictures (and remains of downloads) beside the others that no row names.
    known_issues
        What the card says of the data.
    hashes
        Sample id -> SHA-256 of its picture's bytes, where it could be read.
    """

    benchmark: str
    root: Path
    samples: int
    pictures: int
    readable: int
    bytes: int
    missing: tuple[str, ...]
    known_absent: tuple[str, ...]
    corrupt: Mapping[str, str]
    duplicates: tuple[Duplicate, ...]
    shared: tuple[str, ...]
    unexpected: tuple[str, ...]
    known_issues: tuple[str, ...]
    hashes: Mapping[str, str] = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether every picture that the publisher has can be used."""
        return not self.missing and not self.corrupt

    @property
    def unusable_fraction(self) -> float:
        """Missing and damaged pictures as a share of those that should be there."""
        return (len(self.missing) + len(self.corrupt)) / max(1, self.pictures - len(self.known_absent))

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data, without the hashes."""
        return {
            "benchmark": self.benchmark,
            "root": str(self.root),
            "ok": self.ok,
            "samples": self.samples,
            "pictures": self.pictures,
            "readable": self.readable,
            "bytes": self.bytes,
            "missing": list(self.missing),
            "known_absent": list(self.known_absent),
            "corrupt": dict(self.corrupt),
            "duplicates": [duplicate.as_dict() for duplicate in self.duplicates],
            "shared": list(self.shared),
            "unexpected": list(self.unexpected),
            "known_issues": list(self.known_issues),
        }
