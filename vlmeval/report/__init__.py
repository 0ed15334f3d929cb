"""RunRecord and Predictions -> view (a plain dict) -> one self-contained HTML page.

``build_view`` gathers every fact the page shows into JSON-able data (view.py and the modules it calls: headline,
tables, strata, curves, about); ``render`` turns that dict into the page (render.py; charts/ makes the Vega-Lite
specifications). Templates, style sheet, script and chart runtime are in the data folder `reports/`.
"""

from vlmeval.report.render import render
from vlmeval.report.view import build_view

__all__ = ["build_view", "render"]
