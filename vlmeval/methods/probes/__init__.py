"""Probes on frozen vectors: linear.py, mlp.py, neighbours.py; each ``(samples, images, ask) -> Probed`` (ask.py)."""

from __future__ import annotations

from vlmeval.methods.probes.ask import Ask, Probed
from vlmeval.methods.probes.broken import broken_probe
from vlmeval.methods.probes.linear import linear_probe
from vlmeval.methods.probes.mlp import mlp_probe
from vlmeval.methods.probes.neighbours import knn

__all__ = ["Ask", "Probed", "broken_probe", "knn", "linear_probe", "mlp_probe"]
