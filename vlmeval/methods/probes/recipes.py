"""Published probe recipes as `ProbeOptions`, with their sources and with what cannot be imitated.

Comes in: options and a recipe's id. Goes out: options that spell the recipe out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from vlmeval.errors import UnknownNameError
from vlmeval.records import ProbeOptions


@dataclass(frozen=True)
class Recipe:
    """Option values that a publication used; ``description`` says what they mean and where we differ."""

    description: str
    source: str
    updates: Mapping[str, Any] = field(default_factory=dict)


RECIPES: Final[dict[str, Recipe]] = {
    "medsiglip-notebook": Recipe(
        "MultiOutputClassifier(LogisticRegression(max_iter=250)): scikit-learn's default C = 1 and tolerance on raw "
        "embeddings, every picture counting once, decisions at 0.5. The notebook has no validation part: what it "
        "trains on is our train and validation rows together, so the final fit has both.",
        "Google-Health/medsiglip, notebooks/train_data_efficient_classifier.ipynb",
        {
            "embedding": "projected",
            "features": "raw",
            "c_grid": (1.0,),
            "class_weight": "none",
            "unit_weights": False,
            "refit": True,
            "thresholds": "half",
            "solver": "sklearn",
            "max_iter": 250,
        },
    ),
    "clip-paper": Recipe(
        "scikit-learn's L-BFGS with at most 1000 iterations on the vectors before the projection to the shared space; "
        "96 values of C from 1e-6 to 1e6 on the log scale, chosen on validation rows, then train and validation rows "
        "together. The paper chooses by each data set's own metric, here it is balanced accuracy; all 96 values are "
        "fitted, where the paper narrows them down by bisection.",
        "Radford et al. 2021, Learning Transferable Visual Models From Natural Language Supervision, appendix A.3",
        {
            "embedding": "pooled",
            "features": "raw",
            "c_grid": tuple(float(f"{c:.6g}") for c in np.logspace(-6, 6, 96)),
            "criterion": "balanced-accuracy",
            "class_weight": "none",
            "unit_weights": False,
            "refit": True,
            "solver": "sklearn",
            "max_iter": 1000,
        },
    ),
}
"""Recipe id -> what it sets."""


def apply_recipe(options: ProbeOptions, recipe_id: str) -> ProbeOptions:
    """Return ``options`` with a recipe's values in place of theirs, and its id as ``recipe``.

    Raises
    ------
    UnknownNameError
        For a recipe that there is not.
    """
    if recipe_id not in RECIPES:
        raise UnknownNameError("recipe", recipe_id, RECIPES)
    return ProbeOptions.model_validate({**options.model_dump(), **RECIPES[recipe_id].updates, "recipe": recipe_id})
