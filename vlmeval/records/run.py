"""The run record: what was planned, on what, what came out, and how far to trust it. Written to `run.json`."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from vlmeval.records.audit import AuditCheck, LeakEffect
from vlmeval.records.base import Record
from vlmeval.records.benchmark import Benchmark, Level
from vlmeval.records.contamination import Contamination
from vlmeval.records.examined import Examined
from vlmeval.records.model import ScoreKind
from vlmeval.records.numbers import Difference, MetricRow
from vlmeval.records.probe import (
    Certificate,
    Choice,
    FewShotOptions,
    FewShotUsed,
    ProbeOptions,
    SeedUsed,
    Shots,
    TrainingCurve,
)
from vlmeval.records.prompts import Aggregation, Wording

SCHEMA_VERSION: Final = 1
MADE_UP: Final = "scored"
"""Id of the card that is made up for predictions which belong to no benchmark."""
Pooling = Literal["mean-embedding", "mean-score"]
Calibration = Literal["centred", "prior", "bias-temperature"]


class Plan(Record):
    """What a person asked for; with the digests of the cards it names, the identity of a run."""

    benchmark: str
    model: str
    methods: tuple[str, ...] = ("zero-shot",)
    prompts: tuple[str, ...] = Field((), description="Prompt set ids; the first is the headline.")
    aggregation: Aggregation | None = Field(None, description="Overrides the prompt sets' own.")
    score: Literal["softmax", "sigmoid", "cosine"] | None = Field(None, description="Overrides the model's rule.")
    pooling: Pooling = "mean-embedding"
    split: Literal["train", "val", "test", "all"] = "test"
    draws: int = Field(2000, ge=0)
    seed: int = 0
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    probe: ProbeOptions = ProbeOptions()
    few_shot: FewShotOptions = FewShotOptions()
    limit: int | None = Field(None, description="Only so many units, by the digest of their ids: a quick look, badged.")
    max_missing: float = Field(0.01, ge=0, le=1)
    permutations: int = Field(2000, ge=0, description="Of the tests of no difference; 0 for no tests.")
    crossed: tuple[tuple[str, str], ...] = Field((), description="Pairs of groups to report crossed, e.g. tone x age.")
    calibrations: tuple[Calibration, ...] = Field((), description="Of zero-shot scores, each a method of its own.")
    estimate_tone: bool = Field(False, description="Add a skin-tone group estimated from the pictures.")


class PromptsUsed(Record):
    """The strings of one prompt set as they went into the text tower, per class id.

    ``searched``: the set was chosen on labelled validation rows (its provenance says which).
    """

    id: str
    title: str
    version: str
    language: str
    digest: str
    aggregation: Aggregation
    source: str
    prompts: dict[str, tuple[str, ...]]
    negatives: dict[str, tuple[str, ...]] = {}
    weights: dict[str, tuple[float, ...]] = {}
    searched: bool = False

    @property
    def wording(self) -> Wording:
        """The strings and weights alone."""
        return Wording(prompts=self.prompts, negatives=self.negatives, weights=self.weights)

    @property
    def heading(self) -> str:
        """The title in names of methods: of a searched set it says so."""
        return f"prompts chosen on validation: {self.title}" if self.searched else self.title


class ModelUsed(Record):
    """Which model ran: the card's facts that a reader needs, and the fingerprint of the weights and preprocessing."""

    spec: str
    title: str
    family: str
    library: str
    revision: str | None
    key: str
    dim: int
    preprocessing: str
    text_rules: str
    score_rule: str
    scale: float | None
    bias: float | None
    licence: str
    homepage: str
    parameters_millions: float | None = None
    prompts: str | None = None
    synthetic: bool = False


class MethodUsed(Record):
    """One method at one level: what its scores are and how decisions were made.

    A method of several seeds (mlp-probe, few-shot) has one entry each in ``seeds``, with thresholds of its own. A point
    of a few-shot curve has ``curve`` (shared by all its points) and ``shots``.
    """

    id: str
    kind: str
    title: str
    level: Level
    headline: bool = False
    score_kind: ScoreKind
    prompts: str | None = None
    decision: Literal["argmax", "threshold"]
    thresholds: dict[str, float] | None = None
    chosen_on: str | None = None
    parameters: dict[str, Any] = {}
    seeds: tuple[SeedUsed, ...] = ()
    curve: str | None = None
    shots: Shots | None = None
    choice: Choice | None = None
    certificate: Certificate | None = None
    training: tuple[TrainingCurve, ...] = ()

    @property
    def calibration(self) -> str | None:
        """What was done to zero-shot's scores (the kind is ``zero-shot+centred`` and so on); None for other methods."""
        return self.kind.partition("+")[2] or None


