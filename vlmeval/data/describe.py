"""Count what a benchmark holds: the content of `stats.json` and of ``vlmeval data describe``.

Comes in: a card and the data folder. Goes out: a plain dict of counts, the same for the same card and data. No picture
is opened.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vlmeval.data import ADAPTERS, data_root, load_samples
from vlmeval.data.leaks.audit import audit
from vlmeval.data.splits import SPLITS
from vlmeval.records import Benchmark, Finding, Samples

STATS_SCHEMA = 1


def describe(benchmark: Benchmark, root: Path | None = None) -> dict[str, Any]:
    """Return the counts of a benchmark.

    Returns
    -------
    dict
        ``account`` (what was read and left out), ``images``, ``units``, ``splits``, ``classes``, ``without_class``,
        ``groups`` (each per level), ``raters`` (agreement, where the data set has several), ``leaks`` (what is in two
        splits), ``findings``, and the digests of card and samples. ``images`` and ``units`` under each.

    Raises
    ------
    MissingDataError, DataError
        As `load_samples`.
    """
    samples = load_samples(benchmark, root)
    findings = audit(samples)
    everyone = np.ones(len(samples), dtype=np.bool_)
    return {
        "schema": STATS_SCHEMA,
        "benchmark": benchmark.id,
        "version": benchmark.version,
        "card_digest": benchmark.content_digest,
        "samples_digest": samples.digest,
        "unit": benchmark.unit.name,
        "account": dict(samples.account),
        **_both(samples, everyone),
        "splits": {name: _both(samples, _in(samples, name)) for name in SPLITS},
        "classes": {name: _class_counts(samples, k) for k, name in enumerate(benchmark.class_ids)},
        "without_class": _both(samples, np.asarray(~samples.labels.any(axis=1), dtype=np.bool_)),
        "groups": {group.id: _group_counts(samples, group.id) for group in benchmark.available_groups},
        "unavailable_groups": {g.id: g.unavailable for g in benchmark.groups if g.unavailable is not None},
        "raters": _raters(benchmark, root),
        "leaks": _leaks(findings),
        "findings": [finding.model_dump(mode="json") for finding in findings],
    }


def _in(samples: Samples, split: str) -> npt.NDArray[np.bool_]:
    return np.asarray(samples.split == split, dtype=np.bool_)


def _both(samples: Samples, mask: npt.NDArray[np.bool_]) -> dict[str, int]:
    return {"images": int(mask.sum()), "units": len(np.unique(samples.units[mask]))}


def _class_counts(samples: Samples, k: int) -> dict[str, Any]:
    positive = samples.labels[:, k]
    counts: dict[str, Any] = dict(_both(samples, positive))
    counts["splits"] = {name: _both(samples, positive & _in(samples, name)) for name in SPLITS}
    return counts


def _group_counts(samples: Samples, group_id: str) -> dict[str, dict[str, Any]]:
    codes = samples.groups[group_id]
    levels = samples.benchmark.group(group_id).levels
    test = _in(samples, "test")
    return {
        level.id: {**_both(samples, codes == code), "test": _both(samples, (codes == code) & test)}
        for code, level in enumerate(levels)
    }


def _leaks(findings: list[Finding]) -> dict[str, int]:
    found = {finding.code: finding.count for finding in findings}
    return {
        "units_in_two_splits": found.get("unit-in-splits", 0),
        "pictures_in_two_splits": found.get("picture-in-splits", 0),
        "test_images_sharing_a_unit": found.get("test-shares-unit", 0),
    }


def _raters(benchmark: Benchmark, root: Path | None) -> dict[str, Any]:
    """Ask the adapter how far its raters agree, if it has a `raters` function."""
    module = importlib.import_module(ADAPTERS[benchmark.data.adapter])
    count = getattr(module, "raters", None)
    return {} if count is None else dict(count(data_root(benchmark, root)))
