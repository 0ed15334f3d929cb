"""One sentence a section: what a reader who reads no further should know. Parts of sentences, see said.py.

In: the finished view. Out: section id to sentence; a section that says it in its own words has none. What differs
"clearly" has a paired interval that leaves out zero, or two intervals that do not meet; everything else is not said to
differ.
"""

from __future__ import annotations

from typing import Final

from vlmeval.report.lookup import View
from vlmeval.report.said import Said, apart, change, excludes, has, joined, named, strong, value
from vlmeval.report.text import lower_first, number, percent

TARGET: Final = 0.9
"""The sensitivity of the first operating point (operating.TARGETS)."""


def takeaways_view(view: View) -> dict[str, Said]:
    """Return the sentence of each section that has one."""
    made = {
        "overall": _overall(view),
        "groups": _groups(view),
        "methods": _methods(view),
        "few-shot": _few_shot(view),
        "classes": _classes(view),
        "skin-tone": _skin_tone(view),
        "tone-sources": _tone_sources(view),
        "decisions": _decisions(view),
        "curves": _curves(view),
        "calibration": _calibration(view),
        "selective": _selective(view),
        "operating": _operating(view),
        "audit": _audit(view),
    }
    return {section: said for section, said in made.items() if said}


def _overall(view: View) -> Said:
    figure = next((f for f in view["headline"]["figures"] if has(f["cell"])), None)
    if figure is None:
        return []
    said: Said = [f"{figure['metric']['short']} ", strong(value(figure["cell"]))]
    line = figure["references"][0] if figure["references"] else None
    return [*said, "." if line is None else f"; {lower_first(line['name'])}: {number(line['value'], 2)}."]


def _groups(view: View) -> Said:
    """Return the weakest level of the first group that has one, and its gap with its test."""
    found = next((g for g in view["groups"] if g["unavailable"] is None and g["brief"] and g["brief"]["level"]), None)
    if found is None:
        return []
    brief = found["brief"]
    said: Said = ["By ", named(found["name"]), " the weakest is ", named(brief["level"]), f", {brief['metric']} "]
    said.append(strong(value(brief["cell"])))
    gap = brief["gap"]
    if gap is None:
        return [*said, "."]
    chance = {True: "; chance could explain it", False: "; chance hardly explains it", None: ""}[gap.get("chance")]
    return [*said, f". {gap['name']}: {change(gap)}{chance}."]


def _methods(view: View) -> Said:
    """Return how many methods differ clearly from zero-shot by the first metric, else how far wording moves it."""
    compared = view["comparison"]
    if not compared["metrics"] or len(compared["rows"]) < 2:
        return []
    metric = compared["metrics"][0]
    lower = metric["direction"] == "lower"
    found = [line["versus"][0] for line in compared["rows"] if line["versus"][0] is not None]
    found = [versus for versus in found if versus["value"] is not None]
    if found:
        settled = [v for v in found if v["excludes_zero"]]
        better = sum((v["value"] > 0) != lower for v in settled)
        parts = [
            f"{n} {words}" if len(found) > 1 else words
            for n, words in (
                (better, "clearly better"),
                (len(settled) - better, "clearly worse"),
                (len(found) - len(settled), "no clear difference"),
            )
            if n
        ]
        who = f"{len(found)} other method{'' if len(found) == 1 else 's'} against zero-shot: "
        return [f"By {lower_first(metric['short'])}, {who}", strong(joined(parts)), "."]
    spread = compared["spread"][0]
    if spread["best"] is None:
        return []
    ends = f"{number(min(spread['best'], spread['worst']), 2)} and {number(max(spread['best'], spread['worst']), 2)}"
    name, sets = lower_first(metric["short"]), compared["prompt_sets"]
    return ["Wording alone: over ", strong(f"{sets} prompt sets"), f" {name} lies between ", strong(ends), "."]


def _few_shot(view: View) -> Said:
    examples, shots = view["examples"], view["few_shot"]
    if shots is None or examples is None:
        return []
    metric = lower_first(examples["metric"]["short"])
    several = len(shots["regimes"]) > 1
    if examples["needed"]:
        said: Said = [f"Clearly better than zero-shot by {metric}: "]
        for i, one in enumerate(examples["needed"]):
            draws = f" ({one['regime'].lower()} draws)" if several else ""
            said += ["; " if i else "", f"{lower_first(one['variant'])}{draws} ", strong(one["surely"])]
        return [*said, "."]
    if not shots["needed"]["sure"]:
        return []
    most = "even with all training data" if examples["most"] == "all" else f"up to {examples['most']} shots"
    return [strong("No few-shot method is clearly better"), f" than zero-shot by {metric}, {most}."]


def _classes(view: View) -> Said:
    found = view["headline"]["classes"]
    if found is None:
        return []
    worst, best, metric = found["worst"], found["best"], found["metric"]["short"]
    said: Said = [f"{metric} is lowest for ", named(worst["name"]), ", ", strong(value(worst["cell"])), ", and "]
    said += ["highest for ", named(best["name"]), ", ", strong(value(best["cell"]))]
    said.append("." if apart(worst["cell"], best["cell"]) else "; their intervals meet, so neither is clearly better.")
    if found["suppressed"]:
        n = found["suppressed"]
        said.append(f" {n} {'class has' if n == 1 else 'classes have'} too few {view['unit']}s for a number.")
    return said


