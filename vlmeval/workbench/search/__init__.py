"""`vlmeval prompts search`: prompts chosen on validation units, and an honest figure of what the choice is worth.

The way: `pool` (what there is to choose from), `candidates` (validation rows and their cosines, nothing else),
`target` (what is to be improved), `choose` (`greedy` and `simplex` search, steps kept as far as cross-validation bears
them out), `nested` (the whole search again without each fold), `figures` (intervals, paired gains, optimism), `written`
(the result as an ordinary prompt set). `whole.search_prompts` does it all; only there are test rows known, and only
after the choice is made.
"""

from vlmeval.workbench.search.target import OBJECTIVES, parse_objective
from vlmeval.workbench.search.whole import Found, Request, search_prompts

__all__ = ["OBJECTIVES", "Found", "Request", "parse_objective", "search_prompts"]
