"""The YAML in CONTRIBUTING.md works as it stands: who copies it has a benchmark, prompts, a model and what it saw."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vlmeval.catalog import Catalog, expand_prompts, load_catalog
from vlmeval.data import load_samples

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"```yaml\n# (?P<path>\S+)\n(?P<text>.*?)```", re.DOTALL)

PHOTOS = """file,diagnosis,patient,fst
a1.jpg,eczema,a,1
a2.jpg,eczema,a,1
b1.jpg,atopic dermatitis,b,5
c1.jpg,tinea,c,
d1.jpg,tinea,d,3
e1.jpg,eczema,e,6
f1.jpg,tinea,f,2
"""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    root = tmp_path_factory.mktemp("own")
    blocks = list(BLOCK.finditer((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    assert len(blocks) == 4
    for block in blocks:
        path = root / block["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block["text"], encoding="utf-8")
    return load_catalog([root])


def test_the_benchmark_reads_a_table(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "photos.csv").write_text(PHOTOS, encoding="utf-8")
    benchmark = catalog.benchmark("my-clinic")
    samples = load_samples(benchmark, tmp_path)
    assert len(samples.ids) == 7
    assert samples.labels.sum(axis=0).tolist() == [4, 3]
    assert set(samples.groups) == {"fst"}


def test_the_prompts_fill_the_benchmarks_classes(catalog: Catalog) -> None:
    prompts = expand_prompts(catalog.prompt_set("my-clinic/ward-round"), catalog.benchmark("my-clinic")).prompts
    assert prompts == {
        "eczema": ("a clinical photograph of eczema", "a clinical photograph of atopic dermatitis"),
        "tinea": (
            "tinea: a ring-shaped, scaly plaque with a raised border",
            "a clinical photograph of tinea",
            "a clinical photograph of ringworm",
        ),
    }


def test_every_prompt_set_the_benchmark_names_is_there(catalog: Catalog) -> None:
    benchmark = catalog.benchmark("my-clinic")
    for set_id in (benchmark.prompts.default, *benchmark.prompts.compare):
        assert set(expand_prompts(catalog.prompt_set(set_id), benchmark).prompts) == {"eczema", "tinea"}


def test_the_model_card_is_valid(catalog: Catalog) -> None:
    card = catalog.model_card("our-clip")
    assert card.weights.hub == "our-department/our-clip"
    assert catalog.contamination.of(card.family, "my-clinic").status == "not-in-training"
