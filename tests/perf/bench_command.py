"""How long the whole command takes: cold, with the embeddings in the cache, and when the run is there already.

    python tests/perf/bench_command.py                                   # derm-demo, drawn on first use
    python tests/perf/bench_command.py --bench ham10000 --data FOLDER    # all 10,015 photographs

Every figure is a whole process, start of Python included. Baseline of the ratios: the cold run.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

ROUNDS = 3


def seconds(arguments: argparse.Namespace, home: Path, seed: int) -> float:
    """Run the command once and return its wall time; ``seed`` is the bootstrap's, another one makes another run."""
    command = [sys.executable, "-m", "vlmeval", "run", "--model", arguments.model, "--bench", arguments.bench]
    command += ["--data", str(arguments.data or home / "data"), "--out", str(home / "runs")]
    command += ["--cache", str(home / "cache"), "--seed", str(seed), "--json"]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="clip-demo")
    parser.add_argument("--bench", default="derm-demo")
    parser.add_argument("--data", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        cold = seconds(arguments, home, seed=0)
        cached = statistics.median(seconds(arguments, home, seed=1 + i) for i in range(ROUNDS))
        found = statistics.median(seconds(arguments, home, seed=0) for _ in range(ROUNDS))
    print(f"{arguments.model} on {arguments.bench}, whole process, median of {ROUNDS} but for the cold run")
    print(f"  cold (nothing in the cache):       {cold:6.1f} s   1")
    print(f"  embeddings cached, new statistics: {cached:6.1f} s   {cold / cached:.1f} times faster")
    print(f"  the same plan again:               {found:6.1f} s   {cold / found:.1f} times faster")
    print(f"python {platform.python_version()}, torch {version('torch')}, {platform.machine()}")


if __name__ == "__main__":
    main()
