"""What a reader is told of the benchmark's pictures in the model's training data, badge or not."""

from __future__ import annotations

from typing import Any

import pytest
from made_up_runs import HOSTILE, TRAINED_ON, Run

from vlmeval.records import Contamination, RunRecord
from vlmeval.report import build_view, contamination_view, render


def said(status: str, **changes: Any) -> Contamination:
    return Contamination.model_validate(
        {"family": "demo", "data": "simulated", "status": status, "note": "The paper is silent.",
         "source": "https://example.org/paper", "date": "2026-11-21", **changes}
    )  # fmt: skip


def told(record: RunRecord, **changes: Any) -> dict[str, Any]:
    view = contamination_view(record.model_copy(update=changes))
    assert view is not None
    return view


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("in-training", "The pictures of Simulated lesions were in the training data of CLIP demo ViT: The paper is"),
        ("not-in-training", "The pictures of Simulated lesions were not in the training data of CLIP demo ViT: The"),
        (
            "unknown",
            "Whether the pictures of Simulated lesions were in the training data of CLIP demo ViT is not known:",
        ),
    ],
)
def test_every_status_is_one_sentence_with_source_and_date(single: Run, status: str, text: str) -> None:
    view = told(single[0], contamination=said(status))
    assert view["text"].startswith(text)
    assert view["text"].endswith("The paper is silent.")
    assert (view["source"], view["date"]) == ("https://example.org/paper", "2026-11-21")


def test_scored_predictions_are_named_by_family_or_not_at_all(single: Run) -> None:
    known = told(single[0], model=None, contamination=said("unknown", family="medsiglip"))
    assert "in the training data of medsiglip models is not known" in known["text"]
    nobody = told(single[0], model=None, contamination=said("unknown", family="unknown", source=None, date=None))
    assert "of the model behind the predictions is not known" in nobody["text"]
    assert nobody["source"] is nobody["date"] is None


def test_records_without_a_word_of_it_show_nothing(single: Run) -> None:
    assert contamination_view(single[0]) is None
    assert "Seen before?" not in render(build_view(*single))


@pytest.mark.parametrize(("status", "in_summary"), [("in-training", 0), ("not-in-training", 1), ("unknown", 1)])
def test_the_data_card_always_says_it_and_the_summary_where_no_badge_does(
    single: Run, status: str, in_summary: int
) -> None:
    badges = (TRAINED_ON,) if status == "in-training" else ()
    record = single[0].model_copy(update={"contamination": said(status), "badges": badges})
    page = render(build_view(record, single[1]))
    sentence = told(record)["text"]
    assert page.count(sentence) == 1 + in_summary
    summary = page[page.index('<section id="summary"') : page.index("</section>")]
    assert summary.count(sentence) == in_summary
    data = page[page.index('<section id="data"') :]
    assert '<a href="https://example.org/paper" rel="noopener noreferrer">' in data
    assert "read on 2026-11-21" in data


def test_a_hostile_register_is_text(single: Run) -> None:
    record = single[0].model_copy(
        update={"contamination": said("unknown", note=HOSTILE[0], source="javascript:alert(1)")}
    )
    page = render(build_view(record, single[1]))
    assert "<script>alert(1)" not in page
    assert 'href="javascript' not in page
