"""Run folders -> Comparison: paired differences between methods on the same units, with tests and plain verdicts.

`whole.py` knows the whole way. On it lie `choose.py` (which methods are compared), `alike.py` (what may not be
compared, and which digest says so), `pair.py` (the numbers of one pair), `families.py` (corrections for many tests) and
`verdicts.py` (what it may be taken for, in words). The statistics are in `vlmeval.stats`.
"""

from vlmeval.compare.choose import Wanted
from vlmeval.compare.whole import compare_runs

__all__ = ["Wanted", "compare_runs"]
