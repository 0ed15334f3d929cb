"""Look for what would make numbers wrong: leaks between splits, labels that contradict each other, tiny classes.

Comes in: Samples. Goes out: Findings, worst first, and for a run an `AuditCheck` for each thing that was looked for.
What the tables tell is looked for before anything is read (`audit_tables`), what pictures tell afterwards
(`audit_pictures.py`, `neighbours.py`), what is left to count last (`audit_counts`). A ``violation`` stops a run
(`refuse_leaks`) unless the card's protocol says itself that it leaks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from vlmeval.data.wording import counted
from vlmeval.errors import LeakageError
from vlmeval.records import AuditCheck, Benchmark, Finding, Samples

SMALL: Final = 10
"""Below so many positive (or negative) units in the test split a class's figures are suppressed."""

EXAMPLES: Final = 5
SHOWN_ROWS: Final = 4  # of one unit or picture, in an example
_ORDER: Final = {"violation": 0, "warning": 1, "info": 2}


@dataclass
class Audited:
    """What was found, and what was looked for."""

    findings: list[Finding] = field(default_factory=list)
    checks: list[AuditCheck] = field(default_factory=list)

    def add(self, other: Audited) -> None:
        """Take over what another part of the audit says."""
        self.findings += other.findings
        self.checks += other.checks


def audit(samples: Samples) -> list[Finding]:
    """Return what the tables tell is wrong or worth knowing about the samples, worst first.

    Returns
    -------
    list[Finding]
        Those of `audit_tables` and `audit_counts`.
    """
    findings = [*audit_tables(samples).findings, *audit_counts(samples)]
    return sorted(findings, key=lambda finding: _ORDER[finding.severity])


def audit_tables(samples: Samples, lines: Mapping[str, int] | None = None) -> Audited:
    """Return what the tables tell of leaks and contradictions; no picture is opened.

    Parameters
    ----------
    samples
        All splits.
    lines
        Sample id -> line of the table, to be named beside the rows that leak.

    Returns
    -------
    Audited
        Findings ``unit-in-splits``, ``test-shares-unit``, ``picture-in-splits``, ``unit-labels-differ``,
        ``picture-labels-differ``, ``unit-groups-differ``.
    """
    pictures = [str(image) for image in samples.images]
    unit = samples.benchmark.unit.name
    findings = [
        *_units_in_splits(samples, lines or {}),
        *_pictures_in_splits(samples, pictures, lines or {}),
        *_label_conflicts(samples, samples.units.tolist(), "unit-labels-differ", unit),
        *_label_conflicts(samples, pictures, "picture-labels-differ", "picture file"),
        *_group_conflicts(samples),
    ]
    count = {one.code: one.count for one in findings}
    units, files = counted(len(set(samples.units.tolist())), unit), counted(len(set(pictures)), "picture file")
    told = (
        ("unit-in-splits", f"{unit.capitalize()}s with pictures in more than one split", units),
        ("picture-in-splits", "Picture files named in more than one split", files),
        ("unit-labels-differ", f"{unit.capitalize()}s with different labels in different rows", units),
        ("picture-labels-differ", "Picture files with different labels in different rows", files),
    )
    checks = [AuditCheck(id=code, title=title, among=n, found=count.get(code, 0)) for code, title, n in told]
    return Audited(findings, checks)


def audit_counts(samples: Samples) -> list[Finding]:
    """Return classes and splits that have too little in them: findings ``small-class`` and ``empty-split``."""
    return [*_small_classes(samples), *_empty_splits(samples)]


def refuse_leaks(findings: Iterable[Finding], benchmark: Benchmark, table: Path | None = None) -> None:
    """Raise LeakageError for the first violation, unless the card's protocol declares itself leaky.

    ``table`` is the file that the rows were read from, where there is one to name.
    """
    if benchmark.protocol.leaky is not None:
        return
    for one in findings:
        if one.severity == "violation":
            more = f", and {one.count - len(one.examples)} more" if one.count > len(one.examples) else ""
            raise LeakageError(
                one.message,
                file=table,
                key=one.code,
                expected="no unit and no picture in two splits",
                found="; ".join(one.examples) + more,
                hint=_mend(one.code),
            )


def _mend(code: str) -> str:
    leaky = "or state in the card why the protocol leaks (protocol.leaky): the run is then badged"
    if code in ("unit-in-splits", "picture-in-splits"):
        return f"put each unit into one split, or let vlmeval split by unit (protocol.by: unit), {leaky}"
    return (
        "put units that share a picture into one split, or let the card leave them out of training "
        f"(near_identical.leave_out: true), {leaky}"
    )


Severity = Literal["info", "warning", "violation"]


def finding(
    code: str,
    severity: Severity,
    message: str,
    examples: Iterable[str],
    *,
    as_given: bool = False,
) -> list[Finding]:
    """Return one finding that counts its examples and shows the first, sorted or in the order given; none for none."""
    shown = list(examples) if as_given else sorted(examples)
    if not shown:
        return []
    return [Finding(code=code, severity=severity, message=message, count=len(shown), examples=tuple(shown[:EXAMPLES]))]


