"""`vlmeval prompts lint`: what is wrong in prompt sets, with file and line, before any model reads them.

Exit code 0: nothing wrong (warnings allowed, unless --strict), 2: something is.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vlmeval.cli import console
from vlmeval.cli.options import DataRoots, Json
from vlmeval.errors import ModelUnavailableError, UsageError

if TYPE_CHECKING:
    from vlmeval.catalog import Catalog
    from vlmeval.workbench.lint import Limit, LintFinding, LintReport

EXAMPLE = """
Examples:

  vlmeval prompts lint

  vlmeval prompts lint scin/clinical my-prompts.yaml --bench scin --strict

  vlmeval prompts lint --model medsiglip-448 --json

  vlmeval prompts lint --rules
"""
COLOURS = {"error": "bold red", "warning": "yellow"}


class Format(StrEnum):
    """How findings are written."""

    text = "text"
    github = "github"


def register(group: typer.Typer) -> None:
    """Add the verb to the group."""
    group.command("lint", epilog=EXAMPLE)(lint_prompts)


@console.guarded
def lint_prompts(
    sets: Annotated[list[str] | None, typer.Argument(metavar="[SET_OR_FILE]...", help="Prompt set ids or YAML files. "
                    "Default: all prompt sets.")] = None,
    bench: Annotated[str | None, typer.Option("--bench", "-b", help="Check against this benchmark's classes. Default: "
                     "all benchmarks that a set is for.")] = None,
    model: Annotated[list[str] | None, typer.Option("--model", "-m", help="Count tokens with this model's tokenizer. "
                     "May be repeated. Default: CLIP's, for all models that a set is for.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 2 for warnings too.")] = False,
    rules: Annotated[bool, typer.Option("--rules", help="Print the rules and stop.")] = False,
    form: Annotated[Format, typer.Option("--format", help="github: annotations for its workflows.")] = Format.text,
    data_root: DataRoots = None,
    json_output: Json = False,
) -> None:  # fmt: skip
    """Check prompt sets: classes, placeholders, duplicates, lengths, articles, words of other classes, and more."""
    if rules:
        _show_rules(json_output=json_output)
        return
    from vlmeval.catalog import load_catalog
    from vlmeval.workbench.lint import Settings, lint, targets_of

    if json_output and form is not Format.text:
        raise UsageError("--json and --format are two ways to write findings", hint="leave one of them out")
    catalog = load_catalog(data_root or [])
    benchmark = None if bench is None else catalog.benchmark(bench)
    targets = targets_of(sets or [], catalog, benchmark)
    settings = Settings(benchmark)
    if model:
        limits = _limits(model, catalog)
        counted = "; ".join(f"{limit.tokenizer} for {limit.who}" for limit in limits) or "nothing"
        settings = Settings(benchmark, limits=limits, tokens=counted)
    report = lint(targets, catalog, settings)
    if json_output:
        console.print_json(report.model_dump(mode="json"))
    elif form is Format.github:
        _annotate(report.findings)
    else:
        _show(report)
    if report.errors or (strict and report.warnings):
        raise typer.Exit(2)


def _limits(models: Sequence[str], catalog: Catalog) -> tuple[Limit, ...]:
    """Return the limits by the models' own tokenizers; by a stand-in, which is told, where a model is not here."""
    from vlmeval.encoders.resolve import resolve
    from vlmeval.encoders.tokens import tokens_of
    from vlmeval.workbench.lint import ClipTokens, Limit, limit_by_card

    found = []
    for spec in dict.fromkeys(models):
        handle = resolve(spec, catalog)
        try:
            tokens = tokens_of(handle)
        except ModelUnavailableError as error:
            limit = limit_by_card(spec, handle.card, ClipTokens())
            instead = "nothing is counted for it" if limit is None else f"counted by {limit.tokenizer}"
            console.err().print(f"the tokenizer of {spec} is not here ({error.message}); {instead}", markup=False)
            found += [] if limit is None else [limit]
            continue
        found.append(Limit((spec,), tokens.context, tokens.tokenizer, True, tokens.count))
    return tuple(found)


def _show(report: LintReport) -> None:
    out = console.out()
    titles = {checked.file: checked for checked in report.files}
    for file, findings in groupby(report.findings, key=lambda finding: finding.file):
        checked = titles.get(file)
        about = f"{checked.title} ({checked.prompts})" if checked and checked.title else "not a prompt set"
        out.print(f"[bold]{console.plain(shown_path(file))}[/]  {console.plain(about)}")
        for finding in findings:
            _show_finding(finding)
        out.print()
    out.print(console.plain(summary(report)))


def _show_finding(finding: LintFinding) -> None:
    from vlmeval.workbench.lint.finding import indented

    out = console.out()
    where = shown_path(finding.file) + ("" if finding.line is None else f":{finding.line}")
    colour = COLOURS[finding.severity]
    rule = console.plain(f"[{finding.rule}]")
    out.print(
        f"  {console.plain(where)}: [{colour}]{finding.severity}[/]: {console.plain(finding.message)} [dim]{rule}[/]"
    )
    for label, text in finding.details:
        out.print(f"      {label}: {console.plain(indented(text, 8))}")


def summary(report: LintReport) -> str:
    """Return the last line: how much was looked at, and what was found."""
    sets = f"{len(report.files)} prompt set{'' if len(report.files) == 1 else 's'} checked"
    if not report.findings:
        return f"{sets}: nothing wrong; tokens counted by {report.tokens}"
    errors = f"{report.errors} error{'' if report.errors == 1 else 's'}"
    warnings = f"{report.warnings} warning{'' if report.warnings == 1 else 's'}"
    return f"{sets}: {errors}, {warnings}; tokens counted by {report.tokens}"


def shown_path(file: str) -> str:
    """Return a path as it is shortest from here."""
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else file


def _annotate(findings: Sequence[LintFinding]) -> None:
    """Print GitHub's workflow commands (docs.github.com, "Workflow commands": escaped as there)."""
    for finding in findings:
        told = ". ".join([finding.message, *(f"{label}: {text}" for label, text in finding.details)])
        place = {"file": shown_path(finding.file), "line": finding.line, "title": finding.rule}
        options = ",".join(f"{k}={_property(str(v))}" for k, v in place.items() if v is not None)
        console.out().print(f"::{finding.severity} {options}::{_data(told)}", markup=False)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _show_rules(*, json_output: bool) -> None:
    from vlmeval.workbench.lint import RULES

    rows = [
        {"rule": rule.id, "severity": rule.severity, "meaning": rule.meaning, "mend": rule.mend}
        for rule in RULES.values()
    ]
    if json_output:
        console.print_json({"rules": rows})
    else:
        console.table(None, ["rule", "severity", "what it means", "how to mend it"], [list(r.values()) for r in rows])
