"""Groups that a plan asks for beside the card's: skin tone estimated from the pictures, and crossed groups.

In: Samples, the plan, content hashes of the pictures. Out: Samples whose card has these groups too. What was measured
in a picture is kept by the picture's content, so that a second run reads no pixel.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from vlmeval import atomic
from vlmeval.data.crossed import check_pairs, with_crossed
from vlmeval.data.tone_estimate.estimate import estimate_angles, estimated_tone, with_estimated_tone
from vlmeval.data.tone_estimate.pixels import VERSION
from vlmeval.embed.reader import Reader
from vlmeval.errors import MissingDataError
from vlmeval.progress import Progress, silent
from vlmeval.records import Benchmark, ImageRef, Plan, Samples

KEPT: Final = f"typology-angles-{VERSION}.json"


def check_asked(plan: Plan, benchmark: Benchmark) -> None:
    """Refuse groups that cannot be had, before any picture is read. Raises UsageError."""
    more = (estimated_tone().group.id,) if plan.estimate_tone else ()
    check_pairs(benchmark, plan.crossed, more)


def with_asked_groups(
    samples: Samples, plan: Plan, pictures: Sequence[bytes | str], folder: Path, progress: Progress = silent
) -> Samples:
    """Return the samples with the groups that the plan asks for.

    Parameters
    ----------
    samples
        As the card wants them.
    plan
        Its ``estimate_tone`` and ``crossed``.
    pictures
        [n] SHA-256 of each picture, or the reason why it cannot be read.
    folder
        Where angles are kept between runs.
    progress
        Told of pictures that are measured.

    Raises
    ------
    MissingDataError
        Not one picture can be read.
    UsageError
        As `check_asked`.
    """
    if plan.estimate_tone:
        samples = with_estimated_tone(samples, _angles(samples, pictures, folder, progress))
    return with_crossed(samples, plan.crossed) if plan.crossed else samples


def _angles(samples: Samples, pictures: Sequence[bytes | str], folder: Path, progress: Progress) -> list[float | None]:
    """Return each picture's angle: kept from an earlier run, or measured now."""
    if all(isinstance(one, str) for one in pictures):
        raise MissingDataError(
            f"skin tone cannot be estimated: no picture of {samples.benchmark.id} can be read",
            file=str(samples.images[0]),
            found=str(pictures[0]),
            hint="give the pictures (--data DIR), or leave --estimate-tone out",
        )
    file = folder / KEPT
    kept = _read(file)
    new: dict[str, ImageRef] = {}
    for image, content in zip(samples.images, pictures, strict=True):
        if isinstance(content, bytes) and content.hex() not in kept:
            new[content.hex()] = image
    reader = Reader()
    try:
        measured = estimate_angles(list(new.values()), reader.read, progress) if new else []
    finally:
        reader.close()
    if new:
        kept |= dict(zip(new, measured, strict=True))
        _write(file, kept)
    return [kept.get(one.hex()) if isinstance(one, bytes) else None for one in pictures]


def _read(file: Path) -> dict[str, float | None]:
    """Return what is kept; nothing where the file is not there or not ours."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    fits = isinstance(content, dict) and all(v is None or isinstance(v, float) for v in content.values())
    return content if fits else {}


def _write(file: Path, kept: dict[str, float | None]) -> None:
    try:
        atomic.write_text(file, json.dumps(kept, separators=(",", ":"), sort_keys=True))
    except OSError:  # a read-only cache: angles are measured again next time
        return
