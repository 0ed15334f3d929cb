"""A file is written whole or not at all, and readable by whom the umask allows."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vlmeval.atomic import write_bytes, write_text


def test_folders_are_made_and_text_is_utf_8(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "Größe.txt", "≥ 1\n")
    assert (tmp_path / "a" / "b" / "Größe.txt").read_bytes() == "≥ 1\n".encode()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text(tmp_path / "f", "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_text(tmp_path / "f", "new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("f", "old")]


def test_a_reader_never_sees_half_of_a_file(tmp_path: Path) -> None:
    contents = [bytes([65 + k]) * 100_000 for k in range(8)]
    path = tmp_path / "f"
    write_bytes(path, contents[0])
    seen: set[bytes] = set()
    with ThreadPoolExecutor(4) as pool:
        writes = [pool.submit(write_bytes, path, content) for content in contents * 3]
        while not all(write.done() for write in writes):
            seen.add(path.read_bytes())
        for write in writes:
            write.result()
    assert seen <= set(contents)
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


@pytest.mark.skipif(sys.platform == "win32", reason="no umask there")
def test_the_umask_rules_who_may_read(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "f", "")
    finally:
        os.umask(before)
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o640
