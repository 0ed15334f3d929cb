"""The constants of few-shot, each with its reason: what is used when nothing can be, or shall be, cross-validated.

At one shot there is nothing to hold out, and with ``tune: fixed`` nothing is. Then these values stand, fixed in advance
and the same for every data set; no row outside the draw has a say in them.
"""

from __future__ import annotations

from typing import Final

LOGISTIC_C: Final = 10.0
"""C of `logistic`. With vectors of length 1, a unit can move a logit by at most C, and cosines of different classes
differ by hundredths to tenths: at 10 a tenth becomes a logit of one. Larger values only sharpen what one picture says.
"""

ANCHORED_C: Final = 1.0
"""C of `text-anchored`. A unit can move a logit by at most C: at 1, one picture cannot overrule a text that is sure."""

CACHE_ALPHA: Final = 1.0
CACHE_BETA: Final = 5.5
"""Weight and sharpness of `cache`: Tip-Adapter's own defaults (Zhang et al. 2022, ECCV, section 4)."""

CACHE_ALPHAS: Final = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
CACHE_BETAS: Final = (1.0, 5.5, 15.0, 40.0)
"""Grid of `cache` beside alpha = 0 (zero-shot). Sharp betas because pictures of skin are alike, their cosines lie close
to 1; large alphas because a sharp beta leaves small affinities; small ones for draws of many units, whose votes add up.
"""

COSINE_SCALE: Final = 100.0
"""Logit scale of a model whose rule is the plain cosine: the cap of CLIP's learned scale (Radford et al. 2021, section
2.5)."""
