"""Before anything is loaded: the prompts and units of a plan, its identity, and whether its inputs are there.

Comes in: a Plan, cards, Samples, a model handle. Goes out: PromptsUsed, the run's digest, or an error that says what to
fetch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vlmeval.catalog import Catalog, expand_prompts
from vlmeval.encoders.protocol import ModelHandle
from vlmeval.environment import own_version
from vlmeval.errors import DataError, MissingDataError, ModelUnavailableError
from vlmeval.records import Benchmark, Plan, PromptsUsed, Samples, digest_of


def prompts_used(plan: Plan, catalog: Catalog, benchmark: Benchmark) -> tuple[PromptsUsed, ...]:
    """Return the prompt sets of the plan (the card's default and those beside it when the plan names none)."""
    chosen = plan.prompts or (benchmark.prompts.default, *benchmark.prompts.compare)
    return tuple(
        PromptsUsed(
            id=prompt_set.id,
            title=prompt_set.title,
            version=prompt_set.version,
            language=prompt_set.language,
            digest=prompt_set.content_digest,
            aggregation=plan.aggregation or prompt_set.aggregation,
            source=prompt_set.source,
            prompts=expand_prompts(prompt_set, benchmark),
        )
        for prompt_set in map(catalog.prompt_set, dict.fromkeys(chosen))
    )


def take_units(samples: Samples, limit: int | None) -> Samples:
    """Return the samples of ``limit`` units, chosen by the digest of their ids, so that order does not matter."""
    if limit is None:
        return samples
    units = sorted(np.unique(samples.units).tolist(), key=digest_of)[:limit]
    return samples.take(np.isin(samples.units, units))


def run_digest(
    plan: Plan,
    prompts: Sequence[PromptsUsed],
    handle: ModelHandle,
    samples: Samples,
    pictures: Sequence[bytes | str],
) -> str:
    """Return the identity of a run: everything its numbers depend on, and vlmeval's version.

    ``pictures`` are the content hashes of the samples' pictures (or why there is none), by row.
    """
    return digest_of(
        {
            "plan": plan.model_dump(mode="json"),
            "benchmark": samples.benchmark.content_digest,
            "prompts": [p.content_digest for p in prompts],
            "model": [handle.key, handle.text_key],
            "samples": samples.digest,
            "pictures": digest_of([p if isinstance(p, str) else p.hex() for p in pictures]),
            "vlmeval": own_version(),
        }
    )


def check_pictures(samples: Samples, handle: ModelHandle, plan: Plan) -> None:
    """Stop before anything is loaded when too many pictures are not there; say then what the model needs, too."""
    if handle.precomputed:
        return
    missing = [str(image) for image in samples.images if not image.exists()]
    if len(missing) <= plan.max_missing * len(samples):
        return
    hints = [f"vlmeval data fetch {samples.benchmark.data.home}    (or --data DIR, if you have them)"]
    try:
        handle.fetch()
    except ModelUnavailableError as error:
        hints.append(f"the model is not here either: {error.message}\n{error.hint or ''}".rstrip())
    raise MissingDataError(
        f"{len(missing)} of {len(samples)} pictures of {samples.benchmark.id} are not there",
        file=missing[0],
        expected=f"at most {plan.max_missing:.1%} missing (--max-missing)",
        found=f"{len(missing) / len(samples):.1%} missing",
        hint="\n".join(hints),
    )


def check_unreadable(unreadable: Mapping[str, str], samples: Samples, plan: Plan) -> None:
    """Stop when more pictures than ``plan.max_missing`` could not be read."""
    if len(unreadable) <= plan.max_missing * len(samples):
        return
    first = sorted(unreadable)[0]
    raise DataError(
        f"{len(unreadable)} of {len(samples)} pictures of {samples.benchmark.id} could not be read",
        key=first,
        expected=f"at most {plan.max_missing:.1%} (--max-missing)",
        found=unreadable[first],
        hint=f"vlmeval data check {samples.benchmark.id}    lists them all; what was embedded stays in the cache",
    )
