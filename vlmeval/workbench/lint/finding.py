"""What lint says: one `LintFinding` a place that is wrong, and the `LintReport` of all files."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vlmeval.records.base import Record

_LONGEST, _HEAD, _TAIL = 180, 120, 40
Severity = Literal["error", "warning"]


class LintFinding(Record):
    """One thing that is wrong in a prompt set, where, and how to mend it.

    ``found`` is the text as it stands in the file or as the model would read it; ``more`` counts further strings that
    are wrong at the same place for the same reason.
    """

    rule: str
    severity: Severity
    file: str
    line: int | None = None
    key: str | None = Field(None, description="The dotted key in the file, e.g. class_templates.eczema[1].")
    prompts: str | None = Field(None, description="Id of the prompt set, where the file says one.")
    benchmark: str | None = Field(None, description="The benchmark it was filled in for, where that matters.")
    class_id: str | None = None
    message: str
    found: str | None = None
    expected: str | None = None
    mend: str
    more: int = 0

    @property
    def place(self) -> str:
        """``file:line``, as editors and terminals open it."""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    @property
    def details(self) -> tuple[tuple[str, str], ...]:
        """What was found, what was expected and how to mend it, each with its label; as far as there is something."""
        also = f" (and {self.more} more from here)" if self.more else ""
        found = None if self.found is None else _short(self.found) + also
        pairs = (("found", found), ("expected", self.expected), ("to mend", self.mend))
        return tuple((label, text) for label, text in pairs if text)

    def __str__(self) -> str:
        head = f"{self.place}: {self.severity}: {self.message} [{self.rule}]"
        return "\n".join([head, *(f"  {label}: {indented(text)}" for label, text in self.details)])


def indented(text: str, by: int = 4) -> str:
    """Return a text whose further lines stand under its first."""
    return text.replace("\n", "\n" + " " * by)


def _short(text: str) -> str:
    """Leave out the middle of a text that would fill the screen; the JSON has all of it."""
    return text if len(text) <= _LONGEST else f"{text[:_HEAD]} [...] {text[-_TAIL:]}"


class Checked(Record):
    """One file that was looked at: its set, and the benchmarks that it was filled in for."""

    file: str
    prompts: str | None
    title: str | None
    benchmarks: tuple[str, ...]


class LintReport(Record):
    """Everything that lint found, file by file; the JSON of `vlmeval prompts lint --json`."""

    schema_: Literal[1] = Field(1, alias="schema")
    tokens: str = Field(description="Which tokenizer counted.")
    files: tuple[Checked, ...]
    errors: int
    warnings: int
    findings: tuple[LintFinding, ...]
