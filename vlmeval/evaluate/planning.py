"""Before anything is loaded: the prompts and units of a plan, its identity, and whether its inputs are there.

Comes in: a Plan, the catalog, a data folder. Goes out: `Inputs` (cards, Samples, the model's handle, the run's digest),
or an error that says what to mend or fetch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vlmeval.catalog import Catalog
from vlmeval.data import load_samples
from vlmeval.data.leaks.audit import Audited
from vlmeval.embed import Cache, EmbedOptions
from vlmeval.embed.device import place
from vlmeval.embed.hashing import content_hashes
from vlmeval.encoders.protocol import ModelHandle
from vlmeval.encoders.resolve import resolve
from vlmeval.environment import code_version
from vlmeval.errors import DataError, MissingDataError, ModelUnavailableError, UnknownNameError, UsageError
from vlmeval.evaluate.asked_groups import check_asked, with_asked_groups
from vlmeval.evaluate.auditing import before
from vlmeval.evaluate.chosen_on import check_searched, provenances
from vlmeval.evaluate.probes import PROBES
from vlmeval.methods import Units, check_methods
from vlmeval.progress import Progress, silent
from vlmeval.records import Benchmark, Contamination, Plan, PromptsUsed, Samples, digest_of


@dataclass(frozen=True)
class Inputs:
    """Everything a run needs before a model is loaded; ``plan`` names its prompt sets, ``digest`` is its identity.

    ``contamination`` is what the register says of the data in the model's training data, ``audited`` what the tables
    tell of leaks. ``contents`` are the content hashes of the samples' pictures (or why there is none), by row.
    """

    plan: Plan
    benchmark: Benchmark
    prompts: tuple[PromptsUsed, ...]
    handle: ModelHandle
    samples: Samples
    contamination: Contamination
    audited: Audited
    contents: Sequence[bytes | str]
    digest: str

    @property
    def texts(self) -> list[str]:
        """Every distinct prompt, sorted."""
        return sorted({text for used in self.prompts for text in used.wording.texts})


def read_inputs(
    plan: Plan,
    catalog: Catalog,
    data: Path | None,
    cache: Cache,
    options: EmbedOptions,
    progress: Progress = silent,
) -> Inputs:
    """Find and check everything that a plan names; no model is loaded.

    Raises
    ------
    UsageError, DataError, ModelUnavailableError
        A name, card, table or picture is not known, wrong or not there, or cases stand in two splits.
    """
    check_methods(plan.methods)
    check_rows(plan)
    benchmark = catalog.benchmark(plan.benchmark)
    handle = resolve(plan.model, catalog)
    known = catalog.contamination.of(handle.card.family, benchmark.data.home)
    check_pooled(plan, handle)
    plan = with_zero_shot(plan, handle)
    check_calibrations(plan)
    prompts = prompts_used(plan, catalog, benchmark) if "zero-shot" in plan.methods else ()
    plan = plan.model_copy(update={"prompts": tuple(p.id for p in prompts)})
    check_asked(plan, benchmark)
    samples = take_units(_load(benchmark, data, handle, progress), plan.limit)
    check_samples(samples, plan)
    check_searched(plan.prompts, catalog, samples, plan.split)
    audited = before(samples, data)
    check_pictures(samples, handle, plan)
    pictures = content_hashes(samples.images, cache.memo_folder, progress)
    samples = with_asked_groups(samples, plan, pictures, cache.memo_folder, progress)
    dtype = place(options, cache.devices_file).dtype
    digest = run_digest(plan, prompts, handle, samples, pictures, dtype, known)
    return Inputs(plan, benchmark, prompts, handle, samples, known, audited, pictures, digest)


TRAINED = (*PROBES, "few-shot")


def check_rows(plan: Plan) -> None:
    """Refuse to evaluate a trained method on rows it is trained on."""
    trained = [name for name in plan.methods if name in TRAINED]
    if trained and plan.split in ("train", "all"):
        raise UsageError(
            f"{', '.join(trained)} cannot be evaluated on rows that it is trained on",
            key="--split",
            expected="test or val",
            found=plan.split,
            hint="zero-shot is trained on nothing: give it a run of its own with --split all",
        )


def check_calibrations(plan: Plan) -> None:
    """Refuse to calibrate what is not there, or on the rows that are evaluated."""
    if not plan.calibrations:
        return
    asked = ", ".join(plan.calibrations)
    if "zero-shot" not in plan.methods:
        raise UsageError(
            "only zero-shot is calibrated, and it is not among the methods",
            key="--calibrate",
            expected="zero-shot among --method",
            found=", ".join(plan.methods),
        )
    if plan.split == "all":
        raise UsageError(
            f"zero-shot cannot be calibrated ({asked}) when every row is evaluated: nothing is learned from evaluated "
            "rows, not even the mean of their scores",
            key="--split",
            expected="test, val or train",
            found=plan.split,
            hint="leave --calibrate out, or evaluate one split",
        )


def wants_pooled(plan: Plan) -> bool:
    """Whether a method of the plan looks at the vector before the projection."""
    return plan.probe.embedding == "pooled" and any(name in PROBES for name in plan.methods)


def check_pooled(plan: Plan, handle: ModelHandle) -> None:
    """Refuse to look for a second vector where vectors are given."""
    if wants_pooled(plan) and handle.precomputed:
        raise UsageError(
            "given vectors are one a picture: there is no pooled one beside it",
            key="--embedding",
            hint="give a file of pooled vectors, and leave --embedding out",
        )


def with_zero_shot(plan: Plan, handle: ModelHandle) -> Plan:
    """Add zero-shot to a few-shot sweep: it is the line to beat, and where text-anchored methods start.

    A sweep has many points and no headline of its own: where it was named first, zero-shot leads.
    """
    if "few-shot" not in plan.methods or "zero-shot" in plan.methods or not handle.has_text:
        return plan
    first = plan.methods[0] == "few-shot"
    methods = ("zero-shot", *plan.methods) if first else (*plan.methods, "zero-shot")
    return plan.model_copy(update={"methods": methods})


def _load(benchmark: Benchmark, data: Path | None, handle: ModelHandle, progress: Progress) -> Samples:
    """Read the samples; when they are not there, say what the model needs, too."""
    try:
        return load_samples(benchmark, data, progress)
    except MissingDataError as error:
        error.hint = _with_model(error.hint or "", handle)
        raise


def _with_model(hint: str, handle: ModelHandle) -> str:
    """Add to a hint what to do about a model that is not there either; nothing is downloaded to find out."""
    try:
        handle.look()
    except ModelUnavailableError as error:
        return f"{hint}\nthe model is not here either: {error.message}\n{error.hint or ''}".strip()
    return hint


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
            searched=bool(provenances(prompt_set, catalog)),
            **dict(catalog.expand(prompt_set.id, benchmark)),
        )
        for prompt_set in map(catalog.prompt_set, dict.fromkeys(chosen))
    )


def take_units(samples: Samples, limit: int | None) -> Samples:
    """Return the samples of ``limit`` units, chosen by the digest of their ids, so that order does not matter."""
    if limit is None:
        return samples
    units = sorted(np.unique(samples.units).tolist(), key=digest_of)[:limit]
    return samples.take(np.isin(samples.units, units))


def check_samples(samples: Samples, plan: Plan) -> None:
    """Refuse what no number can be made of: no rows to evaluate, or a unit of several classes where it has one."""
    benchmark = samples.benchmark
    if not len(samples.in_split(plan.split)):
        raise DataError(
            f"{benchmark.id} has no {plan.split} samples to evaluate",
            found=f"{len(samples)} samples in other splits" + (f" (--limit {plan.limit})" if plan.limit else ""),
            hint="evaluate another split (--split) or more units (--limit)",
        )
    if benchmark.task != "single-label":
        return
    units = Units.of(samples)
    mixed = np.flatnonzero(units.labels.sum(axis=1) > 1)
    if len(mixed):
        unit = benchmark.unit.name
        rows = np.flatnonzero(units.member == mixed[0])
        names = np.array(benchmark.class_ids)
        classes = {str(samples.ids[row]): ", ".join(names[samples.labels[row]]) for row in rows}
        raise DataError(
            f"{len(mixed)} {unit}s of {benchmark.id} have pictures of different classes",
            key=f"{unit} {samples.units[units.first[mixed[0]]]}",
            expected=f"one class a {unit} (task: single-label)",
            found="; ".join(f"{name}: {text}" for name, text in list(classes.items())[:5]),
            hint=f"mend the labels or the column of the {unit}s, or make the card's task multi-label",
        )


def run_digest(
    plan: Plan,
    prompts: Sequence[PromptsUsed],
    handle: ModelHandle,
    samples: Samples,
    pictures: Sequence[bytes | str],
    dtype: str,
    known: Contamination,
) -> str:
    """Return the identity of a run: everything its numbers and badges depend on, and vlmeval's version.

    ``pictures`` are the content hashes of the samples' pictures (or why there is none), by row. ``dtype`` is the
    precision that the plan's ``auto`` means on this machine: a GPU's bfloat16 run is not the CPU's float32 run.
    ``known`` is the register's word: when it changes, a finished run is made anew with the badge that it now deserves.
    """
    return digest_of(
        {
            "plan": plan.model_dump(mode="json"),
            "benchmark": samples.benchmark.content_digest,
            "prompts": [p.content_digest for p in prompts],
            "model": [handle.key, handle.text_key],
            "samples": samples.digest,
            "dtype": dtype,
            "contamination": known.content_digest,
            "pictures": digest_of([p if isinstance(p, str) else p.hex() for p in pictures]),
            "vlmeval": code_version(),
        }
    )


def check_pictures(samples: Samples, handle: ModelHandle, plan: Plan) -> None:
    """Stop before anything is loaded when too many pictures are not there; say then what the model needs, too."""
    if handle.precomputed:
        return
    missing = [str(image) for image in samples.images if not image.exists()]
    if len(missing) <= plan.max_missing * len(samples):
        return
    raise MissingDataError(
        f"{len(missing)} of {len(samples)} pictures of {samples.benchmark.id} are not there",
        file=missing[0],
        expected=f"at most {plan.max_missing:.1%} missing (--max-missing)",
        found=f"{len(missing) / len(samples):.1%} missing",
        hint=_with_model(_where_to_get(samples.benchmark), handle),
    )


def _where_to_get(benchmark: Benchmark) -> str:
    """Say how to come by a benchmark's pictures."""
    from vlmeval.data.fetch import load_source

    try:
        source = load_source(benchmark.data.home)
    except UnknownNameError:  # a user's own benchmark
        return f"vlmeval data check {benchmark.id}    lists them all; --data DIR says where the data lie"
    # A part that is not usually fetched bears the name of the benchmark variant it is for (ham10000@isic2018).
    more = [part for part in source.parts if part not in source.default_parts and part in benchmark.id]
    parts = "".join(f" --part {part}" for part in (*source.default_parts, *more)) if more else ""
    return f"vlmeval data fetch {benchmark.data.home}{parts}    (or --data DIR, if you have them)"


def check_unreadable(unreadable: Mapping[str, str], samples: Samples, plan: Plan, *, given: bool = False) -> None:
    """Stop when more pictures than ``plan.max_missing`` could not be read, or have no ``given`` vector."""
    if len(unreadable) <= plan.max_missing * len(samples):
        return
    first = sorted(unreadable)[0]
    what = "have no vector" if given else "could not be read"
    raise DataError(
        f"{len(unreadable)} of {len(samples)} pictures of {samples.benchmark.id} {what}",
        key=first,
        expected=f"at most {plan.max_missing:.1%} (--max-missing)",
        found=unreadable[first],
        hint="add the vectors that are missing to the file"
        if given
        else f"vlmeval data check {samples.benchmark.id}    lists them all; what was embedded stays in the cache",
    )
