"""The estimate of skin tone on its own, without any model: what it says of a data set, and how far labels bear it out.

In: a card and its pictures. Out: a plain dict for ``vlmeval data describe --estimate-tone``: counts by level, where the
angles lie, and the agreement with every labelled source. That agreement is the estimate's only validation.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from vlmeval.data import load_samples
from vlmeval.data.tone_estimate.estimate import estimate_angles, estimated_tone, with_estimated_tone
from vlmeval.errors import MissingDataError
from vlmeval.examine.tone.agreement import agreement_of, why_no_sources
from vlmeval.progress import Progress, silent
from vlmeval.records import Benchmark

QUANTILES: Final = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)


def described_estimate(benchmark: Benchmark, root: Path | None = None, progress: Progress = silent) -> dict[str, Any]:
    """Return what the estimate says of a benchmark's pictures and how far it agrees with the labels there are.

    Returns
    -------
    dict
        ``group``, ``limits``; ``pictures``, how many are ``not_estimable``; ``units`` by level; ``angles``: quantiles
        over pictures, in degrees; ``agreement`` with each labelled source (rank correlation with its interval, table
        of levels), or ``not_validated``: why there is none.

    Raises
    ------
    MissingDataError
        Not one picture is there.
    """
    labelled = load_samples(benchmark, root, progress)
    if not any(image.exists() for image in labelled.images):
        raise MissingDataError(
            f"skin tone cannot be estimated: no picture of {benchmark.id} is there",
            file=str(labelled.images[0]),
            hint="give the pictures (--data DIR), or leave --estimate-tone out",
        )
    found = estimate_angles(labelled.images, progress=progress)
    samples = with_estimated_tone(labelled, found)
    tone = estimated_tone()
    angles = np.array([angle for angle in found if angle is not None])
    _, first = np.unique(samples.units, return_index=True)
    codes = samples.groups[tone.group.id][first]
    made: dict[str, Any] = {
        "group": tone.group.name,
        "limits": list(tone.limits),
        "pictures": len(found),
        "not_estimable": sum(angle is None for angle in found),
        "units": {level.id: int((codes == code).sum()) for code, level in enumerate(tone.group.levels)},
        "angles": {f"{q:.0%}": round(float(np.quantile(angles, q)), 1) for q in QUANTILES} if len(angles) else {},
    }
    against = [a for a in agreement_of(samples) if tone.group.id in (a.a, a.b)]
    if not against:
        return made | {"not_validated": why_no_sources(labelled)}
    keys = {"a", "b", "n_units", "rank", "rank_low", "rank_high", "levels_a", "levels_b", "confusion"}
    return made | {"agreement": {f"{a.a} / {a.b}": a.model_dump(mode="json", include=keys) for a in against}}
