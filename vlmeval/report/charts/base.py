"""What all charts share: the theme, labels fit for an axis, and the bare specification of a chart."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Final

from vlmeval.report.lookup import View
from vlmeval.report.text import one_line

Spec = dict[str, Any]
ACCENT, INK, MUTED, PAPER, LINE = "var(--accent)", "var(--ink)", "var(--muted)", "var(--paper)", "var(--line)"
FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
LABEL_LIMIT: Final = 60
AXIS_WIDTH: Final = 36
DASH: Final = [4, 4]
NAME_OF: Final = "names[datum.value]"

CONFIG: Final[Spec] = {
    "background": None,
    "font": FONT,
    "padding": 2,
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED,
        "titleColor": MUTED,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "gridColor": LINE,
        "domainColor": "var(--line-strong)",
        "tickColor": "var(--line-strong)",
        "labelPadding": 6,
    },
    "axisY": {"labelColor": INK},
    "text": {"color": INK, "fontSize": 12},
}


def distinct(labels: Sequence[str]) -> list[str]:
    """Return one-line labels short enough for an axis, made distinct by a number where two are the same."""
    seen: dict[str, int] = {}
    made = []
    for label in labels:
        short = one_line(label, LABEL_LIMIT)
        seen[short] = seen.get(short, 0) + 1
        made.append(short if seen[short] == 1 else f"{short} ({seen[short]})")
    return made


def without_shared_end(labels: Sequence[str]) -> list[str]:
    """Return labels less the words that all of them end in, if one is too long for an axis: what differs is kept.

    ``Bare names for the ten conditions`` and ``Lay words for the ten conditions`` become ``Bare names``, ``Lay words``.
    """
    if len(labels) < 2 or max(map(len, labels)) <= AXIS_WIDTH:
        return list(labels)
    words = [label.split() for label in labels]
    longest = min(map(len, words)) - 1
    shared = next((n for n in range(1, longest + 1) if len({one[-n] for one in words}) > 1), longest + 1) - 1
    for n in range(shared, 0, -1):
        end = " ".join(words[0][-n:])
        if end.count("(") == end.count(")"):
            return [" ".join(one[:-n]).rstrip(",;:") for one in words]
    return list(labels)


def inline(rows: Sequence[Spec]) -> Any:
    """Return rows as data that stands inside the specification."""
    import altair as alt

    data: Any = alt.InlineData  # typed as untyped by Altair's stubs
    return data(values=list(rows))


def rounded(value: float) -> float:
    """Return a number short enough for the page and the same on every machine."""
    return round(float(value), 4)


def finish(chart: Any, *, steps: bool = False, names: Sequence[str] = ()) -> Spec:
    """Return the bare specification: data in place, no schema address, no theme.

    ``steps``: the height follows the number of rows, so that only the width is fitted. ``names``: the labels that
    ``NAME_OF`` finds by position; scales never hold names, for "constructor" is a key of every JavaScript object.
    """
    import altair as alt

    with alt.data_transformers.enable("default", consolidate_datasets=False):
        spec: Spec = chart.properties(width="container").to_dict(validate=False)
    spec.pop("config", None)
    spec.pop("$schema", None)
    if names:
        spec["params"] = [{"name": "names", "value": list(names)}]
    return spec | {"autosize": {"type": "fit-x" if steps else "fit", "contains": "padding"}}


def quickly(make: Callable[[View], dict[str, Spec]]) -> Callable[[View], dict[str, Spec]]:
    """Let a maker of charts do without Altair's own validation, which takes most of its time.

    Every specification is held against Vega-Lite's schema by `tests/report/test_chart_specs.py` instead.
    """

    @functools.wraps(make)
    def made(view: View) -> dict[str, Spec]:
        from altair.utils.schemapi import debug_mode

        with debug_mode(False):
            return make(view)

    return made
