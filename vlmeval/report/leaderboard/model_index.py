"""The leaderboard as Hugging Face's ``model-index``: the evaluation results of a model card's metadata, in YAML.

One entry a model, one result a benchmark and method; what stands beside a number here (interval, counts, digests,
badges) stands in ``args``, and a badge in the metric's name, too, for that is what the hub shows.
Source: https://github.com/huggingface/hub-docs/blob/main/modelcard.md (model-index).
"""

from __future__ import annotations

from typing import Any, Final

from vlmeval.report.leaderboard.words import badge_names, method_in_words
from vlmeval.report.lookup import View
from vlmeval.report.text import one_line

METRIC_TYPES: Final = {
    "auroc": "roc_auc",
    "accuracy": "accuracy",
    "brier": "brier_score",
    "f1": "f1",
    "mcc": "matthews_correlation",
}
"""Our ids by the ids of metrics on the hub; others keep theirs."""


def leaderboard_model_index(view: View) -> str:
    """Return the YAML of every model of the view."""
    import yaml

    results: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for table in view["tables"]:
        for row in table["rows"]:
            found = _result(view, table, row)
            if found["metrics"]:
                results.setdefault((row["model"], row["spec"]), []).append(found)
    entries = [{"name": one_line(model, 200), "results": own} for (model, _), own in results.items()]
    made: str = yaml.safe_dump({"model-index": entries}, sort_keys=False, allow_unicode=True, width=120)
    return made


def _result(view: View, table: View, row: View) -> dict[str, Any]:
    zero_shot = row["kind"] == "zero-shot"
    badges = badge_names(row)
    metrics = {m["id"]: m for m in [*table["metrics"], *table["calibration"]]}
    cells = {**row["calibration"], **row["cells"]}
    return {
        "task": {
            "type": "zero-shot-image-classification" if zero_shot else "image-classification",
            "name": one_line(method_in_words(row), 200),
        },
        "dataset": {
            "type": table["benchmark_id"],
            "name": one_line(table["heading"], 200),
            "split": table["split"],
            "revision": table["version"],
            "args": {
                "card_digest": table["card_digest"],
                "tests_digest": table["tests_digest"],
                "level": table["level"],
                "run": row["digest"],
                "evaluated_by": f"vlmeval {view['vlmeval']}",
                "badges": badges,
                "rank": row["rank"],
            },
        },
        "metrics": [
            _metric(metrics[name], cell, badges) for name, cell in cells.items() if cell and cell["value"] is not None
        ],
    }


def _metric(metric: View, cell: View, badges: list[str]) -> dict[str, Any]:
    marks = f" [{', '.join(badges)}]" if badges else ""
    return {
        "type": METRIC_TYPES.get(metric["id"], metric["id"]),
        "value": cell["value"],
        "name": metric["short"] + marks,
        "args": {
            "low": cell["low"],
            "high": cell["high"],
            "confidence": 0.95,
            "n": cell["n"],
            "n_units": cell["n_units"],
        },
    }
