"""The page of prompt sets compared: a `PromptComparison` to a plain dict, section by section (`page.py` says which)."""

from vlmeval.report.prompts.page import build_prompts

__all__ = ["build_prompts"]
