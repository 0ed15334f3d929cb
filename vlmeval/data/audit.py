"""Look for what would make numbers wrong: leaks between splits, labels that contradict each other, tiny classes.

Comes in: Samples, and the pictures' content hashes when they are known. Goes out: a list of Findings, worst first. A
``violation`` stops a run (`refuse_leaks`) unless the card's protocol says itself that it leaks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from vlmeval.data.wording import counted
from vlmeval.errors import LeakageError
from vlmeval.records import Benchmark, Finding, Samples

SMALL: Final = 10
"""Below so many positive (or negative) units in the test split a class's figures are suppressed."""

EXAMPLES: Final = 5
_ORDER: Final = {"violation": 0, "warning": 1, "info": 2}


def audit(samples: Samples, hashes: Mapping[str, str] | None = None) -> list[Finding]:
    """Return what is wrong or worth knowing about the samples.

    Parameters
    ----------
    samples
        All splits of a benchmark.
    hashes
        Sample id -> content hash of the picture's bytes, as far as known. Without it, pictures are compared by where
        they lie only.

    Returns
    -------
    list[Finding]
        Violations first, then warnings, then infos. Codes: ``unit-in-splits``, ``picture-in-splits``,
        ``content-in-splits``, ``test-shares-unit``, ``unit-labels-differ``, ``picture-labels-differ``,
        ``content-labels-differ``, ``unit-groups-differ``, ``repeated-content``, ``small-class``, ``empty-split``.
    """
    pictures = [str(image) for image in samples.images]
    unit = samples.benchmark.unit.name
    findings = [
        *_units_in_splits(samples),
        *_same_in_splits(samples, pictures, "picture-in-splits", "picture file"),
        *_label_conflicts(samples, samples.units.tolist(), "unit-labels-differ", unit),
        *_label_conflicts(samples, pictures, "picture-labels-differ", "picture file"),
        *_group_conflicts(samples),
        *_small_classes(samples),
        *_empty_splits(samples),
    ]
    if hashes is not None:
        # A picture without a hash is a content of its own.
        contents = [hashes.get(name, f"unknown:{name}") for name in samples.ids.tolist()]
        findings += _same_in_splits(samples, contents, "content-in-splits", "byte-identical picture")
        findings += _label_conflicts(samples, contents, "content-labels-differ", "byte-identical picture")
        findings += _repeated(samples, contents)
    return sorted(findings, key=lambda finding: _ORDER[finding.severity])


def refuse_leaks(findings: Iterable[Finding], benchmark: Benchmark) -> None:
    """Raise LeakageError for the first violation, unless the card's protocol declares itself leaky."""
    if benchmark.protocol.leaky is not None:
        return
    for finding in findings:
        if finding.severity == "violation":
            raise LeakageError(
                finding.message,
                key=finding.code,
                expected="no unit and no picture in two splits",
                found=", ".join(finding.examples),
                hint="split by unit (protocol.by: unit), or state in the card why the protocol leaks (protocol.leaky)",
            )


Severity = Literal["info", "warning", "violation"]


def _finding(code: str, severity: Severity, message: str, examples: Iterable[str], count: int) -> list[Finding]:
    """Return one finding, or none when nothing was counted."""
    if count == 0:
        return []
    shown = tuple(sorted(examples)[:EXAMPLES])
    return [Finding(code=code, severity=severity, message=message, count=count, examples=shown)]


def _leak(samples: Samples) -> Severity:
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


def _join(samples: Samples, groups: Iterable[list[int]], sign: str) -> list[str]:
    return [sign.join(str(samples.ids[row]) for row in rows) for rows in groups]


def _units_in_splits(samples: Samples) -> list[Finding]:
    spread = _spread(samples, samples.units.tolist())
    name = samples.benchmark.unit.name
    test = samples.split == "test"
    elsewhere = set(samples.units[~test].tolist())
    sharing = [unit for unit in samples.units[test].tolist() if unit in elsewhere]
    total = max(int(test.sum()), 1)
    message = f"{counted(len(spread), name)} with pictures in more than one split"
    shared = f"{len(sharing)} of {counted(total, 'test image')} ({len(sharing) / total:.1%})"
    share = f"{shared} from a {name} that is in train or validation too"
    return [
        *_finding("unit-in-splits", _leak(samples), message, spread, len(spread)),
        *_finding("test-shares-unit", "warning", share, set(sharing), len(sharing)),
    ]


def _same_in_splits(samples: Samples, keys: Sequence[str], code: str, what: str) -> list[Finding]:
    spread = _spread(samples, keys)
    message = f"{counted(len(spread), what)} in more than one split"
    return _finding(code, _leak(samples), message, _join(samples, spread.values(), " = "), len(spread))


def _label_conflicts(samples: Samples, keys: Sequence[str], code: str, what: str) -> list[Finding]:
    labels = samples.labels
    differ = [rows for rows in _rows_by(keys).values() if (labels[rows] != labels[rows[0]]).any()]
    message = f"{counted(len(differ), what)} with different labels in different rows"
    return _finding(code, "warning", message, _join(samples, differ, " ~ "), len(differ))


def _group_conflicts(samples: Samples) -> list[Finding]:
    findings: list[Finding] = []
    several = {unit: rows for unit, rows in _rows_by(samples.units.tolist()).items() if len(rows) > 1}
    for name, codes in samples.groups.items():
        differ = [unit for unit, rows in several.items() if (codes[rows] != codes[rows[0]]).any()]
        message = f"{counted(len(differ), samples.benchmark.unit.name)} with pictures in different levels of {name!r}"
        findings += _finding("unit-groups-differ", "info", message, differ, len(differ))
    return findings


def _small_classes(samples: Samples) -> list[Finding]:
    test = samples.in_split("test")
    positive = {
        name: len(set(test.units[test.labels[:, k]].tolist())) for k, name in enumerate(test.benchmark.class_ids)
    }
    small = [f"{name}: {count}" for name, count in positive.items() if count < SMALL]
    unit = test.benchmark.unit.name
    message = f"{counted(len(small), 'class')} with fewer than {SMALL} positive {unit}s in test: no figures are given"
    return _finding("small-class", "warning", message, small, len(small) if len(test) else 0)


def _empty_splits(samples: Samples) -> list[Finding]:
    empty = [name for name in ("train", "val", "test") if not (samples.split == name).any()]
    return _finding("empty-split", "info", "no samples in " + " and ".join(empty), empty, len(empty))


def _repeated(samples: Samples, contents: Sequence[str]) -> list[Finding]:
    repeated = [rows for rows in _rows_by(contents).values() if len(rows) > 1]
    message = f"{counted(len(repeated), 'picture')} there more than once, byte for byte"
    return _finding("repeated-content", "info", message, _join(samples, repeated, " = "), len(repeated))
