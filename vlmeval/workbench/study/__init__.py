"""`prompts compare`: any number of prompt sets with the same model on the same pictures, told apart with error bars.

`whole.py` knows the whole way: `choose.py` (which sets), `reading.py` (pictures and strings to vectors, once), then of
the same rows and the same draws `numbers.py` (metrics, paired differences, ranks), `spreads.py` (what hangs on a single
wording), `names.py` (on a name), `tones.py` (on the skin tone) and `moved.py` (which pictures win and lose).
"""

from vlmeval.workbench.study.asked import Asked, Folders
from vlmeval.workbench.study.whole import compare_prompts

__all__ = ["Asked", "Folders", "compare_prompts"]
