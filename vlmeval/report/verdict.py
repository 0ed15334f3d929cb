"""The run in plain sentences, for a reader with thirty seconds; and what it must not be used for.

In: the view's headline, its skin tones and classes. Out: sentences in parts (`said.py`), each no more certain than the
interval behind it: "clearly" only where an interval leaves out the number that it is compared with.
"""

from __future__ import annotations

from typing import Final

from vlmeval.records import RunRecord
from vlmeval.report.lookup import View
from vlmeval.report.said import Said, apart, change, named, strong
from vlmeval.report.text import lower_first, number

TENTHS: Final = 10
HUNDREDTHS: Final = 100
UNSURE: Final = "it may be no better than guessing"


def verdict_view(headline: View, level: str) -> list[Said]:
    """Return how good it is, for which condition least, and for whom: one sentence each."""
    what = headline["lead"]["unit"] if level == "unit" else "image"
    return [said for said in (_how_good(headline, what), _which(headline), _for_whom(headline)) if said]


def _how_good(headline: View, what: str) -> Said:
    against = headline["against"]
    if headline["lead"]["task"] == "single-label" and against is not None:
        return _right(against, what)
    ranked = [f for f in headline["figures"] if f["metric"]["id"] == "auroc" and f["cell"]["value"] is not None]
    if not ranked:
        return _first(headline)
    share, _ = _shares(ranked[0]["cell"]["value"], None)
    than = {"better": "better than guessing (5 of 10)", "worse": "worse than guessing (5 of 10)"}
    pairs = "Of a picture with a condition and one without it, it scores the right one higher in "
    return [pairs, strong(f"about {share} pairs"), f": {than.get(ranked[0]['versus'] or '', UNSURE)}."]


def _right(against: View, what: str) -> Said:
    share, usual = _shares(against["cell"]["value"], against["line"])
    always = f"always naming the most frequent condition ({usual})."
    said: Said = [strong(f"Right in about {share} {what}s"), ", "]
    if not against["settled"]:
        return [*said, strong("no clear difference"), f" from {always}"]
    return [*said, f"better than {always}"] if against["beats"] else [*said, strong("worse"), f" than {always}"]


def _first(headline: View) -> Said:
    """Return a sentence on the first figure, where neither accuracy nor AUROC was computed."""
    figure = next((f for f in headline["figures"] if f["cell"]["value"] is not None), None)
    if figure is None:
        return ["There is no figure: ", strong("too few to say"), "."]
    said: Said = [strong(f"{figure['metric']['short']} {number(figure['cell']['value'], 2)}")]
    line = figure["references"][0] if figure["references"] else None
    if line is None or figure["versus"] is None:
        return [*said, "."]
    words = {"better": "better than", "worse": "worse than", "unclear": "no clear difference from"}[figure["versus"]]
    return [*said, f", {words} {lower_first(line['name'])} ({number(line['value'], 2)})."]


def _shares(value: float, line: float | None) -> tuple[str, str]:
    """Return a share, and one that it is compared with, as ``8 of 10``; in hundredths where tenths would mislead."""
    of = TENTHS
    tenths = [round(v * TENTHS) for v in (value, line) if v is not None]
    if len(set(tenths)) < len(tenths) or any(t in (0, TENTHS) for t in tenths):
        of = HUNDREDTHS
    return f"{round(value * of)} of {of}", "" if line is None else f"{round(line * of)} of {of}"


def _which(headline: View) -> Said:
    """Return the weakest condition; whether it differs from the best only where their intervals do not meet."""
    found = headline["classes"]
    if found is None:
        return []
    metric, worst, best = found["metric"]["short"], found["worst"], found["best"]
    clear = apart(worst["cell"], best["cell"])
    said: Said = ["Weakest on ", named(worst["name"]), f" ({metric} {number(worst['cell']['value'], 2)})"]
    if clear:
        return [*said, ", best on ", named(best["name"]), f" ({number(best['cell']['value'], 2)})."]
    return [*said, ", though no condition is clearly worse than another."]


def _for_whom(headline: View) -> Said:
    """Return what the gaps between the lightest and the darkest level say, over all sources of labels."""
    tone = headline["tone"]
    if tone["reason"]:
        return ["By skin tone ", strong("nothing is known"), "."]
    gaps = [s for s in tone["sources"] if s["gap"] is not None and s["gap"]["value"] is not None]
    if not gaps:
        return ["By skin tone there are ", strong("too few to say"), "."]
    clear = [s for s in gaps if s["excludes_zero"]]
    one = (clear or gaps)[0]
    ends: Said = ["Skin ", named(one["last"]), " against ", named(one["first"])]
    if clear:
        of = f" by {len(clear)} of {len(gaps)} sources of labels" if len(gaps) > 1 else ""
        return [*ends, f"{of}: ", strong(_direction(one)), f", {change(one['gap'])}."]
    of = f" by any of {len(gaps)} sources of labels" if len(gaps) > 1 else ""
    return [*ends, ": ", strong("no clear difference"), f"{of}{_not_ruled_out(gaps)}."]


def _not_ruled_out(gaps: list[View]) -> str:
    """Return how large a gap the intervals still allow: nothing found is not nothing there."""
    ends = [s["gap"][end] for s in gaps for end in ("low", "high")]
    if any(end is None for end in ends):
        return ""
    return f"; a gap of up to {number(max(abs(end) for end in ends), 2)} is not ruled out"


def _direction(source: View) -> str:
    lower = source["metric"]["direction"] == "lower"
    return "worse" if (source["gap"]["value"] < 0) != lower else "better"


def not_for_view(record: RunRecord, headline: View, level: str) -> list[Said]:
    """Return what nobody should use this result for, from what is known of the run."""
    classes = len(record.benchmark.classes)
    what = headline["lead"]["unit"] if level == "unit" else "image"
    made: list[Said] = [["To diagnose, treat or triage a single patient: this is an average over a benchmark."]]
    badges = {badge.kind for badge in record.badges}
    if "synthetic" in badges or record.benchmark.synthetic or (record.model is not None and record.model.synthetic):
        made.insert(0, ["For any statement on real skin: data or model are made up."])
    if "leakage" in badges:
        made.append(["To say how it does on new people: the same ones stand on both sides of the split."])
    if "contamination" in badges:
        made.append(["To say how it does on data that the model has not seen: it was trained on these."])
    made.append([f"For conditions other than these {classes}, or pictures taken in another way."])
    return [*made, _all_tones(headline["tone"], what)]


def _all_tones(tone: View, what: str) -> Said:
    claim = "To say that it serves all skin tones alike: "
    if tone["reason"]:
        return [f"{claim}nothing is known of them here."]
    silent = list(dict.fromkeys(name for s in tone["sources"] for name in s.get("silent", [])))
    if not silent:
        return [f"{claim}no clear difference is not proof of none."]
    said: Said = [f"{claim}too few {what}s of "]
    for i, level in enumerate(silent):
        said += [", " if i else "", named(level)]
    return [*said, "."]
