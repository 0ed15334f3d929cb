"""How much faster the certified logistic fits are than scikit-learn's, and how far each is from the optimum.

    python tests/perf/bench_logistic.py [--part few-shot,labels,classes] [--baseline-seeds 2] [--device cuda] [--exact]

Every side runs on one thread (OMP, BLAS and torch), which is the fastest for scikit-learn's small fits, and is timed in
CPU seconds: those of an idle machine, whatever else runs. On a GPU it is wall seconds. No data are read. Features are
drawn like embeddings of HAM10000: 10,015 rows of 1,152 numbers, seven classes in its proportions (67 % one class), each
class of eight clusters, standard deviations along random axes decaying as j^-0.6 (variance as j^-1.2), a common
direction (embeddings lie in a cone), then length 1, float32.

1. few-shot: shots {1,...,32} x 10 seeds x 13 C from 1e-4 to 1e4, seven classes, against lbfgs at tol 1e-7 and newton-cg
   at tol 1e-6, the fastest stock solver that comes as near the optimum. (liblinear and newton-cholesky are no rivals:
   the one has no multinomial loss, the other makes a Hessian of 8,071 unknowns.) scikit-learn runs, with float64
   features, on ``--baseline-seeds`` of the seeds and its time is scaled up. Predictions are those of two seeds' fits on
   all rows; the optimum is a certified fit at tolerance 1e-13.
2. labels: ten labels x 13 C at n = 8,000 against scikit-learn's default (lbfgs, tol 1e-4) until it says it converged.
3. classes: seven classes x 13 C at n = 8,000 against the same default.

In 2 and 3 the certified fits run before and after each baseline, and the mean of the two counts. scikit-learn runs with
float64 features, which probes use, and with float32, where its default is about twice as fast. ``--exact`` adds lbfgs
at tol 1e-7 (minutes). "Gap" of scikit-learn: (its objective - ours) / its own.
"""

from __future__ import annotations

import argparse
import platform
import time
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from vlmeval.logistic import Fit, Problem, fit_logistic
from vlmeval.records.probe import C_GRID

SIZES = np.array([6705, 1113, 1099, 514, 327, 142, 115])
SHOTS = (1, 2, 4, 8, 16, 32)
D, N = 1152, 8000


def drawn(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features float32 [10015, 1152] and class codes; see the module's docstring."""
    rng = np.random.default_rng(seed)
    n, k = int(SIZES.sum()), len(SIZES)
    spread = np.arange(1, D + 1) ** -0.6
    spread /= np.linalg.norm(spread)
    axes = np.linalg.qr(rng.normal(size=(D, D)))[0]
    y = rng.permutation(np.repeat(np.arange(k), SIZES))
    classes, clusters = 0.35 * rng.normal(size=(k, D)), 0.35 * rng.normal(size=(k, 8, D))
    x = (rng.normal(size=(n, D)) + classes[y] + clusters[y, rng.integers(0, 8, n)]) * spread
    x = x @ axes.T + 1.5 * axes[:, 0]
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), y


def labels_of(x: np.ndarray, seed: int = 1) -> np.ndarray:
    """Ten labels, bool [n, 10], of 3 % to 35 % of the rows: a linear score and as much noise."""
    rng = np.random.default_rng(seed)
    score = x @ rng.normal(size=(D, 10))
    score = (score - score.mean(axis=0)) / score.std(axis=0) + rng.normal(size=score.shape)
    shares = np.linspace(0.03, 0.35, 10)
    return np.stack([s > np.quantile(s, 1 - share) for s, share in zip(score.T, shares, strict=True)], axis=1)


def timed(work: Callable[[], object], device: str) -> tuple[float, object]:
    """Seconds (CPU's, or wall on a GPU) and the result."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    result = work()
    return clock() - start, result


def certified(problems: Sequence[Problem], device: str) -> tuple[float, list[list[Fit]]]:
    """Seconds and fits of the grid, warmed up on a few; the worst gap is printed."""
    fit_logistic(problems[:1], [1.0], device=device)
    seconds, fits = timed(lambda: fit_logistic(problems, C_GRID, device=device), device)
    assert isinstance(fits, list)
    gaps = [fit.gap for row in fits for fit in row]
    print(f"  certified, {device}: {seconds:.2f} s; {len(gaps)} fits, worst relative gap {max(gaps):.1e}", flush=True)
    return seconds, fits


def stock(x: np.ndarray, y: np.ndarray, c: float, **options: object) -> LogisticRegression:
    """One fit of scikit-learn, as long as it takes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # newton-cg's line search at its rounding
        return LogisticRegression(C=c, max_iter=100_000, **options).fit(x, y)


