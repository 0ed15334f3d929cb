"""Fingerprints: content and names decide, files are hashed once, and the memo can be trusted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vlmeval.encoders import fingerprint
from vlmeval.encoders.fingerprint import folder_fingerprint
from vlmeval.errors import MissingDataError
from vlmeval.resources import cache_home


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    (made / "config.json").write_text("{}")
    (made / "model.safetensors").write_bytes(b"weights")
    return made


def test_content_and_names_decide(folder: Path) -> None:
    before = folder_fingerprint(folder)
    (folder / "README.md").write_text("words")
    (folder / ".git").mkdir()
    (folder / ".git" / "x.json").write_text("{}")
    assert folder_fingerprint(folder) == before
    (folder / "model.safetensors").write_bytes(b"Weights")
    changed = folder_fingerprint(folder)
    assert changed != before
    (folder / "config.json").rename(folder / "open_clip_config.json")
    assert folder_fingerprint(folder) not in (before, changed)


def test_a_file_is_hashed_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = folder_fingerprint(folder)
    monkeypatch.setattr(fingerprint, "_sha256", lambda path: pytest.fail(f"hashed again: {path}"))
    assert folder_fingerprint(folder) == first


def test_the_same_size_and_time_do_not_fool_the_memo(folder: Path) -> None:
    weights = folder / "model.safetensors"
    before, times = folder_fingerprint(folder), weights.stat()
    weights.write_bytes(b"WEIGHTS")
    os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert folder_fingerprint(folder) != before


@pytest.mark.parametrize("content", [b"", b"[1]", b"\xff\xfe", b'{"a": 1}'])
def test_a_damaged_memo_costs_time_only(folder: Path, content: bytes) -> None:
    before = folder_fingerprint(folder)
    (cache_home() / "file-digests.json").write_bytes(content)
    assert folder_fingerprint(folder) == before


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError):
        folder_fingerprint(tmp_path)
    with pytest.raises(MissingDataError):
        folder_fingerprint(tmp_path / "absent")
