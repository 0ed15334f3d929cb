"""A PromptComparison -> the view of its page: how much wording matters, which sets lead, for whom, and every string.

In: a `PromptComparison`. Out: a plain dict that feeds the HTML (``render_prompts``) and the JSON output alike. Nothing
is computed here: what is clear is what the study's tests say. Keys of a study and their makers: `answer` answer.py;
`ranked`, `matrix`, `classes` tables.py; `tones`, `groups` tones.py; `wordings`, `names`, `order`, `moved` wording.py;
`strings` sets.py.
"""

from __future__ import annotations

from typing import Any, Final

from vlmeval.records import Benchmark
from vlmeval.records.prompt_study import PromptComparison, PromptStudy
from vlmeval.report.headline import BADGE_NAMES, SYNTHETIC_BANNER, SYNTHETIC_DATA, SYNTHETIC_MODEL
from vlmeval.report.lookup import View, counted
from vlmeval.report.prompts.answer import answer_view
from vlmeval.report.prompts.facts import Facts
from vlmeval.report.prompts.sets import strings_view
from vlmeval.report.prompts.tables import classes_view, matrix_view, ranked_view, set_view
from vlmeval.report.prompts.tones import groups_view
from vlmeval.report.prompts.wording import moved_view, names_view, order_view, wordings_view
from vlmeval.report.text import one_line
from vlmeval.stats import metric_info

PROMPTS_VIEW: Final = 1
TITLE: Final = 80
"""Characters of a name in a title."""


def build_prompts(found: PromptComparison) -> dict[str, Any]:
    """Return everything that the page of a comparison of prompt sets shows.

    Parameters
    ----------
    found
        One study or several: models x benchmarks.

    Returns
    -------
    dict
        JSON-able (no NaN), the same for the same record.
    """
    several = len(found.studies) > 1
    return {
        "schema": PROMPTS_VIEW,
        "kind": "prompts",
        "title": _title(found),
        "vlmeval": found.vlmeval,
        "created": found.created,
        "banner": _banner(found),
        "badges": _badges(found),
        "studies": [_study(study, i, several=several) for i, study in enumerate(found.studies)],
        "how": {
            "command": found.command,
            "draws": found.draws,
            "seed": found.seed,
            "timings": [{"stage": s, "seconds": t} for s, t in found.timings.items()],
            "notes": list(found.notes),
            "metrics": _metrics(found),
        },
    }


def _title(found: PromptComparison) -> str:
    models = list(dict.fromkeys(one_line(s.model.title, TITLE) for s in found.studies))
    benchmarks = list(dict.fromkeys(one_line(s.benchmark.title, TITLE) for s in found.studies))
    return f"Prompt sets of {_joined(models)} on {_joined(benchmarks)}"


def _name(study: PromptStudy) -> str:
    return f"{one_line(study.model.title, TITLE)} on {one_line(study.benchmark.title, TITLE)}"


def _joined(names: list[str]) -> str:
    return " and ".join(names[:2]) + (f" and {len(names) - 2} more" if names[2:] else "")


def _banner(found: PromptComparison) -> str | None:
    data = any(s.benchmark.synthetic for s in found.studies)
    models = any(s.model.synthetic for s in found.studies)
    if data and models:
        return SYNTHETIC_BANNER
    if data:
        return SYNTHETIC_DATA
    if models:
        return SYNTHETIC_MODEL
    return SYNTHETIC_BANNER if any(b.kind == "synthetic" for s in found.studies for b in s.badges) else None


def _badges(found: PromptComparison) -> list[View]:
    """Return every badge once; where there are several studies, with the study that it belongs to."""
    several = len(found.studies) > 1
    made = [
        {
            "kind": b.kind,
            "name": BADGE_NAMES[b.kind],
            "text": f"{_name(study)}: {b.text}" if several else b.text,
            "source": b.source,
        }
        for study in found.studies
        for b in study.badges
    ]
    return [b for i, b in enumerate(made) if b not in made[:i]]


def _metrics(found: PromptComparison) -> list[View]:
    """Return each metric of the page once, with its definition."""
    made: dict[str, View] = {}
    for study in found.studies:
        facts = Facts(study)
        for metric in (*facts.metrics, *facts.class_metrics()):
            made.setdefault(metric, facts.metric(metric))
    return list(made.values())


def _study(study: PromptStudy, number: int, *, several: bool) -> View:
    facts = Facts(study)
    card: Benchmark = study.benchmark
    tones, groups = groups_view(facts)
    return {
        "key": f"s{number + 1}-" if several else "",
        "title": _name(study),
        "model": study.model.title,
        "benchmark": card.title,
        "unit": card.unit.name,
        "level": study.level,
        "split": study.split,
        "tested": counted(study.n, "image" if study.level == "image" else card.unit.name),
        "of": counted(study.n_units, card.unit.name) if study.n != study.n_units else None,
        "by_card": card.prompts.default == study.chosen,
        "sets": [set_view(s, facts) for s in facts.sets],
        "answer": answer_view(facts),
        "ranked": ranked_view(facts),
        "matrix": matrix_view(facts),
        "classes": classes_view(facts),
        "tones": tones,
        "groups": groups,
        "wordings": wordings_view(facts),
        "names": names_view(facts),
        "order": order_view(facts),
        "moved": moved_view(facts),
        "strings": [
            strings_view(s, card, frozenset(s.truncated)) | {"author": s.author, "kind": s.kind, "set": i}
            for i, s in enumerate(facts.sets)
        ],
        "how": {
            "headline_tests": study.headline_tests,
            "metric_tests": [{"metric": facts.metric(m)["short"], "tests": n} for m, n in study.metric_tests.items()],
            "computed_images": study.computed_images,
            "computed_texts": study.computed_texts,
            "test_ids_digest": study.test_ids_digest,
            "benchmark_digest": study.benchmark_digest,
            "own_thresholds": _own_thresholds(facts),
            "model": study.model.model_dump(mode="json"),
        },
    }


def _own_thresholds(facts: Facts) -> list[str]:
    """Return the headline metrics of decisions at thresholds that each set has of its own (several labels a row)."""
    if facts.card.task != "multi-label" or facts.study.split == "all":
        return []
    decided = [m for m in facts.metrics if metric_info(m, facts.card.task).needs == "decision"]
    return [str(facts.metric(m)["short"]) for m in decided]
