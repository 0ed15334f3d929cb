"""The identity of a model folder: SHA-256 over the names and contents of the files that make the model.

Weights of several GB are hashed once: a memo in the cache folder remembers each file's digest by path, size, times and
inode. A changed file has another stat and is hashed again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from vlmeval.atomic import write_text
from vlmeval.errors import MissingDataError
from vlmeval.records import digest_of
from vlmeval.resources import cache_home

# Configs, tokenizers and weights; not READMEs, pictures or the pieces other frameworks keep beside them.
_RELEVANT = {".json", ".txt", ".model", ".safetensors", ".bin", ".pt", ".pth", ".gz"}
_MEMO = "file-digests.json"


def folder_fingerprint(folder: Path) -> str:
    """Return SHA-256 (hex) over the sorted (name, content digest) pairs of the files that make the model.

    Raises
    ------
    MissingDataError
        The folder is absent or has no such file.
    """
    files = relevant_files(folder)
    if not files:
        raise MissingDataError("no model files in this folder", file=folder, expected="a config and weights")
    digests = _digests(files)
    return digest_of(sorted((path.relative_to(folder).as_posix(), digests[path]) for path in files))


def file_fingerprint(path: Path) -> str:
    """Return SHA-256 (hex) of one file's content, from the memo when the file has not changed."""
    return _digests([path])[path]


def relevant_files(folder: Path) -> list[Path]:
    """Return the files of ``folder`` and its direct subfolders that make the model, sorted; hidden ones left out."""
    if not folder.is_dir():
        raise MissingDataError("no such model folder", file=folder)
    # One level of subfolders: a text tower's config may live in one; deeper ones hold training states.
    candidates = [*folder.glob("*"), *folder.glob("*/*")]
    return sorted(path for path in candidates if _is_relevant(path.relative_to(folder)) and path.is_file())


def _is_relevant(relative: Path) -> bool:
    hidden = any(part.startswith(".") for part in relative.parts)
    return not hidden and relative.suffix in _RELEVANT and not relative.name.startswith("training_args")


def _digests(files: list[Path]) -> dict[Path, str]:
    memo_file = cache_home() / _MEMO
    memo = _read_memo(memo_file)
    known = len(memo)
    found = {}
    for path in files:
        stamp = _stamp(path)
        if stamp not in memo:
            memo[stamp] = _sha256(path)
        found[path] = memo[stamp]
    if len(memo) != known:
        write_text(memo_file, json.dumps(memo, indent=0, sort_keys=True))
    return found


def _stamp(path: Path) -> str:
    s = path.stat()
    return f"{path.resolve()}|{s.st_size}|{s.st_mtime_ns}|{s.st_ctime_ns}|{s.st_ino}"


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_memo(path: Path) -> dict[str, str]:
    try:
        memo = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}  # a memo is only a shortcut: absent or damaged, everything is hashed again
    return {k: v for k, v in memo.items() if isinstance(v, str)} if isinstance(memo, dict) else {}
