"""Few-shot: units drawn by class and seed, and four ways to learn from them on the same draws.

`few_shot` is the whole sweep (sweep.py). draws.py says which units; anchored.py, logistic.py, cache.py and
nearest_mean.py are the variants; defaults.py holds the constants; solving.py chooses inside the shots.
"""

from vlmeval.methods.fewshot.anchor import Anchor
from vlmeval.methods.fewshot.draws import draw_all, drawn
from vlmeval.methods.fewshot.result import FewShotResult, Point, SeedPoint
from vlmeval.methods.fewshot.sweep import few_shot
from vlmeval.methods.fewshot.variants import VARIANTS

__all__ = ["VARIANTS", "Anchor", "FewShotResult", "Point", "SeedPoint", "draw_all", "drawn", "few_shot"]
