"""View -> one HTML file that opens from disk: templates, style, script, chart runtime and data in one page.

The page forbids the network and inline handlers by its content security policy; the only scripts that may run are the
ones inlined here, named by their hashes. The same view gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from vlmeval.report import charts, text
from vlmeval.report.charts.prompts_page import prompt_charts
from vlmeval.report.compare_charts import compare_charts
from vlmeval.report.headings import with_links
from vlmeval.report.leaderboard.page import page_of
from vlmeval.resources import data_folder

RUNTIME: Final = ("vega.min.js", "vega-lite.min.js", "vega-interpreter.min.js")
HEAD_SCRIPTS: Final = ("theme.js",)
SCRIPTS: Final = (  # in this order
    "page.js",
    "tables.js",
    "csv.js",
    "charts.js",
    "pictures.js",
    "links.js",
    "print.js",
)
REPORT_SCRIPTS: Final = ("sections.js", "cases.js", "strata.js", "copy.js")
REPORT_STYLES: Final = ("run.css",)
BOARD_STYLES: Final = ("board.css",)
BOARD_SCRIPTS: Final = ("board-state.js", "board-columns.js", "board-compare.js", "leaderboard.js")
LICENCES: Final = ("LICENSE.vega", "LICENSE.vega-lite", "LICENSE.vega-interpreter", "LICENSE.bundled")


def render(view: dict[str, Any]) -> str:
    """Return the report of a view (see ``build_view``) as a self-contained HTML page."""
    specs, shared = charts.build_charts(view), charts.families(view)
    return _page("report.html.j2", view, specs, shared, scripts=REPORT_SCRIPTS, styles=REPORT_STYLES)


def render_side_by_side(view: dict[str, Any]) -> str:
    """Return runs side by side (see ``build_side_by_side``) as a self-contained HTML page."""
    return _page("side_by_side.html.j2", view, charts.side_by_side_charts(view), {})


def render_leaderboard(view: dict[str, Any]) -> str:
    """Return a leaderboard (see ``build_leaderboard``) as a self-contained HTML page."""
    shown = view | {"page": page_of(view)}
    return _page("leaderboard.html.j2", shown, charts.board_charts(view), {}, BOARD_SCRIPTS, BOARD_STYLES)


def render_comparison(view: dict[str, Any]) -> str:
    """Return runs compared (see ``build_comparison``) as a self-contained HTML page."""
    return _page("compare.html.j2", view, compare_charts(view), {})


def render_prompts(view: dict[str, Any]) -> str:
    """Return prompt sets compared (see ``build_prompts``) as a self-contained HTML page."""
    return _page("prompts.html.j2", view, prompt_charts(view), {})


def render_how(view: dict[str, Any]) -> str:
    """Return "How we compute this" (see ``build_how``) as a self-contained HTML page."""
    return _page("how_we_compute.html.j2", view, {}, {})


def _page(
    template: str,
    view: dict[str, Any],
    specs: dict[str, Any],
    families: dict[str, Any],
    scripts: tuple[str, ...] = (),
    styles: tuple[str, ...] = (),
) -> str:
    """Return a page; `scripts` (of ``reports/scripts/``) and `styles` are its own, after those of every page."""
    folder = data_folder("reports")
    payload = {"config": charts.CONFIG, "families": families, "charts": specs}
    runtime = RUNTIME if specs else ()  # a page without charts needs none of it
    early = [_source(folder / "scripts" / name) for name in HEAD_SCRIPTS]
    late = [_source(folder / "vendor" / name) for name in runtime]
    late += [_source(folder / "scripts" / name) for name in (*SCRIPTS, *scripts)]
    page = _environment(folder).get_template(template)
    made: str = page.render(
        view=view,
        charts=specs,
        style=Markup("".join(_source(folder / name) for name in ("report.css", *styles))),  # noqa: S704 - our own files
        head_scripts=[Markup(s) for s in early],  # noqa: S704 - our own files
        scripts=[Markup(s) for s in late],  # noqa: S704 - our own files
        policy=_policy(early + late),
        chart_data=script_json(payload),
        licences=Markup(_licences(folder / "vendor") if specs else ""),  # noqa: S704 - our own files
    )
    return with_links(made)


def script_json(value: Any) -> Markup:
    """Return JSON that is safe inside a script element: no ``<``, ``>``, ``&`` and nothing beyond ASCII."""
    raw = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        raw = raw.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(raw)  # noqa: S704 - escaped just above


def _policy(scripts: list[str]) -> str:
    """Return the content security policy: nothing from anywhere, only these scripts, inline style, data images."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"  # noqa: E501


@cache
def _source(path: Path) -> str:
    found = path.read_text(encoding="utf-8")
    if "</script" in found.lower() or "<!--" in found or "</style" in found.lower():
        raise ValueError(f"{path} would end the element it is inlined into")
    return found


def _licences(folder: Path) -> str:
    """Return the chart runtime's licences for an HTML comment (which must not hold two dashes in a row)."""
    joined = "\n\n".join(f"{name}\n{(folder / name).read_text(encoding='utf-8').strip()}" for name in LICENCES)
    return joined.replace("--", "- -").replace("<", "(").replace(">", ")")


def _environment(folder: Path) -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(folder / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "script_json": script_json,
        "number": text.number,
        "signed": text.signed,
        "span": text.span,
        "interval": text.interval,
        "percent": text.percent,
        "count": text.count,
        "seconds": text.seconds,
        "slug": text.slug,
        "json": script_json,
        "sentence": text.sentence,
        "lower_first": text.lower_first,
        "capitalize_first": text.capitalize_first,
    }
    environment.tests["link"] = text.is_link
    return environment
