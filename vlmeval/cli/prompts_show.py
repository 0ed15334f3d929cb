"""`vlmeval prompts show`: the final strings of a prompt set, and everything that is known of where they come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vlmeval.cli import console
from vlmeval.cli.options import DataRoots, Json
from vlmeval.errors import UsageError

if TYPE_CHECKING:
    from vlmeval.catalog import Catalog
    from vlmeval.encoders.tokens import Tokens
    from vlmeval.records import Benchmark, PromptSet, Wording
    from vlmeval.records.search import Figure, Provenance

EXAMPLE = """
Examples:

  vlmeval prompts show scin/clinical --bench scin

  vlmeval prompts show ham10000/names --model clip-demo
"""


def register(group: typer.Typer) -> None:
    """Add the verb to the group."""
    group.command("show", epilog=EXAMPLE)(show)


@console.guarded
def show(
    prompts: Annotated[str, typer.Argument(help="Prompt set id.")],
    bench: Annotated[str | None, typer.Option("--bench", "-b", help="Benchmark whose classes are filled in.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Count tokens with this model's tokenizer.")
    ] = None,
    data_root: DataRoots = None,
    json_output: Json = False,
) -> None:
    """Print the final strings of a prompt set, class by class, with weights, negatives and where they come from."""
    from vlmeval.catalog import load_catalog

    catalog = load_catalog(data_root or [])
    chosen = catalog.prompt_set(prompts)
    benchmark = _benchmark(chosen, bench, catalog)
    words = catalog.expand(prompts, benchmark)
    tokens = None if model is None else _tokens(model, catalog)
    if json_output:
        console.print_json(_as_json(chosen, benchmark, words, (model, tokens)))
        return
    out = console.out()
    for line in (*_about(chosen), *_strings(benchmark, words, tokens)):
        out.print(line)


def _benchmark(chosen: PromptSet, bench: str | None, catalog: Catalog) -> Benchmark:
    name = bench or next((b for b in chosen.benchmarks if b in catalog.benchmarks), None)
    if name is None:
        raise UsageError(
            f"prompt set {chosen.id} is for any benchmark",
            hint=f"say which: vlmeval prompts show {chosen.id} --bench scin",
        )
    return catalog.benchmark(name)


def _tokens(model: str, catalog: Catalog) -> Tokens:
    from vlmeval.encoders.resolve import resolve
    from vlmeval.encoders.tokens import tokens_of

    return tokens_of(resolve(model, catalog))


def _as_json(
    chosen: PromptSet, benchmark: Benchmark, words: Wording, counted: tuple[str | None, Tokens | None]
) -> dict[str, Any]:
    model, tokens = counted
    about = ("title", "version", "kind", "language", "author", "source", "reviewed", "models", "includes", "notes")
    told = chosen.model_dump(mode="json", include={*about, "aggregation", "provenance"})
    counts = None
    if tokens is not None:
        counts = {
            "model": model,
            "tokenizer": tokens.tokenizer,
            "context": tokens.context,
            "counts": {text: tokens.count(text) for text in words.texts},
        }
    return {
        "prompts": chosen.id,
        "benchmark": benchmark.id,
        **told,
        "strings": words.prompts,
        "negatives": words.negatives,
        "weights": words.weights,
        "tokens": counts,
    }


def _about(chosen: PromptSet) -> Iterator[str]:
    facts = f"{chosen.id}, version {chosen.version}, {chosen.kind}, {chosen.language}, {chosen.aggregation}"
    yield f"[bold]{console.plain(chosen.title)}[/] ({console.plain(facts)})"
    yield f"by {console.plain(chosen.author)}; {console.plain(chosen.source)}"
    yield console.plain(
        f"reviewed by {chosen.reviewed}" if chosen.reviewed else "not reviewed by anybody with clinical training"
    )
    if chosen.models:
        yield console.plain(f"for models of the families {', '.join(chosen.models)}")
    if chosen.includes:
        yield console.plain(f"includes {', '.join(chosen.includes)}")
    if chosen.notes:
        yield console.plain(f"note: {chosen.notes}")
    if chosen.provenance is not None:
        yield from (console.plain(line) for line in _provenance(chosen.provenance))


def _provenance(said: Provenance) -> Iterator[str]:
    objective = " + ".join(f"{share:g} {metric}" for metric, share in said.objective.items())
    worst = f", worst level of {said.group}" if said.group else ""
    yield f"searched: chosen on {said.units} validation units of {said.benchmark} with {said.model} ({said.created})"
    yield f"  objective: {objective}{worst}; {len(said.steps)} steps from {said.baseline}, {said.candidates} candidates"
    yield f"  candidates from: {', '.join(said.pool)}"
    yield f"  on the units that it was chosen on (too good): {_figure(said.validation)}"
    yield f"  honest estimate by {said.folds} nested folds: {_figure(said.nested)}; optimism {_figure(said.optimism)}"
    if said.test is None:
        yield "  not measured on test units"
        return
    yield f"  on test units: {_figure(said.test)}"
    if said.baseline_test is not None:
        yield f"  {said.baseline} on test units: {_figure(said.baseline_test)}"
    if said.gain_test is not None:
        yield f"  gain on test units: {_figure(said.gain_test)}"
    if said.optimism_test is not None:
        yield f"  validation minus test: {said.optimism_test:.3f}"


def _figure(figure: Figure) -> str:
    if figure.value is None:
        return f"none ({figure.reason or 'no reason given'})"
    interval = "" if figure.low is None or figure.high is None else f" [{figure.low:.3f}, {figure.high:.3f}]"
    return f"{figure.value:.3f}{interval}"


def _strings(benchmark: Benchmark, words: Wording, tokens: Tokens | None) -> Iterator[str]:
    if tokens is not None:
        yield f"tokens by {tokens.tokenizer}, of at most {tokens.context}"
    for spec in benchmark.classes:
        yield f"\n[bold]{console.plain(spec.name)}[/] ({console.plain(spec.id)})"
        weights = words.weights.get(spec.id)
        for i, text in enumerate(words.prompts[spec.id]):
            weight = "" if weights is None else f"{weights[i]:7.4f}  "
            yield f"  {weight}{_counted(text, tokens)}{console.plain(text)}"
        for text in words.negatives.get(spec.id, ()):
            yield f"  [dim]against:[/] {_counted(text, tokens)}{console.plain(text)}"


def _counted(text: str, tokens: Tokens | None) -> str:
    if tokens is None:
        return ""
    count = tokens.count(text)
    return f"{count:3}{' too long' if count > tokens.context else ''}  "
