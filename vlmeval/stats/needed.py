"""How many shots a few-shot curve needs to beat zero-shot.

In: the paired differences of each point of the curve from zero-shot. Out: `ShotsNeeded` for each metric.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vlmeval.records import Difference, Shots, ShotsNeeded
from vlmeval.stats.metrics.registry import metric_info

Point = tuple[Shots, Sequence[Difference]]


def shots_needed(points: Sequence[Point], curve: str, versus: str, metrics: Collection[str]) -> tuple[ShotsNeeded, ...]:
    """Find the fewest shots from which on every point of the curve is better.

    "From which on" and not the first that is better: a curve may cross by chance and fall back. A point whose
    difference has no value (or no interval, for ``surely``) is not better. A metric that no point has a difference of
    (e.g. suppressed everywhere) is left out: that is not "never".

    Parameters
    ----------
    points
        Shots and the differences ``point - versus`` at one level, in any order.
    curve, versus
        What is compared. Differences from anything but ``versus`` are left out.
    metrics
        Metric ids; of each the difference over all samples counts (the macro average, for metrics by class). Less is
        better where the metric says so.

    Raises
    ------
    ValueError
        A point stands there twice, or has more than one such difference (of several levels).
    UnknownNameError
        For an unknown metric.
    """
    ordered = sorted(points, key=lambda point: float("inf") if point[0] == "all" else point[0])
    shots = [one for one, _ in ordered]
    if len(set(shots)) < len(shots):
        raise ValueError(f"shots stand there twice: {shots}")
    out = []
    for metric in metrics:
        found = [_overall(differences, metric, versus) for _, differences in ordered]
        if all(d is None or d.value is None for d in found):
            continue
        sign = {"higher": 1, "lower": -1, "none": 0}[metric_info(metric).direction]
        out.append(
            ShotsNeeded(
                curve=curve,
                versus=versus,
                metric=metric,
                on_average=_from(shots, [d is not None and _better(sign, d.value) for d in found]),
                surely=_from(shots, [d is not None and _better(sign, d.low) and _better(sign, d.high) for d in found]),
            )
        )
    return tuple(out)


def _overall(differences: Sequence[Difference], metric: str, versus: str) -> Difference | None:
    found = [
        d
        for d in differences
        if (d.metric, d.versus, d.class_id, d.group) == (metric, versus, None, None)
        and d.averaging in ("macro", "overall")
    ]
    if len(found) > 1:
        raise ValueError(f"{len(found)} differences of {metric} from {versus} at one point")
    return found[0] if found else None


def _better(sign: int, value: float | None) -> bool:
    return value is not None and sign * value > 0


def _from(shots: Sequence[Shots], better: Sequence[bool]) -> Shots | None:
    """Return the first of the unbroken run of better points that ends the curve."""
    first: Shots | None = None
    for one, is_better in zip(reversed(shots), reversed(better), strict=True):
        if not is_better:
            break
        first = one
    return first
