"""L2-regularised logistic regression, many fits at once, each with a certificate of how far it is from its optimum.

`fit_logistic` is the solver; `fit_sklearn` is scikit-learn's, for recipes that must be reproduced as published. Both
take `Problem` and return `Fit`. Pure arrays: nothing here knows of images, units or splits.
"""

from vlmeval.logistic.fit import fit_logistic
from vlmeval.logistic.problem import Fit, Problem
from vlmeval.logistic.sklearn_way import fit_sklearn

__all__ = ["Fit", "Problem", "fit_logistic", "fit_sklearn"]
