"""The command line: parse, call one function, print. app.py lists the verbs; each verb has a module of its own."""

from vlmeval.cli.app import main

__all__ = ["main"]
