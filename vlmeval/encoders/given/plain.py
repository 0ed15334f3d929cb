"""The plain formats of given vectors, written: npz and parquet that `vlmeval.encoders.precomputed` reads.

In: names, vectors and a dict that says how they came to be. Out: one file, whole or not at all; the same vectors give
the same bytes.

    FILE.npz      `ids` [n] text, `vectors` float32 [n, d], `meta` JSON as text; with `images` [n] text where given
    FILE.parquet  columns `id`, `image` (where given), `vector`; the JSON in the schema's metadata under `vlmeval`
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from vlmeval.atomic import write_bytes
from vlmeval.encoders.protocol import Vectors
from vlmeval.errors import UsageError

META: Final = "vlmeval"
SUFFIXES: Final = (".npz", ".parquet")


def check_target(file: Path) -> None:
    """Raise UsageError unless ``file`` has a suffix that can be written."""
    if file.suffix.lower() not in SUFFIXES:
        raise UsageError("not a kind of embeddings file that is written", file=file, expected=", ".join(SUFFIXES))


def write_vectors(
    file: Path,
    names: Sequence[str],
    vectors: Vectors,
    meta: Mapping[str, Any],
    images: Sequence[str] | None = None,
) -> None:
    """Write vectors by name.

    Parameters
    ----------
    file
        Ends in ``.npz`` or ``.parquet``.
    names, images
        [n] ids, and the image path of each where it is known.
    vectors
        float32 [n, d].
    meta
        How they came to be; plain data.

    Raises
    ------
    UsageError
        Another suffix, or a folder that cannot be written to.
    """
    check_target(file)
    make = _npz if file.suffix.lower() == ".npz" else _parquet
    data = make(names, np.ascontiguousarray(vectors, dtype=np.float32), json.dumps(meta, sort_keys=True), images)
    try:
        write_bytes(file, data)
    except OSError as error:
        raise UsageError("the file cannot be written", file=file, found=error.strerror or str(error)) from error


def _npz(names: Sequence[str], vectors: Vectors, meta: str, images: Sequence[str] | None) -> bytes:
    stream = io.BytesIO()
    arrays: dict[str, Any] = {"ids": np.array(names, dtype=np.str_), "vectors": vectors, "meta": np.array(meta)}
    if images is not None:
        arrays["images"] = np.array(images, dtype=np.str_)
    np.savez(stream, **arrays)
    return stream.getvalue()


def _parquet(names: Sequence[str], vectors: Vectors, meta: str, images: Sequence[str] | None) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
    more = {} if images is None else {"image": pa.array(images, pa.string())}
    table = pa.table({"id": pa.array(names, pa.string()), **more, "vector": rows})
    stream = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({META: meta}), stream)
    return stream.getvalue()
