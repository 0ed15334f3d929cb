"""The few-shot variants by id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vlmeval.methods.fewshot.anchored import ANCHORED
from vlmeval.methods.fewshot.cache import CACHE
from vlmeval.methods.fewshot.logistic import LOGISTIC
from vlmeval.methods.fewshot.nearest_mean import NEAREST_MEAN
from vlmeval.methods.fewshot.variant import Variant
from vlmeval.records import FewShotVariant

VARIANTS: Final[Mapping[FewShotVariant, Variant]] = {v.id: v for v in (ANCHORED, LOGISTIC, CACHE, NEAREST_MEAN)}
