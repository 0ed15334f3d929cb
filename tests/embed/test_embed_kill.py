"""Killed at any moment and started again: at most one shard is lost, the bytes are those of an uninterrupted run."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from embed_kill_me import run
from embed_pictures import picture_bytes

from vlmeval.embed import Cache
from vlmeval.embed.images import SHARD_ELSEWHERE

PICTURES = 3 * SHARD_ELSEWHERE + 10
PROGRAM = Path(__file__).with_name("embed_kill_me.py")


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
    """Every cache file that carries vectors, path below the cache -> bytes; fingerprints are cut into other files."""
    found = [*root.rglob("*.safetensors"), *root.rglob("manifest.json")]
    files = [path for path in found if "fingerprints" not in path.parts]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def uninterrupted(many: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    root = tmp_path_factory.mktemp("whole") / "cache"
    assert run(many, root) == PICTURES
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
    computed = run(many, root)
    assert computed in (PICTURES - kept, PICTURES - kept - 1), "what was kept is not computed again"
    assert computed <= PICTURES - 64 or moment == "in-the-first-shard"
    assert vectors(root) == uninterrupted
    assert not [*root.rglob("*.tmp")], "the leavings of the killed run are gone"


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads Linux's /proc")
def test_killed_with_workers_leaves_no_process_and_no_shared_memory(many, uninterrupted, tmp_path):
    root = tmp_path / "cache"
    process = start(many, root, workers=2, seconds=0.02)
    after_progress(SHARD_ELSEWHERE)(process, root)
    workers, memory = _children(process.pid), _shared_memory(process.pid)
    assert len(workers) >= 2
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (any(map(_alive, workers)) or any(path.exists() for path in memory)):
        time.sleep(0.05)
    assert not any(map(_alive, workers))
    assert not any(path.exists() for path in memory)
    run(many, root, workers=2)
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
    assert run(many, root) >= 3 * 10
    assert vectors(root) == uninterrupted
    assert {path.name for path in root.glob("images/*/*.bad")} == {torn.name + ".bad", tampered.name + ".bad"}


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _shared_memory(pid: int) -> list[Path]:
    words = Path(f"/proc/{pid}/maps").read_text().split()
    return [Path(word) for word in set(words) if word.startswith("/dev/shm/")]  # noqa: S108


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
