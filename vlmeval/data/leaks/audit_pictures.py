"""The audit of pictures, once every one has been read: the same picture in two splits, twice, or with two labels.

Comes in: Samples and `SamePictures`. Goes out: Findings and one `AuditCheck` for each thing that was looked for, also
where nothing was found or nobody could look. What the tables alone tell is in `audit.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.data.leaks.audit import Audited, Severity, finding, joined, leak
from vlmeval.data.leaks.fingerprint import ORIENTATION_NAMES
from vlmeval.data.leaks.near_identical import FLAT, Pairs
from vlmeval.data.leaks.same_pictures import SamePictures
from vlmeval.data.wording import counted
from vlmeval.records import AuditCheck, Finding, NearIdentical, Samples

IDENTICAL: Final = "Byte-identical pictures in more than one split"
NEAR: Final = "Near-identical pictures of different {}s in more than one split"
NEAR_UNITS: Final = "Near-identical pictures of different {}s in one split"
LABELS: Final = "Different labels for the same or a near-identical picture"
NOT_COMPARED: Final = "pictures-not-compared"


def audit_pictures(samples: Samples, same: SamePictures) -> Audited:
    """Return what pictures that are there more than once tell.

    Returns
    -------
    Audited
        Findings ``content-in-splits``, ``content-labels-differ``, ``repeated-content``, ``near-identical-in-splits``,
        ``near-identical-units``, ``near-identical-labels-differ``; or ``pictures-not-compared`` with the reason.
    """
    unit = samples.benchmark.unit.name
    titles = {
        "content-in-splits": IDENTICAL,
        "near-identical-in-splits": NEAR.format(unit),
        "near-identical-units": NEAR_UNITS.format(unit),
        "near-identical-labels-differ": LABELS,
    }
    if same.why_not is not None:
        told = Finding(
            code=NOT_COMPARED,
            severity="info",
            message=f"identical and near-identical pictures were not looked for: {same.why_not}",
        )
        checks = [AuditCheck(id=code, title=title, not_looked=same.why_not) for code, title in titles.items()]
        return Audited([told], checks)
    findings = [*_identical(samples, same), *_near(samples, same.near, same.rule)]
    count = {one.code: one.count for one in findings}
    labels = count.get("content-labels-differ", 0) + count.get("near-identical-labels-differ", 0)
    read = counted(int(same.read.sum()), "picture")
    compared = read + _left_out(same)
    rule = threshold(same.rule)
    checks = [
        AuditCheck(
            id=code,
            title=title,
            among=read if code == "content-in-splits" else compared,
            threshold=None if code == "content-in-splits" else rule,
            found=labels if code == "near-identical-labels-differ" else count.get(code, 0),
        )
        for code, title in titles.items()
    ]
    return Audited(findings, checks)


def threshold(rule: NearIdentical) -> str:
    """Say when two pictures count as near-identical."""
    return (
        f"at most {rule.hash_distance} of 64 bits of the perceptual hashes differ, upright, mirrored or turned, "
        f"and grey gradients correlate by at least {rule.correlation:g}"
    )


def _left_out(same: SamePictures) -> str:
    unread = len(same.read) - int(same.read.sum())
    notes = [f"{counted(unread, 'picture')} could not be read"] if unread else []
    if same.near.flat:
        notes.append(f"{same.near.flat} too even to be told apart (contrast under {FLAT:g} of 255)")
    return f" ({'; '.join(notes)})" if notes else ""


def _identical(samples: Samples, same: SamePictures) -> list[Finding]:
    repeated = same.repeated()
    labels, split = samples.labels, samples.split
    in_splits = [rows for rows in repeated if len(set(split[rows].tolist())) > 1]
    differ = [rows for rows in repeated if (labels[rows] != labels[rows[0]]).any()]
    what = "byte-identical picture"
    return [
        *finding(
            "content-in-splits",
            leak(samples),
            f"{counted(len(in_splits), what)} in more than one split",
            [placed(samples, rows, " = ") for rows in in_splits],
        ),
        *finding(
            "content-labels-differ",
            "warning",
            f"{counted(len(differ), what)} with different labels in different rows",
            joined(samples, differ, " ~ "),
        ),
        *finding(
            "repeated-content",
            "info",
            f"{counted(len(repeated), 'picture')} there more than once, byte for byte",
            joined(samples, repeated, " = "),
        ),
    ]


def _near(samples: Samples, near: Pairs, rule: NearIdentical) -> list[Finding]:
    near = near.take(np.lexsort((near.second, near.first, -near.correlation)))
    apart = samples.split[near.first] != samples.split[near.second]
    differ = (samples.labels[near.first] != samples.labels[near.second]).any(axis=1)
    unit = samples.benchmark.unit.name
    what = f"near-identical pictures of different {unit}s"
    limits = f"(at most {rule.hash_distance} of 64 bits, correlation at least {rule.correlation:g})"
    told: Sequence[tuple[str, Severity, npt.NDArray[np.bool_], str]] = (
        ("near-identical-in-splits", leak(samples), apart, f"{what} in different splits {limits}"),
        ("near-identical-units", "warning", ~apart, f"{what} in one split: counted as two {unit}s {limits}"),
        ("near-identical-labels-differ", "warning", differ, f"{what} with different labels {limits}"),
    )
    return [
        one
        for code, severity, which, text in told
        for one in finding(
            code,
            severity,
            f"{counted(int(which.sum()), 'pair')} of {text}",
            described(samples, near.take(which)),
            as_given=True,
        )
    ]


def described(samples: Samples, pairs: Pairs) -> list[str]:
    """Return each pair in words: ids, units and splits, and how alike they are."""
    return [
        f"{placed(samples, [i, j], ' ≈ ')}: {d} of 64 bits, correlation {c:.3f}"
        + (f", {ORIENTATION_NAMES[k]}" if k else "")
        for i, j, d, c, k in zip(
            pairs.first.tolist(),
            pairs.second.tolist(),
            pairs.distance.tolist(),
            pairs.correlation.tolist(),
            pairs.orientation.tolist(),
            strict=True,
        )
    ]


def placed(samples: Samples, rows: Sequence[int] | npt.NDArray[np.intp], sign: str) -> str:
    """Return rows by id with the unit and the split they stand in."""
    return sign.join(f"{samples.ids[row]} ({samples.units[row]}, {samples.split[row]})" for row in rows)
