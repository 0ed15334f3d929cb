"""`vlmeval prompts search`: prompts chosen on validation units, with an honest figure of what that is worth."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vlmeval.cli import console
from vlmeval.cli.options import CacheDir, Data, DataRoots, Json

if TYPE_CHECKING:
    from vlmeval.records.search import Figure
    from vlmeval.workbench.search import Found, Request

EXAMPLE = """
Examples:

  vlmeval prompts search --model clip-demo --bench derm-demo --save my/searched

  vlmeval prompts search -m clip-vit-l14 -b ham10000 --objective balanced-accuracy --ensemble both --save my/ham

  vlmeval prompts search -m medsiglip-448 -b scin --objective "auroc=0.7,worst-tone=0.3" --save my/scin-tone
"""


class Ensemble(StrEnum):
    """How the chosen prompts count."""

    equal = "equal"
    weighted = "weighted"
    both = "both"


def register(group: typer.Typer) -> None:
    """Add the verb to `vlmeval prompts`."""
    group.command("search", epilog=EXAMPLE)(search)


@console.guarded
def search(
    model: Annotated[str, typer.Option("--model", "-m", help="Model, as of vlmeval run.")],
    bench: Annotated[str, typer.Option("--bench", "-b", help="Benchmark id.")],
    save: Annotated[str, typer.Option(help="Id of the new prompt set, family/name.")],
    prompts: Annotated[list[str] | None, typer.Option(help="Prompt set to choose from, or 'all' of the benchmark (the "
                       "default). May be repeated.")] = None,
    objective: Annotated[str, typer.Option(help="auroc (macro), balanced-accuracy, worst-tone, or a mix with shares: "
                         '"auroc=0.7,worst-tone=0.3".')] = "auroc",
    group: Annotated[str | None, typer.Option(help="The skin-tone source of worst-tone, e.g. fst-self.")] = None,
    folds: Annotated[int, typer.Option(min=2, max=20, help="Folds of validation units.")] = 5,
    ensemble: Annotated[Ensemble, typer.Option(help="Equal weights; weights on the simplex, by log-loss; or the better "
                        "by cross-validation.")] = Ensemble.equal,
    max_templates: Annotated[int, typer.Option(min=1, help="At most so many templates in an equal ensemble.")] = 8,
    draws: Annotated[int, typer.Option(min=0, help="Bootstrap draws of the intervals.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of folds and draws.")] = 0,
    to: Annotated[Path, typer.Option(help="Data root that the set is written to.")] = Path("vlmeval-prompts"),
    force: Annotated[bool, typer.Option("--force", help="Replace a set that is there.")] = False,
    data: Data = None,
    data_root: DataRoots = None,
    cache: CacheDir = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    json_output: Json = False,
) -> None:  # fmt: skip
    """Choose templates and names on validation units, and say what the choice is worth on others.

    Greedy forward selection of templates, then of names class by class, starting from the benchmark's chosen set and
    kept only as far as cross-validation bears it out; or weights of all templates by a convex problem. The whole search
    is repeated without each fold of the validation units for an honest estimate (nested cross-validation). Test units
    are measured once, after the choice. The set is written as YAML with its provenance, and is refused wherever it
    would be evaluated on a unit that it was chosen on.
    """
    from vlmeval.catalog import load_catalog
    from vlmeval.embed import EmbedOptions
    from vlmeval.workbench.search import Request, parse_objective, search_prompts
    from vlmeval.workbench.search.choose import Options

    request = Request(
        model=model,
        benchmark=bench,
        save=save,
        to=to,
        objective=parse_objective(objective),
        prompts=() if prompts in (None, ["all"]) else tuple(prompts or ()),
        group=group,
        options=Options(ensemble.value, max_templates, folds, seed),
        draws=draws,
        force=force,
    )
    request = replace(request, command=_command(request))
    catalog = load_catalog(data_root or [])
    with console.progress_bars() as progress:
        found = search_prompts(request, catalog, data, cache, EmbedOptions(device=device), progress)
    if json_output:
        console.print_json(_described(found))
    else:
        _show(found, [*(data_root or []), to], data)


def _command(request: Request) -> str:
    """Return the call that searches again; folders are left out, as they are nobody else's."""
    options, objective = request.options, ",".join(f"{name}={share:g}" for name, share in request.objective.items())
    call = ["vlmeval", "prompts", "search", "--model", request.model, "--bench", request.benchmark]
    call += [part for set_id in request.prompts for part in ("--prompts", set_id)]
    call += ["--objective", objective, *(["--group", request.group] if request.group else [])]
    call += ["--folds", str(options.folds), "--ensemble", options.ensemble, "--max-templates", str(options.most)]
    call += ["--draws", str(request.draws), "--seed", str(options.seed), "--save", request.save]
    return shlex.join(call)


