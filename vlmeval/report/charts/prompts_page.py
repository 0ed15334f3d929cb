"""Which charts stand on the page of a prompt study, under which name: view in, specifications by id out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vlmeval.report.charts.base import Spec, distinct, quickly
from vlmeval.report.charts.forest import ROW_HEIGHT, Item, forest
from vlmeval.report.charts.prompts import (
    HEAT_ROW,
    STRIP_ROW,
    Field,
    Mark,
    Strip,
    dodged,
    dodged_row,
    heat,
    strips,
)
from vlmeval.report.charts.shots import KEYS
from vlmeval.report.lookup import View
from vlmeval.report.text import interval, signed

AXIS: Final = 44
HEADS: Final = 120
MOST_ROWS: Final = 60
CLEAR = ("a", "b")


@quickly
def prompt_charts(view: View) -> dict[str, Spec]:
    """Return the charts of the page by id; those of several studies begin with the study's key."""
    charts: dict[str, Spec] = {}
    for study in view["studies"]:
        for add in (_ranked, _matrix, _classes, _groups, _wordings, _names):
            charts |= {f"{study['key']}{name}": spec for name, spec in add(study).items()}
    return charts


def _ranked(study: View) -> dict[str, Spec]:
    """Draw all sets on one axis, best first; solid: the chosen one, whose value is the thin line."""
    made = {}
    for i, table in enumerate(study["ranked"]):
        items = [Item(_label(study, row["set"]), row["cell"], row["set"] != 0) for row in table["rows"]]
        chosen = next((row["cell"] for row in table["rows"] if row["set"] == 0), None)
        if any(_has(item.cell) for item in items):
            spec = forest(items, table["metric"]["short"], table["metric"]["chance"], chosen and chosen["value"])
            made[f"ranked-{i}"] = {"height": ROW_HEIGHT * len(items) + AXIS, "spec": spec}
    return made


def _label(study: View, place: int) -> str:
    one = study["sets"][place]
    return f"{one['name']} (chosen)" if one["chosen"] else str(one["name"])


def _matrix(study: View) -> dict[str, Spec]:
    made = {}
    for i, table in enumerate(study["matrix"]):
        names = distinct([study["sets"][place]["name"] for place in table["order"]])
        fields = [
            Field(r, c, cell["value"], cell["better"] in CLEAR, f"{names[r]} minus {names[c]}: {_told(cell)}")
            for r, line in enumerate(table["cells"])
            for c, cell in enumerate(line)
            if cell is not None
        ]
        spec = heat(names, names, fields, lower=table["metric"]["direction"] == "lower")
        made[f"matrix-{i}"] = {"height": HEAT_ROW * len(names) + HEADS, "spec": spec}
    return made


def _told(cell: View) -> str:
    """Return a difference as a tooltip says it: value, interval, adjusted p or the reason why there is none."""
    if cell["value"] is None:
        return str(cell["reason"])
    between = interval(cell).partition("(")[2].rstrip(")")
    words = f"{signed(cell['value'])} ({between})" if between else signed(cell["value"])
    corrected = cell["p_adjusted"] or cell["p"]
    return f"{words}, {'adjusted p ' if cell['p_adjusted'] else ''}{corrected}" if corrected else words


def _classes(study: View) -> dict[str, Spec]:
    made = {}
    for i, table in enumerate(study["classes"]):
        if not table["sets"]:
            continue
        rows = distinct([row["name"] for row in table["rows"]])
        columns = [study["sets"][place]["name"] for place in table["sets"]]
        fields = [
            _class_field(r, c, one, rows[r], columns[c])
            for r, row in enumerate(table["rows"])
            for c, one in enumerate(row["cells"])
        ]
        lower = table["metric"]["direction"] == "lower"
        spec = heat(rows, columns, fields, lower=lower)
        made[f"classes-{i}"] = {"height": HEAT_ROW * len(rows) + HEADS, "spec": spec}
    return made


def _class_field(row: int, column: int, one: View, class_name: str, set_name: str) -> Field:
    found = one["difference"]
    if found is None:
        return Field(row, column, None, False, f"{class_name}, {set_name}: not compared")
    return Field(row, column, found["value"], found["better"] in CLEAR, f"{class_name}, {set_name}: {_told(found)}")


