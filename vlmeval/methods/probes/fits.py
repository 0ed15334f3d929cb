"""Logistic fits of a probe, kept between runs: another value of C fits only that one.

Comes in: named `Problem`s and values of C. Goes out: `Fit`s [problem][c]. An entry of `Kept` belongs to one problem
(rows, truth, weights) under one solver and tolerance, and holds what was fitted so far, whatever the grid.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

import vlmeval.logistic
from vlmeval.logistic import Fit, Problem, fit_logistic, fit_sklearn
from vlmeval.methods.kept import Kept
from vlmeval.progress import Progress, silent
from vlmeval.records import Certificate, Finding, ProbeOptions

LAYOUT: Final = 1
"""Version of an entry's arrays; the code that computes them is in the key by its digest."""
NAMED: Final = 5
"""Fits that a certificate names when they missed."""


@dataclass(frozen=True)
class Solver:
    """Who fits, how exactly, where, and where fits are kept."""

    options: ProbeOptions
    kept: Kept
    device: str = "cpu"
    progress: Progress = silent

    def fit(self, problems: Sequence[Problem], cs: Sequence[float]) -> list[list[Fit]]:
        """Return fits [problem][c], each computed once; what is not kept is fitted in one call for all problems."""
        keys = [self._key(problem) for problem in problems]
        known = [_unpack(self.kept.get(key)) for key in keys]
        missing = sorted({float(c) for c in cs} - {c for c in known[0] if all(c in fits for fits in known)})
        if missing:
            todo = [i for i, fits in enumerate(known) if not fits.keys() >= set(missing)]
            for i, new in zip(todo, self._solve([problems[i] for i in todo], missing), strict=True):
                known[i] |= {fit.c: fit for fit in new}
                self.kept.put(keys[i], _pack(known[i]))
        return [[fits[float(c)] for c in cs] for fits in known]

    def certificate(self, fits: Mapping[str, Sequence[Fit]]) -> Certificate:
        """Return how far ``fits`` (name -> one a value of C) can be off; scikit-learn's have no bound."""
        every = [(f"{name}, C = {fit.c:g}", fit) for name, some in fits.items() for fit in some]
        missed = [name for name, fit in every if not fit.converged]
        gaps = [fit.gap for _, fit in every if not np.isnan(fit.gap)]
        return Certificate(
            solver=self.options.solver,
            fits=len(every),
            tolerance=self.options.tolerance if self.options.solver == "certified" else SKLEARN_TOLERANCE,
            worst=max(gaps) if gaps else None,
            missed=len(missed),
            missed_fits=tuple(missed[:NAMED]),
        )

    def _solve(self, problems: Sequence[Problem], cs: Sequence[float]) -> list[list[Fit]]:
        if self.options.solver == "sklearn":
            return fit_sklearn(
                problems, cs, max_iter=self.options.max_iter, tol=SKLEARN_TOLERANCE, progress=self.progress
            )
        return fit_logistic(problems, cs, tolerance=self.options.tolerance, device=self.device, progress=self.progress)

    def _key(self, problem: Problem) -> str:
        if self.options.solver == "sklearn":
            how: dict[str, Any] = {"max_iter": self.options.max_iter, "tol": SKLEARN_TOLERANCE}
            how["sklearn"] = version("scikit-learn")
        else:
            how = {"tolerance": self.options.tolerance}
        head = {"layout": LAYOUT, "code": solver_code(), "classes": problem.classes, "intercept": problem.intercept}
        digest = hashlib.sha256(json.dumps(head | how, sort_keys=True).encode())
        for array in (problem.x, problem.y, problem.weight, problem.offset):
            digest.update(b"none" if array is None else f"{array.dtype.str}{array.shape}".encode())
            digest.update(b"" if array is None else np.ascontiguousarray(array).data)
        return digest.hexdigest()


SKLEARN_TOLERANCE: Final = 1e-4
"""scikit-learn's default ``tol``, of the largest entry of its gradient: what published recipes used."""


@functools.cache
def solver_code() -> str:
    """Return the digest of the solver's sources."""
    folder = Path(vlmeval.logistic.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def one_fit(labels: Sequence[Fit]) -> Fit:
    """Put fits of single labels together as one fit of all of them."""
    return replace(
        labels[0],
        coef=np.concatenate([fit.coef for fit in labels]),
        intercept=np.concatenate([fit.intercept for fit in labels]),
        objective=sum(fit.objective for fit in labels),
        gap=max(fit.gap for fit in labels),
        iterations=max(fit.iterations for fit in labels),
        converged=all(fit.converged for fit in labels),
        missing=tuple(k for k, fit in enumerate(labels) if fit.missing),
    )


def fit_findings(certificate: Certificate, method: str) -> list[Finding]:
    """Return a warning when fits of ``method`` are not as exact as they should be."""
    if not certificate.missed:
        return []
    if certificate.solver == "sklearn":
        code = "not-converged"
        message = "scikit-learn fits stopped at their last iteration, short of scikit-learn's own tolerance"
    else:
        code = "uncertified-fits"
        message = (
            f"fits whose bound on the relative objective gap is above {certificate.tolerance:g} "
            f"(worst {certificate.worst or 0:.2g})"
        )
    count, examples = certificate.missed, certificate.missed_fits
    return [Finding(code=code, severity="warning", message=f"{method}: {message}", count=count, examples=examples)]


def _pack(fits: Mapping[float, Fit]) -> dict[str, npt.NDArray[Any]]:
    every = [fits[c] for c in sorted(fits)]
    numbers = ("c", "objective", "gap", "iterations", "converged", "coef", "intercept")
    packed = {name: np.array([getattr(fit, name) for fit in every]) for name in numbers}
    return packed | {"missing": np.array(every[0].missing, dtype=np.int64)}


def _unpack(packed: Mapping[str, npt.NDArray[Any]] | None) -> dict[float, Fit]:
    if packed is None:
        return {}
    missing = tuple(int(k) for k in packed["missing"])
    fits = [
        Fit(
            c=float(packed["c"][i]),
            coef=packed["coef"][i],
            intercept=packed["intercept"][i],
            objective=float(packed["objective"][i]),
            gap=float(packed["gap"][i]),
            iterations=int(packed["iterations"][i]),
            converged=bool(packed["converged"][i]),
            missing=missing,
        )
        for i in range(len(packed["c"]))
    ]
    return {fit.c: fit for fit in fits}
