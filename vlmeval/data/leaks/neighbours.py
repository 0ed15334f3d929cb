"""Pictures of different units in different splits that a model finds almost the same: a hint to look, never a proof.

Comes in: Samples, their vectors, and the pairs that are known to be one picture. Goes out: a Finding and an
`AuditCheck`. What is alike to a model depends on the model: one that hardly tells pictures apart finds all of them
alike, and then says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.data.leaks.audit import EXAMPLES, Audited
from vlmeval.data.leaks.audit_pictures import placed
from vlmeval.data.leaks.same_pictures import SamePictures
from vlmeval.data.wording import counted
from vlmeval.progress import Progress, silent
from vlmeval.records import AuditCheck, Finding, Samples

CODE: Final = "embedding-neighbours"
TITLE: Final = "Pictures of different {}s in different splits that the model finds almost the same"
STAGE: Final = "compare vectors"
BLOCK: Final = 1024
COMMON: Final = 0.2
"""When more than this share of the pictures have a neighbour, neighbours are nothing special in the model's space."""

Rows = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float32]
Pairs = tuple[Floats, Rows, Rows]  # cosine, first, second


@dataclass(frozen=True)
class _Count:
    """Pairs that are close, pairs that were looked at, and the share of pictures that are in a close one."""

    pairs: int
    looked: int
    share: float


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
    _, content = np.unique(np.array(same.contents), return_inverse=True)
    _, owner = np.unique(samples.units, return_inverse=True)
    known = same.near.first * len(samples) + same.near.second
    involved = np.zeros(len(samples), dtype=np.bool_)
    found: list[Pairs] = []
    count = looked = 0
    for rows, others, cosine in _blocks(samples, np.asarray(unit, dtype=np.float32), progress):
        looked += cosine.size
        a, b = np.nonzero(cosine >= least)
        i, j = rows[a], others[b]
        first, second = np.minimum(i, j), np.maximum(i, j)
        new = (owner[i] != owner[j]) & (content[i] != content[j])
        new &= ~np.isin(first * len(samples) + second, known)
        involved[i[new]] = involved[j[new]] = True
        count += int(new.sum())
        found.append(_closest((cosine[a, b][new], first[new], second[new])))
    return _told(samples, found, _Count(count, looked, float(involved.mean()) if len(samples) else 0.0), least)


def _closest(pairs: Pairs) -> Pairs:
    """Return the pairs that may be named, closest first."""
    cosine, first, second = pairs
    order = np.lexsort((second, first, -cosine))[:EXAMPLES]
    return cosine[order], first[order], second[order]


def _blocks(samples: Samples, unit: Floats, progress: Progress) -> Iterator[tuple[Rows, Rows, Floats]]:
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


def _told(samples: Samples, found: list[Pairs], count: _Count, least: float) -> Audited:
    name = samples.benchmark.unit.name
    check = AuditCheck(
        id=CODE,
        title=TITLE.format(name),
        among=f"{count.looked:,} pairs across splits",
        threshold=f"cosine at least {least:g}; a hint to look, never a proof",
        found=count.pairs,
    )
    if not count.pairs:
        return Audited(checks=[check])
    if count.share > COMMON:
        said = (
            f"{count.share:.0%} of the pictures have one of another {name} in another split with a cosine of at least "
            f"{least:g}: this model hardly tells pictures apart, so that close vectors hint at nothing"
        )
        why = f"{count.share:.0%} of the pictures have such a neighbour: this model hardly tells pictures apart"
        told = Finding(code=CODE, severity="info", message=said, count=count.pairs)
        return Audited([told], [check.model_copy(update={"found": None, "not_looked": why})])
    message = (
        f"{counted(count.pairs, 'pair')} of pictures of different {name}s in different splits with a cosine of at "
        f"least {least:g} in this model's space: look whether they show the same {name}"
    )
    cosines, firsts, seconds = zip(*found, strict=True)
    closest = _closest((np.concatenate(cosines), np.concatenate(firsts), np.concatenate(seconds)))
    examples = tuple(
        f"{placed(samples, [int(i), int(j)], ' ~ ')}: cosine {cosine:.4f}"
        for cosine, i, j in zip(*closest, strict=True)
    )
    told = Finding(code=CODE, severity="warning", message=message, count=count.pairs, examples=examples)
    return Audited([told], [check])


def no_vectors(samples: Samples, why: str) -> Audited:
    """Say why vectors were not compared."""
    return Audited(checks=[AuditCheck(id=CODE, title=TITLE.format(samples.benchmark.unit.name), not_looked=why)])