def _groups(study: View) -> dict[str, Spec]:
    """Draw every set's difference to the chosen one, level by level; of other groups the first metric only."""
    made = {}
    for kind in ("tones", "groups"):
        for g, group in enumerate(study[kind]):
            shown = group["metrics"] if kind == "tones" else group["metrics"][:1]
            for m, metric in enumerate(shown):
                spec = _levels(study, metric)
                if spec is not None:
                    made[f"{kind}-{g}-{m}"] = spec
    return made


def _levels(study: View, metric: View) -> Spec | None:
    """Return the chart of one metric: dodged levels, or one line a set and level where the levels are many."""
    shown = [j for j, level in enumerate(metric["levels"]) if not level["missing"]]
    rows = [row for row in metric["rows"] if row["set"] != 0]
    found = [(r, j, row["levels"][j]["difference"]) for r, row in enumerate(rows) for j in shown]
    known = [(r, j, cell) for r, j, cell in found if _has(cell)]
    if not known or len(found) > 4 * MOST_ROWS:
        return None
    title = "Difference to the chosen set"
    names = distinct([study["sets"][row["set"]]["name"] for row in rows])
    if len(shown) <= len(KEYS):
        marks = [Mark(r, shown.index(j), cell, cell["better"] in CLEAR) for r, j, cell in known]
        levels = [metric["levels"][j]["name"] for j in shown]
        return {"height": dodged_row(len(shown)) * len(names) + AXIS, "spec": dodged(names, levels, marks, title)}
    if len(found) > MOST_ROWS:
        return None
    items = [Item(f"{names[r]}, {metric['levels'][j]['name']}", cell, not _clear(cell)) for r, j, cell in found]
    return {"height": ROW_HEIGHT * len(items) + AXIS, "spec": forest(items, title, 0.0, fine=True)}


def _wordings(study: View) -> dict[str, Spec]:
    """Draw the strips of single wordings, and those of shuffled words."""
    made = {}
    for name, tables in (("wordings", study["wordings"]), ("order", study["order"])):
        for i, table in enumerate(tables):
            rows = [row for row in table["rows"] if row["points"]]
            names = distinct([_label(study, row["set"]) for row in rows])
            found = [Strip(_points(row), row["median"], row["whole"]) for row in rows]
            if found:
                metric = table["metric"]
                spec = strips(names, found, metric["short"], metric["chance"])
                made[f"{name}-{i}"] = {"height": STRIP_ROW * len(rows) + AXIS, "spec": spec}
    return made


def _points(row: View) -> list[tuple[str, float]]:
    labelled = {i: s["label"] for i, s in enumerate(row["singles"])}
    return [(labelled.get(i, ""), value) for i, value in enumerate(row["points"])]


def _names(study: View) -> dict[str, Spec]:
    """Draw each class's names on one strip; for the first set also one forest plot a class."""
    made = {}
    for i, table in enumerate(study["names"]):
        several = [c for c in table["classes"] if len(c["names"]) > 1]
        found = [
            Strip([(n["name"], n["cell"]["value"]) for n in c["names"] if _has(n["cell"])], None, _value(c["whole"]))
            for c in several
        ]
        if not any(strip.singles for strip in found):
            continue
        labels = distinct([c["name"] for c in several])
        metric = table["metric"]
        spec = strips(labels, found, metric["short"], metric["chance"])
        made[f"names-{i}"] = {"height": STRIP_ROW * len(labels) + AXIS, "spec": spec}
        if i == 0:
            made |= _forests(several, metric)
    return made


def _forests(classes: Sequence[View], metric: View) -> dict[str, Spec]:
    made = {}
    for j, one in enumerate(classes):
        items = [Item("All names together", one["whole"])] + [Item(n["name"], n["cell"], True) for n in one["names"]]
        if any(_has(item.cell) for item in items[1:]):
            spec = forest(items, metric["short"], metric["chance"], _value(one["whole"]))
            made[f"names-0-{j}"] = {"height": ROW_HEIGHT * len(items) + AXIS, "spec": spec}
    return made


def _has(cell: View | None) -> bool:
    return cell is not None and cell["value"] is not None


def _clear(cell: View | None) -> bool:
    return cell is not None and cell["better"] in CLEAR


def _value(cell: View | None) -> float | None:
    return None if cell is None else cell["value"]
