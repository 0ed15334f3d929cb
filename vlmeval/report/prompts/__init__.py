"""The page of prompt sets compared: a `PromptComparison` to a plain dict, section by section (`page.py` says which)."""
