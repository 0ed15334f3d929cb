"""Run records and predictions for the report's tests: simulated, seeded, no files, no model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vlmeval.records import (
    Badge,
    Benchmark,
    DataUsed,
    Decision,
    Environment,
    Finding,
    MethodUsed,
    MetricRow,
    ModelUsed,
    Plan,
    Predictions,
    PromptsUsed,
    RunRecord,
)
from vlmeval.stats import Resamples, summarise

Run = tuple[RunRecord, list[Predictions]]
HOSTILE = (
    "<script>alert(1)</script>",
    "\"quoted\" & 'single' </script><!--",
    "\u202eجلد طبيعي\u202c",
    "emoji 🩺👩🏾‍⚕️ skin",
    "very long " + "name" * 124,
    "constructor",
    "__proto__",
    "line\u2028separator {{ 7 * 7 }}",
)
NAMES = (
    "Melanocytic naevus",
    "Melanoma",
    "Benign keratosis",
    "Basal cell carcinoma",
    "Actinic keratosis",
    "Vascular lesion",
    "Dermatofibroma",
)
PROMPT_SETS = (
    ("photo", "Photo templates"),
    ("names", "Bare names"),
    ("clinical", "Clinical descriptions"),
    ("lay", "Lay language"),
)


@dataclass(frozen=True)
class Recipe:
    """What kind of run to simulate."""

    task: str = "single-label"
    names: tuple[str, ...] = NAMES
    units: int = 600
    tones: bool = True
    synthetic: bool = False
    badges: tuple[Badge, ...] = ()
    seed: int = 7
    image_level: bool = True
    prompt_sets: int = 4
    title: str = "Simulated lesions"
    draws: int = 100


def simulate(recipe: Recipe) -> Run:
    """Return a complete run record and its predictions; the same recipe gives the same run."""
    benchmark = _benchmark(recipe)
    rng = np.random.default_rng(recipe.seed)
    truth, groups = _truth(recipe, benchmark, rng)
    predictions: list[Predictions] = []
    methods: list[MethodUsed] = []
    for order, (prompt_id, title) in enumerate(PROMPT_SETS[: recipe.prompt_sets]):
        for level in ("unit", "image") if recipe.image_level else ("unit",):
            made = _predict(recipe, truth, groups, rng, level, f"zero-shot/{prompt_id}", 1.9 - 0.3 * order)
            predictions.append(made)
            thresholds = made.decision.thresholds
            methods.append(
                MethodUsed(
                    id=made.method,
                    kind="zero-shot",
                    title=f"Zero-shot, {title.lower()}",
                    level=level,
                    headline=order == 0,
                    score_kind=made.kind,
                    prompts=prompt_id,
                    decision=made.decision.rule,
                    thresholds=None if thresholds is None else dict(zip(benchmark.class_ids, thresholds, strict=True)),
                    chosen_on=made.decision.chosen_on,
                )
            )
    resamples = Resamples.draw(truth.units, recipe.draws, seed=0)
    rows = tuple(row for made in predictions for row in summarise(made, benchmark, resamples))
    return _record(recipe, benchmark, methods, rows, predictions), predictions


def _benchmark(recipe: Recipe) -> Benchmark:
    classes = [
        {"id": f"class-{k}", "name": name, "labels": [name], "malignant": k in (1, 3) or None}
        for k, name in enumerate(recipe.names)
    ]
    tones: list[dict[str, Any]] = [
        _tone("fst-self", "Fitzpatrick, self-reported", "fitzpatrick", ("I–II", "III–IV", "V–VI")),
        _tone("monk-us", "Monk, graders in the US", "monk", ("1–3", "4–6", "7–10")),
    ]
    if not recipe.tones:
        reason = "the data has no skin-tone label of any kind; dermatoscopy hides the surrounding skin"
        tones = [{"id": "tone", "name": "Skin tone", "kind": "skin-tone", "unavailable": reason}]
    sex = {
        "id": "sex",
        "name": "Sex",
        "kind": "demographic",
        "column": "sex",
        "levels": [
            {"id": "female", "name": "Female", "values": ["F"]},
            {"id": "male", "name": "Male", "values": ["M"]},
            {"id": "none", "name": "Not answered", "values": [""], "missing": True},
        ],
    }
    source = {"id": "source", "name": "Hospital", "kind": "acquisition", "unavailable": "not in this form of the file"}
    return Benchmark.model_validate(
        {
            "schema": 1,
            "id": "simulated",
            "version": "1.0.0",
            "title": recipe.title,
            "summary": "Lesions that do not exist, drawn from a random number generator to test the report.",
            "task": recipe.task,
            "modality": "synthetic" if recipe.synthetic else "clinical-photo",
            "unit": {"name": "lesion", "column": "lesion_id"},
            "headline_metrics": ["balanced-accuracy", "auroc"]
            if recipe.task == "single-label"
            else ["auroc", "average-precision"],
            "data": {"adapter": "table", "home": "simulated"},
            "protocol": {"by": "unit"},
            "classes": classes,
            "groups": [*tones, sex, source],
            "prompts": {"default": "photo", "compare": [p for p, _ in PROMPT_SETS[1 : recipe.prompt_sets]]},
            "licence": {"name": "CC0", "url": "https://creativecommons.org/publicdomain/zero/1.0/"},
            "citation": "Nobody et al. Lesions of nowhere. 2026.",
            "homepage": "https://example.org/simulated",
            "known_issues": ["Everything here is simulated."],
            "synthetic": recipe.synthetic,
        }
    )


def _tone(group_id: str, name: str, scale: str, levels: tuple[str, ...]) -> dict[str, Any]:
    made: list[dict[str, Any]] = [
        {"id": f"l{i}", "name": ("FST " if scale == "fitzpatrick" else "MST ") + level, "values": [level]}
        for i, level in enumerate(levels)
    ]
    made += [
        {"id": "not-gradable", "name": "Not gradable", "values": ["ng"], "missing": True},
        {"id": "not-answered", "name": "Not answered", "values": [""], "missing": True},
    ]
    note = "Cut-points as in the card; the median of the raters; missing answers are a stratum of their own."
    return {"id": group_id, "name": name, "kind": "skin-tone", "scale": scale, "column": group_id, "levels": made,
            "note": note}  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """Labels and units of the simulated images."""

    y: np.ndarray
    units: np.ndarray
    ids: np.ndarray


def _truth(recipe: Recipe, benchmark: Benchmark, rng: np.random.Generator) -> tuple[Truth, dict[str, np.ndarray]]:
    k = len(benchmark.classes)
    share = 0.55 ** np.arange(k) + 0.02
    unit_class = rng.choice(k, size=recipe.units, p=share / share.sum())
    unit_y = np.eye(k, dtype=bool)[unit_class]
    if recipe.task == "multi-label":
        unit_y = rng.random((recipe.units, k)) < 0.6 * share / share.max()
    photos = rng.integers(1, 4, size=recipe.units)
    index = np.repeat(np.arange(recipe.units), photos)
    codes = {
        g.id: rng.choice(len(g.levels), size=recipe.units, p=_level_shares(len(g.levels))).astype(np.int16)
        for g in benchmark.available_groups
    }
    names = np.array([f"u{i:05d}" for i in range(recipe.units)])
    ids = np.array([f"i{i:06d}" for i in range(len(index))])
    truth = Truth(y=unit_y[index], units=names[index], ids=ids)
    return truth, {name: column[index] for name, column in codes.items()}


def _level_shares(levels: int) -> np.ndarray:
    share = np.array([0.4, 0.35, 0.15, 0.07, 0.03][:levels])
    return share / share.sum()


def _predict(
    recipe: Recipe,
    truth: Truth,
    groups: dict[str, np.ndarray],
    rng: np.random.Generator,
    level: str,
    method: str,
    signal: float,
) -> Predictions:
    keep = np.sort(np.unique(truth.units, return_index=True)[1]) if level == "unit" else np.arange(len(truth.units))
    y = truth.y[keep]
    strength = np.full(len(y), signal)
    if "fst-self" in groups:
        strength = signal - 0.35 * np.minimum(groups["fst-self"][keep], 2)
    easy = np.linspace(1.2, 0.5, y.shape[1])
    logits = rng.normal(size=y.shape) + y * strength[:, None] * easy
    multi = recipe.task == "multi-label"
    scores = 1 / (1 + np.exp(1.5 - logits)) if multi else np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    thresholds = tuple(np.linspace(0.35, 0.5, y.shape[1]).tolist())
    return Predictions(
        method=method,
        level=level,  # type: ignore[arg-type]
        ids=truth.units[keep] if level == "unit" else truth.ids[keep],
        units=truth.units[keep],
        y_true=y,
        scores=scores,
        kind="sigmoid" if multi else "softmax",
        decision=Decision("threshold", thresholds, "validation rows (90)") if multi else Decision("argmax"),
        groups={name: codes[keep] for name, codes in groups.items()},
        scale=100.0,
    )


def _record(
    recipe: Recipe,
    benchmark: Benchmark,
    methods: list[MethodUsed],
    rows: tuple[MetricRow, ...],
    predictions: list[Predictions],
) -> RunRecord:
    unit = predictions[0]
    images, units = 2 * len(unit), len(unit)
    per_class = dict(zip(benchmark.class_ids, map(int, unit.y_true.sum(axis=0)), strict=True))
    badges = list(recipe.badges)
    if recipe.synthetic:
        badges.append(Badge(kind="synthetic", text="Data and model are synthetic: no clinical meaning."))
    return RunRecord(
        digest="5f2b" * 16,
        created="2026-01-02T03:04:05Z",
        plan=Plan(benchmark="simulated", model="clip-demo", prompts=tuple(p for p, _ in PROMPT_SETS)),
        benchmark=benchmark,
        benchmark_digest="ab" * 32,
        model=ModelUsed(
            spec="clip-demo",
            title="CLIP demo ViT",
            family="demo",
            library="open_clip",
            revision="1f3870be274f6c49b3e31a0c6728957f1f3870be",
            key="cd" * 32,
            dim=64,
            preprocessing="shortest side to 64, bicubic (Pillow 12.1), centre crop; mean and std of OpenAI CLIP",
            text_rules="32 tokens, lower-cased",
            score_rule="softmax of 100 x cosine",
            scale=100.0,
            bias=None,
            licence="Apache-2.0",
            homepage="https://example.org/model",
            parameters_millions=1.9,
            prompts="The publisher recommends the bare condition name.",
            synthetic=recipe.synthetic,
        ),
        prompts=tuple(
            PromptsUsed(
                id=p,
                title=title,
                version="1",
                language="en",
                digest="ef" * 32,
                aggregation="mean-embedding",
                source="Written for this test.",
                prompts={c.id: (f"a photo of {c.name}", f"{c.name}, a skin condition") for c in benchmark.classes},
            )
            for p, title in PROMPT_SETS[: recipe.prompt_sets]
        ),
        methods=tuple(methods),
        data=DataUsed(
            digest="12" * 32,
            images=5 * images,
            units=5 * units,
            split_images={"train": 3 * images, "val": images, "test": images},
            split_units={"train": 3 * units, "val": units, "test": units},
            class_images={c: 2 * v for c, v in per_class.items()},
            class_units=per_class,
            group_units={
                g.id: {lv.id: int((unit.groups[g.id] == i).sum()) for i, lv in enumerate(g.levels)}
                for g in benchmark.available_groups
            },
            account={"cases read": 700, "dropped: image quality": 60, "dropped: no label": 40, "images kept": images},
            unreadable=("i000013", "i000144"),
            test_ids_digest="34" * 32,
        ),
        rows=rows,
        findings=(
            Finding(code="units-in-one-split", severity="info", message="No lesion stands in two splits."),
            Finding(
                code="duplicate-images",
                severity="warning",
                message="Identical pictures within one lesion.",
                count=2,
                examples=("i000001 = i000002", "i000077 = i000078"),
            ),
        ),
        badges=tuple(badges),
        timings={"embed images": 41.23, "embed texts": 0.4, "statistics": 3.2, "total": 46.0},
        environment=Environment(
            vlmeval="0.1.0",
            python="3.11.9",
            platform="Linux-6.1-x86_64",
            packages={"numpy": "2.4.0", "torch": "2.15.0", "open_clip_torch": "3.3.0"},
            device="cpu",
            dtype="float32",
            git_commit="becc89b0a1",
            git_dirty=False,
        ),
    )


LEAK = Badge(
    kind="leakage",
    text="Photos of one lesion stand on both sides of the split: results are too good.",
    source="https://example.org/leak",
)
TRAINED_ON = Badge(
    kind="contamination",
    text="The publisher states that this data was in the model's training data.",
    source="Model card, section 'Training data'",
)
