"""Methods: embeddings in, scores of every sample at image and unit level out. Today: zero-shot (zeroshot.py)."""

from vlmeval.methods.scored import Scored, Units
from vlmeval.methods.zeroshot import Rule, prompt_arrays, zero_shot

METHODS = {"zero-shot": "cosine of picture and prompts by the model's own score rule; nothing is trained"}
"""Method id -> what it does, for ``vlmeval list methods``."""

__all__ = ["METHODS", "Rule", "Scored", "Units", "prompt_arrays", "zero_shot"]