def _described(found: Found) -> dict[str, Any]:
    """Return what was found as data."""
    return {
        "prompts": found.prompts.id,
        "file": str(found.path),
        "left_out": dict(found.left_out),
        "seconds": dict(found.seconds),
        "contamination": found.contamination.model_dump(mode="json"),
        "badges": [badge.model_dump(mode="json") for badge in found.badges],
        **found.provenance.model_dump(mode="json", exclude={"unit_marks"}),
    }


def _show(found: Found, roots: Sequence[Path], data: Path | None) -> None:
    known, unit = found.provenance, found.benchmark.unit.name
    out = console.out()
    mix = " + ".join(name if share == 1 else f"{share:g} {name}" for name, share in known.objective.items())
    tone = f", skin tone by {known.group}" if known.group else ""
    model, benchmark = console.plain(known.model), console.plain(found.benchmark.title)
    out.print(f"\n[bold]{model}[/] on [bold]{benchmark}[/]: {console.plain(mix + tone)}")
    for badge in found.badges:
        out.print(f"[bold yellow]{badge.kind}[/] {console.plain(badge.text)}")
    drawn = ", ".join(known.pool)
    out.print(
        console.plain(f"{known.candidates} templates of {drawn}; {known.units} validation {unit}s, {known.folds} folds")
    )
    every = len(found.benchmark.classes)
    if len(known.classes) < every and set(known.objective) & {"auroc", "balanced-accuracy"}:
        out.print(
            console.plain(f"over {len(known.classes)} of {every} classes: the others have too few validation {unit}s")
        )
    if known.levels:
        classes, levels = ", ".join(known.shared_classes), ", ".join(known.levels)
        out.print(console.plain(f"worst of the levels {levels}, over the classes that all of them support: {classes}"))
    for set_id, reason in found.left_out.items():
        out.print(console.plain(f"left out: {set_id} ({reason})"))
    rows = [
        (step.kind, step.class_id, step.what, _value(step.before), _value(step.after), step.tried or None)
        for step in known.steps
    ]
    console.table("\nThe search", ["step", "class", "what", "before", "after", "tried"], rows)
    lines = [
        ("validation, chosen on these", *_figure(known.validation)),
        ("validation, nested", *_figure(known.nested)),
        ("test", *_figure(known.test)),
        (f"test, {known.baseline}", *_figure(known.baseline_test)),
        ("gain on test", *_figure(known.gain_test)),
        ("optimism (validation - nested)", *_figure(known.optimism)),
    ]
    console.table(f"\nThe objective by {known.level}", ["", "value", "95 % interval"], lines)
    for line in in_words(found):
        out.print(console.plain(line))
    out.print(f"prompt set: {console.plain(str(found.path))}")
    use = ["vlmeval", "run", *(part for root in dict.fromkeys(roots) for part in ("--data-root", str(root)))]
    use += ["--model", known.model, "--bench", known.benchmark, *(["--data", str(data)] if data else [])]
    out.print(f"use it: {console.plain(shlex.join([*use, '--prompts', found.prompts.id]))}")


def in_words(found: Found) -> list[str]:
    """Say what optimism and gain mean, in sentences."""
    known, said = found.provenance, []
    off, gain = known.optimism, known.gain_test
    if off.value is not None:
        clear = off.low is not None and off.low > 0
        seen = (
            "" if known.optimism_test is None else f", {known.optimism_test:+.3f} against test units (other patients)"
        )
        said.append(
            f"Measured where it was chosen, the set looks {'too good' if clear else 'not clearly too good'}: "
            f"{off.value:+.3f} against folds that the search had not seen{seen}."
        )
    if gain is None or gain.value is None:
        return said
    if gain.low is None or gain.high is None:
        return [*said, f"Gain over {known.baseline} on test: {gain.value:+.3f}."]
    if gain.low > 0:
        verdict = f"Better than {known.baseline} on test units"
    elif gain.high < 0:
        verdict = f"Worse than {known.baseline} on test units"
    elif gain.value == 0 and gain.low == gain.high:
        verdict = f"The same scores as {known.baseline} on test units: the search found nothing that holds up"
    else:
        verdict = f"Not clearly different from {known.baseline} on test units"
    return [*said, f"{verdict}: {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})."]


def _figure(one: Figure | None) -> tuple[str, str]:
    if one is None or one.value is None:
        return "-", "" if one is None else one.reason or ""
    interval = "" if one.low is None or one.high is None else f"{one.low:.3f} to {one.high:.3f}"
    return _value(one.value), interval


def _value(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
