"""How long a leaderboard of many runs takes: to read, to rank, to write, and in the browser to open and to filter.

    python tests/perf/bench_leaderboard.py                # 200 runs
    python tests/perf/bench_leaderboard.py --runs 1000    # writing the made-up runs takes minutes

Baselines: reading whole records instead of summaries; sorting the draws of every pair instead of counting them. The
browser ($VLMEVAL_CHROMIUM or Debian's Chromium) is left out where there is none.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
from made_up_board import model, written
from made_up_runs import Recipe, simulate

from vlmeval import store
from vlmeval.report import build_leaderboard, render_leaderboard
from vlmeval.report.leaderboard.pairs import clearly_better
from vlmeval.stats.intervals import intervals

FAMILIES = ("clip", "siglip", "biomedclip", "monet", "dermlip")
OPENED = "() => new Promise(r => requestAnimationFrame(() => setTimeout(() => r(performance.now()), 0)))"
FILTER = """([box, text]) => new Promise((done) => {
  const start = performance.now();
  const input = document.querySelector(box);
  input.value = text;
  input.dispatchEvent(new Event('input', { bubbles: true }));
  document.body.offsetHeight;
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - start), 0));
})"""


def seconds(work: Callable[[], Any]) -> float:
    """Return how long a piece of work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def write(folder: Path, runs: int) -> None:
    """Write made-up runs of one benchmark."""
    base = simulate(replace(Recipe(), units=400, prompt_sets=1, image_level=False))
    rng = np.random.default_rng(0)
    for i in range(runs):
        family = FAMILIES[i % len(FAMILIES)]
        facts = {"spec": f"m{i}", "title": f"Model {i}", "family": family, "parameters_millions": float(10 + i)}
        used = base[0].model.model_copy(update=facts)
        written(folder, model(base, f"m{i}", float(rng.uniform(0, 0.4)), seed=i, model=used))


def pairs(rows: int) -> tuple[float, float]:
    """Return the seconds for all pairs of rows by counting and by sorting draws."""
    rng = np.random.default_rng(1)
    draws = np.sort(rng.normal(0.7, 0.05, rows))[::-1, None] + 0.02 * rng.normal(size=(rows, 2001))
    support = np.full(rows, 400.0)
    counted = seconds(lambda: [clearly_better(draws, np.arange(j), j, support[:j]) for j in range(1, rows)])
    ordered = seconds(lambda: [intervals(draws[:j, 1:] - draws[j, 1:]) for j in range(1, rows)])
    return counted, ordered


def in_browser(page_file: Path) -> dict[str, float] | None:
    """Return milliseconds to open the page and for the worst of some filters; None without a browser."""
    chromium = Path(os.environ.get("VLMEVAL_CHROMIUM", "/usr/bin/chromium"))
    if not chromium.is_file():
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(page_file.as_uri())
        page.wait_for_selector("html[data-board=done]")
        opened = page.evaluate(OPENED)
        page.wait_for_selector("html[data-charts=done]", timeout=120_000)
        filters = [page.evaluate(FILTER, ["#board-search", text]) for text in ("clip", "monet", "model 7", "x", "")]
        browser.close()
    return {"open": opened, "filter": max(filters)}


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="of runs that are there already")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name) / "runs"
        if arguments.folder is None:
            write(folder, arguments.runs)
        found = sorted(path.parent for path in folder.rglob(store.RECORD))
        whole = seconds(lambda: [store.read_record(one) for one in found])
        summaries = seconds(lambda: [store.read_summary(one) for one in found])
        built: list[Any] = []
        build = seconds(lambda: built.append(build_leaderboard([folder])))
        page = Path(name) / "leaderboard.html"
        render = seconds(lambda: page.write_text(render_leaderboard(built[0]), encoding="utf-8"))
        counted, ordered = pairs(len(found))
        print(f"{len(found)} runs, {page.stat().st_size / 1e6:.1f} MB of page")
        print(f"  read whole records:          {whole:7.2f} s   1")
        print(f"  read summaries:              {summaries:7.2f} s   {whole / summaries:.1f} times faster")
        print(f"  all pairs, draws sorted:     {ordered:7.2f} s   1")
        print(f"  all pairs, draws counted:    {counted:7.2f} s   {ordered / counted:.1f} times faster")
        print(f"  read, estimate and rank all: {build:7.2f} s")
        print(f"  write the page:              {render:7.2f} s")
        times = in_browser(page)
        if times:
            print(
                f"  in the browser: open {times['open']:.0f} ms, filter {times['filter']:.0f} ms (the slowest of five)"
            )
    print(f"python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}")


if __name__ == "__main__":
    main()
