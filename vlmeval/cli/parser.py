"""The root of the command line: with ``--json``, what the parser refuses is one JSON object on stdout too."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final

import typer
from typer.core import TyperGroup

from vlmeval.cli import console
from vlmeval.errors import UsageError

# Click's own, or the copy of it that newer versions of Typer bring along.
_ParserError: Final[Any] = typer.BadParameter.__mro__[1]


class Root(TyperGroup):
    """The group of all verbs."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **more: Any,
    ) -> Any:
        """Run as Typer does; with ``--json`` among the arguments, print a usage error as JSON and exit with 2."""
        given = sys.argv[1:] if args is None else list(args)
        if not standalone_mode or "--json" not in given:
            return super().main(args, prog_name, complete_var, standalone_mode, windows_expand_args, **more)
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **more)
        except _ParserError as error:
            context = getattr(error, "ctx", None)
            hint = f"see: {context.command_path} --help" if context else "see: vlmeval --help"
            console.print_json(UsageError(error.format_message(), hint=hint).as_dict())
            sys.exit(UsageError.exit_code)
        sys.exit(code if isinstance(code, int) else 0)
