"""Read an adapter's options from a card into the adapter's own record, with errors that name the card and the key."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from vlmeval.errors import CatalogError
from vlmeval.records import Benchmark, Record

Options = TypeVar("Options", bound=Record)


def read_options(record: type[Options], benchmark: Benchmark) -> Options:
    """Return ``benchmark.data.options`` as ``record``. Raises CatalogError that names the wrong key."""
    try:
        return record.model_validate(benchmark.data.options)
    except ValidationError as problem:
        first = problem.errors()[0]
        key = ".".join(["data", "options", *(str(part) for part in first["loc"])])
        raise CatalogError(
            f"benchmark {benchmark.id!r} has a wrong option for the adapter {benchmark.data.adapter!r}",
            key=key,
            expected=first["msg"],
            found=repr(first["input"]),
            hint="known options: " + ", ".join(sorted(record.model_fields)),
        ) from problem
