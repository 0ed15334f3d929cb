"""Plan -> RunRecord. run.py knows the whole way; planning.py, zeroshot.py, assess.py and outcome.py are its steps.

score.py takes the same way from the middle on, for predictions that somebody else made.
"""

from vlmeval.evaluate.outcome import Outcome
from vlmeval.evaluate.run import Where, evaluate

__all__ = ["Outcome", "Where", "evaluate"]
