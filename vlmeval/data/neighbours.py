"""Pictures of different units in different splits that a model finds almost the same: a hint to look, never a proof.

Comes in: Samples, their vectors, and the pairs that are known to be one picture. Goes out: a Finding and an
`AuditCheck`. What is alike to a model depends on the model: one that hardly tells pictures apart finds all of them
alike, and then says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.data.audit import Audited, finding
from vlmeval.data.audit_pictures import placed
from vlmeval.data.same_pictures import SamePictures
from vlmeval.data.wording import counted
from vlmeval.progress import Progress, silent
from vlmeval.records import AuditCheck, Finding, Samples

CODE: Final = "embedding-neighbours"
TITLE: Final = "Pictures of different {}s in different splits that the model finds almost the same"
STAGE: Final = "compare vectors"
BLOCK: Final = 1024
COMMON: Final = 0.001
"""Above this share of all pairs, neighbours are nothing special in the model's space."""

MOST: Final = 100_000  # pairs that are kept to name the closest
Rows = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float32]


def audit_neighbours(samples: Samples, vectors: Floats, same: SamePictures, progress: Progress = silent) -> Audited:
    """Look for embedding neighbours across splits.

    Parameters
    ----------
    samples
        All splits.
    vectors
        float32 [n, d] of the same rows, of any length.
    same
        Byte-identical and near-identical pictures: those are told of elsewhere.
    progress
        Told of stage ``compare vectors``.
    """
    least = same.rule.cosine
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    known = {(int(a), int(b)) for a, b in zip(same.near.first, same.near.second, strict=True)}
    pairs: list[tuple[float, int, int]] = []
    close = looked = 0
    for i, j, cosine in _close(samples, np.asarray(unit, dtype=np.float32), progress):
        looked += cosine.size
        a, b = np.nonzero(cosine >= least)
        apart = samples.units[i[a]] != samples.units[j[b]]
        close += int(apart.sum())
        for x, y in zip(a[apart].tolist(), b[apart].tolist(), strict=True):
            first, second = sorted((int(i[x]), int(j[y])))
            if len(pairs) < MOST and (first, second) not in known and same.contents[first] != same.contents[second]:
                pairs.append((float(cosine[x, y]), first, second))
    pairs.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
    return _told(samples, pairs, close, looked, least)


def _close(samples: Samples, unit: Floats, progress: Progress) -> Iterator[tuple[Rows, Rows, Floats]]:
    """Yield rows of one split, rows of another and their cosines, block by block."""
    rows = {split: np.flatnonzero(samples.split == split) for split in ("train", "val", "test")}
    total = sum(len(rows[a]) for a, b in combinations(rows, 2) if len(rows[b]))
    done = 0
    for a, b in combinations(rows, 2):
        if not len(rows[b]):
            continue
        others = unit[rows[b]].T
        for start in range(0, len(rows[a]), BLOCK):
            some = rows[a][start : start + BLOCK]
            progress(STAGE, done, total)
            yield some, rows[b], unit[some] @ others
            done += len(some)
    progress(STAGE, total, total)


def _told(samples: Samples, pairs: list[tuple[float, int, int]], close: int, looked: int, least: float) -> Audited:
    name = samples.benchmark.unit.name
    check = AuditCheck(
        id=CODE,
        title=TITLE.format(name),
        among=f"{looked:,} pairs across splits",
        threshold=f"cosine at least {least:g}; a hint to look, never a proof",
        found=len(pairs),
    )
    share = close / max(looked, 1)
    if share > COMMON:
        said = (
            f"{share:.1%} of all pairs of pictures have a cosine of at least {least:g} in this model's space: it "
            "hardly tells them apart, so that close vectors are no hint of repeated pictures"
        )
        why = f"{share:.1%} of all pairs are that close in this model's space, which therefore tells nothing"
        told = Finding(code=CODE, severity="info", message=said, count=close)
        return Audited([told], [check.model_copy(update={"found": None, "not_looked": why})])
    message = (
        f"{counted(len(pairs), 'pair')} of pictures of different {name}s in different splits with a cosine of at least "
        f"{least:g} in this model's space: look whether they show the same {name}"
    )
    examples = [f"{placed(samples, [i, j], ' ~ ')}: cosine {cosine:.4f}" for cosine, i, j in pairs]
    return Audited(finding(CODE, "warning", message, examples, as_given=True), [check])


def no_vectors(samples: Samples, why: str) -> Audited:
    """Say why vectors were not compared."""
    return Audited(checks=[AuditCheck(id=CODE, title=TITLE.format(samples.benchmark.unit.name), not_looked=why)])
