"""Methods: embeddings in, scores of every sample at image and unit level out. Today: zero-shot (zeroshot.py)."""

from __future__ import annotations

from collections.abc import Sequence

from vlmeval.errors import UnknownNameError, UsageError
from vlmeval.methods.scored import Scored, Units
from vlmeval.methods.zeroshot import Rule, prompt_arrays, zero_shot

METHODS = {"zero-shot": "cosine of picture and prompts by the model's own score rule; nothing is trained"}
"""Method id -> what it does, for ``vlmeval list methods``."""

__all__ = ["METHODS", "Rule", "Scored", "Units", "check_methods", "prompt_arrays", "zero_shot"]


def check_methods(names: Sequence[str]) -> None:
    """Raise UnknownNameError for a method that there is not, UsageError when none is named or one twice."""
    if not names:
        raise UsageError("no method is named", key="--method", expected="one or more of " + ", ".join(METHODS))
    for name in names:
        if name not in METHODS:
            raise UnknownNameError("method", name, METHODS, hint="see: vlmeval list methods")
    if len(set(names)) < len(names):
        raise UsageError("a method is named twice", key="--method", found=", ".join(names))
