"""Probes on frozen vectors: linear.py, mlp.py, knn.py; each ``(samples, images, ask) -> Probed`` (ask.py)."""

from __future__ import annotations

from vlmeval.methods.probes.ask import Ask, Probed

__all__ = ["Ask", "Probed"]
