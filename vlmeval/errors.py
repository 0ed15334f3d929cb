"""Every exception vlmeval raises on purpose, with the exit code the command line gives it.

    VlmevalError
    ├── UsageError               2  wrong usage or configuration
    │   ├── CatalogError            a YAML card or prompt set is wrong (file, line, key)
    │   └── UnknownNameError        no such benchmark, model, ...; says the nearest known names
    ├── DataError                3  data is wrong
    │   ├── MissingDataError        a file or folder that should be there is not
    │   └── LeakageError            units or pictures shared between splits under a clean protocol
    └── ModelUnavailableError    4  a model is not installed, gated, or out of reach

Anything else that escapes is a bug: exit code 1, with a traceback.

A message answers four questions: where (file, line, key), what was expected, what was found, and how to mend it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class VlmevalError(Exception):
    """Base of all expected errors.

    Parameters
    ----------
    message
        What is wrong, in one sentence.
    file, line, key
        Where it is wrong: a path, a 1-based line and a dotted key or column name.
    expected, found
        What should have been there, and what was.
    hint
        What to do next; may span several lines.
    """

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        key: str | None = None,
        expected: str | None = None,
        found: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = None if file is None else str(file)
        self.line = line
        self.key = key
        self.expected = expected
        self.found = found
        self.hint = hint

    @property
    def where(self) -> str | None:
        """``file:line (key)`` as far as it is known, or None."""
        place = self.file or ""
        if self.file and self.line is not None:
            place += f":{self.line}"
        if self.key:
            place = f"{place} ({self.key})" if place else self.key
        return place or None

    def __str__(self) -> str:
        lines = [self.message]
        for label, text in (("at", self.where), ("expected", self.expected), ("found", self.found)):
            if text:
                lines.append(f"  {label}: {text}")
        if self.hint:
            lines.append("  to mend: " + self.hint.replace("\n", "\n           "))
        return "\n".join(lines)

    def as_dict(self) -> dict[str, object]:
        """Return the error as plain data for ``--json`` output."""
        return {
            "error": type(self).__name__,
            "message": self.message,
            "file": self.file,
            "line": self.line,
            "key": self.key,
            "expected": self.expected,
            "found": self.found,
            "hint": self.hint,
            "exit_code": self.exit_code,
        }


class UsageError(VlmevalError):
    """Wrong usage or configuration."""

    exit_code = 2


class CatalogError(UsageError):
    """A benchmark card, prompt set or model card is not valid."""


class UnknownNameError(UsageError):
    """A name that is not in the catalog; the message lists the nearest known names."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, hint: str | None = None) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.4)
        suggestion = "did you mean " + " or ".join(near) + "?" if near else "known: " + (", ".join(names) or "none")
        super().__init__(f"unknown {kind} {name!r}; {suggestion}", hint=hint)
        self.near = near


class DataError(VlmevalError):
    """Data is there but wrong."""

    exit_code = 3


class MissingDataError(DataError):
    """A file or folder that should be there is not."""


class LeakageError(DataError):
    """The same unit or picture stands in two splits although the protocol says it must not."""


class ModelUnavailableError(VlmevalError):
    """A model cannot be loaded: not installed, gated, or not reachable."""

    exit_code = 4
