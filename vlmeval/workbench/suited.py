"""Whether a prompt set is meant for a benchmark and a model: what ``all`` leaves out, and says why.

In: the catalog, a set, a card, the model's family. Out: the reason in words, or None.
"""

from __future__ import annotations

from vlmeval.catalog import Catalog
from vlmeval.records import Benchmark, PromptSet


def unsuited(catalog: Catalog, prompt_set: PromptSet, benchmark: Benchmark, family: str) -> str | None:
    """Say why a set is not meant for the benchmark or the model, or None."""
    parts = [prompt_set, *(catalog.prompt_set(name) for name in prompt_set.includes if name in catalog.prompt_sets)]
    if benchmark.task == "single-label" and any(part.negatives for part in parts):
        return f"it has negatives, and every {benchmark.unit.name} has a class here"
    if prompt_set.models and family not in prompt_set.models:
        return f"it is written for {', '.join(prompt_set.models)}, and the model is of the family {family}"
    return None
