"""The open set of metrics: one registered function each (`registry.py`), with formula, bounds, source and example.

`classwise` (one class against the rest), `overall` (all classes together), `brier` and `probabilities` (scores as
probabilities), `operating` (points of the ROC curve), `malignancy` (malignant against benign).
"""

# Importing the modules is what fills the registry, in the order in which rows stand.
# isort: off
from vlmeval.stats.metrics import classwise as classwise
from vlmeval.stats.metrics import overall as overall
from vlmeval.stats.metrics import brier as brier
from vlmeval.stats.metrics import probabilities as probabilities
from vlmeval.stats.metrics import operating as operating
from vlmeval.stats.metrics import malignancy as malignancy
# isort: on
