"""Lint whole files: read each, fill it in for every benchmark that it is for, put all rules to it, and collect.

In: paths of prompt sets and a catalog. Out: `LintReport`. A file that cannot be read is a finding; the others go on.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vlmeval.catalog import Catalog, YamlFile, read_yaml, validate, written_for
from vlmeval.catalog.yamlfile import dotted
from vlmeval.errors import CatalogError, UsageError
from vlmeval.records import Benchmark, PromptSet
from vlmeval.workbench.lint import about, articles, classes, leaks, lengths, repeats, strings
from vlmeval.workbench.lint.finding import Checked, LintFinding, LintReport
from vlmeval.workbench.lint.limits import CLIP, ClipTokens, Limit, limits_by_cards
from vlmeval.workbench.lint.registry import RULES, Problem, Rule
from vlmeval.workbench.lint.subject import Subject

RULE_MODULES = (about, classes, strings, repeats, leaks, articles, lengths)
COUNTED = f"{CLIP}; a third more for models with one of their own"


@dataclass(frozen=True)
class Target:
    """A file to look at; ``expected_id`` is the id of its place: in the catalog, or below a folder ``prompts``."""

    path: Path
    expected_id: str | None = None


@dataclass(frozen=True)
class Settings:
    """What lint is asked for: one benchmark (None: all that a set is for), and models whose tokenizers count.

    ``limits`` None: those of the model cards, counted by CLIP's tokenizer.
    """

    benchmark: Benchmark | None = None
    limits: tuple[Limit, ...] | None = None
    tokens: str = COUNTED
    clip_tokens: Callable[[str], int] = field(default_factory=ClipTokens)


def targets_of(names: Sequence[str], catalog: Catalog, benchmark: Benchmark | None = None) -> tuple[Target, ...]:
    """Return the files of prompt set ids and paths; without any, of all sets of the catalog (for ``benchmark``).

    Raises
    ------
    UnknownNameError, UsageError
        No such set, or no such file.
    """
    if names:
        return tuple(dict.fromkeys(_target(name, catalog) for name in names))
    every = tuple(Target(catalog.prompt_sets.path(set_id), set_id) for set_id in catalog.prompt_sets)
    return every if benchmark is None else tuple(t for t in every if _may_be_for(t, benchmark))


def lint(targets: Iterable[Target], catalog: Catalog, settings: Settings | None = None) -> LintReport:
    """Put every rule to every file.

    Parameters
    ----------
    targets
        The files, see :func:`targets_of`.
    catalog
        Benchmark cards, the sets that others include, and model cards.
    settings
        One benchmark or all, and how tokens are counted.

    Raises
    ------
    CatalogError
        A benchmark's or model's card is wrong; what is wrong with prompt sets is in the report.
    """
    settings = settings or Settings()
    files: list[Checked] = []
    findings: list[LintFinding] = []
    for target in targets:
        checked, found = lint_file(target, catalog, settings)
        files.append(checked)
        findings += found
    errors = sum(finding.severity == "error" for finding in findings)
    return LintReport(
        tokens=settings.tokens,
        files=tuple(files),
        errors=errors,
        warnings=len(findings) - errors,
        findings=tuple(findings),
    )


def lint_file(target: Target, catalog: Catalog, settings: Settings) -> tuple[Checked, list[LintFinding]]:
    """Put every rule to one file; findings come by line."""
    try:
        file = read_yaml(target.path)
        prompt_set = validate(PromptSet, file)
    except CatalogError as error:
        return Checked(file=str(target.path), prompts=target.expected_id, title=None, benchmarks=()), [_unread(error)]
    benchmarks = (settings.benchmark,) if settings.benchmark else benchmarks_of(prompt_set, catalog)
    found = _Findings(file, prompt_set)
    for rule, problem in _of_set(target, prompt_set, catalog):
        found.add(rule, problem, None)
    for benchmark in benchmarks:
        subject = _subject(file, prompt_set, benchmark, catalog, settings)
        for rule in RULES.values():
            for problem in rule.of_subject(subject) if rule.of_subject else ():
                found.add(rule, problem, benchmark.id)
    ids = tuple(benchmark.id for benchmark in benchmarks)
    return Checked(file=str(file.path), prompts=prompt_set.id, title=prompt_set.title, benchmarks=ids), found.sorted()


def benchmarks_of(prompt_set: PromptSet, catalog: Catalog) -> tuple[Benchmark, ...]:
    """Return the benchmarks that a set is for (all, where it names none), one of those with the same classes."""
    fitting = [c for c in catalog.benchmarks.values() if not prompt_set.benchmarks or written_for(prompt_set, c)]
    return tuple({(card.task, card.classes): card for card in reversed(fitting)}.values())[::-1]


def _target(name: str, catalog: Catalog) -> Target:
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        if not path.is_file():
            raise UsageError(
                "no such file", file=path, hint="give a prompt set's id (vlmeval prompts list) or its file"
            )
        return Target(path, _id_of_place(path))
    return Target(catalog.prompt_sets.path(name), name)


def _id_of_place(path: Path) -> str | None:
    """Return the id that a file will have where its folder is a data root; None where it lies elsewhere."""
    family = path.resolve().parent
    return f"{family.name}/{path.stem}" if family.parent.name == "prompts" else None


def _may_be_for(target: Target, benchmark: Benchmark) -> bool:
    """Whether a file may be for a benchmark: it says so, is for any, or cannot be read."""
    try:
        prompt_set = validate(PromptSet, read_yaml(target.path))
    except CatalogError:
        return True
    return not prompt_set.benchmarks or written_for(prompt_set, benchmark)


def _of_set(target: Target, prompt_set: PromptSet, catalog: Catalog) -> Iterator[tuple[Rule, Problem]]:
    if target.expected_id not in (None, prompt_set.id):
        message = "the id does not fit the file's place"
        yield about.WRONG_ID, Problem(("id",), message, repr(prompt_set.id), repr(target.expected_id))
    families = {benchmark_id.partition("@")[0] for benchmark_id in catalog.benchmarks}
    for at, name in enumerate(prompt_set.benchmarks):
        if name not in catalog.benchmarks and name not in families:
            yield (
                about.UNKNOWN_BENCHMARK,
                Problem(("benchmarks", at), f"no benchmark {name!r} in the catalog", repr(name)),
            )
    known = {card.family for card in catalog.model_cards.values()} if prompt_set.models else set()
    for at, name in enumerate(prompt_set.models):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=2)
            mend = f"did you mean {' or '.join(near)}?" if near else None
            message = f"no model card is of family {name!r}"
            yield about.UNKNOWN_FAMILY, Problem(("models", at), message, repr(name), mend=mend)
    for rule in RULES.values():
        yield from ((rule, problem) for problem in (rule.of_set(prompt_set) if rule.of_set else ()))


def _subject(
    file: YamlFile, prompt_set: PromptSet, benchmark: Benchmark, catalog: Catalog, settings: Settings
) -> Subject:
    parts, problems = _parts(prompt_set, catalog.prompt_sets)
    limits = settings.limits
    if limits is None:
        limits = limits_by_cards(prompt_set, benchmark, catalog.model_cards, settings.clip_tokens)
    return Subject(file, prompt_set, benchmark, tuple(parts.items()), problems, limits)


def _parts(prompt_set: PromptSet, known: Mapping[str, PromptSet]) -> tuple[dict[int, PromptSet], dict[int, str]]:
    parts: dict[int, PromptSet] = {}
    problems: dict[int, str] = {}
    for at, set_id in enumerate(prompt_set.includes):
        if set_id not in known:
            problems[at] = "the included set is not known"
            continue
        try:
            part = known[set_id]
        except CatalogError as error:
            problems[at] = f"the included set is not valid: {error.message}"
            continue
        if part.includes or part.weights:
            problems[at] = "the included set has 'includes' or 'weights' of its own"
        else:
            parts[at] = part
    return parts, problems


def _unread(error: CatalogError) -> LintFinding:
    return LintFinding(
        rule=about.NOT_VALID.id,
        severity=about.NOT_VALID.severity,
        file=error.file or "",
        line=error.line,
        key=error.key or None,
        message=error.message,
        found=error.found,
        expected=error.expected,
        mend=error.hint or about.NOT_VALID.mend,
    )


class _Findings:
    """The findings of one file: one a rule and place; what else is wrong there is counted."""

    def __init__(self, file: YamlFile, prompt_set: PromptSet) -> None:
        self._file, self._set = file, prompt_set
        self._first: dict[tuple[str, str], LintFinding] = {}
        self._texts: dict[tuple[str, str], set[tuple[str, str | None]]] = {}

    def add(self, rule: Rule, problem: Problem, benchmark: str | None) -> None:
        key = (rule.id, dotted(problem.place))
        texts = self._texts.setdefault(key, set())
        texts.add((problem.message if problem.found is None else problem.found, problem.class_id))
        if key in self._first:
            return
        self._first[key] = LintFinding(
            rule=rule.id,
            severity=rule.severity,
            file=str(self._file.path),
            line=self._file.line_of(problem.place),
            key=key[1],
            prompts=self._set.id,
            benchmark=benchmark,
            class_id=problem.class_id,
            message=problem.message,
            found=problem.found,
            expected=problem.expected,
            mend=problem.mend or rule.mend,
        )

    def sorted(self) -> list[LintFinding]:
        order = list(RULES)
        counted = [
            finding.model_copy(update={"more": len(self._texts[key]) - 1}) for key, finding in self._first.items()
        ]
        return sorted(counted, key=lambda f: (f.line or 0, f.severity, order.index(f.rule), f.key or ""))
