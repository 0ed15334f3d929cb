"""One shard of the cache: content hashes and vectors as the bytes of a safetensors file, named by their checksum.

In: hashes uint8 [n, 32], vectors float32 [n, d] and a note (JSON). Out: bytes that depend on nothing else, so that the
same vectors always make the same file; and back, refusing anything torn, altered or of the wrong shape.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

SUFFIX: Final = ".safetensors"
NOTE_KEY: Final = "vlmeval"  # a single key: safetensors writes several in no fixed order


class ShardError(ValueError):
    """The bytes are not the shard that their name says; ``str()`` is the reason."""


@dataclass(frozen=True)
class Shard:
    """Rows of vectors by content hash.

    Attributes
    ----------
    hashes
        uint8 [n, 32], SHA-256 of each picture's bytes (or of each prompt in UTF-8).
    vectors
        float32 [n, d].
    note
        What else is known of these rows, JSON-able: pictures that cannot be read, prompts that were truncated.
    """

    hashes: npt.NDArray[np.uint8]
    vectors: npt.NDArray[np.float32]
    note: dict[str, Any] = field(default_factory=dict)

    def keys(self) -> list[bytes]:
        """Return the hashes as n byte strings of length 32."""
        flat = self.hashes.tobytes()
        return [flat[i : i + 32] for i in range(0, len(flat), 32)]


def pack(shard: Shard) -> bytes:
    """Return the file's bytes; equal shards give equal bytes."""
    note = json.dumps(shard.note, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    arrays: dict[str, npt.NDArray[Any]] = {
        "hashes": np.ascontiguousarray(shard.hashes, dtype=np.uint8),
        "vectors": np.ascontiguousarray(shard.vectors, dtype=np.float32),
    }
    packed: bytes = safetensors.numpy.save(arrays, metadata={NOTE_KEY: note})
    return packed


def file_name(data: bytes) -> str:
    """Return the name a shard of these bytes must have."""
    return hashlib.sha256(data).hexdigest() + SUFFIX


def unpack(name: str, data: bytes) -> Shard:
    """Return the shard, or raise `ShardError` when the bytes do not match the name or are no shard."""
    if file_name(data) != name:
        raise ShardError("checksum mismatch (torn or altered)")
    try:
        arrays = safetensors.numpy.load(data)
        hashes, vectors = arrays["hashes"], arrays["vectors"]
        note = json.loads(_header(data)["__metadata__"][NOTE_KEY])
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ShardError(f"not a shard: {error}") from None
    if hashes.dtype != np.uint8 or hashes.ndim != 2 or hashes.shape[1] != 32:
        raise ShardError(f"hashes is {hashes.dtype} {list(hashes.shape)}, expected uint8 [n, 32]")
    if vectors.dtype != np.float32 or vectors.ndim != 2 or len(vectors) != len(hashes):
        raise ShardError(f"vectors is {vectors.dtype} {list(vectors.shape)}, expected float32 [{len(hashes)}, d]")
    if not isinstance(note, dict):
        raise ShardError("the note is not a JSON object")
    return Shard(hashes, vectors, note)


def count_rows(path: Path) -> int:
    """Return how many vectors the file says it holds, from its header alone (0 when it is no shard)."""
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > path.stat().st_size:
                return 0
            return int(json.loads(stream.read(length))["vectors"]["shape"][0])
    except (OSError, struct.error, ValueError, KeyError, TypeError, IndexError):
        return 0


def _header(data: bytes) -> Any:
    (length,) = struct.unpack_from("<Q", data)
    return json.loads(data[8 : 8 + length])
