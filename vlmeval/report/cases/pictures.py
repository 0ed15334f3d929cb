"""Thumbnails for the gallery: whether the data's terms allow them, which pictures are shown, and where they go.

In: a view and small pictures as data addresses. Out: the view with them. Nothing is read here.
"""

from __future__ import annotations

from collections.abc import Mapping

from vlmeval.errors import UsageError
from vlmeval.records import Benchmark
from vlmeval.report.lookup import View


def check_gallery(benchmark: Benchmark) -> None:
    """Refuse pictures in a page where the card does not say that the data's terms allow it (UsageError)."""
    if not benchmark.licence.gallery:
        raise UsageError(
            f"a report on {benchmark.id} may not hold pictures",
            key="licence.gallery",
            expected="true on the benchmark's card",
            found=f"false ({benchmark.licence.name})",
            hint=benchmark.licence.terms or "leave out --gallery: the page names the cases, to be looked up",
        )


def shown_pictures(view: View) -> list[str]:
    """Return the ids of the pictures of all cases that a report shows, each once."""
    return list(dict.fromkeys(picture for case in view["cases"]["shown"] for picture in case["pictures"]))


def with_thumbnails(view: View, thumbnails: Mapping[str, str]) -> View:
    """Return the view with thumbnails (``data:image/...`` addresses by picture id) beside the cases."""
    cases = view["cases"]
    shown = [
        case | {"thumbnails": [{"id": p, "address": thumbnails[p]} for p in case["pictures"] if p in thumbnails]}
        for case in cases["shown"]
    ]
    gallery = cases["gallery"] | {"pictures": sum(picture in thumbnails for picture in shown_pictures(view))}
    return view | {"cases": cases | {"shown": shown, "gallery": gallery}}
