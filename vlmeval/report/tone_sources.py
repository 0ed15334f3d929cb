"""The sources of skin tone side by side: who is in which group, how far they agree, how results move between them.

In: a RunRecord and its rows. Out: the view of the section "Skin-tone sources", or None where no source is there.
Nothing is merged: positions (light, medium, dark) only put columns beside each other.
"""

from __future__ import annotations

import re
from typing import Final

from vlmeval.records import Agreement, GroupSpec, MethodUsed, RunRecord, Shift
from vlmeval.report.lookup import Rows, View, cell
from vlmeval.report.names import AVERAGING_NAMES, metric_view
from vlmeval.report.text import lower_first, signed, span

GAP: Final = "last-first"
POSITIONS: Final = ("Light", "Medium", "Dark")
KAPPA: Final = (
    (0.8, "almost perfect"),
    (0.6, "substantial"),
    (0.4, "moderate"),
    (0.2, "fair"),
    (0.0, "slight"),
)
"""Lower bounds of kappa and the word for it, by Landis & Koch 1977 (Biometrics 33:159-174)."""


def tone_sources_view(record: RunRecord, rows: Rows, headline: MethodUsed) -> View | None:
    """Return everything that the section shows; None where the data have no source of skin tone."""
    groups = [g for g in record.benchmark.available_groups if g.kind == "skin-tone"]
    groups = [g for g in groups if g.id in record.data.group_units]
    if not groups:
        return None
    names = {g.id: g for g in record.benchmark.groups}
    estimated = any(g.estimated for g in groups)
    return {
        "sources": _sources(groups, record, rows, headline),
        "agreement": _agreements(record, names),
        "shifts": _shifts(record, names, headline),
        "several": len(groups) > 1,
        "scales": len({g.scale for g in groups}) > 1,
        "estimated": estimated,
        "limits": _limits() if estimated else [],
    }


def _limits() -> list[str]:
    from vlmeval.data.tone_estimate.estimate import estimated_tone

    return list(estimated_tone().limits)


def _sources(groups: list[GroupSpec], record: RunRecord, rows: Rows, headline: MethodUsed) -> View:
    """Return one line a source: its answered levels by position with the first headline metric, and missing ones."""
    metric = next((m for m in record.benchmark.headline_metrics if rows.average(headline, m) is not None), None)
    width = max(sum(not level.missing for level in g.levels) for g in groups)
    lines = []
    for group in groups:
        counts = record.data.group_units[group.id]
        answered = [
            {
                "name": level.name,
                "n": counts.get(level.id, 0),
                "cell": None if metric is None else cell(rows.average(headline, metric, group.id, level.id)),
            }
            for level in group.levels
            if not level.missing
        ]
        lines.append(
            {
                "id": group.id,
                "name": group.name,
                "short": _short(group),
                "scale": group.scale,
                "estimated": group.estimated,
                "levels": answered + [None] * (width - len(answered)),
                "missing": [{"name": lv.name, "n": counts.get(lv.id, 0)} for lv in group.levels if lv.missing],
            }
        )
    columns = POSITIONS if width == len(POSITIONS) else tuple(str(i + 1) for i in range(width))
    return {
        "metric": None if metric is None else metric_view(metric, record.benchmark.task),
        "overall": None if metric is None else cell(rows.average(headline, metric)),
        "columns": list(columns),
        "rows": lines,
    }


def _short(group: GroupSpec) -> str:
    """Return a source's name without what all have: ``self-reported`` of ``Skin type, self-reported (...)``."""
    name = re.sub(r"\s*\([^()]*\)$", "", group.name)
    return re.sub(r"^skin (type|tone),\s*", "", name, flags=re.IGNORECASE) or group.name


def _agreements(record: RunRecord, groups: dict[str, GroupSpec]) -> View | None:
    """Return the comparisons by what they compare, each part with its heading; None where nothing was compared."""
    made = [_agreement(a, groups) for a in record.examined.agreement if a.a in groups and a.b in groups]
    if not made:
        return None
    alone = [a for a in made if a["raters"] and a["n_pairs"] == 0 and not a["table"]]
    shown = [a for a in made if a not in alone]
    parts = [
        ("Two raters of one source", [a for a in shown if a["raters"]]),
        ("Two sources on one scale", [a for a in shown if not a["raters"] and a["one_scale"]]),
        ("Across scales: different things, so no kappa", [a for a in shown if a["across"] and not a["estimated"]]),
        (
            "The estimate from pixels against the labels: its only validation here, and no kappa",
            [a for a in shown if a["estimated"]],
        ),
    ]
    return {
        "parts": [{"title": title, "rows": lines} for title, lines in parts if lines],
        "alone": [a["a"] for a in alone],
        "tables": [a for a in shown if a["table"]],
    }


