"""`vlmeval list models|benchmarks|prompts|methods|metrics|contamination`: what can be named or looked up."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from vlmeval.catalog import Catalog, load_catalog
from vlmeval.cli import console
from vlmeval.cli.options import DataRoots, Json
from vlmeval.errors import UnknownNameError, UsageError

Row = Mapping[str, Any]
EXAMPLE = """
Examples:

  vlmeval list benchmarks

  vlmeval list models --json

  vlmeval list metrics --html how-we-compute.html
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("list", epilog=EXAMPLE)(list_names)


@console.guarded
def list_names(
    what: Annotated[str, typer.Argument(help="models, benchmarks, prompts, methods, metrics or contamination.")],
    data_root: DataRoots = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the page “How we compute this”, with every "
                    "metric's formula, source and worked example, to this file (metrics only).")] = None,
    json_output: Json = False,
) -> None:  # fmt: skip
    """List models, benchmarks, prompt sets, methods, metrics, or what models were trained on."""
    if what not in LISTS:
        raise UnknownNameError("list", what, LISTS)
    if html is not None:
        _write_how(what, html, json_output=json_output)
        return
    rows = LISTS[what](load_catalog(data_root or []))
    if json_output:
        console.print_json({what: [dict(row) for row in rows]})
        return
    columns = list(rows[0]) if rows else []
    console.table(None, columns, [[_cell(row[c]) for c in columns] for row in rows])


def _write_how(what: str, target: Path, *, json_output: bool) -> None:
    if what != "metrics" or json_output:
        raise UsageError("--html goes with `vlmeval list metrics`, without --json", found=f"list {what}")
    from vlmeval import store
    from vlmeval.atomic import write_text
    from vlmeval.report import how_page

    with store.writing(target, "name a file that can be written: --html FILE"):
        write_text(target, how_page())
    console.out().print(f"page: {target}", markup=False)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _models(catalog: Catalog) -> list[Row]:
    return [
        {
            "model": card.id,
            "title": card.title,
            "library": card.library,
            "size": card.image.size if card.image else None,
            "parameters (M)": card.parameters_millions,
            "gated": card.gated,
            "licence": card.licence,
            "variants": tuple(card.variants),
            "family": card.family,
            "trained on": tuple(
                c.data for c in catalog.contamination if c.family == card.family and c.status == "in-training"
            ),
        }
        for card in catalog.model_cards.values()
    ]


def _benchmarks(catalog: Catalog) -> list[Row]:
    return [
        {
            "benchmark": card.id,
            "title": card.title,
            "task": card.task,
            "classes": len(card.classes),
            "unit": card.unit.name,
            "leaky": card.protocol.leaky is not None,
            "synthetic": card.synthetic,
            "skin tone": tuple(g.id for g in card.available_groups if g.kind == "skin-tone"),
        }
        for card in catalog.benchmarks.values()
    ]


def _prompts(catalog: Catalog) -> list[Row]:
    from vlmeval.cli.prompt_rows import prompt_rows

    return prompt_rows(catalog)


def _methods(_: Catalog) -> list[Row]:
    from vlmeval.methods import METHODS

    return [{"method": name, "what it does": text} for name, text in METHODS.items()]


def _metrics(_: Catalog) -> list[Row]:
    from vlmeval.stats import all_metrics

    rows: list[Row] = [
        {
            "metric": metric.id,
            "name": metric.name,
            "better": metric.direction,
            "bounds": tuple(b if math.isfinite(b) else None for b in metric.bounds),
            "tasks": tuple(metric.tasks),
            "source": metric.source,
        }
        for metric in all_metrics()
    ]
    return rows


def _contamination(catalog: Catalog) -> list[Row]:
    return [
        {
            "data": said.data,
            "family": said.family,
            "status": said.status,
            "note": said.note,
            "source": said.source,
            "date": None if said.date is None else said.date.isoformat(),
        }
        for said in catalog.contamination
    ]


LISTS: dict[str, Callable[[Catalog], list[Row]]] = {
    "models": _models,
    "benchmarks": _benchmarks,
    "prompts": _prompts,
    "methods": _methods,
    "metrics": _metrics,
    "contamination": _contamination,
}
