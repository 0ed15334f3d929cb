"""The vectors of a model on a benchmark, written to a file that ``embeddings:FILE`` reads.

In: a model handle, samples, a file name. Out: npz or parquet with ids, image paths, vectors and how they were made, and
an `Exported` account. The vectors come through `embed`, so what a run has computed is not computed again.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vlmeval.embed.cache import Cache
from vlmeval.embed.options import Embedded, EmbedOptions
from vlmeval.embed.pipeline import embed
from vlmeval.embed.precomputed import image_names
from vlmeval.encoders.given.formats import read_meta
from vlmeval.encoders.given.plain import check_target, write_vectors
from vlmeval.encoders.handle import VectorsHandle
from vlmeval.encoders.protocol import ModelHandle
from vlmeval.environment import own_version
from vlmeval.errors import MissingDataError
from vlmeval.progress import Progress, silent
from vlmeval.records import Samples


@dataclass(frozen=True)
class Exported:
    """What was written: rows and dimension, how many had to be computed now, and the samples without a vector."""

    target: str
    model: str
    benchmark: str
    samples: int
    rows: int
    dim: int
    dtype: str
    vectors: str
    computed: int
    unreadable: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for ``--json``."""
        return asdict(self)


def export(
    handle: ModelHandle,
    samples: Samples,
    target: Path,
    *,
    cache: Cache | None = None,
    options: EmbedOptions | None = None,
    progress: Progress = silent,
) -> Exported:
    """Embed the samples' pictures and write their vectors by sample id.

    Parameters
    ----------
    handle
        The model.
    samples
        Whose pictures; one row is written for each that can be read.
    target
        Ends in ``.npz`` or ``.parquet``.
    cache, options, progress
        As `embed` takes them; ``options.pooled`` writes the vectors before the projection.

    Raises
    ------
    UsageError
        Another suffix, a folder that cannot be written to, or what `embed` raises.
    ModelUnavailableError
        The model cannot be had.
    DataError
        Not one picture can be read (MissingDataError), or given vectors that do not join.
    """
    check_target(target)
    if not handle.precomputed and not any(image.exists() for image in samples.images):
        raise _no_pictures(samples, "no such file")
    embedded = embed(handle, samples, (), cache, options, progress)
    written = embedded.images if embedded.pooled is None else embedded.pooled
    if not len(written.ids):
        raise _no_pictures(samples, next(iter(embedded.unreadable.values()), "no samples"))
    paths = dict(zip(samples.ids.tolist(), _below_one_folder(image_names(samples)), strict=True))
    ids = written.ids.tolist()
    kind = "projected" if embedded.pooled is None else "pooled"
    write_vectors(target, ids, written.vectors, _meta(handle, samples, embedded, kind), [paths[i] for i in ids])
    return Exported(
        target=str(target),
        model=handle.spec,
        benchmark=samples.benchmark.id,
        samples=len(samples),
        rows=len(ids),
        dim=written.vectors.shape[1],
        dtype=embedded.dtype,
        vectors=kind,
        computed=embedded.computed_images,
        unreadable=dict(embedded.unreadable),
    )


def _no_pictures(samples: Samples, found: str) -> MissingDataError:
    bench = samples.benchmark.id
    return MissingDataError(
        f"none of the pictures of {bench} can be read",
        file=str(samples.images[0]) if samples.images else None,
        found=found,
        hint=f"vlmeval data check {bench}    lists them all; --data DIR says where the data lie",
    )


def _meta(handle: ModelHandle, samples: Samples, embedded: Embedded, kind: str) -> dict[str, Any]:
    benchmark = samples.benchmark
    # Given vectors that are written again are still those of the model that made them.
    maker = read_meta(handle.file).get("model") if isinstance(handle, VectorsHandle) else None
    return {
        "made": "exported",
        "model": maker or handle.spec,
        "title": handle.card.title,
        "key": handle.key,
        "revision": embedded.facts.get("revision"),
        "preprocessing": embedded.facts.get("preprocessing"),
        "dtype": embedded.dtype,
        "vectors": kind,
        "benchmark": benchmark.id,
        "benchmark_digest": benchmark.content_digest,
        "vlmeval": own_version(),
    }


def _below_one_folder(paths: list[str]) -> list[str]:
    """Return the paths without the folders that all of them share: whose machine it was is nobody's business."""
    folders = {os.path.dirname(path) for path in paths}  # noqa: PTH120  (texts, not files)
    try:
        shared = os.path.commonpath(folders)
    except ValueError:  # some absolute, some inside archives
        return [path.rpartition("/")[2] for path in paths]
    return [path.removeprefix(shared).lstrip("/") for path in paths]
