"""The records that flow through the house; every room's inputs and outputs are these.

benchmark.py, prompts.py and model.py are read from YAML; arrays.py holds what flows through a run; run.py is what a
run leaves behind. All are frozen.
"""

from vlmeval.records.arrays import Decision, Embeddings, Predictions, Samples
from vlmeval.records.base import Record, digest_of
from vlmeval.records.benchmark import (
    Benchmark,
    ClassSpec,
    DataSource,
    GroupLevel,
    GroupSpec,
    Level,
    Licence,
    PromptChoice,
    Protocol,
    Task,
    UnitSpec,
)
from vlmeval.records.imageref import ImageRef
from vlmeval.records.model import Contamination, ImagePipeline, ModelCard, ScoreKind, TextRules, Weights
from vlmeval.records.prompts import Aggregation, PromptSet
from vlmeval.records.run import (
    SCHEMA_VERSION,
    Badge,
    DataUsed,
    Environment,
    Finding,
    MethodUsed,
    MetricRow,
    ModelUsed,
    Plan,
    PromptsUsed,
    RunRecord,
)

__all__ = [
    "SCHEMA_VERSION",
    "Aggregation",
    "Badge",
    "Benchmark",
    "ClassSpec",
    "Contamination",
    "DataSource",
    "DataUsed",
    "Decision",
    "Embeddings",
    "Environment",
    "Finding",
    "GroupLevel",
    "GroupSpec",
    "ImagePipeline",
    "ImageRef",
    "Level",
    "Licence",
    "MethodUsed",
    "MetricRow",
    "ModelCard",
    "ModelUsed",
    "Plan",
    "Predictions",
    "PromptChoice",
    "PromptSet",
    "PromptsUsed",
    "Protocol",
    "Record",
    "RunRecord",
    "Samples",
    "ScoreKind",
    "Task",
    "TextRules",
    "UnitSpec",
    "Weights",
    "digest_of",
]
