"""What is not shown of a group, and why: a plain list, so that a gap in a table is never taken for a zero.

In: the finished view of a group. Out: one line a level: averages without a value, classes without one, the reason.
"""

from __future__ import annotations

from vlmeval.report.lookup import View


def suppressed_view(group: View) -> list[View]:
    """Return one line for every level of which something has no number."""
    made = []
    for i, level in enumerate(group["levels"]):
        averages = [m for m in group["metrics"] if _silent(m["levels"][i]["cell"])]
        classes = [row for row in group["classes"] if _silent(row["cells"][i])]
        if not (averages or classes):
            continue
        cells = [m["levels"][i]["cell"] for m in group["metrics"] if m["levels"][i]["cell"] is not None]
        made.append(
            {
                "name": level["name"],
                "n_units": cells[0]["n_units"] if cells else None,
                "metrics": [_named(m) for m in averages],
                "reason": averages[0]["levels"][i]["cell"]["reason"] if averages else None,
                "classes": [_class(row["name"], row["cells"][i]) for row in classes],
                "of": len(group["classes"]),
            }
        )
    return made


def _silent(cell: View | None) -> bool:
    return cell is not None and cell["value"] is None


def _named(metric: View) -> str:
    averaged = f" ({metric['averaged']})" if metric["averaged"] else ""
    return f"{metric['metric']['short']}{averaged}"


def _class(name: str, cell: View) -> View:
    """Return a class with the scarcer side of it: so many positives, or negatives."""
    positives, n = cell["n_positive"], cell["n"]
    if positives is None:
        return {"name": name, "count": None, "side": None}
    scarce, side = (positives, "positive") if positives <= n - positives else (n - positives, "negative")
    return {"name": name, "count": scarce, "side": side if scarce == 1 else f"{side}s"}
