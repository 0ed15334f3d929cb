"""Killed at any moment and started again: at most one shard is lost, and the bytes are those of an uninterrupted run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import picture_bytes

from vlmeval.embed import Cache
from vlmeval.embed.images import SHARD_ELSEWHERE

PICTURES = 3 * SHARD_ELSEWHERE + 10
PROGRAM = Path(__file__).with_name("kill_me.py")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough pictures for four shards; one is damaged."""
    folder = tmp_path_factory.mktemp("many")
    for i in range(PICTURES):
        (folder / f"{i:03d}.png").write_bytes(picture_bytes(i, size=(9, 7)))
    (folder / "070.png").write_bytes(b"no picture")
    return folder


def start(folder: Path, root: Path, workers: int = 0, seconds: float = 0.0) -> subprocess.Popen[str]:
    command = [sys.executable, str(PROGRAM), str(folder), str(root), str(workers), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> int:
    """Wait for the end; return how many pictures were computed."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return int(out.split("computed ")[1])


def vectors(root: Path) -> dict[str, bytes]:
    """Every cache file that carries numbers: path below the cache -> bytes."""
    files = [*root.rglob("*.safetensors"), *root.rglob("manifest.json")]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def uninterrupted(many: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    root = tmp_path_factory.mktemp("whole") / "cache"
    assert finish(start(many, root)) == PICTURES
    assert Cache(root).verify().damaged == {}
    found = vectors(root)
    assert len([name for name in found if "images" in name and "safetensors" in name]) == 4
    return found


def after_progress(done: int) -> Callable[[subprocess.Popen[str], Path], None]:
    """Wait until so many pictures are done."""

    def wait(process: subprocess.Popen[str], root: Path) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            stage, _, number = line.strip().rpartition(" ")
            if stage == "embed images" and int(number) >= done:
                return
        raise AssertionError("it ended before it could be killed")

    return wait


def while_writing(process: subprocess.Popen[str], root: Path) -> None:
    """Wait until the second shard is about to be there: a temporary file or the shard itself."""
    while process.poll() is None:
        if len([*root.glob("images/*/*.safetensors"), *root.glob("images/*/.*.tmp")]) >= 2:
            return
    raise AssertionError("it ended before it could be killed")


MOMENTS = {
    "before-anything": after_progress(0),
    "in-the-first-shard": after_progress(20),
    "at-a-shard's-end": after_progress(SHARD_ELSEWHERE),
    "in-the-last-shard": after_progress(3 * SHARD_ELSEWHERE + 4),
    "while-writing": while_writing,
}


@pytest.mark.parametrize("moment", list(MOMENTS))
def test_killed_and_resumed_is_bit_for_bit_the_uninterrupted_run(moment, many, uninterrupted, tmp_path):
    root = tmp_path / "cache"
    process = start(many, root, seconds=0.004)
    MOMENTS[moment](process, root)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = sum(info.vectors for info in Cache(root).info() if info.kind == "images")
    computed = finish(start(many, root))
    assert computed in (PICTURES - kept, PICTURES - kept - 1), "what was kept is not computed again"
    assert computed <= PICTURES - 64 or moment in ("before-anything", "in-the-first-shard")
    assert vectors(root) == uninterrupted
    assert not [*root.rglob("*.tmp")], "the leavings of the killed run are gone"


def test_killed_with_workers_leaves_no_process_and_no_shared_memory(many, uninterrupted, tmp_path):
    root = tmp_path / "cache"
    shared = Path("/dev/shm")  # noqa: S108
    before = set(shared.glob("psm_*")) if shared.is_dir() else set()
    process = start(many, root, workers=2, seconds=0.02)
    after_progress(SHARD_ELSEWHERE)(process, root)
    workers = [int(pid) for pid in _children(process.pid)]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and (
        any(_alive(pid) for pid in workers) or (shared.is_dir() and set(shared.glob("psm_*")) - before)
    ):
        time.sleep(0.05)
    assert not any(_alive(pid) for pid in workers)
    finish(start(many, root, workers=2))
    assert vectors(root) == uninterrupted, "the number of workers changes nothing either"


def test_two_processes_on_one_cache_share_the_work(many, uninterrupted, tmp_path):
    root = tmp_path / "cache"
    first, second = start(many, root, seconds=0.002), start(many, root, seconds=0.002)
    assert finish(first) + finish(second) == PICTURES, "one waited, and found everything done"
    assert vectors(root) == uninterrupted


def test_a_torn_a_tampered_and_a_vanished_shard_are_redone(many, uninterrupted, tmp_path):
    root = tmp_path / "cache"
    for name, content in uninterrupted.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    torn, tampered, vanished = sorted(root.glob("images/*/*.safetensors"))[:3]
    torn.write_bytes(torn.read_bytes()[:-5])
    data = bytearray(tampered.read_bytes())
    data[-1] ^= 1
    tampered.write_bytes(data)
    vanished.unlink()
    assert finish(start(many, root)) >= 3 * 10
    assert vectors(root) == uninterrupted
    assert {path.name for path in root.glob("images/*/*.bad")} == {torn.name + ".bad", tampered.name + ".bad"}


def _children(pid: int) -> list[str]:
    listing = Path(f"/proc/{pid}/task/{pid}/children")
    return listing.read_text().split() if listing.is_file() else []


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.is_file() and stat.read_text().rpartition(")")[2].split()[0] == "Z")
