"""Lint: what is wrong in a prompt set, found before any model reads it.

`lint` puts all `RULES` to the files of `targets_of` and returns a `LintReport` of `LintFinding` records. A rule is one
function in one of this room's modules; `article_mistakes`, `normal`, `says` and `Text` serve other rooms and tests.
"""

from vlmeval.workbench.lint.english import ArticleMistake, article_mistakes
from vlmeval.workbench.lint.finding import Checked, LintFinding, LintReport
from vlmeval.workbench.lint.limits import ClipTokens, Limit, limit_by_card
from vlmeval.workbench.lint.registry import RULES, Problem, Rule
from vlmeval.workbench.lint.subject import Subject, Text
from vlmeval.workbench.lint.whole import Settings, Target, benchmarks_of, lint, lint_file, targets_of
from vlmeval.workbench.lint.words import normal, says

__all__ = [
    "RULES",
    "ArticleMistake",
    "Checked",
    "ClipTokens",
    "Limit",
    "LintFinding",
    "LintReport",
    "Problem",
    "Rule",
    "Settings",
    "Subject",
    "Target",
    "Text",
    "article_mistakes",
    "benchmarks_of",
    "limit_by_card",
    "lint",
    "lint_file",
    "normal",
    "says",
    "targets_of",
]