def few_shot(arguments: argparse.Namespace, devices: list[str]) -> None:
    """Part 1."""
    x, y = drawn()
    draws: list[np.ndarray] = []
    for seed in range(arguments.seeds):
        order = np.random.default_rng(seed).permutation(len(y))
        draws += [np.concatenate([order[y[order] == k][:shots] for k in range(7)]) for shots in SHOTS]
    problems = [Problem(x[rows], y[rows], 7) for rows in draws]
    print(f"few-shot: {len(SHOTS)} shots x {arguments.seeds} seeds x {len(C_GRID)} C, 7 classes, d = {D}")
    ours = {device: certified(problems, device) for device in devices}
    optimum = fit_logistic(problems, C_GRID, tolerance=1e-13)
    worst = max(fit.gap for row in optimum for fit in row)
    best = [[fit.logits(x).argmax(axis=1) for fit in row] for row in optimum[: len(SHOTS) * 2]]
    for device, (_, fits) in ours.items():
        pairs = [pair for row, bs in zip(fits, best, strict=False) for pair in zip(row, bs, strict=True)]
        equal = [(fit.logits(x).argmax(axis=1) == b).mean() for fit, b in pairs]
        print(f"  {device}: predictions equal to the optimum's (gap <= {worst:.0e}): {np.mean(equal):.5%}")
    some = len(SHOTS) * min(arguments.baseline_seeds, arguments.seeds)
    for solver, tol in (("lbfgs", 1e-7), ("newton-cg", 1e-6)):
        seconds, agree, gap = 0.0, [], 0.0
        for i, problem in enumerate(problems[:some]):
            wide = problem.x.astype(np.float64)
            for j, c in enumerate(C_GRID):
                taken, model = timed(lambda: stock(wide, problem.y, c, solver=solver, tol=tol), "cpu")  # noqa: B023
                seconds += taken
                assert isinstance(model, LogisticRegression)
                z = wide @ model.coef_.T + model.intercept_
                loss = np.logaddexp.reduce(z, axis=1) - z[np.arange(len(z)), problem.y]
                f = 0.5 * (model.coef_**2).sum() + c * loss.sum()
                gap = max(gap, (f - optimum[i][j].objective) / f)
                if i < len(best):
                    agree.append(float((model.predict(x) == best[i][j]).mean()))
        seconds *= len(problems) / some
        ratios = ", ".join(f"{seconds / s:.1f} ({device})" for device, (s, _) in ours.items())
        print(f"  scikit-learn {solver} tol {tol:g}: {seconds:.1f} s (from {some} of {len(problems)} draws), ", end="")
        print(f"worst gap {gap:.0e}, predictions {np.mean(agree):.4%}; certified is {ratios} times faster", flush=True)


def large(arguments: argparse.Namespace, devices: list[str], *, labels: bool) -> None:
    """Parts 2 and 3."""
    x, codes = drawn()
    x, codes = x[:N], codes[:N]
    y = labels_of(x) if labels else codes
    print(f"{'labels: 10 labels' if labels else 'classes: 7 classes'} x {len(C_GRID)} C, n = {N}, d = {D}")
    problems = [Problem(x, y, 10 if labels else 7)]
    ours = {device: certified(problems, device) for device in devices}
    rounds = {device: [seconds] for device, (seconds, _) in ours.items()}
    targets = list(y.T) if labels else [y]
    runs = [(np.float64, 1e-4), (np.float32, 1e-4)] + ([(np.float64, 1e-7)] if arguments.exact else [])
    for dtype, tol in runs:
        features, seconds, gap = x.astype(dtype), 0.0, 0.0
        for j, c in enumerate(C_GRID):
            f = 0.0
            for target in targets:
                taken, model = timed(lambda: stock(features, target, c, tol=tol), "cpu")  # noqa: B023
                seconds += taken
                assert isinstance(model, LogisticRegression)
                coef, intercept = model.coef_.astype(float), np.asarray(model.intercept_, float)
                z = x.astype(float) @ coef.T + intercept
                loss = (
                    np.logaddexp(0, np.where(target, -z[:, 0], z[:, 0]))
                    if labels
                    else np.logaddexp.reduce(z, axis=1) - z[np.arange(len(z)), target]
                )
                f += 0.5 * (coef**2).sum() + c * loss.sum()
            gap = max(gap, (f - ours[devices[0]][1][0][j].objective) / f)
        # Once more beside each baseline: on a shared machine a minute can be a quarter slower than the next.
        for device, times in rounds.items():
            times.append(timed(lambda: fit_logistic(problems, C_GRID, device=device), device)[0])  # noqa: B023
        near = {device: (times[-2] + times[-1]) / 2 for device, times in rounds.items()}
        ratios = ", ".join(f"{seconds / s:.1f} ({device})" for device, s in near.items())
        beside = ", ".join(f"{s:.2f} s ({device})" for device, s in near.items())
        print(
            f"  scikit-learn lbfgs tol {tol:g}, {np.dtype(dtype).name}: {seconds:.1f} s, worst gap {gap:.0e}; ", end=""
        )
        print(f"certified, beside it: {beside}, {ratios} times faster", flush=True)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", default="few-shot,labels,classes")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--baseline-seeds", type=int, default=2)
    parser.add_argument("--device", help="only this one; default: cpu, and cuda where there is one")
    parser.add_argument("--exact", action="store_true", help="also lbfgs at tol 1e-7 on the large fits (minutes)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        measure(arguments)
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "scikit-learn", "numpy"))
    print(f"1 thread each, tolerance 1e-8; python {platform.python_version()}, {versions}, {platform.machine()}")


def measure(arguments: argparse.Namespace) -> None:
    """Run the parts asked for."""
    devices = [arguments.device] if arguments.device else ["cpu"] + ["cuda"] * torch.cuda.is_available()
    if "few-shot" in arguments.part:
        few_shot(arguments, devices)
    if "labels" in arguments.part:
        large(arguments, devices, labels=True)
    if "classes" in arguments.part:
        large(arguments, devices, labels=False)


if __name__ == "__main__":
    main()
