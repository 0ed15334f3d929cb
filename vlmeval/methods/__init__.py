"""Methods: embeddings in, scores of samples at image and unit level out.

zeroshot.py trains nothing; calibration/ shifts and scales its scores; probes/ are fitted on all training rows;
fewshot/ on a few units a class.
"""

from __future__ import annotations

from collections.abc import Sequence

from vlmeval.errors import UnknownNameError, UsageError
from vlmeval.methods.rule import Rule
from vlmeval.methods.scored import Scored, Units
from vlmeval.methods.texts import TextSide
from vlmeval.methods.zeroshot import zero_shot

METHODS = {
    "zero-shot": "cosine of picture and prompts by the model's own score rule; nothing is trained "
    "(--calibrate adds it centred, with priors corrected, or with bias and temperature fitted)",
    "linear-probe": "logistic regression on frozen vectors; C chosen on validation units, every fit certified",
    "mlp-probe": "the MedSigLIP notebook's small net on frozen vectors, several seeds",
    "knn": "vote of the nearest training pictures by cosine; k chosen on validation units",
    "few-shot": "curves over shots and seeds: text-anchored and logistic probes, cache, nearest class mean",
}
"""Method id -> what it does, for ``vlmeval list methods``."""

__all__ = ["METHODS", "Rule", "Scored", "TextSide", "Units", "check_methods", "zero_shot"]


def check_methods(names: Sequence[str]) -> None:
    """Raise UnknownNameError for a method that there is not, UsageError when none is named or one twice."""
    if not names:
        raise UsageError("no method is named", key="--method", expected="one or more of " + ", ".join(METHODS))
    for name in names:
        if name not in METHODS:
            raise UnknownNameError("method", name, METHODS, hint="see: vlmeval list methods")
    if len(set(names)) < len(names):
        raise UsageError("a method is named twice", key="--method", found=", ".join(names))
