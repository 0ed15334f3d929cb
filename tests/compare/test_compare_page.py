"""The page of a comparison: what it says, in a real browser too; hostile names are harmless."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compare_world import frame, scored

from vlmeval.compare import Wanted, compare_runs
from vlmeval.records import Badge, Comparison
from vlmeval.report import build_comparison, render_comparison

HOSTILE = ("</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "constructor")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("page")
    runs = [
        scored(folder, name, frame(better=b, noise=i)) for i, (name, b) in enumerate((("ours", 1.0), ("theirs", 0.0)))
    ]
    return compare_runs(runs, Wanted(permutations=200))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Three runs whose names, classes, groups and badges try to break out of the page."""
    folder = tmp_path_factory.mktemp("hostile")
    names = dict(zip(("Melanoma", "Nevus", "BCC"), HOSTILE, strict=True))
    runs = []
    for i in range(3):
        data = frame(noise=i, better=i / 2).rename(columns={f"score:{a}": f"score:{b}" for a, b in names.items()})
        data["dx"] = data["dx"].map(names)
        data["sex"] = np.where(data.sex == "f", HOSTILE[0], HOSTILE[1])
        runs.append(scored(folder, f"run-{i}", data))
    found = compare_runs(runs, Wanted(permutations=100, draws=100, against="all"))
    badge = Badge(kind="contamination", text=HOSTILE[0], source="javascript:alert(1)")
    sides = [
        run.model_copy(update={"label": name, "model": name, "badges": (badge,)})
        for run, name in zip(found.runs, HOSTILE, strict=True)
    ]
    pairs = [
        p.model_copy(update={"a": p.a.model_copy(update={"name": HOSTILE[p.a.run]}),
                             "b": p.b.model_copy(update={"name": HOSTILE[p.b.run]})})
        for p in found.pairs
    ]  # fmt: skip
    return found.model_copy(update={"runs": tuple(sides), "pairs": tuple(pairs)})


def test_the_view_says_what_the_comparison_says(compared: Comparison) -> None:
    view = build_comparison(compared)
    (pair,) = view["pairs"]
    assert [v["words"] for v in pair["verdicts"]] == [v.words for v in compared.pairs[0].verdicts]
    auroc = next(n for n in compared.pairs[0].numbers if (n.metric, n.class_id, n.group) == ("auroc", "nevus", None))
    row = next(r for r in pair["classes"]["rows"] if r["name"] == "Nevus")
    assert row["cells"][0]["value"] == auroc.value
    assert (row["cells"][0]["a"], row["cells"][0]["b"]) == (auroc.a, auroc.b)
    levels = {r["name"]: r["cells"] for r in pair["groups"][0]["rows"]}
    by_sex = {
        (n.metric, n.group_level): n.value
        for n in compared.pairs[0].numbers
        if n.group == "sex" and n.class_id is None and n.averaging in ("macro", "overall")
    }
    for level in ("f", "m"):
        assert levels[level][0]["value"] == by_sex["balanced-accuracy", level]
    assert pair["tones"] == []
    assert "scored without a benchmark card" in pair["no_tones"]


def test_the_page_names_runs_tests_and_corrections(compared: Comparison) -> None:
    page = re.sub(
        r"\s+",
        " ",
        re.sub(
            r"<script.*?</script>|<style.*?</style>|<[^>]+>",
            " ",
            render_comparison(build_comparison(compared)),
            flags=re.S,
        ),
    )
    for text in (
        "ours against theirs",
        "ours is better by 0.",
        "corrected for 3 tests",
        "McNemar's exact test",
        "Holm's method",
        "Benjamini and Hochberg's",
        "the same 120 lesions",
        "2.8 standard errors",
        compared.test_ids_digest[:12],
        compared.truth_digest[:12],
        *(run.digest[:12] for run in compared.runs),
    ):
        assert text in page, text


def test_the_same_comparison_gives_the_same_bytes(compared: Comparison) -> None:
    again = Comparison.model_validate_json(compared.model_dump_json())
    assert render_comparison(build_comparison(compared)) == render_comparison(build_comparison(again))


def test_hostile_names_stay_text(hostile: Comparison) -> None:
    page = render_comparison(build_comparison(hostile))
    without = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.S)
    assert "<img" not in without
    assert "alert(1)</script>" not in page
    assert 'href="javascript:' not in page


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(chromium), args=ARGUMENTS)
        yield running
        running.close()


@pytest.mark.browser
@pytest.mark.parametrize(("name", "width", "scheme"), [("compared", 1280, "light"), ("hostile", 400, "dark")])
def test_in_a_browser_every_chart_is_drawn_and_nothing_complains(
    browser: Any, request: pytest.FixtureRequest, tmp_path: Path, name: str, width: int, scheme: str
) -> None:
    path = tmp_path / f"{name}.html"
    path.write_text(render_comparison(build_comparison(request.getfixturevalue(name))), encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=False)
    page = context.new_page()
    seen: list[str] = []
    page.on("console", lambda m: seen.append(m.text))
    page.on("pageerror", lambda e: seen.append(str(e)))
    page.on("dialog", lambda d: (seen.append(d.message), d.dismiss()))
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else seen.append(r.url))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-charts=done]", timeout=60_000)
    charts = page.locator("[data-chart]:visible")
    pairs = 3 if name == "hostile" else 1
    assert charts.count() == 3 * pairs
    for i in range(charts.count()):
        assert charts.nth(i).locator(".mark-symbol path").count() >= 2
    assert page.locator(".chart.failed").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if name == "hostile":
        labels = page.locator("[data-chart='pair-0-classes'] svg text").all_text_contents()
        assert "constructor" in labels
        assert page.locator("img").count() == 0
    context.close()
    assert seen == []


@pytest.mark.browser
def test_axe_finds_nothing_serious(browser: Any, compared: Comparison, tmp_path: Path) -> None:
    axe = Path(__file__).parents[1] / "report" / "vendor" / "axe.min.js"
    path = tmp_path / "compared.html"
    path.write_text(render_comparison(build_comparison(compared)), encoding="utf-8")
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-charts=done]", timeout=60_000)
    page.add_script_tag(path=str(axe))
    found = page.evaluate("axe.run(document)")
    context.close()
    grave = [(v["id"], [n["target"] for n in v["nodes"][:3]]) for v in found["violations"]
             if v["impact"] in ("serious", "critical")]  # fmt: skip
    assert found["passes"]
    assert grave == []
