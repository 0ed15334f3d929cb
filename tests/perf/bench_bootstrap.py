"""How much faster the bootstrap is than the loop over scikit-learn it replaces, and that both give the same numbers.

    OMP_NUM_THREADS=1 python tests/perf/bench_bootstrap.py [--loop-draws 1000] [--large-loop-draws 10] [--json]

1. Macro AUROC, n = 2,000, 10 classes, 7 groups, 1,000 draws: `roc_auc_score(..., sample_weight=counts)` in a loop over
   draws, groups and classes, against `rank_sums`, drawing the resamples included. Values must be equal to 1e-12 and
   undefined in the same places. ``--loop-draws`` runs fewer draws of the loop and scales its time (the output says so).
2. The same at n = 10,000 with 2,000 draws, against the loop's time of so many draws as it was run for, scaled up.
3. Every metric x class x group with 2,000 draws at n = 10,000 (no baseline: seconds), and with 2,000 permutations of
   the test of no difference for every gap on top.
4. The group test at the size of HAM10000's test part: 2,000 images, 7 classes, groups of 2, 4 and 8 levels.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import sklearn
from sklearn.metrics import roc_auc_score

from vlmeval.records import Benchmark, Decision, Predictions
from vlmeval.stats import Resamples, estimate, summarise
from vlmeval.stats.ranking import rank_sums

N, K, GROUPS, DRAWS = 2000, 10, 7, 1000
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def made_up(n: int, k: int, groups: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Units (about three rows in two), multi-label truth, scores and group codes."""
    rng = np.random.default_rng(seed)
    units = np.sort(rng.integers(0, n * 3 // 4, n)).astype(str)
    y = rng.random((n, k)) < np.linspace(0.02, 0.3, k)
    return units, y, rng.normal(size=(n, k)) + y, rng.integers(0, groups, n)


def vectorised(
    units: np.ndarray, y: np.ndarray, scores: np.ndarray, group: np.ndarray, draws: int
) -> tuple[np.ndarray, Resamples]:
    """AUROC [draws, groups, K]: one sort per class, groups by masks on it."""
    resamples = Resamples.draw(units, draws, seed=1)
    counts, unit = resamples.counts[:, 1:], resamples.index_of(units)
    out = np.full((draws, GROUPS, K), np.nan)
    for k in range(K):
        order = np.argsort(-scores[:, k], kind="stable")
        for g in range(GROUPS):
            rows = order[group[order] == g]
            positive = y[rows, k]
            wins = rank_sums(counts, unit[rows], scores[rows, k], positive).wins
            weight = counts[unit[rows]]
            pairs = weight[positive].sum(axis=0, dtype=float) * weight[~positive].sum(axis=0, dtype=float)
            np.divide(wins, pairs, out=out[:, g, k], where=pairs > 0)
    return out, resamples


def loop(
    units: np.ndarray, y: np.ndarray, scores: np.ndarray, group: np.ndarray, resamples: Resamples, draws: int
) -> np.ndarray:
    """Do the same by scikit-learn, one value at a time."""
    unit = resamples.index_of(units)
    out = np.full((draws, GROUPS, K), np.nan)
    for b in range(draws):
        weight = resamples.counts[unit, 1 + b].astype(float)
        for g in range(GROUPS):
            rows = (group == g) & (weight > 0)
            for k in range(K):
                if 0 < y[rows, k].sum() < rows.sum():
                    out[b, g, k] = roc_auc_score(y[rows, k], scores[rows, k], sample_weight=weight[rows])
    return out


def clocks() -> np.ndarray:
    """Wall clock and processor time, seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def compare(n: int, draws: int, loop_draws: int, times: int = 5) -> dict[str, Any]:
    """Time both, and check that they agree."""
    data = made_up(n, K, GROUPS)
    vectorised(*data, min(draws, 100))  # warm up
    taken = []
    for _ in range(times):
        start = clocks()
        ours, resamples = vectorised(*data, draws)
        taken.append(clocks() - start)
    start = clocks()
    theirs = loop(*data, resamples, loop_draws)
    slow = (clocks() - start) * draws / loop_draws
    ours = ours[:loop_draws]
    if not (np.isnan(ours) == np.isnan(theirs)).all():
        sys.exit("the undefined draws differ")
    difference = float(np.nanmax(np.abs(ours - theirs)))
    macro = float(np.nanmax(np.abs(ours.mean(axis=2) - theirs.mean(axis=2))))
    if not max(difference, macro) <= 1e-12:
        sys.exit(f"the values differ by {difference}, macro by {macro}")
    fast = np.median(taken, axis=0)
    return {
        f"loop draws run (its times below are scaled to {draws})": loop_draws,
        "scikit-learn loop, s": float(slow[0]),
        f"vectorised, s (median of {times})": float(fast[0]),
        "ratio": float(slow[0] / fast[0]),
        "ratio of processor time (does not see other programs)": float(slow[1] / fast[1]),
        "largest difference": difference,
        "largest difference of the macro average": macro,
        "undefined values": int(np.isnan(theirs).sum()),
    }


def everything(n: int = 10_000, draws: int = 2000) -> dict[str, Any]:
    """Seconds for all rows of a run: two group attributes of 4 and 7 levels, 10 classes."""
    out: dict[str, Any] = {}
    for task in ("single-label", "multi-label"):
        units, y, scores, group = made_up(n, K, GROUPS)
        if task == "single-label":
            y = np.eye(K, dtype=bool)[(y * np.arange(1, K + 1)).argmax(axis=1)]
            scores = np.exp(scores + y) / np.exp(scores + y).sum(axis=1, keepdims=True)
            kind, decision = "softmax", Decision("argmax")
        else:
            scores, kind, decision = 1 / (1 + np.exp(-scores)), "sigmoid", Decision("threshold", (0.7,) * K)
        groups = {"four": (group % 4).astype(np.int16), "seven": group.astype(np.int16)}
        ids = np.arange(n).astype(str)
        p = Predictions("m", "image", ids, units, y, scores, kind, decision, groups)
        start = clocks()
        resamples = Resamples.draw(units, draws)
        rows = summarise(p, card(task), resamples)
        wall, processor = clocks() - start
        out[task] = {"rows": len(rows), "seconds": round(float(wall), 2), "processor": round(float(processor), 2)}
        start = clocks()
        tested = estimate((p,), card(task), resamples, permutations=draws).rows()
        wall, processor = clocks() - start
        out[f"{task}, with {draws} permutations"] = {
            "tests": sum(row.p is not None for row in tested),
            "seconds": round(float(wall), 2),
            "processor": round(float(processor), 2),
        }
    return {"n": n, "draws": draws, "classes": K, "levels": "4 + 7", **out}


def group_test(n: int = 2000, permutations: int = 2000) -> dict[str, Any]:
    """Seconds of the group test at the size of HAM10000's test part: no draws, so that little else is computed."""
    rng = np.random.default_rng(0)
    owner = np.sort(rng.integers(0, n * 3 // 4, n))
    share = np.array([0.03, 0.05, 0.11, 0.01, 0.11, 0.67, 0.02])
    y = np.eye(7, dtype=bool)[rng.choice(7, p=share, size=n)[owner]]
    scores = np.exp(rng.normal(size=(n, 7)) + 1.5 * y)
    levels = {"two": 2, "four": 4, "eight": 8}
    groups = {name: rng.integers(0, count, n)[owner].astype(np.int16) for name, count in levels.items()}
    scores = scores / scores.sum(axis=1, keepdims=True)
    ids = np.arange(n).astype(str)
    p = Predictions("m", "image", ids, owner.astype(str), y, scores, "softmax", Decision("argmax"), groups)
    benchmark, none = card("single-label", 7, levels), Resamples.draw(p.units, 0)
    start = clocks()
    estimate((p,), benchmark, none)
    without = clocks() - start
    start = clocks()
    rows = estimate((p,), benchmark, none, permutations=permutations).rows()
    wall, processor = clocks() - start - without
    return {
        "permutations": permutations,
        "tests": sum(row.p is not None for row in rows),
        "seconds": float(wall),
        "processor": float(processor),
    }


def card(
    task: str, classes: int = K, groups: Mapping[str, int] = MappingProxyType({"four": 4, "seven": 7})
) -> Benchmark:
    """Return a benchmark card with group attributes of so many levels."""

    def group(name: str, levels: int) -> dict[str, Any]:
        ids = [f"{name}-{i}" for i in range(levels)]
        spec = [{"id": i, "name": i, "values": [i]} for i in ids]
        return {"id": name, "name": name, "kind": "other", "column": name, "levels": spec}

    return Benchmark.model_validate(
        {
            "schema": 1,
            "id": "made-up",
            "version": "1",
            "title": "Made up",
            "summary": "For timing.",
            "task": task,
            "modality": "synthetic",
            "unit": {"name": "case", "column": "case"},
            "headline_metrics": ["auroc"],
            "data": {"adapter": "table", "home": "made-up"},
            "protocol": {"by": "unit"},
            "classes": [{"id": f"c{i}", "name": f"Class {i}", "labels": [f"c{i}"]} for i in range(classes)],
            "groups": [group(name, levels) for name, levels in groups.items()],
            "prompts": {"default": "none"},
            "licence": {"name": "CC0"},
            "citation": "none",
            "homepage": "https://example.org",
        }
    )


def main() -> None:
    """Run, check and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loop-draws", type=int, default=DRAWS)
    parser.add_argument("--large-loop-draws", type=int, default=10, help="of 2,000 at n = 10,000")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    result = {
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "scikit-learn": sklearn.__version__},
        "threads": {name: os.environ.get(name, "not set") for name in THREADS} | {"cpus": os.cpu_count()},
        f"macro AUROC, n {N}, {K} classes, {GROUPS} groups, {DRAWS} draws": compare(N, DRAWS, args.loop_draws),
        f"macro AUROC, n 10000, {K} classes, {GROUPS} groups, 2000 draws": compare(
            10_000, 2000, args.large_loop_draws, 1
        ),
        "every metric, class and group": everything(),
        "test of no difference between groups, n 2000, 7 classes, groups of 2, 4 and 8 levels": group_test(),
    }
    if args.json:
        print(json.dumps(result))
        return
    for title, facts in result.items():
        print(title)
        for name, value in facts.items():
            print(f"  {name}: {value:.4g}" if isinstance(value, float) else f"  {name}: {value}")


if __name__ == "__main__":
    main()