def _agreement(found: Agreement, groups: dict[str, GroupSpec]) -> View:
    """Return one comparison with the names a reader knows, and its table as shares of each row."""
    a, b = groups[found.a], groups[found.b]
    raters = found.kind == "raters"
    names = ({level.id: level.name for level in group.levels} for group in (a, b))
    level_names = [
        [named.get(i, i) for i in ids] for named, ids in zip(names, (found.levels_a, found.levels_b), strict=True)
    ]
    return {
        "id": f"{found.kind}-{found.a}-{found.b}",
        "raters": raters,
        "a": a.name,
        "b": b.name,
        "title": f"Raters of: {a.name}" if raters else f"{a.name} / {b.name}",
        "estimated": a.estimated or b.estimated,
        "one_scale": a.scale is not None and a.scale == b.scale,
        "across": not raters and (a.scale is None or a.scale != b.scale),
        "n_units": found.n_units,
        "n_pairs": found.n_pairs,
        "kappa": {"value": found.kappa, "low": found.low, "high": found.high},
        "word": _word(found.kappa),
        "rank": {"value": found.rank, "low": found.rank_low, "high": found.rank_high},
        "exact": found.exact,
        "within_one": found.within_one,
        "on_levels": found.on == "levels",
        "reason": found.reason,
        "rows": level_names[0],
        "columns": level_names[1],
        "table": [_shares(line) for line in found.confusion],
    }


def _word(kappa: float | None) -> str | None:
    if kappa is None:
        return None
    return next((word for least, word in KAPPA if kappa >= least), "less than chance")


def _shares(counts: tuple[int, ...]) -> list[View]:
    total = sum(counts)
    return [{"n": n, "share": round(n / total, 4) if total else 0.0} for n in counts]


def _shifts(record: RunRecord, groups: dict[str, GroupSpec], headline: MethodUsed) -> View | None:
    """Return the shifts of the headline method pair by pair with a sentence each, and those of all methods."""
    known = [s for s in record.examined.shifts if s.a in groups and s.b in groups]
    if not known:
        return None
    titles = {(m.id, m.level): m.title for m in record.methods}
    pairs: dict[tuple[str, str], list[View]] = {}
    for shift in known:
        line = _shift(shift, groups, record)
        line["method"] = titles.get((shift.method, shift.level), shift.method)
        line["headline"] = shift.method == headline.id
        pairs.setdefault((shift.a, shift.b), []).append(line)
    made = [
        {
            "a": groups[a].name,
            "b": groups[b].name,
            "words": _leading(lines),
            "rows": lines,
        }
        for (a, b), lines in pairs.items()
    ]
    return {"pairs": made, "methods": len({s.method for s in known})}


def _leading(lines: list[View]) -> list[str]:
    """Return the sentences of the headline method's first metric: over common classes where plain averages differ."""
    own = [line for line in lines if line["headline"]]
    for metric in dict.fromkeys((line["metric"]["id"], line["averaged"]) for line in own):
        found = [line for line in own if (line["metric"]["id"], line["averaged"]) == metric]
        if any(line["value"] is not None for line in found):
            return [line["words"] for line in found]
    return []


def _shift(shift: Shift, groups: dict[str, GroupSpec], record: RunRecord) -> View:
    metric = metric_view(shift.metric, record.benchmark.task)
    level = next((lv.name for lv in groups[shift.a].levels if lv.id == shift.group_level), shift.group_level)
    averaged = "" if shift.averaging != "macro-common" else "over the classes that both have"
    view: View = {
        "metric": metric,
        "averaged": averaged or AVERAGING_NAMES.get(shift.averaging, ""),
        "gap": shift.group_level == GAP,
        "level": "last minus first level" if shift.group_level == GAP else level,
        "value": shift.value,
        "low": shift.low,
        "high": shift.high,
        "n_a": shift.n_a,
        "n_b": shift.n_b,
        "n_classes": shift.n_classes,
        "reason": shift.reason,
    }
    view["settled"] = shift.low is not None and shift.high is not None and not shift.low <= 0 <= shift.high
    view["words"] = _in_words(view)
    return view


def _in_words(line: View) -> str:
    """Return a shift as a sentence: what moves, by how much, and whether that is more than chance."""
    name = lower_first(line["metric"]["short"])
    what = f"the gap in {name} (last minus first level)" if line["gap"] else f"{name} of {line['level']}"
    classes = f", over {line['n_classes']} classes" if line["averaged"] and line["n_classes"] else ""
    if line["value"] is None:
        return f"{what}: not known ({line['reason']})"
    between = span(line)
    found = f"{what} moves by {signed(line['value'])}" + (f" ({between})" if between else "") + classes
    return found + ("" if line["settled"] or not between else ": no clear change")
