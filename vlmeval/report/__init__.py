"""RunRecord and Predictions -> view (a plain dict) -> one self-contained HTML page.

``build_view`` gathers every fact the page shows into JSON-able data (view.py and the modules it calls: headline,
tables, methods, fewshot, fitted, strata, curves, about); ``render`` turns that dict into the page (render.py; charts/
makes the Vega-Lite specifications). ``build_side_by_side`` and ``render_side_by_side`` do the same for several runs,
``build_leaderboard`` and ``render_leaderboard`` for any number of them, ranked, ``build_comparison`` and
``render_comparison`` for what `vlmeval.compare` found, ``build_prompts`` and ``render_prompts`` for what
`vlmeval prompts compare` found, ``how_page`` for the page that says how everything is computed.
Templates, style sheet, script and chart runtime are in the data folder `reports/`.
"""

from vlmeval.report.cases import check_gallery, shown_pictures, with_thumbnails
from vlmeval.report.compare import build_comparison
from vlmeval.report.contamination import contamination_view
from vlmeval.report.how_page import HOW_FILE, build_how, how_page
from vlmeval.report.leaderboard import (
    build_leaderboard,
    leaderboard_csv,
    leaderboard_latex,
    leaderboard_markdown,
    leaderboard_model_index,
)
from vlmeval.report.lookup import headline_method
from vlmeval.report.prompts.page import build_prompts
from vlmeval.report.render import render, render_comparison, render_leaderboard, render_prompts, render_side_by_side
from vlmeval.report.side_by_side import build_side_by_side
from vlmeval.report.view import build_view

__all__ = [
    "HOW_FILE",
    "build_comparison",
    "build_how",
    "build_leaderboard",
    "build_prompts",
    "build_side_by_side",
    "build_view",
    "check_gallery",
    "contamination_view",
    "headline_method",
    "how_page",
    "leaderboard_csv",
    "leaderboard_latex",
    "leaderboard_markdown",
    "leaderboard_model_index",
    "render",
    "render_comparison",
    "render_leaderboard",
    "render_prompts",
    "render_side_by_side",
    "shown_pictures",
    "with_thumbnails",
]
