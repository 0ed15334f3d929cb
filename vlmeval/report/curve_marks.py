"""Where decisions lie on the curves: the one in use, one whose threshold was chosen on validation units, one read off.

In: the views of the curves, the classes and the operating points. Out: the curves with ``marks``; nothing is computed
but one minus the specificity. A class without a curve has no marks.
"""

from __future__ import annotations

from typing import Final

from vlmeval.report.lookup import View
from vlmeval.report.text import lower_first, percent

USED, TARGET, READ = "used", "target", "read"
DIGITS: Final = 4


def with_marks(curves: View, classes: View, operating: View) -> View:
    """Return the curves, each class with its marks: ``kind``, the words, and its place on either curve."""
    ids = [m["id"] for m in classes["metrics"]]
    cells = {row["id"]: dict(zip(ids, row["cells"], strict=True)) for row in classes["rows"]}
    target = operating["targets"][0]["title"] if operating["targets"] else None
    own = [m["id"] for m in operating["metrics"]]
    chosen = {row["id"]: dict(zip(own, row["cells"], strict=True)) for row in operating["classes"]}
    made = []
    for one in curves["classes"]:
        marks: list[View] = []
        if one["roc"] is not None:
            marks += _mark(USED, "The decision in use", cells.get(one["id"], {}))
            if target is not None:
                title = f"Threshold for {lower_first(target)}, chosen on validation"
                marks += _mark(TARGET, title, chosen.get(one["id"], {}))
            marks.append(_read(one))
        made.append(one | {"marks": marks})
    kinds = list(dict.fromkeys(m["kind"] for one in made for m in one["marks"]))
    return curves | {"classes": made, "kinds": kinds, "target": target}


def _mark(kind: str, title: str, cells: View) -> list[View]:
    sensitivity, specificity = (_value(cells.get(m)) for m in ("sensitivity", "specificity"))
    precision = _value(cells.get("precision"))
    if sensitivity is None or specificity is None:
        return []
    alarms = round(1 - specificity, DIGITS)
    told = f"{title}: sensitivity {percent(sensitivity, 0)}, false alarms {percent(alarms, 0)}"
    found = {"kind": kind, "title": title, "told": told, "roc": [alarms, round(sensitivity, DIGITS)]}
    return [found | {"pr": None if precision is None else [round(sensitivity, DIGITS), round(precision, DIGITS)]}]


def _read(one: View) -> View:
    """Return the point with the highest specificity that the table reads the curve at."""
    at, recall = one["roc"]["read"][-1], one["pr"]["read"][1]
    title = f"At {percent(at['at'], 0)} specificity"
    told = f"{title}, read off this curve: sensitivity {percent(at['value'], 0)}"
    places = {"roc": [at["x"], at["value"]], "pr": [recall["x"], recall["value"]]}
    return {"kind": READ, "title": title, "told": told, **places}


def _value(cell: View | None) -> float | None:
    return None if cell is None else cell["value"]