def leak(samples: Samples) -> Severity:
    """Return how bad a leak is: a protocol that says itself that it leaks is only warned about."""
    return "violation" if samples.benchmark.protocol.leaky is None else "warning"


def _rows_by(keys: Sequence[str]) -> dict[str, list[int]]:
    """Return the rows of each key."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        rows[key].append(row)
    return rows


def _spread(samples: Samples, keys: Sequence[str]) -> dict[str, list[int]]:
    """Return the keys whose rows are in more than one split."""
    split = samples.split.tolist()
    return {key: rows for key, rows in _rows_by(keys).items() if len({split[row] for row in rows}) > 1}


def joined(samples: Samples, groups: Iterable[Iterable[int]], sign: str) -> list[str]:
    """Return the ids of each group of rows as one text."""
    return [sign.join(str(samples.ids[row]) for row in rows) for rows in groups]


def _stands(samples: Samples, rows: Sequence[int], lines: Mapping[str, int]) -> str:
    """Say in which split rows stand, the first of each split first: ``a.jpg in train, b.jpg in test``."""
    first = list({str(samples.split[row]): row for row in reversed(rows)}.values())
    shown = sorted(dict.fromkeys([*first, *rows][:SHOWN_ROWS]))
    words = [f"{samples.ids[row]}{_line(str(samples.ids[row]), lines)} in {samples.split[row]}" for row in shown]
    return ", ".join(words) + (f", {len(rows) - len(shown)} more" if len(rows) > len(shown) else "")


def _line(sample: str, lines: Mapping[str, int]) -> str:
    return f" (line {lines[sample]})" if sample in lines else ""


def _units_in_splits(samples: Samples, lines: Mapping[str, int]) -> list[Finding]:
    spread = _spread(samples, samples.units.tolist())
    name = samples.benchmark.unit.name
    test = samples.split == "test"
    elsewhere = set(samples.units[~test].tolist())
    sharing = [unit for unit in samples.units[test].tolist() if unit in elsewhere]
    total = max(int(test.sum()), 1)
    message = f"{counted(len(spread), name)} with pictures in more than one split"
    shared = f"{len(sharing)} of {counted(total, 'test image')} ({len(sharing) / total:.1%})"
    share = f"{shared} from a {name} that is in train or validation too"
    shown = tuple(sorted(set(sharing))[:EXAMPLES])
    sizes = [Finding(code="test-shares-unit", severity="warning", message=share, count=len(sharing), examples=shown)]
    examples = [f"{name} {unit}: {_stands(samples, rows, lines)}" for unit, rows in spread.items()]
    return [*finding("unit-in-splits", leak(samples), message, examples), *(sizes if sharing else [])]


def _pictures_in_splits(samples: Samples, pictures: Sequence[str], lines: Mapping[str, int]) -> list[Finding]:
    spread = _spread(samples, pictures)
    message = f"{counted(len(spread), 'picture file')} in more than one split"
    examples = [f"{Path(picture).name}: {_stands(samples, rows, lines)}" for picture, rows in spread.items()]
    return finding("picture-in-splits", leak(samples), message, examples)


def _label_conflicts(samples: Samples, keys: Sequence[str], code: str, what: str) -> list[Finding]:
    labels = samples.labels
    differ = [rows for rows in _rows_by(keys).values() if (labels[rows] != labels[rows[0]]).any()]
    message = f"{counted(len(differ), what)} with different labels in different rows"
    return finding(code, "warning", message, joined(samples, differ, " ~ "))


def _group_conflicts(samples: Samples) -> list[Finding]:
    findings: list[Finding] = []
    several = {unit: rows for unit, rows in _rows_by(samples.units.tolist()).items() if len(rows) > 1}
    for name, codes in samples.groups.items():
        differ = [unit for unit, rows in several.items() if (codes[rows] != codes[rows[0]]).any()]
        message = f"{counted(len(differ), samples.benchmark.unit.name)} with pictures in different levels of {name!r}"
        findings += finding("unit-groups-differ", "info", message, differ)
    return findings


def _small_classes(samples: Samples) -> list[Finding]:
    test = samples.in_split("test")
    positive = {
        name: len(set(test.units[test.labels[:, k]].tolist())) for k, name in enumerate(test.benchmark.class_ids)
    }
    small = [f"{name}: {count}" for name, count in positive.items() if count < SMALL]
    unit = test.benchmark.unit.name
    message = f"{counted(len(small), 'class')} with fewer than {SMALL} positive {unit}s in test: no figures are given"
    return finding("small-class", "warning", message, small) if len(test) else []


def _empty_splits(samples: Samples) -> list[Finding]:
    empty = [name for name in ("train", "val", "test") if not (samples.split == name).any()]
    return finding("empty-split", "info", "no samples in " + " and ".join(empty), empty)