def _skin_tone(view: View) -> Said:
    sources = view["headline"]["tone"]["sources"]
    known = [s for s in sources if has(s["gap"])]
    if not known:
        return []
    first = known[0]
    said: Said = [f"{first['metric']['short']} of ", named(first["last"]), " minus ", named(first["first"])]
    said += [" (", named(first["name"]), "): ", strong(change(first["gap"])), ", "]
    said.append("clear" if first["excludes_zero"] else "no clear difference")
    if len(known) == 1:
        return [*said, "."]
    clear = sum(s["excludes_zero"] for s in known)
    which = f"{clear or 'none'} {'shows' if clear < 2 else 'show'} a gap whose interval leaves out zero, to two digits"
    return [*said, f". Of {len(known)} sources of labels, {which}."]


def _tone_sources(view: View) -> Said:
    sources = view["tone_sources"]
    if sources is None or sources["agreement"] is None:
        return []
    rows = [r for part in sources["agreement"]["parts"] for r in part["rows"] if not r["raters"] and r["one_scale"]]
    kappas = [r["kappa"] for r in rows if has(r["kappa"])]
    if not kappas:
        return []
    low, high = min(kappas, key=lambda k: float(k["value"])), max(kappas, key=lambda k: float(k["value"]))
    pairs = "Two sources on one scale agree" if len(kappas) > 1 else "The two sources on one scale agree"
    full = " (1 would be full agreement)."
    if len(kappas) == 1:
        return [f"{pairs} with kappa ", strong(value(low)), full]
    return [f"{pairs} with kappa between ", strong(value(low)), " and ", strong(value(high)), full]


def _decisions(view: View) -> Said:
    matrix = view["confusion"]
    if matrix is None:
        return []
    right, n = sum(matrix["counts"][i][i] for i in range(len(matrix["names"]))), sum(matrix["totals"])
    what = f"{view['unit']}s" if view["level"] == "unit" else "images"
    said: Said = [strong(f"{right:,} of {n:,}"), f" {what} are called right."]
    if matrix["pairs"]:
        pair = matrix["pairs"][0]
        said += [" Most frequent mistake: ", named(pair["truth"]), " called ", named(pair["called"])]
        said.append(f" ({pair['count']:,} of {pair['of']:,}).")
    return said


def _curves(view: View) -> Said:
    known = [c for c in view["curves"]["classes"] if c["roc"] is not None]
    at = [(c["roc"]["read"][-1]["value"], c["name"]) for c in known]
    if len(at) < 2:
        return []
    (low, worst), (high, best) = min(at, key=lambda p: float(p[0])), max(at, key=lambda p: float(p[0]))
    said: Said = ["If 5\u00a0% false alarms are allowed, these curves find between ", strong(percent(low, 0)), " ("]
    said += [named(worst), ") and ", strong(percent(high, 0)), " (", named(best), ") of a condition"]
    return [*said, "; no interval is given for points of a curve."]


def _calibration(view: View) -> Said:
    rows = view["calibration"]["metrics"]
    ece = next((m for m in rows if m["metric"]["id"] == "ece" and has(m["before"]) and has(m["after"])), None)
    if ece is None:
        return []
    told = apart(ece["before"], ece["after"])
    said: Said = ["Calibration error ", strong(value(ece["before"])), " as given, ", strong(value(ece["after"]))]
    return [*said, " recalibrated", "." if told else ": the intervals meet."]


def _selective(view: View) -> Said:
    read = view["selective"]["read"]
    everyone = next((r for r in read if r["at"] > 0.999), None)
    most = next((r for r in read if abs(r["at"] - 0.8) < 1e-6), None)
    if everyone is None or most is None:
        return []
    return ["When the least confident fifth goes to a person, the error among the others is ", strong(value(most)),
            " instead of ", strong(value(everyone)), "."]  # fmt: skip


def _operating(view: View) -> Said:
    targets = view["operating"]["targets"]
    if not targets or not has(targets[0]["cells"][0]) or not has(targets[0]["cells"][1]):
        return []
    sensitivity, specificity = targets[0]["cells"][:2]
    target = f"A threshold for {lower_first(targets[0]['title'])}, chosen on validation, has sensitivity "
    missed = excludes(sensitivity, TARGET) and sensitivity["value"] < TARGET
    n, of = sensitivity["n_classes"], len(view["classes"]["rows"])
    said: Said = [target, strong(value(sensitivity)), " here and specificity ", strong(value(specificity))]
    said += [f" (mean over {n} of {of} classes)"] if n is not None and n != of else []
    return [*said, "; the target is clearly missed." if missed else "."]


def _audit(view: View) -> Said:
    findings = view["audit"]["findings"]
    if not findings:
        return []  # the section says so itself
    kinds = [f["severity"] for f in findings]
    words = {"violation": "violation", "warning": "warning", "info": "remark"}
    parts = [f"{n} {word}{'s' if n > 1 else ''}" for kind, word in words.items() if (n := kinds.count(kind))]
    return ["Found: ", strong(joined(parts)), "."]
