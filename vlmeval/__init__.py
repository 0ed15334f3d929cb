"""vlmeval: zero-shot and few-shot evaluation of CLIP-like models on skin images.

The command line is `vlmeval`; the same from Python: `vlmeval.catalog`, `vlmeval.data`, `vlmeval.evaluate`,
`vlmeval.report`. ARCHITECTURE.md says which room does what. Importing this package imports nothing heavy.
"""
