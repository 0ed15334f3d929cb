"""The register of contamination: which families of models have seen which data, by file, the later file first asked.

In: `contamination.yaml` of the shipped benchmarks and of each data root. Out: one `Contamination` for any family and
data home: what an entry says, or "unknown" with the reason why nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from vlmeval.catalog.yamlfile import YamlFile, read_yaml, validate
from vlmeval.errors import CatalogError
from vlmeval.records.contamination import UNKNOWN_FAMILY, Contamination, ContaminationRegister

FILE: Final = "contamination.yaml"
UNNAMED: Final = "it is not known which model this is, so nothing is known of what it was trained on"


class Register:
    """What is known of families of models and data homes; later files replace what earlier ones say of the same two."""

    def __init__(self, statements: Iterable[Contamination]) -> None:
        self._by_pair: Mapping[tuple[str, str], Contamination] = {(s.family, s.data): s for s in statements}

    @classmethod
    def read(cls, files: Iterable[Path]) -> Register:
        """Read register files, the shipped one first.

        Raises
        ------
        CatalogError
            A file is not what it should be, or says two things of the same family and data; with file, line and key.
        """
        return cls(statement for file in files for statement in _statements(file))

    def __iter__(self) -> Iterator[Contamination]:
        """Go through all statements, ordered by data home and family."""
        return iter(sorted(self._by_pair.values(), key=lambda s: (s.data, s.family)))

    @property
    def families(self) -> tuple[str, ...]:
        """All families that something is said of, sorted."""
        return tuple(sorted({family for family, _ in self._by_pair}))

    def of(self, family: str | None, data: str) -> Contamination:
        """Return what is known of ``data`` (a data home) in the training data of ``family``.

        Where no entry says anything the status is ``unknown``, and the note tells why.
        """
        known = self._by_pair.get((family or UNKNOWN_FAMILY, data))
        if known is not None:
            return known
        unnamed = family is None or family == UNKNOWN_FAMILY
        note = UNNAMED if unnamed else f"the register has no entry for the family {family!r} and the data {data!r}"
        return Contamination(family=family or UNKNOWN_FAMILY, data=data, status="unknown", note=note)


def _statements(path: Path) -> Iterator[Contamination]:
    file = read_yaml(path)
    first: dict[tuple[str, str], int] = {}
    for i, entry in enumerate(validate(ContaminationRegister, file).entries):
        for family in entry.family:
            for data in entry.data:
                if (family, data) in first:
                    raise _twice(file, i, first[family, data], f"{family} and {data}")
                first[family, data] = i
                yield entry.of(family, data)


def _twice(file: YamlFile, again: int, before: int, what: str) -> CatalogError:
    return CatalogError(
        "two entries speak of the same family and data",
        file=file.path,
        line=file.line_of(("entries", again)),
        key=f"entries[{again}]",
        found=what if again == before else f"{what}, as in line {file.line_of(('entries', before))}",
        hint="keep one of them; to replace a shipped entry, write it into contamination.yaml of your own --data-root",
    )
