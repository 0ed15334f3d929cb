"""The leaderboard: any number of runs in one table for each question that was asked alike, ranked with ties.

In: folders of runs. Out: one view (a plain dict), which `render_leaderboard` shows as a page and the writers here as
CSV, Markdown, LaTeX and Hugging Face's model-index; as JSON it is the view itself. `build.py` makes the view of
`runs.py` (what is read), `rows.py` (a row a run and method; `facts.py`, `filters.py`), `rank.py` and `pairs.py` (who is
better than whom). `columns.py` says once what columns a table has; `page.py` adds what only the page needs.
"""

from vlmeval.report.leaderboard.build import build_leaderboard
from vlmeval.report.leaderboard.csv_file import leaderboard_csv
from vlmeval.report.leaderboard.latex import leaderboard_latex
from vlmeval.report.leaderboard.markdown import leaderboard_markdown
from vlmeval.report.leaderboard.model_index import leaderboard_model_index

__all__ = [
    "build_leaderboard",
    "leaderboard_csv",
    "leaderboard_latex",
    "leaderboard_markdown",
    "leaderboard_model_index",
]
