"""The prompt workbench: prompt sets checked (`lint`), compared (`study`) and searched for (`search`).

Comes in: prompt sets, benchmark cards, models. Goes out: findings with file and line, a `PromptComparison`, or a set
with its `Provenance`. Pictures are embedded once; a change of words costs text encoding only.
"""