class Finding(Record):
    """Something the audit saw. A ``violation`` stops a run unless the protocol declares itself leaky."""

    code: str
    severity: Literal["info", "warning", "violation"]
    message: str
    count: int = 0
    examples: tuple[str, ...] = ()


class Badge(Record):
    """A mark that travels with every number of the run."""

    kind: Literal["leakage", "contamination", "synthetic", "partial"]
    text: str
    source: str | None = None


class DataUsed(Record):
    """What was read: counts per split and class, group counts, what was left out, what could not be read."""

    digest: str
    images: int
    units: int
    split_images: dict[str, int]
    split_units: dict[str, int]
    class_images: dict[str, int]
    class_units: dict[str, int]
    split_class_images: dict[str, dict[str, int]] = {}
    split_class_units: dict[str, dict[str, int]] = {}
    group_units: dict[str, dict[str, int]]
    account: dict[str, int]
    unreadable: tuple[str, ...] = ()
    test_ids_digest: str


class Environment(Record):
    """Enough to run it again: versions, device, commit.

    ``cpus`` are the processors of the machine; ``threads`` torch's intra-op threads, None when torch was not needed.
    """

    vlmeval: str
    python: str
    platform: str
    packages: dict[str, str]
    device: str
    dtype: str
    cpus: int | None = None
    threads: int | None = None
    git_commit: str | None = None
    git_dirty: bool | None = None


class RunRecord(Record):
    """Everything about a run but the per-sample scores (those are in `predictions.parquet` beside it)."""

    schema_version: Literal[1] = SCHEMA_VERSION
    digest: str = Field(description="SHA-256 over plan, cards, model key and data: the run's identity.")
    created: str = Field(description="UTC, ISO 8601.")
    plan: Plan
    benchmark: Benchmark
    benchmark_digest: str
    model: ModelUsed | None = Field(description="None for scored predictions of unknown making.")
    prompts: tuple[PromptsUsed, ...] = ()
    methods: tuple[MethodUsed, ...]
    data: DataUsed
    rows: tuple[MetricRow, ...]
    differences: tuple[Difference, ...] = ()
    few_shot: FewShotUsed | None = None
    examined: Examined = Examined()
    contamination: Contamination | None = Field(None, description="What the register says of model and data.")
    findings: tuple[Finding, ...] = ()
    audit: tuple[AuditCheck, ...] = Field((), description="What was looked for, and what could not be looked for.")
    leaks: tuple[LeakEffect, ...] = Field((), description="Leaky protocols: what the leak is worth, by method.")
    badges: tuple[Badge, ...] = ()
    timings: dict[str, float] = Field({}, description="Seconds by stage, measured in this run.")
    embedded_images: int | None = Field(
        None, description="Pictures that were decoded and encoded in this run; the others' vectors were there already."
    )
    environment: Environment

    @property
    def headline_method(self) -> MethodUsed:
        """The method and level whose numbers are shown first."""
        return next((m for m in self.methods if m.headline), self.methods[0])

    def headline_rows(self) -> list[MetricRow]:
        """Return the card's headline metrics over all samples, then the worst level of every skin-tone source."""
        method = self.headline_method
        own = [r for r in self.rows if (r.method, r.level) == (method.id, method.level) and r.class_id is None]
        overall = [
            row
            for metric in self.benchmark.headline_metrics
            for row in own
            if row.metric == metric and row.group is None and row.averaging in ("macro", "overall")
        ]
        tones = [g.id for g in self.benchmark.available_groups if g.kind == "skin-tone" and not g.estimated]
        worst = [row for tone in tones if (row := self._worst_level(own, tone)) is not None]
        return overall + worst

    def _worst_level(self, rows: list[MetricRow], group: str) -> MetricRow | None:
        """Return the worst level by the first headline metric: over shared classes where the levels differ in them."""
        metric = self.benchmark.headline_metrics[0] if self.benchmark.headline_metrics else None
        found = [row for row in rows if row.group == group and row.group_level == "worst"]
        candidates = [row for row in found if row.metric == metric and row.averaging != "macro-common"]
        candidates += [row for row in found if row.metric == metric and row.averaging == "macro-common"]
        candidates += [row for row in found if row.metric == "sensitivity" and row.averaging == "macro-common"]
        return next((row for row in candidates if row.value is not None), candidates[0] if candidates else None)
