"""The audit of a run, in two steps, recorded once.

1. `before`, when rows are known and nothing is loaded: what the tables tell; leaks stop the run.
2. `after`, when vectors are there, and so every picture has been read: unreadable pictures go; repeated ones go where
   vlmeval deals units itself, and stop the run elsewhere; vectors are compared; what is left is counted; and in leaky
   protocols what has been seen in training gets a group of its own.

Comes in: Samples, content hashes, Embedded. Goes out: the Samples that are evaluated, and `Audited` for the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from vlmeval.data import table_lines
from vlmeval.data.leaks.audit import Audited, audit_counts, audit_tables, refuse_leaks
from vlmeval.data.leaks.audit_pictures import audit_pictures
from vlmeval.data.leaks.leak_group import with_leak_group
from vlmeval.data.leaks.neighbours import audit_neighbours, no_vectors
from vlmeval.data.leaks.repeats import without_repeats
from vlmeval.data.leaks.same_pictures import SamePictures, no_pictures, same_pictures
from vlmeval.embed import Cache, Embedded, EmbedOptions
from vlmeval.embed.fingerprints import fingerprints_of
from vlmeval.progress import Progress
from vlmeval.records import AuditCheck, Samples

Contents = Sequence[bytes | str]
GIVEN: Final = "the vectors were given, and the pictures are not here"
SCORED: Final = "predictions were scored, and no picture was opened"
ONE_SPLIT: Final = "the rows of a predictions file are in no split"


def before(samples: Samples, data: Path | None) -> Audited:
    """Return what the tables tell. Raises LeakageError, with the file and its lines where the rows have them."""
    audited = audit_tables(samples)
    if samples.benchmark.protocol.leaky is None and any(one.severity == "violation" for one in audited.findings):
        table, lines = table_lines(samples.benchmark, data)
        refuse_leaks(audit_tables(samples, lines).findings, samples.benchmark, table)
    return audited


def tables_only(samples: Samples, data: Path | None, *, splits: bool = True) -> Audited:
    """Return the audit of predictions that somebody else made: what tables tell, and that no picture was opened.

    ``splits`` is false for rows of a file that knows no splits: then nothing can be in two.
    Raises LeakageError as `before`.
    """
    whole = before(samples, data) if splits else audit_tables(samples)
    whole.add(audit_pictures(samples, no_pictures(samples, SCORED)))
    whole.add(no_vectors(samples, "predictions were scored, and there are no vectors"))
    whole.findings += audit_counts(samples)
    if splits:
        return whole
    findings = [one for one in whole.findings if one.code != "empty-split"]
    checks = [
        check.model_copy(update={"found": None, "not_looked": ONE_SPLIT}) if check.id.endswith("in-splits") else check
        for check in whole.checks
    ]
    return Audited(findings, checks)


def look_at_pictures(
    samples: Samples, contents: Contents, cache: Cache, options: EmbedOptions, progress: Progress
) -> SamePictures:
    """Return which rows show the same picture; ``contents`` [n] are content hashes, or why there is none."""
    keys = [key if isinstance(key, bytes) else None for key in contents]
    if not any(keys):
        return no_pictures(samples, GIVEN)
    prints = fingerprints_of(samples.images, keys, cache, options.workers, progress)
    hashes = {name: key.hex() for name, key in zip(samples.ids.tolist(), keys, strict=True) if key is not None}
    return same_pictures(samples, hashes, prints, progress)


def after(
    samples: Samples, same: SamePictures, embedded: Embedded, evaluated: str, progress: Progress
) -> tuple[Samples, SamePictures, Audited]:
    """Leave out what cannot stay, and look for leaks now that pictures and vectors are known.

    Parameters
    ----------
    samples
        As the tables have them.
    same
        Which of their rows show the same picture.
    embedded
        Vectors, and what could not be read.
    evaluated
        The split that is evaluated.
    progress
        Told of the comparison of vectors.

    Returns
    -------
    samples, same, audited
        What is evaluated and trained on, which of it shows the same picture, and what was found.

    Raises
    ------
    LeakageError
        Pictures of one split are in another, and the protocol neither says so nor leaves them out.
    """
    read = ~np.isin(samples.ids, list(embedded.unreadable))
    samples, same = samples.take(read), same.take(read)
    stays, left = without_repeats(samples, same, evaluated)
    found = audit_pictures(samples, same)
    samples, same = samples.take(stays), same.take(stays)
    audited = audit_pictures(samples, same)
    if left:
        audited = Audited(
            [*left, *audited.findings], [_as_found(*pair) for pair in zip(found.checks, audited.checks, strict=True)]
        )
    refuse_leaks(audited.findings, samples.benchmark)
    rows = {name: row for row, name in enumerate(embedded.images.ids.tolist())}
    vectors = embedded.images.vectors[[rows[name] for name in samples.ids.tolist()]]
    audited.add(audit_neighbours(samples, vectors, same, progress))
    audited.findings += audit_counts(samples)
    return with_leak_group(samples, same, evaluated), same, audited


def _as_found(found: AuditCheck, now: AuditCheck) -> AuditCheck:
    """Return what was found before anything was left out, and that it was."""
    return found.model_copy(update={"action": None if found.found == now.found else "left out, see the findings"})
